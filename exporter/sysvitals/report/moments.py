"""Moments as people write them, in local time: `yesterday`, `7d`, `14:30`, `2026-11-20 14:30`."""

import re
import time
from collections.abc import Callable

from sysvitals.config.values import parse_duration

EXPECTED = "a time such as yesterday, 'last night', 7d, 14:30, 2026-11-20 or '2026-11-20 14:30'"
EVENING_HOUR = 18
"""When a night begins."""

_CLOCK = re.compile(r"(\d{1,2}):(\d\d)(?::(\d\d))?", re.ASCII)
_DATE = re.compile(r"(\d{4})-(\d{1,2})-(\d{1,2})(?:[ T](\d{1,2}:\d\d(?::\d\d)?))?", re.ASCII)
_ZONED = re.compile(r"\d{4}-\d\d-\d\d[T ]\d\d:\d\d(:\d\d(\.\d+)?)?(Z|[+-]\d\d:?\d\d)", re.ASCII)


def parse_when(text: str, now: float) -> float:
    """Unix seconds of what was written; `7d` is so long before `now`. Raises ValueError with what is expected."""
    given = " ".join(text.split()).lower()
    if given in _NAMES:
        return _NAMES[given](now)
    if _ZONED.fullmatch(text.strip()):
        from datetime import datetime  # noqa: PLC0415  # for few

        return datetime.fromisoformat(text.strip()).timestamp()
    if found := _DATE.fullmatch(given.upper()):
        return _parse_day(*map(int, found.group(1, 2, 3)), clock=_parse_clock(found[4] or "00:00"))
    if _CLOCK.fullmatch(given):
        today = _at_hour(now, 0, *_parse_clock(given))
        return today if today <= now else _at_hour(now, -1, *_parse_clock(given))
    try:
        return now - parse_duration(given)
    except ValueError:
        raise ValueError(EXPECTED) from None


def _parse_clock(text: str) -> tuple[int, int, int]:
    found = _CLOCK.fullmatch(text)
    if found is None or int(found[1]) > 23 or int(found[2]) > 59 or int(found[3] or 0) > 60:
        raise ValueError(EXPECTED)
    return int(found[1]), int(found[2]), int(found[3] or 0)


def _at_hour(now: float, days: int, hour: int, minute: int = 0, second: int = 0) -> float:
    """That hour by the clock of the day so many days from today, however long the days are."""
    today = time.localtime(now)
    return time.mktime((today.tm_year, today.tm_mon, today.tm_mday + days, hour, minute, second, 0, 0, -1))


def _parse_day(year: int, month: int, day: int, *, clock: tuple[int, int, int]) -> float:
    try:
        seconds = time.mktime((year, month, day, *clock, 0, 0, -1))
    except OverflowError:
        raise ValueError(EXPECTED) from None
    if time.localtime(seconds)[1:3] != (month, day):  # the 31st of November
        raise ValueError(EXPECTED)
    return seconds


_NAMES: dict[str, Callable[[float], float]] = {
    "now": lambda now: now,
    "today": lambda now: _at_hour(now, 0, 0),
    "yesterday": lambda now: _at_hour(now, -1, 0),
    "last night": lambda now: _at_hour(now, -1, EVENING_HOUR),
    "all": lambda _: float("-inf"),
}
