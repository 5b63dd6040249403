"""What a run meant: its items sorted and checked, compared with those before. Pure: no thread, clock or output."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from math import isfinite
from types import MappingProxyType
from typing import Any, NamedTuple

from sysvitals.host.files import error_class, shorten
from sysvitals.model.collector import Collector, Fault, Unavailable
from sysvitals.model.event import field_names
from sysvitals.model.metric import Label
from sysvitals.model.reading import Body, Change, Field, Reading, amend, fields_of, subject_of, values_of

BASELINE_SECONDS = 3600.0
"""How long a reading is kept to compare with, should its subject not be read meanwhile: disks and links come and go.
Where a reading's labels have a closed set of values, it is kept as long as the exporter runs: the counts in it, such as
those of throttling, must never fall."""

FAULTS_SAID = 20
"""How many faults of one run are said, in the log, in events and on the page. A table can have a hundred thousand."""

TEXT_CHARACTERS = 4096
"""How long a label or another text of a reading may be: as long as the kernel lets a path be."""

Subject = tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Outcome:
    """How a run ended: `ok`, `unavailable` or `failed`, with the class of the error and its words.

    `left_out` says in words which parts this host lacks, and `slow` what is read in a rhythm of its own.
    """

    status: str
    error: str = ""
    message: str = ""
    left_out: str = ""
    slow: str = ""


class Known(NamedTuple):
    """A reading to compare with. `at` is when its run began, in monotonic seconds; None: before this exporter ran."""

    reading: Reading
    at: float | None = None


class Conclusion(NamedTuple):
    """What a run meant. `known` is what the next run's readings are compared with."""

    outcome: Outcome
    readings: Sequence[Reading] = ()
    changes: Sequence[Change] = ()
    faults: Sequence[Fault] = ()
    known: Mapping[Subject, Known] = MappingProxyType({})


class Span(NamedTuple):
    """When a run began, when the one before it did (None: there was none), and since when nothing escaped.

    In monotonic seconds. What was seen before `watched_since` tells nothing of the time since: the exporter was
    stopped, or the thing was not read when it should have been.
    """

    at: float
    before: float | None
    watched_since: float


def interpret(  # noqa: PLR0913, PLR0917  # what a run meant goes by all of them
    collector: Collector,
    items: Iterable[Reading | Fault | Unavailable],
    error: BaseException | None,
    known: Mapping[Subject, Known],
    span: Span,
    what: str = "",
) -> Conclusion:
    """What a run meant that yielded these items and then raised `error`, if any; `what` names its thing in messages."""
    what = what or collector.name
    try:
        readings, faults, left_out = split_items(items)
    except Exception as wrong:  # noqa: BLE001  # a collector may yield anything
        faults = [_fault(what, wrong)]
        return Conclusion(classify_run((), faults), faults=faults)
    if isinstance(error, Unavailable):
        if not readings and not faults:
            return Conclusion(Outcome("unavailable", message=error.reason))
    elif error is not None:
        faults.append(_fault(what, error))
    kept: list[Reading] = []
    changes: list[Change] = []
    news: dict[Subject, Known] = {}
    for reading in readings:
        subject = subject_of(reading)
        try:
            new, happened = _follow(collector, reading, _find_known(known, subject, span.at), span)
            validate_values((*happened, new))
        except Exception as wrong:  # noqa: BLE001  # a reading that cannot be compared takes no sibling with it
            faults.append(_fault(_name(subject) or what, wrong))
            continue
        kept.append(new)
        changes += happened
        news[subject] = Known(new, span.at)
    return Conclusion(classify_run(kept, faults, left_out), kept, changes, faults, news)


def is_current(known: Known, now: float) -> bool:
    """Whether a reading is still to be compared with."""
    return known.at is None or now - known.at < BASELINE_SECONDS or _is_closed(type(known.reading))  # type: ignore[arg-type]  # mypy takes the hash of instances for that of the class


def move_times(reading: Reading, seconds: float) -> Reading:
    """The reading with its Unix times moved, because the wall clock was set by so many seconds."""
    values = zip(fields_of(type(reading)), values_of(reading), strict=True)
    times = {field.name: value for field, value in values if value is not None and _is_time(field)}
    return amend(reading, **{name: round(value + seconds, 3) for name, value in times.items()}) if times else reading


def split_items(items: Iterable[Reading | Fault | Unavailable]) -> tuple[list[Reading], list[Fault], str]:
    """Readings, faults, and words for what is left out. A reading that is like one before it becomes a fault."""
    readings: list[Reading] = []
    faults: list[Fault] = []
    reasons: list[str] = []
    subjects: set[Subject] = set()
    for item in items:
        if isinstance(item, Fault):
            faults.append(item)
            continue
        if isinstance(item, Unavailable):
            reasons.append(item.reason)
            continue
        subject = subject_of(item)
        if subject in subjects:
            faults.append(same_subject(subject))
        else:
            subjects.add(subject)
            readings.append(item)
    return readings, faults, "; ".join(reasons)


def same_subject(subject: Subject) -> Fault:
    """The fault of a reading whose labels are those of another."""
    return Fault(_name(subject) or subject[0], "duplicate", "two readings have the same labels")


def validate_values(bodies: Iterable[Body]) -> None:
    """Raise ValueError for what no output could write: it would take every other collector's values down with it.

    And for text of any length: each scrape and each stored line would carry it.
    """
    for body in bodies:
        for number, value in enumerate(values_of(body)):
            kind = type(value)  # most are integers, which need no further look
            if kind is float and not isfinite(value):
                raise ValueError(f"{body.event_name}: {field_names(type(body))[number]} is {value}")
            if kind is str:
                if len(value) > TEXT_CHARACTERS:
                    name = field_names(type(body))[number]
                    raise ValueError(f"{body.event_name}: {name} has {len(value)} characters")
                if not value.isascii():
                    value.encode()  # a lone surrogate, as a file name can hold, is no text


def first_faults(faults: Sequence[Fault]) -> Sequence[Fault]:
    """These faults in a length that can be said: the first ones, and one that stands for the others."""
    others = len(faults) - FAULTS_SAID
    said = [Fault(shorten(what, 200), error, shorten(words, 400)) for what, error, words in faults[:FAULTS_SAID]]
    return said if others <= 0 else [*said, Fault("others", faults[-1].error, f"{others} more")]


def describe_faults(faults: Sequence[Fault]) -> str:
    """What could not be read, in words."""
    return "; ".join(f"{fault.what}: {fault.message}" for fault in first_faults(faults))


def classify_run(readings: Sequence[Reading], faults: Sequence[Fault], left_out: str = "") -> Outcome:
    """How the run ended: well, perhaps with faults among it, with nothing to report, or with nothing but faults."""
    words = describe_faults(faults)
    if readings:
        return Outcome("ok", message=words, left_out=left_out)
    if not faults:
        return Outcome("unavailable", message=left_out or "there is nothing to report on this host", left_out=left_out)
    return Outcome("failed", faults[0].error, words, left_out)


def _follow(collector: Collector, reading: Reading, before: Known | None, span: Span) -> tuple[Reading, list[Change]]:
    """The reading, filled in by the one before it, and what happened between the two."""
    compare = collector.compare
    if compare is not None and before is not None:
        seconds = None
        # nor was it watched where a run in between could not read it
        if before.at is not None and before.at == span.before and span.watched_since <= before.at < span.at:
            seconds = span.at - before.at
        reading = compare(reading, before.reading, seconds)
    changes = collector.changes
    happened = [] if changes is None else list(changes(reading, None if before is None else before.reading))
    return reading, happened


def _find_known(known: Mapping[Subject, Known], subject: Subject, now: float) -> Known | None:
    before = known.get(subject)
    return before if before is not None and is_current(before, now) else None


def _name(subject: Subject) -> str:
    return " ".join(f"{label}" for label in subject[1:])


def _fault(what: str, error: BaseException) -> Fault:
    return Fault(what, error_class(error), f"{error}" or type(error).__name__)


def _is_time(field: Field) -> bool:
    return not isinstance(field.mark, Label) and field.mark.unit == "timestamp_seconds"


@cache
def _is_closed(kind: Any) -> bool:
    """Whether there are only so many subjects of this kind of reading."""
    return all(bool(f.mark.values) for f in fields_of(kind) if isinstance(f.mark, Label))
