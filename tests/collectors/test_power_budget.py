from pathlib import Path

import pytest

from sysvitals.collectors import power_budget
from sysvitals.collectors.power_budget import Budget
from sysvitals.model.catalog import build_catalog
from sysvitals.model.collector import Fault, Unavailable
from tests.building import build_host
from tests.recorded import HOSTS, RecordedHost


def read(name: str) -> list[Budget | Fault]:
    return list(power_budget.read(RecordedHost(HOSTS / name)))


def test_a_good_supply_suffices() -> None:
    assert read("pi-5") == [Budget(amperes=5.0, sufficient=True, usb_full=True, usb_overcurrent=False, wanted=5.0)]


def test_a_weak_supply_does_not() -> None:
    assert read("pi-5-weak-supply") == [
        Budget(amperes=3.0, sufficient=False, usb_full=False, usb_overcurrent=False, wanted=5.0)
    ]


@pytest.mark.parametrize("name", ["nuc", "vm", "jetson", "pi-4b-fine", "pi-zero-w", "container"])
def test_a_board_that_does_not_ask_its_supply_is_unavailable(name: str) -> None:
    with pytest.raises(Unavailable, match="only the Raspberry Pi 5"):
        read(name)


def test_what_cannot_be_read_at_all_is_faults_and_no_reading() -> None:
    assert [(f.what, f.error) for f in read("hostile") if isinstance(f, Fault)] == [
        ("board", "garbage"),
        ("max_current", "garbage"),
        ("usb_max_current_enable", "EIO"),
    ]
    assert len(read("hostile")) == 3


def test_a_board_that_cannot_be_told_still_tells_its_supply(tmp_path: Path) -> None:
    base = "sys/firmware/devicetree/base"
    host = build_host(
        tmp_path, {f"{base}/system/linux,revision": b"\0", f"{base}/chosen/power/max_current": b"\0\0\x0b\xb8"}
    )
    fault, budget = power_budget.read(host)
    assert isinstance(fault, Fault)
    assert budget == Budget(amperes=3.0, sufficient=None, usb_full=None, usb_overcurrent=None)


def test_the_declaration_is_sound() -> None:
    assert set(build_catalog([power_budget.COLLECTOR]).families) == {
        "system_power_budget_amperes",
        "system_power_budget_sufficient",
        "system_usb_max_current_enabled",
        "system_usb_over_current_detected",
    }
