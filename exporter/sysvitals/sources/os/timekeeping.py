"""How long the kernel is up, which boot this is, and what it says of its clock: /proc/uptime, boot_id, adjtimex(2)."""

from typing import NamedTuple

from sysvitals.host.files import optional, parse_float, shorten
from sysvitals.host.host import Host, Timex

_MOST_UPTIME = 100 * 366 * 86400.0
"""A hundred years, which no host has been up."""

_TIME_ERROR = 5
_STA_NANO = 0x2000


class ClockState(NamedTuple):
    """What the kernel knows of its clock, which is what the daemon that steers it told it.

    `offset` (still to be corrected) and the errors are in seconds; `frequency` is how much faster the clock is made to
    run, as a ratio around 1. Without synchronisation the kernel lets `maximum_error` grow and stops at 16 s.
    """

    synchronised: bool
    offset: float
    maximum_error: float
    estimated_error: float
    frequency: float


def read_uptime(host: Host) -> float | None:
    """Seconds since boot, time asleep included; None where that is not known.

    Raises OSError, or ValueError for text that is not the kernel's.
    """
    return parse_uptime(host.read_text(f"{host.procfs}/uptime"))


def parse_uptime(text: str) -> float | None:
    """From `2367.67 3861.82`, of which the second is the time that CPUs were idle.

    0 is how lxcfs says that it does not know: no host has been up for so short when a program reads it.
    """
    uptime = parse_float(text.partition(" ")[0])
    if not 0 <= uptime <= _MOST_UPTIME:
        raise ValueError(f"not an uptime: {shorten(text)!r}")
    return uptime or None


def read_boot_id(host: Host) -> str | None:
    """The random id of this boot, or None where the kernel does not tell. Raises OSError or ValueError."""
    return optional(_read_boot_id, host, f"{host.procfs}/sys/kernel/random/boot_id")


def parse_boot_id(text: str) -> str:
    """The id as it is, such as `e60f8b9f-14ca-4487-83f9-eb900066e2e6`."""
    groups = text.split("-")
    if [len(group) for group in groups] != [8, 4, 4, 4, 12] or not set(text) <= set("0123456789abcdef-"):
        raise ValueError(f"not a boot id: {shorten(text)!r}")
    return text


def read_clock(host: Host) -> ClockState:
    """Raises OSError. A container's seccomp profile may forbid the call (EPERM)."""
    try:
        timex = host.adjtimex()
    except PermissionError as error:
        why = "adjtimex(2) is forbidden, mostly by a container's seccomp profile: allow it there, which sets no clock"
        raise PermissionError(error.errno, why) from error
    return convert_timex(timex)


def convert_timex(timex: Timex) -> ClockState:
    """To seconds: the errors come in microseconds, the offset in nanoseconds where STA_NANO says so."""
    return ClockState(
        synchronised=timex.state != _TIME_ERROR,
        offset=timex.offset / (1_000_000_000 if timex.status & _STA_NANO else 1_000_000),
        maximum_error=timex.maximum_error / 1_000_000,
        estimated_error=timex.estimated_error / 1_000_000,
        # parts per million, in units of 2^-16
        frequency=1 + timex.frequency / (65536 * 1_000_000),
    )


def _read_boot_id(host: Host, path: str) -> str:
    return parse_boot_id(host.read_plain_text(path))
