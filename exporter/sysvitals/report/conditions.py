"""Conditions on the fields of events: `cause=undervoltage`, `seconds>5`."""

import operator
import re
from collections.abc import Callable, Iterable, Mapping
from typing import Any, NamedTuple

from sysvitals.history.selection import Found

EXPECTED = "expected FIELD=VALUE, or != > >= < <= for =, such as cause=undervoltage or seconds>5"
_FORM = re.compile(r"\s*([A-Za-z_][A-Za-z0-9_]*)\s*(!=|>=|<=|=|>|<)\s*(.*?)\s*", re.DOTALL)
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


def join_conditions(conditions: Iterable[Condition]) -> Callable[[Found], bool]:
    """Whether an event fulfils all of these."""
    held = tuple(conditions)
    return lambda event: all(condition.holds(event) for condition in held)


def _parse_number(text: str) -> float | None:
    try:
        return float(text)
    except ValueError:
        return None
