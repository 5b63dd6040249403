"""How many readings a collector may give, by its limit of series."""

from functools import cache
from math import prod
from typing import Any, TypeVar

from sysvitals.model.collector import Collector
from sysvitals.model.metric import Label, Metric
from sysvitals.model.reading import fields_of

K = TypeVar("K")
V = TypeVar("V")


def most_of_each_kind(collector: Collector) -> int | None:
    """How many readings of each kind the collector may give, and how many things it may have. None: any number.

    All kinds have the same share, so that what is known of a device is known whole: of a network device its traffic
    and its link. What cannot be many, such as the causes of throttling, counts and is never left out.
    """
    return _share(collector.readings, collector.max_series)


def take_beyond(collector: Collector, things: dict[K, V]) -> list[K]:
    """Take those of these things out that the collector may not have. The first ones stay."""
    most = most_of_each_kind(collector)
    beyond = [] if most is None else [*things][most:]
    for thing in beyond:
        del things[thing]
    return beyond


@cache
def _share(kinds: Any, max_series: int) -> int | None:
    width = sum(_count_series(kind) for kind in kinds if _count_subjects(kind) is None)
    if not (max_series and width):
        return None
    fixed = sum(_count_series(kind) * (_count_subjects(kind) or 0) for kind in kinds)
    return max(1, (max_series - fixed) // width)


def _count_series(kind: Any) -> int:
    """How many series a reading of this kind has at most."""
    return len({(f.mark.name, f.mark.labels) for f in fields_of(kind) if isinstance(f.mark, Metric)})


def _count_subjects(kind: Any) -> int | None:
    """How many readings of this kind there can be. None: any number."""
    labels = [f.mark.values for f in fields_of(kind) if isinstance(f.mark, Label)]
    return prod(map(len, labels)) if all(labels) else None
