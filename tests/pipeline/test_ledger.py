"""How things stand: pure, without threads and clocks."""

from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sysvitals.model.changes import CollectorFailed, CollectorRecovered, CollectorUnavailable
from sysvitals.model.status import CollectorStatus, ReadErrors
from sysvitals.pipeline.interpret import Outcome
from sysvitals.pipeline.ledger import FLAP_SECONDS, Ledger, Standing, give_up, judge, sum_up
from sysvitals.pipeline.plan import FIND, Key

THING = Key("alpha", "sda")
OK = Outcome("ok")
EIO = Outcome("failed", "EIO", "Input/output error")
EACCES = Outcome("failed", "EACCES", "Permission denied")
GONE = Outcome("unavailable", message="no chip")


class Life:
    """What one thing goes through, and what is told of it."""

    def __init__(self) -> None:
        self.now = 1000.0
        self.standing: Standing | None = None
        self.told: list[CollectorFailed | CollectorRecovered | CollectorUnavailable] = []

    def be(self, outcome: Outcome, seconds: float = 0.0) -> str:
        """The name of the event of this outcome, after so many seconds; empty where there is none."""
        self.now += seconds
        self.standing, change = judge(self.standing, THING, outcome, self.now)
        if change is None:
            return ""
        assert isinstance(change, CollectorFailed | CollectorRecovered | CollectorUnavailable)
        self.told.append(change)
        return change.event_name.removeprefix("collector.")


@pytest.fixture
def life() -> Life:
    return Life()


def test_each_turn_is_told_once(life: Life) -> None:
    outcomes = [OK, OK, EIO, EIO, EACCES, EIO, OK, OK]
    assert [life.be(one, 5.0) for one in outcomes] == ["", "", "failed", "", "failed", "failed", "recovered", ""]
    assert [failed.error for failed in life.told if isinstance(failed, CollectorFailed)] == ["EIO", "EACCES", "EIO"]


def test_what_a_host_never_had_is_no_change_of_it(life: Life) -> None:
    assert [life.be(one, 5.0) for one in (GONE, GONE, OK)] == ["", "", "recovered"]


def test_what_is_no_longer_there_is_told_once_with_its_reason_and_comes_back(life: Life) -> None:
    assert [life.be(one, 5.0) for one in (OK, GONE, GONE, EIO, GONE, OK)] == [
        "", "unavailable", "", "failed", "unavailable", "recovered",
    ]  # fmt: skip
    assert life.told[0] == CollectorUnavailable(collector="alpha", thing="sda", reason="no chip")


def test_a_recovery_says_how_long_it_could_not_be_read_in_whatever_ways(life: Life) -> None:
    for outcome in (OK, EIO, EACCES, GONE, OK):
        life.be(outcome, 5.0)
    assert life.told[-1] == CollectorRecovered(collector="alpha", thing="sda", seconds=15.0, failures=1)


def test_a_thing_that_flaps_is_told_once_and_then_in_sum(life: Life) -> None:
    life.be(OK)
    for _ in range(20):
        life.be(EIO, 10.0)
        life.be(OK, 5.0)
    assert [change.event_name for change in life.told] == ["collector.failed", "collector.recovered"]
    assert life.be(OK, FLAP_SECONDS - 0.1) == ""
    assert life.be(OK, 0.1) == "recovered"
    assert life.told[-1] == CollectorRecovered(collector="alpha", thing="sda", seconds=95.0, failures=19)
    assert life.be(OK, FLAP_SECONDS) == ""


def test_a_thing_that_comes_and_goes_is_told_once_and_then_in_sum(life: Life) -> None:
    life.be(OK)
    for _ in range(20):
        life.be(GONE, 10.0)
        life.be(OK, 5.0)
    assert [change.event_name for change in life.told] == ["collector.unavailable", "collector.recovered"]
    assert life.be(OK, FLAP_SECONDS) == "recovered"
    assert life.told[-1] == CollectorRecovered(collector="alpha", thing="sda", seconds=95.0, failures=19)


def test_a_thing_that_came_and_went_and_stays_away_is_gone(life: Life) -> None:
    for outcome in (OK, GONE, OK, GONE):
        life.be(outcome, 5.0)
    assert life.standing is not None
    life.standing, change = give_up(life.standing, THING, life.standing.outcome, life.now)
    assert isinstance(change, CollectorUnavailable)
    assert life.be(GONE, 5.0) == ""
    assert life.be(OK, 5.0) == "recovered"


def test_a_failure_long_after_a_recovery_is_told_like_the_first(life: Life) -> None:
    for outcome, seconds in ((OK, 0.0), (EIO, 5.0), (OK, 5.0), (OK, FLAP_SECONDS)):
        life.be(outcome, seconds)
    assert life.be(EIO, 5.0) == "failed"
    assert life.be(OK, 5.0) == "recovered"
    assert isinstance(life.told[-1], CollectorRecovered)
    assert (life.told[-1].seconds, life.told[-1].failures) == (5.0, 1)


def test_a_flapping_thing_that_is_given_up_has_failed_and_says_how_often(life: Life) -> None:
    for outcome in (OK, EIO, OK, EIO, OK, EIO):
        life.be(outcome, 5.0)
    assert life.standing is not None
    life.standing, change = give_up(life.standing, THING, EIO, life.now)
    assert isinstance(change, CollectorFailed)
    assert "failed 2 times" in change.message
    assert life.be(EIO, 5.0) == ""
    assert life.be(OK, 5.0) == "recovered"


FATES = st.lists(st.tuples(st.sampled_from([OK, EIO, EACCES]), st.sampled_from([1.0, 5.0, 60.0, 700.0])), max_size=40)


@settings(max_examples=200, deadline=None)
@given(FATES)
def test_whatever_happens_recoveries_sum_up_all_failures_and_events_are_few(fates: list[tuple[Outcome, float]]) -> None:
    life = Life()
    life.be(OK)
    for outcome, seconds in fates:
        life.be(outcome, seconds)
    life.be(OK, 5.0)
    life.be(OK, FLAP_SECONDS)
    told = [change for change in life.told if isinstance(change, CollectorRecovered)]
    states = [OK, *(outcome for outcome, _ in fates), OK]
    episodes = sum(before is OK and now is not OK for before, now in pairwise(states))
    assert sum(recovered.failures for recovered in told) == episodes
    times = [0.0, *(seconds for _, seconds in fates), 5.0]
    # an outcome holds until the next one
    broken = sum(later for state, later in zip(states, times[1:], strict=False) if state is not OK)
    assert sum(recovered.seconds for recovered in told) == pytest.approx(broken)
    assert life.standing is not None
    assert life.standing.hidden == 0
    assert life.standing.broken_since is None


@settings(deadline=None)
@given(st.lists(st.floats(0.1, 100.0), min_size=1, max_size=200))
def test_however_fast_a_thing_flaps_it_makes_three_events_until_it_is_well(gaps: list[float]) -> None:
    life = Life()
    life.be(OK)
    for gap in gaps:
        life.be(EIO, gap)
        life.be(OK, gap)
    life.be(OK, FLAP_SECONDS)
    assert len(life.told) <= 3


# collectors


def standings(**outcomes: Outcome) -> list[tuple[Key, Standing]]:
    return [(Key("alpha", name), Standing(outcome)) for name, outcome in outcomes.items()]


def test_a_collector_is_ok_where_any_thing_was_read_and_names_those_that_were_not() -> None:
    outcome = sum_up(standings(sda=OK, sdb=EIO, sdc=GONE))
    assert outcome is not None
    assert outcome.status == "ok"
    assert outcome.message == "sdb: Input/output error"


def test_a_collector_failed_where_no_thing_was_read() -> None:
    outcome = sum_up(standings(sda=EIO, sdb=EACCES, sdc=GONE))
    assert outcome is not None
    assert (outcome.status, outcome.error) == ("failed", "EIO")
    assert outcome.message == "sda: Input/output error; sdb: Permission denied"


def test_a_collector_is_unavailable_where_its_things_are_or_where_none_was_found() -> None:
    assert sum_up(standings(sda=GONE)) == GONE
    search = (Key("alpha", kind=FIND), Standing(GONE))
    assert sum_up([search]) == GONE


def test_a_collector_whose_search_alone_ended_well_has_not_run_yet() -> None:
    assert sum_up([]) is None
    assert sum_up([(Key("alpha", kind=FIND), Standing(OK))]) is None


def test_a_search_that_fails_takes_nothing_from_things_that_are_read() -> None:
    things = [(Key("alpha", kind=FIND), Standing(EIO)), *standings(sda=OK)]
    outcome = sum_up(things)
    assert outcome is not None
    assert (outcome.status, outcome.message) == ("ok", "Input/output error")
    failed = sum_up(things[:1])
    assert failed is not None
    assert failed.status == "failed"


def test_a_slow_thing_is_named_with_its_rhythm() -> None:
    outcome = sum_up([(THING, Standing(OK, took=0.75, pace=(69.0, 141.0)))])
    assert outcome is not None
    assert outcome.status == "ok"
    assert outcome.slow == "sda (0.75 s a read, every 69 s, never shown older than 141 s)"


# metrics


def test_the_metrics_of_a_collector_are_of_all_its_things_together() -> None:
    ledger = Ledger()
    ledger.things = {
        Key("alpha", "a"): Standing(OK, took=0.5, succeeded_at=(5000.0, 100.0)),
        Key("alpha", "b"): Standing(EIO, took=0.25, succeeded_at=(4000.0, 50.0)),
        Key("beta"): Standing(GONE, took=0.1),
        Key("gamma", kind=FIND): Standing(OK),
    }
    ledger.count("alpha", ["EIO", "EIO", "garbage"])
    ledger.count("gamma", ["EIO"])
    assert ledger.statuses(["alpha", "beta", "gamma", "delta"], 5010.0, 110.0) == [
        CollectorStatus(collector="alpha", available=True, success=True, duration=0.75, last_success=5000.0),
        ReadErrors(collector="alpha", error="EIO", total=2),
        ReadErrors(collector="alpha", error="garbage", total=1),
        CollectorStatus(collector="beta", available=False, success=None, duration=0.1, last_success=None),
        ReadErrors(collector="gamma", error="EIO", total=1),
    ]
    assert ledger.outcomes(["gamma", "delta"]) == {"gamma": None, "delta": None}


def test_errors_of_what_was_switched_off_are_forgotten() -> None:
    ledger = Ledger()
    ledger.count("alpha", ["EIO"])
    ledger.count("beta", ["EIO"])
    ledger.forget_errors(["alpha"])
    assert list(ledger.errors) == [("beta", "EIO")]


@pytest.mark.parametrize("seconds", [3600.0 * 24 * 365, -7200.0])
def test_the_last_success_is_told_by_the_clock_as_it_was_set_since(seconds: float) -> None:
    ledger = Ledger()
    ledger.things[THING] = Standing(OK, succeeded_at=(1000.0, 1000.0))

    def last_success(wall: float, uptime: float) -> float | None:
        [status] = ledger.statuses(["alpha"], wall, uptime)
        assert isinstance(status, CollectorStatus)
        return status.last_success

    assert last_success(1005.0, 1005.0) == 1000.0
    assert last_success(1005.9, 1005.0) == 1000.0, "slewed, as it is all the time"
    assert last_success(1005.0 + seconds, 1005.0) == 1000.0 + seconds
