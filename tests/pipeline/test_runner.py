import errno
import logging
import os
import threading
import time
from collections.abc import Iterator
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import pytest

from sysvitals.host.host import Host
from sysvitals.model.changes import CollectorFailed, CollectorRecovered, CollectorUnavailable
from sysvitals.model.collector import Collector, Fault, Unavailable
from sysvitals.model.reading import Change, Reading
from sysvitals.model.status import CollectorStatus, ReadErrors
from sysvitals.pipeline.clock import Clock
from sysvitals.pipeline.runner import CALM_SECONDS, FOLLOW_SECONDS, MEMORY_SECONDS, PATIENCE_SECONDS, Runner
from tests.pipeline.rig import SOON, Alpha, Background, Beta, Rig, Script, make_collector, wait_until

MOMENT = 0.2
"""A timeout or an interval that a test on the real clock waits out."""


@pytest.fixture
def rig(tmp_path: Path) -> Iterator[Rig]:
    """Time stands still."""
    rig = Rig(tmp_path)
    yield rig
    rig.close()


@pytest.fixture
def live(tmp_path: Path) -> Iterator[Rig]:
    """Time passes."""
    rig = Rig(tmp_path, clock=Clock())
    yield rig
    rig.close()


def errors_of(runner: Runner) -> dict[tuple[str, str], int]:
    statuses = runner.statuses()
    return {(status.collector, status.error): status.total for status in statuses if isinstance(status, ReadErrors)}


def status_of(rig: Rig, name: str, late: frozenset[str] = frozenset()) -> CollectorStatus:
    statuses = rig.runner.statuses(frozenset({name}), late=late)
    [status] = [status for status in statuses if isinstance(status, CollectorStatus)]
    return status


# a run


def test_what_a_collector_reads_is_published_and_told_as_a_success(rig: Rig) -> None:
    rig.add("alpha", Alpha(sensor="x", value=1.0), Alpha(sensor="y", value=2.0))
    assert rig.refresh() == frozenset()
    assert rig.record.bodies(Alpha) == [Alpha(sensor="x", value=1.0), Alpha(sensor="y", value=2.0)]
    assert rig.record.bodies(Change) == []
    assert status_of(rig, "alpha") == CollectorStatus(
        collector="alpha", available=True, success=True, duration=0.0, last_success=rig.clock.wall()
    )


def test_the_events_of_a_run_share_one_stamp(rig: Rig) -> None:
    rig.add("alpha", Alpha(sensor="x"), Alpha(sensor="y"))
    rig.refresh()
    first, second = rig.record.events
    assert first.stamp is second.stamp


def test_options_reach_the_collector_that_has_some(rig: Rig) -> None:
    seen: list[object] = []

    def read(host: Host, options: object) -> list[Reading]:
        seen.extend((host, options))
        return [Alpha()]

    rig.runner.replace([make_collector("alpha", read, options="as set")])
    rig.refresh()
    assert seen == [rig.host, "as set"]


def test_a_collector_that_has_not_run_has_neither_status_nor_outcome(rig: Rig) -> None:
    rig.add("alpha", Alpha())
    assert rig.runner.statuses() == []
    assert rig.runner.outcomes() == {"alpha": None}


# hanging


def test_a_read_that_hangs_in_the_kernel_is_given_up_in_time_and_hurts_no_other(live: Rig, tmp_path: Path) -> None:
    path = tmp_path / "proc" / "stuck"
    path.parent.mkdir()
    os.mkfifo(path)
    threads: list[threading.Thread] = []

    def read(host: Host) -> Iterator[Alpha]:
        threads.append(threading.current_thread())
        yield Alpha(value=float(host.read_text(f"{host.procfs}/stuck")))  # opening a pipe waits for its writer

    live.collectors["alpha"] = make_collector("alpha", read, timeout=MOMENT, max_age=0.0)
    beta = live.add("beta", Beta(), max_age=0.0)
    try:
        began = time.monotonic()
        assert live.refresh() == frozenset()
        assert MOMENT <= time.monotonic() - began < SOON / 2
        assert live.refresh() == frozenset()
        assert [(event.collector, event.error) for event in live.record.bodies(CollectorFailed)] == [
            ("alpha", "timeout")
        ]
        assert beta.runs == 2
        assert len(threads) == 1
        assert errors_of(live.runner) == {("alpha", "timeout"): 1}
    finally:
        with path.open("w") as pipe:
            pipe.write("7\n")
    threads[0].join(SOON)
    assert not threads[0].is_alive()
    assert live.record.bodies(Alpha) == []
    again = live.refresh_behind()
    with path.open("w") as pipe:
        pipe.write("8\n")
    assert again.result() == frozenset()
    assert live.record.bodies(Alpha) == [Alpha(value=8.0)]
    assert len(live.record.bodies(CollectorRecovered)) == 1


def test_what_a_hanging_collector_reported_before_leaves_the_state(rig: Rig) -> None:
    alpha = rig.add("alpha", Alpha(value=1.0), timeout=3.0)
    rig.refresh()
    assert rig.reported("alpha") == [Alpha(value=1.0)]
    alpha.hang()
    rig.advance(10)
    scrape = rig.refresh_behind()
    alpha.wait_until_it_hangs()
    rig.advance(2.999)
    assert rig.reported("alpha") == [Alpha(value=1.0)]
    rig.advance(0.001)
    assert scrape.result() == frozenset()
    assert rig.reported("alpha") == []
    assert status_of(rig, "alpha").success is False
    assert "3 s" in rig.record.bodies(CollectorFailed)[0].message


def test_a_hanging_collector_occupies_one_worker_and_is_not_started_again_until_it_returns(rig: Rig) -> None:
    alpha = rig.add("alpha", Alpha(), timeout=3.0)
    beta = rig.add("beta", Beta())
    alpha.hang()
    scrape = rig.refresh_behind()
    alpha.wait_until_it_hangs()
    rig.advance(PATIENCE_SECONDS)
    rig.record.wait_for(Beta)
    rig.advance(3.0)
    assert scrape.result() == frozenset()
    for turn in range(5):
        rig.advance(5)
        assert rig.refresh() == frozenset()
        assert beta.runs == 2 + turn
    assert alpha.runs == 1
    assert len(set(beta.threads)) == 1
    assert rig.runner._workers == 1
    assert len(rig.record.bodies(CollectorFailed)) == 1
    assert errors_of(rig.runner) == {("alpha", "timeout"): 1}


def test_a_hanging_collector_recovers_after_it_returned_and_what_came_too_late_is_thrown_away(rig: Rig) -> None:
    alpha = rig.add("alpha", Alpha(value=1.0), timeout=3.0)
    alpha.hang()
    scrape = rig.refresh_behind()
    alpha.wait_until_it_hangs()
    rig.advance(3)
    scrape.result()
    rig.advance(7)
    alpha.go()
    rig.wait_until_free("alpha")
    assert rig.record.bodies(Alpha) == []
    alpha.items = [Alpha(value=2.0)]
    assert rig.refresh() == frozenset()
    assert rig.record.names() == ["collector.failed", "collector.recovered", "system.alpha.updated"]
    assert rig.reported("alpha") == [Alpha(value=2.0)]
    assert rig.record.bodies(CollectorRecovered) == [CollectorRecovered(collector="alpha", seconds=7.0)]
    alpha.threads[0].join(SOON)
    assert not alpha.threads[0].is_alive()


def test_one_who_hangs_is_noticed_though_nobody_scrapes(live: Rig) -> None:
    alpha = live.add("alpha", Alpha(), interval=MOMENT, timeout=MOMENT)
    live.add("beta", Beta(), interval=600.0)
    live.runner.start()
    live.record.wait_for(Alpha)
    live.record.wait_for(Beta)
    alpha.hang()  # by now a worker is idle, which once hid the run from the heart
    [failed] = live.record.wait_for(CollectorFailed)
    assert failed.error == "timeout"


def test_one_who_hangs_in_a_later_beat_does_not_hold_up_those_behind_it(live: Rig) -> None:
    alpha = live.add("alpha", Alpha(), interval=MOMENT, timeout=600.0)
    beta = live.add("beta", Beta(), interval=MOMENT, timeout=600.0)
    live.runner.start()
    live.record.wait_for(Beta, 2)
    alpha.hang()
    alpha.wait_until_it_hangs()
    live.record.wait_for(Beta, beta.runs + 3)


def test_the_heart_watches_over_a_run_that_a_scrape_began_and_did_not_wait_for(live: Rig) -> None:
    alpha = live.add("alpha", Alpha(), interval=600.0, timeout=MOMENT, max_age=0.0)
    live.runner.start()
    live.record.wait_for(Alpha)
    live.wait_until_free("alpha")
    wait_until(lambda: vars(live.runner._changed)["_waiters"], "the heart does not sleep")
    alpha.hang()
    assert live.refresh(seconds=0.01) == {"alpha"}
    [failed] = live.record.wait_for(CollectorFailed)
    assert failed.error == "timeout"


def test_a_slow_collector_delays_those_behind_it_no_longer_than_the_patience(rig: Rig) -> None:
    alpha = rig.add("alpha", Alpha(), timeout=600.0)
    beta = rig.add("beta", Beta())
    alpha.hang()
    scrape = rig.refresh_behind()
    alpha.wait_until_it_hangs()
    assert beta.runs == 0
    rig.advance(PATIENCE_SECONDS)
    rig.record.wait_for(Beta)
    alpha.go()
    assert scrape.result() == frozenset()
    wait_until(lambda: rig.runner._workers == 1, "the helper stays though one worker is enough")


def test_however_many_watch_a_hold_up_one_helper_is_sent(rig: Rig) -> None:
    alpha = rig.add("alpha", Alpha(), timeout=600.0)
    rig.add("beta", Beta())
    alpha.hang()
    scrape = rig.refresh_behind()
    alpha.wait_until_it_hangs()
    with rig.runner._changed:
        rig.time.now += PATIENCE_SECONDS
        for _ in range(5):
            rig.runner._supervise(rig.time.now)
        assert rig.runner._workers == 2
    alpha.go()
    assert scrape.result() == frozenset()


def test_quick_collectors_are_served_by_one_worker_though_all_of_them_take_long(
    rig: Rig, monkeypatch: pytest.MonkeyPatch
) -> None:
    scripts: list[Script] = []
    hired: list[float] = []
    hire = rig.runner._hire

    def count_and_hire() -> None:
        hired.append(rig.time.now)
        hire()

    monkeypatch.setattr(rig.runner, "_hire", count_and_hire)
    for number in range(6):
        script = rig.add(f"quick{number}", Alpha())

        def read(host: Host, script: Script = script) -> Iterator[Reading | Fault]:
            with rig.runner._changed:
                rig.time.now += PATIENCE_SECONDS * 0.9
                rig.runner._supervise(rig.time.now)  # a further scraper looks
            return script(host)

        rig.collectors[f"quick{number}"] = make_collector(f"quick{number}", read)
        scripts.append(script)
    rig.runner.replace(rig.collectors.values())
    assert rig.refresh(seconds=60) == frozenset()
    assert [script.runs for script in scripts] == [1] * 6
    assert len(hired) == 1


def test_where_no_thread_can_be_had_the_collectors_are_late_and_run_once_there_is_one(
    rig: Rig, monkeypatch: pytest.MonkeyPatch
) -> None:
    rig.add("alpha", Alpha())

    class NoThread:
        def __init__(self, **_: object) -> None: ...

        def start(self) -> None:
            raise RuntimeError("can't start new thread")

    with monkeypatch.context() as patch:
        patch.setattr("sysvitals.pipeline.runner.Thread", NoThread)
        assert rig.runner.refresh(seconds=0) == {"alpha"}
    scrape = rig.refresh_behind()
    rig.advance(PATIENCE_SECONDS)
    assert scrape.result() == frozenset()
    assert rig.record.bodies(Alpha) == [Alpha()]


# failing


@pytest.mark.parametrize(
    ("error", "kind"),
    [
        (OSError(errno.EIO, "Input/output error"), "EIO"),
        (PermissionError(errno.EACCES, "Permission denied"), "EACCES"),
        (ValueError("no number"), "garbage"),
        (KeyError("x"), "KeyError"),
        (RecursionError(), "RecursionError"),
    ],
)
def test_a_collector_that_raises_midway_publishes_nothing_of_that_run(rig: Rig, error: Exception, kind: str) -> None:
    alpha = rig.add("alpha", Alpha(sensor="x"), Alpha(sensor="y"))
    beta = rig.add("beta", Beta())
    rig.refresh()
    alpha.error = error
    alpha.items = [Alpha(sensor="z")]
    rig.advance(5)
    assert rig.refresh() == frozenset()
    assert [reading.sensor for reading in rig.record.bodies(Alpha)] == ["x", "y"]
    assert rig.reported("alpha") == []
    assert [(event.error, bool(event.message)) for event in rig.record.bodies(CollectorFailed)] == [(kind, True)]
    assert status_of(rig, "alpha").success is False
    assert status_of(rig, "alpha").last_success == rig.clock.wall() - 5
    assert errors_of(rig.runner) == {("alpha", kind): 1}
    assert beta.runs == 2
    assert status_of(rig, "beta").success is True


def test_a_comparison_that_raises_publishes_nothing_of_that_run(rig: Rig) -> None:
    def compare(now: Alpha, before: Alpha, seconds: float) -> Alpha:
        return replace(now, rate=(now.value - before.value) / 0)

    rig.add("alpha", Alpha(value=1.0), compare=compare)
    for _ in range(3):
        rig.refresh()
        rig.advance(5)
    assert rig.record.names() == ["system.alpha.updated", "collector.failed"]
    assert rig.reported("alpha") == []


@pytest.mark.parametrize(
    "wrong",
    [
        Alpha(sensor="bad", value=float("nan")),
        Alpha(sensor="bad", value=float("inf")),
        Alpha(sensor="not \udcff text"),
        Alpha(sensor="good"),
    ],
    ids=["nan", "inf", "no Unicode", "twice"],
)
def test_a_reading_that_no_output_could_tell_fails_its_collector_alone(rig: Rig, wrong: Alpha) -> None:
    rig.add("alpha", Alpha(sensor="good"), wrong)
    rig.add("beta", Beta())
    assert rig.refresh() == frozenset()
    assert rig.record.bodies(Alpha) == []
    assert [event.error for event in rig.record.bodies(CollectorFailed)] in (["garbage"], ["UnicodeEncodeError"])
    assert rig.record.bodies(Beta) == [Beta()]


def test_like_things_of_unlike_events_are_no_duplicates(rig: Rig) -> None:
    rig.add("alpha", Alpha(sensor="x"), Beta(sensor="x"))
    rig.refresh()
    assert rig.record.names() == ["system.alpha.updated", "system.beta.updated"]


def test_each_change_of_a_collectors_fate_is_told_exactly_once(rig: Rig) -> None:
    alpha = rig.add("alpha")
    broken, denied = OSError(errno.EIO, "x"), OSError(errno.EACCES, "x")
    fates: list[Exception | None] = [
        None, None, broken, broken, denied, broken, None, None,
        Unavailable("no chip"), Unavailable("still no chip"), broken, Unavailable("no chip"), None, None,
    ]  # fmt: skip
    told: list[list[str]] = []
    for fate in fates:
        alpha.items, alpha.error = [] if fate else [Alpha()], fate
        before = len(rig.record.bodies(Change))
        rig.refresh()
        told.append([change.event_name for change in rig.record.bodies(Change)[before:]])
        rig.advance(5)
    failed, recovered, gone = ["collector.failed"], ["collector.recovered"], ["collector.unavailable"]
    assert told == [
        [], [], failed, [], failed, failed, recovered, [],
        gone, [], failed, gone, recovered, [],
    ]  # fmt: skip
    assert [event.error for event in rig.record.bodies(CollectorFailed)] == ["EIO", "EACCES", "EIO", "EIO"]
    assert errors_of(rig.runner) == {("alpha", "EACCES"): 1, ("alpha", "EIO"): 4}


def test_a_recovery_tells_how_long_it_did_not_work_in_whatever_ways(rig: Rig) -> None:
    alpha = rig.add("alpha", Alpha())
    rig.refresh()
    for error in (OSError(errno.EIO, "x"), OSError(errno.EACCES, "x"), Unavailable("x"), None):
        rig.advance(5)
        alpha.error = error
        rig.refresh()
    assert rig.record.bodies(CollectorRecovered) == [CollectorRecovered(collector="alpha", seconds=15.0)]


def test_unavailable_is_neither_success_nor_failure_and_says_why(rig: Rig) -> None:
    alpha = rig.add("alpha")
    alpha.error = Unavailable("no such chip; load its driver")
    rig.refresh()
    assert rig.record.bodies(Change) == [
        CollectorUnavailable(collector="alpha", reason="no such chip; load its driver")
    ]
    status = status_of(rig, "alpha")
    assert (status.available, status.success, status.last_success) == (False, None, None)
    assert errors_of(rig.runner) == {}


def test_a_collector_that_becomes_unavailable_takes_its_values_along(rig: Rig) -> None:
    alpha = rig.add("alpha", Alpha())
    rig.refresh()
    alpha.items, alpha.error = [], Unavailable("unplugged")
    rig.advance(5)
    rig.refresh()
    assert rig.reported("alpha") == []


def test_a_collector_that_yields_nothing_at_all_is_unavailable(rig: Rig) -> None:
    rig.add("alpha")
    rig.refresh()
    assert [type(body) for body in rig.record.bodies(Change)] == [CollectorUnavailable]


# single things that cannot be read


def test_a_sensor_that_cannot_be_read_is_counted_and_logged_once_while_its_siblings_go_on(
    rig: Rig, caplog: pytest.LogCaptureFixture
) -> None:
    alpha = rig.add(
        "alpha",
        Fault("zone0", "EINVAL", "Invalid argument"),
        Alpha(sensor="x"),
        Fault("zone1", "EINVAL", "Invalid argument"),
        Fault("zone2", "garbage", "no number"),
    )
    with caplog.at_level(logging.WARNING):
        for _ in range(3):
            rig.refresh()
            rig.advance(5)
    assert errors_of(rig.runner) == {("alpha", "EINVAL"): 6, ("alpha", "garbage"): 3}
    assert [record.getMessage().split()[1] for record in caplog.records] == ["zone0", "zone1", "zone2"]
    assert rig.record.bodies(Alpha) == [Alpha(sensor="x")] * 3
    assert rig.record.bodies(Change) == []
    assert status_of(rig, "alpha").success is True

    caplog.clear()
    with caplog.at_level(logging.WARNING):
        healed: tuple[Reading | Fault, ...] = (Alpha(sensor="x"),)
        for items in (healed, (*healed, Fault("zone0", "EINVAL", "Invalid argument"))):
            alpha.items = items
            rig.refresh()
            rig.advance(5)
    assert len(caplog.records) == 1, "it had healed: that it broke anew is news"


def test_where_nothing_can_be_read_for_faults_the_collector_failed_and_is_not_unavailable(rig: Rig) -> None:
    rig.add("alpha", Fault("zone0", "EIO", "Input/output error"), Fault("zone1", "EAGAIN", "Try again"))
    rig.refresh()
    [failed] = rig.record.bodies(CollectorFailed)
    assert failed.error == "EIO"
    assert "zone0" in failed.message
    assert "zone1" in failed.message
    assert status_of(rig, "alpha").available is True


# comparing


def test_a_comparison_gets_readings_of_the_same_thing_and_the_seconds_between_them(rig: Rig) -> None:
    calls: list[tuple[Alpha, Alpha, float]] = []

    def compare(now: Alpha, before: Alpha, seconds: float) -> Alpha:
        calls.append((now, before, seconds))
        return replace(now, rate=(now.value - before.value) / seconds)

    alpha = rig.add("alpha", Alpha(sensor="x", value=10.0), Alpha(sensor="y", value=5.0), compare=compare)
    rig.refresh()
    assert calls == []
    rig.advance(4)
    alpha.items = [Alpha(sensor="new", value=1.0), Alpha(sensor="x", value=30.0)]
    rig.refresh()
    assert calls == [(Alpha(sensor="x", value=30.0), Alpha(sensor="x", value=10.0), 4.0)]
    assert rig.reported("alpha") == [Alpha(sensor="new", value=1.0), Alpha(sensor="x", value=30.0, rate=5.0)]


def test_after_a_failed_run_a_comparison_reaches_back_to_the_last_good_one(rig: Rig) -> None:
    calls: list[tuple[float, float]] = []

    def compare(now: Alpha, before: Alpha, seconds: float) -> Alpha:
        calls.append((before.value, seconds))
        return now

    alpha = rig.add("alpha", Alpha(value=1.0), compare=compare)
    rig.refresh()
    rig.advance(5)
    alpha.error = ValueError("for once")
    rig.refresh()
    rig.advance(5)
    alpha.error = None
    rig.refresh()
    assert calls[-1] == (1.0, 10.0)


def test_the_seconds_of_a_comparison_count_from_start_to_start_of_the_runs(rig: Rig) -> None:
    seconds: list[float] = []

    def read(host: Host) -> list[Reading]:
        rig.time.now += 2
        return [Alpha()]

    def compare(now: Alpha, before: Alpha, passed: float) -> Alpha:
        seconds.append(passed)
        return now

    rig.runner.replace([make_collector("alpha", read, compare=compare)])
    rig.refresh()
    rig.advance(3)
    rig.refresh()
    assert seconds == [5.0]
    assert status_of(rig, "alpha").duration == 2.0


def test_a_thing_that_was_gone_for_a_run_is_compared_over_the_whole_time(rig: Rig) -> None:
    def compare(now: Alpha, before: Alpha, seconds: float) -> Alpha:
        return replace(now, rate=(now.value - before.value) / seconds)

    alpha = rig.add("alpha", compare=compare)
    for sensors in ("xy", "y", "xy"):
        alpha.items = [Alpha(sensor=sensor, value=rig.time.now) for sensor in sensors]
        rig.refresh()
        rig.advance(5)
    x, y = rig.record.bodies(Alpha)[-2:]
    assert (x.rate, y.rate) == (1.0, 1.0)


def test_two_runs_at_one_instant_are_not_compared(rig: Rig) -> None:
    def compare(now: Alpha, before: Alpha, seconds: float) -> Alpha:
        raise AssertionError

    rig.add("alpha", Alpha(), compare=compare, max_age=0.0)
    rig.refresh()
    rig.refresh()
    assert rig.record.names() == ["system.alpha.updated"] * 2


# scraping


def test_a_scrape_reads_again_only_what_is_older_than_its_max_age(rig: Rig) -> None:
    alpha = rig.add("alpha", Alpha(), max_age=1.0)
    beta = rig.add("beta", Beta(), max_age=10.0)
    for seconds, runs in ((0.0, (1, 1)), (0.75, (1, 1)), (0.25, (2, 1)), (0.5, (2, 1)), (8.5, (3, 2))):
        rig.advance(seconds)
        assert rig.refresh() == frozenset()
        assert (alpha.runs, beta.runs) == runs


def test_a_scrape_runs_only_the_collectors_it_names_and_no_unknown_one(rig: Rig) -> None:
    alpha = rig.add("alpha", Alpha())
    beta = rig.add("beta", Beta())
    assert rig.refresh("beta", "gamma") == frozenset()
    assert (alpha.runs, beta.runs) == (0, 1)


def test_a_scrape_ends_at_its_deadline_and_tells_who_was_not_done(rig: Rig) -> None:
    alpha = rig.add("alpha", Alpha(value=1.0), timeout=3.0)
    beta = rig.add("beta", Beta())
    rig.refresh()
    alpha.hang()
    rig.advance(5)
    scrape = rig.refresh_behind(seconds=2.0)
    alpha.wait_until_it_hangs()
    rig.advance(1.0)
    rig.record.wait_for(Beta, 2)
    assert scrape.running
    rig.advance(1.0)
    late = scrape.result()
    assert late == {"alpha"}
    assert beta.runs == 2
    assert status_of(rig, "alpha", late).success is False
    assert status_of(rig, "beta", late).success is True
    assert rig.record.bodies(Change) == []
    alpha.go()
    rig.record.wait_for(Alpha, 2)  # late for that scrape, and in time for itself


def test_a_further_scraper_joins_the_run_that_is_under_way(rig: Rig) -> None:
    alpha = rig.add("alpha", Alpha(), max_age=0.0, timeout=600.0)
    alpha.hang()
    first = rig.refresh_behind()
    alpha.wait_until_it_hangs()
    assert rig.runner.refresh(seconds=0) == {"alpha"}
    assert rig.runner.refresh(seconds=0) == {"alpha"}
    alpha.go()
    assert first.result() == frozenset()
    rig.wait_until_free("alpha")
    assert alpha.runs == 1


def test_scrapers_at_once_run_a_collector_once(rig: Rig) -> None:
    scripts = [rig.add(f"alpha{number}", Alpha()) for number in range(5)]
    scrapers = 8
    for turn in range(1, 11):
        gate = threading.Barrier(scrapers)

        def scrape(gate: threading.Barrier = gate) -> frozenset[str]:
            gate.wait(SOON)
            return rig.runner.refresh(seconds=SOON)

        for late in [Background(scrape) for _ in range(scrapers)]:
            assert late.result() == frozenset()
        assert [script.runs for script in scripts] == [turn] * 5
        rig.advance(1)


# the heartbeat


def test_each_collector_runs_at_its_own_interval(rig: Rig) -> None:
    alpha = rig.add("alpha", Alpha(), interval=5.0)
    beta = rig.add("beta", Beta(), interval=20.0)
    rig.runner.start()
    rig.record.wait_for(Beta)
    for beat in range(2, 9):
        rig.record.wait_for(Alpha, beat - 1)
        rig.advance(5)
        rig.record.wait_for(Alpha, beat)
        rig.record.wait_for(Beta, 1 + (beat - 1) // 4)
        assert (alpha.runs, beta.runs) == (beat, 1 + (beat - 1) // 4)


def test_collectors_that_are_due_soon_run_in_the_same_beat(rig: Rig) -> None:
    rig.add("alpha", Alpha(), interval=5.0)
    beta = rig.add("beta", Beta(), interval=5.0)
    gamma = rig.add("gamma", Alpha(sensor="gamma"), interval=5.0)
    rig.refresh("alpha")
    rig.time.now += 0.2
    rig.refresh("beta")
    rig.time.now += 0.2
    rig.refresh("gamma")
    with rig.runner._changed:
        for slot in rig.runner._slots.values():
            assert slot.due == slot.fresh_at + 5.0
    rig.time.now += 4.6
    rig.runner.start()
    rig.record.wait_for(Beta, 2)
    assert (beta.runs, gamma.runs) == (2, 1)


def test_a_scrape_puts_the_beat_off(rig: Rig) -> None:
    alpha = rig.add("alpha", Alpha(), interval=5.0)
    rig.add("beta", Beta(), interval=5.0)
    rig.runner.start()
    rig.record.wait_for(Alpha)
    rig.record.wait_for(Beta)
    rig.advance(3)
    rig.refresh("alpha")
    rig.advance(2)
    rig.record.wait_for(Beta, 2)
    assert alpha.runs == 2
    rig.advance(3)
    rig.record.wait_for(Alpha, 3)


def test_a_short_interval_is_not_made_shorter_by_running_things_together(rig: Rig) -> None:
    alpha = rig.add("alpha", Alpha(), interval=0.2)
    rig.add("beta", Beta(), interval=0.1)
    rig.runner.start()
    rig.record.wait_for(Alpha)
    rig.record.wait_for(Beta)
    rig.advance(0.1)
    rig.record.wait_for(Beta, 2)
    assert alpha.runs == 1


def test_a_collector_that_came_back_from_hanging_is_run_again_by_the_heart(rig: Rig) -> None:
    alpha = rig.add("alpha", Alpha(), timeout=3.0)
    alpha.hang()
    rig.runner.start()
    alpha.wait_until_it_hangs()
    rig.advance(3)
    rig.record.wait_for(CollectorFailed)
    rig.advance(100)
    alpha.go()
    rig.record.wait_for(CollectorRecovered)
    assert (alpha.runs, rig.record.bodies(Alpha)) == (2, [Alpha()])


# waking


class Timed(Script):
    """A script that notes when its runs begin, and may let time pass in them."""

    def __init__(self, rig: Rig, seconds: float = 0.0) -> None:
        super().__init__(Alpha())
        self.began: list[float] = []
        self._rig = rig
        self._seconds = seconds

    def __call__(self, host: Host) -> Iterator[Reading | Fault]:
        self.began.append(self._rig.time.now)
        self._rig.time.now += self._seconds
        return super().__call__(host)


def add_timed(rig: Rig, name: str, seconds: float = 0.0) -> Timed:
    script = Timed(rig, seconds)
    rig.scripts.append(script)
    rig.collectors[name] = make_collector(name, script, interval=600.0, max_age=0.0)
    rig.runner.replace(rig.collectors.values())
    return script


def start_beating(rig: Rig) -> None:
    """Start the heart, and wait for the first run of all."""
    rig.runner.start()
    wait_until(lambda: all(rig.runner.outcomes().values()), "not all have run")
    for name in rig.collectors:
        rig.wait_until_free(name)
    sleep_heart(rig)


def sleep_heart(rig: Rig) -> None:
    wait_until(lambda: vars(rig.runner._changed)["_waiters"], "the heart does not sleep")


def test_who_is_woken_runs_at_once_though_its_heartbeat_is_far_away(rig: Rig) -> None:
    alpha = rig.add("alpha", Alpha(), interval=600.0)
    start_beating(rig)
    rig.runner.wake("alpha")
    rig.record.wait_for(Alpha, 2)
    assert alpha.runs == 2


@pytest.mark.parametrize("queued", [False, True], ids=["idle", "queued behind others"])
def test_who_is_woken_runs_before_those_that_wait(rig: Rig, *, queued: bool) -> None:
    order: list[str] = []

    def note(name: str) -> None:
        def read(_host: Host) -> list[Reading]:
            order.append(name)
            return [Beta(sensor=name)]

        rig.collectors[name] = make_collector(name, read)

    slow = rig.add("slow", Alpha(), timeout=600.0)
    for name in ("beta", "gamma", "delta"):
        note(name)
    rig.runner.replace(rig.collectors.values())
    slow.hang()
    scrape = rig.refresh_behind() if queued else rig.refresh_behind("slow", "beta", "gamma")
    slow.wait_until_it_hangs()
    rig.runner.wake("delta")
    slow.go()
    assert scrape.result() == frozenset()
    rig.wait_until_free("delta")
    assert order == ["delta", "beta", "gamma"]


def test_who_is_woken_while_it_runs_runs_once_more_however_often(rig: Rig) -> None:
    alpha = rig.add("alpha", Alpha(), timeout=600.0, interval=600.0)
    start_beating(rig)
    rig.advance(1)
    alpha.hang()
    scrape = rig.refresh_behind()
    alpha.wait_until_it_hangs()
    for _ in range(10):
        rig.runner.wake("alpha")
    alpha.go()
    scrape.result()
    rig.record.wait_for(Alpha, 3)
    rig.wait_until_free("alpha")
    assert alpha.runs == 3


def test_who_is_woken_while_it_hangs_runs_again_when_it_returns(rig: Rig) -> None:
    alpha = rig.add("alpha", Alpha(), timeout=3.0, interval=600.0)
    alpha.hang()
    rig.runner.start()
    alpha.wait_until_it_hangs()
    rig.advance(3)
    rig.record.wait_for(CollectorFailed)
    rig.runner.wake("alpha")
    assert alpha.runs == 1
    alpha.go()
    rig.record.wait_for(CollectorRecovered)
    assert (alpha.runs, rig.record.bodies(Alpha)) == (2, [Alpha()])


def test_waking_a_collector_that_is_not_known_or_was_replaced_away_does_nothing(rig: Rig) -> None:
    alpha = rig.add("alpha", Alpha(), interval=600.0)
    start_beating(rig)
    rig.runner.replace([])
    rig.runner.wake("alpha")
    rig.runner.wake("nobody")
    assert alpha.runs == 1
    assert rig.runner.outcomes() == {}


def test_nobody_is_woken_after_the_stop(rig: Rig) -> None:
    alpha = rig.add("alpha", Alpha(), interval=600.0)
    start_beating(rig)
    rig.runner.stop()
    rig.runner.wake("alpha")
    assert not rig.runner._slots["alpha"].busy
    assert alpha.runs == 1


def test_one_that_is_unavailable_is_asked_again_when_it_is_woken_and_says_so_once(rig: Rig) -> None:
    alpha = rig.add("alpha", interval=600.0)
    alpha.error = Unavailable("not here")
    start_beating(rig)
    rig.runner.wake("alpha")
    wait_until(lambda: alpha.runs == 2, "it was not asked again")
    rig.wait_until_free("alpha")
    alpha.error, alpha.items = None, [Alpha()]
    rig.advance(1)
    rig.runner.wake("alpha")
    rig.record.wait_for(Alpha)
    assert rig.record.names() == ["collector.unavailable", "collector.recovered", "system.alpha.updated"]


def test_a_storm_of_wakes_makes_few_runs_and_the_last_wake_is_heeded(rig: Rig) -> None:
    alpha = add_timed(rig, "alpha")
    start_beating(rig)
    rig.time.now += 10
    first = rig.time.now
    for _ in range(1000):
        rig.advance(0.001)
        rig.runner.wake("alpha")
        rig.wait_until_free("alpha")
    last = rig.time.now
    rig.advance(CALM_SECONDS)
    wait_until(lambda: alpha.began[-1] >= last, "the last wake was lost")
    rig.wait_until_free("alpha")
    runs = alpha.began[1:]
    assert runs[0] <= first + 0.1
    assert all(later - earlier >= CALM_SECONDS for earlier, later in pairwise(runs))
    assert len(runs) <= 2 + 1 / CALM_SECONDS
    rig.advance(100)
    sleep_heart(rig)
    assert alpha.began[1:] == runs


def test_a_heartbeat_or_a_scrape_does_not_make_a_wake_wait(rig: Rig) -> None:
    alpha = add_timed(rig, "alpha")
    start_beating(rig)
    for run in range(3):
        rig.advance(10)
        rig.refresh()
        rig.advance(0.001)
        rig.runner.wake("alpha")
        rig.wait_until_free("alpha")
        assert len(alpha.began) == 3 + 2 * run, "it was not woken at once"


def test_a_wake_that_waits_for_its_time_is_heeded_by_any_run_that_comes_before(rig: Rig) -> None:
    alpha = add_timed(rig, "alpha")
    start_beating(rig)
    for count in (2, 2):  # the second comes too soon after the first
        rig.runner.wake("alpha")
        rig.wait_until_free("alpha")
        assert len(alpha.began) == count
    rig.advance(0.1)
    rig.refresh()
    assert len(alpha.began) == 3
    rig.advance(100)
    sleep_heart(rig)
    rig.wait_until_free("alpha")
    assert len(alpha.began) == 3


def test_one_that_takes_its_time_is_woken_for_no_more_than_a_third_of_it(rig: Rig) -> None:
    alpha = add_timed(rig, "alpha", seconds=1.0)
    start_beating(rig)
    for _ in range(100):
        rig.runner.wake("alpha")
        rig.wait_until_free("alpha")
        rig.advance(0.1)
    rig.advance(3)
    rig.wait_until_free("alpha")
    assert len(alpha.began) > 2
    assert all(later - earlier >= 3.0 for earlier, later in pairwise(alpha.began[1:]))


@pytest.mark.parametrize("watches", [True, False])
def test_after_an_edge_one_that_watches_runs_once_more_for_it_may_be_over_before_the_next_look(
    rig: Rig, *, watches: bool
) -> None:
    def changes(now: Alpha, before: Alpha | None) -> Iterator[Change]:
        if before is not None and now.value != before.value:
            yield CollectorUnavailable(collector="other", reason=f"{now.value:g}")

    watch = (lambda _: ()) if watches else None
    alpha = rig.add("alpha", Alpha(value=0.0), changes=changes, watch=watch, interval=600.0, max_age=0.0)
    start_beating(rig)
    alpha.items = [Alpha(value=1.0)]
    rig.advance(10)
    rig.refresh()
    rig.advance(0.5)
    rig.refresh()  # a further scrape does not serve
    alpha.items = [Alpha(value=0.0)]
    sleep_heart(rig)
    rig.advance(FOLLOW_SECONDS)
    if not watches:
        sleep_heart(rig)
        assert alpha.runs == 3
        return
    told = rig.record.wait_for(CollectorUnavailable, 2)
    assert [change.reason for change in told] == ["1", "0"]
    sleep_heart(rig)
    rig.advance(FOLLOW_SECONDS)
    wait_until(lambda: alpha.runs == 5, "each edge is followed by a run")
    rig.wait_until_free("alpha")
    rig.advance(100)
    sleep_heart(rig)
    rig.wait_until_free("alpha")
    assert alpha.runs == 5


def test_a_storm_of_wakes_starves_no_heartbeat(live: Rig) -> None:
    live.add("alpha", Alpha(), interval=600.0)
    beta = live.add("beta", Beta(), interval=MOMENT)
    release = threading.Event()

    def read(_host: Host) -> Iterator[Reading]:
        release.wait(0.02)  # less than anybody's patience
        yield Alpha()

    live.collectors["alpha"] = make_collector("alpha", read, interval=600.0)
    live.runner.replace(live.collectors.values())
    live.runner.start()
    done = threading.Event()

    def storm() -> bool:
        while not done.wait(0.001):
            live.runner.wake("alpha")
        return True

    storming = Background(storm)
    try:
        live.record.wait_for(Beta, 5)
        began, runs = time.monotonic(), len(live.record.bodies(Alpha))
        live.record.wait_for(Beta, beta.runs + 3)
        assert len(live.record.bodies(Alpha)) - runs <= 2 + (time.monotonic() - began) / CALM_SECONDS
    finally:
        done.set()
    assert storming.result()


# what takes two readings


def test_a_thing_that_was_not_read_in_between_is_resumed_instead_of_compared(rig: Rig) -> None:
    calls: list[str] = []

    def compare(now: Alpha, before: Alpha, seconds: float) -> Alpha:
        calls.append(f"{now.value:g} after {before.value:g}, {seconds:g} s")
        return now

    def resume(now: Alpha, before: Alpha) -> Alpha:
        calls.append(f"{now.value:g} resumes {before.value:g}")
        return now

    alpha = rig.add("alpha", compare=compare, resume=resume)
    runs: list[int | Exception | None] = [1, 2, None, 3, 4, OSError(5, "EIO"), Unavailable("gone"), 5, 6]
    for run in runs:
        alpha.error = run if isinstance(run, Exception) else None
        alpha.items = [Beta(), *([Alpha(value=run)] if isinstance(run, int) else [])]
        rig.refresh()
        rig.advance(5)
    told = ["2 after 1, 5 s", "3 resumes 2", "4 after 3, 5 s", "5 resumes 4", "6 after 5, 5 s"]
    assert [call for call in calls if not call.startswith("0 ")] == told


def test_a_run_that_came_too_late_breaks_what_takes_two_readings(rig: Rig) -> None:
    calls: list[str] = []

    def compare(now: Alpha, _before: Alpha, _seconds: float) -> Alpha:
        calls.append("compared")
        return now

    def resume(now: Alpha, _before: Alpha) -> Alpha:
        calls.append("resumed")
        return now

    alpha = rig.add("alpha", Alpha(), compare=compare, resume=resume)
    rig.refresh()
    rig.advance(5)
    alpha.hang()
    scrape = rig.refresh_behind()
    alpha.wait_until_it_hangs()
    rig.advance(3)
    assert scrape.result() == frozenset()
    alpha.go()
    rig.wait_until_free("alpha")
    calls.clear()  # of the run whose outcome was thrown away
    rig.advance(5)
    rig.refresh()
    rig.advance(5)
    rig.refresh()
    assert calls == ["resumed", "compared"]


def test_what_was_not_read_for_long_is_forgotten(rig: Rig) -> None:
    compared: list[float] = []

    def compare(now: Alpha, _before: Alpha, seconds: float) -> Alpha:
        compared.append(seconds)
        return now

    alpha = rig.add("alpha", Alpha(), compare=compare)
    rig.refresh()
    alpha.items = [Beta()]
    for _ in range(2):
        rig.advance(MEMORY_SECONDS - 1)
        rig.refresh()
    compared.clear()
    alpha.items = [Alpha()]
    rig.advance(5)
    rig.refresh()
    assert compared == []


@pytest.mark.parametrize("seconds", [3600.0 * 24 * 365, -7200.0])
def test_the_last_success_is_told_by_the_clock_as_it_was_set_since(tmp_path: Path, seconds: float) -> None:
    moment, shift = [1000.0], [0.0]
    clock = Clock(wall=lambda: moment[0] + shift[0], uptime=lambda: moment[0], monotonic=lambda: moment[0])
    rig = Rig(tmp_path, clock=clock)
    try:
        rig.add("alpha", Alpha())
        rig.refresh()
        moment[0] += 5
        assert status_of(rig, "alpha").last_success == 1000.0
        shift[0] = 0.9  # slewed, as it is all the time
        assert status_of(rig, "alpha").last_success == 1000.0
        shift[0] = seconds
        assert status_of(rig, "alpha").last_success == 1000.0 + seconds
        moment[0] += 5
        assert status_of(rig, "alpha").last_success == 1000.0 + seconds
    finally:
        rig.close()


# replacing


def test_a_collector_that_is_replaced_away_in_mid_run_publishes_nothing(rig: Rig) -> None:
    alpha = rig.add("alpha", Alpha())
    rig.add("beta", Beta())
    alpha.hang()
    scrape = rig.refresh_behind()
    alpha.wait_until_it_hangs()
    assert rig.runner.replace([rig.collectors["beta"]]) == {"alpha"}
    alpha.go()
    scrape.result()
    assert rig.record.bodies(Beta) == [Beta()]
    assert rig.record.bodies(Alpha) == []
    assert list(rig.runner.outcomes()) == ["beta"]


def test_a_collector_that_is_replaced_away_while_it_waits_is_not_run_and_not_waited_for(rig: Rig) -> None:
    alpha = rig.add("alpha", Alpha(), timeout=600.0)
    beta = rig.add("beta", Beta())
    alpha.hang()
    scrape = rig.refresh_behind()
    alpha.wait_until_it_hangs()
    assert rig.runner.replace([rig.collectors["alpha"]]) == {"beta"}
    alpha.go()
    assert scrape.result() == frozenset()
    assert beta.runs == 0


def test_a_collector_that_stays_keeps_what_is_known_of_it_and_takes_its_new_settings(rig: Rig) -> None:
    seconds: list[float] = []

    def compare(now: Alpha, before: Alpha, passed: float) -> Alpha:
        seconds.append(passed)
        return now

    alpha = rig.add("alpha", Alpha(), Fault("zone", "EIO", "x"), compare=compare)
    rig.refresh()
    assert rig.runner.replace([replace(rig.collectors["alpha"], timeout=50.0, max_age=0.0)]) == frozenset()
    rig.advance(0.5)
    alpha.hang()
    scrape = rig.refresh_behind(seconds=100)
    alpha.wait_until_it_hangs()
    rig.advance(49)
    alpha.go()
    assert scrape.result() == frozenset()
    assert seconds == [0.5]
    assert errors_of(rig.runner) == {("alpha", "EIO"): 2}
    assert rig.record.bodies(CollectorFailed) == []


def test_a_new_collector_is_run_by_the_heart_at_once(rig: Rig) -> None:
    rig.add("alpha", Alpha())
    rig.runner.start()
    rig.record.wait_for(Alpha)
    rig.add("beta", Beta())
    rig.record.wait_for(Beta)


def test_a_hanging_collector_that_is_switched_off_and_on_again_is_not_started_beside_itself(rig: Rig) -> None:
    alpha = rig.add("alpha", Alpha(), timeout=3.0)
    alpha.hang()
    scrape = rig.refresh_behind()
    alpha.wait_until_it_hangs()
    rig.advance(3)
    assert scrape.result() == frozenset()
    rig.runner.replace([])
    rig.runner.replace(rig.collectors.values())
    assert rig.refresh() == frozenset()
    assert alpha.runs == 1
    alpha.go()
    rig.wait_until_free("alpha")
    assert rig.refresh() == frozenset()
    assert alpha.runs == 2
    assert rig.reported("alpha") == [Alpha()]


def test_replacing_all_the_time_loses_no_run_and_breaks_nothing(live: Rig) -> None:
    alpha = live.add("alpha", Alpha(), max_age=0.0)
    beta = live.add("beta", Beta(), max_age=0.0)
    both: list[Collector] = list(live.collectors.values())
    live.runner.start()
    done = threading.Event()

    def replace_on_and_on() -> bool:
        while not done.is_set():
            live.runner.replace(both[:1])
            live.runner.replace(both)
        return True

    replacing = Background(replace_on_and_on)
    for _ in range(50):
        assert live.refresh("alpha") == frozenset()
    done.set()
    assert replacing.result()
    assert live.refresh() == frozenset()
    assert len(live.record.bodies(Alpha)) == alpha.runs
    assert beta.runs >= len(live.record.bodies(Beta)) >= 1
    assert {event.seq for event in live.record.events} == set(range(len(live.record.events)))
    assert [b.seq - a.seq for a, b in pairwise(live.record.events)] == [1] * (len(live.record.events) - 1)


# stopping


def test_stopping_returns_at_once_though_a_collector_hangs(rig: Rig) -> None:
    alpha = rig.add("alpha", Alpha(), timeout=600.0)
    beta = rig.add("beta", Beta())
    alpha.hang()
    rig.runner.start()
    alpha.wait_until_it_hangs()
    scrape = rig.refresh_behind(seconds=600)
    began = time.monotonic()
    rig.runner.stop()
    assert time.monotonic() - began < 0.9  # the heart was not waited for in vain
    assert scrape.result() == {"alpha", "beta"}
    assert beta.runs == 0
    alpha.go()
    alpha.threads[0].join(SOON)
    assert not alpha.threads[0].is_alive()
    assert rig.record.events == []


def test_nothing_is_run_after_the_stop(rig: Rig) -> None:
    alpha = rig.add("alpha", Alpha())
    rig.refresh()
    rig.advance(5)
    rig.runner.stop()
    assert rig.refresh() == frozenset()
    assert alpha.runs == 1
    rig.close()
    assert not alpha.threads[0].is_alive()


def test_no_thread_is_left_when_an_idle_runner_stops(rig: Rig) -> None:
    scripts = [rig.add(name, Alpha(sensor=name)) for name in ("alpha", "beta")]
    rig.runner.start()
    rig.record.wait_for(Alpha, 2)
    rig.runner.stop()
    for script in scripts:
        for thread in script.threads:
            thread.join(SOON)
            assert not thread.is_alive()
    assert rig.runner._workers == 0
    assert rig.runner.heart is not None
    assert not rig.runner.heart.is_alive()
