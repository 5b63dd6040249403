import logging
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any

import pytest

from sysvitals.host.host import Host
from sysvitals.model.collector import Collector, Unavailable, Watch
from sysvitals.model.reading import Change
from sysvitals.model.status import WatchWakes
from sysvitals.pipeline.clock import Clock
from sysvitals.pipeline.watcher import CALM_SECONDS, Watcher
from tests.mounting import own_mounts
from tests.pipeline.rig import SOON, Alpha, Background, Rig, make_collector, wait_until

QUICK = 0.01
FAR = 600.0


class Scene:
    """A watcher, the collectors that it wakes and when."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.woken: list[tuple[str, float]] = []
        self._changed = threading.Condition()
        self.watcher = Watcher((), host=Host(sysfs=str(folder)), clock=Clock(), wake=self.wake)

    def wake(self, name: str) -> None:
        with self._changed:
            self.woken.append((name, time.monotonic()))
            self._changed.notify_all()

    def count(self, name: str) -> int:
        return [woken for woken, _ in self.woken].count(name)

    def wait_for(self, name: str, count: int = 1) -> None:
        with self._changed:
            came = self._changed.wait_for(lambda: self.count(name) >= count, SOON)
        assert came, f"{name} was woken {self.count(name)} times, not {count}"

    def watch(self, *collectors: Collector) -> None:
        self.watcher.replace(collectors)
        self.watcher.start()

    def file(self, name: str, text: str = "0\n") -> Path:
        path = self.folder / name
        path.write_text(text)
        return path


@pytest.fixture
def scene(tmp_path: Path) -> Iterator[Scene]:
    scene = Scene(tmp_path)
    yield scene
    scene.watcher.stop()
    assert not scene.watcher.thread.is_alive()


def watching(name: str, *watches: Watch | Path, seconds: float = QUICK) -> Collector:
    """A collector that watches these."""
    named = [Watch(str(watch), seconds) if isinstance(watch, Path) else watch for watch in watches]
    return collector(name, lambda _: named)


def collector(name: str, watch: Callable[..., Iterable[Watch]] | None, **settings: Any) -> Collector:
    return make_collector(name, lambda _: (), watch=watch, **settings)


def raising(error: Exception) -> Callable[[Host], Iterable[Watch]]:
    def watch(_host: Host) -> Iterator[Watch]:
        yield Watch("nowhere")
        raise error

    return watch


def write(path: Path, text: str) -> None:
    """In one step, as a kernel file changes: nobody sees it empty."""
    with path.open("r+") as file:
        file.write(text)


def totals(watcher: Watcher) -> dict[tuple[str, str], int]:
    return {(status.collector, status.how): status.total for status in watcher.statuses()}


def test_a_collector_is_woken_when_what_it_watches_begins_to_be_watched_and_when_it_changes(scene: Scene) -> None:
    alarm = scene.file("alarm")
    scene.watch(watching("alpha", alarm), watching("beta", scene.file("other")))
    scene.wait_for("alpha")
    scene.wait_for("beta")
    write(alarm, "1\n")
    scene.wait_for("alpha", 2)
    assert scene.count("beta") == 1


def test_what_looking_found_is_counted_apart_from_what_the_kernel_told(scene: Scene, tmp_path: Path) -> None:
    alarm = scene.file("alarm")
    with own_mounts() as mounts:
        scene.watch(watching("alpha", alarm), watching("beta", Watch(mounts.table, FAR)))
        scene.wait_for("alpha")
        scene.wait_for("beta")
        write(alarm, "1\n")
        scene.wait_for("alpha", 2)
        mounts.mount(tmp_path / "disk")
        scene.wait_for("beta", 2)
        count = totals(scene.watcher)
        assert (count["alpha", "look"], count["alpha", "notice"]) == (2, 0)
        assert count["beta", "look"] == 1
        assert count["beta", "notice"] >= 1


def test_counts_begin_at_zero_for_collectors_that_watch_and_those_alone_have_some(scene: Scene) -> None:
    scene.watcher.replace([collector("alpha", lambda _: ()), collector("beta", None)])
    assert scene.watcher.statuses() == [
        WatchWakes(collector="alpha", how="look", total=0),
        WatchWakes(collector="alpha", how="notice", total=0),
    ]
    scene.watcher.replace([])
    assert scene.watcher.statuses() == []


def test_options_reach_the_collector_that_has_some(scene: Scene) -> None:
    alarm = scene.file("alarm")
    scene.watch(collector("alpha", lambda _, options: [Watch(f"{scene.folder}/{options}")], options=alarm.name))
    scene.wait_for("alpha")


def test_two_collectors_that_watch_the_same_are_both_woken(scene: Scene) -> None:
    table = scene.file("table")
    scene.watch(watching("alpha", table), watching("beta", table, seconds=FAR))
    scene.wait_for("alpha")
    scene.wait_for("beta")
    write(table, "1\n")
    scene.wait_for("alpha", 2)
    scene.wait_for("beta", 2)


@pytest.mark.parametrize(
    "error", [OSError(5, "Input/output error"), ValueError("garbage"), Unavailable("not here"), KeyError("x")], ids=repr
)
def test_a_collector_that_cannot_say_what_to_watch_hurts_no_other_and_is_asked_again(
    scene: Scene, error: Exception, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr("sysvitals.pipeline.watcher.AGAIN_SECONDS", QUICK)
    alarm = scene.file("alarm")
    asked: list[float] = []

    def watch(host: Host) -> Iterable[Watch]:
        asked.append(time.monotonic())
        return raising(error)(host) if len(asked) < 4 else [Watch(str(scene.folder / "late"), QUICK)]

    scene.file("late")
    with caplog.at_level(logging.WARNING):
        scene.watch(collector("alpha", watch), watching("beta", alarm))
        scene.wait_for("beta")
        write(alarm, "1\n")
        scene.wait_for("beta", 2)
        scene.wait_for("alpha")
    assert [record.getMessage().partition(":")[0] for record in caplog.records] == ["alpha"], "said once"


def test_a_look_that_fails_in_any_way_hurts_no_other(scene: Scene) -> None:
    alarm = scene.file("alarm")

    def look() -> object:
        raise RuntimeError("a bug")

    scene.watch(watching("alpha", Watch("word", QUICK, look)), watching("beta", alarm))
    scene.wait_for("beta")
    write(alarm, "1\n")
    scene.wait_for("beta", 2)
    assert scene.count("alpha") == 0


def test_devices_that_come_and_go_are_watched_while_they_are_there(
    scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sysvitals.pipeline.watcher.AGAIN_SECONDS", QUICK)

    def watch(host: Host) -> list[Watch]:
        return [Watch(f"{host.sysfs}/{name}", QUICK) for name in host.names(host.sysfs)]

    scene.watch(collector("alpha", watch))
    for _ in range(3):
        before = scene.count("alpha")
        device = scene.file("eth0")
        scene.wait_for("alpha", before + 1)
        write(device, "1\n")
        scene.wait_for("alpha", before + 2)
        device.unlink()
        wait_until(lambda: not scene.watcher._notices._watched, "it is still watched")


def test_who_is_replaced_away_is_woken_no_more_and_who_is_new_is_asked_at_once(scene: Scene) -> None:
    one, two = scene.file("one"), scene.file("two")
    scene.watch(watching("alpha", one))
    scene.wait_for("alpha")
    scene.watcher.replace([watching("beta", two)])
    scene.wait_for("beta")
    write(one, "1\n")
    write(two, "1\n")
    scene.wait_for("beta", 2)
    assert scene.count("alpha") == 1


def test_who_takes_over_what_another_watched_is_woken_in_its_place(scene: Scene) -> None:
    table = scene.file("table")
    scene.watch(watching("alpha", table))
    scene.wait_for("alpha")
    scene.watcher.replace([watching("beta", table)])
    wait_until(lambda: scene.watcher._owners == {str(table): ["beta"]}, "beta was not asked")
    write(table, "1\n")
    scene.wait_for("beta")
    assert scene.count("alpha") == 1


def test_a_storm_of_changes_wakes_no_more_often_than_the_calm_lets(scene: Scene) -> None:
    counter = iter(range(10**9))
    scene.watch(watching("alpha", Watch("storm", 0.0001, lambda: next(counter))))
    scene.wait_for("alpha", 6)
    moments = [moment for _, moment in scene.woken]
    assert moments[5] - moments[0] >= 5 * CALM_SECONDS * 0.9


def test_it_stops_at_once_while_it_waits(scene: Scene) -> None:
    scene.watch(watching("alpha", scene.file("alarm"), seconds=FAR))
    scene.wait_for("alpha")
    began = time.monotonic()
    scene.watcher.stop()
    assert time.monotonic() - began < 0.9  # it was not waited for in vain
    assert not scene.watcher.thread.is_alive()
    scene.watcher.stop()


def test_it_stops_at_once_though_a_look_hangs(tmp_path: Path) -> None:
    scene = Scene(tmp_path)
    release, entered = threading.Event(), threading.Event()

    def look() -> bool:
        entered.set()
        return release.wait(SOON)

    try:
        scene.watch(watching("alpha", Watch("word", QUICK, look)))
        assert entered.wait(SOON)
        began = time.monotonic()
        scene.watcher.stop()
        assert time.monotonic() - began < SOON / 2
    finally:
        release.set()
    scene.watcher.thread.join(SOON)
    assert not scene.watcher.thread.is_alive()


def test_one_that_was_never_started_can_be_stopped_and_leaves_nothing_open(tmp_path: Path) -> None:
    watcher = Scene(tmp_path).watcher
    watcher.stop()
    assert not watcher._notices._is_open


def test_replacing_and_stopping_at_the_same_time_breaks_nothing(tmp_path: Path) -> None:
    for _ in range(20):
        scene = Scene(tmp_path)
        alpha = watching("alpha", scene.file("alarm"))
        scene.watch(alpha)
        done = threading.Event()

        def replace_on_and_on(scene: Scene = scene, alpha: Collector = alpha, done: threading.Event = done) -> bool:
            while not done.is_set():
                scene.watcher.replace([alpha])
                scene.watcher.statuses()
            return True

        replacing = Background(replace_on_and_on)
        scene.wait_for("alpha")
        scene.watcher.stop()
        done.set()
        assert replacing.result()
        assert not scene.watcher.thread.is_alive()


def wait_for_edge(rig: Rig, watcher: Watcher, value: float, count: int) -> None:
    wait_until(lambda: watcher.wakes["alpha", False] == count, "the edge was not seen")
    wait_until(lambda: rig.record.bodies(Alpha)[-1].value == value, "the edge was not read")


def test_an_edge_between_two_heartbeats_makes_a_run(tmp_path: Path) -> None:
    rig = Rig(tmp_path, clock=Clock())
    alarm = tmp_path / "alarm"
    alarm.write_text("0\n")

    def read(_host: Host) -> Iterator[Alpha]:
        yield Alpha(value=float(alarm.read_text()))

    alpha = make_collector("alpha", read, watch=lambda _: [Watch(str(alarm), QUICK)], interval=FAR)
    rig.runner.replace([alpha])
    watcher = Watcher([alpha], host=rig.host, clock=rig.clock, wake=rig.runner.wake)
    try:
        rig.runner.start()
        watcher.start()
        wait_until(lambda: watcher.wakes["alpha", False] == 1, "it is not watched")
        rig.record.wait_for(Alpha)
        for count, value in enumerate(("1", "0", "1"), 2):
            write(alarm, f"{value}\n")
            wait_for_edge(rig, watcher, float(value), count)
    finally:
        watcher.stop()
        rig.close()
    assert rig.record.bodies(Change) == []
