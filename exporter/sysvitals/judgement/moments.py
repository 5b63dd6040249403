"""Times of the last day as people say them, in the zone of this host."""

import time


def format_clock(then: float) -> str:
    """`03:14`, of a Unix time."""
    return time.strftime("%H:%M", time.localtime(then))


def format_moment(then: float, now: float) -> str:
    """`at 03:14`, or `yesterday at 21:02`. Both are Unix seconds."""
    day, today = time.localtime(then), time.localtime(now)
    clock = format_clock(then)
    return f"at {clock}" if day[:3] == today[:3] else f"yesterday at {clock}"


def format_times(count: int) -> str:
    """`once` or `12 times`."""
    return "once" if count == 1 else f"{count} times"
