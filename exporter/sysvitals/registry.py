"""Readings in the registry of another Python program, which exposes them beside its own metrics.

Nothing that serves or prints metrics imports this module, and prometheus_client with it:

    from prometheus_client import REGISTRY
    from sysvitals.registry import ReadingsCollector

    REGISTRY.register(ReadingsCollector())
"""

from collections.abc import Iterable, Iterator

from prometheus_client.metrics_core import Metric as PrometheusMetric
from prometheus_client.registry import Collector
from prometheus_client.samples import Sample

from sysvitals.collectors import COLLECTORS
from sysvitals.config.load import load_settings
from sysvitals.config.settings import Settings, read_only
from sysvitals.exporter import build_exporter
from sysvitals.model.catalog import Catalog, Family
from sysvitals.model.metric import Info, Metric
from sysvitals.model.reading import Body, fields_of, labels_of
from sysvitals.model.status import ProcessStatus

SCRAPE_SECONDS = 10.0
"""How long one collection waits for readings."""


class ReadingsCollector(Collector):
    """All that `/metrics` shows, except `process_*`: a registry has those of its own program.

    It reads in its own threads, by the settings (None: the defaults), and writes nothing to the disk.
    """

    def __init__(self, settings: Settings | None = None) -> None:
        settings = settings or load_settings(COLLECTORS)
        self._exporter = build_exporter(read_only(settings))
        self._exporter.start()

    def collect(self) -> Iterator[PrometheusMetric]:
        """The families, read again where too old."""
        bodies = self._exporter.bodies(None, SCRAPE_SECONDS)
        others = [body for body in bodies if not isinstance(body, ProcessStatus)]
        yield from build_families(self._exporter.catalog, others)

    def describe(self) -> Iterator[PrometheusMetric]:
        """All families that there may be, without samples, so that a registry can refuse a name that it has."""
        for family in self._exporter.catalog.families.values():
            if family.samples[0].body is not ProcessStatus:
                yield _begin(family)

    def close(self) -> None:
        """Read nothing any more."""
        self._exporter.stop("closed")


def build_families(catalog: Catalog, bodies: Iterable[Body]) -> list[PrometheusMetric]:
    """The families of these bodies as prometheus_client has them, by name, each once."""
    found: dict[str, PrometheusMetric] = {}
    for body in bodies:
        for sample in _samples(body):
            family = found.get(sample.name)
            if family is None:
                family = found[sample.name] = _begin(catalog.families[sample.name])
            family.samples.append(sample)
    return [found[name] for name in sorted(found)]


def _samples(body: Body) -> Iterator[Sample]:
    prefix = body.event_name.partition(".")[0]
    labels = {name: getattr(body, name) for name in labels_of(type(body))}
    infos: dict[str, dict[str, str]] = {}
    for field in fields_of(type(body)):
        value = getattr(body, field.name)
        if value is None or not isinstance(field.mark, Metric):
            continue
        name = field.mark.full_name(prefix)
        if isinstance(field.mark, Info):
            infos.setdefault(name, {})[field.name] = value
        else:
            yield Sample(name, {**labels, **dict(field.mark.labels)}, value)
    for name, texts in infos.items():
        yield Sample(name, {**labels, **texts}, 1)


def _begin(family: Family) -> PrometheusMetric:
    # prometheus_client adds the endings of counters and infos itself
    return PrometheusMetric(family.base_name, family.help, family.kind, family.base_unit)
