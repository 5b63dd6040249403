"""What the page's charts and its list of changes are filled from."""

from sysvitals.collectors.catalog import build_full_catalog
from sysvitals.collectors.temperature import Temperature
from sysvitals.collectors.wifi import COLLECTOR as WIFI
from sysvitals.model.changes import CollectorUnavailable, Reloaded
from sysvitals.model.event import Event, Stamp
from sysvitals.model.reading import Body, fields_of
from sysvitals.web.trends import KEPT_CHANGES, TRENDS, Trends

KEY = ("system.temperature.updated", "cpu_thermal", "temp1", "celsius")


def event(uptime: float, body: Body, boot: str = "b") -> Event:
    return Event(Stamp(1_800_000_000.0 + uptime, "pi4", boot, uptime, synced=True), int(uptime), body)


def warm(celsius: float, sensor: str = "temp1") -> Temperature:
    return Temperature(chip="cpu_thermal", sensor=sensor, celsius=celsius)


def test_every_line_is_of_a_field_that_is_declared_and_a_number() -> None:
    bodies = build_full_catalog().bodies
    for name, fields in TRENDS.items():
        types = {field.name: field.type for field in fields_of(bodies[name])}
        assert all(types[field] in (int, float, bool) for field in fields), name
    assert any(reading.event_name in TRENDS for reading in WIFI.readings)


def test_points_are_kept_by_subject_in_seconds_since_boot() -> None:
    trends = Trends()
    trends.offer((event(1, warm(50)), event(1, warm(40, "temp2"))))
    trends.offer((event(2, warm(51)),))
    assert trends.lines() == {KEY: [(1, 50), (2, 51)], (*KEY[:2], "temp2", "celsius"): [(1, 40)]}


def test_what_is_older_than_is_kept_is_not_shown_even_of_a_line_that_ended() -> None:
    trends = Trends(kept=10)
    trends.offer((event(1, warm(50)), event(1, warm(40, "gone"))))
    trends.offer((event(20, warm(51)),))
    assert trends.lines() == {KEY: [(20, 51)]}


def test_a_new_boot_begins_anew() -> None:
    trends = Trends()
    trends.offer((event(5000, warm(50)),))
    trends.offer((event(1, warm(30), "c"),))
    assert trends.lines() == {KEY: [(1, 30)]}


def test_memory_stays_bounded_however_many_things_there_are_and_however_long() -> None:
    trends = Trends()
    for second in range(1000):
        trends.offer(tuple(event(second, warm(1.0, f"temp{n}")) for n in range(100)))
    lines = trends.lines()
    assert len(lines) == 64
    assert {len(points) for points in lines.values()} == {400}


def test_what_happened_is_kept_in_order_and_what_a_host_does_not_have_is_no_news() -> None:
    trends = Trends()
    trends.offer((event(1, CollectorUnavailable(collector="fan", reason="none")),))
    for number in range(KEPT_CHANGES + 5):
        trends.offer((event(number, Reloaded(changed=str(number))),))
    kept = [body.changed for _, _, body, _ in trends.changes() if isinstance(body, Reloaded)]
    assert kept == [str(number) for number in range(5, KEPT_CHANGES + 5)]
