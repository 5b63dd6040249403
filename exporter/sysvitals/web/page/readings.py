"""All readings in words, for those who look for what no panel shows."""

from collections.abc import Iterable, Iterator

from sysvitals.model.event import Event, body_data
from sysvitals.model.reading import Reading as ReadingBody
from sysvitals.model.unit import format_value
from sysvitals.web.page.values import units_of
from sysvitals.web.page.view import Reading

MOST_READINGS = 400
"""As many are on the page; `api/v1/state` has all."""


def list_readings(events: Iterable[Event]) -> Iterator[Reading]:
    """Each latest reading with its fields, by name."""
    readings = (event for event in events if isinstance(event.body, ReadingBody))
    for event in sorted(readings, key=lambda event: (event.name, event.seq)):
        units = units_of(event)
        said = [(name.replace("_", " "), format_value(value, units[name])) for name, value in body_data(event.body).items()]
        yield Reading(name_in_words(event.name), said)


def name_in_words(name: str) -> str:
    """An event's name as it is spoken: `disk io`."""
    return name.removeprefix("system.").removesuffix(".updated").replace(".", " ").replace("_", " ")
