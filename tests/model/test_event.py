import json
import re
from collections.abc import Mapping
from typing import Annotated, Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sysvitals.collectors import COLLECTORS
from sysvitals.model.catalog import build_catalog
from sysvitals.model.changes import CHANGES
from sysvitals.model.event import (
    Event,
    Stamp,
    body_data,
    decode_event,
    encode_events,
    field_names,
    format_time,
    parse_time,
)
from sysvitals.model.metric import Detail, Gauge, Label
from sysvitals.model.reading import Body, Reading, fields_of


class Probe(Reading, event="system.probe.updated"):
    """One of every kind of field."""

    sensor: Annotated[str, Label("Which.")]
    celsius: Annotated[float, Gauge("probe", unit="celsius", help="x")]
    size: Annotated[int, Gauge("probe_size", unit="bytes", help="x")]
    on: Annotated[bool, Gauge("probe_on", help="x")]
    critical: Annotated[float | None, Detail("x")] = None
    added_later: Annotated[int, Detail("x")] = 5


BODIES: Mapping[str, type[Body]] = {Probe.event_name: Probe}
STORED = {**BODIES, **build_catalog(COLLECTORS, CHANGES).bodies}
STAMP = Stamp(1_767_268_800.0, "pi4", "b-1", 8123.41, synced=True)
PROBE = Probe(sensor="x", celsius=1.5, size=3, on=True)
LINE = (
    '{"time":"2026-01-01T12:00:00.000Z","name":"system.probe.updated","host":"pi4","boot":"b-1","seq":1042,'
    '"uptime":8123.410,"synced":true,'
    '"data":{"sensor":"x","celsius":1.5,"size":3,"on":true,"added_later":5}}'
)

ANY_TEXT = st.text(st.characters(codec=None))
VALUES: dict[type, st.SearchStrategy[Any]] = {
    str: ANY_TEXT,
    int: st.integers(-(1 << 63), (1 << 64) - 1),
    float: st.floats(allow_nan=False, allow_infinity=False),
    bool: st.booleans(),
}


def bodies(kind: type[Body]) -> st.SearchStrategy[Body]:
    values = {f.name: st.one_of(st.none(), VALUES[f.type]) if f.optional else VALUES[f.type] for f in fields_of(kind)}
    return st.builds(kind, **values)


STAMPS = st.builds(
    Stamp,
    time=st.integers(0, 7_258_118_400_000).map(lambda milliseconds: milliseconds / 1000),
    host=ANY_TEXT,
    boot=ANY_TEXT,
    uptime=st.integers(0, 1 << 40).map(lambda milliseconds: milliseconds / 1000),
    synced=st.sampled_from([True, False, None]),
)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | ANY_TEXT | st.just(10**400),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(ANY_TEXT, inner, max_size=3),
    max_leaves=5,
)


def changed(**parts: Any) -> str:
    """The line with these parts of its envelope changed; `...` takes one out."""
    envelope = {**json.loads(LINE), **parts}
    return json.dumps({name: value for name, value in envelope.items() if value is not ...})


def with_data(**parts: Any) -> str:
    """The line with these parts of its data changed; `...` takes one out."""
    data = {**json.loads(LINE)["data"], **parts}
    return changed(data={name: value for name, value in data.items() if value is not ...})


def test_a_line_is_as_the_design_says() -> None:
    assert encode_events((Event(STAMP, 1042, PROBE),)) == [LINE]


def test_the_line_is_read_back_as_the_event() -> None:
    assert decode_event(LINE, BODIES) == Event(STAMP, 1042, PROBE)


def test_what_is_unknown_is_left_out() -> None:
    assert "critical" not in body_data(PROBE)
    assert body_data(Probe(sensor="x", celsius=0.0, size=0, on=False, critical=0.0, added_later=0)) == {
        "sensor": "x", "celsius": 0.0, "size": 0, "on": False, "critical": 0.0, "added_later": 0,
    }  # fmt: skip
    assert field_names(Probe) == ("sensor", "celsius", "size", "on", "critical", "added_later")


@settings(max_examples=200, deadline=None)
@given(st.data())
def test_each_event_that_there_is_comes_back_as_it_was_stored(data: st.DataObject) -> None:
    kind = data.draw(st.sampled_from(sorted(STORED.values(), key=lambda body: body.event_name)))
    first, second = data.draw(STAMPS), data.draw(STAMPS)
    events = tuple(
        Event(stamp, data.draw(st.integers(0, 1 << 53)), data.draw(bodies(kind))) for stamp in (first, first, second)
    )
    lines = encode_events(events)
    assert [decode_event(line, STORED) for line in lines] == list(events)
    for line in lines:
        assert b"\n" not in line.encode()
        assert b"\r" not in line.encode()
        json.loads(line)


def test_a_name_that_is_no_unicode_does_not_keep_the_event_from_being_stored() -> None:
    event = Event(STAMP, 1, Probe(sensor="disk ü \udcff", celsius=1.0, size=1, on=True))
    [line] = encode_events((event,))
    assert decode_event(line.encode().decode(), BODIES) == event


@settings(max_examples=200, deadline=None)
@given(st.data())
def test_the_data_of_an_event_are_written_as_json_writes_them(data: st.DataObject) -> None:
    body = data.draw(bodies(data.draw(st.sampled_from(sorted(STORED.values(), key=lambda body: body.event_name)))))
    [line] = encode_events((Event(STAMP, 1, body),))
    expected = json.dumps(body_data(body), ensure_ascii=False, separators=(",", ":"))
    assert line.endswith(f',"data":{expected.encode(errors="backslashreplace").decode()}}}')


class Watts(float):
    """A number of a class of its own, as a library may give it."""


def test_a_number_of_another_class_is_written_as_the_number_that_it_is() -> None:
    [line] = encode_events((Event(STAMP, 1042, Probe(sensor="x", celsius=Watts(1.5), size=3, on=True)),))
    assert line == LINE


@pytest.mark.parametrize("value", [float("nan"), float("inf"), float("-inf")])
def test_what_json_cannot_hold_is_not_written(value: float) -> None:
    with pytest.raises(ValueError, match=r"."):
        encode_events((Event(STAMP, 1, Probe(sensor="x", celsius=value, size=3, on=True)),))


def test_no_events_are_no_lines() -> None:
    assert encode_events(()) == []


def test_a_field_that_is_not_known_is_passed_over() -> None:
    event = decode_event(changed(data={**body_data(PROBE), "colour": [1, {"a": None}]}, shard=7), BODIES)
    assert event is not None
    assert event.body == PROBE


def test_an_event_that_is_not_known_is_none() -> None:
    assert decode_event(changed(name="system.future.updated", data={"anything": 1}), BODIES) is None


def test_a_line_of_an_older_version_gets_the_defaults_of_what_it_did_not_write() -> None:
    event = decode_event(with_data(added_later=...), BODIES)
    assert event is not None
    assert event.body == PROBE


def test_a_whole_number_is_taken_for_a_float_and_nothing_else_is_bent() -> None:
    event = decode_event(with_data(celsius=2), BODIES)
    assert event is not None
    assert isinstance(event.body, Probe)
    assert type(event.body.celsius) is float
    assert event.body.celsius == 2.0


@pytest.mark.parametrize(
    "line",
    [
        "", "null", "7", "[]", '"text"', "{}", LINE[:-1], LINE[:40], LINE + "x", "\0" * 512, "[" * 100_000,
        changed(time=...), changed(time=None), changed(time="yesterday"), changed(time=12),
        changed(time="2026-01-01T12:00:00.000"), changed(time="0001-01-01T00:00:00"), changed(time="2026-01-01"),
        changed(seq="x"), changed(seq=None), changed(seq=[]), LINE.replace("1042", "1e999"),
        LINE.replace("1042", "Infinity"), LINE.replace("1042", "NaN"), LINE.replace("1042", "9" * 5000),
        changed(uptime="x"), changed(uptime=10**400), changed(uptime="nan"), LINE.replace("8123.410", "1e999"),
        changed(synced=...), changed(synced=1), changed(synced="yes"), changed(synced=[]),
        changed(name=[]), changed(name={}), changed(name=...),
        changed(data=...), changed(data=None), changed(data=[]), changed(data="sensor"), changed(data=3),
        with_data(sensor=...), with_data(sensor=3), with_data(sensor=None),
        with_data(celsius="1.5"), with_data(celsius=True), with_data(celsius=10**400),
        LINE.replace("1.5", "NaN"), LINE.replace("1.5", "-Infinity"), LINE.replace("1.5", "1e999"),
        with_data(size=3.0), with_data(size=True), with_data(on=1), with_data(critical="x"),
        with_data(added_later=None),
    ],
)  # fmt: skip
def test_a_line_that_is_no_event_is_a_value_error(line: str) -> None:
    with pytest.raises(ValueError, match=r"."):
        decode_event(line, BODIES)


@settings(max_examples=200, deadline=None)
@given(st.one_of(st.text(), JSON.map(json.dumps)))
def test_whatever_text_a_line_holds_only_a_value_error_is_raised(line: str) -> None:
    try:
        decode_event(line, BODIES)
    except ValueError:
        pass
    else:
        raise AssertionError(line)


@settings(max_examples=300, deadline=None)
@given(st.sampled_from(sorted(json.loads(LINE))), st.sampled_from([*field_names(Probe), None]), JSON)
def test_a_line_with_any_one_part_replaced_is_an_event_or_a_value_error(
    part: str, field: str | None, value: Any
) -> None:
    line = with_data(**{field: value}) if part == "data" and field else changed(**{part: value})
    try:
        event = decode_event(line, BODIES)
    except ValueError:
        return
    if event is not None:
        [again] = encode_events((event,))
        assert decode_event(again.encode().decode(), BODIES) is not None


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0.0, "1970-01-01T00:00:00.000Z"),
        (1_767_268_800.0, "2026-01-01T12:00:00.000Z"),
        (1_767_268_800.0625, "2026-01-01T12:00:00.062Z"),
        (1_767_268_799.9996, "2026-01-01T11:59:59.999Z"),
        (4_102_444_799.999, "2099-12-31T23:59:59.999Z"),
    ],
)
def test_times_are_utc_with_milliseconds(seconds: float, text: str) -> None:
    assert format_time(seconds) == text
    assert parse_time(text) == pytest.approx(seconds, abs=0.001)


@settings(deadline=None)
@given(st.integers(0, 7_258_118_400_000))
def test_each_millisecond_comes_back(milliseconds: int) -> None:
    text = format_time(milliseconds / 1000)
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", text)
    assert parse_time(text) == milliseconds / 1000
