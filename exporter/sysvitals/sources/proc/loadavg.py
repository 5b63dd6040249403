"""`/proc/loadavg`: how many tasks ran or waited, on average."""

from typing import Any, NamedTuple

from sysvitals.host.files import parse_count, parse_fields, parse_float, shorten
from sysvitals.host.host import Host
from sysvitals.model.collector import Fault

MOST_TASKS = 1 << 22
"""The kernel's own limit on 64-bit machines (PID_MAX_LIMIT). A load beyond it comes of a count that fell below zero."""


class LoadAverage(NamedTuple):
    """Averages over 1, 5 and 15 minutes, and tasks running now out of all. What makes no sense is None and a Fault."""

    one: float | None = None
    five: float | None = None
    fifteen: float | None = None
    running: int | None = None
    tasks: int | None = None
    faults: tuple[Fault, ...] = ()


def read_loadavg(host: Host) -> LoadAverage:
    """Raises OSError, or ValueError for text that is not the kernel's."""
    return parse_loadavg(host.read_text(f"{host.procfs}/loadavg"))


def parse_loadavg(text: str) -> LoadAverage:
    """From `0.20 0.18 0.12 1/80 11206`."""
    words = text.split()
    if len(words) < 4:
        raise ValueError(f"not load averages: {shorten(text)!r}")
    averages, faults = parse_fields("loadavg", zip(("one", "five", "fifteen"), words, strict=False), _parse_average)
    running, _, tasks = words[3].partition("/")
    counts, more = parse_fields("loadavg", (("running", running), ("tasks", tasks)), _parse_tasks)
    known: dict[str, Any] = averages | counts
    return LoadAverage(**known, faults=(*faults, *more))


def _parse_average(text: str) -> float:
    average = parse_float(text)
    if not 0 <= average <= MOST_TASKS:
        raise ValueError(f"not a load from 0 to {MOST_TASKS}: {shorten(text)}")
    return average


def _parse_tasks(text: str) -> int:
    return parse_count(text, MOST_TASKS)
