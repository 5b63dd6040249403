"""Events of the history that are asked for, oldest first, without holding more than one block of a segment.

Lines are found by the bytes of their names before they are decoded: of a month's millions few are wanted.
"""

import contextlib
import re
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from itertools import chain, islice
from typing import Any, NamedTuple

from sysvitals.history.clocks import Clocks, Passed, Stretch, order_segments, parse_moment
from sysvitals.history.segments import (
    PLAIN,
    Segment,
    as_compressed,
    find_last_segment,
    find_lines,
    read_last_lines,
    read_lines,
)
from sysvitals.model.choice import choose_changes, choose_names
from sysvitals.model.event import load_line

_REMEMBERED = 20_000
"""So many events are known again: more than ever wait in memory to be written once more."""


class Found(NamedTuple):
    """One stored event. `time` is in Unix seconds, `how` says how that is known (see `Placed`); `text` is its line."""

    time: float
    how: str
    name: str
    host: str
    boot: str
    seq: int
    uptime: float
    thing: str
    data: dict[str, Any]
    text: str


class Mark(NamedTuple):
    """Which event it is: as streams go on from one."""

    boot: str
    seq: int


class Wanted(NamedTuple):
    """Which events: from `begin` to before `end` (Unix seconds), by patterns of names, and what else `accepts` them.

    Without `readings`, of readings only those that a pattern names. `limit`: only so many, the newest.
    """

    begin: float = float("-inf")
    end: float = float("inf")
    names: tuple[str, ...] = ()
    readings: bool = False
    accepts: Callable[[Found], bool] = lambda _: True
    limit: int | None = None


Progress = Callable[[float], object]
"""Hears which part of all bytes has been read, from 0 to 1."""


def select_events(
    folder: str,
    wanted: Wanted,
    *,
    passed: Passed = lambda *_: None,
    progress: Progress = lambda _: None,
) -> Iterator[Found]:
    """These events of the history in this folder. Raises ValueError for what is no pattern, and OSError."""
    is_wanted = choose(wanted)
    pattern = _compile(wanted)
    stretches, clocks = order_segments(folder, passed)
    inside = [one for one in stretches if (one.begin < wanted.end and one.end >= wanted.begin) or one.undated]
    reader = _Reader(clocks, pattern, is_wanted, wanted, passed)
    found: Iterator[Found]
    if wanted.limit is None:
        found = chain.from_iterable(map(reader.read, _follow(inside, progress)))
    else:
        found = _read_newest(inside, reader, wanted.limit, progress)
    yield from _once(found)


def _once(events: Iterable[Found]) -> Iterator[Found]:
    """Each event once: after trouble with the disk a line may be stored twice."""
    # not by growing numbers: one that is damaged would hide all that follow
    seen: dict[tuple[str, int, float], None] = {}
    for event in events:
        key = event.boot, event.seq, event.uptime
        if key not in seen:
            seen[key] = None
            if len(seen) > _REMEMBERED:
                del seen[next(iter(seen))]
            yield event


def _read_newest(stretches: list[Stretch], reader: "_Reader", limit: int, progress: Progress) -> Iterator[Found]:
    """The newest of them. They are counted before they are read again, so that none is held."""
    counts: list[tuple[Stretch, int]] = []
    left = limit
    for stretch in _follow(stretches[::-1], progress):
        if left <= 0:
            break
        count = sum(1 for _ in reader.read(stretch))
        counts.append((stretch, count))
        left -= count
    for stretch, count in reversed(counts):
        yield from islice(reader.read(stretch), max(0, -left), count)
        left = 0


def _follow(stretches: list[Stretch], progress: Progress) -> Iterator[Stretch]:
    total, done = sum(stretch.segment.size for stretch in stretches) or 1, 0
    for stretch in stretches:
        progress(done / total)
        yield stretch
        done += stretch.segment.size


class _Reader:
    """Reads segments, one after another."""

    def __init__(
        self,
        clocks: Clocks,
        pattern: re.Pattern[bytes],
        is_wanted: Callable[[str], bool],
        wanted: Wanted,
        passed: Passed,
    ) -> None:
        self._clocks = clocks
        self._pattern = pattern
        self._is_wanted = is_wanted
        self._wanted = wanted
        self._passed = passed

    def read(self, stretch: Stretch) -> Iterator[Found]:
        """The wanted events of a segment."""
        wanted = self._wanted
        for line in self._lines(stretch.segment):
            found = decode_line(line.decode("utf-8", "replace"), self._is_wanted, self._clocks)
            if found is None or not wanted.accepts(found):
                continue
            if stretch.undated or wanted.begin <= found.time < wanted.end:
                yield found

    def _lines(self, segment: Segment) -> Iterable[bytes]:
        try:
            yield from find_lines(segment, self._pattern)
        except FileNotFoundError:
            if segment.path.endswith(PLAIN):  # it was compressed meanwhile
                yield from self._lines(as_compressed(segment))
        except (OSError, EOFError) as error:
            self._passed(segment.path, error)


def find_last_mark(folder: str) -> Mark | None:
    """The last event that is on the disk; None where there is none. Raises OSError."""
    segment = find_last_segment(folder)
    if segment is None:
        return None
    lines: deque[str] = deque(maxlen=2)  # the last may be torn
    with contextlib.suppress(EOFError):
        lines.extend(read_last_lines(segment, 2) if segment.path.endswith(PLAIN) else read_lines(segment))
    clocks = Clocks({})
    events = [decode_line(line, lambda _: True, clocks) for line in lines]
    return next((Mark(event.boot, event.seq) for event in reversed(events) if event), None)


def decode_line(text: str, is_wanted: Callable[[str], bool], clocks: Clocks) -> Found | None:
    """The event of a stored line; None where it is none, or its name is not wanted."""
    with contextlib.suppress(ValueError, KeyError, TypeError, AttributeError, OverflowError, RecursionError):
        envelope = load_line(text)
        name, data = envelope["name"], envelope["data"]
        if isinstance(name, str) and isinstance(data, dict) and is_wanted(name):
            moment = parse_moment(envelope)
            time, how = clocks.place(moment)
            host, thing = str(envelope["host"]), str(envelope.get("thing", ""))
            seq = int(envelope["seq"])
            return Found(time, how, name, host, moment.boot, seq, moment.uptime, thing, data, text)
    return None


def choose(wanted: Wanted) -> Callable[[str], bool]:
    """Return whether an event's name is wanted. Raises ValueError for what is no pattern."""
    return (choose_names if wanted.readings else choose_changes)(wanted.names)


def _compile(wanted: Wanted) -> re.Pattern[bytes]:
    """What the bytes of a wanted line hold: its name, as all versions write it."""
    parts = ['[^"\\n]*'.join(map(re.escape, name.split("*"))) for name in wanted.names]
    names = f'(?:{"|".join(parts)})"' if parts else ""
    is_reading = r'(?![^"\n]*\.updated")' if not wanted.readings and not _names_readings(wanted.names) else ""
    return re.compile(f'"name": ?"{is_reading}{names}'.encode())


def _names_readings(names: Iterable[str]) -> bool:
    return any(name.endswith(".updated") for name in names)
