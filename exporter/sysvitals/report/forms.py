"""Events of the history as a table, as lines of JSON, and as CSV."""

import csv
import io
import json
from collections.abc import Callable, Iterable, Mapping
from math import isfinite

from sysvitals.history.selection import Found
from sysvitals.model.choice import is_reading
from sysvitals.model.event import format_time
from sysvitals.model.reading import Body, fields_of
from sysvitals.model.visible import visible
from sysvitals.outputs.event_lines import describe_line, format_clock

Bodies = Mapping[str, type[Body]]
Form = Callable[[Found], str]

MARKS = {"": "", "placed": "~", "unset": "?"}
"""What stands behind a time in a table, by how it is known."""

LEGEND = {
    "placed": "~ time by the uptime: the clock was not yet set then",
    "unset": "? time by a clock that was not set in that boot",
}

_HEAD = ("time", "how", "name", "host", "boot", "seq", "uptime")
_FORMULA = ("=", "+", "-", "@", "\t", "\r")
"""How a cell begins that spreadsheets would run."""


def build_table(bodies: Bodies, *, colours: bool) -> Form:
    """Lines for people, in local time."""
    units = {name: {f.name: f.unit for f in fields_of(body)} for name, body in bodies.items() if is_reading(name)}

    def form(event: Found) -> str:
        moment = f"{format_clock(event.time, '%Y-%m-%d %H:%M:%S')}{MARKS[event.how]}"
        return describe_line(moment, event.name, event.data, units.get(event.name, {}), colours=colours)

    return form


def form_json(event: Found) -> str:
    """The line as it was stored; where its time was put right, with that time and the mark `placed`."""
    if event.how != "placed":
        return visible(event.text)
    # 1e999 is a number for JSON, and none for Python: what is not known is left empty
    stored = json.loads(event.text, parse_float=lambda text: number if isfinite(number := float(text)) else None)
    envelope = {**stored, "time": format_time(event.time), "placed": True}
    return visible(json.dumps(envelope, ensure_ascii=False, separators=(",", ":")))


def build_csv(bodies: Bodies, names: Iterable[str]) -> tuple[str, Form]:
    """The line of headings, and what makes the others: a column for each field that events of these names have."""
    known = [f.name for name in names if name in bodies for f in fields_of(bodies[name])]
    columns = tuple(dict.fromkeys(column for column in known if column not in _HEAD))

    def form(event: Found) -> str:
        head = (format_time(event.time), event.how, event.name, event.host, event.boot, event.seq, event.uptime)
        return _join((*head, *(event.data.get(column) for column in columns)))

    return _join((*_HEAD, *columns)), form


def _join(cells: Iterable[object]) -> str:
    line = io.StringIO()
    csv.writer(line, lineterminator="").writerow(map(_cell, cells))
    return line.getvalue()


def _cell(value: object) -> object:
    if isinstance(value, bool):
        return "true" if value else "false"
    if value is None or isinstance(value, int | float):
        return value
    text = visible(f"{value}")
    return f"'{text}" if text.startswith(_FORMULA) else text
