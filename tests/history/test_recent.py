"""What the verdict takes up from the history: asked of a process of its own, across boots, by a clock that may be wrong."""

from collections.abc import Iterable
from pathlib import Path

import pytest

from sysvitals.collectors.throttling import ThrottlingStarted
from sysvitals.history.recalling import Recent, Wanted, ask_recent, read_recent
from sysvitals.history.summaries.writing import Summaries
from sysvitals.host.side_process import NoAnswerError, SideProcess
from sysvitals.model.changes import Started, VerdictChanged
from sysvitals.model.event import Event, Stamp, encode_events
from sysvitals.model.reading import Body
from sysvitals.collectors.load import Load
from sysvitals.collectors.temperature import Temperature
from tests.judgement.judging import CATALOG
from tests.recorded import NOW

WANTED = Wanted({("system.temperature.updated", "celsius")}, {"sysvitals.started", "sysvitals.verdict.changed"})
HOUR = 3600.0


def store(folder: Path, *moments: tuple[float, Iterable[Body]]) -> Summaries:
    """A history in which these bodies were published at these times, in the boot before."""
    summaries = Summaries(str(folder))
    for seq, (at, bodies) in enumerate(moments):
        stamp = Stamp(at, "board", "before", 1000 + at - NOW + 30 * HOUR, synced=True)
        events = tuple(Event(stamp, 100 * seq + n, body) for n, body in enumerate(bodies))
        summaries.add(events, encode_events(events))
    return summaries


def recall(folder: Path, summaries: Summaries | None = None, *, now: float = NOW, synced: bool = True) -> Recent:
    current = summaries.snapshot() if summaries is not None else None
    question = ask_recent(str(folder), WANTED, now=now, synced=synced, current=current)
    return read_recent(SideProcess("sysvitals.history.child"), question, CATALOG.bodies)


def hot(celsius: float) -> Temperature:
    return Temperature(chip="cpu_thermal", sensor="temp1", celsius=celsius)
