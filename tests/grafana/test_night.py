"""What is recorded of a simulated board is what its exporter would have told."""

import math
from pathlib import Path

import pytest

from sysvitals.config.settings import History
from sysvitals.model.space import used_ratio
from sysvitals.simulation.simulation import Simulation, causes_of
from tests.grafana.night import Scrape, play, read_record, record
from tests.grafana.plan import Plan, Span, Target, build_scenario
from tests.grafana.played import CLOCK_SET_AFTER_BOOT_SECONDS
from tests.grafana.recordings import PLANS

START = 1_795_204_800.0
NOT_REPEATABLE = ("sysvitals_collector_duration_seconds", "process_cpu_seconds_total", "sysvitals_history_")
"""How long the exporter really took, and the size of a history in which its process id stands."""


def build_plan(target: Target, *, lasts: float, every: int = 15) -> Plan:
    return Plan(targets=(target,), start=START, lasts=lasts, every=every)


def value_of(scrape: Scrape, series: str) -> float | None:
    assert scrape.lines is not None
    values = [float(line.rpartition(" ")[2]) for line in scrape.lines if line.rpartition(" ")[0] == series]
    return values[0] if values else None


def test_brownouts_between_two_scrapes_are_counted_and_timed(tmp_path: Path) -> None:
    target = Target(instance="attic", board="pi4", scenario="brownout", seed=3)
    with Simulation("pi4", "brownout", tmp_path, seed=3, start=START, nodes=False) as board:
        board.step(601)
        spans = causes_of(board.truth, "firmware", "undervoltage")
    *_, last = play(target, build_plan(target, lasts=601, every=60))
    assert len(spans) >= 10
    assert value_of(last, 'system_throttling_source_info{source="rpi_volt+vcio_gencmd"}') == 1
    assert value_of(last, 'system_throttle_events_total{cause="undervoltage"}') == len(spans)
    true_seconds = sum((cleared or 601) - began for began, cleared in spans)
    told = value_of(last, 'system_throttle_seconds_total{cause="undervoltage"}')
    assert told == pytest.approx(true_seconds, abs=len(spans))  # looked at each second


def test_a_power_cut_is_a_gap_and_then_another_boot() -> None:
    target = Target(instance="attic", board="pi4", scenario="power-cut", seed=1)
    scrapes = list(play(target, build_plan(target, lasts=900, every=5)))
    silent = [scrape for scrape in scrapes if scrape.lines is None]
    assert silent
    before = [scrape for scrape in scrapes if scrape.time < silent[0].time]
    after = next(scrape for scrape in scrapes if scrape.time > silent[0].time and scrape.lines is not None)
    assert value_of(before[-1], "system_unclean_shutdowns_total") == 0
    assert value_of(after, "system_unclean_shutdowns_total") == 1
    uptimes = value_of(before[-1], "system_uptime_seconds"), value_of(after, "system_uptime_seconds")
    assert uptimes[0] is not None
    assert uptimes[1] is not None
    assert uptimes[1] < 60 < uptimes[0]
    last_seen = value_of(after, "system_last_unclean_shutdown_timestamp_seconds")
    lost = History().flush_interval  # what came since the last forced write
    assert last_seen == pytest.approx(before[-1].time / 1000, abs=lost + 15)


def test_after_a_power_cut_the_clock_is_wrong_for_a_while() -> None:
    target = Target(instance="attic", board="pi4", scenario="power-cut", seed=1)
    states: list[float] = []
    previous = Scrape(0, 0.0, None)
    for scrape in play(target, build_plan(target, lasts=900, every=5)):
        if scrape.lines is not None and previous.lines is None:
            states = []
        if scrape.lines is not None:
            states.append(value_of(scrape, "system_timex_sync_status") or 0.0)
        previous = scrape
    assert states[0] == 0
    assert states[-1] == 1
    assert states.index(1) <= math.ceil((CLOCK_SET_AFTER_BOOT_SECONDS + 60) / 5)  # read once a minute


def test_what_the_simulation_cannot_know_comes_from_the_target() -> None:
    target = Target(
        instance="cellar",
        board="pi4",
        scenario="idle",
        used={"/": (0.5, 0.9)},
        unsynchronised=(Span(60, 300),),
        unreachable=(Span(300, 600),),
        unreadable={"/proc/net/wireless": Span(60, 300)},
    )
    first, middle, silent, last = play(target, build_plan(target, lasts=601, every=200))
    labels = '{device="/dev/mmcblk0p2",fstype="ext4",mountpoint="/"}'
    names = [f"system_filesystem_{what}_bytes{labels}" for what in ("size", "free", "avail")]
    used = [used_ratio(*(value_of(scrape, name) for name in names)) for scrape in (first, last)]
    assert used == [pytest.approx(0.5, abs=0.01), pytest.approx(0.9, abs=0.01)]
    synchronised = [value_of(scrape, "system_timex_sync_status") for scrape in (first, middle, last)]
    assert synchronised == [1, 0, 1]
    works = [value_of(scrape, 'sysvitals_collector_success{collector="wifi"}') for scrape in (first, middle, last)]
    assert works == [1, 0, 1]
    assert silent.lines is None


def test_a_target_that_was_dropped_is_not_scraped_any_more() -> None:
    target = Target(instance="web", board="vm", scenario="idle", dropped=100)
    times = [scrape.time / 1000 - START for scrape in play(target, build_plan(target, lasts=300, every=30))]
    assert 60 < max(times) < 100


def test_the_same_target_gives_the_same_recording(tmp_path: Path) -> None:
    target = Target(instance="greenhouse", board="pi5-weak-supply", scenario="trouble.yaml", seed=2)
    plan = build_plan(target, lasts=1300, every=30)
    one, other = (list(read_record(record(target, plan, tmp_path / name))) for name in ("one", "other"))
    assert [scrape.time for scrape in one] == [scrape.time for scrape in other]
    for mine, theirs in zip(one, other, strict=True):
        assert values_of(mine) == pytest.approx(values_of(theirs), abs=0.05)  # seconds: collectors take their time


def values_of(scrape: Scrape) -> dict[str, float]:
    split = (line.rpartition(" ") for line in scrape.lines or ())
    return {series: float(value) for series, _, value in split if not series.startswith(NOT_REPEATABLE)}


def test_days_before_are_played_one_after_the_other() -> None:
    target = next(target for target in PLANS["night"].targets if target.day)
    alone = Plan(targets=(target,), start=START, lasts=43200, every=15)
    after_days = Plan(targets=(target,), start=START, lasts=43200, every=15, days=3)
    night, whole = build_scenario(target, alone), build_scenario(target, after_days)
    assert whole.lasts == 3 * 86400 + night.lasts
    moved = whole.steps[-len(night.steps) :]
    assert [step.at.low - 3 * 86400 for step in moved] == [step.at.low for step in night.steps]
    begins = whole.steps[-len(night.steps) - 1]
    assert (begins.at.low, begins.values) == (3 * 86400, night.start)


@pytest.mark.parametrize("name", PLANS)
def test_no_two_targets_of_a_plan_share_a_name_or_a_course(name: str) -> None:
    targets = PLANS[name].targets
    assert len({target.instance for target in targets}) == len(targets)
    assert len({target.seed for target in targets}) == len(targets)
