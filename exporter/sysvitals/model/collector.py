"""What a collector is: a name, what it reports, and a function that reads it."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

from sysvitals.model.reading import Change, Reading


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


@dataclass(frozen=True, slots=True)
class Watch:
    """Something whose change means that a collector has something to read at once.

    `name` is a file's path, which is read, and on which the kernel may give notice; or, where there is a `look`, any
    name for what that function returns. It is looked at every `seconds`, more rarely once the kernel has given notice.
    Collectors may watch the same, under the same name.
    """

    name: str
    seconds: float = 1.0
    look: Callable[[], object] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Collector:
    """One subsystem.

    `read(host)`, or `read(host, options)` where there are `options`, yields readings, and a Fault for each thing that
    could not be read. It raises Unavailable where the host lacks the subsystem, and catches nothing.
    `compare(now, before, seconds)` fills in what takes two readings of the same thing; `resume(now, before)`, where
    there is one, takes its place if runs between the two could not read that thing. `changes(now, before)` tells
    what happened between them (`before` is None for the first), and `reports` lists those changes. `watch(host)` names
    what makes the collector run at once when it changes, so that no edge between two heartbeats is missed.
    `options` is a frozen dataclass whose fields are `Annotated[type, "help"]`: a bool, a str that is a regular
    expression, or a float of seconds.
    Durations are in seconds: `interval` between heartbeats, `max_age` beyond which a scrape reads again.
    """

    name: str
    help: str
    readings: tuple[type[Reading], ...]
    read: Callable[..., Iterable[Reading | Fault]]
    compare: Callable[[Any, Any, float], Reading] | None = None
    resume: Callable[[Any, Any], Reading] | None = None
    changes: Callable[[Any, Any], Iterable[Change]] | None = None
    reports: tuple[type[Change], ...] = ()
    watch: Callable[..., Iterable[Watch]] | None = None
    options: Any = None
    interval: float = 15.0
    max_age: float = 1.0
    timeout: float = 3.0

    def run(self, host: Any) -> Iterable[Reading | Fault]:
        """What `read` yields for this host, with the options as they are set."""
        return self.read(host) if self.options is None else self.read(host, self.options)

    def watches(self, host: Any) -> Iterable[Watch]:
        """What `watch` names for this host, with the options as they are set."""
        if self.watch is None:
            return ()
        return self.watch(host) if self.options is None else self.watch(host, self.options)
