"""Runs collectors: each in its own rhythm, again when a scrape wants them fresh, and none twice at a time.

One worker thread does all the work while collectors are quick, which costs a small board least. A collector that takes
its time gets company: a further worker serves those behind it. One that is not done in time, such as a read that
hangs in the kernel, is reported as failed; its worker is written off, and it is not run again until that read returns.
"""

import logging
from collections import deque
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from threading import Condition, Lock, Thread

from sysvitals.model.changes import CollectorFailed, CollectorRecovered, CollectorUnavailable
from sysvitals.model.collector import Collector, Fault, Unavailable
from sysvitals.model.reading import Change, Reading, subject_of
from sysvitals.model.status import CollectorStatus, ReadErrors
from sysvitals.pipeline.bus import Bus
from sysvitals.pipeline.clock import Clock
from sysvitals.sources.files import error_class
from sysvitals.sources.host import Host

_log = logging.getLogger(__name__)

PATIENCE_SECONDS = 0.1
"""How long a collector may wait behind another before a further worker takes it."""

SLACK_SECONDS = 0.25
"""Collectors due this soon run now: one wake-up of the processor instead of many."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """How a collector's last run ended: `ok`, `unavailable` or `failed`, with the class of the error and its words."""

    word: str
    error: str = ""
    message: str = ""


@dataclass(slots=True, eq=False)
class _Slot:
    """A collector and how it fares. Times are monotonic seconds."""

    collector: Collector
    due: float = 0.0
    queued: float | None = None
    started: float | None = None
    late: bool = False
    fresh_at: float = float("-inf")
    duration: float | None = None
    outcome: Outcome | None = None
    outcome_since: float = 0.0
    last_success: float | None = None
    previous: dict[tuple[str, ...], Reading] = field(default_factory=dict)
    previous_at: float = 0.0
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
        self._queue: deque[_Slot] = deque()
        self._idle = 0
        self._workers = 0
        self._stopping = False
        lock = Lock()
        self._work_ready = Condition(lock)
        self._changed = Condition(lock)
        self._heart: Thread | None = None

    def start(self) -> None:
        """Begin to run the collectors at their intervals, all of them at once now."""
        self._heart = Thread(target=self._beat, name="heartbeat", daemon=True)
        self._heart.start()

    def stop(self) -> None:
        """Run nothing any more. A run that is under way is left behind."""
        with self._changed:
            self._stopping = True
            self._queue.clear()
            self._work_ready.notify_all()
            self._changed.notify_all()
        if self._heart is not None:
            self._heart.join(timeout=1)

    def replace(self, collectors: Iterable[Collector]) -> frozenset[str]:
        """Run these from now on; who stays keeps its state. Returns the names of those that are gone."""
        with self._changed:
            fresh = {collector.name: collector for collector in collectors}
            gone = frozenset(self._slots) - frozenset(fresh)
            for name in gone:
                del self._slots[name]
            for name, collector in fresh.items():
                slot = self._slots.setdefault(name, _Slot(collector))
                slot.collector = collector
                slot.due = 0.0
            self._slots = {name: self._slots[name] for name in fresh}
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
                if not slot.busy and now - slot.fresh_at >= slot.collector.max_age:
                    self._enqueue(slot, now)
            while pending := [slot for slot in wanted if slot.busy and not slot.late]:
                now = self._clock.monotonic()
                if now >= deadline or self._stopping:
                    break
                self._changed.wait(max(0.0, min(self._supervise(now), deadline) - now))
            return frozenset(slot.collector.name for slot in pending)

    def statuses(
        self, names: frozenset[str] | None = None, *, late: frozenset[str] = frozenset()
    ) -> list[CollectorStatus | ReadErrors]:
        """How the collectors fare. Those in `late` were not done when they were wanted: no success."""
        statuses: list[CollectorStatus | ReadErrors] = []
        with self._changed:
            for name, slot in self._slots.items():
                if names is not None and name not in names:
                    continue
                if slot.outcome is not None or name in late:
                    statuses.append(_status(slot, is_late=name in late))
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
                    if not slot.busy and now + SLACK_SECONDS >= slot.due:
                        self._enqueue(slot, now)
                idle = [slot.due for slot in self._slots.values() if not slot.busy]
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
            oldest = self._queue[0].queued or now
            if now >= oldest + PATIENCE_SECONDS:
                self._hire()
                look_again = min(look_again, now + PATIENCE_SECONDS)
            else:
                look_again = min(look_again, oldest + PATIENCE_SECONDS)
        return look_again

    def _give_up(self, slot: _Slot, now: float) -> None:
        slot.late = True
        self._workers -= 1
        if self._queue and not self._workers:
            self._hire()
        message = f"not done after {slot.collector.timeout:g} s; it is not run again until it returns"
        self._conclude(slot, Outcome("failed", "timeout", message), (), now)

    def _enqueue(self, slot: _Slot, now: float) -> None:
        slot.queued = now
        slot.due = now + slot.collector.interval
        self._queue.append(slot)
        if self._idle:
            self._work_ready.notify()
        elif not self._workers:
            self._hire()

    def _hire(self) -> None:
        self._workers += 1
        Thread(target=self._work, name="collectors", daemon=True).start()

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
                    self._idle -= 1
                slot = self._queue.popleft()
                slot.queued = None
                slot.started = self._clock.monotonic()
            if self._run(slot, slot.started):
                return

    def _run(self, slot: _Slot, started: float) -> bool:
        """Run one collector. True where it was given up meanwhile, so that this worker has been replaced."""
        collector = slot.collector
        readings: Sequence[Reading] = ()
        faults: Sequence[Fault] = ()
        try:
            readings, faults = _sort_out(collector.read(self._host))
            readings = _compare(collector, readings, slot.previous, started - slot.previous_at)
            outcome = _outcome(readings, faults)
        except Unavailable as why:
            outcome = Outcome("unavailable", message=why.reason)
        except Exception as error:  # noqa: BLE001  # the one place: a collector's error is its own and hurts no other
            outcome = Outcome("failed", error_class(error), f"{error}" or type(error).__name__)
        with self._changed:
            now = self._clock.monotonic()
            was_late = slot.late
            slot.started, slot.late = None, False
            if not was_late and slot is self._slots.get(collector.name):
                slot.fresh_at = started
                slot.duration = now - started
                self._note_faults(slot, faults)
                if outcome.word == "ok":
                    slot.last_success = self._clock.wall()
                    slot.previous = {subject_of(reading): reading for reading in readings}
                    slot.previous_at = started
                self._conclude(slot, outcome, readings, now)
            self._changed.notify_all()
        return was_late

    def _conclude(self, slot: _Slot, outcome: Outcome, readings: Sequence[Reading], now: float) -> None:
        """Publish what the run read, and what changed with it. Holds the lock."""
        if outcome.word == "failed":
            slot.errors[outcome.error] = slot.errors.get(outcome.error, 0) + 1
        change = _change(slot, outcome, now)
        if slot.outcome is None or (slot.outcome.word, slot.outcome.error) != (outcome.word, outcome.error):
            slot.outcome_since = now
        slot.outcome = outcome
        if change is not None:
            _tell(change)
        self._bus.publish([change, *readings] if change is not None else readings)

    def _note_faults(self, slot: _Slot, faults: Sequence[Fault]) -> None:
        for fault in faults:
            slot.errors[fault.error] = slot.errors.get(fault.error, 0) + 1
            if (fault.what, fault.error) not in slot.faults:
                _log.warning("%s: %s cannot be read: %s", slot.collector.name, fault.what, fault.message)
        slot.faults = frozenset((fault.what, fault.error) for fault in faults)


def _sort_out(items: Iterable[Reading | Fault]) -> tuple[list[Reading], list[Fault]]:
    readings: list[Reading] = []
    faults: list[Fault] = []
    subjects: set[tuple[str, ...]] = set()
    for item in items:
        if isinstance(item, Fault):
            faults.append(item)
            continue
        subject = subject_of(item)
        if subject in subjects:
            raise ValueError(f"two readings of {' '.join(subject)} cannot be told apart")
        subjects.add(subject)
        readings.append(item)
    return readings, faults


def _compare(
    collector: Collector, readings: Sequence[Reading], previous: dict[tuple[str, ...], Reading], seconds: float
) -> Sequence[Reading]:
    compare: Callable[[Reading, Reading, float], Reading] | None = collector.compare
    if compare is None or not previous or seconds <= 0:
        return readings
    return [
        compare(reading, before, seconds) if (before := previous.get(subject_of(reading))) is not None else reading
        for reading in readings
    ]


def _outcome(readings: Sequence[Reading], faults: Sequence[Fault]) -> Outcome:
    if readings:
        return Outcome("ok")
    if not faults:
        return Outcome("unavailable", message="there is nothing to report on this host")
    return Outcome("failed", faults[0].error, "; ".join(f"{fault.what}: {fault.message}" for fault in faults))


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
    return CollectorRecovered(collector=name, seconds=round(now - slot.outcome_since, 3))


def _tell(change: Change) -> None:
    if isinstance(change, CollectorFailed):
        _log.warning("collector %s failed: %s: %s", change.collector, change.error, change.message)
    elif isinstance(change, CollectorRecovered):
        _log.info("collector %s works again after %.1f s", change.collector, change.seconds)
    elif isinstance(change, CollectorUnavailable):
        _log.info("collector %s is not available on this host: %s", change.collector, change.reason)


def _status(slot: _Slot, *, is_late: bool) -> CollectorStatus:
    word = "failed" if is_late or slot.outcome is None else slot.outcome.word
    return CollectorStatus(
        collector=slot.collector.name,
        available=word != "unavailable",
        success=None if word == "unavailable" else word == "ok",
        duration=slot.duration,
        last_success=slot.last_success,
    )
