"""Who runs what: real threads, a held clock, and gates that decide when a read returns."""

import threading
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from sysvitals.pipeline.crew import LIMIT, STALL_SECONDS, Crew, Run
from tests.patience import PATIENCE
from tests.pipeline.rig import wait_until


class Gate:
    """A read that returns when the test opens it."""

    def __init__(self, yields: object = "read") -> None:
        self.entered, self.open = threading.Event(), threading.Event()
        self.thread: threading.Thread | None = None
        self._yields = yields

    def __call__(self) -> Iterator[object]:
        self.thread = threading.current_thread()
        self.entered.set()
        self.open.wait()
        yield self._yields

    def wait_until_entered(self) -> None:
        assert self.entered.wait(PATIENCE), "it was not started"


class Scene:
    """A crew, and what it is given."""

    def __init__(self) -> None:
        self.now = 1000.0
        self.woken = threading.Semaphore(0)
        self.crew = Crew(clock=lambda: self.now, wake=self.woken.release)
        self.gates: list[Gate] = []
        self.over: list[Run] = []

    def gate(self) -> Gate:
        self.gates.append(Gate())
        return self.gates[-1]

    def gated(self) -> tuple[Run, Gate]:
        gate = self.gate()
        return Run("gated", gate), gate

    def wait_for(self, *runs: Run) -> None:
        """Wait until these are over."""
        while not all(run in self.over for run in runs):
            assert self.woken.acquire(timeout=PATIENCE), "the crew did not say that something is over"
            self.over += self.crew.collect()

    def is_over(self, run: Run) -> bool:
        self.over += self.crew.collect()
        return run in self.over

    def move_on(self) -> None:
        """Give what waits behind slow reads to others, as the loop does."""
        stalled, _ = self.crew.take_stalled(self.now)
        if stalled:
            self.crew.give(stalled)

    def close(self) -> None:
        for gate in self.gates:
            gate.open.set()
        self.crew.stop()


@pytest.fixture
def scene() -> Iterator[Scene]:
    scene = Scene()
    yield scene
    scene.close()


def quick(name: str = "quick", note: Callable[[str], Any] = lambda _: None) -> Run:
    def read() -> Iterator[str]:
        note(name)
        yield name

    return Run(name, read)


def test_what_is_quick_is_read_by_one_worker_in_one_hand_over(scene: Scene) -> None:
    threads: list[threading.Thread] = []
    for _ in range(5):
        runs = [quick(f"{number}", lambda _: threads.append(threading.current_thread())) for number in range(20)]
        scene.crew.give(runs)
        scene.wait_for(*runs)
    assert len(set(threads)) == 1
    assert scene.crew.workers == 1
    assert not scene.woken.acquire(blocking=False), "a round is one wake-up"


def test_a_run_keeps_what_it_yielded_before_its_error_and_its_times(scene: Scene) -> None:
    def read() -> Iterator[str]:
        yield "before"
        scene.now += 2.0
        raise OSError(5, "EIO")

    run = Run("x", read)
    scene.crew.give([run])
    scene.wait_for(run)
    assert run.items == ["before"]
    assert isinstance(run.error, OSError)
    assert (run.started, run.ended) == (1000.0, 1002.0)


@pytest.mark.parametrize("error", [MemoryError(), SystemExit(1), KeyboardInterrupt(), RecursionError()], ids=repr)
def test_an_error_of_whatever_kind_hurts_neither_the_worker_nor_the_reads_behind_it(
    scene: Scene, error: BaseException
) -> None:
    def read() -> list[str]:
        raise error

    run, after = Run("x", read), quick()
    scene.crew.give([run, after])
    scene.wait_for(run, after)
    assert run.error is error
    assert after.items == ["quick"]


def test_what_is_not_worth_it_wakes_nobody_and_is_collected_with_the_next(scene: Scene) -> None:
    done = threading.Event()

    def heard(_run: Run) -> bool:
        done.set()
        return False

    unheard = Run("x", lambda: ["same"], heard)
    scene.crew.give([unheard])
    assert done.wait(PATIENCE)
    run = quick()
    scene.crew.give([run])
    scene.wait_for(run)
    wait_until(lambda: scene.is_over(unheard), "it is not over")
    assert not scene.woken.acquire(blocking=False)


# slow and hanging


def test_what_waits_behind_a_read_that_takes_its_time_moves_to_another_worker(scene: Scene) -> None:
    slow, gate = scene.gated()
    behind = [quick("a"), quick("b")]
    scene.crew.give([slow, *behind])
    gate.wait_until_entered()
    assert scene.crew.take_stalled(scene.now) == ([], scene.now + STALL_SECONDS)
    assert scene.crew.waiting()[behind[1].key] is slow
    scene.now += STALL_SECONDS
    assert scene.crew.held(scene.now) == 1
    scene.move_on()
    scene.wait_for(*behind)
    assert scene.crew.workers == 2
    assert slow not in scene.over


def test_of_many_that_hang_each_holds_one_worker_and_those_between_them_are_read(scene: Scene) -> None:
    runs: list[Run] = []
    for _ in range(10):
        runs += [scene.gated()[0], quick()]
    scene.crew.give(runs)
    for gate in scene.gates:
        gate.wait_until_entered()
        scene.now += STALL_SECONDS
        scene.move_on()
    scene.wait_for(*runs[1::2])
    assert scene.crew.held(scene.now) == 10
    for gate in scene.gates:
        gate.open.set()
    scene.wait_for(*runs[::2])
    wait_until(lambda: scene.crew.collect() or scene.crew.workers <= 2, "idle workers stay")
    wait_until(lambda: sum(gate.thread is not None and gate.thread.is_alive() for gate in scene.gates) <= 2, "too many")


def test_after_many_workers_left_there_is_still_one_for_what_comes(scene: Scene) -> None:
    for _ in range(5):
        runs = [scene.gated()[0] for _ in range(8)]
        for run in runs:
            scene.crew.give([run])
        for gate in scene.gates:
            gate.open.set()
        scene.wait_for(*runs)
        for _ in range(50):  # to collect often does not send away more than there are
            scene.crew.collect()
        scene.gates.clear()
        after = quick()
        scene.crew.give([after])
        scene.wait_for(after)


def test_reads_of_one_bus_share_a_worker_and_run_one_after_the_other(scene: Scene) -> None:
    first, gate = scene.gated()
    behind = [quick("a"), quick("b")]
    scene.crew.give([first], bus="w1")
    gate.wait_until_entered()
    for run in behind:
        scene.crew.give([run], bus="w1")
    scene.now += 100
    assert scene.crew.take_stalled(scene.now) == ([], float("inf")), "the kernel serialises them anyway"
    elsewhere = quick()
    scene.crew.give([elsewhere], bus="w2")
    scene.wait_for(elsewhere)
    assert [run.started for run in behind] == [None, None]
    assert scene.crew.waiting()[behind[1].key] is first
    gate.open.set()
    scene.wait_for(*behind)
    assert scene.crew.workers == 2


def test_what_is_given_to_a_bus_while_its_worker_turns_away_is_run(scene: Scene) -> None:
    for _ in range(300):
        run = quick()
        scene.crew.give([run], bus="w1")
        scene.wait_for(run)


def test_there_are_never_more_workers_than_the_limit_and_the_next_that_is_free_goes_on(scene: Scene) -> None:
    runs = [scene.gated() for _ in range(LIMIT + 2)]
    for run, _ in runs:
        scene.crew.give([run])
    for _, gate in runs[:LIMIT]:
        gate.wait_until_entered()
    assert scene.crew.workers == LIMIT
    assert not runs[-1][1].entered.is_set()
    runs[0][1].open.set()
    runs[1][1].open.set()
    for _, gate in runs[LIMIT:]:
        gate.wait_until_entered()


# threads that die or cannot be had


@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")
def test_a_worker_that_dies_takes_only_its_own_run_along_and_is_replaced(scene: Scene) -> None:
    died: list[threading.Thread] = []

    def die(_run: Run) -> bool:
        died.append(threading.current_thread())
        raise MemoryError  # outside of what it reads

    victim, behind = Run("victim", lambda: ["read"], die), quick()
    scene.crew.give([victim, behind])
    wait_until(lambda: scene.is_over(behind), "what was behind it is lost")
    assert victim in scene.over
    assert "died" in str(victim.error)
    assert victim.ended is not None
    assert not died[0].is_alive()
    assert scene.crew.workers == 1


def test_where_no_thread_can_be_had_the_reads_run_once_there_is_one(
    scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    class NoThread:
        def __init__(self, **_: object) -> None: ...

        def start(self) -> None:
            raise RuntimeError("can't start new thread")

    run = quick()
    with monkeypatch.context() as patch:
        patch.setattr("sysvitals.pipeline.crew.Thread", NoThread)
        scene.crew.give([run])
        assert scene.crew.collect() == []
        assert scene.crew.workers == 0
    scene.over += scene.crew.collect()
    scene.wait_for(run)


# stopping


def test_after_the_stop_nothing_is_begun_and_idle_workers_end(scene: Scene) -> None:
    hanging, gate = scene.gated()
    behind = quick()
    scene.crew.give([hanging, behind])
    gate.wait_until_entered()
    scene.crew.stop()
    gate.open.set()
    assert gate.thread is not None
    gate.thread.join(PATIENCE)
    assert not gate.thread.is_alive()
    assert behind.started is None


# what goes round


class Looks:
    """Reads that count, and yield what the test wants to be seen."""

    def __init__(self, every: float = 0.01) -> None:
        self.seen = ["nothing", "nothing"]
        self.counts = [0, 0]
        self.threads = set[threading.Thread]()
        self.runs = [
            Run(number, self._reader(number), lambda run: run.items != ["nothing"], every=every) for number in range(2)
        ]

    def _reader(self, number: int) -> Callable[[], Iterator[object]]:
        def read() -> Iterator[object]:
            self.counts[number] += 1
            self.threads.add(threading.current_thread())
            yield self.seen[number]

        return read

    def wait_for_rounds(self, rounds: int) -> None:
        before = list(self.counts)
        wait_until(
            lambda: all(now >= then + rounds for now, then in zip(self.counts, before, strict=True)), "it stands still"
        )


def test_what_goes_round_is_run_again_by_its_worker_and_heard_of_when_it_matters(scene: Scene) -> None:
    looks = Looks()
    scene.crew.give(looks.runs)
    looks.wait_for_rounds(5)
    assert len(looks.threads) == 1
    assert not scene.woken.acquire(blocking=False), "nothing was seen"
    looks.seen[1] = "something"
    scene.wait_for(*looks.runs)
    assert [run.items for run in looks.runs] == [["nothing"], ["something"]]
    assert scene.crew.held(scene.now + 60) == 0


def test_what_is_to_go_round_joins_what_does(scene: Scene) -> None:
    looks = Looks()
    for run in looks.runs:
        scene.crew.give([run])
        wait_until(lambda run=run: looks.counts[run.key], "it was not run")  # type: ignore[misc]
    looks.wait_for_rounds(3)
    assert len(looks.threads) == 1
    other = Looks(every=0.02)
    scene.crew.give(other.runs)
    other.wait_for_rounds(3)
    assert not looks.threads & other.threads


def test_what_goes_round_ends_when_it_is_recalled_however_long_its_rest(scene: Scene) -> None:
    looks = Looks(every=3600.0)
    scene.crew.give(looks.runs)
    wait_until(lambda: looks.counts == [1, 1], "they were not run")
    scene.crew.recall(1.0)
    scene.crew.recall(3600.0)
    scene.wait_for(*looks.runs)
    assert looks.counts == [1, 1]


def test_where_one_that_goes_round_hangs_another_worker_gets_the_others(scene: Scene) -> None:
    looks, (hangs, gate) = Looks(), scene.gated()
    hangs.every = 0.01
    scene.crew.give([looks.runs[0], hangs, looks.runs[1]])
    gate.wait_until_entered()
    assert looks.counts == [1, 0]
    stalled, _ = scene.crew.take_stalled(scene.now + STALL_SECONDS)
    assert stalled == [looks.runs[1], looks.runs[0]], "those before it would wait as well"
    scene.crew.give(stalled)
    looks.wait_for_rounds(3)
    gate.open.set()
    scene.wait_for(hangs)
    looks.wait_for_rounds(1)


def test_a_rest_holds_up_nothing_and_is_no_stall(scene: Scene) -> None:
    looks, quick = Looks(every=3600.0), Run("quick", lambda: ["read"])
    scene.crew.give(looks.runs)
    wait_until(lambda: looks.counts == [1, 1], "they were not run")
    scene.crew.give([quick])
    scene.wait_for(quick)
    assert scene.crew.take_stalled(scene.now + 60) == ([], float("inf"))
