"""The values of bodies under their metrics' names: what alert rules see, without Prometheus."""

from collections.abc import Iterable, Iterator, Mapping
from functools import cache
from typing import Any, NamedTuple

from sysvitals.model.catalog import Family
from sysvitals.model.metric import Info, Metric
from sysvitals.model.reading import Body, fields_of, labels_of


class Sample(NamedTuple):
    """One value with its labels; units are the metric's."""

    labels: Mapping[str, str]
    value: float


Samples = Mapping[str, list[Sample]]
"""By the metric's full name. What is not known is absent."""


def sample_bodies(bodies: Iterable[Body]) -> Samples:
    """All values of these bodies. Text (info metrics) is not among them."""
    found: dict[str, list[Sample]] = {}
    for body in bodies:
        labels = {name: getattr(body, name) for name in labels_of(type(body))}
        for attribute, name, fixed in _plan(type(body)):  # type: ignore[arg-type]  # mypy takes the hash of instances for that of the class
            value = getattr(body, attribute)
            if value is not None:
                found.setdefault(name, []).append(Sample({**labels, **dict(fixed)} if fixed else labels, float(value)))
    return found


class Current(Mapping[str, list[Sample]]):
    """The values of these bodies, each metric's worked out when it is first asked for. `families` is the catalog's.

    An info metric is 1, with its text among the labels.
    """

    def __init__(self, families: Mapping[str, Family], bodies: Iterable[Body]) -> None:
        self._families = families
        self._bodies: dict[type[Body], list[Body]] = {}
        for body in bodies:
            self._bodies.setdefault(type(body), []).append(body)
        self._labelled: dict[type[Body], list[tuple[Body, Mapping[str, str]]]] = {}
        self._found: dict[str, list[Sample]] = {}

    def __getitem__(self, metric: str) -> list[Sample]:
        """The values of a metric. Raises KeyError where it has none."""
        found = self._find(metric)
        if not found:
            raise KeyError(metric)
        return found

    def get(self, metric: str, default: Any = None) -> Any:
        """The values of a metric, else the default. Asked so often that what a mapping does for it would show."""
        found = self._found.get(metric)
        return (self._find(metric) if found is None else found) or default

    def __iter__(self) -> Iterator[str]:
        """The names of all metrics that have values."""
        return (name for name in self._families if name in self)

    def __len__(self) -> int:
        """How many metrics have values."""
        return sum(1 for _ in self)

    def _find(self, metric: str) -> list[Sample]:
        found = self._found.get(metric)
        if found is None:
            family = self._families.get(metric)
            if family is None:
                found = []
            elif family.kind == "info":
                found = self._sample_info(family)
            else:
                found = self._sample(family)
            self._found[metric] = found
        return found

    def _sample(self, family: Family) -> list[Sample]:
        found: list[Sample] = []
        for kind, field, fixed in family.samples:
            name, more = field.name, dict(fixed)
            for body, labels in self._labelled.get(kind) or self._label(kind):
                value = getattr(body, name)
                if value is not None:
                    found.append(Sample({**labels, **more} if more else labels, float(value)))
        return found

    def _sample_info(self, family: Family) -> list[Sample]:
        found: list[Sample] = []
        names = [field.name for _, field, _ in family.samples]
        kind = family.samples[0].body
        for body, labels in self._labelled.get(kind) or self._label(kind):
            texts = {name: text for name in names if (text := getattr(body, name)) is not None}
            if texts:
                found.append(Sample({**labels, **texts}, 1.0))
        return found

    def _label(self, kind: type[Body]) -> list[tuple[Body, Mapping[str, str]]]:
        names = labels_of(kind)
        self._labelled[kind] = [
            (body, {name: getattr(body, name) for name in names}) for body in self._bodies.get(kind, ())
        ]
        return self._labelled[kind]


@cache
def _plan(body: Any) -> tuple[tuple[str, str, tuple[tuple[str, str], ...]], ...]:
    prefix = body.event_name.partition(".")[0]
    return tuple(
        (field.name, field.mark.full_name(prefix), field.mark.labels)
        for field in fields_of(body)
        if isinstance(field.mark, Metric) and not isinstance(field.mark, Info)
    )
