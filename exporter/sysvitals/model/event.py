"""What an event is, and its one line of JSON."""

import json
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from functools import cache, lru_cache
from json.encoder import encode_basestring
from math import isfinite
from typing import Any, NamedTuple

from sysvitals.model.metric import Label
from sysvitals.model.reading import Body, Field, fields_of, values_of

SCHEMA_VERSION = 1
"""Grows when a stored line could no longer be read as before. Adding an event or an optional field does not do that."""


class Stamp(NamedTuple):
    """When and where: shared by all events that are published together.

    `time` is UTC wall time in Unix seconds; `uptime` is seconds since boot, and never goes back; `boot` is the kernel's
    boot id; `synced` tells whether the wall clock could be trusted (None: the kernel would not say).
    """

    time: float
    host: str
    boot: str
    uptime: float
    synced: bool | None


class Event(NamedTuple):
    """A stamped fact. `seq` grows within a boot, without gaps as long as one exporter runs.

    `thing` names the thing of its collector that a reading is of, where the collector reads several one by one: the
    readings of one run of one thing replace those of its run before.
    """

    stamp: Stamp
    seq: int
    body: Body
    thing: str = ""

    @property
    def name(self) -> str:
        """The event's name, such as `system.temperature.updated`."""
        return self.body.event_name


_JSON = {True: "true", False: "false", None: "null"}

_dump = json.JSONEncoder(ensure_ascii=False, separators=(",", ":"), allow_nan=False).encode


def encode_events(events: tuple[Event, ...]) -> list[str]:
    """One line of JSON for each event, without the end of line. Cheap where events share a stamp, as those of a run."""
    lines: list[str] = []
    stamp: Stamp | None = None
    head = tail = ""
    for event in events:
        if event.stamp is not stamp:
            stamp = event.stamp
            head = f'{{"time":"{format_time(stamp.time)}","name":"'
            tail = f',"uptime":{stamp.uptime:.3f},"synced":{_JSON[stamp.synced]},'
            middle = _middle(stamp.host, stamp.boot)
        thing = f'"thing":{_dump(event.thing)},' if event.thing else ""
        line = f'{head}{event.body.event_name}{middle}{event.seq}{tail}{thing}"data":{_encode_data(event.body)}}}'
        if not line.isascii():
            # a lone surrogate in a message cannot be written as UTF-8, as JSON's escape it can
            line = line.encode(errors="backslashreplace").decode()
        lines.append(line)
    return lines


@lru_cache(maxsize=4)
def _middle(host: str, boot: str) -> str:
    return f'","host":{_dump(host)},"boot":{_dump(boot)},"seq":'


def body_data(body: Body) -> dict[str, Any]:
    """The body's fields by name. What is unknown (None) is left out, and a label that is not needed (empty)."""
    values = zip(field_names(type(body)), values_of(body), strict=True)
    data = {name: value for name, value in values if value is not None}
    for name in _labels_that_may_be_empty(type(body)):  # type: ignore[arg-type]  # mypy takes the hash of instances for that of the class
        if not data[name]:
            del data[name]
    return data


def _encode_data(body: Body) -> str:
    # `body_data` as JSON. All readings pass here, and with a JSON encoder a line takes 1.6 times as long
    fields = zip(_keys(type(body)), values_of(body), strict=True)  # type: ignore[arg-type]  # as above
    parts = [
        f"{key}{_WRITERS.get(type(value), _dump)(value)}"
        for (key, may_be_empty), value in fields
        if value is not None and (value or not may_be_empty)
    ]
    return f"{{{','.join(parts)}}}"


@cache
def _keys(body: Any) -> tuple[tuple[str, bool], ...]:
    """Each field's name as JSON has it, and whether it is a label that is left out where it is empty."""
    return tuple((f"{_dump(name)}:", name in _labels_that_may_be_empty(body)) for name in field_names(body))


def _write_float(value: float) -> str:
    return repr(value) if isfinite(value) else _dump(value)  # which refuses it


_WRITERS: Mapping[type, Callable[[Any], str]] = {
    str: encode_basestring,
    int: repr,
    float: _write_float,
    bool: {True: "true", False: "false"}.__getitem__,
}


@cache
def _labels_that_may_be_empty(body: Any) -> tuple[str, ...]:
    return tuple(f.name for f in fields_of(body) if isinstance(f.mark, Label) and not f.required)


def decode_event(line: str, bodies: Mapping[str, type[Body]]) -> Event | None:
    """The event of one stored line, or None where this version does not know its name.

    A field that this version does not know is passed over, one that an older version did not write takes its default.
    Raises ValueError for a line that is no event.
    """
    try:
        envelope = load_line(line)
        stamp = Stamp(
            time=parse_time(envelope["time"]),
            host=str(envelope["host"]),
            boot=str(envelope["boot"]),
            uptime=_finite(float(envelope["uptime"])),
            synced=_known_or_none(envelope["synced"]),
        )
        seq, name, data = int(envelope["seq"]), envelope["name"], envelope["data"]
        body = bodies.get(name)
        if body is None:
            return None
        return Event(stamp, seq, _body(body, data), str(envelope.get("thing", "")))
    except (KeyError, TypeError, AttributeError, OverflowError, RecursionError) as error:
        raise ValueError(f"no event: {error!r}") from error


EARLIEST, LATEST = -62_135_596_800.0, 253_402_300_799.0
"""Unix times of the years 1 and 9999: others cannot be written."""


def format_time(seconds: float) -> str:
    """Unix seconds from `EARLIEST` to `LATEST` as `2026-01-01T12:00:00.000Z`."""
    return datetime.fromtimestamp(seconds, UTC).isoformat(timespec="milliseconds").removesuffix("+00:00") + "Z"


def parse_time(text: str) -> float:
    """Unix seconds of `2026-01-01T12:00:00.000Z`. Raises ValueError."""
    time = datetime.fromisoformat(text)
    if time.tzinfo is None:
        raise ValueError(f"{text}: a time without its zone is no time")
    return time.timestamp()


def field_names(body: type[Body]) -> tuple[str, ...]:
    """Names of the body's fields, in the order declared."""
    names = _names.get(body)
    if names is None:
        names = _names[body] = tuple(f.name for f in fields_of(body))
    return names


_names: dict[type[Body], tuple[str, ...]] = {}


def _refuse(constant: str) -> float:
    raise ValueError(f"{constant} is no number")


load_line = json.JSONDecoder(parse_constant=_refuse).decode


def _known_or_none(synced: Any) -> bool | None:
    if synced is not None and not isinstance(synced, bool):
        raise TypeError(f"synced: {synced!r} is neither true, false nor null")
    return synced


def _finite(number: float) -> float:
    if not isfinite(number):
        raise ValueError(f"{number} is no number")
    return number


def _body(body: type[Body], data: Mapping[str, Any]) -> Body:
    if not isinstance(data, dict):
        raise TypeError(f"data: {data!r} is no object")
    values = {f.name: _value(f, data.get(f.name)) for f in fields_of(body) if f.name in data or f.required}
    return body(**values)


def _value(field: Field, value: Any) -> Any:
    if value is None and field.optional:
        return None
    if field.type is float and isinstance(value, int) and not isinstance(value, bool):
        return float(value)
    if isinstance(value, float):
        _finite(value)
    if type(value) is not field.type:
        raise TypeError(f"{field.name}: {value!r} is no {field.type.__name__}")
    return value
