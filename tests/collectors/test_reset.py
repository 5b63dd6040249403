import json
from pathlib import Path

import pytest

from sysvitals.collectors import reset
from sysvitals.collectors.reset import PowerReset, Reset
from sysvitals.model.catalog import build_catalog
from sysvitals.model.collector import Fault, Unavailable
from sysvitals.sources.pi.reset import POWER_CAUSES
from tests.building import build_host
from tests.recorded import HOSTS, RecordedHost

POWER_RESET = "sys/firmware/devicetree/base/chosen/power/power_reset"


def read(name: str) -> list[Reset | PowerReset | Fault]:
    return list(reset.read(RecordedHost(HOSTS / name)))


@pytest.mark.parametrize(
    ("name", "reason", "register"),
    [
        ("pi-4b-browning-out", "power_on", "0x1000"),
        ("pi-4b-fine", "watchdog", "0x20"),
        ("pi-zero-w", "power_on", "0x1000"),
    ],
)
def test_a_board_tells_why_it_was_reset(name: str, reason: str, register: str) -> None:
    assert read(name) == [Reset(reason=reason, register=register)]


def test_a_raspberry_pi_5_tells_what_its_power_controller_noted() -> None:
    assert read("pi-5") == [
        Reset(reason="power_on", register="0x1000"),
        *(PowerReset(cause=cause, noted=False) for cause in POWER_CAUSES),
    ]


def test_a_reset_by_undervoltage_shows(tmp_path: Path) -> None:
    readings = list(reset.read(build_host(tmp_path, {POWER_RESET: b"\0\0\0\x02"})))
    assert readings == [PowerReset(cause=cause, noted=cause == "undervoltage") for cause in POWER_CAUSES]


def test_several_reasons_are_all_told_and_none_is_unknown(tmp_path: Path) -> None:
    for text, reason in (("1020", "power_on+watchdog"), ("555", "unknown")):
        nodes = {"vcio": {"get_rsts": f"get_rsts={text}"}}
        host = build_host(tmp_path / text, {"syscalls.json": json.dumps({"ioctl": nodes})})
        assert list(reset.read(host)) == [Reset(reason=reason, register=f"0x{text}")]


def test_a_missing_permission_is_a_fault_and_hides_nothing_else(tmp_path: Path) -> None:
    syscalls = json.dumps({"ioctl": {"vcio": {"errno": "EACCES"}}})
    first, *rest = reset.read(build_host(tmp_path, {"syscalls.json": syscalls, POWER_RESET: b"\0\0\0\0"}))
    assert isinstance(first, Fault)
    assert (first.what, first.error) == ("reset status", "EACCES")
    assert len(rest) == len(POWER_CAUSES)


@pytest.mark.parametrize("name", ["nuc", "vm", "jetson", "qemu-raspi3b"])
def test_other_hosts_do_not_have_it_and_say_why(name: str) -> None:
    with pytest.raises(Unavailable, match="reset reason not available"):
        read(name)


def test_the_declaration_is_sound() -> None:
    assert {name: family.labels for name, family in build_catalog([reset.COLLECTOR]).families.items()} == {
        "system_power_reset": ("cause",),
        "system_reset_info": ("reason", "register"),
    }
