"""Windows: what series did within the last hours."""

import pytest

from sysvitals.judgement.windows import MOST_SERIES, Watch, Windows
from sysvitals.model.samples import Sample
from sysvitals.model.summary import Stretch

ETH0 = {"device": "eth0"}
METRIC = "system_temperature_celsius"


def watched(seconds: float, values: list[tuple[float, float]]) -> Windows:
    windows = Windows([Watch(METRIC, seconds)])
    for at, value in values:
        windows.observe({METRIC: [Sample(ETH0, value)]}, at)
    return windows


def stretch(begin: float, seconds: float, value: float, growth: float | None = None) -> tuple[float, Stretch]:
    return begin, Stretch(begin, seconds, 4, value - 1, value, value + 1, value, growth)


def test_the_mean_the_least_and_the_most_are_of_the_last_seconds_alone() -> None:
    windows = watched(600, [(0, 100.0), *((at, 40.0) for at in range(900, 1185, 15)), (1190, 55.0)])
    assert windows.least(METRIC, ETH0, 1190, 300) == 40
    assert windows.most(METRIC, ETH0, 1190, 300) == 55
    mean = windows.average(METRIC, ETH0, 1190, 300)
    assert mean is not None
    assert 40 < mean < 42


def test_a_series_that_was_not_read_has_no_value() -> None:
    windows = watched(600, [(0, 1.0)])
    assert windows.average(METRIC, ETH0, 3600, 300) is None
    assert windows.average(METRIC, {"device": "eth1"}, 0, 300) is None
    assert windows.growth(METRIC, ETH0, 0, 300) is None  # of one reading


def test_the_time_in_which_a_host_slept_is_part_of_the_day_and_what_was_before_the_first_reading_is_not() -> None:
    day, hour = 86_400.0, 3600.0
    awake = [at for at in range(0, 4 * 86_400, 600) if at % day < 6 * hour and not day <= at < 2 * day]

    def presence(at: float) -> float:
        return watched(day, [(when, 1.0) for when in awake if when <= at]).presence(METRIC, ETH0, at, day)

    assert presence(5 * hour) == 1
    assert presence(11.5 * hour) == 1 / 2
    assert presence(2 * day + hour) == pytest.approx(2 / 24, abs=0.01)
    assert presence(3 * day + 5.5 * hour) == pytest.approx(6 / 24, abs=0.02)
    assert Windows([Watch(METRIC, day)]).presence(METRIC, ETH0, day, day) == 0


def test_a_counter_that_begins_again_has_grown_by_what_it_shows() -> None:
    windows = watched(3600, [(0, 100), (60, 110), (120, 3)])
    assert windows.growth(METRIC, ETH0, 120, 3600) == 13


def test_a_rate_is_over_all_the_seconds_asked_for_however_few_it_was_watched() -> None:
    windows = watched(900, [(at, at / 5) for at in range(0, 1815, 15)])
    assert windows.rate(METRIC, ETH0, 1800, 900) == pytest.approx(1 / 5)
    assert watched(900, [(0, 0), (60, 45)]).rate(METRIC, ETH0, 60, 900) == pytest.approx(45 / 900)


def test_a_counter_that_was_not_read_for_hours_did_not_grow_by_all_that_within_minutes() -> None:
    windows = watched(300, [(0, 0), (36_000, 3600)])
    assert windows.growth(METRIC, ETH0, 36_000, 300) == pytest.approx(36, rel=0.3)


def test_a_day_is_known_by_the_hour() -> None:
    day = 86_400.0
    windows = watched(day, [(at, at // 3600) for at in range(0, 3 * 86_400, 600)])
    at = 3 * day - 600
    assert windows.growth(METRIC, ETH0, at, day) == pytest.approx(24, abs=1)
    assert windows.changes(METRIC, ETH0, at, day) == pytest.approx(24, abs=1)


def test_a_line_through_the_means_leads_ahead() -> None:
    windows = watched(7200, [(at, 50 + at / 600) for at in range(0, 7200, 15)])
    assert windows.predict(METRIC, ETH0, 7185, 7200, 6000) == pytest.approx(50 + (7185 + 6000) / 600, abs=0.2)
    assert watched(7200, [(0, 1), (60, 2)]).predict(METRIC, ETH0, 60, 7200, 60) is None


def test_what_was_before_a_restart_is_taken_up_with_what_the_counter_grew_by_since() -> None:
    windows = watched(86_400.0, [(100.0, 27.0), (115.0, 28.0)])
    windows.restore(METRIC, ETH0, [stretch(-7200, 3600, 20, 5.0), stretch(-3600, 3600, 25, 5.0)])
    assert windows.growth(METRIC, ETH0, 115, 86_400) == 5 + 5 + 3
    windows.observe({METRIC: [Sample(ETH0, 30.0)]}, 130)
    assert windows.growth(METRIC, ETH0, 130, 86_400) == 15


def test_minutes_fill_a_window_of_minutes_and_hours_one_of_hours() -> None:
    windows = Windows([Watch(METRIC, 300), Watch(METRIC, 86_400.0)])
    windows.restore(METRIC, ETH0, [stretch(-3600, 3600, 20), stretch(-60, 60, 50)])
    assert windows.average(METRIC, ETH0, 0, 300) == 50
    assert windows.average(METRIC, ETH0, 0, 86_400) == 20


def test_only_series_with_the_labels_asked_for_are_kept() -> None:
    windows = Windows([Watch(METRIC, 300, (("device", "eth0"),))])
    windows.observe({METRIC: [Sample(ETH0, 1), Sample({"device": "eth1"}, 2)]}, 0)
    assert len(windows) == 1


def test_a_hostile_host_fills_no_memory_and_series_that_went_make_room() -> None:
    windows = Windows([Watch(METRIC, 300)])
    for at in (0, 15):
        windows.observe({METRIC: [Sample({"device": f"{at}-{n}"}, n) for n in range(2 * MOST_SERIES)]}, at)
    assert len(windows) == MOST_SERIES
    windows.observe({METRIC: [Sample(ETH0, 1)]}, 10_000)
    assert windows.average(METRIC, ETH0, 10_000, 300) == 1
    assert len(windows) == 1
