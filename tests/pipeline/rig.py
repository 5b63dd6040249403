"""What the tests of the pipeline need: clocks that stand still, reads that hang on demand, a record of events."""

import threading
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Any, Generic, TypeVar

from sysvitals.host.host import Host
from sysvitals.model.collector import Collector, Fault, Probe
from sysvitals.model.event import Event
from sysvitals.model.metric import Detail, Gauge, Label
from sysvitals.model.reading import Body, Reading
from sysvitals.model.state import State
from sysvitals.model.status import CollectorStatus, ReadErrors
from sysvitals.pipeline.bus import Bus
from sysvitals.pipeline.clock import Clock
from sysvitals.pipeline.crew import STALL_SECONDS, Run
from sysvitals.pipeline.scheduler import Scheduler
from tests.patience import PATIENCE

WALL = 1_789_905_600.0
B = TypeVar("B", bound=Body)
T = TypeVar("T")


class Alpha(Reading, event="system.alpha.updated"):
    """One thing that alpha reads."""

    sensor: Annotated[str, Label("Which.")] = "one"
    value: Annotated[float, Gauge("alpha", help="Its value.")] = 0.0
    rate: Annotated[float | None, Detail("Its growth.", unit="per second")] = None


class Beta(Reading, event="system.beta.updated"):
    """One thing that beta reads."""

    sensor: Annotated[str, Label("Which.")] = "one"
    value: Annotated[float, Gauge("beta", help="Its value.")] = 0.0


OWNERS = {"system.alpha.updated": "alpha", "system.beta.updated": "beta"}


class HeldClock:
    """Time that passes only when a test says so. It begins where the beats of all common intervals fall together."""

    def __init__(self, now: float = 600.0) -> None:
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
                lambda: sum(isinstance(event.body, kind) for event in self.events) >= count, PATIENCE
            )
        assert came, f"{kind.__name__} did not come {count} times"
        return self.bodies(kind)


class Script:
    """A read that does what the test wants of it, run by run, and counts.

    `seconds` are those that a run takes by the held clock.
    """

    def __init__(self, rig: "Rig", *items: Reading | Fault) -> None:
        self.items: Iterable[Any] = items
        self.error: BaseException | None = None
        self.seconds = 0.0
        self.runs = 0
        self.running = 0
        self.most_running = 0
        self.began: list[float] = []
        self.threads: list[threading.Thread] = []
        self.hangs = False
        self.entered = threading.Event()
        self.release = threading.Event()
        self._hanging_seconds = 0.0
        self._rig = rig

    def __call__(self, *_: object) -> Iterator[Any]:
        self.runs += 1
        self.running += 1
        self.most_running = max(self.most_running, self.running)
        self.began.append(self._rig.time.now)
        self.threads.append(threading.current_thread())
        self._rig.time.now += self.seconds
        if self.hangs:
            self._rig.advance(self._hanging_seconds)
            with self._rig.no_turn():
                self.entered.set()
                self.release.wait()
        self.running -= 1
        yield from self.items
        if self.error is not None:
            raise self.error

    def hang(self, seconds: float = 0.0) -> None:
        """From now on a run hangs until `go`, and so many seconds pass when it begins to."""
        self._hanging_seconds = seconds
        self.entered.clear()
        self.release.clear()
        self.hangs = True

    def go(self) -> None:
        """Runs hang no more."""
        self.hangs = False
        self.release.set()

    def wait_until_it_hangs(self) -> None:
        assert self.entered.wait(PATIENCE), "the read was not started"


class Things:
    """A collector's `find`: the things that it finds now, by name, and what is special about their probes."""

    def __init__(self, rig: "Rig") -> None:
        self.search = Script(rig)
        self.reads: dict[str, Script] = {}
        self.special: dict[str, dict[str, Any]] = {}
        self._rig = rig

    def __call__(self, *_: object) -> Iterator[Probe | Fault]:
        yield from self.search()
        for name, read in list(self.reads.items()):
            yield Probe(name, read, **self.special.get(name, {}))

    def add(self, name: str, *items: Reading | Fault, **special: Any) -> Script:
        """A further thing. Without items, it reads one Alpha of its name."""
        script = self.reads[name] = self._rig.script(*(items or (Alpha(sensor=name),)))
        self.special[name] = special
        return script


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
        self.thread.join(PATIENCE)
        assert self._results, "the call did not return"
        return self._results[0]


class Rig:
    """A scheduler with all that belongs to it, and scripts as its collectors.

    Until `start`, its loop runs on the thread that asks it for something, and nothing happens by itself.
    """

    def __init__(self, folder: Path, *, clock: Clock | None = None, **settings: Any) -> None:
        self.time = HeldClock()
        self.clock = clock or self.time.clock()
        self.bus = Bus(clock=self.clock, host="host", boot="boot")
        self.record = Record()
        self.state = State(OWNERS)
        self.bus.subscribe(self.record)
        self.bus.subscribe(self)
        self.host = Host(procfs=str(folder / "proc"), sysfs=str(folder))
        self.scheduler = Scheduler((), host=self.host, bus=self.bus, clock=self.clock, **settings)
        self.scripts: list[Script] = []
        self._turn = threading.Lock()
        self._hanging: set[threading.Thread] = set()
        self._takes_turns = False
        self._others = set(threading.enumerate())  # of tests before this one some may still be ending
        self.collectors: dict[str, Collector] = {}

    def offer(self, events: tuple[Event, ...]) -> None:
        self.state.apply(events)

    def script(self, *items: Reading | Fault) -> Script:
        script = Script(self, *items)
        self.scripts.append(script)
        return script

    def add(self, name: str, *items: Reading | Fault, **settings: Any) -> Script:
        """A further collector, which reads a table as its script says."""
        script = self.script(*items)
        self.use(make_collector(name, read=script, **settings))
        return script

    def add_things(self, name: str, *things: str, **settings: Any) -> Things:
        """A further collector, which finds these things."""
        found = Things(self)
        self.scripts.append(found.search)
        for thing in things:
            found.add(thing)
        self.use(make_collector(name, find=found, **settings))
        return found

    def use(self, collector: Collector) -> None:
        self.collectors[collector.name] = collector
        self.scheduler.replace(self.collectors.values())

    def start(self) -> None:
        """Let the loop run on its own thread, and wait until all has been read."""
        self.scheduler.start()
        self.settle()

    def advance(self, seconds: float) -> None:
        """Let time pass; a loop that waits looks at the clock."""
        self.time.now += seconds
        self.scheduler.wake("")

    def live(self, seconds: float, step: float = 0.25) -> None:
        """Let time pass step by step, and all that is due be done."""
        until = self.time.now + seconds
        while self.time.now < until - 1e-9:
            self.time.now += step
            self.settle()

    def settle(self) -> None:
        """Let all that is due by now be done, slow reads included. Only what hangs is left."""
        wait_until(self._settle, "a read does not end")

    def _settle(self) -> bool:
        assert Background(lambda: self.scheduler.settle(PATIENCE)).result()
        return self._is_at_rest()

    def _is_at_rest(self) -> bool:
        """Whether all workers that have something to do hang. Those that look again and again have nothing to do."""
        return all(lane.worker in self._hanging for lane in tuple(self.scheduler._crew._busy) if not lane.every)

    def settle_until(self, what: Callable[[], object], why: str) -> None:
        """Let what is due be done until this is so: a read that was let go returns when its thread gets to it."""

        def is_so() -> object:
            self.settle()
            return what()

        wait_until(is_so, why)

    def refresh(self, *names: str, seconds: float = PATIENCE) -> bool:
        """A scrape that must return by itself."""
        return self.refresh_behind(*names, seconds=seconds).result()

    def refresh_behind(self, *names: str, seconds: float = PATIENCE) -> Background[bool]:
        wanted = frozenset(names) or None
        return Background(lambda: self.scheduler.refresh(wanted, seconds=seconds))

    def refresh_in_time(self) -> bool:
        """A scrape while which time goes on: when all workers that have something to do hang, and only then."""
        scrape = self.refresh_behind()

        def has_returned() -> bool:
            # the loop hears of each step before the next one
            if scrape.running and not self.scheduler._posted and self._is_at_rest():
                self.advance(STALL_SECONDS)
            return not scrape.running

        wait_until(has_returned, "the scrape did not return")
        return scrape.result()

    def reported(self, name: str) -> list[Body]:
        """What the state holds of this collector."""
        runs = self.state.snapshot().runs
        return [event.body for (collector, _), run in runs.items() if collector == name for event in run]

    def sensors(self, name: str) -> set[str]:
        """The sensors of this collector that are shown."""
        return {body.sensor for body in self.reported(name) if isinstance(body, Alpha | Beta)}

    def errors(self) -> dict[tuple[str, str], int]:
        statuses = self.scheduler.statuses()
        return {(one.collector, one.error): one.total for one in statuses if isinstance(one, ReadErrors)}

    def status(self, name: str) -> CollectorStatus:
        statuses = self.scheduler.statuses(frozenset({name}))
        [status] = [status for status in statuses if isinstance(status, CollectorStatus)]
        return status

    def slow(self, name: str) -> str:
        """What is said of its slow things."""
        outcome = self.scheduler.outcomes()[name]
        assert outcome is not None, f"nothing of {name} has run"
        return outcome.slow

    def words(self, name: str) -> str:
        """What is said of how this collector stands."""
        outcome = self.scheduler.outcomes()[name]
        assert outcome is not None, f"nothing of {name} has run"
        return outcome.message

    def readers(self) -> list[threading.Thread]:
        """The worker threads that there are."""
        return [one for one in threading.enumerate() if one.name == "reader" and one not in self._others]

    def take_turns(self) -> None:
        """From now on reads take turns, so that the held seconds of one do not count for another.

        A read that hangs gives its turn away.
        """
        self._takes_turns = True
        crew = self.scheduler._crew
        do = crew._do

        def do_in_turn(run: Run) -> None:
            with self._turn:
                do(run)

        crew._do = do_in_turn  # type: ignore[method-assign]

    @contextmanager
    def no_turn(self) -> Iterator[None]:
        """This thread's read hangs: others have their turn."""
        this = threading.current_thread()
        if self._takes_turns:
            self._turn.release()
        self._hanging.add(this)
        try:
            yield
        finally:
            self._hanging.discard(this)
            if self._takes_turns:
                self._turn.acquire()

    def close(self) -> None:
        for script in self.scripts:
            script.go()
        self.scheduler.stop()
        for script in self.scripts:
            for thread in script.threads:
                thread.join(PATIENCE)


def make_collector(name: str, read: Callable[..., Any] | None = None, **settings: Any) -> Collector:
    return Collector(name=name, help="For a test", readings=(Alpha, Beta), read=read, **settings)


def wait_until(what: Callable[[], object], why: str) -> None:
    deadline = time.monotonic() + PATIENCE
    while not what():
        assert time.monotonic() < deadline, why
        time.sleep(0.005)
