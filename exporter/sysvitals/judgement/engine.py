"""Judges the host again and again, with a memory: what must last has lasted, and what is over stays visible for a day.

All durations are by the time since boot, which no clock that is set can change.
"""

import logging
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from itertools import islice
from operator import itemgetter
from threading import Lock
from typing import NamedTuple, Protocol

from sysvitals.judgement.judgement import AREAS, DAY_SECONDS, Facts, Finding, Judgement
from sysvitals.judgement.kept import Kept, KeptFinding
from sysvitals.judgement.moments import format_until
from sysvitals.judgement.standing import Ended, Key, Standing
from sysvitals.judgement.verdict import WORDS, Level, Reason, Verdict
from sysvitals.judgement.windows import MINUTE, Windows
from sysvitals.model.catalog import Family
from sysvitals.model.changes import AlertEnded, AlertFired, VerdictChanged
from sysvitals.model.event import Event
from sysvitals.model.reading import labels_of
from sysvitals.model.samples import Samples
from sysvitals.model.summary import Series, Stretch

_log = logging.getLogger(__name__)

LEAST_SECONDS = 1.0
"""A verdict holds at least so long, however many ask."""

BRIEF_SECONDS = 900.0
"""An exporter that was silent for no longer goes on with what it had found."""

MOST_FINDINGS = 256
"""Findings of one judgement; a host with more has no room for them on its page either."""

MOST_EVENTS = 256
"""Events of one name and subject that are kept, the latest: of many kinds none shall displace another."""

MOST_SUBJECTS = 16
"""Subjects of one name; those that something happened to last."""

MOST_REASONS = 64
_SET_SECONDS = 0.5
"""A clock that moves by less against the time since boot was not set."""

_MOST_TEXT = 1000

_LEVELS = {"critical": Level.CRITICAL, "warning": Level.WARNING, "info": Level.NOTE}
_NAMES = {level.name.lower(): level for level in Level}

_Change = AlertFired | AlertEnded | VerdictChanged
_Happened = deque[tuple[float, Event]]
"""Events with when they were, in seconds since boot."""


class _Clock(Protocol):
    def wall(self) -> float: ...
    def uptime(self) -> float: ...


class Remembered(NamedTuple):
    """What the last verdict before was: its level, and since when it and each of its alerts held (uptime)."""

    level: Level
    since: float
    alerts: Mapping[str, float]


class _Line(NamedTuple):
    """A reason, and a sentence on how it is now where its text does not say that."""

    reason: Reason
    now: str


class Engine:
    """Judges one host by these judgements. It may be asked from any thread.

    `families` are the catalog's. `read()` gives the current values, `ready()` says whether all has been read once. With
    `restores` the verdict is unknown until `restore` has taken up what was before, or `give_up` said that it cannot be.
    """

    def __init__(  # noqa: PLR0913  # each of them is given by one caller, by name
        self,
        judgements: Iterable[Judgement],
        families: Mapping[str, Family],
        *,
        clock: _Clock,
        boot: str = "",
        read: Callable[[], Samples],
        ready: Callable[[], bool] = lambda: True,
        restores: bool = False,
    ) -> None:
        self._judgements = tuple(judgements)
        self._families = families
        self._clock = clock
        self._boot = boot
        self._read = read
        self._ready = ready
        self._windows = Windows(watch for judgement in self._judgements for watch in judgement.watches)
        self._events: dict[str, dict[tuple[str, ...], _Happened]] = {
            name: {} for judgement in self._judgements for name in judgement.events
        }
        self._lock = Lock()
        self._offered: deque[Event] = deque(maxlen=len(self._events) * MOST_EVENTS)
        self._standing: dict[Key, Standing] = {}
        self._ended = Ended(self._judgements)
        self._awaited = restores
        self._blind = ""
        self._blind_until = 0.0
        self._started = self._known_from = clock.uptime()
        self._is_sure = False
        self._was_ready = False
        self._remembered: Remembered | None = None
        self._verdict = Verdict(Level.UNKNOWN, (), unknown="Nothing has been read yet")
        self._judged_at = self._looked_at = float("-inf")
        self._alerts: tuple[str, ...] | None = None
        self._since = clock.uptime()
        self._boot_time = float("-inf")
        self._changes: list[_Change] = []
        self._failing: set[str] = set()
        self.hurry: Callable[[], object] = lambda: None
        """Called where something happened that should be judged soon. It must not wait, and may come often."""

    @property
    def known(self) -> bool:
        """Whether what was before is taken up, or nothing is to be."""
        return not self._awaited

    @property
    def wanted(self) -> frozenset[tuple[str, str]]:
        """What `restore` has a use for: names of events with their fields."""
        return frozenset(self._fields())

    @property
    def wanted_changes(self) -> frozenset[str]:
        """The names of the changes that `restore` has a use for."""
        ours = (AlertFired.event_name, AlertEnded.event_name, VerdictChanged.event_name)
        return frozenset((*self._events, *ours))

    @property
    def firing(self) -> frozenset[Key]:
        """The alerts that fire now, as the rules' would, with severity and subject."""
        with self._lock:
            return frozenset(key for key, standing in self._standing.items() if standing.fires)

    def offer(self, events: tuple[Event, ...]) -> None:
        """Take in what happened; readings are looked at when it is judged."""
        wanted = self._events
        for event in events:
            if event.body.event_name in wanted:
                self._offered.append(event)
            if event.body.urgent:
                self.hurry()

    def judge(self, oldest: float = LEAST_SECONDS) -> Verdict:
        """The verdict, judged again where it is so many seconds old."""
        with self._lock:
            at = self._clock.uptime()
            if at - self._judged_at >= oldest:
                self._judge(at)
            return self._verdict

    def take_changes(self) -> list[_Change]:
        """How the verdict changed since this was last asked, and what began and ended."""
        with self._lock:
            changes, self._changes = self._changes, []
        return changes

    def keep(self) -> Kept:
        """What stands, for `restore` of the next exporter."""
        with self._lock:
            at = self._judged_at
            found = (
                KeptFinding(
                    one.judgement.alert,
                    one.judgement.severity,
                    one.finding.subject,
                    one.finding.text,
                    one.finding.cause,
                    one.began,
                    one.first,
                    one.seen,
                    one.is_assumed,
                )
                for one in self._standing.values()
                if one.finding.last is None  # what is over is remembered by its events
            )
            return Kept(self._boot, at, tuple(sorted(found)))

    def restore(
        self,
        rows: Iterable[tuple[Series, list[Stretch]]],
        changes: Iterable[Event],
        *,
        now: float | None = None,
        kept: Kept | None = None,
    ) -> None:
        """Take up what the history knows of the last day: the next judgement has it.

        Its times are by a clock that says `now`, in Unix seconds; None: by the clock. `kept` is what stood, where that
        is known. It may be done again.
        """
        with self._lock:
            at = self._clock.uptime()
            boot_time = (self._clock.wall() if now is None else now) - at
            fields = self._fields()
            until = float("-inf")
            for series, stretches in rows:
                placed = [(stretch.begin - boot_time, stretch) for stretch in stretches if stretch.readings]
                ends = (began + one.seconds for began, one in placed if one.seconds <= MINUTE)
                until = max((until, *(end for end in ends if end <= self._started)))
                if placed and (target := fields.get((series.event, series.field))) is not None:
                    metric, names, fixed = target
                    if len(series.labels) != len(names):
                        continue  # damaged, or of a version that had other labels
                    labels = {**dict(zip(names, series.labels, strict=True)), **fixed}
                    self._windows.restore(metric, labels, placed)
            past = sorted(
                ((self._place(event, boot_time), event) for event in changes), key=lambda one: (one[0], one[1].seq)
            )
            self._take_offered()
            self._restore_events(past)
            self._remembered = _remember(past)
            until = max((until, *(place for place, _ in past if place <= self._started)))
            if kept is None:
                self._settle_beginnings(at, until)
            else:
                until = max(until, kept.at)
                self._resume(kept, until)
            self._changes.extend(self._ended.restore(past, self._standing, until))
            self._blind, self._known_from = "", float("-inf")
            self._end_waiting()

    def give_up(self, why: str) -> None:
        """What was before cannot be taken up: for a day the verdict cannot be trusted to be good."""
        with self._lock:
            self._blind, self._blind_until = why, self._clock.uptime() + DAY_SECONDS
            self._end_waiting()

    # what only one thread at a time does

    def _end_waiting(self) -> None:
        self._awaited = False
        self._judged_at = float("-inf")

    def _judge(self, at: float) -> None:
        boot_time = self._find_boot_time(at)
        now = boot_time + at
        self._judged_at = at
        self._take_offered()
        samples = self._read()
        self._windows.observe(samples, at)
        facts = Facts(
            samples,
            now=now,
            uptime=at,
            windows=self._windows,
            events=self._events_within(boot_time, at),
            firing=self._is_firing,
            known=at - self._known_from,
        )
        unknown = self._transient()
        self._look(facts, at)
        self._is_sure = self._is_sure or not unknown
        if not unknown:
            self._changes.extend(self._ended.follow(self._standing, at))
        lines = _fold(self._reasons(boot_time, at))
        reasons = _cut_off([line.reason for line in lines])
        worst = max((reason.level for reason in reasons), default=Level.GOOD)
        level = worst if worst > Level.NOTE else Level.GOOD
        if not unknown and level is Level.GOOD:
            unknown = self._lasting(at)
        if unknown:
            level = Level.UNKNOWN
        self._note(level, reasons, at, is_settled=not self._transient())
        self._verdict = Verdict(level, reasons, round(boot_time + self._since), _describe_now(level, lines), unknown)

    def _find_boot_time(self, at: float) -> float:
        """When this boot began, in Unix seconds: a clock that is set moves it, what its readings are apart does not."""
        boot_time = self._clock.wall() - at
        if abs(boot_time - self._boot_time) >= _SET_SECONDS:
            self._boot_time = boot_time
        return self._boot_time

    def _transient(self) -> str:
        """Why nothing can be said yet."""
        self._was_ready = self._was_ready or self._ready()
        if not self._was_ready:
            return "The first readings are being taken"
        return "The history of the last day is being read" if self._awaited else ""

    def _lasting(self, at: float) -> str:
        """Why it cannot be said that all is well."""
        if self._failing:
            return f"This cannot be judged: {', '.join(sorted(self._failing))} (see the exporter's log)"
        return self._blind if at < self._blind_until else ""

    def _look(self, facts: Facts, at: float) -> None:
        """Let what is found begin and go on, and what is not found end."""
        if at - self._looked_at > BRIEF_SECONDS:  # asleep or stopped: what was on its way was not watched
            self._standing = {key: standing for key, standing in self._standing.items() if standing.fires}
        self._looked_at = at
        for judgement in self._judgements:
            try:
                findings = list(islice(judgement.find(facts), MOST_FINDINGS))
            except Exception:  # noqa: BLE001  # one judgement that is wrong must not silence the others
                if judgement.alert not in self._failing:
                    _log.exception("%s cannot be judged", judgement.alert)
                self._failing.add(judgement.alert)
                continue
            self._failing.discard(judgement.alert)
            for finding in findings:
                self._stand(judgement, finding, at)
        found = [standing for standing in self._standing.values() if standing.seen == at]
        pending = {_about(standing) for standing in found if not standing.fires} - {None}
        self._standing = {
            key: standing
            for key, standing in self._standing.items()
            if standing.seen == at
            or standing.goes_on(at)
            or standing.judgement.alert in self._failing
            # it must not look better while something else about it is on its way
            or (standing.fires and _about(standing) in pending)
        }

    def _is_firing(self, alert: str, severity: str, subject: tuple[str, ...]) -> bool:
        standing = self._standing.get((alert, severity, subject))
        return standing is not None and standing.fires

    def _stand(self, judgement: Judgement, finding: Finding, at: float) -> None:
        key = (judgement.alert, judgement.severity, finding.subject)
        standing = self._standing.get(key)
        if standing is not None:
            standing.see(finding, at)
            return
        # at the first look it is not known for how long it has been so: since boot at most
        is_assumed = not self._is_sure
        began = 0.0 if is_assumed else at
        self._standing[key] = Standing(judgement, finding, began, at, at, is_assumed)

    def _reasons(self, boot_time: float, at: float) -> Iterator[tuple[Standing, Reason]]:
        for standing in self._standing.values():
            if standing.fires:
                yield standing, _reason(standing, boot_time, at, is_over=standing.finding.last is not None)
        for standing in self._ended:
            if not self._is_firing(*standing.key):
                yield standing, _reason(standing, boot_time, at, is_over=True)

    def _note(self, level: Level, reasons: tuple[Reason, ...], at: float, *, is_settled: bool) -> None:
        """Remember since when it has this level, and what is to be published of it."""
        before = self._verdict.level
        if level != before:
            self._since = at
        if not is_settled:
            return
        alerts = tuple(sorted({s.judgement.alert for s in self._standing.values() if _spoils(s)}))
        if self._alerts is None and (remembered := self._remembered) is not None:
            before = remembered.level
            if level == before:
                self._since = remembered.since
        elif alerts == self._alerts and level == before:
            return
        self._alerts = alerts
        self._changes.append(
            VerdictChanged(
                level=level.name.lower(),
                before=before.name.lower(),
                alerts=_cut(", ".join(alerts)),
                reasons=_cut("; ".join(reason.text for reason in reasons if reason.level > Level.NOTE)),
            )
        )

    # memory

    def _fields(self) -> dict[tuple[str, str], tuple[str, tuple[str, ...], dict[str, str]]]:
        """Which metric, with which names of labels and which fixed ones, the field of an event is."""
        return {
            (sample.body.event_name, sample.field.name): (metric, labels_of(sample.body), dict(sample.labels))
            for metric in self._windows.metrics
            if metric in self._families
            for sample in self._families[metric].samples
        }

    def _take_offered(self) -> None:
        while self._offered:
            event = self._offered.popleft()
            _keep(self._events[event.name], event.stamp.uptime, event)

    def _events_within(self, boot_time: float, at: float) -> Callable[[str, float], list[Event]]:
        def within(name: str, seconds: float) -> list[Event]:
            return [
                event._replace(stamp=event.stamp._replace(time=boot_time + place))
                for place, event in _in_order(self._events.get(name, {}))
                if at - place <= seconds
            ]

        return within

    def _place(self, event: Event, boot_time: float) -> float:
        """When that was, in seconds since this boot; that of another boot has its time by the clock of now."""
        stamp = event.stamp
        return stamp.uptime if stamp.boot == self._boot else stamp.time - boot_time

    def _restore_events(self, past: list[tuple[float, Event]]) -> None:
        for name, known in self._events.items():
            mine = [(place, event) for place, event in _in_order(known) if event.stamp.boot == self._boot]
            numbers = {event.seq for _, event in mine}
            before = [
                (place, event)
                for place, event in past
                if event.name == name and not (event.stamp.boot == self._boot and event.seq in numbers)
            ]
            known.clear()
            for place, event in sorted([*before, *mine], key=itemgetter(0)):
                _keep(known, place, event)

    def _resume(self, kept: Kept, until: float) -> None:
        """Let go on what stood when the exporter before was last heard of."""
        judgements: dict[tuple[str, str], Judgement] = {(each.alert, each.severity): each for each in self._judgements}
        is_brief = self._started - until <= BRIEF_SECONDS
        if is_brief:  # what did not stand then has begun since
            for standing in self._standing.values():
                if standing.is_assumed:
                    standing.began, standing.is_assumed = standing.first, False
        for one in kept.findings:
            judgement = judgements.get((one.alert, one.severity))
            if judgement is None:
                continue
            seen = until if one.seen == kept.at else one.seen
            finding = Finding(one.subject, one.text, cause=one.cause)
            standing = Standing(judgement, finding, one.began, one.first, seen, one.is_assumed)
            key = (one.alert, one.severity, one.subject)
            if is_brief or standing.fires:
                present = self._standing.get(key)
                if present is not None:
                    standing.see(present.finding, present.seen)
                self._standing[key] = standing

    def _settle_beginnings(self, at: float, until: float) -> None:
        """After a brief silence, what is found now goes on if it was found before it, else it has only begun."""
        if self._remembered is None:
            return
        alerts = self._remembered.alerts
        is_brief = min((s.first for s in self._standing.values()), default=at) - until <= BRIEF_SECONDS
        for standing in self._standing.values():
            if standing.is_assumed and is_brief:
                known = alerts.get(standing.judgement.alert)
                standing.began = standing.first if known is None else min(known, at - standing.judgement.lasts)
                standing.is_assumed = False


def _keep(known: dict[tuple[str, ...], _Happened], place: float, event: Event) -> None:
    subject = tuple(getattr(event.body, name) for name in labels_of(type(event.body)))
    happened = known.pop(subject, None)
    known[subject] = deque(maxlen=MOST_EVENTS) if happened is None else happened
    known[subject].append((place, event))
    if len(known) > MOST_SUBJECTS:
        del known[next(iter(known))]


def _in_order(known: Mapping[tuple[str, ...], _Happened]) -> list[tuple[float, Event]]:
    return sorted((one for happened in known.values() for one in happened), key=itemgetter(0))


def _remember(past: list[tuple[float, Event]]) -> Remembered | None:
    """What the verdict was at the end of this, and since when."""
    remembered: Remembered | None = None
    for place, event in past:
        if isinstance(event.body, VerdictChanged):
            level = _NAMES.get(event.body.level, Level.UNKNOWN)
            before = remembered.alerts if remembered is not None else {}
            alerts = {name: before.get(name, place) for name in event.body.alerts.split(", ") if name}
            since = remembered.since if remembered is not None and remembered.level is level else place
            remembered = Remembered(level, since, alerts)
    return remembered


def _round(moment: float | None) -> float | None:
    """To whole seconds: the same moment is written the same each time."""
    return None if moment is None else round(moment)


def _reason(standing: Standing, boot_time: float, at: float, *, is_over: bool) -> Reason:
    """What is over is a warning at most."""
    judgement, finding = standing.judgement, standing.finding
    level = _LEVELS[judgement.severity]
    since = None if standing.is_assumed else boot_time + standing.began
    ended = None if standing.seen == at else boot_time + standing.seen
    return Reason(
        min(level, Level.WARNING) if is_over else level,
        judgement.alert,
        finding.text if ended is None else f"{format_until(ended, boot_time + at)}: {standing.worst.text}",
        finding.subject,
        judgement.area,
        _round(finding.since if finding.since is not None else since),
        _round(finding.last if finding.last is not None else ended),
        judgement.remedy,
    )


def _about(standing: Standing) -> tuple[str, str] | None:
    subject = standing.finding.subject
    return (standing.judgement.area, subject[0]) if subject else None


def _spoils(standing: Standing) -> bool:
    return standing.fires and standing.judgement.severity != "info"


def _fold(found: Iterable[tuple[Standing, Reason]]) -> list[_Line]:
    """Worst first, and what has one cause as one line.

    What is so and what is over are two, lest one hide the other; what only follows from the cause is on its line.
    """
    causes: dict[tuple[str | int, bool], list[tuple[Standing, Reason]]] = {}
    for number, (standing, reason) in enumerate(sorted(found, key=_rank)):
        cause, is_over = standing.finding.cause or number, reason.last is not None
        if standing.finding.follows and (cause, is_over) not in causes and (cause, not is_over) in causes:
            is_over = not is_over
        causes.setdefault((cause, is_over), []).append((standing, reason))
    return sorted((_join(together) for together in causes.values()), key=_order)


def _rank(found: tuple[Standing, Reason]) -> tuple[bool, int, bool, bool, bool, str, float, tuple[str, ...]]:
    standing, reason = found
    value = standing.finding.value
    is_over = reason.last is not None
    # what is remembered says more than what only outlives its end, and what has a number more than what has none
    return (
        standing.finding.follows,
        -reason.level,
        is_over,
        is_over and standing.finding.last is None,
        value is None,
        reason.alert,
        -(value or 0.0),
        reason.subject,
    )


def _join(together: Sequence[tuple[Standing, Reason]]) -> _Line:
    """What is found of one cause as a line: the first has the word, and the worst the level."""
    (standing, first), reasons = together[0], [reason for _, reason in together]
    alike = {reason.subject for reason in reasons if reason.alert == first.alert} - {first.subject}
    present = [reason for reason in reasons if reason.last is None]
    hidden = f"{present[0].text}." if present and first.last is not None else ""
    return _Line(
        first._replace(
            level=max(reason.level for reason in reasons),
            text=f"{first.text}, and {len(alike)} more like it" if alike else first.text,
            last=None if present else first.last,
        ),
        hidden or standing.finding.now,
    )


def _order(line: _Line) -> tuple[int, int, bool]:
    reason = line.reason
    return -reason.level, AREAS.index(reason.area), reason.last is not None


def _cut_off(reasons: list[Reason]) -> tuple[Reason, ...]:
    if len(reasons) > MOST_REASONS:
        left = len(reasons) - MOST_REASONS
        reasons[MOST_REASONS:] = [reasons[MOST_REASONS]._replace(text=f"{left} more", subject=(), remedy="")]
    return tuple(reasons)


def _describe_now(level: Level, lines: Iterable[_Line]) -> str:
    """Which of what is listed goes on, in a sentence or two."""
    bad = [line for line in lines if line.reason.level > Level.NOTE]
    present = [line for line in bad if line.reason.last is None]
    if level is Level.UNKNOWN:
        return ""
    if not bad:
        return "Nothing to do."
    if not present:
        return f"Running well now. {bad[0].now or 'What is listed is over.'}"
    areas = ", ".join(dict.fromkeys(line.reason.area for line in present)).replace("cpu", "CPU")
    rest = " What else is listed is over." if len(present) < len(bad) else ""
    return f"{present[0].now or f'{WORDS[level]} now: {areas}.'}{rest}"


def _cut(text: str) -> str:
    return text if len(text) <= _MOST_TEXT else f"{text[: _MOST_TEXT - 1]}…"
