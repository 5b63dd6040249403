"""How sources read small kernel files: numbers, optional attributes, and faults that stay with their thing."""

import errno
import math
from collections.abc import Callable
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


def parse_float(text: str) -> float:
    """A finite decimal number. The kernel prints neither `nan` nor `inf`, and no reading may hold one."""
    number = float(text)
    if not math.isfinite(number) or "_" in text:
        raise ValueError(f"not a finite number: {shorten(text)!r}")
    return number


def optional(read: Callable[[Host, str], T], host: Host, path: str) -> T | None:
    """What `read` gives, or None where the file is not there. A file that is there and fails still raises."""
    try:
        return read(host, path)
    except OSError as error:
        if error.errno in _ABSENT:
            return None
        raise


def attempt(what: str, read: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T | Fault:
    """What `read` gives, or the Fault of `what`, so that its siblings are still read."""
    try:
        return read(*args, **kwargs)
    except (OSError, ValueError) as error:
        return fault(what, error)


def fault(what: str, error: OSError | ValueError) -> Fault:
    """The Fault that tells of an exception."""
    return Fault(what, error_class(error), str(error))


def error_class(error: BaseException) -> str:
    """The errno's name, `garbage` for text that makes no sense, else the exception's own name: a small closed set."""
    if isinstance(error, OSError):
        return errno.errorcode.get(error.errno or 0, "EIO")
    return "garbage" if isinstance(error, ValueError) else type(error).__name__


def shorten(text: str, length: int = 40) -> str:
    """Text short enough for a message."""
    return text if len(text) <= length else text[: length - 1] + "…"


_ABSENT = frozenset({errno.ENOENT, errno.ENOTDIR, errno.ENODEV, errno.ENXIO})
