"""What the tests of the pipeline need: clocks that stand still, collectors that hang on demand, a record of events."""

import threading
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Generic, TypeVar

from sysvitals.host.host import Host
from sysvitals.model.collector import Collector, Fault
from sysvitals.model.event import Event
from sysvitals.model.metric import Detail, Gauge, Label
from sysvitals.model.reading import Body, Reading
from sysvitals.model.state import State
from sysvitals.pipeline.bus import Bus
from sysvitals.pipeline.clock import Clock
from sysvitals.pipeline.runner import Runner

SOON = 10.0
"""How long a test waits for what must happen before it calls it a failure."""

WALL = 1_789_905_600.0
B = TypeVar("B", bound=Body)
T = TypeVar("T")


@dataclass(frozen=True, slots=True, kw_only=True)
class Alpha(Reading, event="system.alpha.updated"):
    """One thing that alpha reads."""

    sensor: Annotated[str, Label("Which.")] = "one"
    value: Annotated[float, Gauge("alpha", help="Its value.")] = 0.0
    rate: Annotated[float | None, Detail("Its growth.", unit="per second")] = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Beta(Reading, event="system.beta.updated"):
    """One thing that beta reads."""

    sensor: Annotated[str, Label("Which.")] = "one"
    value: Annotated[float, Gauge("beta", help="Its value.")] = 0.0


OWNERS = {"system.alpha.updated": "alpha", "system.beta.updated": "beta"}


class HeldClock:
    """Time that passes only when a test says so."""

    def __init__(self, now: float = 1000.0) -> None:
        self.now = now

    def clock(self) -> Clock:
        return Clock(
            wall=lambda: WALL + self.now, uptime=lambda: self.now, monotonic=lambda: self.now, synced=lambda: True
        )


class Record:
    """A listener that keeps all events and lets a test wait for one."""

    def __init__(self) -> None:
        self.events: list[Event] = []
        self._changed = threading.Condition()

    def offer(self, events: tuple[Event, ...]) -> None:
        with self._changed:
            self.events += events
            self._changed.notify_all()

    def bodies(self, kind: type[B]) -> list[B]:
        with self._changed:
            return [event.body for event in self.events if isinstance(event.body, kind)]

    def names(self) -> list[str]:
        with self._changed:
            return [event.name for event in self.events]

    def wait_for(self, kind: type[B], count: int = 1) -> list[B]:
        """The bodies of this kind, once there are so many."""
        with self._changed:
            came = self._changed.wait_for(
                lambda: sum(isinstance(event.body, kind) for event in self.events) >= count, SOON
            )
        assert came, f"{kind.__name__} did not come {count} times"
        return self.bodies(kind)


class Script:
    """A collector's `read` that does what the test wants of it, run by run, and counts."""

    def __init__(self, *items: Reading | Fault) -> None:
        self.items: Iterable[Reading | Fault] = items
        self.error: Exception | None = None
        self.runs = 0
        self.threads: list[threading.Thread] = []
        self.hangs = False
        self.entered = threading.Event()
        self.release = threading.Event()

    def __call__(self, _host: Host) -> Iterator[Reading | Fault]:
        self.runs += 1
        self.threads.append(threading.current_thread())
        if self.hangs:
            self.entered.set()
            self.release.wait()
        yield from self.items
        if self.error is not None:
            raise self.error

    def hang(self) -> None:
        """From now on a run hangs until `go`."""
        self.entered.clear()
        self.release.clear()
        self.hangs = True

    def go(self) -> None:
        """Runs hang no more."""
        self.hangs = False
        self.release.set()

    def wait_until_it_hangs(self) -> None:
        assert self.entered.wait(SOON), "the collector was not started"


class Background(Generic[T]):
    """A call on a thread of its own."""

    def __init__(self, call: Callable[[], T]) -> None:
        self._results: list[T] = []
        self.thread = threading.Thread(target=lambda: self._results.append(call()), daemon=True)
        self.thread.start()

    @property
    def running(self) -> bool:
        return self.thread.is_alive()

    def result(self) -> T:
        self.thread.join(SOON)
        assert self._results, "the call did not return"
        return self._results[0]


class Rig:
    """A runner with all that belongs to it, and scripts as its collectors."""

    def __init__(self, folder: Path, *, clock: Clock | None = None) -> None:
        self.time = HeldClock()
        self.clock = clock or self.time.clock()
        self.bus = Bus(clock=self.clock, host="host", boot="boot")
        self.record = Record()
        self.state = State(OWNERS)
        self.bus.subscribe(self.record)
        self.bus.subscribe(self)
        self.host = Host(procfs=str(folder / "proc"))
        self.runner = Runner((), host=self.host, bus=self.bus, clock=self.clock)
        self.scripts: list[Script] = []
        self.collectors: dict[str, Collector] = {}

    def offer(self, events: tuple[Event, ...]) -> None:
        self.state.apply(events)

    def add(self, name: str, *items: Reading | Fault, **settings: Any) -> Script:
        """A further collector. Its script does as told."""
        script = Script(*items)
        self.scripts.append(script)
        self.collectors[name] = make_collector(name, script, **settings)
        self.runner.replace(self.collectors.values())
        return script

    def advance(self, seconds: float) -> None:
        """Let time pass, and those who wait look at the clock."""
        with self.runner._changed:
            self.time.now += seconds
            self.runner._changed.notify_all()

    def refresh(self, *names: str, seconds: float = SOON) -> frozenset[str]:
        """A scrape that nothing hinders: it must return by itself."""
        return self.refresh_behind(*names, seconds=seconds).result()

    def refresh_behind(self, *names: str, seconds: float = SOON) -> Background[frozenset[str]]:
        wanted = frozenset(names) or None
        return Background(lambda: self.runner.refresh(wanted, seconds=seconds))

    def wait_until_free(self, name: str) -> None:
        """Wait until no run of this collector is under way."""
        slot = self.runner._slots[name]
        with self.runner._changed:
            assert self.runner._changed.wait_for(lambda: not slot.busy, SOON), f"{name} is still busy"

    def reported(self, name: str) -> list[Body]:
        """What the state holds of this collector."""
        return [event.body for event in self.state.snapshot().runs.get(name, ())]

    def close(self) -> None:
        for script in self.scripts:
            script.go()
        self.runner.stop()
        for script in self.scripts:
            for thread in script.threads:
                thread.join(SOON)


def make_collector(name: str, read: Callable[..., Any], **settings: Any) -> Collector:
    return Collector(name=name, help="For a test", readings=(Alpha, Beta), read=read, **settings)


def wait_until(what: Callable[[], object], why: str) -> None:
    deadline = time.monotonic() + SOON
    while not what():
        assert time.monotonic() < deadline, why
        time.sleep(0.005)
