"""What a part of the history holds, and which part is asked for: what the time line is made of."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import NamedTuple

from sysvitals.history.episodes import Occurrence
from sysvitals.history.summaries.reading import SILENCE_SECONDS, Coverage
from sysvitals.model.summary import Series, Stretch

BRIEF_SECONDS = 30.0
"""Readings come each 15 s, and a restart of the exporter takes some seconds: what is shorter is no silence."""


class View(NamedTuple):
    """What is asked: from `begin` to `end` in at most `points` buckets. Times are in Unix seconds.

    `boot` is the one that we are in. `level` is the verdict now and `since` when it has it. `limits` say of sensors, by
    chip and sensor, from how many degrees Celsius on they are hot.
    """

    begin: float
    end: float
    now: float
    points: int
    boot: str = ""
    level: str = "unknown"
    since: float | None = None
    limits: Mapping[tuple[str, ...], float] = {}


Found = Mapping[Series, Sequence[Stretch]]


class Losses:
    """Which files could not be read, or not as a whole, and why."""

    def __init__(self) -> None:
        self._found: dict[str, str] = {}

    def note(self, name: str, why: str) -> None:
        """This file could not be read."""
        self._found[name] = why

    def describe(self) -> str:
        """One sentence for people; empty where nothing is missing."""
        if not self._found:
            return ""
        name, why = next(iter(self._found.items()))
        others = len(self._found) - 1
        more = f" and {others} more file{'s' if others > 1 else ''}" if others else ""
        return f"Parts of the history are missing: {name} ({why}){more}"


class Past(NamedTuple):
    """What is known. `occurrences`, `coverage` and the stretches of each series are in order of time.

    `of(event, field)` gives the series of one field of all subjects of an event. They are asked for one field after
    another, since those of a large host take too much memory together.
    `earliest` is when the history begins. `partial` says why it could not be read; empty: it was. `missing()` says what
    of it could not, after all was asked.
    """

    of: Callable[[str, str], Found]
    occurrences: Sequence[Occurrence]
    coverage: Sequence[Coverage]
    earliest: float | None = None
    partial: str = ""
    missing: Callable[[], str] = str

    def last_seen(self) -> dict[str, float]:
        """When each boot was last heard of."""
        return {one.boot: one.end for one in self.coverage}


Span = tuple[float, float]


def find_gaps(coverage: Iterable[Coverage], begin: float, end: float) -> list[Span]:
    """Times from `begin` to `end` without readings, those before the first and after the last included.

    What comes after the last may only be late.
    """
    gaps: list[Span] = []
    at = begin
    for piece in coverage:
        if piece.end <= at or piece.begin >= end:
            continue
        if piece.begin - at >= BRIEF_SECONDS:
            gaps.append((at, piece.begin))
        at = max(at, piece.end)
    return [*gaps, (at, end)] if end - at >= SILENCE_SECONDS else gaps


def thin_out(spans: Iterable[Span], distance: float) -> list[Span]:
    """Spans in order of their beginning, with those nearer to each other than that, in seconds, as one."""
    found: list[Span] = []
    for begin, end in spans:
        if found and begin - found[-1][1] < distance:
            found[-1] = (found[-1][0], max(found[-1][1], end))
        else:
            found.append((begin, end))
    return found
