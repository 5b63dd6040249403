"""The plan is pure: runs are begun and ended by the test, and time is a number."""

from dataclasses import dataclass, field
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sysvitals.pipeline.crew import Run
from sysvitals.pipeline.plan import (
    ABSENT_SECONDS,
    COALESCE_SECONDS,
    COOLDOWN_SECONDS,
    LONGEST_SECONDS,
    NOTICED_SECONDS,
    RECHECK_SECONDS,
    ROUND_READINGS,
    Key,
    Plan,
    Slot,
)


@dataclass
class Played:
    """A plan whose runs a test begins and ends."""

    plan: Plan = field(default_factory=Plan)
    now: float = 600.0
    began: dict[Key, list[float]] = field(default_factory=dict)

    def add(self, name: str, interval: float = 15.0, **settings: object) -> Slot:
        key = Key("alpha", name)
        slot = Slot(key, interval, **settings)  # type: ignore[arg-type]
        self.plan.add(slot)
        self.began[key] = []
        return slot

    def begin(self, slot: Slot, *, queued: bool = False) -> None:
        run = Run(slot.key, tuple)
        self.plan.begin(slot, run, self.now)
        if not queued:
            run.started = self.now
            self.began[slot.key].append(self.now)

    def end(self, slot: Slot, after: float = 0.0) -> bool:
        assert slot.run is not None
        self.now += after
        slot.run.ended = self.now
        return self.plan.end(slot, self.now)

    def run(self, slot: Slot, took: float = 0.0) -> bool:
        self.begin(slot)
        return self.end(slot, took)

    def due(self) -> list[str]:
        return [slot.key.thing for slot in self.plan.due(self.now)]

    def wake(self, slot: Slot) -> None:
        self.plan.wake(slot.key, self.now)

    def live(self, seconds: float, step: float = 0.125) -> None:
        """Let time pass, and what is due run, in no time."""
        until = self.now + seconds
        while self.now < until:
            for slot in self.plan.due(self.now):
                self.run(slot)
            self.now += step


@pytest.fixture
def played() -> Played:
    return Played()


# rhythm


def test_what_has_never_run_is_due_immediately(played: Played) -> None:
    played.add("x")
    assert played.due() == ["x"]
    assert played.plan.next_time(played.now) <= played.now


def test_each_thing_is_due_at_its_own_interval(played: Played) -> None:
    quick, rare = played.add("quick", 5.0), played.add("rare", 20.0)
    played.live(60.0)
    for slot in (quick, rare):
        gaps = [later - earlier for earlier, later in pairwise(played.began[slot.key])]
        assert gaps
        assert all(slot.interval - COALESCE_SECONDS <= gap <= slot.interval + 0.125 for gap in gaps)


def test_nothing_that_runs_is_due(played: Played) -> None:
    slot = played.add("x", 5.0)
    played.begin(slot)
    played.now += 100
    assert played.due() == []
    assert played.plan.stale([slot], played.now) == []


def test_what_is_due_soon_runs_with_what_is_due(played: Played) -> None:
    first, second = played.add("first", 5.0), played.add("second", 5.0)
    played.run(first)
    played.run(second)
    played.plan.set_due(second, played.now + 5.2)
    played.now += 4.9
    assert played.due() == []
    played.now += 0.1
    assert played.due() == ["first", "second"]


def test_whenever_they_ran_last_heartbeats_fall_together(played: Played) -> None:
    slots = [played.add(f"{interval:g}", interval) for interval in (5.0, 15.0, 60.0)]
    for slot in slots:
        played.run(slot)
        played.now += 1.75
    played.live(120.0)
    beats = {slot.key.thing: {at for at in played.began[slot.key] if at > 620.0} for slot in slots}
    assert beats["60"] < beats["15"] < beats["5"]
    assert beats["5"] == {at for at in map(float, range(625, 726, 5)) if at < played.now}


def test_one_that_begins_late_does_not_miss_the_next_beat(played: Played) -> None:
    slot = played.add("x", 15.0)
    played.run(slot)
    played.now += 15.0 + 2.0  # the processor was busy
    played.run(slot)
    assert slot.due == 630.0


def test_a_short_interval_is_not_made_shorter_by_running_things_together(played: Played) -> None:
    longer, shorter = played.add("longer", 0.2), played.add("shorter", 0.1)
    played.run(longer)
    played.run(shorter)
    played.now += 0.11
    assert played.due() == ["shorter"]


def test_a_scrape_reads_again_only_what_is_older_than_its_max_age(played: Played) -> None:
    slot = played.add("x", max_age=1.0)
    assert played.plan.stale([slot], played.now) == [slot]
    played.run(slot)
    assert played.plan.stale([slot], played.now + 0.75) == []
    assert played.plan.stale([slot], played.now + 1.0) == [slot]


def test_a_scrape_puts_the_heartbeat_off_to_the_first_beat_that_is_an_interval_later(played: Played) -> None:
    slot = played.add("x", 5.0)
    played.run(slot)
    played.now += 3
    played.run(slot)
    played.now += 6.5
    assert played.due() == []
    played.now += 0.5
    assert played.due() == ["x"]


def test_what_the_host_does_not_have_is_looked_for_once_a_minute_by_heartbeats_and_scrapes(played: Played) -> None:
    slot = played.add("x", 15.0)
    played.run(slot)
    played.plan.settle(slot, readings=0, absent=True, noticed=False)
    played.now += ABSENT_SECONDS - 0.5
    assert played.due() == []
    assert played.plan.stale([slot], played.now) == []
    played.now += 0.5
    assert played.due() == ["x"]
    assert played.plan.stale([slot], played.now) == [slot]


def test_what_the_kernel_gives_notice_of_is_read_when_it_does_and_rarely_else(played: Played) -> None:
    slot = played.add("x", 15.0)
    played.run(slot)
    played.plan.settle(slot, readings=1, absent=False, noticed=True)
    played.now += 100.0
    assert played.due() == []
    assert played.plan.stale([slot], played.now) == []
    played.wake(slot)
    assert played.due() == ["x"]
    played.run(slot)
    played.now += NOTICED_SECONDS + 5.0
    assert played.due() == ["x"]


def test_a_collector_of_many_readings_is_read_more_rarely_by_the_heartbeat_and_as_always_by_scrapes(
    played: Played,
) -> None:
    table, thing = played.add(""), played.add("thing")
    played.run(table)
    played.run(thing)

    def gives(slot: Slot, readings: int) -> None:
        played.plan.settle(slot, readings=readings, absent=False, noticed=False)

    for readings, interval in ((ROUND_READINGS, 15.0), (2 * ROUND_READINGS, 30.0), (1, 15.0), (1000, 225.0)):
        gives(table, readings - 1)
        gives(thing, 1)
        assert (played.plan.rhythm(table), played.plan.rhythm(thing)) == (interval, interval)
    played.now += 220.0
    assert played.due() == []
    assert played.plan.stale([table], played.now + 1.0) == [table]
    played.plan.remove(table.key)
    assert played.plan.rhythm(thing) == 15.0


def test_what_was_woken_comes_first_then_what_has_answered_before(played: Played) -> None:
    played.add("new")
    known, woken = played.add("known"), played.add("woken")
    for slot in (known, woken):
        played.run(slot)
        slot.proven = True
    played.now += 20
    played.wake(woken)
    assert played.due() == ["woken", "known", "new"]


# slow things


def test_a_slow_thing_is_read_more_rarely_and_no_scrape_reads_it(played: Played) -> None:
    slot = played.add("x", 2.0, max_age=1.0)
    played.run(slot, took=1.0)
    assert slot.slow
    assert played.plan.rhythm(slot) == 4.0
    played.now += 2.5
    assert played.plan.stale([slot], played.now) == []
    assert played.due() == []
    played.now += 0.5
    assert played.due() == ["x"]


def test_the_slow_things_of_one_bus_share_its_time(played: Played) -> None:
    slots = [played.add(f"{number}", 5.0, bus="w1") for number in range(8)]
    quick = played.add("quick", 5.0, bus="w1")
    for slot in slots:
        played.run(slot, took=0.75)
    played.run(quick)
    assert {played.plan.rhythm(slot) for slot in slots} == {24.0}
    assert played.plan.rhythm(quick) == 5.0


def test_what_is_quick_again_is_read_in_its_interval_again(played: Played) -> None:
    slot = played.add("x", 5.0)
    played.run(slot, took=10.0)
    for _ in range(3):  # one quick read may be luck
        assert slot.slow
        played.now += 40
        assert played.due() == ["x"]
        played.run(slot)
    assert not slot.slow
    played.now += 5
    assert played.due() == ["x"]


@settings(deadline=None)
@given(st.floats(0, 100), st.floats(0.5, 600), st.floats(0.1, 30))
def test_a_value_may_be_shown_until_the_read_after_it_should_have_returned(
    took: float, interval: float, patience: float
) -> None:
    played = Played()
    slot = played.add("x", interval, patience=patience)
    played.run(slot, took)
    latest = slot.due + slot.timeout
    assert slot.fresh_at + played.plan.limit(slot) >= latest - 1e-6
    assert played.plan.longest_gap(slot) <= played.plan.limit(slot)


# hanging


def test_a_run_is_overdue_at_its_timeout_and_once_only(played: Played) -> None:
    slot = played.add("x", patience=3.0)
    played.begin(slot)
    assert played.plan.next_time(played.now) == played.now + 3.0
    played.now += 2.999
    assert played.plan.overdue(played.now) == []
    played.now += 0.001
    assert played.plan.overdue(played.now) == [slot]
    slot.stuck = True
    assert played.plan.overdue(played.now) == []


def test_what_hangs_misses_one_read_an_interval(played: Played) -> None:
    slot = played.add("x", 15.0, patience=3.0)
    played.begin(slot)
    played.now += 3.0
    slot.stuck = True
    missed = []
    for _ in range(60):
        assert played.plan.next_time(played.now) > played.now
        played.now += 1.0
        missed += played.plan.missed(played.now)
    assert missed == [slot] * 4


def test_a_run_that_waits_for_its_turn_is_never_overdue(played: Played) -> None:
    slot = played.add("x", patience=3.0)
    played.begin(slot, queued=True)
    played.now += 1000
    assert played.plan.overdue(played.now) == []


def test_a_slow_thing_may_take_three_times_what_it_took(played: Played) -> None:
    slot = played.add("x", patience=3.0)
    assert slot.timeout == 3.0
    played.run(slot, took=2.0)
    assert slot.timeout == 6.0


def test_one_that_hung_has_no_result_that_counts_and_is_due_immediately(played: Played) -> None:
    slot = played.add("x", 15.0)
    played.run(slot)
    played.now += 15
    played.begin(slot)
    played.now += 3600
    slot.stuck = True
    assert not played.end(slot)
    assert not slot.stuck
    assert played.due() == ["x"]
    assert slot.took == LONGEST_SECONDS


def test_one_that_hung_for_a_day_is_soon_read_as_often_as_before(played: Played) -> None:
    slot = played.add("x", 15.0)
    played.begin(slot)
    slot.stuck = True
    played.end(slot, after=86400.0)
    assert played.run(slot)
    played.now += 15
    assert played.due() == ["x"]
    assert slot.timeout == slot.patience


def test_a_run_that_was_taken_back_before_it_began_has_no_result(played: Played) -> None:
    slot = played.add("x")
    played.begin(slot, queued=True)
    assert not played.plan.end(slot, played.now)
    assert slot.run is None


# waking


def test_one_that_is_woken_is_due_immediately_and_an_unknown_one_is_passed_over(played: Played) -> None:
    slot = played.add("x", 600.0)
    played.run(slot)
    played.now += 10
    assert played.due() == []
    played.wake(slot)
    played.plan.wake(Key("never"), played.now)
    assert played.due() == ["x"]
    assert played.plan.next_time(played.now) <= played.now


def test_one_that_is_woken_while_it_runs_runs_once_more_however_often(played: Played) -> None:
    slot = played.add("x", 600.0)
    played.begin(slot)
    for _ in range(10):
        played.wake(slot)
    assert played.end(slot)
    assert played.due() == ["x"]
    played.run(slot)
    played.now += 100
    assert played.due() == []


def test_one_that_is_woken_while_it_waits_for_its_turn_runs_once(played: Played) -> None:
    slot = played.add("x", 600.0)
    played.begin(slot, queued=True)
    played.wake(slot)
    assert slot.run is not None
    assert slot.woken
    slot.run.started = played.now
    played.end(slot)
    played.now += 100
    assert played.due() == []


def test_a_wake_during_a_hang_is_served_when_the_read_returns(played: Played) -> None:
    slot = played.add("x", 600.0)
    played.begin(slot)
    slot.stuck = True
    played.wake(slot)
    played.end(slot, after=30.0)
    assert played.due() == ["x"]
    played.begin(slot)
    assert slot.woken, "it is known to serve a wake"


def test_a_storm_of_wakes_makes_few_runs_and_the_last_wake_is_served(played: Played) -> None:
    slot = played.add("x", 600.0)
    played.run(slot)
    played.now += 10
    first = played.now
    for _ in range(1000):
        played.now += 0.001
        played.wake(slot)
        for due in played.plan.due(played.now):
            played.run(due)
    last = played.now
    played.live(60.0)
    runs = played.began[slot.key][1:]
    assert runs[0] <= first + 0.001
    assert runs[-1] >= last
    assert all(later - earlier >= COOLDOWN_SECONDS for earlier, later in pairwise(runs))
    assert len(runs) <= 2 + 1 / COOLDOWN_SECONDS


def test_a_heartbeat_or_a_scrape_does_not_make_a_wake_wait(played: Played) -> None:
    slot = played.add("x", 600.0)
    played.run(slot)
    played.now += 0.001
    played.wake(slot)
    assert played.due() == ["x"]


def test_a_wake_that_waits_is_served_by_any_run_that_comes_before(played: Played) -> None:
    slot = played.add("x", 600.0)
    played.wake(slot)
    played.run(slot)
    played.wake(slot)
    assert played.due() == []
    played.now += 0.1
    played.run(slot)  # a scrape
    played.now += 100
    assert played.due() == []


def test_one_that_takes_its_time_is_woken_for_no_more_than_a_third_of_it(played: Played) -> None:
    slot = played.add("x", 600.0)
    for _ in range(200):
        played.wake(slot)
        for due in played.plan.due(played.now):
            played.run(due, took=1.0)
        played.now += 0.1
    runs = played.began[slot.key]
    assert len(runs) > 2
    assert all(later - earlier >= 3.0 for earlier, later in pairwise(runs[1:]))


def test_after_an_edge_it_runs_once_more_and_neither_a_scrape_nor_a_wake_serves_for_that(played: Played) -> None:
    slot = played.add("x", 600.0)
    played.run(slot)
    played.plan.recheck(slot, played.now)
    edge = played.now
    played.now += 0.4
    played.run(slot)  # a scrape
    played.now += 0.4
    played.wake(slot)
    assert played.due() == ["x"]
    played.run(slot)
    assert played.plan.next_time(played.now) == edge + RECHECK_SECONDS
    played.now = edge + RECHECK_SECONDS
    assert played.due() == ["x"]
    played.run(slot)
    played.now += 100
    assert played.due() == []


def test_an_edge_does_not_put_a_wake_off(played: Played) -> None:
    slot = played.add("x", 600.0)
    played.begin(slot)
    played.wake(slot)
    played.end(slot)
    played.plan.recheck(slot, played.now)
    assert played.due() == ["x"]


def test_a_run_that_ends_unheard_is_looked_after_when_it_is_due_again(played: Played) -> None:
    slot = played.add("x", 1.0)
    played.begin(slot)
    assert played.plan.next_time(played.now) == played.now + 1.0
    played.now += 1.5
    assert played.plan.next_time(played.now) == played.now + 1.0, "and again, where it took longer"


# whatever happens

STEP = st.one_of(
    st.tuples(st.just("pass"), st.sampled_from([0.01, 0.125, 0.25, 1.0, 2.5, 4.0, 20.0])),
    st.tuples(st.just("wake"), st.integers(0, 3)),
    st.tuples(st.just("hand over"), st.just(0)),
    st.tuples(st.just("start"), st.integers(0, 3)),
    st.tuples(st.just("return"), st.integers(0, 3)),
    st.tuples(st.just("give up"), st.just(0)),
    st.tuples(st.just("scrape"), st.just(0)),
)


class Chaos(Played):
    """Runs that begin, return and hang in any order."""

    def __init__(self) -> None:
        super().__init__()
        self.all = [self.add(f"{number}", interval) for number, interval in enumerate((2.0, 5.0, 15.0, 60.0))]
        self.woken: dict[Key, float] = {}

    def hand_over(self, slots: list[Slot]) -> None:
        for slot in slots:
            assert slot.run is None, "it would run twice at a time"
            self.begin(slot, queued=True)

    def start(self, slot: Slot) -> None:
        if slot.run is not None and slot.run.started is None:
            slot.run.started = self.now
            self.began[slot.key].append(self.now)

    def finish(self, slot: Slot) -> None:
        if slot.run is not None and slot.run.started is not None:
            self.end(slot)

    def do(self, step: str, what: float) -> None:
        slot = self.all[int(what) % 4]
        if step == "pass":
            self.now += what
        elif step == "wake":
            self.wake(slot)
            self.woken[slot.key] = self.now
        elif step == "hand over":
            self.hand_over(self.plan.due(self.now))
        elif step == "scrape":
            self.hand_over(self.plan.stale(self.all, self.now))
        elif step == "start":
            self.start(slot)
        elif step == "return":
            self.finish(slot)
        else:
            for late in self.plan.overdue(self.now):
                assert not late.stuck, "it would be given up twice"
                late.stuck = True

    def turn(self) -> None:
        """One round of a loop whose reads take no time."""
        self.hand_over(self.plan.due(self.now))
        for slot in self.all:
            self.start(slot)
            self.finish(slot)


@settings(max_examples=150, deadline=None)
@given(st.lists(STEP, max_size=60))
def test_whatever_happens_nothing_runs_twice_at_a_time_no_wake_is_lost_and_nothing_starves(
    steps: list[tuple[str, float]],
) -> None:
    chaos = Chaos()
    for step, what in steps:
        chaos.do(step, what)
    # from now on all goes well, and the loop sleeps as long as the plan says
    for slot in chaos.all:
        chaos.start(slot)
        chaos.finish(slot)
    since = chaos.now
    # what took a minute is read each four minutes, until it was quick three times
    while chaos.now < since + 1000:
        chaos.turn()
        soonest = chaos.plan.next_time(chaos.now)
        assert soonest > chaos.now, "the loop would never sleep"
        chaos.now = soonest
    for slot in chaos.all:
        runs = chaos.began[slot.key]
        assert chaos.woken.get(slot.key, 0.0) <= runs[-1], "a wake was lost"
        latest = [at for at in runs if at >= since + 800]
        assert latest, "it starves"
        assert all(later - earlier <= slot.interval + 1e-6 for earlier, later in pairwise(latest))
