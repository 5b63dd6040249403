"""Threads that die: which are started again, which end the exporter, and that it shows."""

import threading
from collections.abc import Callable, Iterator

import pytest

from sysvitals.threads import RESTARTS, RESTARTS_SECONDS, Duty, Keeper
from tests.patience import PATIENCE


class Mortal:
    """A thread that lives until it is told to die."""

    def __init__(self) -> None:
        self.started = 0
        self._end = threading.Event()
        self.thread = self._build()

    def start(self) -> None:
        self._end = threading.Event()
        self.thread = self._build()
        self.thread.start()
        self.started += 1

    def die(self) -> None:
        self._end.set()
        self.thread.join(PATIENCE)

    def _build(self) -> threading.Thread:
        return threading.Thread(target=self._end.wait, daemon=True)


@pytest.fixture
def mortal() -> Iterator[Mortal]:
    mortal = Mortal()
    mortal.start()
    yield mortal
    mortal.die()


def keep(mortal: Mortal, now: Callable[[], float] = lambda: 0.0, *, mends: bool = True) -> Keeper:
    return Keeper([Duty("worker", lambda: mortal.thread, mortal.start if mends else None)], now)


def test_a_thread_that_lives_is_left_alone(mortal: Mortal) -> None:
    keeper = keep(mortal)
    assert (keeper.dead(), keeper.mend(), mortal.started) == ([], [], 1)


def test_a_thread_that_has_not_begun_is_not_dead() -> None:
    assert keep(Mortal()).dead() == []


@pytest.mark.fault(
    "resources",
    "a thread of the exporter that dies",
    seen="`/-/healthy` answers 503; `sysvitals_thread_deaths_total` rises",
    heals="by itself within 15 s",
)
def test_a_thread_that_died_shows_and_is_started_again(mortal: Mortal) -> None:
    keeper = keep(mortal)
    mortal.die()
    assert keeper.dead() == ["worker"]
    [status] = keeper.statuses()
    assert status.deaths == 1
    assert keeper.mend() == []
    [status] = keeper.statuses()
    assert (status.deaths, keeper.dead()) == (1, [])


def test_a_thread_that_cannot_be_started_again_ends_the_exporter(mortal: Mortal) -> None:
    keeper = keep(mortal, mends=False)
    mortal.die()
    assert keeper.mend() == ["worker"]


def test_a_thread_that_dies_again_and_again_ends_the_exporter_and_one_that_dies_rarely_does_not(mortal: Mortal) -> None:
    now = [0.0]
    keeper = keep(mortal, lambda: now[0])
    for _ in range(RESTARTS):
        mortal.die()
        assert keeper.mend() == []
    mortal.die()
    assert keeper.mend() == ["worker"]
    now[0] += RESTARTS_SECONDS
    assert keeper.mend() == []
    [status] = keeper.statuses()
    assert status.deaths == RESTARTS + 1


class Unstartable(Mortal):
    """As long as there is no room for a thread, it cannot be started."""

    error: Exception | None = None

    def start(self) -> None:
        if self.error is not None:
            raise self.error
        super().start()


@pytest.mark.parametrize("error", [RuntimeError("can't start new thread"), MemoryError()])
@pytest.mark.fault(
    "resources",
    "no more threads, or no memory for one, when one has died",
    seen="one error in the log, `/-/healthy` answers 503",
    heals="by itself, when there is room; after three tries its supervisor starts it again",
)
def test_where_there_is_no_room_for_a_thread_it_stays_dead_and_is_tried_again(
    error: Exception, caplog: pytest.LogCaptureFixture
) -> None:
    mortal = Unstartable()
    mortal.start()
    mortal.die()
    keeper = keep(mortal)
    mortal.error = error
    for _ in range(RESTARTS - 1):
        assert keeper.mend() == []
        assert keeper.dead() == ["worker"]
        assert [status.deaths for status in keeper.statuses()] == [1]
    assert [record.getMessage() for record in caplog.records] == [
        f"the thread worker died and cannot be started again: {error!r}; it is tried again"
    ]
    mortal.error = None
    assert keeper.mend() == []
    assert keeper.dead() == []
    assert [status.deaths for status in keeper.statuses()] == [1]
    mortal.die()


def test_a_thread_that_could_not_be_started_again_a_few_times_ends_the_exporter() -> None:
    mortal = Unstartable()
    mortal.start()
    mortal.die()
    keeper = keep(mortal)
    mortal.error = RuntimeError("can't start new thread")
    for _ in range(RESTARTS):
        assert keeper.mend() == []
    assert keeper.mend() == ["worker"]


def test_one_that_cannot_be_started_again_keeps_no_other_from_it(mortal: Mortal) -> None:
    stuck = Unstartable()
    stuck.start()
    stuck.die()
    stuck.error = MemoryError()
    duties = [Duty("stuck", lambda: stuck.thread, stuck.start), Duty("worker", lambda: mortal.thread, mortal.start)]
    keeper = Keeper(duties, lambda: 0.0)
    mortal.die()
    keeper.mend()
    assert keeper.dead() == ["stuck"]
