"""Lanes and curves of the time line."""

from typing import Any

import pytest

from sysvitals.history.curves import Buckets, draw_curves, fold, make_buckets
from sysvitals.history.lanes import draw_lanes
from sysvitals.history.past import Past, View
from sysvitals.history.timeline import build_timeline
from sysvitals.model.summary import Series, Stretch
from tests.history.past_made import (
    BOOT,
    DAY,
    HOUR,
    MINUTE,
    NOON,
    at,
    change,
    covered,
    dip,
    in_utc,
    past,
    stretches,
    view,
)

__all__ = ["in_utc"]
pytestmark = pytest.mark.usefixtures("in_utc")

DETECTOR = Series("system.throttling.updated", ("undervoltage",), "active")
PROCESSOR = Series("system.temperature.updated", ("cpu_thermal", "temp1"), "celsius")
DRIVE = Series("system.temperature.updated", ("nvme0", "Composite"), "celsius")


def lane(found: Past, id_: str, shown: View | None = None) -> dict[str, Any]:
    return {one["id"]: one for one in draw_lanes(found, shown or view())}[id_]


def ids(found: Past, shown: View | None = None) -> list[str]:
    return [one["id"] for one in draw_lanes(found, shown or view())]


def test_a_host_has_the_lanes_of_what_it_can_know() -> None:
    assert ids(past()) == ["verdict", "reboots", "silence"]
    assert ids(past(series={DETECTOR: stretches(NOON - HOUR, 0.0)})) == [
        "verdict",
        "undervoltage",
        "reboots",
        "silence",
    ]


def test_a_dip_is_a_span_with_its_count_and_seconds() -> None:
    assert lane(past(*dip(at("02:10:12"), 5.1)), "undervoltage") == {
        "id": "undervoltage",
        "name": "Undervoltage",
        "spans": [[at("02:10:12"), at("02:10:12") + 5.1]],
        "count": 1,
        "seconds": 5.1,
    }


def test_of_what_is_longer_than_the_time_shown_the_seconds_within_are_counted() -> None:
    found = lane(past(*dip(NOON - 9 * HOUR, 8 * HOUR)), "undervoltage", view(begin=NOON - 2 * HOUR))
    assert (found["spans"], found["seconds"]) == ([[NOON - 2 * HOUR, NOON - HOUR]], HOUR)


def test_what_readings_alone_say_is_a_span() -> None:
    known = past(series={DETECTOR: stretches(NOON - HOUR, *[1.0] * 30, *[0.0] * 30)})
    assert lane(known, "undervoltage")["spans"] == [[NOON - HOUR, NOON - HOUR / 2]]


def test_what_readings_alone_say_goes_on_if_it_is_so_now() -> None:
    known = past(series={DETECTOR: stretches(NOON - HOUR, *[1.0] * 60)})
    assert lane(known, "undervoltage", view(now=NOON + 5))["spans"] == [[NOON - HOUR, NOON]]


def test_40_milliseconds_in_30_days_are_a_span() -> None:
    found = lane(past(*dip(at("02:10"), 0.04)), "undervoltage", view(begin=NOON - 30 * DAY))
    assert found["spans"] == [[at("02:10"), at("02:10") + 0.04]]
    assert (found["count"], found["seconds"]) == (1, 0.04)


def test_thousands_of_dips_are_as_many_spans_as_can_be_seen_and_all_are_counted() -> None:
    night = [one for i in range(5000) for one in dip(NOON - 20 * HOUR + 2 * i, 1.0)]
    found = lane(past(*night), "undervoltage", view(begin=NOON - 30 * DAY))
    assert len(found["spans"]) < 10
    assert (found["count"], found["seconds"]) == (5000, 5000.0)


def test_what_goes_on_ends_now() -> None:
    found = lane(past(change(at("11:59"), "system.throttling.started", cause="undervoltage")), "undervoltage")
    assert found["spans"] == [[at("11:59"), NOON]]


def test_what_began_before_the_time_shown_begins_with_it() -> None:
    found = lane(past(*dip(at("02:10"), 600.0)), "undervoltage", view(begin=at("02:15"), end=at("03:00")))
    assert found["spans"] == [[at("02:15"), at("02:20")]]


def verdict(when: float, level: str, before: str, boot: str = BOOT) -> Any:
    return change(when, "sysvitals.verdict.changed", boot, level=level, before=before)


def test_the_verdict_has_a_level_from_each_change_to_the_next() -> None:
    found = lane(past(verdict(at("02:00"), "warning", "good"), verdict(at("03:00"), "note", "warning")), "verdict")
    assert found["spans"] == [
        [NOON - DAY, at("02:00"), "good"],
        [at("02:00"), at("03:00"), "warning"],
        [at("03:00"), NOON, "good"],
    ]


def test_the_verdict_of_a_boot_ends_with_it() -> None:
    coverage = [covered(NOON - 20 * HOUR, at("03:00"), "boot-1"), covered(at("04:00"), NOON)]
    changes = [verdict(NOON - 20 * HOUR, "good", "unknown", "boot-1"), verdict(at("04:00"), "warning", "unknown")]
    found = lane(past(*changes, coverage=coverage), "verdict")
    assert found["spans"] == [[NOON - 20 * HOUR, at("03:00"), "good"], [at("04:00"), NOON, "warning"]]


def test_after_a_reboot_the_verdict_is_not_that_of_the_boot_before() -> None:
    coverage = [covered(NOON - 20 * HOUR, at("03:00"), "boot-1"), covered(at("11:00"), NOON)]
    changes = [verdict(NOON - 20 * HOUR, "warning", "unknown", "boot-1")]
    found = lane(past(*changes, coverage=coverage), "verdict")
    assert found["spans"] == [[NOON - 20 * HOUR, at("03:00"), "warning"], [at("03:00"), NOON, "unknown"]]


def test_a_verdict_that_never_changed_is_that_of_now_since_it_is_so() -> None:
    found = lane(past(), "verdict", view(level="good", since=at("06:00")))
    assert found["spans"] == [[at("06:00"), NOON, "good"]]


def test_reboots_say_whether_they_were_clean() -> None:
    coverage = [
        covered(NOON - DAY, at("02:00"), "a"),
        covered(at("02:01"), at("03:00"), "b"),
        covered(at("03:01"), NOON),
    ]
    found = past(
        change(at("02:00"), "sysvitals.stopped", "a", reason="SIGTERM"),
        change(at("02:01"), "sysvitals.started", "b"),
        change(at("03:01"), "sysvitals.started"),
        change(at("03:01"), "system.shutdown.unclean", ended_boot="b"),
        change(at("05:00"), "sysvitals.started"),
        coverage=coverage,
    )
    assert lane(found, "reboots")["spans"] == [
        [at("02:01"), at("02:01"), "clean"],
        [at("03:01"), at("03:01"), "unclean"],
    ]


def test_a_reboot_after_an_end_that_nothing_reports_is_not_called_clean() -> None:
    found = past(
        change(at("03:01"), "sysvitals.started"),
        coverage=[covered(NOON - DAY, at("03:00"), "a"), covered(at("03:01"), NOON)],
    )
    assert lane(found, "reboots")["spans"] == [[at("03:01"), at("03:01"), "unknown"]]


def test_silence_is_what_is_not_covered_since_the_history_began() -> None:
    coverage = [covered(NOON - 20 * HOUR, at("03:00")), covered(at("03:10"), NOON - 2 * HOUR)]
    found = lane(past(coverage=coverage), "silence")
    assert found["spans"] == [[at("03:00"), at("03:10")], [NOON - 2 * HOUR, NOON]]
    assert found["seconds"] == 2 * HOUR + 600


def test_time_before_the_history_and_silence_are_gaps() -> None:
    coverage = [covered(NOON - 20 * HOUR, at("03:00")), covered(at("03:10"), NOON)]
    answer = build_timeline(past(coverage=coverage), view(), "UTC")
    assert answer["gaps"] == [[NOON - DAY, NOON - 20 * HOUR], [at("03:00"), at("03:10")]]


def test_time_to_come_is_no_silence() -> None:
    assert lane(past(), "silence", view(end=NOON + DAY))["spans"] == []


def test_where_nothing_is_known_no_lane_claims_peace() -> None:
    answer = build_timeline(past(), view(begin=NOON + HOUR, end=NOON + DAY), "UTC")
    assert answer["gaps"] == [[NOON + HOUR, NOON + DAY]]
    assert all(each["blank"] for each in answer["lanes"])
    assert not any("blank" in each for each in build_timeline(past(), view(), "UTC")["lanes"])
    part = build_timeline(past(), view(end=NOON + DAY), "UTC")
    assert [NOON, NOON + DAY] in part["gaps"]
    assert not any("blank" in each for each in part["lanes"])


def test_heat_is_the_time_over_the_limit_of_the_processor() -> None:
    found = past(series={PROCESSOR: stretches(at("05:00"), 70, 81, 82, 70, 85), DRIVE: stretches(at("05:00"), 99)})
    assert lane(found, "heat", view(limits={PROCESSOR.labels: 80.0})) == {
        "id": "heat",
        "name": "Over 80 °C",
        "spans": [[at("05:01"), at("05:03")], [at("05:04"), at("05:05")]],
        "count": 2,
        "seconds": 180.0,
    }


def test_a_host_without_a_limit_has_no_lane_of_heat() -> None:
    assert "heat" not in ids(past(series={PROCESSOR: stretches(at("05:00"), 99)}))


def curve(found: Past, id_: str, shown: View | None = None) -> dict[str, Any]:
    shown = shown or view()
    return {one["id"]: one for one in draw_curves(found, shown, make_buckets(shown, MINUTE))}[id_]


def test_a_bucket_has_the_least_the_mean_and_the_most_of_its_stretches() -> None:
    rows = [Stretch(NOON, MINUTE, 4, 1, 2, 3, 2), Stretch(NOON + MINUTE, MINUTE, 4, 2, 4, 9, 4)]
    assert fold(rows, Buckets(NOON, 120.0, 2)) == ([1, None], [3.0, None], [9, None])


def test_a_stretch_longer_than_a_bucket_is_in_each_that_it_touches() -> None:
    rows = [Stretch(NOON, HOUR, 4, 1, 2, 3, 2)]
    assert fold(rows, Buckets(NOON - 1800, 1800.0, 4)).mean == [None, 2.0, 2.0, None]


def test_a_stretch_counts_by_how_long_it_is_in_a_bucket() -> None:
    rows = [Stretch(NOON, 60.0, 4, 0, 0, 0, 0), Stretch(NOON + 60, 60.0, 4, 9, 9, 9, 9)]
    assert fold(rows, Buckets(NOON - 30, 120.0, 1)).mean == [3.0]


def test_buckets_are_no_finer_than_what_the_history_holds() -> None:
    assert make_buckets(view(begin=NOON - HOUR, points=360), MINUTE).number == 60
    assert make_buckets(view(begin=NOON - 7 * DAY, points=360), HOUR).number == 168


def test_the_curve_of_temperature_is_the_processors_with_its_limit() -> None:
    found = past(series={PROCESSOR: stretches(at("05:00"), 70, spread=2), DRIVE: stretches(at("05:00"), 99)})
    drawn = curve(found, "temp", view(limits={PROCESSOR.labels: 80.0}))
    assert (drawn["note"], drawn["unit"], drawn["limit"]) == ("cpu_thermal", "celsius", 80.0)
    assert (drawn["low"], drawn["high"], drawn["mean"][17]) == (68, 72, 70)
    assert drawn["mean"].count(None) == 23


def test_of_many_sensors_the_hottest_is_drawn() -> None:
    sensors = {Series("system.temperature.updated", ("disk", f"temp{i}"), "celsius"): i for i in range(24)}
    drawn = curve(past(series={s: stretches(at("05:00"), 20.0 + i) for s, i in sensors.items()}), "temp")
    assert (drawn["note"], drawn["max"][17]) == ("disk", 43.0)


def traffic(device: str, field: str, value: float) -> dict[Series, list[Stretch]]:
    return {Series("system.network.usage.updated", (device,), field): stretches(at("05:00"), value)}


def test_traffic_is_that_of_all_devices_but_those_that_pass_it_on() -> None:
    series = {
        **traffic("eth0", "receive_bytes_per_second", 1000.0),
        **traffic("wlan0", "receive_bytes_per_second", 24.0),
        **traffic("br0", "receive_bytes_per_second", 1000.0),
        **traffic("eth0", "transmit_bytes_per_second", 7.0),
    }
    drawn = curve(past(series=series), "net")
    assert (drawn["mirror"], drawn["ways"], drawn["note"]) == (True, ["in", "out"], "in ↑ out ↓")
    assert (drawn["mean"][17], drawn["down"][17], drawn["high"]) == (1024, 7, 1024)


def test_where_nothing_but_a_bridge_is_known_the_bridge_is_drawn() -> None:
    assert curve(past(series=traffic("br0", "receive_bytes_per_second", 5.0)), "net")["high"] == 5


def test_a_host_has_no_curve_of_what_it_does_not_know() -> None:
    assert draw_curves(past(), view(), make_buckets(view(), MINUTE)) == []
