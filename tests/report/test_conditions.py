"""Conditions on the fields of events."""

import re
from typing import Any

import pytest

from sysvitals.history.selection import Found
from sysvitals.report.conditions import advise_fields, check_condition, join_conditions, parse_condition


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


@pytest.mark.parametrize("text", ["", "cause", "=x", "a b=c", "cause~x", "1=1", "seconds==5"])
def test_what_is_no_condition_is_refused_with_what_is_expected(text: str) -> None:
    with pytest.raises(ValueError, match="such as cause=undervoltage"):
        parse_condition(text)


FIELDS: dict[str, set[type]] = {"cause": {str}, "seconds": {float}, "certain": {bool}, "either": {bool, int}}


@pytest.mark.parametrize(
    ("condition", "said"),
    [
        ("seconds>abc", "seconds>abc: expected a number"),
        ("seconds=abc", "seconds=abc: expected a number"),
        ("seconds!=nan", "seconds!=nan: expected a number"),
        ("seconds<inf", "seconds<inf: expected a number"),
        ("cause>a", "cause>a: cause is not a number: expected = or !="),
        ("certain>0", "certain>0: certain is not a number: expected = or !="),
        ("certain=maybe", "certain=maybe: expected yes or no"),
        ("certain=1", "certain=1: expected yes or no"),
        ("either=maybe", "either=maybe: expected yes or no or a number"),
        ("either>yes", "either>yes: expected a number"),
    ],
)
def test_what_no_event_can_fulfil_is_refused_with_what_is_expected(condition: str, said: str) -> None:
    with pytest.raises(ValueError, match=re.escape(said)):
        check_condition(parse_condition(condition), FIELDS)


@pytest.mark.parametrize("condition", ["cause=5", "seconds>5", "certain=No", "either=yes", "either>1", "other>x"])
def test_what_an_event_can_fulfil_is_not_refused(condition: str) -> None:
    check_condition(parse_condition(condition), FIELDS)


def test_of_a_field_that_no_event_has_those_that_are_like_it_are_named() -> None:
    conditions = [parse_condition(text) for text in ("second>5", "cause=x", "zzz=1")]
    assert list(advise_fields(conditions, FIELDS)) == [
        "--where: no event has the field second; did you mean seconds?",
        "--where: no event has the field zzz",
    ]
