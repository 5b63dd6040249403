"""How sources read small kernel files: numbers, optional attributes, and faults that stay with their thing."""

import errno
import math
from collections.abc import Callable, Iterable
from typing import ParamSpec, TypeVar

from sysvitals.host.host import Host
from sysvitals.model.collector import Fault

P = ParamSpec("P")
T = TypeVar("T")


def read_int(host: Host, path: str) -> int:
    """A file that holds one whole number. Raises OSError, or ValueError for text that is none."""
    return parse_int(host.read_text(path))


def parse_int(text: str) -> int:
    """A whole decimal number that fits the kernel's 64 bits; `int` alone takes `1_000` and numbers of any length."""
    if text.isdigit() and len(text) < 19 and text.isascii():  # nearly always
        return int(text)
    if len(text) > 20 or not text.removeprefix("-").isascii() or not text.removeprefix("-").isdigit():
        raise ValueError(f"not a whole number: {shorten(text)!r}")
    number = int(text)
    if not -(1 << 63) <= number < 1 << 64:
        raise ValueError(f"beyond 64 bits: {text}")
    return number


def parse_count(text: str, most: int = (1 << 63) - 1) -> int:
    """A whole number from 0 to `most`: beyond 63 bits is one below zero, printed without its sign."""
    number = parse_int(text)
    if not 0 <= number <= most:
        raise ValueError(f"not a number from 0 to {most}: {text}")
    return number


def parse_float(text: str) -> float:
    """A finite decimal number. The kernel prints neither `nan` nor `inf`, and no reading may hold one."""
    number = float(text)
    if not math.isfinite(number) or "_" in text or not text.isascii():
        raise ValueError(f"not a finite number: {shorten(text)!r}")
    return number


def optional(read: Callable[[Host, str], T], host: Host, path: str) -> T | None:
    """What `read` gives, or None where there are no data (`NO_DATA`). Any other failure still raises."""
    try:
        return read(host, path)
    except OSError as error:
        if error.errno in NO_DATA:
            return None
        raise


def attempt(what: str, read: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T | Fault:
    """What `read` gives, or the Fault of `what`, so that its siblings are still read."""
    try:
        return read(*args, **kwargs)
    except (OSError, ValueError) as error:
        return fault(what, error)


def parse_fields(
    what: str, fields: Iterable[tuple[str, str]], parse: Callable[[str], T]
) -> tuple[dict[str, T], list[Fault]]:
    """The values of a table's fields by name, from pairs of name and text.

    A field that makes no sense is a Fault of `what`, and its siblings stay.
    """
    values: dict[str, T] = {}
    faults: list[Fault] = []
    for name, text in fields:
        try:
            values[name] = parse(text)
        except ValueError as error:
            faults.append(fault(f"{what} {name}", error))
    return values, faults


def fault(what: str, error: OSError | ValueError) -> Fault:
    """The Fault that tells of an exception."""
    return Fault(what, error_class(error), str(error))


def error_class(error: BaseException) -> str:
    """The errno's name, `garbage` for text that makes no sense, else the exception's own name: a small closed set."""
    if isinstance(error, OSError):
        return errno.errorcode.get(error.errno or 0, "EIO")
    return "garbage" if isinstance(error, ValueError) else type(error).__name__


def describe_error(error: Exception, path: str = "") -> str:
    """The words of an error for the log, after the path that it names or else this one, and without its number."""
    said = getattr(error, "strerror", None) or str(error)
    where = getattr(error, "filename", None) or path
    return f"{f'{where}: ' if where else ''}{said[:1].lower()}{said[1:]}"


def shorten(text: str, length: int = 40) -> str:
    """Text short enough for a message."""
    return text if len(text) <= length else text[: length - 1] + "…"


NO_DATA = {
    errno.ENOENT: "no such file: the driver does not have it, or its device was unplugged",
    errno.ENOTDIR: "as ENOENT, for a folder",
    errno.ENODEV: "the device is gone: unplugged, or a battery taken out",
    errno.ENXIO: "the device has no such value (drivetemp, thinkpad), or is gone",
    errno.ENODATA: "nothing measured: a thermal zone without a value, a Wi-Fi card whose radio is off (iwlwifi)",
    errno.EAGAIN: "nothing measured yet (tmp102, sun8i), or its power domain is off (Tegra)",
    errno.EBUSY: "cannot be asked now: CPUs that are offline (cpufreq), a controller that is held (asus-ec)",
    errno.ENETDOWN: "a Wi-Fi card that is switched off (ath10k, ath11k)",
    errno.ESHUTDOWN: "the same, while its firmware starts again",
    errno.EOPNOTSUPP: "this model of a device does not have what its driver offers (amdgpu)",
}
"""Errors that say that there is no data, or none now, and why: what they stand for is absent, and nothing is broken.

From the drivers' sources and Documentation/hwmon of Linux 6.12. All others are failures: EIO, ETIMEDOUT and EREMOTEIO
of a bus or device that does not answer, EACCES and EPERM of a permission. EINVAL is one too, because it says nothing of
why; where a subsystem gives it a meaning (a network device that is down), its source knows that.
"""
