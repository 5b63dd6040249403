"""Runs collectors: each in its own rhythm, again when a scrape wants them fresh, and none twice at a time.

One worker thread does all the work while collectors are quick, which costs a small board least. A collector that takes
its time gets company: a further worker serves those behind it. One that is not done in time, such as a read that
hangs in the kernel, is reported as failed; its worker is written off, and it is not run again until that read returns.
"""

import contextlib
import logging
from collections import deque
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from threading import Condition, Lock, Thread

from sysvitals.host.files import error_class
from sysvitals.host.host import Host
from sysvitals.model.changes import CollectorFailed, CollectorRecovered, CollectorUnavailable
from sysvitals.model.collector import Collector, Fault, Unavailable
from sysvitals.model.reading import Body, Change, Reading, subject_of
from sysvitals.model.status import CollectorStatus, ReadErrors
from sysvitals.pipeline.bus import Bus
from sysvitals.pipeline.clock import Clock
from sysvitals.pipeline.run import Outcome, judge_run, refuse_untellable, sort_out

_log = logging.getLogger(__name__)

PATIENCE_SECONDS = 0.1
"""How long a collector may hold up those that wait behind it before a further worker serves them."""

SLACK_SECONDS = 0.25
"""Collectors due this soon run now: one wake-up of the processor instead of many. At most a quarter of an interval."""

CALM_SECONDS = 0.25
"""A collector that is woken again and again runs no more often than this, nor a third of the time. The first wake is
heeded at once and the last one is never lost, so that a storm costs little and starves nobody."""

FOLLOW_SECONDS = 1.5
"""So long after an edge a collector that watches things runs once more. What a scrape happened to see may begin and end
between two looks, which take a second, and nobody would wake the collector for its end."""

CLOCK_SET_SECONDS = 1.0
"""A wall clock that moved by more against the uptime was set, not only slewed."""

MEMORY_SECONDS = 3600.0
"""How long a reading is remembered to compare with, should its thing not be read meanwhile."""


@dataclass(slots=True, eq=False)
class _Slot:
    """A collector and how it fares. Times are monotonic seconds."""

    collector: Collector
    due: float = 0.0
    queued: float | None = None
    started: float | None = None
    late: bool = False
    again: bool = False
    woken: bool = False
    wake_at: float | None = None
    calm_at: float = float("-inf")
    ran_at: float = float("-inf")
    fresh_at: float = float("-inf")
    duration: float | None = None
    outcome: Outcome | None = None
    broken_since: float = 0.0
    succeeded_at: tuple[float, float] | None = None  # by the wall clock, and since boot
    previous: dict[tuple[str, ...], tuple[Reading, float]] = field(default_factory=dict)
    faults: frozenset[tuple[str, str]] = frozenset()
    errors: dict[str, int] = field(default_factory=dict)

    @property
    def busy(self) -> bool:
        return self.queued is not None or self.started is not None


class Runner:
    """Runs these collectors on this host and publishes what they read. The only place that catches their errors."""

    def __init__(self, collectors: Iterable[Collector], *, host: Host, bus: Bus, clock: Clock) -> None:
        self._host = host
        self._bus = bus
        self._clock = clock
        self._slots = {collector.name: _Slot(collector) for collector in collectors}
        self._left: dict[str, _Slot] = {}
        self._queue: deque[_Slot] = deque()
        self._moved = float("-inf")
        self._idle = 0
        self._workers = 0
        self._stopping = False
        lock = Lock()
        self._work_ready = Condition(lock)
        self._changed = Condition(lock)
        self.heart = Thread(target=self._beat, name="heartbeat", daemon=True)

    def start(self) -> None:
        """Begin to run the collectors at their intervals, all of them at once now."""
        self.heart.start()

    def stop(self) -> None:
        """Run nothing any more. A run that is under way is left behind."""
        with self._changed:
            self._stopping = True
            self._queue.clear()
            self._idle = 0
            self._work_ready.notify_all()
            self._changed.notify_all()
        if self.heart.ident is not None:
            self.heart.join(timeout=1)

    def replace(self, collectors: Iterable[Collector]) -> frozenset[str]:
        """Run these from now on; who stays keeps its state. Returns the names of those that are gone."""
        with self._changed:
            fresh = {collector.name: collector for collector in collectors}
            gone = frozenset(self._slots) - frozenset(fresh)
            for name in gone:
                slot = self._slots.pop(name)
                if slot.started is not None:
                    self._left[name] = slot  # should it come back, it is still not run twice at a time
                elif slot.queued is not None:
                    self._queue.remove(slot)
                    slot.queued = None
            slots = {}
            for name, collector in fresh.items():
                slot = slots[name] = self._slots.get(name) or self._left.pop(name, None) or _Slot(collector)
                slot.collector = collector
                slot.due = 0.0
            self._slots = slots
            self._changed.notify_all()
        return gone

    def refresh(self, names: frozenset[str] | None = None, *, seconds: float) -> frozenset[str]:
        """Run those of these collectors (None: all) whose readings are too old, and wait for them up to `seconds`.

        Returns the names of those that were not done by then.
        """
        with self._changed:
            now = self._clock.monotonic()
            deadline = now + seconds
            wanted = [slot for name, slot in self._slots.items() if names is None or name in names]
            for slot in wanted:
                if not slot.busy and now - slot.fresh_at >= slot.collector.max_age and not self._stopping:
                    self._enqueue(slot, now)
            while not self._stopping:
                now = self._clock.monotonic()
                look_again = self._supervise(now)
                if now >= deadline or not any(slot.busy and not slot.late for slot in wanted):
                    break
                self._changed.wait(max(0.0, min(look_again, deadline) - now))
            pending = [slot for slot in wanted if slot.busy and not slot.late]
            if pending:
                self._changed.notify_all()  # from here on the heart watches over them
            return frozenset(slot.collector.name for slot in pending)

    def wake(self, name: str) -> None:
        """Run this collector at once, before those that wait; once more where it runs, for it may have read already."""
        with self._changed:
            slot = self._slots.get(name)
            if slot is None or self._stopping:
                return
            if slot.queued is not None:
                self._queue.remove(slot)
                self._queue.appendleft(slot)
                slot.woken = True
            elif slot.started is not None:
                slot.again = True
            else:
                self._heed(slot, self._clock.monotonic())
                self._changed.notify_all()

    def statuses(
        self, names: frozenset[str] | None = None, *, late: frozenset[str] = frozenset()
    ) -> list[CollectorStatus | ReadErrors]:
        """How the collectors fare. Those in `late` were not done when they were wanted: no success."""
        statuses: list[CollectorStatus | ReadErrors] = []
        wall, uptime = self._clock.wall(), self._clock.uptime()
        with self._changed:
            for name, slot in self._slots.items():
                if names is not None and name not in names:
                    continue
                if slot.outcome is not None or name in late:
                    statuses.append(_status(slot, _last_success(slot, wall, uptime), is_late=name in late))
                statuses += [
                    ReadErrors(collector=name, error=error, total=total) for error, total in sorted(slot.errors.items())
                ]
        return statuses

    def outcomes(self) -> dict[str, Outcome | None]:
        """How each collector's last run ended; None where it has not run."""
        with self._changed:
            return {name: slot.outcome for name, slot in self._slots.items()}

    def _beat(self) -> None:
        with self._changed:
            while not self._stopping:
                now = self._clock.monotonic()
                for slot in self._slots.values():
                    if slot.busy:
                        continue
                    if slot.wake_at is not None and now >= slot.wake_at:
                        self._heed(slot, now)
                    elif now + min(SLACK_SECONDS, slot.collector.interval / 4) >= slot.due:
                        self._enqueue(slot, now)
                idle = [
                    slot.due if slot.wake_at is None else min(slot.due, slot.wake_at)
                    for slot in self._slots.values()
                    if not slot.busy
                ]
                self._changed.wait(max(0.0, min([self._supervise(now), *idle]) - now))

    def _supervise(self, now: float) -> float:
        """Give up who is late, send help where collectors wait, and say when to look again. Holds the lock."""
        look_again = now + 60.0
        for slot in self._slots.values():
            if slot.started is not None and not slot.late:
                if now >= slot.started + slot.collector.timeout:
                    self._give_up(slot, now)
                else:
                    look_again = min(look_again, slot.started + slot.collector.timeout)
        if self._queue and not self._idle:
            queued = self._queue[0].queued
            held_up_since = max(self._moved, now if queued is None else queued)
            if now >= held_up_since + PATIENCE_SECONDS:
                self._moved = held_up_since = now  # help is on its way: whoever looks next sends no more
                self._hire()
            look_again = min(look_again, held_up_since + PATIENCE_SECONDS)
        return look_again

    def _give_up(self, slot: _Slot, now: float) -> None:
        slot.late = True
        self._workers -= 1
        message = f"not done after {slot.collector.timeout:g} s; it is not run again until it returns"
        self._conclude(slot, Outcome("failed", "timeout", message), (), now)

    def _heed(self, slot: _Slot, now: float) -> None:
        """Run one that was woken: now, or when its last such run lies far enough back. Holds the lock."""
        if now < slot.calm_at:
            slot.wake_at = slot.calm_at
            return
        self._enqueue(slot, now, urgent=True)
        slot.woken = True

    def _enqueue(self, slot: _Slot, now: float, *, urgent: bool = False) -> None:
        if slot.wake_at is not None and now >= slot.wake_at - CALM_SECONDS:
            slot.wake_at = None  # this run serves for that one
        slot.queued = now
        slot.due = now + slot.collector.interval
        if urgent:
            self._queue.appendleft(slot)
        else:
            self._queue.append(slot)
        if self._idle:
            # who is called no longer counts as idle: until it is awake, nobody else may rely on it
            self._idle -= 1
            self._work_ready.notify()
        elif not self._workers:
            self._hire()

    def _hire(self) -> None:
        with contextlib.suppress(RuntimeError):  # no thread to be had: who waits is late, and it is tried again
            Thread(target=self._work, name="collectors", daemon=True).start()
            self._workers += 1

    def _work(self) -> None:
        while True:
            with self._work_ready:
                while not self._queue:
                    # one who waits is enough
                    if self._stopping or self._idle:
                        self._workers -= 1
                        return
                    self._idle += 1
                    self._work_ready.wait()
                slot = self._queue.popleft()
                slot.queued = None
                slot.started = self._moved = self._clock.monotonic()
            if self._run(slot, slot.started):
                return

    def _run(self, slot: _Slot, started: float) -> bool:
        """Run one collector. True where it was given up meanwhile, so that this worker has been replaced."""
        collector = slot.collector
        readings: Sequence[Reading] = ()
        changes: Sequence[Change] = ()
        faults: Sequence[Fault] = ()
        try:
            readings, faults = sort_out(collector.run(self._host))
            readings, changes = _compare(collector, readings, slot, started)
            refuse_untellable([*changes, *readings])
            outcome = judge_run(readings, faults)
        except Unavailable as why:
            outcome = Outcome("unavailable", message=why.reason)
        except Exception as error:  # noqa: BLE001  # the one place: a collector's error is its own and hurts no other
            readings, changes = (), ()
            outcome = Outcome("failed", error_class(error), f"{error}" or type(error).__name__)
        with self._changed:
            now = self._clock.monotonic()
            was_late = slot.late
            slot.started, slot.late, slot.ran_at = None, False, started
            if slot.woken:
                slot.woken = False
                slot.calm_at = started + max(CALM_SECONDS, 3 * (now - started))
            if self._left.get(collector.name) is slot:
                del self._left[collector.name]
            is_wanted = slot is self._slots.get(collector.name) and not self._stopping
            if is_wanted and not was_late:
                slot.fresh_at = started
                slot.duration = now - started
                self._note_faults(slot, faults)
                if outcome.word == "ok":
                    slot.succeeded_at = (self._clock.wall(), self._clock.uptime())
                    _remember(slot, readings, started)
                self._conclude(slot, outcome, [*changes, *readings], now)
            if changes and collector.watch is not None:
                slot.wake_at = now + FOLLOW_SECONDS
            again, slot.again = slot.again, False
            if again and is_wanted:
                self._heed(slot, now)
            self._changed.notify_all()
        return was_late

    def _conclude(self, slot: _Slot, outcome: Outcome, bodies: Sequence[Body], now: float) -> None:
        """Publish what the run read and told, and what changed with it. Holds the lock."""
        if outcome.word == "failed":
            slot.errors[outcome.error] = slot.errors.get(outcome.error, 0) + 1
        change = _change(slot, outcome, now)
        if outcome.word != "ok" and (slot.outcome is None or slot.outcome.word == "ok"):
            slot.broken_since = now
        slot.outcome = outcome
        if change is not None:
            _tell(change)
        self._bus.publish([change, *bodies] if change is not None else bodies)

    def _note_faults(self, slot: _Slot, faults: Sequence[Fault]) -> None:
        for fault in faults:
            slot.errors[fault.error] = slot.errors.get(fault.error, 0) + 1
            if (fault.what, fault.error) not in slot.faults:
                _log.warning("%s: %s cannot be read: %s", slot.collector.name, fault.what, fault.message)
        slot.faults = frozenset((fault.what, fault.error) for fault in faults)


def _compare(
    collector: Collector,
    readings: Sequence[Reading],
    slot: _Slot,
    now: float,
) -> tuple[Sequence[Reading], Sequence[Change]]:
    """The readings with what takes the ones before, and what happened between them."""
    compare: Callable[[Reading, Reading, float | None], Reading] | None = collector.compare
    tell: Callable[[Reading, Reading | None], Iterable[Change]] | None = collector.changes
    if compare is None and tell is None:
        return readings, ()
    compared: list[Reading] = []
    changes: list[Change] = []
    for reading in readings:
        before, at = slot.previous.get(subject_of(reading), (None, now))
        if compare is not None and before is not None and now > at:
            seconds = None if at < slot.ran_at else now - at
            reading = compare(reading, before, seconds)  # noqa: PLW2901  # the same reading, filled in
        compared.append(reading)
        if tell is not None:
            changes += tell(reading, before)
    return compared, changes


def _remember(slot: _Slot, readings: Sequence[Reading], now: float) -> None:
    """Keep the readings for the next run; those of things that were not read this time too, for they may come back."""
    kept = {subject: known for subject, known in slot.previous.items() if now - known[1] < MEMORY_SECONDS}
    slot.previous = {**kept, **{subject_of(reading): (reading, now) for reading in readings}}


def _change(slot: _Slot, outcome: Outcome, now: float) -> Change | None:
    before, name = slot.outcome, slot.collector.name
    if before is not None and (before.word, before.error) == (outcome.word, outcome.error):
        return None
    if outcome.word == "failed":
        return CollectorFailed(collector=name, error=outcome.error, message=outcome.message)
    if outcome.word == "unavailable":
        return CollectorUnavailable(collector=name, reason=outcome.message)
    if before is None:
        return None
    return CollectorRecovered(collector=name, seconds=round(now - slot.broken_since, 3))


def _tell(change: Change) -> None:
    if isinstance(change, CollectorFailed):
        _log.warning("collector %s failed: %s: %s", change.collector, change.error, change.message)
    elif isinstance(change, CollectorRecovered):
        _log.info("collector %s works again after %.1f s", change.collector, change.seconds)
    elif isinstance(change, CollectorUnavailable):
        _log.info("collector %s is not available on this host: %s", change.collector, change.reason)


def _last_success(slot: _Slot, wall: float, uptime: float) -> float | None:
    """By the wall clock as it is now: one that was set since would make what is fresh look years old."""
    if slot.succeeded_at is None:
        return None
    then, moment = slot.succeeded_at
    was_set_by = (wall - uptime) - (then - moment)
    return then + was_set_by if abs(was_set_by) > CLOCK_SET_SECONDS else then


def _status(slot: _Slot, last_success: float | None, *, is_late: bool) -> CollectorStatus:
    word = "failed" if is_late or slot.outcome is None else slot.outcome.word
    return CollectorStatus(
        collector=slot.collector.name,
        available=word != "unavailable",
        success=None if word == "unavailable" else word == "ok",
        duration=slot.duration,
        last_success=last_success,
    )
