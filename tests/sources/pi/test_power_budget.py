from pathlib import Path

import pytest

from sysvitals.sources.pi.board import Board
from sysvitals.sources.pi.power_budget import PowerBudget, read_power_budget
from sysvitals.sources.pi.revision import decode_revision
from tests.building import build_host
from tests.recorded import HOSTS, RecordedHost

POWER = "sys/firmware/devicetree/base/chosen/power"
PI_5 = Board("Raspberry Pi 5 Model B Rev 1.1", decode_revision(0xD04171))
PI_500 = Board("Raspberry Pi 500 Rev 1.0", decode_revision(0xD04190))
CM5 = Board("Raspberry Pi Compute Module 5 Rev 1.0", decode_revision(0xD04180))


def number(value: int) -> bytes:
    return value.to_bytes(4, "big")


@pytest.mark.parametrize(
    ("board", "milliamperes", "sufficient"),
    [
        (PI_5, 5000, True),
        (PI_5, 5100, True),
        (PI_5, 4999, False),
        (PI_5, 3000, False),
        (PI_5, 900, False),
        (PI_500, 5000, True),
        (PI_500, 3000, False),
        (Board("Raspberry Pi 5 Model B Rev 1.0"), 3000, False),
        (Board("Raspberry Pi 500 Rev 1.0"), 3000, False),
        (CM5, 3000, None),  # its carrier decides
        (Board("Raspberry Pi Compute Module 5 Rev 1.0"), 3000, None),
        (Board(), 3000, None),
        (PI_5, 0, None),
    ],
)
def test_whether_it_suffices_is_known_where_it_is_known_what_the_board_wants(
    tmp_path: Path, board: Board, milliamperes: int, sufficient: bool | None
) -> None:
    budget = read_power_budget(build_host(tmp_path, {f"{POWER}/max_current": number(milliamperes)}), board)
    assert budget is not None
    assert budget.sufficient is sufficient
    assert budget.amperes == (milliamperes / 1000 or None)


def test_the_numbers_of_a_good_and_of_a_weak_supply() -> None:
    assert read_power_budget(RecordedHost(HOSTS / "pi-5"), PI_5) == PowerBudget(5.0, 5.0, True, False)
    assert read_power_budget(RecordedHost(HOSTS / "pi-5-weak-supply"), PI_5) == PowerBudget(3.0, 5.0, False, False)


def test_a_board_that_does_not_ask_its_supply_has_no_budget() -> None:
    assert read_power_budget(RecordedHost(HOSTS / "pi-4b-fine"), Board()) is None


def test_what_cannot_be_read_hides_nothing_else(tmp_path: Path) -> None:
    host = build_host(
        tmp_path,
        {f"{POWER}/max_current": b"\0\1", f"{POWER}/usb_max_current_enable.ERRNO-EIO": "",
         f"{POWER}/usb_over_current_detected": number(7)},
    )  # fmt: skip
    budget = read_power_budget(host, PI_5)
    assert budget is not None
    assert (budget.amperes, budget.usb_full, budget.usb_overcurrent) == (None, None, True)
    assert [(f.what, f.error) for f in budget.faults] == [("max_current", "garbage"), ("usb_max_current_enable", "EIO")]
