"""What collectors watch, and what wakes them: the book of it, and the scheduler that looks and waits for notices."""

import logging
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any

import pytest

from sysvitals.host.host import Host
from sysvitals.model.collector import Collector, Unavailable, Watch
from sysvitals.model.status import WatchWakes
from sysvitals.pipeline.clock import Clock
from sysvitals.pipeline.file_watcher import Watched
from sysvitals.pipeline.plan import COOLDOWN_SECONDS
from sysvitals.pipeline.scheduler import FIND_SECONDS
from sysvitals.pipeline.watching import Watching
from tests.mounting import own_mounts
from tests.pipeline.rig import Alpha, Beta, Rig, Script, make_collector, wait_until
from tests.pipeline.test_file_watcher import open_files

FAR = 600.0
TIMEOUT = 3.0

# the book


def names(watched: Iterable[Any]) -> list[str]:
    return [one.watch.name for one in watched]


def test_several_may_watch_the_same_and_it_is_watched_once_in_the_more_eager_rhythm() -> None:
    book = Watching()
    new, gone = book.set_watches("alpha", [Watch("table", 10.0)])
    assert (names(new), gone) == (["table"], [])
    assert book.set_watches("beta", [Watch("table", 1.0), Watch("word")]) == ([book.watched["word"]], [])
    assert book.watched["table"].seconds == 1.0
    assert book.owners("table") == {"alpha", "beta"}
    new, gone = book.set_watches("beta", [])
    assert (new, names(gone)) == ([], ["word"])
    assert book.owners("table") == {"alpha"}
    assert book.watched["table"].seconds == 10.0
    assert list(book.watched) == ["table"]
    book.files.close()


def test_what_changed_is_counted_for_each_that_watches_it() -> None:
    book = Watching()
    book.set_collectors(["alpha", "beta"])
    [table], _ = book.set_watches("alpha", [Watch("table")])
    book.set_watches("beta", [Watch("table")])
    assert book.changed(table, notified=True) == {"alpha", "beta"}
    assert book.changed(table, notified=False) == {"alpha", "beta"}
    book.set_collectors(["beta"])
    assert book.wakes == {("beta", False): 1, ("beta", True): 1}
    book.files.close()


# the scheduler


@pytest.fixture
def rig(tmp_path: Path) -> Iterator[Rig]:
    rig = Rig(tmp_path)
    yield rig
    rig.close()


def watching(rig: Rig, name: str, *watches: Watch | Path, **settings: Any) -> Script:
    """A collector that watches these, is read when it is woken, and tells what it reads as its own thing."""
    named = [Watch(str(watch)) if isinstance(watch, Path) else watch for watch in watches]
    settings.setdefault("watch", lambda _: named)
    return rig.add(name, Alpha(sensor=name), interval=FAR, **settings)


def file(rig: Rig, name: str, text: str = "0\n") -> Path:
    path = Path(rig.host.sysfs, name)
    path.write_text(text)
    return path


def totals(rig: Rig) -> dict[tuple[str, str], int]:
    return {(status.collector, status.how): status.total for status in rig.scheduler.wakes()}


def settle_first(rig: Rig) -> None:
    """All has been read and looked at once, and the cooldown of the first wakes is over."""
    rig.settle()
    rig.live(1.0)


def test_a_collector_is_read_when_what_it_watches_changes_and_the_others_are_not(rig: Rig) -> None:
    alarm = file(rig, "alarm")
    alpha, beta = watching(rig, "alpha", alarm), watching(rig, "beta", file(rig, "other"))
    settle_first(rig)
    before = alpha.runs, beta.runs
    for turn in range(1, 4):
        alarm.write_text(f"{turn}\n")
        rig.live(1.25)
        assert (alpha.runs, beta.runs) == (before[0] + turn, before[1])
    rig.live(60.0, step=1.0)
    assert alpha.runs == before[0] + 3


def test_a_file_is_looked_at_in_its_own_rhythm(rig: Rig) -> None:
    looks = rig.script()
    watching(rig, "alpha", Watch("word", 5.0, lambda: list(looks())))
    rig.settle()
    assert looks.runs == 1
    rig.live(50.0)
    assert looks.runs in {10, 11}


def test_looking_that_finds_nothing_new_goes_on_by_itself(tmp_path: Path) -> None:
    live = Rig(tmp_path, clock=Clock())
    looks = live.script()
    watching(live, "alpha", Watch("word", 0.02, lambda: list(looks())))
    try:
        live.scheduler.start()
        wait_until(lambda: looks.runs >= 10, "it is looked at more rarely than it should be")
    finally:
        live.close()


@pytest.fixture
def live(tmp_path: Path) -> Iterator[Rig]:
    """Time passes."""
    rig = Rig(tmp_path, clock=Clock())
    yield rig
    rig.close()


def looked_at(rig: Rig, name: str, seconds: float = 0.02) -> Script:
    """A look of this collector."""
    looks = rig.script()
    watching(rig, name, Watch(f"{name} word", seconds, lambda: list(looks())))
    return looks


def wait_for_looks(looks: Script, more: int = 5) -> None:
    before = looks.runs
    wait_until(lambda: looks.runs >= before + more, "it is not looked at")


def test_frequent_looks_go_round_together_without_the_loop(live: Rig) -> None:
    one = looked_at(live, "alpha")
    live.start()
    wait_for_looks(one)
    two = looked_at(live, "beta")
    wait_for_looks(two)
    wait_until(
        lambda: len({*one.threads[-20:], *two.threads[-20:]}) == 1 and len(two.threads) > 20,
        "each of them wakes the processor",
    )


def test_what_a_look_that_goes_round_has_seen_wakes_its_collector(live: Rig) -> None:
    one, two = looked_at(live, "alpha"), looked_at(live, "beta")
    alpha, beta = live.scripts[1], live.scripts[3]
    live.start()
    wait_for_looks(one)
    runs = beta.runs
    for turn in range(3):
        before = alpha.runs
        one.items = [f"turn {turn}"]
        wait_until(lambda before=before: alpha.runs > before, "it was not read")  # type: ignore[misc]
        wait_for_looks(one)
        wait_for_looks(two)
    assert beta.runs == runs


def test_one_that_goes_round_and_is_switched_off_is_looked_at_no_more(live: Rig) -> None:
    one, two = looked_at(live, "alpha"), looked_at(live, "beta")
    live.start()
    wait_for_looks(one)
    del live.collectors["alpha"]
    live.scheduler.replace(live.collectors.values())
    wait_for_looks(two)
    runs = one.runs
    wait_for_looks(two)
    assert one.runs == runs
    live.use(
        make_collector("alpha", read=live.script(), watch=lambda _: [Watch("alpha word", 0.02, lambda: list(one()))])
    )
    wait_for_looks(one)


def test_one_that_goes_round_and_hangs_blinds_no_other_and_is_counted(live: Rig) -> None:
    one, two = looked_at(live, "alpha", 0.05), looked_at(live, "beta", 0.05)
    live.start()
    wait_for_looks(one)
    wait_for_looks(two)
    one.hang()
    one.wait_until_it_hangs()

    def goes_on() -> bool:
        live.scheduler.wake("")  # as the next heartbeat would
        return two.runs > runs

    runs = two.runs + 1
    wait_until(goes_on, "the other is not looked at")
    wait_until(lambda: goes_on() and live.errors(), "it is not counted")
    assert live.errors() == {("alpha", "timeout"): 1}
    one.go()
    wait_for_looks(one)
    wait_for_looks(two)


def test_counts_begin_at_zero_for_collectors_that_watch_and_those_alone_have_some(rig: Rig) -> None:
    watching(rig, "alpha", watch=lambda _: ())
    rig.add("beta", Beta())
    assert rig.scheduler.wakes() == [
        WatchWakes(collector="alpha", how="look", total=0),
        WatchWakes(collector="alpha", how="notice", total=0),
    ]
    rig.scheduler.replace([])
    assert rig.scheduler.wakes() == []


def test_the_kernels_notice_wakes_once_and_is_counted_apart_from_what_looking_found(tmp_path: Path) -> None:
    rig = Rig(tmp_path, clock=Clock())
    with own_mounts() as mounts:
        alpha = watching(rig, "alpha", Watch(mounts.table, FAR))
        try:
            rig.scheduler.start()
            wait_until(lambda: totals(rig)["alpha", "look"] == 1, "it is not watched")
            rig.settle()
            for turn in range(1, 4):
                runs = alpha.runs
                mounts.mount(tmp_path / f"disk{turn}")
                wait_until(lambda runs=runs: alpha.runs > runs, "the notice woke nobody")  # type: ignore[misc]
                assert totals(rig)["alpha", "notice"] >= turn
            assert totals(rig)["alpha", "look"] == 1, "looking found nothing but the beginning"
        finally:
            rig.close()


@pytest.mark.parametrize(("path", "looks"), [("/proc/self/mountinfo", 2), ("plain", 1)])
def test_where_notices_begin_to_be_waited_for_it_is_looked_at_once_more(
    rig: Rig, monkeypatch: pytest.MonkeyPatch, path: str, looks: int
) -> None:
    real, seen = Watched.look, list[str]()

    def look(watched: Watched) -> Iterator[object]:
        seen.append(watched.watch.name)
        return real(watched)

    monkeypatch.setattr(Watched, "look", look)
    watching(rig, "alpha", Watch(path if path.startswith("/") else str(file(rig, path)), FAR))
    for _ in range(4):
        rig.settle()
    assert len(seen) == looks, "what changed between the first look and the waiting was missed"


def test_two_collectors_that_watch_the_same_are_both_woken(rig: Rig) -> None:
    table = file(rig, "table")
    alpha, beta = watching(rig, "alpha", table), watching(rig, "beta", Watch(str(table), FAR))
    settle_first(rig)
    before = alpha.runs, beta.runs
    table.write_text("1\n")
    rig.live(1.25)
    assert (alpha.runs, beta.runs) == (before[0] + 1, before[1] + 1)


def test_the_things_of_a_collector_are_read_when_what_it_watches_changes(rig: Rig) -> None:
    alarm = file(rig, "alarm")
    found = rig.add_things("alpha", "x", interval=FAR, watch=lambda _: [Watch(str(alarm))])
    settle_first(rig)
    runs = found.reads["x"].runs
    found.add("y")
    alarm.write_text("1\n")
    rig.live(1.25)
    assert (found.reads["x"].runs, found.reads["y"].runs) == (runs + 1, 1)


def raising(error: Exception) -> Callable[[Host], Iterable[Watch]]:
    def watch(_host: Host) -> Iterator[Watch]:
        yield Watch("nowhere")
        raise error

    return watch


@pytest.mark.parametrize(
    "error", [OSError(5, "Input/output error"), ValueError("garbage"), Unavailable("not here"), KeyError("x")], ids=repr
)
def test_a_collector_that_cannot_say_what_to_watch_is_still_read_and_asked_again(
    rig: Rig, error: Exception, caplog: pytest.LogCaptureFixture
) -> None:
    late = file(rig, "late")
    asked: list[float] = []

    def watch(host: Host) -> Iterable[Watch]:
        asked.append(rig.time.now)
        return raising(error)(host) if len(asked) < 4 else [Watch(str(late))]

    alpha = watching(rig, "alpha", watch=watch)
    with caplog.at_level(logging.WARNING):
        rig.settle()
        assert rig.sensors("alpha") == {"alpha"}
        rig.live(3 * FIND_SECONDS + 5, step=1.0)
    assert len(asked) == 4
    assert [record.getMessage().partition(":")[0] for record in caplog.records] == ["alpha"], "said once"
    runs = alpha.runs
    late.write_text("1\n")
    rig.live(1.25)
    assert alpha.runs == runs + 1


@pytest.mark.parametrize("error", [RuntimeError("a bug"), SystemExit(1)], ids=repr)
def test_a_look_that_fails_in_any_way_hurts_no_other(rig: Rig, error: BaseException) -> None:
    def look() -> object:
        raise error

    alarm = file(rig, "alarm")
    watching(rig, "alpha", Watch("word", 1.0, look))
    beta = watching(rig, "beta", alarm)
    settle_first(rig)
    runs = beta.runs
    alarm.write_text("1\n")
    rig.live(1.25)
    assert beta.runs == runs + 1
    assert totals(rig)["alpha", "look"] == 0


@pytest.mark.fault(
    "sources",
    "a file that is watched and hangs",
    seen="`sysvitals_read_errors_total` rises",
    heals="by itself, when the kernel answers",
)
def test_a_watched_file_that_hangs_stops_no_other_from_being_read_and_is_counted(rig: Rig) -> None:
    alarm = file(rig, "alarm")
    look = rig.script()
    watching(rig, "alpha", Watch("word", 1.0, lambda: list(look())))
    beta = watching(rig, "beta", alarm)
    settle_first(rig)
    looks = look.runs
    look.hang(seconds=TIMEOUT)
    rig.live(2.0)
    for turn in range(3):
        runs = beta.runs
        alarm.write_text(f"{turn + 1}\n")
        rig.live(1.5)
        assert beta.runs == runs + 1
        assert rig.refresh()
    assert look.runs == looks + 1
    assert rig.errors() == {("alpha", "timeout"): 1}
    look.go()
    rig.settle_until(lambda: look.runs > looks + 1, "it is not looked at again")


def test_devices_that_come_and_go_are_watched_while_they_are_there(rig: Rig) -> None:
    def watch(host: Host) -> list[Watch]:
        return [Watch(f"{host.sysfs}/{name}") for name in host.names(host.sysfs)]

    alpha = watching(rig, "alpha", watch=watch)
    rig.settle()
    for _ in range(2):
        device = file(rig, "eth0")
        rig.live(FIND_SECONDS + 2, step=1.0)
        runs = alpha.runs
        device.write_text("1\n")
        rig.live(1.25)
        assert alpha.runs == runs + 1
        assert str(device) in open_files()
        device.unlink()
        rig.live(FIND_SECONDS + 2, step=1.0)
        assert not any("eth0" in path for path in open_files())


def test_what_is_switched_off_is_watched_no_more_and_what_is_new_is_asked_immediately(rig: Rig) -> None:
    one, two = file(rig, "one"), file(rig, "two")
    alpha = watching(rig, "alpha", one)
    settle_first(rig)
    runs = alpha.runs
    del rig.collectors["alpha"]
    beta = watching(rig, "beta", two)
    settle_first(rig)
    before = beta.runs
    one.write_text("1\n")
    two.write_text("1\n")
    rig.live(1.25)
    assert (alpha.runs, beta.runs) == (runs, before + 1)
    assert str(one) not in open_files()


def test_one_that_takes_over_what_another_watched_is_woken_in_its_place(rig: Rig) -> None:
    table = file(rig, "table")
    alpha = watching(rig, "alpha", table)
    settle_first(rig)
    runs = alpha.runs
    del rig.collectors["alpha"]
    beta = watching(rig, "beta", table)
    settle_first(rig)
    before = beta.runs
    table.write_text("1\n")
    rig.live(1.25)
    assert (alpha.runs, beta.runs) == (runs, before + 1)


@pytest.mark.fault(
    "sources",
    "a storm of changes in what is watched",
    seen="fewer readings than changes",
    heals="by itself, the last change is read",
)
def test_a_storm_of_changes_reads_no_more_often_than_the_cooldown_lets(rig: Rig) -> None:
    counter = iter(range(10**9))
    alpha = watching(rig, "alpha", Watch("storm", 0.01, lambda: next(counter)))
    rig.live(5.0, step=0.05)
    assert 10 <= alpha.runs <= 2 + 5.0 / COOLDOWN_SECONDS


def test_a_file_whose_look_hung_when_it_was_switched_off_is_let_go_when_it_returns(
    rig: Rig, monkeypatch: pytest.MonkeyPatch
) -> None:
    alarm, gate = file(rig, "alarm"), rig.script()
    real = Watched.look

    def look(watched: Watched) -> Iterator[object]:
        seen = list(real(watched))
        list(gate())
        yield from seen

    monkeypatch.setattr(Watched, "look", look)
    gate.hang(seconds=TIMEOUT)
    watching(rig, "alpha", alarm)
    rig.settle()
    gate.wait_until_it_hangs()
    rig.scheduler.replace([])
    assert str(alarm) in open_files()
    gate.go()
    rig.settle_until(lambda: str(alarm) not in open_files(), "it stays open")


def test_it_stops_though_a_look_hangs_and_leaves_nothing_open(rig: Rig) -> None:
    alarm = file(rig, "alarm")
    look = rig.script()
    watching(rig, "alpha", alarm, Watch("word", 1.0, lambda: list(look())))
    rig.settle()
    assert str(alarm) in open_files()
    look.hang()
    rig.scheduler.start()
    rig.advance(1.0)
    look.wait_until_it_hangs()
    rig.scheduler.stop()
    assert not rig.scheduler.thread.is_alive()
    assert str(alarm) not in open_files()


def test_an_edge_between_two_heartbeats_is_read(tmp_path: Path) -> None:
    rig = Rig(tmp_path, clock=Clock())
    alarm = tmp_path / "alarm"
    alarm.write_text("0\n")

    def read(_host: Host) -> Iterator[Alpha]:
        yield Alpha(value=float(alarm.read_text()))

    collector: Collector = make_collector("alpha", read, watch=lambda _: [Watch(str(alarm), 0.01)], interval=FAR)
    rig.use(collector)
    try:
        rig.scheduler.start()
        rig.record.wait_for(Alpha)
        for value in ("1", "2", "3"):  # a value that came back between two looks would be no change
            with alarm.open("r+") as content:  # in one step, as a kernel file changes
                content.write(f"{value}\n")
            last = float(value)
            wait_until(lambda last=last: rig.record.bodies(Alpha)[-1].value == last, "not read")  # type: ignore[misc]
    finally:
        rig.close()
