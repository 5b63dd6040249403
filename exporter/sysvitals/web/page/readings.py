"""All readings in words, for those who look for what no panel shows."""

from collections.abc import Iterable, Iterator, Sequence

from sysvitals.model.event import Event, body_data
from sysvitals.model.reading import Reading as ReadingBody
from sysvitals.model.unit import format_value
from sysvitals.web.page.bounds import Bound, measure_texts
from sysvitals.web.page.values import units_of
from sysvitals.web.page.view import Reading

READINGS = Bound(400, 45_000)
"""`api/v1/state` has all."""

_FIELD_CHARACTERS = 12


def list_readings(events: Iterable[Event]) -> tuple[Sequence[Reading], int]:
    """The latest readings with their fields, by name, and how many were left out."""
    return READINGS.keep(list(_list_all(events)), _measure)


def _measure(reading: Reading) -> int:
    return sum(_FIELD_CHARACTERS + measure_texts(name, text) for name, text in reading.said)


def _list_all(events: Iterable[Event]) -> Iterator[Reading]:
    readings = (event for event in events if isinstance(event.body, ReadingBody))
    for event in sorted(readings, key=lambda event: (event.name, event.seq)):
        units = units_of(event)
        said = [
            (name.replace("_", " "), format_value(value, units[name])) for name, value in body_data(event.body).items()
        ]
        yield Reading(name_in_words(event.name), said)


def name_in_words(name: str) -> str:
    """An event's name as it is spoken: `disk io`."""
    return name.removeprefix("system.").removesuffix(".updated").replace(".", " ").replace("_", " ")
