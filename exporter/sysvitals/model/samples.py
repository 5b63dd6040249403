"""The values of bodies under their metrics' names: what alert rules see, without Prometheus."""

from collections.abc import Iterable, Mapping
from functools import cache
from typing import Any, NamedTuple

from sysvitals.model.metric import Info, Metric
from sysvitals.model.reading import Body, fields_of, labels_of


class Sample(NamedTuple):
    """One value with its labels; units are the metric's."""

    labels: Mapping[str, str]
    value: float


Samples = Mapping[str, list[Sample]]
"""By the metric's full name. Text (info metrics) is not among them, and what is not known is absent."""


def sample_bodies(bodies: Iterable[Body]) -> Samples:
    """All values of these bodies."""
    found: dict[str, list[Sample]] = {}
    for body in bodies:
        labels = {name: getattr(body, name) for name in labels_of(type(body))}
        for attribute, name, fixed in _plan(type(body)):  # type: ignore[arg-type]  # mypy takes the hash of instances for that of the class
            value = getattr(body, attribute)
            if value is not None:
                found.setdefault(name, []).append(Sample({**labels, **dict(fixed)} if fixed else labels, float(value)))
    return found


@cache
def _plan(body: Any) -> tuple[tuple[str, str, tuple[tuple[str, str], ...]], ...]:
    prefix = body.event_name.partition(".")[0]
    return tuple(
        (field.name, field.mark.full_name(prefix), field.mark.labels)
        for field in fields_of(body)
        if isinstance(field.mark, Metric) and not isinstance(field.mark, Info)
    )
