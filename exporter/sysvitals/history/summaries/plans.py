"""What is summarised of each event: the fields whose marks say `summary=True`, and how. Pure."""

from collections.abc import Callable
from functools import cache
from typing import Any, NamedTuple

from sysvitals.model.metric import Counter, Detail, Metric
from sysvitals.model.reading import Body, Field, Reading, fields_of, get_together, labels_of

GAUGE, FLAG, COUNTER = "gauge", "flag", "counter"


class Plan(NamedTuple):
    """What is summarised of the readings of one event. `kinds` are those of the fields: gauge, flag or counter.

    `subject(body)` is the event's name and the values of its labels, `values(body)` those of the fields.
    """

    event: str
    labels: tuple[str, ...]
    fields: tuple[str, ...]
    kinds: tuple[str, ...]
    subject: Callable[[Body], tuple[str, ...]]
    values: Callable[[Body], tuple[Any, ...]]


@cache
def plan_of(body: Any) -> Plan | None:
    """The plan of a body's class; None where nothing of it is summarised. Raises TypeError where a text should be."""
    fields = [field for field in fields_of(body) if _is_summarised(field)] if issubclass(body, Reading) else []
    if not fields:
        return None
    names, labels = tuple(field.name for field in fields), labels_of(body)
    kinds = tuple(_kind(body, field) for field in fields)
    subject = get_together(["event_name", *labels])
    return Plan(body.event_name, labels, names, kinds, subject, get_together(names))


def _is_summarised(field: Field) -> bool:
    return isinstance(field.mark, Detail | Metric) and field.mark.summary


def _kind(body: type[Body], field: Field) -> str:
    if field.type is str:
        raise TypeError(f"{body.__name__}.{field.name}: a text has no summary")
    if isinstance(field.mark, Counter):
        return COUNTER
    return FLAG if field.type is bool else GAUGE
