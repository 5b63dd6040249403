"""The clocks that events and schedules go by, as a value, so that a test can hold them."""

import time
from collections.abc import Callable
from dataclasses import dataclass, field


def _boottime() -> float:
    return time.clock_gettime(time.CLOCK_BOOTTIME)


@dataclass(frozen=True, slots=True)
class Clock:
    """`wall`: Unix seconds. `uptime`: seconds since boot, sleep included. `synced`: whether `wall` can be trusted."""

    wall: Callable[[], float] = field(default=time.time)
    uptime: Callable[[], float] = field(default=_boottime)
    monotonic: Callable[[], float] = field(default=time.monotonic)
    synced: Callable[[], bool | None] = field(default=lambda: None)
