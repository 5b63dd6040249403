"""The exposition is, byte for byte, what prometheus_client writes for the same bodies."""

import sys
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Annotated, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from prometheus_client.exposition import choose_encoder, generate_latest
from prometheus_client.metrics_core import Metric as PrometheusMetric
from prometheus_client.openmetrics.exposition import ALLOWUTF8

from sysvitals.collectors.catalog import build_full_catalog
from sysvitals.model.catalog import Catalog, build_catalog
from sysvitals.model.collector import Collector
from sysvitals.model.metric import Counter, Gauge, Info, Label, Metric
from sysvitals.model.reading import Body, Reading, fields_of
from sysvitals.outputs.exposition import Exposition
from sysvitals.outputs.text_format import PLAIN, choose_format, format_number
from sysvitals.registry import build_families
from tests.looking import ROUND_SECONDS, look
from tests.recorded import HOSTS, recorded_hosts

OPENMETRICS = "application/openmetrics-text; version=1.0.0; charset=utf-8"
FORMATS = ("", OPENMETRICS)


class Thing(Reading, event="system.thing.updated"):
    """One "thing" \\ of several."""

    name: Annotated[str, Label("Its name.")]
    place: Annotated[str, Label("Where it is.")] = ""
    heat: Annotated[float | None, Gauge("thing", unit="celsius", help='How "hot"\nit is \\ was.')] = None
    seen: Annotated[float | None, Gauge("thing_seen", unit="timestamp_seconds", help="When it was seen.")] = None
    read: Annotated[int | None, Counter("thing_read", unit="bytes", help="Bytes read.")] = None
    on: Annotated[bool | None, Gauge("thing_on", help="Whether it is on.")] = None
    user: Annotated[float | None, Counter("thing_work", unit="seconds", help="Work.").at(mode="user")] = None
    idle: Annotated[float | None, Counter("thing_work", unit="seconds", help="Work.").at(mode='"\\\n')] = None
    maker: Annotated[str | None, Info("thing", help="Who made it.")] = None
    model: Annotated[str | None, Info("thing", help="What it is.")] = None
    size: Annotated[str | None, Info("thing_shape", help="How it looks.")] = None


class Bare(Reading, event="system.bare.updated"):
    """Something of which there is just one."""

    count: Annotated[float, Gauge("bare", help="How many.")]


CATALOG = build_catalog([Collector(name="thing", help="Things.", readings=(Thing, Bare), read=lambda _host: ())])
FULL_CATALOG = build_full_catalog()


class Registry:
    def __init__(self, families: list[PrometheusMetric]) -> None:
        self._families = families

    def collect(self) -> Iterator[PrometheusMetric]:
        return iter(self._families)


def choose_theirs(accept: str) -> tuple[Callable[..., bytes], str]:
    """Its encoder for an Accept header, without escaping of names, and the content type."""
    try:
        encode, content_type = choose_encoder(accept)
    except (ValueError, TypeError):
        encode, content_type = generate_latest, PLAIN
    keywords = {**getattr(encode, "keywords", {}), "escaping": ALLOWUTF8}
    return partial(getattr(encode, "func", encode), **keywords), content_type


def expect(catalog: Catalog, bodies: list[Body], accept: str) -> bytes:
    encode, _ = choose_theirs(accept)
    return encode(Registry(build_families(catalog, bodies)))


def move(body: Body, step: int) -> Body:
    """The same body some time later: counters grow, measures change, one number in three stays."""
    values: dict[str, Any] = {field.name: getattr(body, field.name) for field in fields_of(type(body))}
    for number, field in enumerate(fields_of(type(body))):
        value = values[field.name]
        if isinstance(field.mark, Metric) and field.type in (int, float) and value is not None and number % 3:
            values[field.name] = field.type(value * (1 + step * 0.37) + step)
    return type(body)(**values)


@pytest.mark.parametrize("name", recorded_hosts())
def test_a_recorded_host_is_written_as_prometheus_client_writes_it_round_after_round(name: str) -> None:
    exporter = look(HOSTS / name)
    exposition = Exposition(FULL_CATALOG)
    for step in range(3):
        bodies = [move(body, step) for body in exporter.bodies(None, ROUND_SECONDS)]
        for accept in FORMATS:
            assert exposition.render(bodies, accept)[0] == expect(FULL_CATALOG, bodies, accept)


def test_what_serves_a_scrape_is_what_was_compared() -> None:
    exporter = look(HOSTS / "pi-4b-fine")
    names = frozenset(exporter.collectors()) - {"clock"}
    bodies = exporter.bodies(names, ROUND_SECONDS)
    for accept in FORMATS:
        body, content_type = exporter.metrics(names, ROUND_SECONDS, accept)
        assert body == expect(FULL_CATALOG, bodies, accept)
        assert content_type == choose_theirs(accept)[1]


texts = st.text(st.characters(exclude_categories=["Cs"]) | st.sampled_from('"\\\n{},= é🐢'), max_size=8)
floats = st.floats() | st.sampled_from(
    [0.0, -0.0, 999999.0, 1e6, 1.5e6, -1e6, 1e15, 1e16, 1.0000001e22, 5e-324, 1e-5, 123456789.125]
)
numbers = floats | st.integers(-(1 << 64), 1 << 64) | st.booleans()
things = st.builds(
    Thing,
    name=texts,
    place=texts,
    heat=st.none() | numbers,
    seen=st.none() | numbers,
    read=st.none() | numbers,
    on=st.none() | st.booleans(),
    user=st.none() | numbers,
    idle=st.none() | numbers,
    maker=st.none() | texts,
    model=st.none() | texts,
    size=st.none() | texts,
)
rounds = st.lists(st.lists(things | st.builds(Bare, count=numbers), max_size=6), max_size=4)


@given(rounds)
def test_any_bodies_are_written_as_prometheus_client_writes_them(rounds: list[list[Body]]) -> None:
    exposition = Exposition(CATALOG)
    for bodies in rounds:
        for accept in FORMATS:
            assert exposition.render(bodies, accept)[0] == expect(CATALOG, bodies, accept)


@given(st.lists(numbers, max_size=20))
def test_each_value_of_one_series_is_written_whatever_the_one_before_was(values: list[float]) -> None:
    exposition = Exposition(CATALOG)
    for value in values:
        bodies: list[Body] = [Bare(count=value)]
        assert exposition.render(bodies)[0] == expect(CATALOG, bodies, "")


@pytest.mark.parametrize(("before", "after"), [(0.0, -0.0), (-0.0, 0.0), (0, -0.0), (False, -0.0), (1, True)])
def test_numbers_that_are_equal_are_not_taken_for_each_other(before: float, after: float) -> None:
    exposition = Exposition(CATALOG)
    exposition.render([Bare(count=before)])
    assert exposition.render([Bare(count=after)])[0].decode().split()[-1] == format_number(after)


@given(st.integers(1 << 53, 10**308) | st.integers(-(10**308), -(1 << 53)))
def test_a_huge_whole_number_is_written_as_the_nearest_that_prometheus_has(value: int) -> None:
    bodies: list[Body] = [Bare(count=value)]
    assert Exposition(CATALOG).render(bodies)[0] == expect(CATALOG, bodies, "")


def test_a_lone_surrogate_is_written_as_its_escape_and_takes_no_other_sample_with_it() -> None:
    for accept in FORMATS:
        bodies: list[Body] = [Thing(name="a\udc80", on=True), Thing(name="b", on=True)]
        shown: list[Body] = [Thing(name="a\\udc80", on=True), Thing(name="b", on=True)]
        assert Exposition(CATALOG).render(bodies, accept)[0] == expect(CATALOG, shown, accept)


versions = ("0.0.1", "0.0.4", "1.0.0", "1", "2.0.0", "7.x", "1.0.x", "", "=1.0.0", "\xb2", " 1 . 0 . 0")
escapings = ("allow-utf-8", "underscores", "dots", "values", "none", "")
parameters = st.sampled_from(
    [
        *(f"version={version}" for version in versions),
        *(f"escaping={escaping}" for escaping in escapings),
        *(" version=1.0.0", "version = 1.0.0", "version", "charset=utf-8", "q=0.5", ""),
    ]
)
medias = st.sampled_from(["application/openmetrics-text", " application/openmetrics-text ", "text/plain", "*/*", ""])
offers = st.builds(lambda media, rest: ";".join([media, *rest]), medias, st.lists(parameters, max_size=4))


@given(st.lists(offers, max_size=4).map(",".join) | st.text(st.characters(max_codepoint=255)))
def test_an_accept_header_is_answered_as_prometheus_client_answers_it(accept: str) -> None:
    encode, content_type = choose_theirs(accept)
    chosen = choose_format(accept)
    assert encode(Registry([])) == (b"# EOF\n" if chosen.openmetrics else b"")
    if chosen.openmetrics:  # it promises any version, and writes 1.0.0
        rest = content_type.partition("; charset")[2]
        content_type = f"application/openmetrics-text; version=1.0.0; charset{rest}"
    assert chosen.content_type == content_type


def test_what_is_kept_of_things_that_are_gone_is_bounded() -> None:
    exposition = Exposition(CATALOG)
    for number in range(5000):
        exposition.render([Thing(name=f"{number}", on=True), Bare(count=number)])
    assert len(exposition._rows) + len(exposition._older_rows) < 1000


def test_a_scrape_of_a_few_collectors_in_between_changes_nothing() -> None:
    exposition = Exposition(CATALOG)
    everything: list[Body] = [Thing(name=f"{number}", read=number) for number in range(1000)]
    for few in (1, 1000, 2, 1000):
        assert exposition.render(everything[:few])[0] == expect(CATALOG, everything[:few], "")


def test_several_that_ask_at_the_same_time_get_what_is_theirs() -> None:
    exposition = Exposition(CATALOG)
    rounds: list[list[Body]] = [[Thing(name=f"{n}", read=n * step) for n in range(200)] for step in (1, 2)]
    expected = [expect(CATALOG, bodies, "") for bodies in rounds]
    interval = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)  # a thread is interrupted wherever it can be
    try:
        with ThreadPoolExecutor(8) as pool:
            found = list(pool.map(lambda bodies: exposition.render(bodies)[0], rounds * 80))
    finally:
        sys.setswitchinterval(interval)
    assert found == expected * 80
