"""What an event can carry: typed bodies, declared once beside the code that fills them.

- `Reading`: what a collector measured. The readings of one run replace those of the run before.
- `Change`: something happened. It stays true for ever and is counted.
- `Status`: the exporter's own state, exposed when scraped and never stored.
"""

import types
import typing
from collections.abc import Callable, Sequence
from dataclasses import MISSING, dataclass, fields
from functools import cache
from operator import attrgetter
from typing import Annotated, Any, ClassVar, get_args, get_origin, get_type_hints

from sysvitals.model.metric import Detail, Info, Label, Metric

type_names: dict[type, str] = {str: "string", int: "integer", float: "number", bool: "boolean"}
"""The types a field may have, and what JSON calls them."""


class Body:
    """What an event carries. A subclass is a frozen dataclass and names its event as a class argument."""

    __slots__ = ()
    event_name: ClassVar[str] = ""
    urgent: ClassVar[bool] = False

    def __init_subclass__(cls, *, event: str = "", **arguments: Any) -> None:
        super().__init_subclass__(**arguments)
        # dataclass(slots=True) makes the class a second time, without the argument but with what is set here
        if event:
            cls.event_name = event


class Reading(Body):
    """What a collector measured of one thing."""

    __slots__ = ()


class Change(Body):
    """Something happened: a fact in the past tense. `urgent` asks the history to reach the disk at once."""

    __slots__ = ()

    def __init_subclass__(cls, *, event: str = "", urgent: bool = False, **arguments: Any) -> None:
        super().__init_subclass__(event=event, **arguments)
        if urgent:
            cls.urgent = True


class Status(Body):
    """The exporter's own state, asked for when scraped."""

    __slots__ = ()


@dataclass(frozen=True, slots=True)
class Field:
    """One field of a body as declared. `type` is str, int, float or bool; `optional` allows None."""

    name: str
    type: type
    optional: bool
    required: bool
    mark: Label | Detail | Metric


def fields_of(body: type[Body]) -> tuple[Field, ...]:
    """The declared fields of a body. Raises TypeError for a field that is not annotated as the model asks."""
    return _fields_of(body)  # type: ignore[arg-type]  # mypy takes the hash of instances for that of the class


def labels_of(body: type[Body]) -> tuple[str, ...]:
    """Names of the label fields, in the order declared."""
    return _labels_of(body)  # type: ignore[arg-type]  # as above


@cache
def _labels_of(body: Any) -> tuple[str, ...]:
    return tuple(f.name for f in fields_of(body) if isinstance(f.mark, Label))


@cache
def _fields_of(body: Any) -> tuple[Field, ...]:
    hints = get_type_hints(body, include_extras=True)
    return tuple(_field(body, f.name, hints[f.name], default=f.default) for f in fields(body))


def tells(body: Body) -> bool:
    """Whether the body has anything to tell: a value beside its labels."""
    return any(getattr(body, f.name) is not None for f in fields_of(type(body)) if not isinstance(f.mark, Label))


def subject_of(body: Body) -> tuple[str, ...]:
    """What tells this body from its like: the event's name and the values of its labels."""
    return _subject_getter(type(body))(body)  # type: ignore[arg-type]  # mypy takes the hash of instances for that of the class


def values_of(body: Body) -> tuple[Any, ...]:
    """The values of all fields, in the order declared."""
    return _values_getter(type(body))(body)  # type: ignore[arg-type]  # as above


def get_together(names: Sequence[str]) -> Callable[[Body], tuple[Any, ...]]:
    """Return a function that gives these attributes of a body as a tuple, as attrgetter does for two and more."""
    match names:
        case []:
            return lambda _: ()
        case [name]:
            get = attrgetter(name)
            return lambda body: (get(body),)
    return attrgetter(*names)


@cache
def _subject_getter(body: Any) -> Callable[[Body], tuple[str, ...]]:
    return get_together(["event_name", *labels_of(body)])


@cache
def _values_getter(body: Any) -> Callable[[Body], tuple[Any, ...]]:
    return get_together([f.name for f in fields_of(body)])


def _field(body: type[Body], name: str, hint: Any, *, default: Any) -> Field:
    where = f"{body.__name__}.{name}"
    if get_origin(hint) is not Annotated:
        raise TypeError(f"{where}: annotate it with Label, Gauge, Counter, Info or Detail")
    bare, *marks = get_args(hint)
    marks = [m for m in marks if isinstance(m, Label | Detail | Metric)]
    if len(marks) != 1:
        raise TypeError(f"{where}: one of Label, Gauge, Counter, Info or Detail, not {len(marks)}")
    choices = get_args(bare) if get_origin(bare) in (types.UnionType, typing.Union) else (bare,)
    optional = type(None) in choices
    kinds = [c for c in choices if c is not type(None)]
    if len(kinds) != 1 or kinds[0] not in type_names:
        raise TypeError(f"{where}: one of {', '.join(t.__name__ for t in type_names)}, or that and None")
    if optional and default is not MISSING and default is not None:
        raise TypeError(f"{where}: what may be None is None by default, since events leave None out")
    kind, mark = kinds[0], marks[0]
    if isinstance(mark, Label) and (optional or kind is not str):
        raise TypeError(f"{where}: a label is a str and never None")
    if isinstance(mark, Info) != (kind is str) and isinstance(mark, Metric):
        raise TypeError(f"{where}: text is for Info, numbers are for Gauge and Counter")
    return Field(name, kind, optional, default is MISSING, mark)
