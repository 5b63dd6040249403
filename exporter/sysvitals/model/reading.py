"""What an event can carry: typed bodies, declared once beside the code that fills them.

- `Reading`: what a collector measured. The readings of one run replace those of the run before.
- `Change`: something happened. It stays true for ever and is counted.
- `Status`: the exporter's own state, exposed when scraped and never stored.
"""

import types
import typing
from collections.abc import Callable, Sequence
from functools import cache
from operator import attrgetter
from typing import Annotated, Any, ClassVar, NamedTuple, TypeVar, cast, dataclass_transform, get_args, get_origin

from sysvitals.model.metric import Detail, Info, Label, Metric

type_names: dict[type, str] = {str: "string", int: "integer", float: "number", bool: "boolean"}
"""The types a field may have, and what JSON calls them."""


@dataclass_transform(kw_only_default=True, frozen_default=True)
class Body:
    """What an event carries. A subclass annotates its fields, inherits none, and names its event as a class argument.

    It is used, and type-checked, as a frozen dataclass with keywords only. It is not made as one: there are seventy of
    them, a dataclass takes 0.3 ms to make and this 0.01 ms, and most hosts use half of them. Its constructor is built
    for the first instance, and only the type checker refuses assignments, which would make each instance cost twice.
    """

    event_name: ClassVar[str] = ""
    urgent: ClassVar[bool] = False

    def __init_subclass__(cls, *, event: str = "", urgent: bool = False) -> None:
        super().__init_subclass__()
        cls.event_name = event
        cls.urgent = urgent

    def __init__(self, **values: Any) -> None:
        kind = type(self)
        kind.__init__ = _build_init(kind)  # type: ignore[method-assign]
        kind.__init__(self, **values)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, type(self)) and values_of(self) == values_of(other)

    def __hash__(self) -> int:
        return hash((type(self), values_of(self)))

    def __repr__(self) -> str:
        values = ", ".join(f"{name}={value!r}" for name, value in _named(self).items())
        return f"{type(self).__name__}({values})"


class Reading(Body):
    """What a collector measured of one thing."""


class Change(Body):
    """Something happened: a fact in the past tense. `urgent` asks the history to reach the disk immediately."""


class Status(Body):
    """The exporter's own state, asked for when scraped."""


B = TypeVar("B", bound=Body)


def amend(body: B, **changes: Any) -> B:
    """Return the body with these fields changed. Raises TypeError for a field that it does not have."""
    return type(body)(**{**_named(body), **changes})


def _named(body: Body) -> dict[str, Any]:
    # not `vars`, which would give the instance a dictionary for good
    return dict(zip(type(body).__annotations__, values_of(body), strict=True))


def _build_init(body: type[Body]) -> Callable[..., None]:
    fields = fields_of(body)
    parameters = ", ".join(f.name if f.required else f"{f.name}=body.{f.name}" for f in fields)
    assignments = "; ".join(f"self.{f.name} = {f.name}" for f in fields)
    made: dict[str, Any] = {"body": body}
    exec(f"def __init__(self, *, {parameters}): {assignments}", made)  # noqa: S102  # as dataclasses do
    return cast("Callable[..., None]", made["__init__"])


class Field(NamedTuple):
    """One field of a body as declared. `type` is str, int, float or bool; `optional` allows None."""

    name: str
    type: type
    optional: bool
    required: bool
    mark: Label | Detail | Metric

    @property
    def unit(self) -> str:
        """The unit in which people see its values: one of model/unit.py; empty for text."""
        return "" if isinstance(self.mark, Label) else self.mark.shown


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
    return tuple(_field(body, name, hint) for name, hint in body.__annotations__.items())


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


def _field(body: type[Body], name: str, hint: Any) -> Field:
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
    if optional and vars(body).get(name) is not None:
        raise TypeError(f"{where}: what may be None is None by default, since events leave None out")
    kind, mark = kinds[0], marks[0]
    if isinstance(mark, Label) and (optional or kind is not str):
        raise TypeError(f"{where}: a label is a str and never None")
    if isinstance(mark, Info) != (kind is str) and isinstance(mark, Metric):
        raise TypeError(f"{where}: text is for Info, numbers are for Gauge and Counter")
    return Field(name, kind, optional, name not in vars(body), mark)
