"""Names, times and shapes of the page."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sysvitals.sources.os.zone import Zone
from sysvitals.web.page.bounds import Bound
from sysvitals.web.page.names import LONG, show, split_name, split_names
from sysvitals.web.page.svg import (
    Window,
    draw_axis,
    draw_curve,
    draw_marks,
    draw_mirror,
    draw_silence,
    draw_spans,
    find_ceiling,
    find_cuts,
)
from sysvitals.web.page.time_line import Asked, find_axis, read_asked
from sysvitals.web.page.times import open_zone, say_day, say_time
from tests.web import looking

BERLIN = open_zone(looking.BERLIN)
NOW = 1_789_905_600.0  # 14:00 in Berlin, a Sunday
DAY = Window(0.0, 86400.0)


@given(st.lists(st.text(max_size=60), max_size=6))
def test_a_name_in_parts_is_the_whole_name(names: list[str]) -> None:
    for name, split in split_names(names).items():
        assert split.whole == show(name)
        assert all(split.parts) or not name


@given(st.text())
def test_each_letter_that_is_shown_can_be_seen(text: str) -> None:
    assert show(text).isprintable()


def test_a_short_name_is_not_cut() -> None:
    assert split_name("x" * LONG).parts == ("x" * LONG,)
    assert len(split_name("x" * (LONG + 1)).parts) == 2


@pytest.mark.parametrize(
    ("ago", "said"),
    [
        (60, "13:59"),
        (11 * 3600, "03:00"),
        (20 * 3600, "Sat 19 Sep 18:00"),
        (200 * 86400, "Wed 4 Mar 13:00"),
        (500 * 86400, "8 May 2025 14:00"),
    ],
)
def test_a_time_is_as_short_as_it_is_clear(ago: float, said: str) -> None:
    assert say_time(NOW - ago, NOW, BERLIN) == said


def test_days_near_by_have_a_name() -> None:
    days = [say_day(NOW - 86400 * number, NOW, BERLIN) for number in (0, 1, 2, 365)]
    assert days == [
        "Today, Sunday 20 September",
        "Yesterday, Saturday 19 September",
        "Friday 18 September",
        "Saturday 20 September 2025",
    ]


@pytest.mark.parametrize("rule", ["UTC0", ":/nowhere", ":/etc/passwd", ":/", ":\0"])
def test_a_zone_whose_file_is_none_is_utc_and_called_so(rule: str) -> None:
    zone = open_zone(Zone("UTC" if rule == "UTC0" else "Europe/Berlin", rule))
    assert (zone.name, zone.ahead(NOW), zone.at(NOW).timestamp()) == ("UTC", 0, NOW)


def test_ticks_stand_at_round_times_of_the_zone() -> None:
    ticks = list(draw_axis(Window(NOW - 86400, NOW), BERLIN))
    assert [tick.text for tick in ticks][:5] == ["16:00", "18:00", "20:00", "22:00", "Sun 20"]
    assert [tick.kind for tick in ticks].count("day") == 1
    assert len(list(draw_axis(Window(NOW - 30 * 86400, NOW), BERLIN))) <= 13
    assert next(draw_axis(Window(NOW - 60, NOW), BERLIN)).text.count(":") == 2


def test_a_narrow_page_leaves_out_every_other_day() -> None:
    ticks = list(draw_axis(Window(NOW - 30 * 86400, NOW), BERLIN))
    assert [tick.kind for tick in ticks] in (["day", "day odd"] * 5, ["day odd", "day"] * 5)


def test_what_was_short_is_still_seen_and_stays_inside() -> None:
    [dip] = draw_spans("undervoltage", [[86399.99, 86400]], DAY)
    assert (dip.width, dip.x + dip.width) == (0.1, 100)
    assert list(draw_spans("undervoltage", [[-9, -1], [90000, 90001]], DAY)) == []


def test_severity_is_height_too_and_what_is_not_known_draws_nothing() -> None:
    boxes = list(draw_spans("verdict", [[0, 1, "good"], [1, 2, "warning"], [2, 3, "critical"], [3, 4, "unknown"]], DAY))
    assert [(box.kind, box.height) for box in boxes] == [("l0", 5), ("l1", 10), ("l2", 15)]
    assert all(box.y + box.height == 16 for box in boxes)


def test_a_silence_is_drawn_where_it_lies_in_the_stretch() -> None:
    [box] = draw_silence([[-100, 43200], [90000, 90001]], DAY)
    assert (box.x, box.width) == (0, 50)


def test_reboots_are_marks() -> None:
    marks = list(draw_marks([[43200, 43200, "clean"], [64800, 64800, "unknown"], [-5, -5, "clean"]], DAY))
    assert [(mark.kind, mark.x) for mark in marks] == [("clean", 50), ("unknown", 75)]


def curve(*mean: float | None) -> dict[str, list[float | None]]:
    return {"mean": [*mean], "min": [*mean], "max": [*mean]}


def test_a_curve_breaks_at_no_data_and_at_a_gap_and_a_lone_bucket_is_seen() -> None:
    paths = {path.kind: path.d for path in draw_curve(curve(0, 50, None, 100, 100), [False] * 5, 0, 100)}
    assert paths["mean"] == "M0.5 98l1-48M3.5 2l1 0"
    paths = {path.kind: path.d for path in draw_curve(curve(0, 50, 50), [False, False, True], 0, 100)}
    assert paths["mean"] == "M0.5 98l1-48M2 50h1"


def test_two_ways_are_drawn_up_and_down_from_the_middle() -> None:
    up, down = draw_mirror([0, 100], [100, None], [False, False], 100)
    assert (up.kind, up.d) == ("up", "M0 50V50h.5l1-48h.5V50z")
    assert (down.kind, down.d) == ("down", "M0 50V98h.5h.5V50z")


def test_cuts_are_where_a_silence_lies_between_two_buckets() -> None:
    assert find_cuts([0, 10, 20, 30], [[12, 14]]) == [False, False, True, False]
    assert find_cuts([], [[1, 2]]) == []


@pytest.mark.parametrize(
    ("values", "end"), [([], 1), ([0], 1), ([100], 128), ([129], 192), ([193], 256), ([None, 2048], 2048)]
)
def test_an_axis_of_rates_ends_at_a_round_size(values: list[float | None], end: float) -> None:
    assert find_ceiling(values) == end


def test_an_axis_of_temperatures_shows_the_limit_and_what_is_above_it() -> None:
    hot = {"unit": "celsius", "low": 43.0, "high": 60.0, "limit": 80}
    assert find_axis(hot) == (40, 86)
    assert find_axis({**hot, "high": 99.0}) == (40, 99)
    assert find_axis({**hot, "limit": None}) == (40, 60)
    assert find_axis({"unit": "percent", "low": 3, "high": 7}) == (0, 100)
    assert find_axis({"unit": "", "low": 0.1, "high": 3.3}) == (0, 4)


@pytest.mark.parametrize(
    ("query", "asked"),
    [
        ({}, Asked("24h")),
        ({"range": ["7d"]}, Asked("7d")),
        ({"range": ["'><script>"]}, None),
        ({"from": ["10"], "to": ["20"]}, Asked("", 10, 20)),
        ({"from": ["20"], "to": ["10"]}, None),
        ({"from": ["nan"], "to": ["inf"]}, None),
        ({"from": ["1"], "to": ["1e300"]}, None),
        ({"from": ["1"]}, None),
        ({"from": ["abc"], "to": ["1"]}, None),
    ],
)
def test_an_address_that_is_not_valid_shows_the_last_day_and_says_so(
    query: dict[str, list[str]], asked: Asked | None
) -> None:
    found = read_asked(query)
    assert found._replace(problem="") == (asked or Asked("24h"))
    assert found.problem.startswith("Last 24 h: the time in this page's address is not valid") is (asked is None)


def test_a_bound_keeps_what_fits_and_counts_the_rest() -> None:
    bound = Bound(3, 10)
    assert bound.keep("abcd", lambda _: 1) == ("abc", 1)
    assert bound.keep("abcd", lambda _: 5) == ("ab", 2)
    assert bound.keep("ab", lambda _: 5) == ("ab", 0)
    assert bound.keep("", lambda _: 5) == ("", 0)
