"""Why a Raspberry Pi was last reset: its reset status register, and what a Pi 5's power controller has noted."""

from typing import NamedTuple

from sysvitals.host.host import Host
from sysvitals.sources.pi.firmware import find_firmware
from sysvitals.sources.pi.gencmd import parse_rsts
from sysvitals.sources.sys.devicetree import read_property_number

# Register PM_RSTS. The other bits of each kind, for hard and quick resets, are the vendor's number of the partition to
# boot from, which says nothing about the cause.
_REASONS = {0x1000: "power_on", 0x200: "software", 0x20: "watchdog", 0x2: "debugger"}
POWER_CAUSES = ("overvoltage", "undervoltage", "overtemperature", "enable_signal", "watchdog")
"""Bits 0 to 4 of `chosen/power/power_reset`, as the vendor documents them."""


class ResetStatus(NamedTuple):
    """The reset status register as the board found it when it started."""

    register: int

    @property
    def reasons(self) -> tuple[str, ...]:
        """Of `power_on`, `software`, `watchdog` (Linux restarts by it too), `debugger`; none where no bit is known."""
        return tuple(name for bit, name in _REASONS.items() if self.register & bit)


class PowerReset(NamedTuple):
    """Why the power controller was reset."""

    word: int

    def noted(self, cause: str) -> bool:
        """Whether this is one of the causes."""
        return bool(self.word >> POWER_CAUSES.index(cause) & 1)


def read_reset_status(host: Host) -> ResetStatus | None:
    """From the bootloader's note in the device tree, which costs nothing, or else from the firmware.

    None where neither has it. Raises OSError (PermissionError with what to do about it), or ValueError.
    """
    word = read_property_number(host, "chosen/bootloader/rsts")
    if word is None and (firmware := find_firmware(host)) and (answer := firmware.ask("get_rsts")):
        word = parse_rsts(answer.text)
    return None if word is None else ResetStatus(word)


def read_power_reset(host: Host) -> PowerReset | None:
    """None on a board that has no such note. Raises OSError, or ValueError."""
    word = read_property_number(host, "chosen/power/power_reset")
    return None if word is None else PowerReset(word)
