from pathlib import Path

import pytest

from sysvitals.sources.sys.devicetree import parse_u32, read_property_number, read_property_text, read_property_texts
from tests.building import build_host

BASE = "sys/firmware/devicetree/base"


def test_properties_end_in_nul_and_numbers_are_big_endian(tmp_path: Path) -> None:
    host = build_host(
        tmp_path,
        {
            f"{BASE}/model": b"Raspberry Pi 5 Model B Rev 1.1\0",
            f"{BASE}/compatible": b"raspberrypi,5-model-b\0brcm,bcm2712\0",
            f"{BASE}/chosen/power/max_current": b"\x00\x00\x13\x88",
        },
    )
    assert read_property_text(host, "model") == "Raspberry Pi 5 Model B Rev 1.1"
    assert read_property_texts(host, "compatible") == ("raspberrypi,5-model-b", "brcm,bcm2712")
    assert read_property_number(host, "chosen/power/max_current") == 5000


def test_a_number_is_not_trimmed_like_text(tmp_path: Path) -> None:
    host = build_host(tmp_path, {f"{BASE}/x": b"\n\x20\x09\x00"})
    assert read_property_number(host, "x") == 0x0A200900


def test_what_is_not_there_is_none(tmp_path: Path) -> None:
    host = build_host(tmp_path, {})
    assert read_property_text(host, "model") is None
    assert read_property_texts(host, "compatible") == ()
    assert read_property_number(host, "system/linux,revision") is None


@pytest.mark.parametrize("data", [b"", b"\0\0\0", b"\0" * 8])
def test_a_number_has_four_bytes(data: bytes) -> None:
    with pytest.raises(ValueError, match="32-bit"):
        parse_u32(data)
