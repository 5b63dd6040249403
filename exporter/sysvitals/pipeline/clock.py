"""The clocks that events and schedules go by, as a value, so that a test can hold them."""

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TypeVar

T = TypeVar("T")


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
