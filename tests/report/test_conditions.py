"""Conditions on the fields of events."""

from typing import Any

import pytest

from sysvitals.history.selection import Found
from sysvitals.report.conditions import join_conditions, parse_condition


def event(**data: Any) -> Found:
    return Found(0.0, "", "x", "pi4", "boot-1", 7, 12.5, "sda", data, "")


@pytest.mark.parametrize(
    ("condition", "holds"),
    [
        ("cause=undervoltage", True),
        ("cause = undervoltage", True),
        ("cause!=undervoltage", False),
        ("cause=under", False),
        ("cause>a", False),
        ("seconds>5", True),
        ("seconds>=5.1", True),
        ("seconds<5.1", False),
        ("seconds<=5.1", True),
        ("seconds=5.1", True),
        ("seconds=5.10", True),
        ("seconds=long", False),
        ("seconds!=long", True),
        ("active=yes", True),
        ("active=true", True),
        ("active=no", False),
        ("active!=no", True),
        ("active>0", False),
        ("host=pi4", True),
        ("thing=sda", True),
        ("uptime>12", True),
        ("nothing=1", False),
        ("nothing!=1", False),  # what is not known is neither
        ("name=a=b", True),
        ("number=1", False),  # the text is not the number
    ],
)
def test_a_field_is_compared_as_what_it_is(condition: str, holds: bool) -> None:
    found = event(cause="undervoltage", seconds=5.1, active=True, name="a=b", number="1.0")
    assert parse_condition(condition).holds(found) == holds


def test_of_several_conditions_all_must_hold() -> None:
    both = join_conditions([parse_condition("cause=throttled"), parse_condition("seconds>5")])
    assert both(event(cause="throttled", seconds=6))
    assert not both(event(cause="throttled", seconds=4))
    assert join_conditions([])(event())


@pytest.mark.parametrize("text", ["", "cause", "=x", "a b=c", "cause~x", "1=1"])
def test_what_is_no_condition_is_refused_with_what_is_expected(text: str) -> None:
    with pytest.raises(ValueError, match="such as cause=undervoltage"):
        parse_condition(text)
