"""What happened, in lines for people."""

from typing import Any

import pytest

from sysvitals.history.episodes import Occurrence
from sysvitals.history.happenings import MOST_LINES, list_happenings
from sysvitals.history.past import Past
from sysvitals.model.summary import Series, Stretch
from tests.history.past_made import (
    BOOT,
    HOUR,
    MINUTE,
    NOON,
    at,
    change,
    covered,
    dip,
    in_utc,
    past,
    set_zone,
    stretches,
    view,
)

__all__ = ["in_utc"]
pytestmark = pytest.mark.usefixtures("in_utc")


def lines(recorded: Past, **more: Any) -> list[dict[str, Any]]:
    return list_happenings(recorded, view(**more))[0]


def texts(*occurrences: Occurrence) -> list[str]:
    return [line["text"] for line in lines(past(*occurrences))]


def test_a_dip_is_one_line_with_its_duration() -> None:
    (line,) = lines(past(*dip(at("02:10:12"), 5.1)))
    assert line["text"] == "Undervoltage for 5.1 s"
    assert (line["from"], line["to"]) == (at("02:10:12"), at("02:10:12") + 5.1)
    assert (line["kind"], line["level"], line["alert"]) == ("power", "critical", "Undervoltage")


def test_one_known_by_readings_alone_lasted_at_least_so_long() -> None:
    supply = Series("system.throttling.updated", ("undervoltage",), "active")
    (line,) = lines(past(series={supply: stretches(NOON - HOUR, *[1.0] * 30, 0.0)}))
    assert line["text"] == "Undervoltage for at least 30 min"


def test_two_dips_are_two_lines_the_newest_first() -> None:
    assert texts(*dip(at("02:10"), 5.1), *dip(at("02:20"), 2.0)) == ["Undervoltage for 2 s", "Undervoltage for 5.1 s"]


def test_three_dips_each_within_half_an_hour_of_the_one_before_are_one_line_with_its_parts() -> None:
    (line,) = lines(past(*dip(at("02:10"), 5.0), *dip(at("02:39"), 2.0), *dip(at("03:08"), 3.0)))
    assert line["text"] == "Undervoltage 3 times between 02:10 and 03:08, 10 s in all"
    assert line["count"] == 3
    assert line["parts"][1] == [at("02:39"), at("02:39:02")]


def test_a_dip_more_than_half_an_hour_later_stands_alone() -> None:
    night = [*dip(at("02:10"), 5.0), *dip(at("02:20"), 2.0), *dip(at("02:30"), 3.0)]
    assert texts(*night, *dip(at("03:01"), 1.0)) == [
        "Undervoltage for 1 s",
        "Undervoltage 3 times between 02:10 and 02:30, 10 s in all",
    ]


def test_dips_within_one_minute_say_it_once() -> None:
    night = [dips for second in (1, 20, 40) for dips in dip(at(f"02:10:{second:02}"), 1.0)]
    assert texts(*night) == ["Undervoltage 3 times at 02:10, 3 s in all"]


def test_what_goes_on_says_since_when() -> None:
    (line,) = lines(past(change(at("11:02"), "system.throttling.started", cause="undervoltage")))
    assert line["text"] == "Undervoltage since 11:02"
    assert line["to"] == NOON


def test_what_goes_on_since_another_day_names_the_day() -> None:
    recorded = past(change(at("21:02", day=-2), "system.throttling.started", cause="undervoltage"))
    assert [line["text"] for line in lines(recorded)] == ["Undervoltage since Tue 30 Dec 21:02"]


def test_times_are_those_of_the_boards_zone(monkeypatch: pytest.MonkeyPatch) -> None:
    set_zone(monkeypatch, "Europe/Berlin")
    night = [dips for minute in (10, 20, 30) for dips in dip(at(f"02:{minute}"), 1.0)]
    assert texts(*night) == ["Undervoltage 3 times between 03:10 and 03:30, 3 s in all"]


def test_throttling_that_overlaps_undervoltage_stands_in_its_small_line() -> None:
    recorded = past(*dip(at("02:10"), 6.0), *dip(at("02:10"), 4.0, "throttled"), *dip(at("05:00"), 60.0, "throttled"))
    alone, together = lines(recorded)
    assert (together["text"], together["small"]) == ("Undervoltage for 6 s", "Meanwhile throttling for 4 s")
    assert (alone["text"], alone["kind"]) == ("Throttling for 1 min", "heat")


def test_throttling_with_folded_undervoltage_is_summed_up() -> None:
    night = [
        one
        for minute in (10, 20, 30)
        for cause in ("undervoltage", "throttled", "frequency_capped")
        for one in dip(at(f"02:{minute}"), 2.0, cause)
    ]
    (line,) = lines(past(*night))
    assert line["small"] == "Meanwhile throttling 3 times, 6 s in all, frequency cap 3 times, 6 s in all"


def test_a_dip_that_ended_with_its_boot_ended_when_that_was_last_seen() -> None:
    coverage = [covered(NOON - 20 * HOUR, at("03:41"), "boot-1"), covered(at("03:44"), NOON, BOOT)]
    begun = change(at("03:40:30"), "system.throttling.started", "boot-1", cause="undervoltage")
    (line,) = [one for one in lines(past(begun, coverage=coverage)) if one["kind"] == "power"]
    assert line["text"] == "Undervoltage for 30 s"


def test_a_dip_whose_beginning_is_older_than_what_was_read_has_the_duration_that_its_end_reports() -> None:
    ended = change(at("02:00"), "system.throttling.cleared", cause="undervoltage", seconds=30.0)
    (line,) = lines(past(ended))
    assert (line["text"], line["from"]) == ("Undervoltage for 30 s", at("01:59:30"))


def power_cut(**more: Any) -> Past:
    coverage = [covered(NOON - 20 * HOUR, at("03:41:20"), "boot-1"), covered(at("03:44:02"), NOON, BOOT)]
    report = {"ended_boot": "boot-1", "last_seen": at("03:41:20"), "certain": True, "celsius": 58.3, "load1": 0.74}
    return past(
        change(at("03:44:02"), "sysvitals.started", version="1"),
        change(at("03:44:02"), "system.shutdown.unclean", **{**report, **more}),
        coverage=coverage,
    )


def test_a_power_cut_is_one_line_with_how_long_the_board_was_away_and_its_last_reading() -> None:
    (line,) = lines(power_cut(undervoltage=True))
    assert line["text"] == "Unclean shutdown, away for 2 min 42 s"
    assert line["small"] == "Last reading before: 58.3 °C, load 0.74, undervoltage"
    assert (line["from"], line["to"], line["alert"]) == (at("03:41:20"), at("03:44:02"), "UncleanShutdown")


def test_an_unclean_shutdown_without_a_system_log_says_so() -> None:
    (line,) = lines(power_cut(certain=False))
    assert line["small"].endswith("No system log to compare with")


def test_a_reboot_after_a_stop_is_clean() -> None:
    coverage = [covered(NOON - 20 * HOUR, at("06:30"), "boot-1"), covered(at("06:30:38"), NOON, BOOT)]
    recorded = past(
        change(at("06:30"), "sysvitals.stopped", "boot-1", reason="SIGTERM"),
        change(at("06:30:38"), "sysvitals.started", version="1"),
        coverage=coverage,
    )
    (line,) = lines(recorded)
    assert (line["text"], line["level"]) == ("Restarted cleanly, away for 38 s", "note")


def test_a_reboot_of_which_neither_is_known_is_called_neither() -> None:
    coverage = [covered(NOON - 20 * HOUR, at("06:30"), "boot-1"), covered(at("06:31"), NOON, BOOT)]
    (line,) = lines(past(change(at("06:31"), "sysvitals.started", version="1"), coverage=coverage))
    assert (line["text"], line["small"]) == (
        "Restarted, away for 1 min",
        "How the boot before ended is not known",
    )


def test_restarts_of_the_exporter_are_told_apart_by_whether_it_was_stopped() -> None:
    recorded = past(
        change(at("06:00"), "sysvitals.stopped", reason="SIGTERM"),
        change(at("06:00:03"), "sysvitals.started", version="2"),
        change(at("07:59:50"), "sysvitals.reloaded", changed="log.level"),
        change(at("08:00"), "sysvitals.started", version="3"),
        coverage=[covered(NOON - 20 * HOUR, NOON, BOOT)],
    )
    killed, reloaded, restarted = lines(recorded)
    assert restarted["text"] == "sysvitals restarted, away for 3 s"
    assert (killed["text"], killed["level"]) == ("sysvitals restarted without being stopped", "warning")
    assert killed["small"] == "Updated from 2 to 3"
    assert reloaded["text"] == "Configuration reloaded: changed log.level"


def test_the_first_start_and_a_stop_without_a_start_are_lines() -> None:
    recorded = past(
        change(at("06:00"), "sysvitals.started", version="1"),
        change(at("07:00"), "sysvitals.stopped", reason="SIGTERM"),
        coverage=[covered(at("06:00"), at("07:00"), BOOT)],
    )
    assert [line["text"] for line in lines(recorded)] == ["sysvitals stopped", "sysvitals started"]


def link(when: str, carrier: bool | None, changes: int = 1) -> Occurrence:
    return change(at(when), "system.network.link.changed", device="wlan0", carrier=carrier, changes=changes)


def test_a_link_that_was_down_is_one_line() -> None:
    (line,) = lines(past(link("07:12:00", carrier=False), link("07:12:14", carrier=True)))
    assert (line["text"], line["kind"], line["level"]) == ("wlan0 link down for 14 s", "network", "note")


def test_a_link_that_is_down_is_a_warning() -> None:
    (line,) = lines(past(link("11:02", carrier=False)))
    assert (line["text"], line["level"], line["alert"]) == ("wlan0 link down since 11:02", "warning", "LinkDown")


def test_a_link_that_came_up_or_flapped_between_two_looks_is_said_as_that() -> None:
    assert texts(link("07:00", carrier=True)) == ["wlan0 link up"]
    assert texts(link("07:00", carrier=True, changes=2)) == ["wlan0 link lost and back"]


def test_a_link_that_is_switched_off_is_not_called_down() -> None:
    assert texts(link("07:00", carrier=None)) == ["wlan0 switched off since 07:00"]


def remount(when: str, *, read_only: bool, mountpoint: str = "/") -> Occurrence:
    device = "/dev/mmcblk0p2"
    return change(at(when), "system.disk.remounted", device=device, mountpoint=mountpoint, read_only=read_only)


def test_a_filesystem_that_became_read_only_is_critical_until_it_is_writable() -> None:
    (line,) = lines(past(remount("07:00", read_only=True)))
    assert (line["text"], line["level"]) == ("/ read-only since 07:00", "critical")
    assert texts(remount("07:00", read_only=True), remount("07:03", read_only=False)) == ["/ read-only for 3 min"]


def test_a_read_only_system_that_is_made_writable_for_an_update_is_a_note() -> None:
    (line,) = lines(past(remount("07:00", read_only=False), remount("07:00:12", read_only=True)))
    assert (line["text"], line["level"]) == ("/ writable for 12 s", "note")


def test_what_could_not_be_read_is_one_line_with_its_reason_in_one_line() -> None:
    recorded = past(
        change(
            at("07:00"), "collector.failed", collector="temperature", thing="nvme0", error="EIO", message="a\n\x1bb"
        ),
        change(at("07:03"), "collector.recovered", collector="temperature", thing="nvme0", seconds=180.0, failures=4),
    )
    (line,) = lines(recorded)
    assert line["text"] == "temperature nvme0 not readable for 3 min"
    assert line["small"] == "a\\n\\u001bb"


def test_processes_killed_for_memory_are_counted() -> None:
    series = Series("system.memory.usage.updated", (), "oom_kills")
    minute = Stretch(at("05:00"), MINUTE, 4, 0, 1, 2, 2, growth=2)
    (line,) = lines(past(series={series: [minute, minute._replace(begin=at("05:01"), growth=0)]}))
    assert (line["text"], line["alert"]) == ("Out of memory: the kernel killed 2 processes", "OutOfMemory")


def test_a_clock_without_a_server_is_a_line_with_the_time_that_it_had_none() -> None:
    series = Series("system.clock.updated", (), "synchronised")
    (line,) = lines(past(series={series: stretches(at("03:44"), 0.25, 1.0, 1.0)}))
    assert line["text"] == "Clock not synchronised (no NTP) for 45 s"


def test_a_clock_that_has_no_server_now_says_since_when() -> None:
    series = Series("system.clock.updated", (), "synchronised")
    (line,) = lines(past(series={series: stretches(at("11:58"), 0.0, 0.0)}))
    assert line["text"] == "Clock not synchronised (no NTP) since 11:58"


def test_silence_that_no_restart_explains_is_a_line() -> None:
    coverage = [covered(NOON - 20 * HOUR, at("05:00"), BOOT), covered(at("05:10"), NOON, BOOT)]
    assert [line["text"] for line in lines(past(coverage=coverage))] == ["No readings for 10 min"]


def test_changes_of_the_verdict_are_no_lines() -> None:
    assert texts(change(at("05:00"), "sysvitals.verdict.changed", level="warning", before="good")) == []


def test_a_change_of_a_later_version_is_a_line_all_the_same() -> None:
    (line,) = lines(past(change(at("05:00"), "system.door.opened", door="front")))
    assert line["text"] == "Door opened: door front"


def test_a_line_says_whether_its_time_was_put_right() -> None:
    (line,) = lines(past(change(at("05:00"), "sysvitals.reloaded", placed=True, changed="x")))
    assert line["placed"] is True


def test_only_what_touches_the_time_shown_is_listed() -> None:
    recorded = past(*dip(at("02:10"), 600.0), *dip(at("05:00"), 1.0))
    (line,) = lines(recorded, begin=at("02:15"), end=at("03:00"))
    assert line["text"] == "Undervoltage for 10 min"


def test_of_very_many_lines_the_oldest_notes_go_first_and_are_counted() -> None:
    bad = dip(at("00:01"), 1.0)
    notes = [change(at("01:00") + i, f"system.thing{i}.seen") for i in range(MOST_LINES + 50)]
    shown, left_out = list_happenings(past(*bad, *notes), view())
    assert (len(shown), left_out) == (MOST_LINES, 51)
    assert shown[-1]["text"] == "Undervoltage for 1 s"


@pytest.mark.parametrize(
    "data",
    [{}, {"cause": 7}, {"cause": None, "seconds": "x"}, {"device": ["a"]}, {"mountpoint": {}, "read_only": "yes"}],
)
def test_changes_with_damaged_fields_hurt_no_other(data: dict[str, Any]) -> None:
    names = [
        "collector.failed", "collector.recovered", "collector.unavailable", "history.repaired", "history.thinned",
        "sink.dropped", "system.disk.remounted", "system.network.link.changed", "system.shutdown.unclean",
        "system.throttling.cleared", "system.throttling.started", "sysvitals.reloaded", "sysvitals.started",
        "sysvitals.stopped",
    ]  # fmt: skip
    damaged = [Occurrence(at("01:00") + i, name, BOOT, 1.0, data) for i, name in enumerate(names)]
    assert "Undervoltage for 1 s" in texts(*damaged, *dip(at("02:00"), 1.0))
