"""When each read is due: a pure plan, without threads and without a clock. Times are monotonic seconds."""

from collections.abc import Iterable
from dataclasses import dataclass, field
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

COOLDOWN_SECONDS = 0.25
"""A thing that is woken again and again is read no more often than this, nor for a third of the time. The first wake is
served immediately and the last one is never lost, so that a storm costs little and starves nothing."""

RECHECK_SECONDS = 1.5
"""So long after an edge a collector that watches things reads once more: what a scrape happened to see may begin and
end between two looks, which are a second apart."""

READ, FIND, LOOK = "read", "find", "look"


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
    ended well before, and `read_at` when the last such run began.
    """

    key: Key
    interval: float
    max_age: float = 1.0
    patience: float = 3.0
    bus: str = ""
    due: float = field(default=float("-inf"))
    wake_at: float | None = None
    recheck_at: float | None = None
    woken: bool = False
    again: bool = False
    calm_until: float = field(default=float("-inf"))
    run: Run | None = None
    stuck: bool = False
    proven: bool = False
    fresh_at: float = field(default=float("-inf"))
    read_at: float = field(default=float("-inf"))
    took: float = 0.0
    quick_runs: int = 0

    @property
    def slow(self) -> bool:
        """Whether it takes its time."""
        return self.took >= SLOW_SECONDS

    @property
    def timeout(self) -> float:
        """After how many seconds a run counts as hanging; a slow thing has three times what it took."""
        return max(self.patience, 3 * self.took)


class Plan:
    """All slots, and which of them must run."""

    def __init__(self) -> None:
        self.slots: dict[Key, Slot] = {}

    def of(self, collector: str) -> list[Slot]:
        """The slots of this collector."""
        return [slot for slot in self.slots.values() if slot.key.collector == collector]

    def rhythm(self, slot: Slot) -> float:
        """Seconds between two runs. What is slow is read more rarely, the more so the more there is behind its bus."""
        if not slot.slow:
            return slot.interval
        took = slot.took
        if slot.bus:
            took = sum(other.took for other in self.slots.values() if other.bus == slot.bus and other.slow)
        return max(slot.interval, SLOW_SHARE * took)

    def pace(self, slot: Slot) -> tuple[float, float] | None:
        """In how many seconds a slow thing is read again, and how old its value may become. None: it is not slow."""
        return (self.rhythm(slot), self.limit(slot)) if slot.slow else None

    def longest_gap(self, slot: Slot) -> float:
        """Seconds between two runs beyond which something has kept it from being read."""
        return self.rhythm(slot) + slot.timeout

    def limit(self, slot: Slot) -> float:
        """How old a value may become, in seconds, before it is shown no more."""
        return 2 * self.rhythm(slot) + slot.timeout

    def wake(self, key: Key, now: float) -> None:
        """Run this as soon as it may; once more where it runs already, since it may have read before the edge."""
        slot = self.slots.get(key)
        if slot is None:
            return
        if slot.run is None:
            slot.wake_at = max(now, slot.calm_until)
        elif slot.run.started is None:
            slot.woken = True
        else:
            slot.again = True

    def recheck(self, slot: Slot, now: float) -> None:
        """There was an edge: run this once more when it may be over."""
        slot.recheck_at = now + RECHECK_SECONDS

    def due(self, now: float) -> list[Slot]:
        """What must run now: what was woken, then what has proven itself, then what is not known yet."""
        woken: list[Slot] = []
        proven: list[Slot] = []
        others: list[Slot] = []
        for slot in self.slots.values():  # plain comparisons: this runs with every turn, over all things
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
        return [slot for slot in slots if slot.run is None and not slot.slow and now - slot.fresh_at >= slot.max_age]

    def begin(self, slot: Slot, run: Run, now: float) -> None:
        """This slot's run was handed over."""
        if slot.wake_at is not None and now >= slot.wake_at - COOLDOWN_SECONDS:
            slot.wake_at, slot.woken = None, True  # this run serves for that one
        if slot.recheck_at is not None and now >= slot.recheck_at:
            slot.recheck_at = None
        slot.run = run
        run.given = now
        slot.due = now + self.rhythm(slot)

    def end(self, slot: Slot, now: float) -> bool:
        """This slot's run is over. False where it was given up, or did not begin: it has no result that counts."""
        run, was_stuck, again = slot.run, slot.stuck, slot.again
        if run is not None and run.started is not None and run.ended is not None:
            self._note_duration(slot, min(run.ended - run.started, LONGEST_SECONDS))
        slot.run, slot.stuck, slot.again = None, False, False
        if run is None or run.started is None or run.ended is None:
            return False
        slot.fresh_at = run.started
        # one that was given up and answers again is read immediately
        slot.due = now if was_stuck else run.started + self.rhythm(slot)
        if slot.woken and not was_stuck:
            slot.woken = False
            slot.calm_until = run.started + max(COOLDOWN_SECONDS, 3 * slot.took)
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
        found = [slot for slot in self.slots.values() if slot.stuck and now >= slot.due]
        for slot in found:
            slot.due = now + slot.interval
        return found

    def overdue(self, now: float) -> list[Slot]:
        """Those whose run hangs and was not given up yet."""
        return [
            slot
            for slot in self.slots.values()
            if slot.run is not None
            and not slot.stuck
            and slot.run.started is not None
            and slot.run.ended is None
            and now - slot.run.started >= slot.timeout
        ]

    def next_time(self, now: float) -> float:
        """When there is something to do by the plan alone."""
        soonest = now + LONGEST_SECONDS
        for slot in self.slots.values():
            run = slot.run
            # a run of which nobody was to hear may be over when it is due again
            due = slot.due if run is None or slot.due > now else now + slot.interval
            soonest = min(soonest, due)
            if run is None:
                if slot.wake_at is not None and slot.wake_at < soonest:
                    soonest = slot.wake_at
                if slot.recheck_at is not None and slot.recheck_at < soonest:
                    soonest = slot.recheck_at
            elif not slot.stuck:
                # a run that waits for a worker or its bus has no time of its own yet
                soonest = min(soonest, (now if run.started is None else run.started) + slot.timeout)
        return soonest
