"""What the supply of a Raspberry Pi 5 can give, as its bootloader found out and left in the device tree.

Properties below `chosen/power`, as the vendor's documentation of the device tree has them: 32-bit, big-endian, and the
same until the next boot.
"""

from typing import NamedTuple

from sysvitals.host.files import attempt
from sysvitals.host.host import Host
from sysvitals.model.collector import Fault
from sysvitals.sources.pi.board import Board
from sysvitals.sources.sys.devicetree import read_property_number

_WANTS_MILLIAMPERES = 5000
"""What a Raspberry Pi 5 and 500 want: 5 V, 5 A is the vendor's "recommended PSU current capacity", and with less the
USB ports get 600 mA together instead of 1.6 A. A Compute Module 5 wants what its carrier does, which nobody knows."""
_WANTING = frozenset({"5", "500"})


class PowerBudget(NamedTuple):
    """In amperes. `wanted` is what the board does. None is what is not known; `faults` tells what could not be read."""

    amperes: float | None
    wanted: float | None
    usb_full: bool | None
    usb_overcurrent: bool | None
    faults: tuple[Fault, ...] = ()

    @property
    def sufficient(self) -> bool | None:
        """Whether the supply gives what the board wants; None where either is not known."""
        return None if self.amperes is None or self.wanted is None else self.amperes >= self.wanted


def read_power_budget(host: Host, board: Board) -> PowerBudget | None:
    """The budget; None on a board that has none."""
    answers = [attempt(name, read_property_number, host, f"chosen/power/{name}") for name in _PROPERTIES]
    if answers == [None, None, None]:
        return None
    milliamperes, usb, overcurrent = (None if isinstance(answer, Fault) else answer for answer in answers)
    return PowerBudget(
        amperes=milliamperes / 1000 if milliamperes else None,
        wanted=_WANTS_MILLIAMPERES / 1000 if _is_wanting(board) else None,
        usb_full=None if usb is None else usb != 0,
        usb_overcurrent=None if overcurrent is None else overcurrent != 0,
        faults=tuple(answer for answer in answers if isinstance(answer, Fault)),
    )


_PROPERTIES = ("max_current", "usb_max_current_enable", "usb_over_current_detected")


def _is_wanting(board: Board) -> bool:
    if board.revision and board.revision.type:
        return board.revision.type in _WANTING
    return (board.model or "").startswith(("Raspberry Pi 5 ", "Raspberry Pi 500"))
