"""What is summarised of each event: the fields whose marks say `summary=True`, and how. Pure."""

from collections.abc import Callable, Iterable
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


def plan_summaries(bodies: Iterable[type[Body]]) -> dict[str, Plan]:
    """The plans of these bodies, by the event's name. Raises TypeError where a text is to be summarised."""
    plans = {}
    for body in bodies:
        fields = [field for field in fields_of(body) if _is_summarised(field)]
        if fields and issubclass(body, Reading):
            names, labels = tuple(field.name for field in fields), labels_of(body)
            kinds = tuple(_kind(body, field) for field in fields)
            subject = get_together(["event_name", *labels])
            plans[body.event_name] = Plan(body.event_name, labels, names, kinds, subject, get_together(names))
    return plans


def _is_summarised(field: Field) -> bool:
    return isinstance(field.mark, Detail | Metric) and field.mark.summary


def _kind(body: type[Body], field: Field) -> str:
    if field.type is str:
        raise TypeError(f"{body.__name__}.{field.name}: a text has no summary")
    if isinstance(field.mark, Counter):
        return COUNTER
    return FLAG if field.type is bool else GAUGE
