"""Durations, and the times at which a route is mute."""

from datetime import UTC, datetime
from typing import Any

import pytest

from sysvitals.doctor.times import contains, parse_duration, parse_interval


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("30s", 30),
        ("1m30s", 90),
        ("1m0s", 60),
        ("1h", 3600),
        ("1d12h", 129_600),
        ("1w", 604_800),
        ("1y", 31_536_000),
        ("500ms", 0.5),
        ("0", 0),
        ("0s", 0),
    ],
)
def test_a_duration_is_understood(text: str, seconds: float) -> None:
    assert parse_duration(text) == pytest.approx(seconds)


@pytest.mark.parametrize("text", ["", "5", "soon", "-1s", "1.5h", "1s "])
def test_what_is_no_duration_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="is no duration"):
        parse_duration(text)


NIGHT = {"times": [{"start_time": "22:00", "end_time": "24:00"}, {"start_time": "00:00", "end_time": "06:30"}]}


@pytest.mark.parametrize(
    ("tree", "moment", "is_within"),
    [
        (NIGHT, "2026-11-22T22:00", True),
        (NIGHT, "2026-11-22T23:59", True),
        (NIGHT, "2026-11-22T06:29", True),
        (NIGHT, "2026-11-22T06:30", False),
        (NIGHT, "2026-11-22T21:59", False),
        ({}, "2026-11-22T12:00", True),
        # 2026-11-22 is a Sunday
        ({"weekdays": ["sunday"]}, "2026-11-22T12:00", True),
        ({"weekdays": ["monday:friday"]}, "2026-11-22T12:00", False),
        ({"weekdays": ["Monday:Friday", "sunday"]}, "2026-11-22T12:00", True),
        ({"weekdays": ["monday:friday"]}, "2026-11-23T00:00", True),
        ({"weekdays": ["saturday"]}, "2026-11-22T00:00", False),
        ({"days_of_month": ["1:5"]}, "2026-11-05T12:00", True),
        ({"days_of_month": ["1:5"]}, "2026-11-06T12:00", False),
        ({"days_of_month": ["-1"]}, "2026-11-30T12:00", True),
        ({"days_of_month": ["-1"]}, "2026-11-29T12:00", False),
        ({"days_of_month": ["-3:-1"]}, "2026-02-26T12:00", True),
        ({"days_of_month": ["25:-3"]}, "2026-11-28T12:00", True),
        ({"days_of_month": ["25:-3"]}, "2026-11-29T12:00", False),
        ({"days_of_month": ["31"]}, "2026-11-30T12:00", False),
        ({"days_of_month": ["29:31"]}, "2026-02-28T12:00", False),
        ({"months": ["may:august"]}, "2026-08-31T23:59", True),
        ({"months": ["5:8", "11"]}, "2026-11-01T00:00", True),
        ({"months": ["december"]}, "2026-11-30T12:00", False),
        ({"years": ["2024:2026"]}, "2026-12-31T12:00", True),
        ({"years": ["2027"]}, "2026-12-31T12:00", False),
        ({**NIGHT, "location": "Europe/Berlin"}, "2026-11-22T21:00", True),
        ({**NIGHT, "location": "Europe/Berlin"}, "2026-07-22T20:00", True),
        ({**NIGHT, "location": "Europe/Berlin"}, "2026-11-22T05:30", False),
        ({"weekdays": ["monday"], "location": "Asia/Tokyo"}, "2026-11-22T15:00", True),
        ({**NIGHT, "weekdays": ["monday"]}, "2026-11-22T23:00", False),
    ],
)
def test_a_moment_is_within_an_interval_or_not(tree: dict[str, Any], moment: str, is_within: bool) -> None:
    at = datetime.fromisoformat(moment).replace(tzinfo=UTC).timestamp()
    assert contains(parse_interval(tree), at) == is_within


@pytest.mark.parametrize("location", ["Local", "Nowhere/AtAll", "../etc/passwd"])
def test_a_clock_that_is_not_known_is_not_guessed(location: str) -> None:
    with pytest.raises(ValueError, match="clock"):
        contains(parse_interval({"location": location}), 0.0)
