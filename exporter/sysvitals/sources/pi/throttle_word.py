"""The Raspberry Pi firmware's throttle word, and the file in which the vendor's kernel keeps a copy of it.

The bits are the same on all models. Bits 16 to 19 mean what bits 0 to 3 mean, in the same order, but "has occurred".
Since when, depends on who asked: this file's copy comes from the driver's own question every two seconds, which clears
them each time, so here they tell of the last two seconds and not of the time since boot.
"""

from typing import NamedTuple

from sysvitals.host.files import optional, shorten
from sysvitals.host.host import Host

CAUSES = ("undervoltage", "frequency_capped", "throttled", "soft_temperature_limit")
"""What bits 0 to 3, and 16 to 19, stand for."""


class ThrottleWord(NamedTuple):
    """The word. `active` and `occurred` are by cause."""

    word: int

    def active(self, cause: str) -> bool:
        """Whether it happens now."""
        return bool(self.word >> CAUSES.index(cause) & 1)

    def occurred(self, cause: str) -> bool:
        """Whether the "has occurred" bit is set; see above for since when."""
        return bool(self.word >> CAUSES.index(cause) + 16 & 1)


def read_throttle_word(host: Host, rpi_volt: str) -> ThrottleWord | None:
    """The vendor kernel's copy of the word, or None where the kernel has no such file (mainline).

    `rpi_volt` is the folder of that chip: its driver alone refreshes the copy, and its device is the file's neighbour.
    The first read after boot leaves a warning with a stack trace in the kernel's log, and no harm.
    """
    return optional(_read, host, throttle_word_path(rpi_volt))


def throttle_word_path(rpi_volt: str) -> str:
    """Where the vendor's kernel has its copy of the word."""
    return f"{rpi_volt}/device/../get_throttled"


def parse_throttle_word(text: str) -> ThrottleWord:
    """From `50005`, as this file has it, or `0x50005`, as the firmware's tools print it."""
    digits = text.removeprefix("0x")
    if not 1 <= len(digits) <= 8 or not set(digits) <= _HEX:
        raise ValueError(f"not a throttle word: {shorten(text)!r}")
    return ThrottleWord(int(digits, 16))


def _read(host: Host, path: str) -> ThrottleWord:
    return parse_throttle_word(host.read_text(path))


_HEX = frozenset("0123456789abcdefABCDEF")
