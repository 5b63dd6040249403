"""`/proc/pressure`: how long tasks had to wait for CPU, memory and disks (pressure stall information)."""

import errno
from typing import NamedTuple

from sysvitals.host.files import attempt, optional, parse_count, parse_fields, parse_float, shorten
from sysvitals.host.host import Host
from sysvitals.model.collector import Fault

RESOURCES = ("cpu", "memory", "io", "irq")


class Stall(NamedTuple):
    """Percent of the last 10, 60 and 300 seconds, and seconds since boot. What makes no sense is None."""

    average10: float | None = None
    average60: float | None = None
    average300: float | None = None
    total: float | None = None


class Pressure(NamedTuple):
    """Time in which `some` task waited, and in which no task could run because all waited (`full`).

    `irq` has only `full`; `cpu` had only `some` before 5.13, and its `full` says nothing of a whole host: always 0.
    """

    some: Stall | None
    full: Stall | None
    faults: tuple[Fault, ...] = ()


def read_pressure(host: Host, resource: str) -> Pressure | Fault | None:
    """None where the kernel does not measure it: it has not the file, or the file says so (EOPNOTSUPP)."""
    return attempt(f"pressure {resource}", _read, host, resource)


def parse_pressure(resource: str, text: str) -> Pressure:
    """From lines such as `some avg10=0.10 avg60=0.08 avg300=0.14 total=22102444`, whose total is in microseconds."""
    stalls: dict[str, Stall] = {}
    faults: list[Fault] = []
    for line in text.split("\n"):
        kind, _, rest = line.partition(" ")
        if kind in ("some", "full"):
            stalls[kind] = _parse_stall(f"pressure {resource} {kind}", rest, faults)
    if not stalls:
        raise ValueError(f"neither some nor full: {shorten(text)!r}")
    return Pressure(stalls.get("some"), stalls.get("full"), tuple(faults))


def _parse_stall(what: str, text: str, faults: list[Fault]) -> Stall:
    words = dict(word.partition("=")[::2] for word in text.split())
    averages, wrong = parse_fields(what, [(name, words.get(key, "")) for name, key in _AVERAGES], _parse_percent)
    totals, wrong_total = parse_fields(what, [("total", words.get("total", ""))], _parse_microseconds)
    faults += wrong + wrong_total
    return Stall(**averages, **totals)


def _parse_percent(text: str) -> float:
    percent = parse_float(text)
    if not 0 <= percent <= 100:
        raise ValueError(f"not a percentage: {shorten(text)}")
    return percent


def _parse_microseconds(text: str) -> float:
    return parse_count(text) / 1_000_000


def _read(host: Host, resource: str) -> Pressure | None:
    try:
        text = optional(_read_text, host, f"{host.procfs}/pressure/{resource}")
    except OSError as error:
        # before 5.6 the files are there although it is switched off; `irq` says so without the accounting it needs
        if error.errno == errno.EOPNOTSUPP:
            return None
        raise
    return None if text is None else parse_pressure(resource, text)


def _read_text(host: Host, path: str) -> str:
    return host.read_text(path)


_AVERAGES = (("average10", "avg10"), ("average60", "avg60"), ("average300", "avg300"))
