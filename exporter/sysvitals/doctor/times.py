"""Durations and the times at which a route is mute, as Alertmanager writes them."""

import calendar
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from zoneinfo import ZoneInfo

_DURATION = re.compile(r"(?:[0-9]+(?:y|w|d|h|ms|m|s))+")
_UNITS = {"ms": 0.001, "s": 1, "m": 60, "h": 3600, "d": 86400, "w": 604800, "y": 31536000}
_DAYS = ("sunday", "monday", "tuesday", "wednesday", "thursday", "friday", "saturday")
_MONTHS = tuple(name.lower() for name in calendar.month_name)

Range = tuple[int, int]


@dataclass(frozen=True, slots=True)
class TimeInterval:
    """All of it must fit; an empty part always does.

    `times` are minutes of the day without the last; weekdays begin with Sunday, 0; days of the month below 0 are
    counted from its end. `location` is that of the clock, "" is UTC.
    """

    times: tuple[Range, ...]
    weekdays: tuple[Range, ...]
    days_of_month: tuple[Range, ...]
    months: tuple[Range, ...]
    years: tuple[Range, ...]
    location: str


def parse_duration(text: str) -> float:
    """Seconds of `30s`, `1m30s`, `1d12h`. Raises ValueError."""
    if text == "0":
        return 0.0
    if not _DURATION.fullmatch(text):
        raise ValueError(f"{text!r} is no duration")
    return sum(int(number) * _UNITS[unit] for number, unit in re.findall(r"([0-9]+)(ms|[ywdhms])", text))


def parse_interval(tree: Mapping[str, Any]) -> TimeInterval:
    """One interval of the configuration. Raises ValueError, KeyError."""
    return TimeInterval(
        times=tuple((_minutes(one["start_time"]), _minutes(one["end_time"])) for one in tree.get("times") or ()),
        weekdays=_ranges(tree.get("weekdays"), _DAYS),
        days_of_month=_ranges(tree.get("days_of_month"), ()),
        months=_ranges(tree.get("months"), _MONTHS),
        years=_ranges(tree.get("years"), ()),
        location=tree.get("location") or tree.get("time_zone") or "",
    )


def contains(interval: TimeInterval, at: float) -> bool:
    """Whether this moment, in Unix seconds, is within. Raises ValueError where the location's clock is not known."""
    moment = datetime.fromtimestamp(at, _zone(interval.location))
    minute = moment.hour * 60 + moment.minute
    last = calendar.monthrange(moment.year, moment.month)[1]
    days = [(_day(first, last), min(_day(end, last), last)) for first, end in interval.days_of_month]
    return (
        (not interval.times or any(start <= minute < end for start, end in interval.times))
        and _within(interval.weekdays, moment.isoweekday() % 7)
        and (not interval.days_of_month or any(first <= moment.day <= end for first, end in days))
        and _within(interval.months, moment.month)
        and _within(interval.years, moment.year)
    )


def _zone(location: str) -> ZoneInfo | Any:
    if location in ("", "UTC"):
        return UTC
    if location == "Local":
        raise ValueError("the times are by the clock of Alertmanager's own machine")
    try:
        return ZoneInfo(location)
    except (OSError, ValueError, KeyError):
        raise ValueError(f"the clock of {location} is not known here") from None


def _within(ranges: Iterable[Range], number: int) -> bool:
    ranges = tuple(ranges)
    return not ranges or any(first <= number <= last for first, last in ranges)


def _day(day: int, last: int) -> int:
    return last + day + 1 if day < 0 else day


def _minutes(text: str) -> int:
    hours, minutes = text.split(":")
    return int(hours) * 60 + int(minutes)


def _ranges(texts: Iterable[str] | None, names: tuple[str, ...]) -> tuple[Range, ...]:
    def number(text: str) -> int:
        return names.index(text) if text in names else int(text)

    found = []
    for text in texts or ():
        first, _, last = text.lower().partition(":")
        found.append((number(first), number(last or first)))
    return tuple(found)
