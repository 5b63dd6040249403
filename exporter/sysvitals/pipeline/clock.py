"""The clocks that events and schedules go by, as a value, so that a test can hold them."""

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TypeVar

T = TypeVar("T")


CLOCK_SET_SECONDS = 1.0
"""A wall clock that moved by more against the uptime was set, not only slewed."""


def until_beat(now: float, seconds: float) -> float:
    """Seconds from now, by the monotonic clock, until the next multiple of so many.

    Whatever is done from time to time falls together with the heartbeats this way, and wakes the processor once.
    """
    return seconds - now % seconds


def _boottime() -> float:
    return time.clock_gettime(time.CLOCK_BOOTTIME)


@dataclass(frozen=True, slots=True)
class Clock:
    """`wall`: Unix seconds. `uptime`: seconds since boot, sleep included. `synced`: whether `wall` can be trusted."""

    wall: Callable[[], float] = field(default=time.time)
    uptime: Callable[[], float] = field(default=_boottime)
    monotonic: Callable[[], float] = field(default=time.monotonic)
    synced: Callable[[], bool | None] = field(default=lambda: None)


def by_clock_now(then: tuple[float, float], now: tuple[float, float]) -> float:
    """When that was by the wall clock as it is now: one that was set since would make what is fresh look years old.

    Both are by the wall clock, and since boot.
    """
    was_set_by = (now[0] - now[1]) - (then[0] - then[1])
    return then[0] + was_set_by if abs(was_set_by) > CLOCK_SET_SECONDS else then[0]


def keep_for(seconds: float, ask: Callable[[], T], monotonic: Callable[[], float] = time.monotonic) -> Callable[[], T]:
    """Return a function that asks at most once in so many seconds, and gives the last answer in between.

    Threads that call it at the same moment may both ask.
    """
    last: tuple[float, T] | None = None

    def answer() -> T:
        nonlocal last
        now = monotonic()
        if last is None or now - last[0] >= seconds:
            last = now, ask()
        return last[1]

    return answer
