"""The scheduler as a whole: what is read when, and what is shown and told of it.

Most tests drive its loop themselves and hold the clock; gates decide when a slow read returns.
"""

import errno
import logging
import os
import threading
from collections.abc import Iterator
from dataclasses import replace
from functools import partial
from itertools import pairwise, zip_longest
from pathlib import Path
from typing import Annotated, Any

import pytest

from sysvitals.host.host import Host
from sysvitals.model.changes import CollectorFailed, CollectorRecovered, CollectorUnavailable, Reloaded
from sysvitals.model.collector import Fault, Probe, Unavailable, Watch
from sysvitals.model.metric import Counter, Label
from sysvitals.model.reading import Change, Reading, amend
from sysvitals.model.status import CollectorStatus
from sysvitals.pipeline.clock import Clock
from sysvitals.pipeline.crew import HANGING_LIMIT, LIMIT, STALL_SECONDS, TRIAL_LIMIT
from sysvitals.pipeline.interpret import BASELINE_SECONDS
from sysvitals.pipeline.ledger import FLAP_SECONDS
from sysvitals.pipeline.plan import ABSENT_SECONDS, COOLDOWN_SECONDS, FIRST_SECONDS, RECHECK_SECONDS, SLOW_SECONDS
from sysvitals.pipeline.scheduler import FIND_SECONDS
from tests.patience import PATIENCE
from tests.pipeline.rig import Alpha, Background, Beta, Rig, Script, make_collector, wait_until

TIMEOUT = 3.0
INTERVAL = 15.0
LIMIT_SECONDS = 2 * INTERVAL + TIMEOUT
"""How old the value of a quick thing may become."""


@pytest.fixture
def rig(tmp_path: Path) -> Iterator[Rig]:
    """Time stands still, and the test drives the loop."""
    rig = Rig(tmp_path)
    yield rig
    rig.close()


@pytest.fixture
def live(tmp_path: Path) -> Iterator[Rig]:
    """Time passes."""
    rig = Rig(tmp_path, clock=Clock())
    yield rig
    rig.close()


# a run


def test_what_a_collector_reads_is_published_and_its_success_is_shown(rig: Rig) -> None:
    rig.add("alpha", Alpha(sensor="x", value=1.0), Alpha(sensor="y", value=2.0))
    assert rig.refresh()
    assert rig.record.bodies(Alpha) == [Alpha(sensor="x", value=1.0), Alpha(sensor="y", value=2.0)]
    assert rig.record.bodies(Change) == []
    assert rig.status("alpha") == CollectorStatus(
        collector="alpha", available=True, success=True, duration=0.0, last_success=rig.clock.wall()
    )


def test_things_are_read_one_by_one_in_the_scrape_that_finds_them_and_their_events_name_them(rig: Rig) -> None:
    rig.add_things("alpha", "x", "y")
    assert rig.refresh()
    assert [(event.thing, event.body) for event in rig.record.events] == [
        ("x", Alpha(sensor="x")),
        ("y", Alpha(sensor="y")),
    ]
    assert {key for key, run in rig.state.snapshot().runs.items() if run} == {("alpha", "x"), ("alpha", "y")}


def test_a_collector_may_have_a_table_and_things(rig: Rig) -> None:
    found = rig.add_things("alpha", "x")
    table = rig.script(Alpha(sensor="table"))
    rig.use(replace(rig.collectors["alpha"], read=table))
    rig.refresh()
    assert rig.sensors("alpha") == {"x", "table"}
    found.reads["x"].error, found.reads["x"].items = OSError(5, "EIO"), ()
    rig.time.now += 5
    rig.refresh()
    assert rig.sensors("alpha") == {"table"}
    assert rig.status("alpha").success is True


def test_the_events_of_a_round_share_one_stamp(rig: Rig) -> None:
    rig.add("alpha", Alpha(sensor="x"), Alpha(sensor="y"))
    rig.refresh()
    first, second = rig.record.events
    assert first.stamp is second.stamp


def test_options_reach_the_functions_of_the_collector_that_has_some(rig: Rig) -> None:
    seen: list[object] = []

    def note(host: Host, options: object) -> list[Any]:
        seen.extend((host, options))
        return []

    rig.use(make_collector("alpha", read=note, find=note, watch=note, options="as set"))
    rig.refresh()
    assert seen == [rig.host, "as set"] * 3


def test_a_collector_of_which_nothing_has_run_has_neither_status_nor_outcome(rig: Rig) -> None:
    rig.add("alpha", Alpha())
    rig.add_things("beta", "x")
    assert rig.scheduler.statuses() == []
    assert rig.scheduler.outcomes() == {"alpha": None, "beta": None}


# scraping


def test_a_scrape_reads_again_only_what_is_older_than_its_max_age(rig: Rig) -> None:
    alpha = rig.add("alpha", Alpha(), max_age=1.0)
    beta = rig.add("beta", Beta(), max_age=10.0)
    for seconds, runs in ((0.0, (1, 1)), (0.75, (1, 1)), (0.25, (2, 1)), (0.5, (2, 1)), (8.5, (3, 2))):
        rig.time.now += seconds
        assert rig.refresh()
        assert (alpha.runs, beta.runs) == runs


def test_a_scrape_of_some_collectors_is_answered_with_those_and_passes_over_unknown_ones(rig: Rig) -> None:
    alpha, beta = rig.add("alpha", Alpha()), rig.add("beta", Beta())
    rig.refresh()
    rig.time.now += 5
    assert rig.refresh("beta", "gamma")
    assert (alpha.runs, beta.runs) == (1, 2)


def test_scrapes_at_the_same_time_read_a_thing_once(rig: Rig) -> None:
    found = rig.add_things("alpha", *"abcde")
    rig.start()
    for turn in range(2, 8):
        rig.time.now += 1
        gate = threading.Barrier(8)

        def scrape(gate: threading.Barrier = gate) -> bool:
            gate.wait(PATIENCE)
            return rig.scheduler.refresh(seconds=PATIENCE)

        assert all(answer.result() for answer in [Background(scrape) for _ in range(8)])
        assert [read.runs for read in found.reads.values()] == [turn] * 5


def test_a_further_scrape_waits_for_the_run_that_is_under_way(rig: Rig) -> None:
    alpha = rig.add("alpha", Alpha())
    rig.start()
    rig.time.now += 5
    alpha.hang()
    first = rig.refresh_behind()
    alpha.wait_until_it_hangs()
    second = rig.refresh_behind()
    assert first.running
    assert second.running
    alpha.go()
    assert first.result()
    assert second.result()
    assert alpha.runs == 2
    assert len(rig.record.bodies(Alpha)) == 2


def test_a_scrape_ends_at_its_deadline(rig: Rig) -> None:
    alpha = rig.add("alpha", Alpha())
    alpha.hang(seconds=0.125)
    assert rig.refresh(seconds=0.125)
    assert rig.scheduler.outcomes() == {"alpha": None}
    alpha.go()
    rig.settle_until(lambda: rig.record.bodies(Alpha) == [Alpha()], "it is late for that scrape alone")


# slow things


def test_a_scrape_is_answered_before_a_slow_read_has_returned(rig: Rig) -> None:
    found = rig.add_things("alpha", "slow", "quick")
    found.reads["slow"].hang(seconds=FIRST_SECONDS)
    assert rig.refresh()
    assert found.reads["slow"].hangs
    assert rig.sensors("alpha") == {"quick"}
    found.reads["slow"].go()
    rig.settle_until(lambda: rig.sensors("alpha") == {"slow", "quick"}, "it is not shown")


def test_a_scrape_waits_longer_for_what_has_no_last_value_to_show(rig: Rig) -> None:
    alpha = rig.add("alpha", Alpha())
    rig.start()
    alpha.hang(seconds=SLOW_SECONDS)
    rig.time.now += 5
    assert rig.refresh(), "its last value is shown"
    alpha.go()
    rig.settle_until(lambda: len(rig.record.bodies(Alpha)) == 2, "it does not return")
    beta = rig.script(Beta())
    beta.hang(seconds=SLOW_SECONDS)
    rig.use(make_collector("beta", beta))
    beta.wait_until_it_hangs()
    scrape = rig.refresh_behind()
    rig.advance(0.0)
    rig.refresh("gamma")
    assert scrape.running
    beta.go()
    assert scrape.result()
    assert rig.sensors("beta") == {"one"}


def test_one_that_looks_once_waits_for_slow_things_too(rig: Rig) -> None:
    found = rig.add_things("alpha", "slow", "quick")
    found.reads["slow"].hang(seconds=FIRST_SECONDS)
    look = Background(lambda: rig.scheduler.refresh(seconds=PATIENCE, slow=True))
    found.reads["slow"].wait_until_it_hangs()
    found.reads["slow"].go()
    assert look.result()
    assert rig.sensors("alpha") == {"slow", "quick"}


def test_what_is_known_to_be_slow_is_not_waited_for_at_all(rig: Rig) -> None:
    rig.take_turns()
    found = rig.add_things("alpha", "slow", "quick", interval=1.0)
    slow = found.reads["slow"]
    slow.seconds = 1.0
    rig.refresh()
    rig.settle()
    slow.seconds = 0.0
    slow.hang()
    rig.time.now += 5
    for _ in range(3):
        assert rig.refresh()
        rig.time.now += 1
    slow.wait_until_it_hangs()
    assert found.reads["quick"].runs == 4
    assert rig.sensors("alpha") == {"slow", "quick"}, "the last value is shown"


def test_a_slow_thing_is_read_in_a_rhythm_of_its_own_and_this_is_said(
    rig: Rig, caplog: pytest.LogCaptureFixture
) -> None:
    rig.take_turns()
    found = rig.add_things("alpha", "slow", "quick", interval=2.0)
    found.reads["slow"].seconds = 1.0
    with caplog.at_level(logging.INFO):
        rig.live(60.0)
    gaps = [later - earlier for earlier, later in pairwise(found.reads["slow"].began[1:])]
    assert gaps
    assert all(4.0 - 0.5 <= gap <= 5.25 for gap in gaps), "at most a quarter of the time"
    assert found.reads["quick"].runs >= 20
    assert rig.slow("alpha") == "slow (1 s a read, every 4 s, never shown older than 11 s)"
    assert rig.errors() == {("alpha", "slow"): 1}
    assert rig.record.bodies(Change) == []
    found.reads["slow"].seconds = 0.0
    with caplog.at_level(logging.INFO):
        rig.live(20.0)
    assert (rig.words("alpha"), rig.slow("alpha")) == ("", "")
    assert [record.getMessage() for record in caplog.records] == [
        "alpha: slow is slow, 1 s a read: it is read in its own rhythm, and no scrape waits for it",
        "alpha: slow is quick again",
    ]


def test_a_value_that_is_too_old_leaves_and_its_thing_has_failed(rig: Rig) -> None:
    found = rig.add_things("alpha", timeout=100.0)
    first, second, third = (found.add(name, bus="w1") for name in ("first", "second", "third"))
    rig.refresh()
    read_at = rig.time.now
    first.hang()
    second.hang(seconds=SLOW_SECONDS)
    rig.time.now += INTERVAL
    scrape = rig.refresh_behind()
    first.wait_until_it_hangs()
    rig.advance(SLOW_SECONDS)
    assert scrape.result()
    rig.time.now += 100.0
    rig.settle_until(second.entered.is_set, "a further worker tries the others of the bus")
    rig.time.now = read_at + 2 * INTERVAL + 100.0 - 0.01
    rig.settle()
    assert rig.sensors("alpha") == {"second", "third"}
    rig.time.now += 0.01
    rig.settle()
    assert rig.sensors("alpha") == set()
    told = {event.thing: event for event in rig.record.bodies(CollectorFailed)}
    assert [event.error for event in told.values()] == ["timeout"] * 3
    assert "second is read before it" in told["third"].message
    assert third.runs == 1
    for read in (first, second):
        read.go()
    everything = {"first", "second", "third"}
    rig.settle_until(lambda: rig.sensors("alpha") == everything, "they do not recover")
    assert {event.thing for event in rig.record.bodies(CollectorRecovered)} == everything


# one bus


def test_things_of_one_bus_are_read_one_after_the_other_and_hold_up_nobody_else(rig: Rig) -> None:
    rig.take_turns()
    found = rig.add_things("alpha", "fast")
    sensors = [found.add(f"28-{number}", bus="w1") for number in range(23)]
    for sensor in sensors:
        sensor.seconds = 0.75
    running: list[int] = []
    for _ in range(400):
        rig.time.now += 0.25
        assert rig.refresh()
        running.append(sum(sensor.running for sensor in sensors))
        assert "fast" in rig.sensors("alpha")
    assert max(running) <= 1
    rig.settle()
    assert rig.sensors("alpha") == {"fast", *(f"28-{number}" for number in range(23))}
    assert rig.record.bodies(CollectorFailed) == [], "their wait for each other is not counted against them"
    whole = 4 * 23 * 0.75
    for sensor in sensors:
        gaps = [later - earlier for earlier, later in pairwise(sensor.began[2:])]
        assert all(gap >= whole - 20 for gap in gaps)


def test_of_a_bus_on_which_one_thing_hangs_the_others_are_read_by_one_further_worker(rig: Rig) -> None:
    found = rig.add_things("alpha")
    dead, neighbour, other = (found.add(name, bus=name[:2]) for name in ("w1-dead", "w1-neighbour", "w2-other"))
    dead.hang(seconds=TIMEOUT)
    rig.refresh()
    rig.settle_until(lambda: rig.sensors("alpha") == {"w1-neighbour", "w2-other"}, "the neighbour is not read")
    rig.live(2 * INTERVAL)
    assert dead.runs == 1
    assert neighbour.runs >= 2
    assert other.runs >= 2
    assert [event.thing for event in rig.record.bodies(CollectorFailed)] == ["w1-dead"]
    dead.go()
    rig.settle_until(lambda: "w1-dead" in rig.sensors("alpha"), "it does not recover")


def test_a_scrape_waits_for_a_whole_bus_no_longer_than_for_one_thing(rig: Rig) -> None:
    found = rig.add_things("alpha")
    first, second, _ = (found.add(f"w1-{number}", bus="w1") for number in range(3))
    first.seconds = 0.75
    second.hang(seconds=0.75)
    assert rig.refresh()
    assert rig.sensors("alpha") == {"w1-0"}
    assert second.hangs


def test_many_slow_things_behind_one_bus_are_all_shown_and_none_counts_as_failed(rig: Rig) -> None:
    rig.take_turns()
    found = rig.add_things("alpha", interval=5.0)
    for number in range(23):
        found.add(f"w1-{number}", bus="w1").seconds = 0.75
    rig.refresh()
    rig.live(200.0, step=1.0)
    assert len(rig.sensors("alpha")) == 23
    assert rig.record.bodies(CollectorFailed) == []
    assert rig.slow("alpha").count("every 69 s") == 23, "they share one bus, and so one rhythm"


@pytest.mark.fault(
    "sources",
    "a bus (I2C, one-wire) that hangs as a whole",
    seen="their series end; an event `collector.failed` for each",
    heals="by itself, when the bus answers",
)
def test_sensors_on_a_bus_that_hangs_block_four_reading_threads_at_most(rig: Rig) -> None:
    found = rig.add_things("alpha", "fast")
    sensors = [found.add(f"w1-{number}", bus="w1") for number in range(10)]
    for sensor in sensors:
        sensor.hang(seconds=TIMEOUT)
    rig.refresh()
    rig.live(60.0)
    assert sum(sensor.runs for sensor in sensors) == 4
    assert rig.sensors("alpha") == {"fast"}
    rig.settle_until(lambda: len(rig.readers()) <= 4 + 3, "a worker that has nothing to do stays")
    for sensor in sensors:
        sensor.go()
    rig.settle_until(lambda: len(rig.sensors("alpha")) == 11, "they do not recover")


# hanging


@pytest.mark.parametrize("hanging", [1, 12, 50])
def test_however_many_of_a_collectors_things_hang_all_others_are_read_in_every_scrape(rig: Rig, hanging: int) -> None:
    healthy = [f"healthy{number}" for number in range(5)]
    found = rig.add_things("alpha", *(f"dead{number}" for number in range(hanging)), *healthy, interval=60.0)
    cpu = rig.add("cpu", Beta())
    for name, read in found.reads.items():
        if name.startswith("dead"):
            read.hang()
    for _ in range(4):
        before = [cpu.runs, *(found.reads[name].runs for name in healthy)]
        assert rig.refresh_in_time()
        assert rig.sensors("alpha") == set(healthy)
        after = [cpu.runs, *(found.reads[name].runs for name in healthy)]
        assert all(later > earlier for earlier, later in zip(before, after, strict=True))
        wait_until(
            lambda: rig.refresh_in_time() and len(rig.readers()) <= hanging + 3, "a worker that has nothing to do stays"
        )
        rig.time.now += 5
    rig.settle()
    assert rig.errors()["alpha", "timeout"] >= hanging
    assert {event.thing for event in rig.record.bodies(CollectorFailed)} == {f"dead{n}" for n in range(hanging)}
    assert rig.status("alpha").success is True
    assert "dead0: no answer within 3 s" in rig.words("alpha")


@pytest.mark.fault(
    "sources",
    "more sensors, disks or mounts that hang than there are threads to read them",
    seen="`sysvitals_read_errors_total` rises",
    heals="by itself, when they answer",
)
def test_while_many_sensors_hang_those_that_answer_are_still_read(rig: Rig) -> None:
    cpu = rig.add("cpu", Beta())
    rig.refresh()
    found = rig.add_things("alpha", *(f"dead{number:03}" for number in range(LIMIT + 20)), "late")
    for name, read in found.reads.items():
        if name != "late":
            read.hang()
    for _ in range(20):
        rig.time.now += 5
        runs = cpu.runs
        assert rig.refresh_in_time()
        assert cpu.runs > runs
    assert sum(read.runs for read in found.reads.values()) == TRIAL_LIMIT
    assert len(rig.readers()) < LIMIT
    assert found.reads["late"].runs == 0
    failed = {event.thing: event.message for event in rig.record.bodies(CollectorFailed)}
    assert failed["late"] == f"not read: {TRIAL_LIMIT} other reads hang"
    for read in found.reads.values():
        read.go()
    wait_until(lambda: not any(read.running for read in found.reads.values()), "they do not return")
    rig.live(INTERVAL)
    rig.settle_until(lambda: len(rig.sensors("alpha")) == LIMIT + 21, "they are not read again")


def test_where_as_many_hang_as_may_what_answers_is_found_by_trying_one_by_one(rig: Rig) -> None:
    healthy = [f"healthy{number}" for number in range(10)]
    dead = [f"dead{number:02}" for number in range(65)]
    names = [name for pair in zip_longest(dead, healthy) for name in pair if name]
    found = rig.add_things("alpha", *names)
    tables = [rig.add(f"table{number}", Alpha(sensor=f"table{number}")) for number in range(3)]
    for name in dead:
        found.reads[name].hang()
    for _ in range(10):
        assert rig.refresh_in_time()
        rig.time.now += 5

    def is_all_found() -> bool:
        rig.time.now += 5
        return rig.refresh_in_time() and set(healthy) <= rig.sensors("alpha")

    wait_until(is_all_found, "what answers is not found")
    assert all(table.runs >= 10 for table in tables)
    assert len(rig.readers()) < LIMIT


def test_where_all_of_a_collectors_things_begin_to_hang_those_of_others_are_read(rig: Rig) -> None:
    found = rig.add_things("alpha", *(f"mount{number:03}" for number in range(LIMIT + 20)))
    cpu = rig.add("cpu", Beta())
    rig.refresh()
    for read in found.reads.values():
        read.hang()  # their server is gone
    for _ in range(8):
        runs = cpu.runs
        rig.time.now += 5
        assert rig.refresh_in_time()
        assert cpu.runs > runs
    assert HANGING_LIMIT <= sum(read.runs for read in found.reads.values()) - (LIMIT + 20) <= TRIAL_LIMIT


def test_a_thing_that_hangs_is_given_up_once_at_its_timeout(rig: Rig) -> None:
    found = rig.add_things("alpha", "x", "y", timeout=TIMEOUT)
    rig.refresh()
    found.reads["x"].hang()
    rig.time.now += 10
    scrape = rig.refresh_behind()
    found.reads["x"].wait_until_it_hangs()
    rig.advance(SLOW_SECONDS)
    scrape.result()
    rig.time.now += TIMEOUT - SLOW_SECONDS - 0.01
    rig.settle()
    assert rig.sensors("alpha") == {"x", "y"}
    rig.time.now += 0.01
    rig.settle()
    assert rig.sensors("alpha") == {"y"}
    rig.live(100.0)
    [failed] = rig.record.bodies(CollectorFailed)
    assert (failed.thing, failed.error) == ("x", "timeout")
    assert "3 s" in failed.message
    assert rig.errors() == {("alpha", "timeout"): 1 + 6}, "each further read that it misses is counted"
    assert found.reads["x"].runs == 2
    assert rig.status("alpha").success is True


def test_what_is_known_without_an_answer_is_shown_while_a_thing_hangs(rig: Rig) -> None:
    found = rig.add_things("alpha")
    mount = found.add("/srv", Alpha(sensor="/srv", value=1.0), otherwise=lambda: [Alpha(sensor="/srv", value=-1.0)])
    rig.refresh()
    mount.hang(seconds=TIMEOUT)
    rig.time.now += 5
    rig.refresh()
    assert rig.reported("alpha") == [Alpha(sensor="/srv", value=-1.0)]
    rig.live(1000.0, step=5.0)
    assert rig.reported("alpha") == [Alpha(sensor="/srv", value=-1.0)]
    mount.go()
    rig.settle_until(lambda: rig.reported("alpha") == [Alpha(sensor="/srv", value=1.0)], "it does not recover")


@pytest.mark.parametrize(
    "known", [[Alpha(value=float("nan"))], [Alpha(sensor="other")], [None], OSError(5, "EIO")], ids=repr
)
def test_what_is_wrong_with_what_is_known_without_an_answer_hurts_nothing(rig: Rig, known: Any) -> None:
    def otherwise() -> list[Reading]:
        if isinstance(known, Exception):
            raise known
        return known  # type: ignore[no-any-return]

    found = rig.add_things("alpha", "other")
    found.add("x", otherwise=otherwise).hang(seconds=TIMEOUT)
    rig.refresh()
    assert rig.sensors("alpha") == {"other"}
    rig.time.now += 5
    assert rig.refresh()
    assert found.reads["other"].runs == 2


def test_a_thing_that_returns_is_read_afresh_and_recovers_and_what_came_too_late_is_thrown_away(rig: Rig) -> None:
    found = rig.add_things("alpha", "x")
    x = found.reads["x"]
    x.items = [Alpha(sensor="x", value=1.0)]
    x.hang(seconds=TIMEOUT)
    rig.refresh()
    rig.time.now += 7
    rig.settle()
    assert x.runs == 1
    x.hangs = False
    fresh = [Alpha(sensor="x", value=2.0)]
    x.items = fresh
    x.go()
    rig.settle_until(lambda: rig.reported("alpha") == fresh, "it is not read afresh")
    assert x.runs == 2
    assert rig.record.bodies(Alpha) == fresh, "what hung is not published"
    assert rig.record.bodies(CollectorRecovered) == [
        CollectorRecovered(collector="alpha", thing="x", seconds=7.0, failures=1)
    ]
    rig.live(LIMIT_SECONDS * 2)
    assert x.runs >= 5, "it is read as often as before"
    assert len(rig.record.bodies(Change)) == 2


@pytest.mark.fault(
    "sources",
    "a read that hangs in the kernel",
    seen="an event `collector.failed` with `timeout`",
    heals="by itself, when the kernel returns",
)
def test_a_read_that_hangs_in_the_kernel_hurts_no_other(live: Rig, tmp_path: Path) -> None:
    path = tmp_path / "stuck"
    os.mkfifo(path)

    began: list[None] = []

    def read(_host: Host) -> Iterator[Alpha]:
        began.append(None)
        yield Alpha(value=float(path.read_text()))  # opening a pipe waits for its writer

    live.use(make_collector("alpha", read, timeout=1.0, max_age=0.0))
    beta = live.add("beta", Beta(), max_age=0.0)
    live.scheduler.start()
    try:
        assert live.refresh()
        [failed] = live.record.wait_for(CollectorFailed)
        assert failed.error == "timeout"
        for turn in range(3):
            assert live.refresh()
            assert beta.runs >= turn + 2
        assert len(began) == 1
    finally:
        with path.open("w") as pipe:
            pipe.write("7\n")
    wait_until(lambda: len(began) == 2, "it is not read afresh")
    with path.open("w") as pipe:
        pipe.write("8\n")
    assert live.record.wait_for(Alpha) == [Alpha(value=8.0)]
    assert len(live.record.bodies(CollectorFailed)) == 1


def test_a_hanging_thing_that_flaps_is_told_at_last(rig: Rig) -> None:
    found = rig.add_things("alpha")
    x = found.add("x", Alpha(sensor="x"), otherwise=lambda: [Alpha(sensor="x", value=-1.0)])
    for _ in range(2):
        rig.refresh()
        x.hang(seconds=TIMEOUT)
        rig.time.now += 5
        rig.refresh()
        rig.settle()
        if len(rig.record.bodies(CollectorRecovered)) == 0:
            x.go()
            rig.settle_until(lambda: rig.record.bodies(CollectorRecovered), "it does not recover")
    assert len(rig.record.bodies(CollectorFailed)) == 1
    assert rig.reported("alpha") == [Alpha(sensor="x", value=-1.0)]
    rig.live(LIMIT_SECONDS + 60.0 * 4)
    assert len(rig.record.bodies(CollectorFailed)) == 2
    assert rig.reported("alpha") == [Alpha(sensor="x", value=-1.0)]


# failing


@pytest.mark.parametrize(
    ("error", "kind"),
    [
        (OSError(errno.EIO, "Input/output error"), "EIO"),
        (ValueError("no number"), "garbage"),
        (MemoryError(), "MemoryError"),
        (SystemExit(3), "SystemExit"),
    ],
    ids=repr,
)
def test_a_thing_that_raises_fails_alone_and_what_it_had_yielded_stays(
    rig: Rig, error: BaseException, kind: str
) -> None:
    found = rig.add_things("alpha", "x", "y")
    beta = rig.add("beta", Beta(sensor="before"))
    rig.refresh()
    found.reads["x"].items, found.reads["x"].error = (), error
    beta.error = error
    rig.time.now += 5
    assert rig.refresh()
    assert rig.sensors("alpha") == {"y"}
    assert [(one.collector, one.thing, one.error) for one in rig.record.bodies(CollectorFailed)] == [
        ("alpha", "x", kind)
    ]
    assert rig.sensors("beta") == {"before"}
    assert rig.errors() == {("alpha", kind): 1, ("beta", kind): 1}
    assert rig.status("alpha").success is True
    rig.time.now += 5
    found.reads["y"].items, found.reads["y"].error = (), error
    rig.refresh()
    assert rig.status("alpha").success is False
    assert rig.status("alpha").last_success == rig.clock.wall() - 5


@pytest.mark.parametrize("wrong", [None, 5, Alpha(sensor=["list"])], ids=repr)  # type: ignore[arg-type]
def test_a_thing_that_yields_what_is_no_reading_fails_alone(rig: Rig, wrong: object) -> None:
    found = rig.add_things("alpha", "x", "y")
    found.reads["x"].items = [wrong]
    for _ in range(2):
        assert rig.refresh()
        rig.time.now += 5
    assert rig.sensors("alpha") == {"y"}


def test_of_two_things_with_the_same_labels_the_second_fails_alone(rig: Rig) -> None:
    calls: list[tuple[float, float]] = []

    def compare(now: Alpha, before: Alpha, seconds: float | None) -> Alpha:
        calls.append((now.value, before.value))
        return now

    found = rig.add_things("alpha", compare=compare)
    found.add("x", Alpha(sensor="same", value=1.0))
    found.add("y", Alpha(sensor="same", value=2.0), Alpha(sensor="own"))
    found.add("z", Alpha(sensor="same", value=3.0))
    for _ in range(3):
        rig.refresh()
        rig.time.now += 5
    assert rig.reported("alpha") == [Alpha(sensor="same", value=1.0), Alpha(sensor="own")]
    assert [(one.thing, one.error) for one in rig.record.bodies(CollectorFailed)] == [("z", "duplicate")]
    assert rig.errors() == {("alpha", "duplicate"): 6}
    assert [call for call in calls if call[0]] == [(1.0, 1.0)] * 2, "it is compared with its own"


def test_a_label_that_its_thing_no_longer_has_is_free_for_another(rig: Rig) -> None:
    found = rig.add_things("alpha")
    found.add("x", Alpha(sensor="same", value=1.0))
    found.add("y", Alpha(sensor="same", value=2.0))
    rig.refresh()
    found.reads["x"].items = [Alpha(sensor="other")]
    rig.time.now += 5
    rig.refresh()
    rig.time.now += 5
    rig.refresh()
    assert rig.sensors("alpha") == {"same", "other"}


def test_two_things_of_one_name_are_a_fault_and_one_of_them_is_read(rig: Rig) -> None:
    found = rig.add_things("alpha", "x")

    def find(host: Host) -> Iterator[Any]:
        yield from found(host)
        yield from found(host)
        yield "no thing"

    rig.use(make_collector("alpha", find=find))
    rig.refresh()
    assert rig.sensors("alpha") == {"x"}
    assert rig.errors() == {("alpha", "duplicate"): 1, ("alpha", "garbage"): 1}


@pytest.mark.fault(
    "sources",
    "a sensor that fails and recovers again and again",
    seen="one event for the first failure, then one with the sum",
    heals="by itself, after ten minutes without a failure",
)
def test_a_sensor_that_keeps_failing_and_recovering_is_reported_once_and_then_summed_up(
    rig: Rig, caplog: pytest.LogCaptureFixture
) -> None:
    found = rig.add_things("alpha", "x", "y")
    x = found.reads["x"]
    rig.refresh()
    with caplog.at_level(logging.INFO):
        for _ in range(10):
            x.error, x.items = OSError(5, "EIO"), ()
            rig.time.now += 5
            rig.refresh()
            x.error, x.items = None, [Alpha(sensor="x")]
            rig.time.now += 5
            rig.refresh()
        assert [type(change) for change in rig.record.bodies(Change)] == [CollectorFailed, CollectorRecovered]
        assert len(caplog.records) == 2
        rig.live(FLAP_SECONDS + INTERVAL, step=5.0)
    *_, last = rig.record.bodies(Change)
    assert last == CollectorRecovered(collector="alpha", thing="x", seconds=45.0, failures=9)
    assert len(rig.record.bodies(Change)) == 3
    assert len(caplog.records) == 3
    assert rig.errors() == {("alpha", "EIO"): 10}


def test_the_last_value_of_a_flapping_thing_leaves_when_it_is_too_old(rig: Rig) -> None:
    found = rig.add_things("alpha", "x", "y")
    x = found.reads["x"]
    for error in (None, OSError(5, "EIO"), None):
        x.error, x.items = error, () if error else [Alpha(sensor="x")]
        rig.refresh()
        rig.time.now += INTERVAL
    x.error, x.items = OSError(5, "EIO"), ()
    read_at = rig.time.now - INTERVAL
    rig.refresh()
    while rig.time.now < read_at + LIMIT_SECONDS:
        assert rig.sensors("alpha") == {"x", "y"}
        rig.live(0.25)
    assert rig.sensors("alpha") == {"y"}
    assert len(rig.record.bodies(CollectorFailed)) == 2


def test_each_turn_of_a_collector_is_told_once(rig: Rig) -> None:
    alpha = rig.add("alpha", interval=FLAP_SECONDS)
    broken, denied = OSError(errno.EIO, "x"), OSError(errno.EACCES, "x")
    told: list[list[str]] = []
    for error in (None, broken, broken, denied, None, Unavailable("no chip"), Unavailable("no chip"), None):
        alpha.items, alpha.error = [] if error else [Alpha()], error
        before = len(rig.record.bodies(Change))
        rig.refresh()
        told.append([change.event_name.removeprefix("collector.") for change in rig.record.bodies(Change)[before:]])
        rig.time.now += FLAP_SECONDS
    assert told == [[], ["failed"], [], ["failed"], ["recovered"], ["unavailable"], [], ["recovered"]]
    assert rig.errors() == {("alpha", "EACCES"): 1, ("alpha", "EIO"): 2}


def test_what_a_host_never_had_is_one_line_of_the_log_and_no_event(rig: Rig, caplog: pytest.LogCaptureFixture) -> None:
    rig.add("alpha").error = Unavailable("no such chip; load its driver")
    found = rig.add_things("beta")
    found.search.error = Unavailable("no disk")
    with caplog.at_level(logging.INFO):
        rig.refresh()
    assert rig.record.bodies(Change) == []
    assert caplog.messages == ["not on this host: alpha, beta ('sysvitals collectors' says why)"]


def test_unavailable_is_neither_success_nor_failure_and_says_why(rig: Rig) -> None:
    rig.add("alpha").error = Unavailable("no such chip; load its driver")
    rig.add_things("beta").search.error = Unavailable("no disk")
    rig.refresh()
    for name in ("alpha", "beta"):
        status = rig.status(name)
        assert (status.available, status.success, status.last_success) == (False, None, None)
    assert rig.errors() == {}


def test_a_collector_that_becomes_unavailable_takes_its_values_along(rig: Rig) -> None:
    alpha = rig.add("alpha", Alpha())
    rig.refresh()
    alpha.items, alpha.error = [], Unavailable("unplugged")
    rig.time.now += 5
    rig.refresh()
    assert rig.reported("alpha") == []


def test_a_part_that_cannot_be_read_is_counted_and_logged_once_while_its_siblings_go_on(
    rig: Rig, caplog: pytest.LogCaptureFixture
) -> None:
    zone = Fault("zone0", "EINVAL", "Invalid argument")
    alpha = rig.add("alpha", zone, Alpha(sensor="x"), Fault("zone1", "EINVAL", "x"), Fault("zone2", "garbage", "x"))
    rig.use(replace(rig.collectors["alpha"], interval=FLAP_SECONDS))
    with caplog.at_level(logging.WARNING):
        for _ in range(3):
            rig.refresh()
            rig.time.now += 5
    assert rig.errors() == {("alpha", "EINVAL"): 6, ("alpha", "garbage"): 3}
    assert [record.getMessage().split()[1] for record in caplog.records] == ["zone0", "zone1", "zone2"]
    assert rig.record.bodies(Alpha) == [Alpha(sensor="x")] * 3
    assert rig.record.bodies(Change) == []
    assert rig.status("alpha").success is True
    assert "zone1: x" in rig.words("alpha")
    caplog.clear()
    alpha.items = [Alpha(sensor="x")]
    rig.time.now += FLAP_SECONDS
    rig.refresh()
    alpha.items = [Alpha(sensor="x"), zone]
    rig.time.now += 5
    with caplog.at_level(logging.WARNING):
        rig.refresh()
    assert len(caplog.records) == 1, "it had been well for long: this is news"


# what is found


@pytest.mark.fault(
    "sources",
    "hot-plug: a device that goes and comes back",
    seen="its series end; an event `collector.unavailable`",
    heals="by itself, when it comes back",
)
def test_a_thing_that_is_no_longer_found_leaves_with_an_event_and_comes_back(rig: Rig) -> None:
    found = rig.add_things("alpha", "x", "y")
    rig.refresh()
    taken = found.reads.pop("x")
    rig.live(FIND_SECONDS, step=5.0)
    assert rig.sensors("alpha") == {"y"}
    assert rig.record.bodies(Change) == [CollectorUnavailable(collector="alpha", thing="x", reason="no longer there")]
    runs = taken.runs
    found.reads["x"] = taken
    rig.live(FIND_SECONDS, step=5.0)
    assert rig.sensors("alpha") == {"x", "y"}
    assert taken.runs > runs


def test_a_search_that_fails_keeps_what_was_found(rig: Rig) -> None:
    found = rig.add_things("alpha", "x", "y")
    rig.refresh()
    found.search.error = OSError(5, "EIO")
    rig.live(FIND_SECONDS, step=5.0)
    assert rig.sensors("alpha") == {"x", "y"}
    assert rig.record.bodies(Change) == []
    assert rig.errors() == {("alpha", "EIO"): 1}
    assert "EIO" in rig.words("alpha")
    assert rig.status("alpha").success is True


def test_a_search_that_fails_from_the_start_fails_its_collector_until_it_finds_something(rig: Rig) -> None:
    found = rig.add_things("alpha", "x")
    found.search.error = PermissionError(13, "Permission denied")
    names, found.reads = found.reads, {}
    rig.refresh()
    assert rig.status("alpha").success is False
    assert [(one.thing, one.error) for one in rig.record.bodies(CollectorFailed)] == [("", "EACCES")]
    found.search.error, found.reads = None, names
    rig.live(FIND_SECONDS, step=5.0)
    assert rig.sensors("alpha") == {"x"}
    assert [one.thing for one in rig.record.bodies(CollectorRecovered)] == [""]


@pytest.mark.fault(
    "sources",
    "a search for devices that hangs",
    seen="new devices are not found meanwhile",
    heals="by itself, when it returns",
)
def test_a_search_that_hangs_keeps_what_was_found_and_is_not_begun_again_until_it_returns(rig: Rig) -> None:
    found = rig.add_things("alpha", "x")
    rig.refresh()
    found.search.hang(seconds=TIMEOUT)
    rig.live(3 * FIND_SECONDS, step=5.0)
    assert found.search.runs == 2
    assert rig.sensors("alpha") == {"x"}
    assert rig.errors() == {("alpha", "timeout"): 1 + 2}
    found.add("y")
    found.search.go()
    rig.settle_until(lambda: rig.sensors("alpha") == {"x", "y"}, "it is not searched again")


def test_a_search_is_run_again_when_its_collector_is_woken_and_then_its_things(rig: Rig) -> None:
    found = rig.add_things("alpha", "x", interval=600.0)
    rig.refresh()
    rig.time.now += 10
    found.add("y")
    rig.scheduler.wake("alpha")
    rig.settle()
    assert (found.reads["x"].runs, found.reads["y"].runs) == (2, 1)


# the heartbeat


def test_each_thing_is_read_at_its_own_interval(rig: Rig) -> None:
    alpha = rig.add_things("alpha", "x", interval=5.0).reads["x"]
    beta = rig.add("beta", Beta(), interval=20.0)
    rig.live(60.0)
    assert 12 <= alpha.runs <= 13
    assert 3 <= beta.runs <= 4


def test_the_loop_runs_by_itself(live: Rig) -> None:
    live.add("alpha", Alpha(), interval=0.05)
    live.scheduler.start()
    live.record.wait_for(Alpha, 5)


def test_one_that_begins_to_hang_does_not_hold_up_those_behind_it(live: Rig) -> None:
    alpha = live.add("alpha", Alpha(), interval=0.05, timeout=600.0)
    beta = live.add("beta", Beta(), interval=0.05, timeout=600.0)
    live.scheduler.start()
    live.record.wait_for(Beta, 2)
    alpha.hang()
    alpha.wait_until_it_hangs()
    live.record.wait_for(Beta, beta.runs + 3)


# waking


def test_what_is_woken_is_read_immediately_and_before_the_others(rig: Rig) -> None:
    order: list[str] = []

    def reads(name: str) -> Any:
        def read(_host: Host) -> list[Reading]:
            order.append(name)
            return [Beta(sensor=name)]

        return make_collector(name, read, interval=10.0)

    for name in ("beta", "gamma", "delta"):
        rig.use(reads(name))
    rig.settle()
    rig.time.now += 1
    order.clear()
    rig.scheduler.wake("gamma")
    rig.settle()
    assert order == ["gamma"]
    rig.time.now += 19
    order.clear()
    rig.scheduler.wake("delta")
    rig.settle()
    assert order == ["delta", "beta", "gamma"]


def test_what_is_woken_while_it_runs_is_read_once_more_however_often(rig: Rig) -> None:
    alpha = rig.add("alpha", Alpha(), interval=600.0)
    rig.start()
    rig.time.now += 1
    alpha.hang()
    scrape = rig.refresh_behind()
    alpha.wait_until_it_hangs()
    for _ in range(10):
        rig.scheduler.wake("alpha")
    rig.refresh("gamma")  # by now the loop has heard of it
    alpha.go()
    assert scrape.result()
    rig.record.wait_for(Alpha, 3)
    rig.settle()
    assert alpha.runs == 3


def test_a_storm_of_wakes_makes_few_runs_and_the_last_one_is_served(rig: Rig) -> None:
    alpha = rig.add("alpha", Alpha(), interval=600.0)
    beta = rig.add("beta", Beta(), interval=1.0)
    rig.settle()
    rig.time.now += 10
    first = rig.time.now
    for _ in range(500):
        rig.time.now += 0.01
        rig.scheduler.wake("alpha")
        rig.settle()
    last = rig.time.now
    rig.live(COOLDOWN_SECONDS)
    assert alpha.began[1] <= first + 0.01
    assert alpha.began[-1] >= last
    assert len(alpha.began) <= 2 + 5.0 / COOLDOWN_SECONDS + 1
    assert beta.runs >= 5, "a storm starves no heartbeat"
    runs = alpha.runs
    rig.live(100.0)
    assert alpha.runs == runs


def test_waking_what_is_not_known_or_was_switched_off_does_nothing(rig: Rig) -> None:
    alpha = rig.add("alpha", Alpha(), interval=600.0)
    rig.settle()
    rig.scheduler.replace([])
    rig.scheduler.wake("alpha")
    rig.scheduler.wake("nobody")
    rig.settle()
    assert alpha.runs == 1
    assert rig.scheduler.outcomes() == {}


@pytest.mark.parametrize("watches", [True, False])
def test_after_an_edge_a_collector_that_watches_reads_once_more(rig: Rig, *, watches: bool) -> None:
    def changes(now: Alpha, before: Alpha | None) -> Iterator[Change]:
        if before is not None and now.value != before.value:
            yield Reloaded(changed=f"{now.value:g}")

    watch = (lambda _: ()) if watches else None
    alpha = rig.add("alpha", Alpha(value=0.0), changes=changes, watch=watch, interval=600.0)
    rig.settle()
    alpha.items = [Alpha(value=1.0)]
    rig.time.now += 10
    rig.refresh()
    rig.time.now += 1.0
    rig.refresh()  # a further scrape does not serve
    alpha.items = [Alpha(value=0.0)]
    rig.live(RECHECK_SECONDS - 1.0)
    told = [change.changed for change in rig.record.bodies(Reloaded)]
    assert told == (["1", "0"] if watches else ["1"])
    rig.live(RECHECK_SECONDS)
    runs = alpha.runs
    assert runs == (5 if watches else 3), "each edge is followed by a read"
    rig.live(100.0)
    assert alpha.runs == runs


# what takes two readings


def seconds_of(rig: Rig, **settings: Any) -> tuple[Script, list[float | None]]:
    """A table whose comparisons note the seconds."""
    seconds: list[float | None] = []

    def compare(now: Alpha, before: Alpha, passed: float | None) -> Alpha:
        seconds.append(passed)
        return amend(now, value=now.value + before.value)

    return rig.add("alpha", Alpha(value=1.0), compare=compare, **settings), seconds


def test_a_comparison_gets_the_seconds_between_the_beginnings_of_two_runs(rig: Rig) -> None:
    alpha, seconds = seconds_of(rig)
    alpha.seconds = 0.125
    for _ in range(3):
        rig.refresh()
        rig.time.now += 4.875
    assert seconds == [5.0, 5.0]
    assert rig.status("alpha").duration == 0.125
    assert rig.reported("alpha") == [Alpha(value=3.0)]


def test_a_time_in_which_a_thing_could_not_be_read_was_not_watched(rig: Rig) -> None:
    alpha, seconds = seconds_of(rig)
    for error in (None, None, OSError(5, "EIO"), None, None, Unavailable("gone"), None):
        alpha.error, alpha.items = error, () if error else [Alpha(value=1.0)]
        rig.refresh()
        rig.time.now += ABSENT_SECONDS if isinstance(error, Unavailable) else 5
    assert seconds == [5.0, None, 5.0, None]


def test_a_time_in_which_the_exporter_was_stopped_was_not_watched(rig: Rig) -> None:
    _, seconds = seconds_of(rig)
    late = TIMEOUT + 0.1
    for gap in (INTERVAL, INTERVAL + late, INTERVAL - late, LIMIT_SECONDS + 12, INTERVAL):
        rig.settle()
        rig.time.now += gap
    rig.settle()
    assert seconds == pytest.approx([INTERVAL, None, INTERVAL - late, None, INTERVAL])


def test_a_time_in_which_a_read_hung_was_not_watched(rig: Rig) -> None:
    alpha, seconds = seconds_of(rig)
    rig.refresh()
    alpha.hang(seconds=TIMEOUT)
    rig.time.now += 5
    rig.refresh()
    alpha.go()
    rig.settle_until(lambda: seconds, "it is not read again")
    rig.time.now += 5
    rig.refresh()
    assert seconds == [None, 5.0]


def test_what_is_remembered_from_before_the_start_is_the_reading_before_the_first(tmp_path: Path) -> None:
    seen: list[tuple[float, float | None, object]] = []

    def compare(now: Alpha, before: Alpha, seconds: float | None) -> Alpha:
        seen.append((before.value, seconds, None))
        return now

    def changes(now: Alpha, before: Alpha | None) -> list[Change]:
        seen.append((now.value, None, before and before.value))
        return []

    rig = Rig(tmp_path, remembered={"alpha": [Alpha(sensor="x", value=7.0)]})
    try:
        found = rig.add_things("alpha", compare=compare, changes=changes)
        found.add("thing", Alpha(sensor="x", value=8.0))
        rig.refresh()
        assert seen == [(7.0, None, None), (8.0, None, 7.0)]
    finally:
        rig.close()


class Count(Reading, event="system.count.updated"):
    """What is counted of a cause, of which there are so many."""

    cause: Annotated[str, Label("Which.", values=("a",))] = "a"
    total: Annotated[int, Counter("count", help="How often.")] = 0


def test_a_count_of_a_closed_set_never_falls_however_long_it_was_not_read(rig: Rig) -> None:
    def compare(now: Reading, before: Reading, seconds: float | None) -> Reading:
        if isinstance(now, Count) and isinstance(before, Count):
            return amend(now, total=now.total + before.total)
        return now

    alpha = rig.add("alpha", Count(total=7), Alpha(), compare=compare)
    rig.refresh()
    alpha.items = [Alpha()]
    rig.live(3 * BASELINE_SECONDS, step=10.0)
    alpha.items = [Count(total=1), Alpha()]
    rig.time.now += 10
    rig.refresh()
    assert rig.record.bodies(Count)[-1].total == 8


def test_what_comes_and_goes_is_forgotten_in_time(rig: Rig) -> None:
    alpha, seconds = seconds_of(rig)
    rig.refresh()
    alpha.items = [Beta(sensor="other")]
    rig.live(BASELINE_SECONDS + 20, step=10.0)
    seconds.clear()
    alpha.items = [Alpha(value=1.0)]
    rig.time.now += 10
    rig.refresh()
    assert seconds == []


@pytest.mark.fault(
    "resources",
    "no CPU for longer than a second",
    seen="durations and rates leave that time out",
    heals="by itself",
)
def test_a_time_in_which_the_loop_was_stopped_was_not_watched_however_short(rig: Rig) -> None:
    alpha, seconds = seconds_of(rig, interval=2.0)
    rig.start()

    def is_left_out() -> bool:
        runs = alpha.runs
        rig.time.now += 4.0  # it is woken late, unless it was about to look at the clock
        rig.scheduler.wake("alpha")
        rig.settle_until(lambda: alpha.runs > runs, "it is not read")
        return None in seconds

    wait_until(is_left_out, "no time was left out")


# replacing


def test_what_is_switched_off_while_it_is_read_publishes_nothing(rig: Rig) -> None:
    found = rig.add_things("alpha", "x")
    rig.add("beta", Beta())
    found.reads["x"].hang(seconds=FIRST_SECONDS)
    rig.refresh()
    assert rig.scheduler.replace([rig.collectors["beta"]]) == {"alpha"}
    found.reads["x"].go()
    wait_until(lambda: not found.reads["x"].running, "it does not return")
    rig.settle()
    assert rig.record.bodies(Alpha) == []
    assert list(rig.scheduler.outcomes()) == ["beta"]


def test_what_is_switched_off_while_it_waits_is_not_waited_for(rig: Rig) -> None:
    alpha = rig.add("alpha", Alpha(), timeout=600.0)
    rig.add("beta", Beta())
    rig.start()
    rig.time.now += 5
    alpha.hang()
    scrape = rig.refresh_behind()
    alpha.wait_until_it_hangs()
    assert rig.scheduler.replace([rig.collectors["beta"]]) == {"alpha"}
    rig.advance(STALL_SECONDS)
    assert scrape.result()
    assert alpha.hangs


def test_what_stays_keeps_what_is_known_of_it_and_takes_its_new_settings(rig: Rig) -> None:
    alpha, seconds = seconds_of(rig)
    alpha.items = [Alpha(value=1.0), Fault("zone", "EIO", "x")]
    rig.refresh()
    rig.time.now += 0.5
    assert rig.scheduler.replace([replace(rig.collectors["alpha"], timeout=50.0)]) == frozenset()
    rig.settle()
    assert seconds == [0.5]
    assert rig.errors() == {("alpha", "EIO"): 2}
    alpha.hang(seconds=49.0)
    rig.time.now += 5
    rig.refresh()
    rig.settle()
    assert rig.record.bodies(CollectorFailed) == []


def test_new_options_take_effect_immediately_for_things_too(rig: Rig) -> None:
    seen: list[object] = []

    def read(options: object) -> list[Reading]:
        seen.append(options)
        return [Alpha()]

    def find(_host: Host, options: object) -> Iterator[Probe]:
        yield Probe("x", partial(read, options))

    for options in ("old", "new"):
        rig.use(make_collector("alpha", find=find, options=options, interval=600.0))
        rig.time.now += 1
        rig.settle()
    assert seen[0] == "old"
    assert seen[-1] == "new"


def test_a_new_collector_is_read_by_the_loop_immediately(rig: Rig) -> None:
    rig.add("alpha", Alpha())
    rig.start()
    rig.add("beta", Beta())
    rig.record.wait_for(Beta)


@pytest.mark.parametrize("what", ["table", "thing", "search", "look"])
def test_what_hangs_and_is_switched_off_and_on_again_is_never_run_twice_at_a_time(rig: Rig, what: str) -> None:
    found = rig.add_things("alpha", "x")
    table, look = rig.script(Alpha(sensor="table")), rig.script()
    rig.use(replace(rig.collectors["alpha"], read=table, watch=lambda _: [Watch("word", look=lambda: list(look()))]))
    script = {"table": table, "thing": found.reads["x"], "search": found.search, "look": look}[what]
    script.hang(seconds=TIMEOUT)
    rig.settle()
    script.wait_until_it_hangs()
    for _ in range(5):
        rig.scheduler.replace([])
        rig.settle()
        rig.scheduler.replace(rig.collectors.values())
        rig.settle()
        rig.live(2.0)
    assert script.runs == 1
    script.go()
    rig.settle_until(lambda: script.runs > 1, "it is not run again")
    rig.settle_until(lambda: rig.sensors("alpha") == {"x", "table"}, "not all is read")
    assert script.most_running == 1


def test_replacing_all_the_time_loses_no_run_and_breaks_nothing(live: Rig) -> None:
    alpha = live.add("alpha", Alpha(), max_age=0.0)
    found = live.add_things("beta", "x", "y", max_age=0.0)
    both = list(live.collectors.values())
    live.scheduler.start()
    done = threading.Event()

    def replace_on_and_on() -> bool:
        while not done.is_set():
            live.scheduler.replace(both[:1])
            live.scheduler.replace(both)
        return True

    replacing = Background(replace_on_and_on)
    for _ in range(50):
        assert live.refresh("alpha")
    done.set()
    assert replacing.result()
    assert live.refresh()
    live.settle()
    assert [len(read.began) for read in found.reads.values()] != [0, 0]
    assert live.sensors("alpha") == {"one", "x", "y"}
    assert sum(body.sensor == "one" for body in live.record.bodies(Alpha)) == alpha.runs
    assert all(script.most_running == 1 for script in live.scripts)
    assert [event.seq for event in live.record.events] == list(range(len(live.record.events)))


# threads


@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")
@pytest.mark.fault(
    "resources",
    "a thread of a reader that dies",
    seen="its collector fails once",
    heals="by itself, another thread takes its place",
)
def test_a_worker_that_dies_fails_its_thing_and_all_is_read_again(rig: Rig) -> None:
    rig.add("alpha", Alpha())
    rig.add("beta", Beta())
    rig.refresh()
    clock = rig.time
    dies = threading.Event()

    def monotonic() -> float:
        if dies.is_set() and threading.current_thread().name == "reader":
            dies.clear()
            raise MemoryError
        return clock.now

    rig.scheduler._crew._clock = monotonic
    dies.set()
    rig.time.now += 5
    scrape = rig.refresh_behind()
    wait_until(lambda: not dies.is_set(), "no worker has died")
    rig.advance(SLOW_SECONDS)  # a thread that died wakes no one
    assert scrape.result()
    rig.time.now += 5
    rig.refresh()
    assert rig.sensors("alpha") | rig.sensors("beta") == {"one"}
    assert len(rig.reported("alpha")) == len(rig.reported("beta")) == 1
    [failed] = rig.record.bodies(CollectorFailed)
    assert "died" in failed.message
    assert len(rig.record.bodies(CollectorRecovered)) == 1


def test_a_scrape_learns_that_the_loop_is_dead(rig: Rig, monkeypatch: pytest.MonkeyPatch) -> None:
    rig.add("alpha", Alpha())
    rig.start()
    monkeypatch.setattr(threading, "excepthook", lambda _: None)

    def die() -> None:
        raise MemoryError

    rig.scheduler._post(die)
    rig.scheduler.thread.join(PATIENCE)
    assert not rig.scheduler.thread.is_alive()
    assert not rig.refresh(seconds=0.5)


# stopping


def test_stopping_returns_promptly_while_reads_hang(rig: Rig) -> None:
    found = rig.add_things("alpha", "x", "y", timeout=600.0)
    rig.start()
    rig.time.now += 5
    for read in found.reads.values():
        read.hang()
    scrape = rig.refresh_behind(seconds=600)
    found.reads["x"].wait_until_it_hangs()
    stopped = Background(rig.scheduler.stop)
    stopped.result()
    assert scrape.result()
    assert not rig.scheduler.thread.is_alive()
    assert found.reads["x"].hangs
    events = len(rig.record.events)
    for read in found.reads.values():
        read.go()
    wait_until(lambda: not any(t.is_alive() for read in found.reads.values() for t in read.threads), "a worker stays")
    assert len(rig.record.events) == events


def test_nothing_is_read_after_the_stop(rig: Rig) -> None:
    alpha = rig.add("alpha", Alpha())
    rig.refresh()
    rig.scheduler.stop()
    rig.scheduler.wake("alpha")
    rig.time.now += 5
    assert rig.refresh()
    assert alpha.runs == 1
    rig.scheduler.stop()


def test_no_thread_is_left_when_an_idle_scheduler_stops(rig: Rig) -> None:
    found = rig.add_things("alpha", "x", "y")
    rig.start()
    rig.scheduler.stop()
    assert not rig.scheduler.thread.is_alive()
    for read in found.reads.values():
        for thread in read.threads:
            thread.join(PATIENCE)
            assert not thread.is_alive()
