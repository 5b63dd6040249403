"""What a host says of its power supply, and of what a bad one ends in."""

import time

import pytest

from sysvitals.collectors.throttling import ThrottlingCleared, ThrottlingStarted
from sysvitals.judgement.power import judge as power
from sysvitals.judgement.verdict import Level
from sysvitals.model.changes import Started, UncleanShutdown
from sysvitals.model.event import Event, Stamp
from sysvitals.model.summary import Series, Stretch
from tests.judgement.judging import Board, alerts, texts
from tests.recorded import NOW

HOUR, DAY = 3600.0, 86_400.0
STARTED = Started(version="1", schema=1, pid=1)
THROTTLED = {"cause": "throttled"}


@pytest.fixture(autouse=True)
def in_utc(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(time, "localtime", time.gmtime)


def board(uptime: float = 5 * DAY, *, restores: bool = False) -> Board:
    it = Board(power.JUDGEMENTS, uptime=uptime, restores=restores)
    it.shows("system_throttled", 0, cause="undervoltage")
    it.shows("system_throttle_events_total", 0, cause="undervoltage")
    it.shows("system_throttle_seconds_total", 0, cause="undervoltage")
    it.after(60)
    return it


def ended(last_seen: float, *, synced: bool | None = True) -> UncleanShutdown:
    return UncleanShutdown(ended_boot="before", last_seen=last_seen, clock_synced=synced, uptime=100.0, certain=True)


class TestUndervoltage:
    def test_it_is_critical_while_it_goes_on(self) -> None:
        it = board()
        it.shows("system_throttled", 1, cause="undervoltage")
        verdict = it.after(15)
        assert alerts(verdict) == [("Undervoltage", "critical")]
        assert texts(verdict) == ["The 5 V supply is too low"]

    def test_one_dip_stays_for_a_day_as_a_warning_that_says_when(self) -> None:
        it = board()
        it.dips(4.2)
        assert texts(it.after(120)) == ["The 5 V supply was too low at 12:01 for 4.2 s"]
        verdict = it.after(HOUR)
        assert alerts(verdict) == [("Undervoltage", "warning")]
        assert texts(verdict) == ["Undervoltage at 12:01 for 4.2 s"]
        assert verdict.now.startswith("Running well now")
        assert it.after(DAY - HOUR - 300).level is Level.WARNING
        assert it.after(600).level is Level.GOOD

    def test_many_dips_are_one_line_with_count_last_and_total(self) -> None:
        it = board()
        for _ in range(12):
            it.dips(3.4)
            it.after(300)
        verdict = it.after(HOUR)
        assert alerts(verdict) == [("UndervoltageRecurring", "warning")]
        assert texts(verdict) == ["Undervoltage 12 times in 24 h, last at 12:56, 40.8 s in all"]

    def test_a_dip_while_others_are_known_says_how_often(self) -> None:
        it = board()
        for _ in range(4):
            it.dips(2)
            it.after(300)
        it.happens(ThrottlingStarted(cause="undervoltage"))
        it.shows("system_throttled", 1, cause="undervoltage")
        assert alerts(it.judged()) == [("Undervoltage", "critical")]
        assert texts(it.judged())[0].startswith("The 5 V supply is too low: 5 times in 24 h")

    @pytest.mark.parametrize("every", [20, 75, 1200])
    def test_dips_that_follow_each_other_are_not_ten_changes_of_the_verdict(self, every: float) -> None:
        it = board()
        it.turned()
        for _ in range(10):
            it.dips(2)
            it.after(every)
        assert [(change.level, change.alerts) for change in it.turned()] == [
            ("critical", "Undervoltage"),
            ("critical", "Undervoltage, UndervoltageRecurring"),
        ]

    def test_last_night_is_remembered_after_a_reboot(self) -> None:
        it = board(uptime=300, restores=True)
        night = NOW - 9 * HOUR
        series = [Series("system.throttling.updated", ("undervoltage",), name) for name in ("events", "seconds")]
        rows = [
            (one, [Stretch(night, 3600, 240, total, total, total, total, total)])
            for one, total in zip(series, (12.0, 41.0), strict=True)
        ]
        before = Board(power.JUDGEMENTS, wall=night + 840, boot="before")
        before.dips(3)
        it.engine.restore(rows, before.events)
        verdict = it.after(15)
        assert texts(verdict) == ["Undervoltage 12 times in 24 h, last at 03:14, 41 s in all"]
        assert verdict.reasons[0].last == pytest.approx(night + 843)

    def test_a_clock_that_is_set_moves_the_moment_with_it(self) -> None:
        it = board()
        it.dips(1)
        it.after(HOUR)
        it.time -= 5 * HOUR
        assert texts(it.judged()) == ["Undervoltage at 07:01 for 1 s"]

    def test_what_a_power_cut_ended_is_no_later_than_the_cut(self) -> None:
        before = Board(power.JUDGEMENTS, wall=NOW - HOUR, boot="before")
        before.happens(ThrottlingStarted(cause="undervoltage"))
        it = board(uptime=60, restores=True)
        it.happens(ThrottlingCleared(cause="undervoltage", seconds=4))
        it.engine.restore([], before.events)
        verdict = it.after(15)
        assert texts(verdict) == ["Undervoltage at 11:00 for 4 s"]
        assert verdict.reasons[0].last == pytest.approx(NOW - HOUR + 4)

    def test_many_edges_of_another_cause_displace_no_dip(self) -> None:
        it = board(uptime=60, restores=True)
        before = Board(power.JUDGEMENTS, wall=NOW - 6 * HOUR, boot="before")
        for _ in range(12):
            before.dips(3)
        for _ in range(300):
            before.happens(ThrottlingStarted(cause="soft_temperature_limit"))
            before.passes(30)
            before.happens(ThrottlingCleared(cause="soft_temperature_limit", seconds=30))
        it.engine.restore([], before.events)
        assert texts(it.after(15)) == ["Undervoltage 12 times in 24 h, last at 06:00, 36 s in all"]

    def test_no_more_dips_are_said_than_there_were_within_a_day(self) -> None:
        it = board()
        for _ in range(12):
            it.dips(3)
            it.after(60)
        it.after(DAY)
        it.dips(3)
        assert texts(it.after(600)) == ["The 5 V supply was too low at 12:13 for 3 s"]

    def test_one_since_boot_is_said_until_the_board_has_been_watched_for_a_day(self) -> None:
        it = board()
        it.shows("system_throttled_since_boot", 1, cause="undervoltage")
        assert texts(it.after(15)) == ["Undervoltage since the boot 5 d ago, time not known"]
        assert it.after(DAY).level is Level.GOOD

    def test_since_boot_is_no_all_well_though_nobody_saw_it(self) -> None:
        it = board(uptime=2 * HOUR)
        it.shows("system_throttled_since_boot", 1, cause="undervoltage")
        assert alerts(it.after(15)) == [("Undervoltage", "warning")]
        assert "time not known" in texts(it.judged())[0]

    @pytest.mark.fault(
        "process",
        "a restart of the exporter without a history, on a board that had undervoltage since its boot",
        seen="a warning for a day: undervoltage at a time that is not known",
        heals="a day later",
    )
    def test_where_nothing_remembers_the_day_undervoltage_since_the_boot_may_have_been_in_it(self) -> None:
        it = Board(uptime=14 * 24 * HOUR)
        it.shows("system_throttled_since_boot", 1, cause="undervoltage")
        assert alerts(it.judged()) == [("Undervoltage", "warning")]
        assert texts(it.judged()) == ["Undervoltage since the boot 14 d ago, time not known"]
        it.passes(24 * HOUR)
        assert alerts(it.judged()) == []

    def test_where_the_history_knows_the_day_undervoltage_before_it_is_over(self) -> None:
        it = Board(uptime=14 * 24 * HOUR, restores=True)
        it.shows("system_throttled_since_boot", 1, cause="undervoltage")
        it.engine.restore([], [])
        assert alerts(it.judged()) == []

    def test_a_board_that_cannot_detect_it_says_so_as_a_note(self) -> None:
        it = board()
        it.shows("system_undervoltage_detectable", 0)
        verdict = it.after(1000)
        assert (verdict.level, alerts(verdict)) == (Level.GOOD, [("UndervoltageUndetectable", "note")])


class TestThrottling:
    def test_a_tenth_of_five_minutes_is_said_and_less_is_not(self) -> None:
        for seconds, expected in ((20, []), (40, [("Throttled", "warning")])):
            it = board()
            it.shows("system_throttle_seconds_total", 0, **THROTTLED)
            it.after(300)
            it.grows("system_throttle_seconds_total", seconds, **THROTTLED)
            assert alerts(it.after(15)) == expected

    def test_what_the_weak_supply_brings_about_is_one_line_with_it(self) -> None:
        it = board()
        it.shows("system_throttle_seconds_total", 0, **THROTTLED)
        it.after(300)
        it.grows("system_throttle_seconds_total", 100, **THROTTLED)
        it.dips(100)
        assert alerts(it.judged()) == [("Undervoltage", "critical")]

    def test_the_weak_supply_stays_the_line_while_it_is_over_and_the_board_is_still_throttled(self) -> None:
        it = board()
        it.shows("system_throttle_seconds_total", 0, **THROTTLED)
        it.after(300)
        for _ in range(8):
            it.dips(9)
            it.grows("system_throttle_seconds_total", 9, **THROTTLED)
        verdict = it.after(90)
        assert alerts(verdict) == [("Undervoltage", "critical")]
        assert texts(verdict) == ["The 5 V supply was too low 8 times in 24 h, last at 12:07, 1 min 12 s in all"]
        assert it.after(2400).now == "Running well now. Within the last hour the power supply was too weak."
        it.shows("system_board_input_volts", 4.72)
        verdict = it.after(15)
        assert texts(verdict) == ["Undervoltage 8 times in 24 h, last at 12:07, 1 min 12 s in all"]
        assert verdict.now == "The 5 V input fell to 4.72 V within 5 min."

    def test_after_a_weak_supply_in_the_night_it_says_that_all_runs_well_now(self) -> None:
        it = board()
        it.dips(3)
        assert it.judged().now == "The voltage is high enough again, but may fall at any moment."
        assert texts(it.judged()) == ["The 5 V supply was too low at 12:01 for 3 s"]
        it.time -= 9 * HOUR
        assert it.after(6 * HOUR).now == "Running well now. Last night the power supply was too weak."

    def test_a_capped_clock_is_said_where_throttling_does_not_say_it(self) -> None:
        it = board()
        it.shows("system_throttle_seconds_total", 0, cause="frequency_capped")
        it.after(300)
        it.grows("system_throttle_seconds_total", 100, cause="frequency_capped")
        assert alerts(it.after(30)) == []
        assert alerts(it.after(60)) == [("FrequencyCapped", "warning")]

    def test_the_soft_limit_is_a_note(self) -> None:
        it = board()
        it.shows("system_throttle_seconds_total", 0, cause="soft_temperature_limit")
        for _ in range(60):
            it.grows("system_throttle_seconds_total", 15, cause="soft_temperature_limit")
            it.after(15)
        assert (it.judged().level, alerts(it.judged())) == (Level.GOOD, [("SoftTemperatureLimit", "note")])


class TestSupply:
    def test_a_supply_that_offers_too_little_is_said_after_ten_minutes(self) -> None:
        it = board()
        it.shows("system_power_budget_sufficient", 0)
        it.shows("system_power_budget_amperes", 3)
        assert it.after(500).level is Level.GOOD
        assert texts(it.after(120)) == ["The power supply offers 3 A of the 5 A that the board needs"]

    def test_the_lowest_input_voltage_of_five_minutes_counts(self) -> None:
        it = board()
        it.shows("system_board_input_volts", 4.72)
        it.after(15)
        it.shows("system_board_input_volts", 5.1)
        assert texts(it.after(60)) == ["The 5 V input fell to 4.72 V within 5 min"]


class TestShutdowns:
    def test_an_unclean_one_stays_for_a_day(self) -> None:
        it = board(uptime=60)
        it.happens(ended(NOW - 8 * HOUR - 960))
        assert texts(it.after(15)) == ["Unclean shutdown at 03:44"]
        assert alerts(it.after(HOUR)) == [("UncleanShutdown", "warning")]
        assert it.after(DAY).level is Level.GOOD

    @pytest.mark.parametrize(("synced", "last_seen"), [(False, 1_000.0), (False, NOW - 60), (True, NOW + DAY)])
    def test_one_whose_time_is_not_known_was_before_the_start_that_found_it(
        self, *, synced: bool, last_seen: float
    ) -> None:
        it = board(uptime=60)
        it.happens(ended(last_seen, synced=synced))
        assert texts(it.after(15)) == ["Unclean shutdown before the start at 12:01"]

    def test_a_host_that_was_off_for_long_says_how_long_ago(self) -> None:
        it = board(uptime=60)
        it.happens(ended(NOW - 3 * DAY))
        assert "3 d" in texts(it.after(15))[0]

    def test_several_are_one_line(self) -> None:
        it = board(uptime=60)
        for _ in range(2):
            it.happens(ended(NOW - 960))
        assert texts(it.after(15)) == ["2 unclean shutdowns in 24 h, last at 11:44"]

    def test_three_starts_within_an_hour_are_a_loop(self) -> None:
        for boots, expected in ((1, []), (2, [("RebootLoop", "critical")])):
            it = board(uptime=120, restores=True)
            it.happens(STARTED)
            past = [
                Event(Stamp(NOW - 600 * n, "board", f"boot {n}", 20.0, synced=True), n, STARTED)
                for n in range(1, boots + 1)
            ]
            it.engine.restore([], past)
            assert alerts(it.after(15)) == expected

    def test_an_exporter_that_restarts_is_no_loop_of_the_host(self) -> None:
        it = board()
        for _ in range(5):
            it.happens(STARTED)
        assert alerts(it.after(15)) == []
