"""`/proc/pressure`: how long tasks had to wait for CPU, memory and disks (pressure stall information)."""

import errno
from dataclasses import dataclass

from sysvitals.host.files import attempt, optional, parse_float, parse_int, shorten
from sysvitals.host.host import Host
from sysvitals.model.collector import Fault

RESOURCES = ("cpu", "memory", "io", "irq")


@dataclass(frozen=True, slots=True)
class Stall:
    """Percent of the last 10, 60 and 300 seconds, and seconds since boot."""

    average10: float
    average60: float
    average300: float
    total: float


@dataclass(frozen=True, slots=True)
class Pressure:
    """Time in which `some` task waited, and in which no task could run because all waited (`full`).

    `irq` has only `full`; `cpu` had only `some` before 5.13, and its `full` says nothing of a whole host: always 0.
    """

    some: Stall | None
    full: Stall | None


def read_pressure(host: Host, resource: str) -> Pressure | Fault | None:
    """None where the kernel does not measure it: it has not the file, or the file says so (EOPNOTSUPP)."""
    return attempt(f"pressure {resource}", _read, host, f"{host.procfs}/pressure/{resource}")


def parse_pressure(text: str) -> Pressure:
    """From lines such as `some avg10=0.10 avg60=0.08 avg300=0.14 total=22102444`, whose total is in microseconds."""
    stalls: dict[str, Stall] = {}
    for line in text.split("\n"):
        kind, _, rest = line.partition(" ")
        if kind in ("some", "full"):
            stalls[kind] = _parse_stall(rest)
    if not stalls:
        raise ValueError(f"neither some nor full: {shorten(text)!r}")
    return Pressure(stalls.get("some"), stalls.get("full"))


def _parse_stall(text: str) -> Stall:
    values = dict(word.partition("=")[::2] for word in text.split())
    try:
        ten, sixty, three_hundred = (parse_float(values[name]) for name in ("avg10", "avg60", "avg300"))
        total = parse_int(values["total"])
    except KeyError as missing:
        raise ValueError(f"no {missing.args[0]}: {shorten(text)!r}") from missing
    if min(ten, sixty, three_hundred, total) < 0:
        raise ValueError(f"a time below zero: {shorten(text)!r}")
    return Stall(ten, sixty, three_hundred, total / 1_000_000)


def _read(host: Host, path: str) -> Pressure | None:
    try:
        text = optional(_read_text, host, path)
    except OSError as error:
        # before 5.6 the files are there although it is switched off; `irq` says so without the accounting it needs
        if error.errno == errno.EOPNOTSUPP:
            return None
        raise
    return None if text is None else parse_pressure(text)


def _read_text(host: Host, path: str) -> str:
    return host.read_text(path)
