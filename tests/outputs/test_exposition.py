import re
import subprocess
from collections import Counter as Tally
from typing import Annotated

import pytest
from hypothesis import given
from hypothesis import strategies as st
from prometheus_client import Metric as PrometheusMetric
from prometheus_client.openmetrics.parser import text_string_to_metric_families as parse_openmetrics
from prometheus_client.parser import text_string_to_metric_families as parse_plain

from sysvitals.collectors.catalog import build_full_catalog
from sysvitals.model.catalog import build_catalog
from sysvitals.model.collector import Collector
from sysvitals.model.metric import Counter, Detail, Gauge, Info, Label, Metric
from sysvitals.model.reading import Body, Field, Reading, fields_of, labels_of
from sysvitals.outputs.exposition import Exposition
from sysvitals.outputs.text_format import PLAIN
from tests.tools import need_tool

PROMETHEUS_2_42 = (
    "application/openmetrics-text;version=1.0.0,application/openmetrics-text;version=0.0.1;q=0.75,"
    "text/plain;version=0.0.4;q=0.5,*/*;q=0.1"
)
PROMETHEUS_3 = (
    "application/openmetrics-text;version=1.0.0;escaping=allow-utf-8;q=0.6,"
    "application/openmetrics-text;version=0.0.1;q=0.5,text/plain;version=1.0.0;escaping=allow-utf-8;q=0.4,"
    "text/plain;version=0.0.4;q=0.3,*/*;q=0.2"
)
OPENMETRICS = "application/openmetrics-text; version=1.0.0; charset=utf-8"
HOSTILE = [
    'a "quoted" name',
    "back\\slash",
    "two\nlines",
    "\\n is no line break",
    "ends in a backslash\\",
    "",
    " ",
    "żółw 🐢 日本",
    "tab\tand\rreturn\x00\x1b[31m",
    "a,b={}#",
    "\u2028\u202e",
]


class Thing(Reading, event="system.thing.updated"):
    """One thing."""

    name: Annotated[str, Label("Its name.")]
    heat: Annotated[float | None, Gauge("thing", unit="celsius", help="Heat of the thing.")] = None
    seen: Annotated[float | None, Gauge("thing_seen", unit="timestamp_seconds", help="When it was seen.")] = None
    read: Annotated[int | None, Counter("thing_read", unit="bytes", help='Bytes, "read"\nand \\ more.')] = None
    on: Annotated[bool | None, Gauge("thing_on", help="Whether it is on.")] = None
    user: Annotated[float | None, Counter("thing_work", unit="seconds", help="Work.").at(mode="user")] = None
    idle: Annotated[float | None, Counter("thing_work", unit="seconds", help="Work.").at(mode="idle")] = None
    maker: Annotated[str | None, Info("thing", help="Who made it.")] = None
    model: Annotated[str | None, Info("thing", help="What it is.")] = None
    share: Annotated[float | None, Detail("Not for Prometheus.", unit="percent")] = None


class Bare(Reading, event="system.bare.updated"):
    """Something of which there is just one."""

    count: Annotated[int, Gauge("bare", help="How many.")]


CATALOG = build_catalog([Collector(name="thing", help="Things.", readings=(Thing, Bare), read=lambda _host: ())])
FULL_CATALOG = build_full_catalog()


def expose(*bodies: Body, accept: str = "") -> str:
    return Exposition(CATALOG).render(bodies, accept)[0].decode()


def parse(text: str) -> list[PrometheusMetric]:
    if text.endswith("# EOF\n"):
        return list(parse_openmetrics(text))  # type: ignore[no-untyped-call]
    return list(parse_plain(text))


def samples(text: str) -> list[tuple[str, dict[str, str], float]]:
    return [(found.name, found.labels, found.value) for family in parse(text) for found in family.samples]


def full_body(body: type[Body], number: int) -> Body:
    """A body in which everything is known, down to the last optional field."""

    def value(field: Field) -> object:
        if field.type is str:
            allowed = getattr(field.mark, "values", ())
            return allowed[number % len(allowed)] if allowed else f"{field.name} {number}"
        return field.type(number)

    return body(**{field.name: value(field) for field in fields_of(body)})


def full_bodies() -> list[Body]:
    """Two of each body that has labels, one of each other."""
    return [
        full_body(body, number)
        for body in FULL_CATALOG.bodies.values()
        for number in (range(2) if labels_of(body) else (1,))
    ]


# ---- values and names


def test_each_kind_of_field_becomes_the_sample_it_is_declared_to_be() -> None:
    thing = Thing(name="a", heat=41.5, seen=1.5, read=7, on=True, user=1.0, idle=2.0, maker="M", model="X", share=50.0)
    assert samples(expose(thing)) == [
        ("system_thing_celsius", {"name": "a"}, 41.5),
        ("system_thing_info", {"name": "a", "maker": "M", "model": "X"}, 1.0),
        ("system_thing_on", {"name": "a"}, 1.0),
        ("system_thing_read_bytes_total", {"name": "a"}, 7.0),
        ("system_thing_seen_timestamp_seconds", {"name": "a"}, 1.5),
        ("system_thing_work_seconds_total", {"name": "a", "mode": "user"}, 1.0),
        ("system_thing_work_seconds_total", {"name": "a", "mode": "idle"}, 2.0),
    ]


def test_what_is_unknown_has_no_series_and_no_empty_family() -> None:
    assert expose(Thing(name="a")) == ""
    assert "system_thing_celsius" not in expose(Thing(name="a", on=False))


def test_zero_false_and_empty_text_are_known_values() -> None:
    assert samples(expose(Thing(name="a", heat=0.0, read=0, on=False, maker=""))) == [
        ("system_thing_celsius", {"name": "a"}, 0.0),
        ("system_thing_info", {"name": "a", "maker": ""}, 1.0),
        ("system_thing_on", {"name": "a"}, 0.0),
        ("system_thing_read_bytes_total", {"name": "a"}, 0.0),
    ]


def test_an_info_holds_the_texts_that_are_known() -> None:
    assert samples(expose(Thing(name="a", model="X"))) == [("system_thing_info", {"name": "a", "model": "X"}, 1.0)]


def test_a_family_comes_once_with_one_help_and_type_however_its_bodies_are_mixed() -> None:
    bodies = [Thing(name="a", on=True), Bare(count=1), Thing(name="b", on=True, heat=1.0), Thing(name="c", on=False)]
    for accept in ("", OPENMETRICS):
        text = expose(*bodies, accept=accept)
        assert Tally(re.findall(r"^# (?:HELP|TYPE) \S+", text, re.MULTILINE)).most_common(1)[0][1] == 1
        assert [family.name for family in parse(text)] == ["system_bare", "system_thing_celsius", "system_thing_on"]
        assert len(samples(text)) == 5


def test_what_is_gone_from_the_bodies_is_gone_from_the_exposition() -> None:
    exposition = Exposition(CATALOG)

    def names(*things: Thing) -> list[str]:
        return [labels["name"] for _, labels, _ in samples(exposition.render(things)[0].decode())]

    assert names(Thing(name="a", on=True), Thing(name="b", on=True)) == ["a", "b"]
    assert names(Thing(name="b", on=True)) == ["b"]
    assert names(Thing(name="b")) == []
    assert names() == []


def test_a_body_without_metrics_is_no_family() -> None:
    changes = [full_body(body, 1) for body in FULL_CATALOG.bodies.values() if body.event_name.startswith("collector.")]
    assert changes
    assert Exposition(FULL_CATALOG).render(changes)[0] == b""


def test_no_sample_has_a_timestamp() -> None:
    for accept in ("", OPENMETRICS):
        for line in expose(Thing(name="a", heat=1.0, read=7), accept=accept).splitlines():
            assert line.startswith("#") or len(line.split()) == 2


@pytest.mark.parametrize("value", [0, 1, 255, 1 << 53, 999_999_999, 10_000_000, 1_789_905_600, 123_456_789_012_345])
def test_whole_numbers_are_exact(value: int) -> None:
    assert samples(expose(Thing(name="a", read=value)))[0][2] == value


@given(st.floats(allow_nan=False, allow_infinity=False))
def test_any_number_is_exact(value: float) -> None:
    for accept in ("", OPENMETRICS):
        assert samples(expose(Thing(name="a", heat=value), accept=accept))[0][2] == value


# ---- escaping


@pytest.mark.parametrize("accept", ["", OPENMETRICS, PROMETHEUS_2_42, PROMETHEUS_3])
@pytest.mark.parametrize("name", HOSTILE)
def test_any_name_comes_through_as_it_is(name: str, accept: str) -> None:
    thing = Thing(name=name, on=True, maker=name)
    text = expose(thing, accept=accept)
    assert [labels for _, labels, _ in samples(text)] == [{"name": name, "maker": name}, {"name": name}]
    assert len([line for line in text.split("\n") if line and not line.startswith("#")]) == 2


@given(st.lists(st.text(st.characters(exclude_categories=["Cs"])), unique=True, max_size=5))
def test_names_from_the_host_can_neither_break_a_line_nor_be_taken_for_each_other(texts: list[str]) -> None:
    things = [Thing(name=text, on=True) for text in texts]
    plain, openmetrics = expose(*things), expose(*things, accept=OPENMETRICS)
    expected = [("system_thing_on", {"name": text}, 1.0) for text in texts]
    assert samples(plain) == samples(openmetrics) == expected


@pytest.mark.parametrize("accept", ["", OPENMETRICS])
def test_a_help_text_stays_on_its_line(accept: str) -> None:
    text = expose(Thing(name="a", read=7), accept=accept)
    assert [family.documentation for family in parse(text)] == ['Bytes, "read"\nand \\ more.']


def test_promtool_reads_hostile_names_too() -> None:
    text = expose(*(Thing(name=name, on=True) for name in HOSTILE))
    assert ask_promtool(text.encode()) == ""


# ---- the format


@pytest.mark.parametrize(
    ("accept", "content_type"),
    [
        ("", PLAIN),
        ("*/*", PLAIN),
        ("text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8", PLAIN),
        ("text/plain", PLAIN),
        ("text/plain;version=0.0.4", PLAIN),
        ("application/vnd.google.protobuf;proto=io.prometheus.client.MetricFamily;encoding=delimited;q=0.7", PLAIN),
        ("application/openmetrics-text;version=0.0.1", PLAIN),
        ("application/openmetrics-text", OPENMETRICS),
        (PROMETHEUS_2_42, f"{OPENMETRICS}; escaping=underscores"),
        (PROMETHEUS_3, f"{OPENMETRICS}; escaping=allow-utf-8"),
        (
            "text/plain;version=1.0.0;escaping=allow-utf-8",
            "text/plain; version=1.0.0; charset=utf-8; escaping=allow-utf-8",
        ),
    ],
)
def test_the_format_is_the_one_asked_for(accept: str, content_type: str) -> None:
    body, answered = Exposition(CATALOG).render([Bare(count=1)], accept)
    assert answered == content_type
    assert body.endswith(b"# EOF\n") == ("openmetrics" in content_type)
    assert samples(body.decode()) == [("system_bare", {}, 1.0)]


@pytest.mark.parametrize(
    "accept",
    [
        "application/openmetrics-text;version=abc",
        "application/openmetrics-text;version=1.0.0-rc1",
        "application/openmetrics-text;version=1.x",
        "application/openmetrics-text;version=",
        "application/openmetrics-text;version==",
        "application/openmetrics-text;version=" + "9" * 5000,
        "text/plain;version=x",
        "text/plain;version=\xb2",
        ";;;,,,===",
        "\xff\xfe",
        "," * 1000,
    ],
)
def test_an_accept_header_that_makes_no_sense_is_answered_all_the_same(accept: str) -> None:
    body, content_type = Exposition(CATALOG).render([Bare(count=1)], accept)
    assert samples(body.decode()) == [("system_bare", {}, 1.0)]
    assert content_type.startswith("application/openmetrics-text") == body.endswith(b"# EOF\n")
    assert content_type == PLAIN or "version=1.0.0;" in content_type


@given(st.text(st.characters(max_codepoint=255)) | st.from_regex(r"(application/openmetrics-text|text/plain);.*"))
def test_whatever_is_asked_for_is_answered(accept: str) -> None:
    body, content_type = Exposition(CATALOG).render([Bare(count=1)], accept)
    assert content_type.startswith("application/openmetrics-text") == body.endswith(b"# EOF\n")


@pytest.mark.parametrize("version", ["1.0.1", "1.1.0", "2.0.0", "7.1.x"])
def test_no_version_is_promised_that_is_not_written(version: str) -> None:
    _, content_type = Exposition(CATALOG).render([], f"application/openmetrics-text;version={version}")
    assert "version=1.0.0;" in content_type


def test_openmetrics_ends_once_even_when_there_is_nothing() -> None:
    assert Exposition(CATALOG).render([], OPENMETRICS)[0] == b"# EOF\n"
    assert Exposition(CATALOG).render([], "")[0] == b""
    assert expose(Bare(count=1), accept=OPENMETRICS).count("# EOF") == 1


def test_in_openmetrics_families_carry_their_unit_and_counters_and_infos_their_names_without_ending() -> None:
    thing = Thing(name="a", heat=1.0, seen=1.0, read=7, on=True, user=1.0, maker="M")
    found = re.findall(r"^# (TYPE|UNIT) (.*)$", expose(thing, accept=OPENMETRICS), re.MULTILINE)
    assert found == [
        ("TYPE", "system_thing_celsius gauge"),
        ("UNIT", "system_thing_celsius celsius"),
        ("TYPE", "system_thing info"),
        ("TYPE", "system_thing_on gauge"),
        ("TYPE", "system_thing_read_bytes counter"),
        ("UNIT", "system_thing_read_bytes bytes"),
        ("TYPE", "system_thing_seen_timestamp_seconds gauge"),
        ("UNIT", "system_thing_seen_timestamp_seconds seconds"),
        ("TYPE", "system_thing_work_seconds counter"),
        ("UNIT", "system_thing_work_seconds seconds"),
    ]


def test_in_plain_text_the_names_have_their_endings_and_there_are_no_units() -> None:
    text = expose(Thing(name="a", read=7, maker="M"))
    assert re.findall(r"^# (TYPE|UNIT) (.*)$", text, re.MULTILINE) == [
        ("TYPE", "system_thing_info gauge"),
        ("TYPE", "system_thing_read_bytes_total counter"),
    ]
    assert "# EOF" not in text


# ---- everything this program can report


@pytest.mark.parametrize("accept", ["", PROMETHEUS_2_42, PROMETHEUS_3])
def test_all_that_is_declared_is_exposed_and_parses(accept: str) -> None:
    found = parse(Exposition(FULL_CATALOG).render(full_bodies(), accept)[0].decode())
    names = [sample.name for family in found for sample in family.samples]
    assert set(names) == set(FULL_CATALOG.families)
    assert Tally(family.name for family in found).most_common(1)[0][1] == 1
    for family in found:
        assert family.documentation


def test_each_declared_family_has_just_the_labels_and_the_kind_that_the_catalog_says() -> None:
    for family in parse(Exposition(FULL_CATALOG).render(full_bodies(), OPENMETRICS)[0].decode()):
        declared = FULL_CATALOG.families[family.samples[0].name]
        assert family.type == declared.kind
        assert {frozenset(sample.labels) for sample in family.samples} == {frozenset(declared.labels)}
        assert {sample.name for sample in family.samples} == {declared.name}
        series = [tuple(sorted(sample.labels.items())) for sample in family.samples]
        assert len(series) == len(set(series)), declared.name


def test_each_number_that_is_declared_lands_in_a_series_with_its_value() -> None:
    for body in FULL_CATALOG.bodies.values():
        full = full_body(body, 1)
        count = len(samples(Exposition(FULL_CATALOG).render([full])[0].decode()))
        marks = [field.mark for field in fields_of(body) if isinstance(field.mark, Metric)]
        infos = {mark.name for mark in marks if isinstance(mark, Info)}
        assert count == len(infos) + sum(not isinstance(mark, Info) for mark in marks), body.__name__


def ask_promtool(text: bytes) -> str:
    done = subprocess.run([need_tool("promtool"), "check", "metrics"], input=text, capture_output=True, check=False)
    return (done.stdout + done.stderr).decode() + (f"exit {done.returncode}" if done.returncode else "")


def test_promtool_has_nothing_to_say_on_all_that_is_declared() -> None:
    assert ask_promtool(Exposition(FULL_CATALOG).render(full_bodies())[0]) == ""


def test_promtool_would_say_something() -> None:
    assert "counter metrics should have" in ask_promtool(b"# HELP a b\n# TYPE a counter\na 1\n")
    assert "error" in ask_promtool(b'a{b="c\n')
