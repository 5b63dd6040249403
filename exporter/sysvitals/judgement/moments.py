"""Times of the last day as people say them, in the zone of this host."""

import time

_HOUR = 3600.0
_NIGHT_BEGINS, _NIGHT_ENDS = 22, 6


def format_moment(then: float, now: float) -> str:
    """`at 03:14`, or `yesterday at 21:02`. Both are Unix seconds."""
    day, today = time.localtime(then), time.localtime(now)
    clock = time.strftime("%H:%M", day)
    return f"at {clock}" if day[:3] == today[:3] else f"yesterday at {clock}"


def format_part_of_day(then: float, now: float) -> str:
    """`Last night`, `Yesterday`, `Earlier today` or `Within the last hour`. Both are Unix seconds."""
    day, today = time.localtime(then), time.localtime(now)
    if now - then < _HOUR:
        return "Within the last hour"
    if not _NIGHT_ENDS <= day.tm_hour < _NIGHT_BEGINS and today.tm_hour >= _NIGHT_ENDS and now - then < _HOUR * 24:
        return "Last night"
    return "Earlier today" if day[:3] == today[:3] else "Yesterday"


def format_until(then: float, now: float) -> str:
    """`Until 03:14`, or `Until yesterday at 21:02`. Both are Unix seconds."""
    return f"Until {format_moment(then, now).removeprefix('at ')}"


def format_times(count: int) -> str:
    """`once` or `12 times`."""
    return "once" if count == 1 else f"{count} times"
