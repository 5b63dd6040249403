"""When each read is due: a pure plan, without threads and without a clock. Times are monotonic seconds.

Heartbeats fall on a grid: what runs each 15 s is due when the monotonic clock shows a multiple of 15 s, so that the
processor is woken once for all of them, and for whatever else in the process keeps to the same grid.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field
from heapq import heapify, heappop, heappush, heapreplace
from itertools import count
from math import ceil
from typing import NamedTuple

from sysvitals.pipeline.crew import Run

SLOW_SECONDS = 0.25
"""A read that takes this long is slow: from then on it is read apart, in a rhythm of its own, and no scrape waits."""

FIRST_SECONDS = 1.0
"""So long a scrape waits for a thing that was never read well before: it has no last value to show instead."""

QUICK_RUNS = 3
"""A slow thing counts as quick again after so many quick reads in a row."""

SLOW_SHARE = 4
"""Slow things behind one bus keep it busy for at most a quarter of the time."""

LONGEST_SECONDS = 60.0
"""What a read took counts up to this, so that a thing that hung for a day is soon read as often as before."""

COALESCE_SECONDS = 0.25
"""What is due this soon runs now: one wake-up of the processor instead of many. At most a quarter of an interval."""

ROUND_CHECK_SECONDS = 15.0
"""How often it is seen to that looks which go round by themselves do not hang."""

ABSENT_SECONDS = 60.0
"""What this host does not have is looked for again after this time by heartbeats and scrapes alike."""

NOTICED_SECONDS = 900.0
"""A thing of whose changes the kernel gives notice is read at its notices, and otherwise after this time."""

ROUND_READINGS = 64
"""A collector that gives twice as many readings is read half as often by the heartbeat, and so on. Scrapes read them as
always."""

COOLDOWN_SECONDS = 0.25
"""A thing that is woken again and again is read no more often than this, nor for a third of the time. The first wake is
served immediately and the last one is never lost, so that a storm costs little and starves nothing."""

RECHECK_SECONDS = 1.5
"""So long after an edge a collector that watches things reads once more: what a scrape happened to see may begin and
end between two looks, which are a second apart. So long after a notice of a device things are looked for: devices come
many at a time, and get their names later."""

READ, FIND, LOOK = "read", "find", "look"

_NEVER = float("-inf")


class Key(NamedTuple):
    """What is run: a thing of a collector (its table is the empty name), its `find`, or a look at what is watched."""

    collector: str
    thing: str = ""
    kind: str = READ


@dataclass(slots=True, eq=False)
class Slot:
    """One key with its times.

    `run` is the run under way, `stuck` says that it was given up, `fresh_at` when the last run before it began, `took`
    how long that one was. `wake_at` and `recheck_at` are when it must run since it was woken, or since there was an
    edge; `woken` says that the run under way, or the one about to begin, serves a wake. `proven` says that a run has
    ended well before, and `read_at` when the last such run began. `beat` is when the run
    under way was due.
    `absent` says that the host does not have it, and `noticed` that the kernel gives notice of its changes; `readings`
    is how many it gave last. `planned` is where the plan's heap has it.
    """

    key: Key
    interval: float
    max_age: float = 1.0
    patience: float = 3.0
    bus: str = ""
    due: float = field(default=_NEVER)
    wake_at: float | None = None
    recheck_at: float | None = None
    woken: bool = False
    again: bool = False
    calm_until: float = field(default=_NEVER)
    run: Run | None = None
    stuck: bool = False
    proven: bool = False
    fresh_at: float = field(default=_NEVER)
    read_at: float = field(default=_NEVER)
    took: float = 0.0
    quick_runs: int = 0
    beat: float = field(default=_NEVER)
    absent: bool = False
    noticed: bool = False
    readings: int = 0
    planned: float = field(default=float("inf"))

    @property
    def slow(self) -> bool:
        """Whether it takes its time."""
        return self.took >= SLOW_SECONDS

    @property
    def timeout(self) -> float:
        """After how many seconds a run counts as hanging; a slow thing has three times what it took."""
        return max(self.patience, 3 * self.took)


class Plan:
    """All slots, and which of them must run. What does not move costs nothing here: a heap knows who is next."""

    def __init__(self) -> None:
        self.slots: dict[Key, Slot] = {}
        self.running: dict[Key, Slot] = {}
        self._times: list[tuple[float, int, Slot]] = []
        self._count = count()
        self._readings: dict[str, int] = {}

    def add(self, slot: Slot) -> None:
        """From now on this slot is planned, with its run if there is one."""
        self.slots[slot.key] = slot
        if slot.run is not None:
            self.running[slot.key] = slot
        self._note_time(slot, slot.due)

    def remove(self, key: Key) -> Slot | None:
        """From now on this slot is not planned."""
        slot = self.slots.pop(key, None)
        if slot is not None:
            self.running.pop(key, None)
            self._count_readings(slot, 0)
        return slot

    def set_due(self, slot: Slot, at: float) -> None:
        """Run this at that time in place of its next heartbeat."""
        slot.due = at
        self._note_time(slot, slot.due)

    def settle(self, slot: Slot, *, readings: int, absent: bool, noticed: bool) -> None:
        """What a run has shown of this slot, by which its next heartbeat goes."""
        slot.absent, slot.noticed = absent, noticed
        self._count_readings(slot, 0 if noticed else readings)
        self.set_due(slot, self._next_beat(slot, slot.fresh_at))

    def of(self, collector: str) -> list[Slot]:
        """The slots of this collector."""
        return [slot for slot in self.slots.values() if slot.key.collector == collector]

    def rhythm(self, slot: Slot) -> float:
        """Seconds between two runs. What is slow is read more rarely, the more so the more there is behind its bus.

        So are a collector of many readings, what the kernel gives notice of, and what the host does not have.
        """
        seconds = slot.interval
        if slot.noticed:
            seconds = max(seconds, NOTICED_SECONDS)
        elif slot.absent:
            seconds = max(seconds, ABSENT_SECONDS)
        elif slot.readings:
            seconds *= max(1, self._readings[slot.key.collector] // ROUND_READINGS)
        if not slot.slow:
            return seconds
        took = slot.took
        if slot.bus:
            took = sum(other.took for other in self.slots.values() if other.bus == slot.bus and other.slow)
        return max(seconds, SLOW_SHARE * took)

    def pace(self, slot: Slot) -> tuple[float, float] | None:
        """In how many seconds a slow thing is read again, and how old its value may become. None: it is not slow."""
        return (self.rhythm(slot), self.limit(slot)) if slot.slow else None

    def longest_gap(self, slot: Slot) -> float:
        """Seconds between the run under way and the one before it beyond which something has kept it from being read.

        A scrape puts the heartbeat off to the first beat that is a whole rhythm later.
        """
        return min(slot.beat - slot.fresh_at, 2 * self.rhythm(slot)) + slot.timeout

    def limit(self, slot: Slot) -> float:
        """How old a value may become, in seconds, before it is shown no more: one beat may be missed."""
        rhythm = self.rhythm(slot)
        first = rhythm if slot.fresh_at == _NEVER else self._next_beat(slot, slot.fresh_at) - slot.fresh_at
        return first + rhythm + slot.timeout

    def wake(self, key: Key, now: float) -> None:
        """Run this as soon as it may; once more where it runs already, since it may have read before the edge."""
        slot = self.slots.get(key)
        if slot is None:
            return
        if slot.run is None:
            slot.wake_at = max(now, slot.calm_until)
            self._note_time(slot, slot.wake_at)
        elif slot.run.started is None:
            slot.woken = True
        else:
            slot.again = True

    def recheck(self, slot: Slot, now: float) -> None:
        """There was an edge: run this once more when it may be over."""
        slot.recheck_at = now + RECHECK_SECONDS
        self._note_time(slot, slot.recheck_at)

    def due(self, now: float) -> list[Slot]:
        """What must run now: what was woken, then what has proven itself, then what is not known yet."""
        woken: list[Slot] = []
        proven: list[Slot] = []
        others: list[Slot] = []
        for slot in self._planned_until(now + COALESCE_SECONDS):
            if slot.run is not None:
                continue
            wake_at, recheck_at = slot.wake_at, slot.recheck_at
            if (wake_at is not None and now >= wake_at) or (recheck_at is not None and now >= recheck_at):
                woken.append(slot)
            elif slot.due - now <= COALESCE_SECONDS and slot.due - now <= slot.interval / 4:
                (proven if slot.proven else others).append(slot)
        if not woken and not any(now >= slot.due for slot in (*proven, *others)):
            return []
        return [*woken, *proven, *others]

    def stale(self, slots: Iterable[Slot], now: float) -> list[Slot]:
        """Those of these slots that a scrape must read again. What is slow keeps to its own rhythm."""
        return [
            slot for slot in slots if slot.run is None and not slot.slow and now - slot.fresh_at >= _longest_age(slot)
        ]

    def begin(self, slot: Slot, run: Run, now: float) -> None:
        """This slot's run was handed over."""
        if slot.wake_at is not None and now >= slot.wake_at - COOLDOWN_SECONDS:
            slot.wake_at, slot.woken = None, True  # this run serves for that one
        if slot.recheck_at is not None and now >= slot.recheck_at:
            slot.recheck_at = None
        slot.run = run
        run.given = now
        self.running[slot.key] = slot
        slot.beat = slot.due
        slot.due = self._next_beat(slot, now)
        self._note_time(slot, min(slot.due, now + slot.timeout))

    def end(self, slot: Slot, now: float) -> bool:
        """This slot's run is over. False where it was given up, or did not begin: it has no result that counts."""
        run, was_stuck, again = slot.run, slot.stuck, slot.again
        if run is not None and run.started is not None and run.ended is not None:
            self._note_duration(slot, min(run.ended - run.started, LONGEST_SECONDS))
        slot.run, slot.stuck, slot.again = None, False, False
        self.running.pop(slot.key, None)
        if run is None or run.started is None or run.ended is None:
            self._note_time(slot, self._time_of(slot, now))
            return False
        slot.fresh_at = run.started
        # one that was given up and answers again is read immediately
        slot.due = now if was_stuck else self._next_beat(slot, run.started)
        if slot.woken and not was_stuck:
            slot.woken = False
            slot.calm_until = run.started + max(COOLDOWN_SECONDS, 3 * slot.took)
        self._note_time(slot, self._time_of(slot, now))
        if again:
            self.wake(slot.key, now)
        return not was_stuck

    def _note_duration(self, slot: Slot, took: float) -> None:
        slot.quick_runs = slot.quick_runs + 1 if took < SLOW_SECONDS else 0
        if not slot.slow or took >= SLOW_SECONDS or slot.quick_runs >= QUICK_RUNS:
            slot.took = took
        if slot.stuck:  # what hung may hang no more: the next quick read shows it
            slot.quick_runs = QUICK_RUNS - 1

    def missed(self, now: float) -> list[Slot]:
        """Those that should have been read again by now, and hang. Each is returned once an interval."""
        found = [slot for slot in self.running.values() if slot.stuck and now >= slot.due]
        for slot in found:
            self.set_due(slot, now + slot.interval)
        return found

    def overdue(self, now: float) -> list[Slot]:
        """Those whose run hangs and was not given up yet."""
        return [
            slot
            for slot in self.running.values()
            if slot.run is not None
            and not slot.stuck
            and slot.run.started is not None
            and slot.run.ended is None
            and now - slot.run.started >= slot.timeout
        ]

    def next_time(self, now: float) -> float:
        """When there is something to do by the plan alone."""
        while self._times:
            at, _, slot = self._times[0]
            if at != slot.planned or self.slots.get(slot.key) is not slot:  # there is an earlier entry, or it is gone
                heappop(self._times)
                continue
            soonest = self._time_of(slot, now)
            if soonest <= at:
                return min(at, now + LONGEST_SECONDS)
            slot.planned = soonest
            heapreplace(self._times, (soonest, next(self._count), slot))
        return now + LONGEST_SECONDS

    def _count_readings(self, slot: Slot, readings: int) -> None:
        name = slot.key.collector
        self._readings[name] = self._readings.get(name, 0) + readings - slot.readings
        slot.readings = readings

    def _next_beat(self, slot: Slot, began: float) -> float:
        """The first beat that is a whole rhythm after a run that began then."""
        # one that began late, since the processor was busy, must not miss the next beat
        since = slot.beat if 0 <= began - slot.beat <= slot.interval / 4 else began
        # what is slow runs apart, and is read as soon as it may
        step = min(1.0, slot.interval) if slot.slow else slot.interval
        return ceil((since + self.rhythm(slot)) / step - _ROUNDING) * step

    def _time_of(self, slot: Slot, now: float) -> float:
        """When something is to be done about this slot."""
        run = slot.run
        if run is None:
            soonest = slot.due
            if slot.wake_at is not None and slot.wake_at < soonest:
                soonest = slot.wake_at
            if slot.recheck_at is not None and slot.recheck_at < soonest:
                soonest = slot.recheck_at
            return soonest
        if run.every and not slot.stuck:
            return (now // ROUND_CHECK_SECONDS + 1) * ROUND_CHECK_SECONDS
        # a run whose end woke no one may be over when it is due again
        due = slot.due if slot.due > now else now + slot.interval
        # one that waits for a worker or its bus has no time of its own yet
        return due if slot.stuck else min(due, (now if run.started is None else run.started) + slot.timeout)

    def _note_time(self, slot: Slot, at: float) -> None:
        """Look at this slot by that time. The heap has it no later, and puts right what it has too early."""
        if at < slot.planned:
            slot.planned = at
            heappush(self._times, (at, next(self._count), slot))
            if len(self._times) > 4 * len(self.slots) + 64:  # entries that earlier ones overtook
                self._times = [entry for entry in self._times if entry[0] == entry[2].planned]
                heapify(self._times)

    def _planned_until(self, limit: float) -> list[Slot]:
        """The slots that the heap has no later than this."""
        found = []
        while self._times and self._times[0][0] <= limit:
            at, _, slot = heappop(self._times)
            if at == slot.planned and self.slots.get(slot.key) is slot:
                found.append(slot)
        for slot in found:
            heappush(self._times, (slot.planned, next(self._count), slot))
        return found


def _longest_age(slot: Slot) -> float:
    """How old a value may be at a scrape, in seconds."""
    if slot.noticed:
        return NOTICED_SECONDS
    return max(slot.max_age, ABSENT_SECONDS) if slot.absent else slot.max_age


_ROUNDING = 1e-9
