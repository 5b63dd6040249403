"""The catalog: everything that is declared, as a value. The reference, the schema and the checks are read off it."""

from collections.abc import Iterable, Mapping
from types import MappingProxyType
from typing import NamedTuple

from sysvitals.model.collector import Collector
from sysvitals.model.metric import Info, Metric
from sysvitals.model.reading import Body, Change, Field, Status, fields_of, labels_of


class Sample(NamedTuple):
    """One declared value: which field of which body feeds a family, and with which fixed labels."""

    body: type[Body]
    field: Field
    labels: tuple[tuple[str, str], ...]


class Family(NamedTuple):
    """One metric family as exposed. `labels` are the names a sample may have; `collector` is None for our own state."""

    name: str
    kind: str
    unit: str
    help: str
    origin: str
    labels: tuple[str, ...]
    collector: str | None
    samples: tuple[Sample, ...]

    @property
    def base_name(self) -> str:
        """The name in OpenMetrics, without `_total` and `_info`."""
        return self.name.rpartition("_")[0] if self.kind in ("counter", "info") else self.name

    @property
    def base_unit(self) -> str:
        """The unit in OpenMetrics; that of a timestamp is the second."""
        return self.unit.rpartition("_")[2]


class Catalog(NamedTuple):
    """All declarations. `bodies` are by event name; `owners` name the collector of each reading's event."""

    collectors: tuple[Collector, ...]
    bodies: Mapping[str, type[Body]]
    owners: Mapping[str, str]
    families: Mapping[str, Family]


def build_catalog(collectors: Iterable[Collector], others: Iterable[type[Change | Status]] = ()) -> Catalog:
    """The catalog of these collectors and of the exporter's own changes and states.

    Raises ValueError where two declarations contradict each other: an event or a collector named twice, or a family
    with two kinds, helps or sets of labels, with one label twice, or from two collectors, or whose name is that of
    another once OpenMetrics has taken off `_total` and `_info`.
    """
    collectors = tuple(collectors)
    bodies: dict[str, type[Body]] = {}
    owners: dict[str, str] = {}
    families: dict[str, Family] = {}
    names: set[str] = set()
    for collector in collectors:
        if collector.name in names:
            raise ValueError(f"collector {collector.name!r} is there twice")
        names.add(collector.name)
        for reading in collector.readings:
            _add(reading, collector.name, bodies, families)
            owners[reading.event_name] = collector.name
        for report in collector.reports:
            _add(report, collector.name, bodies, families)
    for other in others:
        _add(other, None, bodies, families)
    ordered = dict(sorted(families.items()))
    bases: dict[str, str] = {}
    for family in ordered.values():
        if bases.setdefault(family.base_name, family.name) != family.name:
            raise ValueError(f"metrics {bases[family.base_name]} and {family.name} would be one family in OpenMetrics")
    return Catalog(collectors, MappingProxyType(bodies), MappingProxyType(owners), MappingProxyType(ordered))


def _add(body: type[Body], collector: str | None, bodies: dict[str, type[Body]], families: dict[str, Family]) -> None:
    if not body.event_name or body.event_name in bodies:
        raise ValueError(f"{body.__name__}: its event {body.event_name!r} is missing or taken")
    if issubclass(body, Change) and any(isinstance(f.mark, Metric) for f in fields_of(body)):
        raise ValueError(f"{body.__name__}: a change is counted, its fields are no metrics")
    bodies[body.event_name] = body
    for family in _families(body, collector):
        known = families.get(family.name)
        families[family.name] = _join(known, family) if known else family


def _families(body: type[Body], collector: str | None) -> Iterable[Family]:
    prefix = body.event_name.partition(".")[0]
    infos: dict[str, list[Field]] = {}
    for f in fields_of(body):
        if isinstance(f.mark, Info):
            infos.setdefault(f.mark.full_name(prefix), []).append(f)
        elif isinstance(f.mark, Metric):
            mark = f.mark
            labels = (*labels_of(body), *(name for name, _ in mark.labels))
            if len(set(labels)) < len(labels):
                raise ValueError(f"{body.__name__}.{f.name}: a fixed label is a field of the reading already")
            sample = Sample(body, f, mark.labels)
            yield Family(
                mark.full_name(prefix), mark.kind, mark.unit, mark.help, mark.origin, labels, collector, (sample,)
            )
    for name, fields in infos.items():
        first = fields[0].mark
        assert isinstance(first, Info)  # noqa: S101  # for the type checker: only such fields are in infos
        labels = (*labels_of(body), *(f.name for f in fields))
        samples = tuple(Sample(body, f, ()) for f in fields)
        help_text = (body.__doc__ or "").strip().splitlines()[0]
        yield Family(name, "info", "", help_text, first.origin, labels, collector, samples)


def _join(known: Family, more: Family) -> Family:
    same = ("kind", "unit", "help", "labels", "collector")
    wrong = [name for name in same if getattr(known, name) != getattr(more, name)]
    if wrong or known.kind == "info":
        raise ValueError(f"metric {known.name}: declared twice with another {' and '.join(wrong) or 'body'}")
    fixed = {sample.labels for sample in known.samples if sample.body is more.samples[0].body}
    if more.samples[0].labels in fixed:
        raise ValueError(f"metric {known.name}: two fields of {more.samples[0].body.__name__} would be one series")
    return Family(
        known.name, known.kind, known.unit, known.help, known.origin, known.labels, known.collector,
        known.samples + more.samples,
    )  # fmt: skip
