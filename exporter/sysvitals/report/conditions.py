"""Conditions on the fields of events: `cause=undervoltage`, `seconds>5`."""

import difflib
import operator
import re
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from math import isfinite
from typing import Any, NamedTuple

from sysvitals.history.selection import Found
from sysvitals.model.reading import Body, fields_of

EXPECTED = "expected FIELD=VALUE, or != > >= < <= for =, such as cause=undervoltage or seconds>5"
_FORM = re.compile(r"\s*([A-Za-z_][A-Za-z0-9_]*)\s*(!=|>=|<=|=(?!=)|>|<)\s*(.*?)\s*", re.DOTALL)
_COMPARE: Mapping[str, Callable[[Any, Any], bool]] = {
    "=": operator.eq,
    "!=": operator.ne,
    ">": operator.gt,
    ">=": operator.ge,
    "<": operator.lt,
    "<=": operator.le,
}
_WORDS = {"yes": True, "true": True, "no": False, "false": False}
ENVELOPE = ("host", "boot", "thing", "uptime", "seq")
"""What can be asked of every event, beside its own fields."""


class Condition(NamedTuple):
    """One comparison. What an event does not hold fulfils none."""

    field: str
    sign: str
    value: str

    def holds(self, event: Found) -> bool:
        """Whether the event fulfils it."""
        actual = event.data.get(self.field, getattr(event, self.field) if self.field in ENVELOPE else None)
        if actual is None:
            return False
        compare = _COMPARE[self.sign]
        if isinstance(actual, bool):
            wanted = _WORDS.get(self.value.lower())
            return self.sign in ("=", "!=") and compare(actual, wanted)
        if isinstance(actual, int | float):
            number = _parse_number(self.value)
            return compare(actual, number) if number is not None else self.sign == "!="
        return self.sign in ("=", "!=") and compare(f"{actual}", self.value)


def parse_condition(text: str) -> Condition:
    """The condition. Raises ValueError with what is expected."""
    found = _FORM.fullmatch(text)
    if found is None:
        raise ValueError(EXPECTED)
    return Condition(*found.groups())


def list_fields(bodies: Iterable[type[Body]]) -> dict[str, set[type]]:
    """The fields that events have, and of which types they are."""
    fields: dict[str, set[type]] = {"host": {str}, "boot": {str}, "thing": {str}, "uptime": {float}, "seq": {int}}
    for body in bodies:
        for field in fields_of(body):
            fields.setdefault(field.name, set()).add(field.type)
    return fields


def advise_fields(conditions: Iterable[Condition], fields: Collection[str]) -> Iterator[str]:
    """What to say of fields that no event has: only another version could have written some."""
    for condition in conditions:
        if condition.field not in fields:
            close = difflib.get_close_matches(condition.field, fields)
            meant = f"; did you mean {' or '.join(close)}?" if close else ""
            yield f"--where: no event has the field {condition.field}{meant}"


def check_condition(condition: Condition, fields: Mapping[str, Collection[type]]) -> None:
    """Raise ValueError for a condition that no event can fulfil, whatever its values are."""
    name, sign, value = condition
    if name not in fields:  # another version's
        return
    types = {*fields[name]}
    if sign not in ("=", "!="):
        types -= {str, bool}
        if not types:
            raise ValueError(f"{name}{sign}{value}: {name} is not a number: expected = or !=")
    if str in types:
        return
    number = _parse_number(value)
    is_number = bool(types - {bool}) and number is not None and isfinite(number)
    if not is_number and not (bool in types and value.lower() in _WORDS):
        expected = [*(["yes or no"] if bool in types else []), *(["a number"] if types - {bool} else [])]
        raise ValueError(f"{name}{sign}{value}: expected {' or '.join(expected)}")


def join_conditions(conditions: Iterable[Condition]) -> Callable[[Found], bool]:
    """Whether an event fulfils all of these."""
    held = tuple(conditions)
    return lambda event: all(condition.holds(event) for condition in held)


def _parse_number(text: str) -> float | None:
    try:
        return float(text)
    except ValueError:
        return None
