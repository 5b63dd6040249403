"""Readings folded into minutes as they come, and what happened beside them. Pure: given events, without a clock."""

from array import array
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import pairwise
from operator import mul, sub
from typing import Any, NamedTuple

from sysvitals.history.summaries.plans import COUNTER, FLAG, GAUGE, Plan
from sysvitals.history.summaries.reading import SILENCE_SECONDS
from sysvitals.model.event import Stamp

MINUTE = 60.0
MOST_SUBJECTS = 64
"""So many subjects of one event are summarised, the first that were seen; what is left out is counted."""

MOST_CHANGES = 200
"""So many changes of one name are kept an hour; the rest is counted."""

LONGEST_SECONDS = 2 * 3600.0
"""A part is no longer, so that readers know which days' files may hold a moment."""

_CLOCK_STEP_SECONDS = 60.0
"""By so much the wall clock was set, not slewed: what came before has its times by another clock."""


class Column:
    """The minutes of one field: which they are (Unix minutes), how many readings they had, and what these came to.

    `parts` are least, mean, most and last of a gauge, mean and last of a flag, growth and last of a counter.
    """

    kind = ""
    width = 0
    __slots__ = ("at", "count", "parts")

    def __init__(self) -> None:
        self.at = array("q")
        self.count = array("L")
        self.parts = tuple(array("d") for _ in range(self.width))

    def add(self, minute: int, values: Sequence[Any], weights: Sequence[float], before: Any, entering: float) -> None:
        """Add a minute with these values, at least one, each of which held for so long.

        Until the first of them the field was `before`, None where that is not known, for the seconds `entering`.
        """
        raise NotImplementedError

    def begin(self) -> "Column":
        """Return a column for what follows."""
        return type(self)()

    def copy(self) -> "Column":
        """Return one that can be added to without changing this one."""
        twin = self.begin()
        twin.at, twin.count = self.at[:], self.count[:]
        twin.parts = tuple(part[:] for part in self.parts)
        return twin


class GaugeColumn(Column):
    """A value that goes up and down."""

    kind = GAUGE
    width = 4
    __slots__ = ()

    def add(self, minute: int, values: Sequence[Any], weights: Sequence[float], before: Any, entering: float) -> None:  # noqa: ARG002  # as in all kinds
        """Add a minute. What came before it counts for the minute before."""
        self.at.append(minute)
        self.count.append(len(values))
        least, mean, most, last = self.parts
        low, high = min(values), max(values)
        least.append(low)
        mean.append(low if low == high else min(max(_mean(values, weights), low), high))
        most.append(high)
        last.append(values[-1])


class FlagColumn(Column):
    """A yes or no, of which it matters how long it was yes."""

    kind = FLAG
    width = 2
    __slots__ = ()

    def add(self, minute: int, values: Sequence[Any], weights: Sequence[float], before: Any, entering: float) -> None:
        """Add a minute. What was so before was so until the first reading said otherwise."""
        self.at.append(minute)
        self.count.append(len(values))
        mean, last = self.parts
        if before is not None and entering:
            values, weights = (before, *values), (entering, *weights)
        first = values[0]
        mean.append(first if values.count(first) == len(values) else _mean(values, weights))
        last.append(values[-1])


class CounterColumn(Column):
    """A total, of which it matters by how much it grew. `base` is its value before these minutes, or its first one."""

    kind = COUNTER
    width = 2
    __slots__ = ("base", "before")

    def __init__(self, before: float | None = None) -> None:
        super().__init__()
        self.before = self.base = before

    def add(self, minute: int, values: Sequence[Any], weights: Sequence[float], before: Any, entering: float) -> None:  # noqa: ARG002  # as in all kinds
        """Add a minute. A total that fell has begun from zero."""
        self.at.append(minute)
        self.count.append(len(values))
        growth, last = self.parts
        if self.before is None:
            self.before = self.base = values[0]
        total = values[-1]
        growth.append(total - self.before if values.count(self.before) == len(values) else _grow(self.before, values))
        last.append(total)
        self.before = total

    def begin(self) -> "CounterColumn":
        """Return a column for what follows, which grows from here."""
        return CounterColumn(self.before)

    def copy(self) -> "CounterColumn":
        """Return one that can be added to without changing this one."""
        twin = super().copy()
        assert isinstance(twin, CounterColumn)  # noqa: S101  # begun by this class
        twin.base = self.base
        return twin


_COLUMNS: Mapping[str, type[Column]] = {column.kind: column for column in (GaugeColumn, FlagColumn, CounterColumn)}


class Subject:
    """One subject of an event: the readings of the minute that goes on, and the minutes before."""

    __slots__ = ("_held", "columns", "minute", "plan", "rows", "times")

    def __init__(self, plan: Plan) -> None:
        self.plan = plan
        self.columns = [_COLUMNS[kind]() for kind in plan.kinds]
        self.minute = 0
        self.times: list[float] = []
        self.rows: list[tuple[Any, ...]] = []
        self._held: tuple[float, tuple[Any, ...]] = float("-inf"), ()
        """When the last reading before this minute was, and its values."""

    def fold(self, offset: float, until: float) -> None:
        """End the minute. Its last reading holds until then (seconds since boot); `offset` is Unix time less uptime."""
        times, rows = self.times, self.rows
        if not rows:
            return
        minute, first, last = self.minute, times[0], times[-1]
        begin = minute * MINUTE - offset
        weights = list(map(sub, [*times[1:], max(last, min(until, begin + MINUTE))], times))
        held_at, held = self._held
        if first - held_at > SILENCE_SECONDS:
            held = (None,) * len(self.columns)
        entering = max(0.0, first - max(held_at, begin))
        for column, before, values in zip(self.columns, held, zip(*rows, strict=True), strict=True):
            if None not in values:
                column.add(minute, values, weights, before, entering)
            elif known := [(value, weight) for value, weight in zip(values, weights, strict=True) if value is not None]:
                column.add(minute, [value for value, _ in known], [weight for _, weight in known], before, entering)
        self._held = last, rows[-1]
        self.times, self.rows = [], []

    def begin(self) -> None:
        """Leave the minutes so far to their part, and begin others with the same counters."""
        self.columns = [column.begin() for column in self.columns]

    def copy(self) -> "Subject":
        """Return one that can be folded without changing this one."""
        twin = Subject(self.plan)
        twin.columns = [column.copy() for column in self.columns]
        twin.minute, twin.times, twin.rows, twin._held = self.minute, self.times, self.rows, self._held
        return twin


class Rows(NamedTuple):
    """The minutes of one subject, when they are ended: a column for each of the plan's fields."""

    plan: Plan
    labels: tuple[str, ...]
    columns: list[Column]


@dataclass(slots=True)
class Part:
    """What one boot recorded while its clock was not set.

    `offset` is Unix time less uptime, by the clock of then. `first` and `last` are Unix seconds, `uptime` and `until`
    the same in seconds since boot, `minute` is that of `last`. `silent` are times without any event, `changes` lines of
    events. `left_out` counts readings of subjects beyond the limit, `unkept` changes beyond theirs, each by name.
    """

    host: str
    boot: str
    synced: bool | None
    offset: float
    first: float
    uptime: float
    last: float
    until: float
    minute: int = 0
    rows: list[Rows] = field(default_factory=list)
    silent: list[tuple[float, float]] = field(default_factory=list)
    changes: list[str] = field(default_factory=list)
    left_out: Counter[str] = field(default_factory=Counter)
    unkept: Counter[str] = field(default_factory=Counter)


class Fold:
    """Folds events into parts, oldest first.

    `set` has Unix time less uptime of each boot whose clock was seen to be right.
    """

    def __init__(self) -> None:
        self.ended: list[Part] = []
        self.set: dict[str, float] = {}
        self._part: Part | None = None
        self._subjects: dict[tuple[str, ...], Subject] = {}
        self._counts: Counter[str] = Counter()
        self._hour = 0
        self._kept: Counter[str] = Counter()

    @property
    def seconds(self) -> float:
        """How much time what was not taken yet covers."""
        parts = [*self.ended, *([self._part] if self._part else [])]
        return sum(part.until - part.uptime for part in parts)

    def move(self, stamp: Stamp) -> Part:
        """Go on to the time of this stamp, and return the part that it belongs to."""
        part = self._part
        offset = stamp.time - stamp.uptime
        if stamp.synced is not False:
            self.set.setdefault(stamp.boot, offset)
        if part is None or not _goes_on(part, stamp, offset):
            part = self._begin(stamp, offset)
        elif stamp.uptime - part.until > SILENCE_SECONDS:
            part.silent.append((part.last, stamp.time))
        part.last, part.until, part.minute = stamp.time, stamp.uptime, int(stamp.time // MINUTE)
        return part

    def add(self, part: Part, plan: Plan, key: tuple[str, ...], values: tuple[Any, ...]) -> None:
        """Add a reading of now: its event and labels, and the values of the plan's fields."""
        subject = self._subjects.get(key) or self._meet(part, plan, key)
        if subject is None:
            return
        if subject.minute != part.minute:
            subject.fold(part.offset, part.until)
            subject.minute = part.minute
        subject.times.append(part.until)
        subject.rows.append(values)

    def _meet(self, part: Part, plan: Plan, key: tuple[str, ...]) -> Subject | None:
        if self._counts[plan.event] >= MOST_SUBJECTS:
            part.left_out[plan.event] += 1
            return None
        self._counts[plan.event] += 1
        subject = self._subjects[key] = Subject(plan)
        return subject

    def note(self, part: Part, name: str, line: str) -> None:
        """Keep a change of now, as its line."""
        hour = int(part.last // 3600)
        if hour != self._hour:
            self._hour = hour
            self._kept.clear()
        self._kept[name] += 1
        if self._kept[name] <= MOST_CHANGES:
            part.changes.append(line)
        else:
            part.unkept[name] += 1

    def end(self) -> None:
        """End the part that goes on. What follows begins another one, with the same counters."""
        part, self._part = self._part, None
        if part is None:
            return
        part.rows = _fold_all(self._subjects, part)
        self.ended.append(part)
        # what was not read any more makes room for others
        seen = {(rows.plan.event, *rows.labels) for rows in part.rows}
        self._subjects = {key: subject for key, subject in self._subjects.items() if key in seen}
        self._counts = Counter(key[0] for key in self._subjects)
        for subject in self._subjects.values():
            subject.begin()

    def peek(self) -> list[Part]:
        """What was not taken yet, as if it ended here."""
        if self._part is None:
            return self.ended
        copies = {key: subject.copy() for key, subject in self._subjects.items()}
        return [*self.ended, replace(self._part, rows=_fold_all(copies, self._part))]

    def _begin(self, stamp: Stamp, offset: float) -> Part:
        if self._part is not None and self._part.boot != stamp.boot:
            self.end()
            self._subjects, self._counts = {}, Counter()
        self.end()
        # a clock that was right once goes on well without its server
        was_right = abs(offset - self.set.get(stamp.boot, float("inf"))) <= _CLOCK_STEP_SECONDS
        part = self._part = Part(
            host=stamp.host,
            boot=stamp.boot,
            synced=stamp.synced if stamp.synced or not was_right else None,
            offset=offset,
            first=stamp.time,
            uptime=stamp.uptime,
            last=stamp.time,
            until=stamp.uptime,
        )
        return part


def _goes_on(part: Part, stamp: Stamp, offset: float) -> bool:
    return (
        stamp.boot == part.boot
        and stamp.uptime - part.uptime < LONGEST_SECONDS
        and abs(offset - part.offset) <= _CLOCK_STEP_SECONDS
        and (part.synced is not False or stamp.synced is False)
    )


def _fold_all(subjects: Mapping[tuple[str, ...], Subject], part: Part) -> list[Rows]:
    found = []
    for key, subject in subjects.items():
        subject.fold(part.offset, part.until)
        if any(column.at for column in subject.columns):
            found.append(Rows(subject.plan, key[1:], subject.columns))
    return found


def _grow(before: float, values: Sequence[float]) -> float:
    steps = [after - earlier for earlier, after in pairwise((before, *values))]
    if min(steps) >= 0:
        return values[-1] - before
    return sum(step if step >= 0 else value for step, value in zip(steps, values, strict=True))


def _mean(values: Sequence[float], weights: Sequence[float]) -> float:
    total = sum(weights)
    return sum(map(mul, values, weights)) / total if total > 0 else sum(values) / len(values)
