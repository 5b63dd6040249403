"""Times as people write them."""

import time
from collections.abc import Iterator

import pytest

from sysvitals.model.event import parse_time
from sysvitals.report.moments import parse_when

NOW = parse_time("2026-11-28T10:30:00+01:00")


@pytest.fixture(autouse=True)
def _berlin(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    with monkeypatch.context() as patch:
        patch.setenv("TZ", "Europe/Berlin")
        time.tzset()
        yield
    time.tzset()


@pytest.mark.parametrize(
    ("text", "moment"),
    [
        ("now", "2026-11-28T10:30:00+01:00"),
        ("today", "2026-11-28T00:00:00+01:00"),
        ("yesterday", "2026-11-27T00:00:00+01:00"),
        ("last night", "2026-11-27T18:00:00+01:00"),
        ("Last  Night ", "2026-11-27T18:00:00+01:00"),
        ("7d", "2026-11-21T10:30:00+01:00"),
        ("90m", "2026-11-28T09:00:00+01:00"),
        ("2026-11-20", "2026-11-20T00:00:00+01:00"),
        ("2026-11-20 14:30", "2026-11-20T14:30:00+01:00"),
        ("2026-11-20T14:30:05", "2026-11-20T14:30:05+01:00"),
        ("2026-07-01 02:00", "2026-07-01T02:00:00+02:00"),
        ("2026-11-20T14:30:00Z", "2026-11-20T15:30:00+01:00"),
        ("2026-11-20T14:30:00.5-05:00", "2026-11-20T20:30:00.5+01:00"),
        ("08:15", "2026-11-28T08:15:00+01:00"),
        ("22:15", "2026-11-27T22:15:00+01:00"),  # of the future there is no history
    ],
)
def test_a_time_is_local_and_in_the_past(text: str, moment: str) -> None:
    assert parse_when(text, NOW) == parse_time(moment)


def test_all_is_before_everything() -> None:
    assert parse_when("all", NOW) == float("-inf")


def test_yesterday_begins_at_midnight_when_the_clocks_change() -> None:
    now = parse_time("2026-10-26T12:00:00+01:00")
    assert parse_when("yesterday", now) == parse_time("2026-10-25T00:00:00+02:00")


@pytest.mark.parametrize(
    "text",
    ["", "soon", "7", "2026-13-01", "2026-11-31", "2026-02-29", "25:00", "12:60", "9999999-01-01", "2026-11-20 99:99",
     "99999999d", "-1d", "2026-11-20T25:00:00Z", "\u0667d", "0000-00-00"],
)  # fmt: skip
def test_what_is_no_time_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"^(a time such as|hour must|.*)"):
        parse_when(text, NOW)
