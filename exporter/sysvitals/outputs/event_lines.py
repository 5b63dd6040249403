"""Events as lines for people at a terminal: what happened as a sentence, what was measured with its units."""

import time
from collections.abc import Callable, Mapping
from functools import cache
from typing import Any

from sysvitals.model.choice import is_reading
from sysvitals.model.event import Event, body_data
from sysvitals.model.reading import fields_of
from sysvitals.model.sentence import describe_change, describe_reading
from sysvitals.model.unit import UNKNOWN
from sysvitals.outputs.terminal import FAINT, paint

COLOURS = {"critical": "31", "warning": "33", "good": "32", "note": ""}
"""How what happened is painted, by how bad it is."""


def build_lines(is_wanted: Callable[[str], bool], *, colours: bool) -> Callable[[tuple[Event, ...]], list[str]]:
    """Return what makes lines of those events whose name is wanted. They can go to a terminal as they are."""

    def describe(events: tuple[Event, ...]) -> list[str]:
        return [describe_event(event, colours=colours) for event in events if is_wanted(event.name)]

    return describe


def describe_event(event: Event, *, colours: bool = False) -> str:
    """The event in one readable line, local time."""
    units = {} if not is_reading(event.name) else _units(type(event.body))  # type: ignore[arg-type]  # mypy takes the hash of instances for that of the class
    return describe_line(format_clock(event.stamp.time), event.name, body_data(event.body), units, colours=colours)


def describe_line(
    moment: str, name: str, data: Mapping[str, Any], units: Mapping[str, str], *, colours: bool = False
) -> str:
    """The same of a stored line: `moment` stands in front, and `units` are those of a reading's fields."""
    if is_reading(name):
        return f"{moment}  {paint(describe_reading(name, data, units), FAINT if colours else '')}"
    text, level = describe_change(name, data)
    return f"{moment}  {paint(text, COLOURS[level] if colours else '')}"


def format_clock(seconds: float, form: str = "%H:%M:%S") -> str:
    """Unix seconds in local time."""
    # not datetime, which ends with the year 9999, east of Greenwich some hours before
    try:
        moment = time.localtime(seconds)
        return time.strftime(form.replace("%Y", f"{moment.tm_year:04}"), moment)  # glibc writes the year 1 as 1
    except (OverflowError, ValueError, OSError):
        return UNKNOWN


@cache
def _units(body: Any) -> dict[str, str]:
    return {f.name: f.unit for f in fields_of(body)}
