"""What of the history goes first, so that no wrong clock chooses what is new: pure, given the time.

Segments are named by the wall clock, which may have been wrong: in 1970, on a board without a battery for it, or in
any year, by a bad battery or time server. What this run wrote is known by the monotonic clock instead.
"""

from collections.abc import Iterable, Mapping

from sysvitals.history.segments import Segment

DAY_SECONDS = 86400.0


def is_from_the_future(segment: Segment, now: float) -> bool:
    """Whether the clock must have been wrong when it began: where `now` is right, by a day or more."""
    return segment.began > now + DAY_SECONDS


def in_order(segments: Iterable[Segment], now: float, since: Mapping[str, float] | None = None) -> list[Segment]:
    """These segments, sorted by name, as they were written, as far as that is known; oldest first.

    `now` is infinite where the clock is known to be wrong. `since` says when those of this run began, by their stem;
    they are the newest. Those from the future count as the oldest: what they are is not known.
    """
    known = since or {}
    return sorted(segments, key=lambda one: (known.get(one.stem, float("-inf")), not is_from_the_future(one, now)))


def find_leap(dates: Iterable[float], now: float, keep_seconds: float) -> tuple[float, float] | None:
    """From when to when the clock leapt within the last day of history, over so much that all before would be too old.

    It may be a board that was off for long, or a clock that is wrong: a day later it is believed.
    """
    after = now
    for date in sorted((date for date in dates if date <= now), reverse=True):
        if after - date > max(keep_seconds, DAY_SECONDS):
            return (date, after) if now - after < DAY_SECONDS else None
        after = date
    return None
