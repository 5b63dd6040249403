"""Values of events as the page shows them, and what the verdict says of their subjects."""

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from sysvitals.judgement.verdict import Level, Reason
from sysvitals.model.event import Event
from sysvitals.model.reading import fields_of, labels_of
from sysvitals.model.samples import Samples
from sysvitals.model.unit import format_value
from sysvitals.web.page.times import LocalTime, say_time
from sysvitals.web.page.view import Bar, Subject, Value, Words


@dataclass(frozen=True, slots=True, kw_only=True)
class Look:
    """What panels and tiles are made from: the latest readings by name, and the reasons of the verdict.

    `busy` is how busy each CPU is, in percent.
    """

    events: Mapping[str, Sequence[Event]]
    samples: Samples
    reasons: Sequence[Reason]
    busy: Mapping[str, float]
    now: float
    zone: LocalTime

    def all(self, name: str) -> Sequence[Event]:
        """The latest events of `system.NAME.updated`, one a subject."""
        return self.events.get(f"system.{name}.updated", ())

    def one(self, name: str) -> Event | None:
        """The latest event of a name that has one subject."""
        return next(iter(self.all(name)), None)

    def grade(self, area: str, name: str | None = None) -> str:
        """The worst level of what the verdict says now of this area, or of this subject there; empty where nothing."""
        levels = [
            reason.level
            for reason in self.reasons
            if reason.area == area
            and reason.last is None
            and reason.level > Level.NOTE
            and (name is None or name in reason.subject)
        ]
        return max(levels).name.lower() if levels else ""


def text_of(event: Event, name: str) -> str:
    """A label or a text of the event."""
    return str(getattr(event.body, name))


def number_of(event: Event | None, name: str) -> float | None:
    """A number of the event, where there is one."""
    return None if event is None else getattr(event.body, name)


def subject_of(event: Event) -> Subject:
    """Whose values these are."""
    labels = {name: getattr(event.body, name) for name in labels_of(type(event.body))}
    return Subject(event.name, json.dumps(labels))


def units_of(event: Event) -> Mapping[str, str]:
    """The unit of each field of the event; text has none."""
    return {declared.name: declared.unit for declared in fields_of(type(event.body))}


def show(event: Event | None, name: str, level: str = "") -> Value:
    """A field in its unit; a dash where it is not known."""
    if event is None:
        return Value(format_value(None))
    unit = units_of(event)[name]
    return Value(format_value(getattr(event.body, name), unit), subject_of(event), name, unit, level=level)


def show_words(event: Event, name: str, words: Words, level: str = "") -> Value:
    """A yes or no in words."""
    value = getattr(event.body, name)
    text = format_value(None) if value is None else words.yes if value else words.no
    return Value(text, subject_of(event), name, words=words, level=level)


def show_time(event: Event, name: str, look: Look) -> Value:
    """A time, as short as it is clear."""
    value = getattr(event.body, name)
    return Value(format_value(None) if value is None else say_time(value, look.now, look.zone))


class Scale(NamedTuple):
    """Where a bar begins and ends, and where it has a mark, in the unit of its value."""

    low: float = 0
    high: float = 100
    mark: float | None = None

    def place(self, value: float) -> float:
        """How far along this value is, in percent."""
        return round(100 * min(max((value - self.low) / (self.high - self.low), 0), 1), 1)


PERCENT = Scale()


def show_bar(event: Event, name: str, level: str = "", scale: Scale = PERCENT) -> Value:
    """A field as a bar; an empty one where it is not known."""
    value = getattr(event.body, name)
    mark = None if scale.mark is None else scale.place(scale.mark)
    bar = Bar(scale.place(scale.low if value is None else value), scale.low, scale.high, mark)
    return Value("", subject_of(event), name, level=level, bar=bar)


def say(text: str, level: str = "") -> Value:
    """A text that does not change by itself."""
    return Value(text, level=level)


def join(groups: Iterable[Sequence[Value]], between: str = " · ") -> list[Value]:
    """All pieces, with a text between the groups."""
    found: list[Value] = []
    for group in groups:
        found += [say(between), *group] if found else group
    return found
