"""The projection of a state onto Prometheus families, and their text. Only this module knows prometheus_client."""

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import partial
from typing import Any

from prometheus_client.exposition import choose_encoder, generate_latest
from prometheus_client.metrics_core import Metric as PrometheusMetric
from prometheus_client.openmetrics.exposition import ALLOWUTF8
from prometheus_client.process_collector import ProcessCollector
from prometheus_client.samples import Sample

from sysvitals.model.catalog import Catalog, Family
from sysvitals.model.metric import Info, Metric
from sysvitals.model.reading import Body, fields_of, labels_of

PLAIN = "text/plain; version=0.0.4; charset=utf-8"
_OPENMETRICS = "application/openmetrics-text"


class Projection:
    """Turns bodies of events into the families that the catalog declares. Holds no values: what is gone is gone."""

    def __init__(self, catalog: Catalog) -> None:
        self._families = catalog.families
        self._plans: dict[type[Body], _Plan] = {}

    def project(self, bodies: Iterable[Body]) -> list[PrometheusMetric]:
        """The families of these bodies, by name, each family once."""
        found: dict[str, PrometheusMetric] = {}
        for body in bodies:
            plan = self._plans.get(type(body))
            if plan is None:
                plan = self._plans[type(body)] = _Plan(type(body), self._families)
            plan.add_samples(body, found)
        return [found[name] for name in sorted(found)]


def process_families() -> list[PrometheusMetric]:
    """What this process costs: the standard `process_*` families, from this system's own /proc."""
    return list(ProcessCollector(registry=None).collect())


def encode_families(families: list[PrometheusMetric], accept: str = "") -> tuple[bytes, str]:
    """The exposition in the format that the Accept header asks for, and its content type."""
    encode: Callable[[Any], bytes]
    try:
        encode, content_type = choose_encoder(accept)
    except (ValueError, TypeError):  # a version that is no version
        encode, content_type = generate_latest, PLAIN
    if content_type.startswith(_OPENMETRICS):
        # prometheus_client promises any version that is asked for, but this is what it writes
        content_type = re.sub(r"version=[^;]*", "version=1.0.0", content_type)
    # no name of ours needs escaping in any scheme, and looking for what does would take half of the time
    plain: Callable[..., bytes] = encode.func if isinstance(encode, partial) else encode
    keywords = encode.keywords if isinstance(encode, partial) else {}
    return plain(_Families(families), **{**keywords, "escaping": ALLOWUTF8}), content_type


class _Families:
    """What prometheus_client takes for a registry."""

    def __init__(self, families: list[PrometheusMetric]) -> None:
        self._families = families

    def collect(self) -> Iterator[PrometheusMetric]:
        return iter(self._families)


class _Plan:
    """How bodies of one class become samples, worked out once."""

    def __init__(self, body: type[Body], families: Mapping[str, Family]) -> None:
        prefix = body.event_name.partition(".")[0]
        self._labels = labels_of(body)
        self._values: list[tuple[str, str, Family, dict[str, str]]] = []
        self._infos: dict[str, tuple[Family, list[str]]] = {}
        for field in fields_of(body):
            if not isinstance(field.mark, Metric):
                continue
            name = field.mark.full_name(prefix)
            if isinstance(field.mark, Info):
                self._infos.setdefault(name, (families[name], []))[1].append(field.name)
            else:
                self._values.append((field.name, name, families[name], dict(field.mark.labels)))

    def add_samples(self, body: Body, found: dict[str, PrometheusMetric]) -> None:
        labels = {name: getattr(body, name) for name in self._labels}
        for attribute, name, family, fixed in self._values:
            value = getattr(body, attribute)
            if value is not None:
                metric = found.get(name) or _begin(family, found)
                metric.samples.append(Sample(name, {**labels, **fixed} if fixed else labels, value))
        for name, (family, attributes) in self._infos.items():
            texts = {attribute: text for attribute in attributes if (text := getattr(body, attribute)) is not None}
            if texts:
                metric = found.get(name) or _begin(family, found)
                metric.samples.append(Sample(name, {**labels, **texts}, 1))


def _begin(family: Family, found: dict[str, PrometheusMetric]) -> PrometheusMetric:
    name = family.name
    if family.kind in ("counter", "info"):  # prometheus_client adds these endings itself
        name = name.rpartition("_")[0]
    unit = family.unit.rpartition("_")[2]  # a timestamp's unit is the second
    metric = found[family.name] = PrometheusMetric(name, family.help, family.kind, unit)
    return metric
