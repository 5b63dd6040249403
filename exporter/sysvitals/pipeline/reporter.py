"""Publishes readings, drops values that are too old, and logs what became of things. Used by the loop alone."""

import logging
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

from sysvitals.host.files import error_class
from sysvitals.model.changes import CollectorFailed, CollectorRecovered, CollectorUnavailable
from sysvitals.model.collector import Collector, Fault, Unavailable
from sysvitals.model.reading import Body, Change, Reading, subject_of
from sysvitals.pipeline.bus import Bus
from sysvitals.pipeline.clock import CLOCK_SET_SECONDS, Clock
from sysvitals.pipeline.crew import Run
from sysvitals.pipeline.interpret import (
    Conclusion,
    Known,
    Outcome,
    Span,
    Subject,
    first_faults,
    interpret,
    is_current,
    move_times,
    same_subject,
    split_items,
    validate_values,
)
from sysvitals.pipeline.ledger import FLAP_SECONDS, Ledger, Standing, give_up, judge
from sysvitals.pipeline.limits import most_of_each_kind
from sysvitals.pipeline.plan import Key

_log = logging.getLogger(__name__)

_FAULTS_LIMIT = 1000

_LOGGED = (CollectorFailed, CollectorRecovered, CollectorUnavailable)
_CHANGES_SAID = 50
"""How many changes of a moment are logged. More than that come and go in storms of devices; all are events."""


class Reporter:
    """Takes in what runs meant, and publishes what follows from it.

    `remembered` are readings of before the exporter started, by collector, to compare the first ones with.
    """

    def __init__(self, *, bus: Bus, clock: Clock, remembered: Mapping[str, Iterable[Reading]]) -> None:
        self.ledger = Ledger()
        self._bus = bus
        self._clock = clock
        self._outbox: list[tuple[str, Body]] = []
        self._absent: list[str] = []
        self._shown: dict[Key, tuple[float, tuple[Subject, ...]]] = {}
        self._owners: dict[Subject, Key] = {}
        self._known = {
            name: {subject_of(reading): Known(reading) for reading in readings} for name, readings in remembered.items()
        }
        self._logged_faults: dict[tuple[str, str, str], float] = {}
        self._booted = self._boot_time()

    @property
    def next_time(self) -> float:
        """When the next value is too old to be shown."""
        return min((until for until, _ in self._shown.values()), default=float("inf"))

    def too_old(self, now: float) -> list[Key]:
        """The things whose values may not be shown any longer."""
        return [key for key, (until, _) in self._shown.items() if now >= until]

    def take(self, collector: Collector, run: Run, span: Span) -> Conclusion:
        """What this run of one of the collector's things meant."""
        key: Key = run.key
        self._follow_clock()
        known = self._known.setdefault(collector.name, {})
        conclusion = interpret(collector, self._choose(collector, key, run.items), run.error, known, span, key.thing)
        known.update(conclusion.known)
        if not key.thing:  # of a table that has no search after which to tidy
            self.tidy(collector.name)
        return conclusion

    def conclude(
        self, key: Key, conclusion: Conclusion, *, took: float, pace: tuple[float, float] | None, until: float
    ) -> None:
        """Note how the thing stands, and put aside what is to be published; readings stand `until` that time."""
        outcome = conclusion.outcome
        before = self.ledger.things.get(key)
        if outcome.status == "ok":
            self._note_pace(key, before, took, pace)
        change = self._judge(key, outcome, conclusion.faults, took=took, pace=pace)
        if before is None and not key.thing:
            self._note_absence(key, outcome)
        if change is not None:
            self._outbox.append(("", change))
            if outcome.status != "ok":
                self.hide(key)
        if outcome.status == "ok":
            self.show(key, (*conclusion.changes, *conclusion.readings), until)

    def set_pace(self, key: Key, pace: tuple[float, float] | None) -> None:
        """The bus of a slow thing has become busier, or less busy."""
        standing = self.ledger.things.get(key)
        if standing is not None and standing.pace is not None:
            self.ledger.things[key] = standing._replace(pace=pace)

    def conclude_search(
        self, key: Key, outcome: Outcome, faults: Sequence[Fault], *, took: float, speaks: bool
    ) -> None:
        """Note how a search for things stands. It `speaks` for its collector where nothing else does."""
        if speaks and key not in self.ledger.things:
            self._note_absence(key, outcome)
        change = self._judge(key, outcome, faults, took=took, pace=None)
        if change is not None and speaks:
            self._outbox.append(("", change))

    def show(self, key: Key, bodies: Iterable[Body], until: float) -> None:
        """Publish these in place of what the thing showed before."""
        self.hide(key)
        bodies = tuple(bodies)
        subjects = tuple(subject_of(body) for body in bodies if isinstance(body, Reading))
        self._shown[key] = until, subjects
        self._owners.update(dict.fromkeys(subjects, key))
        self._outbox += [(key.thing, body) for body in bodies]

    def show_otherwise(self, key: Key, otherwise: Callable[[], Iterable[Reading]]) -> None:
        """Publish what is known of the thing while it does not answer, where there is something.

        Where its failure was not told, for it flaps, it is told when the last value would have been too old.
        """
        try:
            readings, *_ = split_items(self._only_own(key, otherwise()))
            validate_values(readings)
        except Exception as error:  # noqa: BLE001  # a collector's own function
            self.note_faults(key.collector, [Fault(key.thing, error_class(error), f"{error}")])
            return
        if readings:
            until = self._shown[key][0] if key in self._shown else float("inf")
            self.show(key, readings, until)

    def prolong(self, key: Key, until: float) -> None:
        """What the thing shows may stand until that time."""
        _, subjects = self._shown[key]
        self._shown[key] = until, subjects

    def hide(self, key: Key) -> None:
        """What the thing showed is not shown any longer."""
        _, subjects = self._shown.pop(key, (0.0, ()))
        for subject in subjects:
            self._owners.pop(subject, None)

    def remove(self, key: Key, *, gone: bool) -> None:
        """Forget this thing. Where it is `gone` from the host, its readings go with an event."""
        if gone and key in self._shown:
            self._outbox.append(
                ("", CollectorUnavailable(collector=key.collector, thing=key.thing, reason="no longer there"))
            )
        self.hide(key)
        self.ledger.things.pop(key, None)
        self.ledger.left_out.pop(key, None)

    def expire(self, key: Key, words: str) -> None:
        """A value is too old: its thing fails again and again, or waits behind others, as the words say."""
        before = self.ledger.things.get(key)
        self.hide(key)
        if before is None:
            return
        outcome = before.outcome
        if outcome.status == "ok":
            outcome = Outcome("failed", "timeout", words)
            self.ledger.count(key.collector, ["timeout"])
        standing, change = give_up(before, key, outcome, self._clock.monotonic())
        self.ledger.things[key] = standing
        self._outbox.append(("", change))

    def note_faults(self, collector: str, faults: Sequence[Fault]) -> None:
        """Count what could not be read, and log what was not logged lately."""
        now = self._clock.monotonic()
        self.ledger.count(collector, (fault.error for fault in faults))
        for fault in first_faults(faults):
            key = (collector, fault.what, fault.error)
            if now - self._logged_faults.get(key, float("-inf")) >= FLAP_SECONDS:
                _log.warning("%s: %s cannot be read: %s", collector, fault.what, fault.message)
            self._logged_faults[key] = now
        if len(self._logged_faults) > _FAULTS_LIMIT:
            self._logged_faults = {key: at for key, at in self._logged_faults.items() if now - at < FLAP_SECONDS}

    def note_left_out(self, collector: Collector, key: Key, count: int) -> str:
        """So much is left out of this table, thing or search to stay within the limit of series. Returns it in words.

        Logged once for as long as a collector leaves anything out.
        """
        left_out = self.ledger.left_out
        if not count:
            left_out.pop(key, None)
            return ""
        words = f"{count} to stay within {collector.max_series} series (collector.{collector.name}.max_series)"
        if not any(other.collector == collector.name for other in left_out):
            _log.warning("%s: left out: %s", collector.name, words)
        left_out[key] = count
        return words

    def tidy(self, collector: str) -> None:
        """Forget the readings of what was not read for long."""
        now = self._clock.monotonic()
        known = self._known.get(collector, {})
        self._known[collector] = {subject: one for subject, one in known.items() if is_current(one, now)}

    def publish(self) -> None:
        """Publish what was put aside, in one go, and log what became of things."""
        bodies, self._outbox = self._outbox, []
        if bodies:
            self._bus.publish_runs(bodies)
        if self._absent:
            _log.info("not on this host: %s ('sysvitals collectors' says why)", ", ".join(self._absent))
            self._absent.clear()
        changes = [body for _, body in bodies if isinstance(body, _LOGGED)]
        for change in changes[:_CHANGES_SAID]:
            _log_change(change)
        if len(changes) > _CHANGES_SAID:
            _log.info("and %d more such changes", len(changes) - _CHANGES_SAID)

    def _choose(
        self, collector: Collector, key: Key, items: Sequence[Reading | Fault | Unavailable]
    ) -> Iterable[Reading | Fault | Unavailable]:
        """Those of these items that may be shown beside what other things show."""
        own = self._only_own(key, items)
        most = most_of_each_kind(collector)
        # counted only where there are so many readings that it can matter
        if most is not None and len(self._owners) + len(items) > most:
            return self._keep_first(collector, key, own, most)
        self.note_left_out(collector, key, 0)
        return own

    def _keep_first(
        self, collector: Collector, key: Key, items: Iterable[Reading | Fault | Unavailable], most: int
    ) -> Iterator[Reading | Fault | Unavailable]:
        """These items, and as many readings of each kind as there is room for. The rest is said to be left out."""
        others = (subject for one, (_, mine) in self._shown.items() if one != key for subject in mine)
        counts = Counter(event_name for event_name, *_ in others)
        left_out = 0
        for item in items:
            if isinstance(item, Reading):
                counts[item.event_name] += 1
                if counts[item.event_name] > most:
                    left_out += 1
                    continue
            yield item
        if words := self.note_left_out(collector, key, left_out):
            yield Unavailable(words)

    def _boot_time(self) -> float:
        """When the host was started, by the wall clock as it is now."""
        return self._clock.wall() - self._clock.uptime()

    def _follow_clock(self) -> None:
        """Where the wall clock was set, let the times in what is compared with move along."""
        before, self._booted = self._booted, self._boot_time()
        if abs(self._booted - before) > CLOCK_SET_SECONDS:
            for known in self._known.values():
                for subject, one in known.items():
                    known[subject] = one._replace(reading=move_times(one.reading, self._booted - before))

    def _only_own(
        self, key: Key, items: Iterable[Reading | Fault | Unavailable]
    ) -> Iterator[Reading | Fault | Unavailable]:
        """These items; one that another thing shows already, and that would be one series with it, as a fault."""
        for item in items:
            if isinstance(item, Reading) and self._owners.get(subject := subject_of(item), key) != key:
                yield same_subject(subject)
            else:
                yield item

    def _judge(
        self, key: Key, outcome: Outcome, faults: Sequence[Fault], *, took: float, pace: tuple[float, float] | None
    ) -> Change | None:
        if outcome.status != "failed":
            self.note_faults(key.collector, faults)
        else:  # what is said of the failure names its faults
            self.ledger.count(key.collector, [fault.error for fault in faults] or [outcome.error])
        before = self.ledger.things.get(key)
        standing, change = judge(before, key, outcome, self._clock.monotonic())
        succeeded_at = None if before is None else before.succeeded_at
        if outcome.status == "ok":
            succeeded_at = (self._clock.wall(), self._clock.uptime())
        self.ledger.things[key] = standing._replace(took=took, pace=pace, succeeded_at=succeeded_at)
        return change

    def _note_absence(self, key: Key, outcome: Outcome) -> None:
        """Have it logged that this host lacks, from the first, what a collector reads."""
        if outcome.status == "unavailable" and key.collector not in self._absent:
            self._absent.append(key.collector)

    def _note_pace(self, key: Key, before: Standing | None, took: float, pace: tuple[float, float] | None) -> None:
        """Log that a thing has become slow and is read in its own rhythm, or is quick again."""
        was_slow = before is not None and before.pace is not None
        name = _name(key.collector, key.thing)
        if pace is not None and not was_slow:
            self.ledger.count(key.collector, ["slow"])
            _log.info("%s is slow, %.2g s a read: it is read in its own rhythm, and no scrape waits for it", name, took)
        elif pace is None and was_slow:
            _log.info("%s is quick again", name)


def _log_change(body: Body) -> None:
    if isinstance(body, CollectorFailed):
        _log.warning("%s failed: %s: %s", _name(body.collector, body.thing), body.error, body.message)
    elif isinstance(body, CollectorRecovered):
        times = f"; it had failed {body.failures} times" if body.failures > 1 else ""
        _log.info("%s works again after %.1f s%s", _name(body.collector, body.thing), body.seconds, times)
    elif isinstance(body, CollectorUnavailable):
        _log.info("%s is not available on this host: %s", _name(body.collector, body.thing), body.reason)


def _name(collector: str, thing: str) -> str:
    return f"{collector}: {thing}" if thing else f"collector {collector}"
