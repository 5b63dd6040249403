"""What a collector is: a name, what it reports, and a function that reads it."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

from sysvitals.model.reading import Reading


class Unavailable(Exception):  # noqa: N818  # no error: this host has no such thing
    """This host has not what the collector reads. `reason` is for people; a remedy belongs in it where there is one."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


@dataclass(frozen=True, slots=True)
class Fault:
    """One thing that could not be read, while its siblings could.

    `what` names it (`thermal_zone0`); `error` is the errno's name (`EINVAL`) or `garbage` where the text made no
    sense: a small closed set, because it becomes a label; `message` says it for people.
    """

    what: str
    error: str
    message: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Collector:
    """One subsystem.

    `read(host)`, or `read(host, options)` where `options` (a frozen dataclass of defaults) is given, yields readings,
    and a Fault for each thing that could not be read. It raises Unavailable where the host lacks the subsystem, and
    catches nothing. `compare(now, before, seconds)` fills in what takes two readings of the same thing.
    Durations are in seconds: `interval` between heartbeats, `max_age` beyond which a scrape reads again.
    """

    name: str
    help: str
    readings: tuple[type[Reading], ...]
    read: Callable[..., Iterable[Reading | Fault]]
    compare: Callable[[Any, Any, float], Reading] | None = None
    options: Any = None
    interval: float = 5.0
    max_age: float = 1.0
    timeout: float = 3.0
