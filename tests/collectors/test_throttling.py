import json
from pathlib import Path

import pytest

from sysvitals.collectors import throttling
from sysvitals.collectors.throttling import Throttling, ThrottlingSource
from sysvitals.model.catalog import build_catalog
from sysvitals.model.collector import Fault, Unavailable
from sysvitals.sources.throttle_word import CAUSES
from tests.building import build_host
from tests.recorded import HOSTS, RecordedHost

PI_4 = b"Raspberry Pi 4 Model B Rev 1.5\0"
FIRMWARE = "sys/devices/platform/soc/soc:firmware"


def active(host: RecordedHost) -> dict[str, bool]:
    return {r.cause: r.active for r in throttling.read(host) if isinstance(r, Throttling)}


def source(host: RecordedHost) -> ThrottlingSource:
    (found,) = (r for r in throttling.read(host) if isinstance(r, ThrottlingSource))
    return found


def recorded(name: str) -> RecordedHost:
    return RecordedHost(HOSTS / name)


def build_pi(
    folder: Path, *, model: bytes = PI_4, revision: bytes | None = None, files: dict[str, str] | None = None
) -> RecordedHost:
    uname = {"sysname": "Linux", "nodename": "pi", "release": "6.12", "version": "#1", "machine": "aarch64"}
    tree: dict[str, str | bytes] = {"sys/firmware/devicetree/base/model": model}
    if revision:
        tree["sys/firmware/devicetree/base/system/linux,revision"] = revision
    return build_host(folder, {"syscalls.json": json.dumps({"uname": uname}), **tree, **(files or {})})


def rpi_volt(alarm: str | None, word: str | None = None) -> dict[str, str]:
    chip = f"{FIRMWARE}/raspberrypi-hwmon/hwmon/hwmon1"
    files = {
        f"{chip}/name": "rpi_volt\n",
        f"{chip}/device": "->../../../raspberrypi-hwmon",
        "sys/class/hwmon/hwmon1": "->../../devices/platform/soc/soc:firmware/raspberrypi-hwmon/hwmon/hwmon1",
    }
    if alarm is not None:
        files[f"{chip}/in0_lcrit_alarm"] = f"{alarm}\n"
    if word is not None:
        files[f"{FIRMWARE}/get_throttled"] = f"{word}\n"
    return files


def test_a_board_that_browns_out_says_so() -> None:
    host = recorded("pi-4b-browning-out")
    assert active(host) == {
        "undervoltage": True, "frequency_capped": False, "throttled": True, "soft_temperature_limit": False
    }  # fmt: skip
    assert source(host) == ThrottlingSource(
        undervoltage_detectable=True, source="rpi_volt+get_throttled", word="0x50005"
    )


def test_what_the_kernel_forgets_every_two_seconds_is_not_called_since_boot() -> None:
    host = recorded("pi-4b-browned-out-earlier")
    assert set(active(host).values()) == {False}
    assert [r.since_boot for r in throttling.read(host) if isinstance(r, Throttling)] == [None] * 4


def test_a_3b_plus_at_its_soft_limit_says_so() -> None:
    assert [cause for cause, now in active(recorded("pi-3b-plus")).items() if now] == ["soft_temperature_limit"]


@pytest.mark.parametrize("name", ["pi-zero-w", "pi-cm4-emmc"])
def test_a_board_without_detector_never_says_that_its_voltage_is_fine(name: str) -> None:
    host = recorded(name)
    assert source(host).undervoltage_detectable is False
    assert active(host) == {"frequency_capped": False, "throttled": False, "soft_temperature_limit": False}


def test_an_undervoltage_that_was_seen_is_believed_on_any_board(tmp_path: Path) -> None:
    host = build_pi(tmp_path, model=b"Raspberry Pi Zero W Rev 1.1\0", files=rpi_volt("1"))
    assert active(host) == {"undervoltage": True}


def test_of_a_board_not_known_neither_silence_nor_a_detector_is_told(tmp_path: Path) -> None:
    host = build_pi(tmp_path, model=b"Raspberry Pi 9 Model Z\0", files=rpi_volt("0"))
    assert active(host) == {}
    assert source(host).undervoltage_detectable is None


def test_a_mainline_kernel_tells_undervoltage_only() -> None:
    host = recorded("qemu-raspi4b")
    assert active(host) == {"undervoltage": False}
    assert source(host) == ThrottlingSource(undervoltage_detectable=True, source="rpi_volt")


def test_the_alarm_counts_more_than_the_words_bit(tmp_path: Path) -> None:
    assert active(build_pi(tmp_path / "a", files=rpi_volt("1", "0")))["undervoltage"]
    assert not active(build_pi(tmp_path / "b", files=rpi_volt("0", "1")))["undervoltage"]
    assert active(build_pi(tmp_path / "c", files=rpi_volt(None, "1")))["undervoltage"]


@pytest.mark.parametrize("name", ["qemu-raspi3b", "container"])
def test_a_raspberry_pi_that_cannot_be_asked_is_not_healthy(name: str) -> None:
    host = recorded(name)
    assert active(host) == {}
    found = source(host)
    assert (found.undervoltage_detectable, found.source) == (False, "none")
    assert "raspberrypi_hwmon" in (found.hint or "")


def test_a_word_without_the_driver_that_refreshes_it_is_not_believed(tmp_path: Path) -> None:
    host = build_pi(tmp_path, files={f"{FIRMWARE}/get_throttled": "0\n"})
    assert active(host) == {}
    assert source(host).source == "none"


def test_a_word_that_fails_takes_nothing_from_the_alarm(tmp_path: Path) -> None:
    host = build_pi(tmp_path, files=rpi_volt("1") | {f"{FIRMWARE}/get_throttled.ERRNO-EIO": ""})
    (fault,) = (f for f in throttling.read(host) if isinstance(f, Fault))
    assert (fault.what, fault.error) == ("get_throttled", "EIO")
    assert active(host) == {"undervoltage": True}


def test_an_alarm_that_fails_takes_nothing_from_the_board(tmp_path: Path) -> None:
    host = build_pi(tmp_path, files=rpi_volt("yes"))
    (fault,) = (f for f in throttling.read(host) if isinstance(f, Fault))
    assert fault.error == "garbage"
    assert active(host) == {}
    assert source(host) == ThrottlingSource(undervoltage_detectable=True, source="none")


def test_a_board_that_makes_no_sense_is_a_fault_and_its_alarm_still_counts(tmp_path: Path) -> None:
    host = build_pi(tmp_path, revision=b"\0\0\0", files=rpi_volt("1"))
    assert [f.what for f in throttling.read(host) if isinstance(f, Fault)] == ["board"]
    assert active(host) == {"undervoltage": True}
    assert source(host).undervoltage_detectable is None


@pytest.mark.parametrize("name", ["jetson", "nuc", "vm", "qemu-x86-wifi-emmc"])
def test_another_host_has_no_such_firmware(name: str) -> None:
    with pytest.raises(Unavailable, match="Raspberry Pi"):
        list(throttling.read(recorded(name)))


def test_its_families_are_the_headline_and_its_causes_a_closed_set() -> None:
    families = build_catalog([throttling.COLLECTOR]).families
    assert list(families) == [
        "system_throttled",
        "system_throttled_since_boot",
        "system_throttling_source_info",
        "system_undervoltage_detectable",
    ]
    assert families["system_throttled"].labels == ("cause",)
    assert CAUSES == ("undervoltage", "frequency_capped", "throttled", "soft_temperature_limit")
