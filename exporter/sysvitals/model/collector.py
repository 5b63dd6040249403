"""What a collector is: a name, what it reports, and a function that reads it."""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from functools import partial
from typing import Any, NamedTuple

from sysvitals.model.reading import Change, Reading


class Unavailable(Exception):  # noqa: N818  # no error: this host has no such thing
    """This host has not what the collector reads. `reason` is for people; a remedy belongs in it where there is one.

    Raised, it says so of all that is read. Yielded among readings, of a part: what is left out, and why.
    """

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


class Fault(NamedTuple):
    """One thing that could not be read, while its siblings could.

    `what` names it (`thermal_zone0`); `error` is the errno's name (`EINVAL`) or `garbage` where the text made no
    sense: a small closed set, because it becomes a label; `message` says it for people.
    """

    what: str
    error: str
    message: str


class Watch(NamedTuple):
    """Something whose change means that a collector has something to read at once.

    `name` is a file's path, which is read, and on which the kernel may give notice; or, where there is a `look`, any
    name for what that function returns. It is looked at every `seconds`, more rarely once the kernel has given notice.
    Collectors may watch the same, under the same name.

    `notifies` says that on the kernel's own file notice is certain, so that it is looked at rarely from the start.
    Of `link`, a network device, the kernel gives notice otherwise; it is looked at only where that cannot be had.
    `thing` is the collector's thing to read when this changes; empty: all of them.
    """

    name: str
    seconds: float = 1.0
    look: Callable[[], object] | None = None
    notifies: bool = False
    link: str = ""
    thing: str = ""


class Probe(NamedTuple):
    """One thing of a collector that can be slow, hang or fail alone: a chip, a disk, a mount, a link.

    `name` tells it from the collector's other things (`nvme0`, `/srv/nas`) and stays the same as long as it is there;
    the empty name is the collector's own table. `read()` yields readings, a Fault for each part that could not be
    read, and an Unavailable for each that this host lacks. `otherwise()` yields what is known while it does not answer,
    and never blocks. Reads of the same `bus` are serialised by the kernel (a one-wire master, an I2C adapter) and share
    one worker. `timeout` is in seconds; None is the collector's.
    """

    name: str
    read: Callable[[], Iterable[Reading | Fault | Unavailable]]
    otherwise: Callable[[], Iterable[Reading]] = tuple
    bus: str = ""
    timeout: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Collector:
    """One subsystem. Its functions take `(host)`, or `(host, options)` where there are `options`, and catch nothing.

    `read` yields readings, a Fault for each thing that could not be read, and an Unavailable for each part that this
    host lacks: for a table of the kernel, which is read in one go. `find` yields a Probe for each thing that can be
    slow, hang or fail alone, and is called again when things may have come or gone. A collector has one of the two, or
    both. Either raises Unavailable where the host lacks the subsystem.
    `compare(now, before, seconds)` fills in what takes two readings of the same thing; `seconds` is None where the time
    between them was not watched (the thing could not be read, the exporter was stopped, or restarted). Times in
    `before` are by the wall clock as it is now, if that was set since.
    `changes(now, before)` yields what happened between them (`before` is None for the first), and `reports` lists
    those changes.
    `remembers` lists the readings whose last one is handed in as `before` after a restart of the exporter, from the
    history. For one of an earlier boot `after_reboot(before)` gives what still holds, or None, and what ended.
    `watch` names what makes the collector run immediately when it changes, so that no edge between two heartbeats is
    missed.
    `subsystems` are those of the kernel whose devices `find` looks for, such as `hwmon`: it is called when one came or
    went, and then more rarely otherwise.
    `options` is a named tuple whose fields are `Annotated[type, "help"]`: a bool, a str that is a regular
    expression, or a float of seconds.
    Durations are in seconds: `interval` between heartbeats, `max_age` beyond which a scrape reads again, `timeout`
    after which a read counts as hanging.
    `max_series` is how many series it may give, 0: any number. Beyond it, what `find` and `read` yield last is left
    out, so that they yield first what matters most.
    """

    name: str
    help: str
    readings: tuple[type[Reading], ...]
    read: Callable[..., Iterable[Reading | Fault | Unavailable]] | None = None
    find: Callable[..., Iterable[Probe | Fault | Unavailable]] | None = None
    compare: Callable[[Any, Any, float | None], Reading] | None = None
    changes: Callable[[Any, Any], Iterable[Change]] | None = None
    reports: tuple[type[Change], ...] = ()
    remembers: tuple[type[Reading], ...] = ()
    after_reboot: Callable[[Any], tuple[Reading | None, Iterable[Change]]] | None = None
    watch: Callable[..., Iterable[Watch]] | None = None
    subsystems: tuple[str, ...] = ()
    options: Any = None
    interval: float = 15.0
    max_age: float = 1.0
    timeout: float = 3.0
    max_series: int = 2000

    def table(self, host: Any) -> Probe | None:
        """The probe of `read`, which has no name."""
        return None if self.read is None else Probe("", partial(self.read, *self._arguments(host)))

    def things(self, host: Any) -> Iterable[Probe | Fault | Unavailable]:
        """What `find` yields for this host, with the options as they are set."""
        return () if self.find is None else self.find(*self._arguments(host))

    def watches(self, host: Any) -> Iterable[Watch]:
        """What `watch` names for this host, with the options as they are set."""
        return () if self.watch is None else self.watch(*self._arguments(host))

    def run(self, host: Any) -> Iterator[Reading | Fault | Unavailable]:
        """Everything read once, one thing after the other. The first error ends it."""
        table = self.table(host)
        if table is not None:
            yield from table.read()
        for thing in self.things(host):
            if isinstance(thing, Probe):
                yield from thing.read()
            else:
                yield thing

    def _arguments(self, host: Any) -> tuple[Any, ...]:
        return (host,) if self.options is None else (host, self.options)
