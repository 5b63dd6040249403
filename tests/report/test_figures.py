"""What a time amounts to."""

import pytest

from sysvitals.model.summary import Series
from sysvitals.report.figures import MOST_LINES, Line, Section, format_length, list_sections
from tests.history.past_made import BOOT, DAY, HOUR, NOON, at, change, covered, dip, in_utc, past, stretches, view

__all__ = ["in_utc"]
pytestmark = pytest.mark.usefixtures("in_utc")

SENSOR = Series("system.temperature.updated", ("cpu_thermal", "temp1"), "celsius")
ROOM = Series("system.temperature.updated", ("w1", "room"), "celsius")
ACTIVE = Series("system.throttling.updated", ("undervoltage",), "active")
CAPPED = Series("system.throttling.updated", ("frequency_capped",), "active")
LOAD = Series("system.load.updated", (), "load1")
ROOT = ("/dev/mmcblk0p2", "/", "ext4")
USED = Series("system.disk.usage.updated", ROOT, "used_percent")
FREE = Series("system.disk.usage.updated", ROOT, "available")


LONG = covered(NOON - 2 * DAY, NOON + DAY)


def section(title: str, *occurrences, **known) -> Section:  # type: ignore[no-untyped-def]  # noqa: ANN002, ANN003
    sections = {one.title: one for one in list_sections(past(*occurrences, **known), view())}
    return sections[title]


def test_brownouts_have_their_number_their_lengths_and_when_they_were() -> None:
    found = section("Brownouts", *dip(at("02:10"), 3.0), *dip(at("03:00"), 38.0))
    assert found == Section(
        "Brownouts",
        "2 times, 41 s in all, the longest 38 s",
        "critical",
        [Line("Thu 01 Jan 02:10", "3 s"), Line("Thu 01 Jan 03:00", "38 s")],
    )


def test_one_that_goes_on_says_so() -> None:
    began = change(NOON - 90, "system.throttling.started", cause="undervoltage")
    assert section("Brownouts", began).lines == [Line("Thu 01 Jan 11:58", "1 min 30 s, and goes on")]


def test_of_a_long_one_what_lies_in_the_time_is_said_and_when_it_began() -> None:
    found = section("Brownouts", *dip(NOON - DAY - HOUR, 3 * HOUR))
    assert found.said == "once, 2 h in all"
    assert found.lines == [Line("since Wed 31 Dec 11:00", "2 h, of 3 h in all")]


def test_one_that_began_and_ended_out_of_sight_is_known_by_the_readings() -> None:
    found = section("Brownouts", series={ACTIVE: stretches(NOON - DAY, *[1.0] * 24, seconds=HOUR)}, coverage=(LONG,))
    assert (found.said, found.level) == ("once, 1 d in all", "critical")
    assert found.lines == [Line("before Wed 31 Dec 12:00", "1 d")]


def test_what_readings_say_of_a_boot_that_is_over_does_not_go_on() -> None:
    known = past(series={ACTIVE: stretches(NOON - 5 * HOUR, *[1.0] * 6, seconds=HOUR)})
    found = list_sections(known, view()._replace(boot=""))[0]
    assert found.lines == [Line("Thu 01 Jan 07:00", "5 h, of 6 h in all")]


def test_what_both_changes_and_readings_say_counts_once() -> None:
    series = {ACTIVE: stretches(at("02:10"), 0.05, 0.0, 1.0, 1.0)}
    found = section("Brownouts", *dip(at("02:10"), 3.0), series=series)
    assert [line.what for line in found.lines] == ["Thu 01 Jan 02:10", "Thu 01 Jan 02:12"]
    assert found.said == "2 times, 2 min 3 s in all, the longest 2 min"


def test_of_many_lines_some_are_shown_and_the_rest_is_counted() -> None:
    found = section("Brownouts", *(one for minute in range(20) for one in dip(at(f"02:{minute:02}"), 1.0)))
    assert (len(found.lines), found.left_out) == (MOST_LINES, 20 - MOST_LINES)


def test_what_a_board_cannot_know_is_not_called_none() -> None:
    series = {ACTIVE: stretches(NOON - DAY, 0.0, seconds=HOUR)}
    assert section("Brownouts", series=series) == Section("Brownouts", "None recorded", "good")
    assert section("Brownouts") == Section("Brownouts", "No data: this board does not report undervoltage", "")
    assert section("Throttling") == Section("Throttling", "No data: this board does not report throttling", "")
    for title in ("Highest temperatures", "Space"):
        assert section(title) == Section(title, "No data", "")


def test_throttling_is_given_by_cause() -> None:
    series = {CAPPED: stretches(NOON - DAY, 0.0, seconds=HOUR)}
    found = section("Throttling", *dip(at("02:10"), 3.0), *dip(at("02:10"), 130.0, "throttled"), series=series)
    assert (found.said, found.level) == ("Slowed down for 2 min 10 s", "warning")
    assert found.lines == [
        Line("Undervoltage", "3 s, once"),
        Line("Frequency cap", "none recorded"),
        Line("Throttling", "2 min 10 s, once"),
    ]


def test_the_highest_temperatures_come_hottest_first_with_their_hour() -> None:
    series = {
        SENSOR: stretches(at("02:00"), 50.0, 70.0, seconds=HOUR, spread=5.0),
        ROOM: stretches(at("02:00"), 21.0, seconds=HOUR),
    }
    found = section("Highest temperatures", series=series)
    assert found.said == "75.0 °C (cpu_thermal temp1)"
    assert found.lines == [
        Line("cpu_thermal temp1", "75.0 °C, in the hour from Thu 01 Jan 03:00"),
        Line("w1 room", "21.0 °C, in the hour from Thu 01 Jan 02:00"),
    ]


def test_a_temperature_of_a_minute_has_its_time() -> None:
    found = section("Highest temperatures", series={SENSOR: stretches(at("02:10"), 90.0)})
    assert found.lines == [Line("cpu_thermal temp1", "90.0 °C, at Thu 01 Jan 02:10")]


def test_reboots_are_counted_by_how_the_host_went_down() -> None:
    coverage = [
        covered(NOON - DAY, at("02:00"), "boot-1"),
        covered(at("02:10"), at("04:00"), "boot-2"),
        covered(at("04:01"), NOON, "boot-3"),
    ]
    found = section(
        "Reboots",
        change(at("02:10"), "sysvitals.started", "boot-2"),
        change(at("02:10:01"), "system.shutdown.unclean", "boot-2"),
        change(at("04:00"), "sysvitals.stopped", "boot-2"),
        change(at("04:01"), "sysvitals.started", "boot-3"),
        coverage=coverage,
    )
    assert (found.said, found.level) == ("1 unclean, 1 clean", "critical")
    assert [line.said for line in found.lines] == [
        "unclean shutdown, away for 10 min",
        "clean shutdown, away for 1 min",
    ]


def test_gaps_are_times_without_data() -> None:
    coverage = [covered(NOON - DAY, at("02:00")), covered(at("03:30"), NOON)]
    assert section("Gaps", coverage=coverage) == Section(
        "Gaps", "1 gap without data, 1 h 30 min in all", "warning", [Line("Thu 01 Jan 02:00", "1 h 30 min")]
    )
    assert section("Gaps") == Section("Gaps", "None", "good")


def test_the_worst_hour_is_that_with_most_undervoltage() -> None:
    series = {
        SENSOR: stretches(at("02:00"), 50.0, 60.0, seconds=HOUR),
        LOAD: stretches(at("02:00"), 0.5, 3.0, seconds=HOUR),
    }
    found = section(
        "Worst hour",
        *dip(at("02:30"), 600.0, "throttled"),
        *dip(at("03:59:55"), 8.0),
        series=series,
    )
    assert found.said == "From Thu 01 Jan 03:00 to 04:00"
    assert found.lines == [
        Line("Undervoltage", "5 s"),
        Line("Highest temperature", "60.0 °C"),
        Line("Highest load", "3"),
    ]
    assert section("Worst hour").said == "None: no undervoltage and no throttling was recorded"


def test_space_says_how_full_it_is_and_when_it_will_be() -> None:
    hours = 72
    series = {
        USED: stretches(NOON - hours * HOUR, *(50 + number / 10 for number in range(hours)), seconds=HOUR),
        FREE: stretches(NOON - hours * HOUR, *((30 - number / 24) * 2**30 for number in range(hours)), seconds=HOUR),
    }
    said = section("Space", series=series).said
    assert said == "/ is 57 % full, from 50 %, growing by 1 GiB a day, full in 27 d at that rate"


def test_a_trend_of_some_hours_or_of_nothing_is_none() -> None:
    short = {
        USED: stretches(NOON - 3 * HOUR, 50.0, 60.0, 70.0, seconds=HOUR),
        FREE: stretches(NOON - 3 * HOUR, 3e9, 2e9, 1e9, seconds=HOUR),
    }
    assert section("Space", series=short).said == "/ is 70 % full, from 50 %"
    steady = {
        USED: stretches(NOON - 72 * HOUR, *[50.0] * 72, seconds=HOUR),
        FREE: stretches(NOON - 72 * HOUR, *[2e9] * 72, seconds=HOUR),
    }
    assert section("Space", series=steady).said == "/ is 50 % full"


def test_a_disk_that_was_cleared_is_not_called_growing() -> None:
    cleared = {
        USED: stretches(NOON - 72 * HOUR, 45.0, *[20.0 + hour / 8 for hour in range(71)], seconds=HOUR),
        FREE: stretches(NOON - 72 * HOUR, 1e9, *[4e9 - 3e7 * hour for hour in range(71)], seconds=HOUR),
    }
    assert section("Space", series=cleared).said == "/ is 29 % full, from 45 %"


def test_what_is_not_yet_written_makes_the_time_no_shorter() -> None:
    assert format_length(view(begin=NOON - 7 * DAY, end=NOON - 60)) == "7 d"
    assert format_length(view(begin=NOON - 2 * HOUR - 60, end=NOON)) == "2 h 1 min"


def test_what_lies_outside_the_time_is_not_counted() -> None:
    assert section("Brownouts", *dip(NOON - 1.5 * DAY, 3.0)).said.startswith("No data")
    assert BOOT
