"""Worker threads that run reads. Nothing here decides when, or what a run meant.

One worker does all the work while reads are quick, which costs a small board least: a whole round is one hand-over.
Where a read takes its time, the rest of its round moves to another worker. Reads of one bus always share a worker.

Looks go round: their worker does them again and again by itself, and is heard of when one of them has seen something.
"""

import contextlib
import logging
from collections import deque
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from queue import SimpleQueue
from threading import Lock, Thread, current_thread
from typing import Any

from sysvitals.host.threads import NoThreadError, start_thread
from sysvitals.pipeline.clock import until_beat

_log = logging.getLogger(__name__)

STALL_SECONDS = 0.1
"""How long a read may hold up those behind it before they move to another worker."""

LOOK_STALL_SECONDS = 1.0
"""The same for a look at what is watched, behind which there are only looks: a wake-up less with each of them."""

LIMIT = 80
"""How many workers there may be at most."""

HANGING_LIMIT = LIMIT * 3 // 4
"""How many workers may be held by reads that hang; then what may hang too is tried one by one, and the others have the
rest."""

TRIAL_LIMIT = HANGING_LIMIT + LIMIT // 8
"""How many may be held after such trials; then what may hang waits."""

TRIAL = "trial"
"""The lane of what is tried one by one."""

_IDLE_LIMIT = 2


@dataclass(slots=True, eq=False)
class Run:
    """One run of something that yields. `items` is what it has yielded so far; times are monotonic seconds.

    `matters` says of a run that has ended whether it is worth a wake-up of the thread that collects; `lane` is the bus
    that it is given with, and `stall` how long it may hold up those behind it. With `every` it goes round: it is run
    again at each multiple of so many seconds, until it matters or is recalled.
    """

    key: Any
    read: Callable[[], Iterable[Any]]
    matters: Callable[["Run"], bool] = lambda _: True
    lane: str = ""
    stall: float = STALL_SECONDS
    every: float = 0.0
    given: float | None = None
    started: float | None = None
    ended: float | None = None
    items: list[Any] = field(default_factory=list)
    error: BaseException | None = None


@dataclass(slots=True, eq=False)
class _Lane:
    """Runs that one worker does one after the other. With a `bus` they stay together, whatever it takes.

    With `every` they go round, and `seen` are those that were run in this round.
    """

    bus: str
    runs: deque[Run]
    stall: float
    every: float = 0.0
    seen: deque[Run] = field(default_factory=deque)
    is_recalled: bool = False
    resting: Lock = field(default_factory=Lock)
    current: Run | None = None
    worker: Thread | None = None

    def recall(self) -> None:
        """Let its worker go round no more. Only the thread that gives and collects calls this."""
        self.is_recalled = True
        if self.resting.locked():
            with contextlib.suppress(RuntimeError):  # its worker went meanwhile
                self.resting.release()

    def rest(self, seconds: float) -> None:
        """Wait for so long, or until it is recalled. A lock costs half of what an Event does, each second."""
        self.resting.acquire(blocking=False)
        if not self.is_recalled:
            self.resting.acquire(timeout=seconds)


class Crew:
    """Runs what it is given. One thread gives and collects; `wake` is called, from a worker, when there is something.

    `clock` gives monotonic seconds.
    """

    def __init__(self, *, clock: Callable[[], float], wake: Callable[[], None]) -> None:
        self._clock = clock
        self._wake = wake
        self._busy: list[_Lane] = []
        self._buses: dict[str, _Lane] = {}
        self._calls: SimpleQueue[_Lane | None] = SimpleQueue()
        self._ended: deque[Run] = deque()
        self._emptied: deque[_Lane] = deque()
        self._workers: set[Thread] = set()
        self._dismissed = 0
        self._left: deque[Thread] = deque()
        self._refusal: NoThreadError | None = None

    @property
    def workers(self) -> int:
        """How many threads there are, but for those that were dismissed."""
        return len(self._workers) - self._dismissed

    def give(self, runs: Iterable[Run], *, bus: str = "") -> None:
        """Do these one after the other. Those of a bus queue behind what it is busy with; what goes round joins in."""
        runs = list(runs)
        for run in runs:
            run.lane = bus
        if not runs:
            return
        lane = self._buses.get(bus) if bus else self._find_round(runs[0].every)
        if lane is not None:
            lane.runs.extend(runs)
            return
        lane = _Lane(bus, deque(runs), min(run.stall for run in runs), runs[0].every)
        if bus:
            self._buses[bus] = lane
        self._busy.append(lane)
        self._calls.put(lane)
        self._hire()

    def collect(self) -> list[Run]:
        """The runs that are over since the last call."""
        self._mend()
        while self._emptied:
            lane = self._emptied.popleft()
            lane.worker = None
            self._ended += _take_all(lane.seen)
            if lane.runs:  # given while its worker turned away
                lane.is_recalled = False
                self._calls.put(lane)
                continue
            self._busy.remove(lane)
            if self._buses.get(lane.bus) is lane:
                del self._buses[lane.bus]
        self._hire()
        self._dismiss()
        ended = []
        while self._ended:
            ended.append(self._ended.popleft())
        return ended

    def held(self, now: float) -> int:
        """How many workers are held by a read that takes its time."""
        return sum(_held_since(lane, now) <= now - STALL_SECONDS for lane in self._busy)

    def take_stalled(self, now: float) -> tuple[list[Run], float]:
        """Take back what waits behind reads that take their time, but for those of a bus. And when to look again."""
        stalled: list[Run] = []
        look_again = float("inf")
        for lane in self._busy:
            rests = lane.every and lane.current is None
            if rests or lane.bus or not (lane.runs or lane.seen):
                continue
            since = _held_since(lane, now)
            if now - since < lane.stall:
                look_again = min(look_again, since + lane.stall)
                continue
            lane.recall()
            stalled += (*_take_all(lane.runs), *_take_all(lane.seen))
        return stalled, look_again

    def recall(self, every: float) -> None:
        """Let those that go round in this rhythm end, so that they are collected."""
        for lane in self._busy:
            if lane.every == every:
                lane.recall()

    def detach(self, bus: str) -> list[Run]:
        """What a bus is busy with hangs: take back what waits behind it. What is given for the bus since goes on."""
        lane = self._buses.pop(bus, None)
        return [] if lane is None else _take_all(lane.runs)

    def waiting(self) -> dict[Any, Run]:
        """By the key of each run that waits, the one that its bus, or its worker, is busy with."""
        return {run.key: lane.current for lane in self._busy if lane.current is not None for run in tuple(lane.runs)}

    def require_worker(self) -> None:
        """Raise NoThreadError where something is to be done, and not one worker could be had."""
        if self._refusal is not None and self._busy and not self.workers:
            raise self._refusal

    def stop(self) -> None:
        """Do nothing any more. A read that is under way is left behind."""
        for lane in self._busy:
            lane.runs.clear()
            lane.recall()
        for _ in self._workers:
            self._calls.put(None)

    def _find_round(self, every: float) -> _Lane | None:
        """The lane that goes round in this rhythm, but for one of which a run hangs."""
        rounds = (lane for lane in self._busy if every and lane.every == every and not lane.is_recalled)
        return next(rounds, None)

    def _hire(self) -> None:
        """A worker for each lane; where there is no further one to be had, the next that is free takes it."""
        while self.workers < min(len(self._busy), LIMIT):
            worker = Thread(target=self._work, name="reader", daemon=True)
            try:
                start_thread(worker)
            except NoThreadError as error:
                if self._refusal is None and not self.workers:
                    _log.warning("nothing can be read, and it is tried again: %s", error.strerror)
                self._refusal = error.with_traceback(None)
                return
            self._refusal = None
            self._workers.add(worker)

    def _dismiss(self) -> None:
        for _ in range(self.workers - len(self._busy) - _IDLE_LIMIT):
            self._dismissed += 1
            self._calls.put(None)

    def _mend(self) -> None:
        """A worker that died, of a MemoryError say, takes only its own run with it."""
        while self._left:
            self._workers.discard(self._left.popleft())
            self._dismissed -= 1
        dead = {worker for worker in self._workers if not worker.is_alive()}
        if not dead or self._left:  # one that left since is not dead
            return
        self._workers -= dead
        for lane in self._busy:
            if lane.worker in dead and lane not in self._emptied:
                run, lane.current = lane.current, None
                if run is not None:
                    run.ended = self._clock()
                    run.started = run.ended if run.started is None else run.started
                    run.error = run.error or RuntimeError("the thread that read it died")
                    self._ended.append(run)
                self._emptied.append(lane)

    def _work(self) -> None:
        this = current_thread()
        while (lane := self._calls.get()) is not None:
            lane.worker = this
            matters = self._do_all(lane)
            while lane.every and not matters:
                lane.rest(until_beat(self._clock(), lane.every))
                if lane.is_recalled:
                    break
                lane.runs += _take_all(lane.seen)
                matters = self._do_all(lane)
            self._emptied.append(lane)
            if matters or lane.every:
                self._wake()
        self._left.append(this)

    def _do_all(self, lane: _Lane) -> bool:
        """Do what waits. Whether it matters."""
        matters = False
        while True:
            try:
                run = lane.runs.popleft()
            except IndexError:
                return matters
            lane.current = run
            self._do(run)
            matters = run.matters(run) or matters
            (lane.seen if lane.every else self._ended).append(run)
            lane.current = None
            if lane.bus and matters:  # those behind it may take long
                self._wake()

    def _do(self, run: Run) -> None:
        run.started = self._clock()
        run.ended = None
        run.items.clear()
        try:
            for item in run.read():
                run.items.append(item)  # what it yielded before an error stays
        except BaseException as error:  # noqa: BLE001  # a thing's error is its own and hurts no other
            run.error = error
        run.ended = self._clock()


def _held_since(lane: _Lane, now: float) -> float:
    """When the read began that this lane is busy with; now where there is none."""
    current = lane.current
    return now if current is None or current.started is None else current.started


def _take_all(runs: deque[Run]) -> list[Run]:
    """All that wait. Their worker may take the last one meanwhile."""
    taken: list[Run] = []
    with contextlib.suppress(IndexError):
        while True:
            taken.append(runs.popleft())
    return taken
