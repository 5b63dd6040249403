"""Values as people read them."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sysvitals.collectors.catalog import build_full_catalog
from sysvitals.model.metric import Detail, Gauge
from sysvitals.model.reading import fields_of
from sysvitals.model.unit import BASE_UNITS, STYLES, UNITS, format_duration, format_value, unit_table


@pytest.mark.parametrize(
    ("value", "unit", "shown"),
    [
        (8_454_438_912, "bytes", "7.87 GiB"),
        (0, "bytes", "0 B"),
        (1536.0, "bytes per second", "1.5 KiB/s"),
        (125_000_000, "link speed", "1 Gbit/s"),
        (312_500_000, "link speed", "2.5 Gbit/s"),
        (12_500_000, "link speed", "100 Mbit/s"),
        (1500, "packet size", "1500 bytes"),
        (65536, "packet size", "65536 bytes"),
        (4227, "identifier", "4227"),
        (1.5e9, "hertz", "1500 MHz"),
        (True, "", "yes"),
        (False, "", "no"),
        (0.5, "ratio", "50 %"),
        (1.0000103, "factor", "1.000010"),
        (43.4, "percent", "43 %"),
        (-51.0, "dbm", "-51 dBm"),
        (11661, "", "11,661"),
        (0.52, "", "0.52"),
        (12.5, "per second", "12.5 /s"),
        (2400, "rpm", "2,400 rpm"),
        (61.25, "celsius", "61.2 °C"),
        (5.125, "volts", "5.12 V"),
        (None, "celsius", "\N{EN DASH}"),
        ("power_on", "", "power_on"),
    ],
)
def test_values_are_shown_for_people(value: float | str | None, unit: str, shown: str) -> None:
    assert format_value(value, unit) == shown


@pytest.mark.parametrize(
    ("seconds", "shown"),
    [
        (0, "0 s"),
        (0.04, "40 ms"),
        (0.000012, "0.01 ms"),
        (1, "1 s"),
        (4.2, "4.2 s"),
        (5.149, "5.1 s"),
        (59.94, "59.9 s"),
        (59.99, "1 min"),
        (162, "2 min 42 s"),
        (3599.9, "1 h"),
        (6660, "1 h 51 min"),
        (10800, "3 h"),
        (1_051_200, "12 d 4 h"),
        (-162, "-2 min 42 s"),
    ],
)
def test_durations_have_at_most_two_parts(seconds: float, shown: str) -> None:
    assert format_duration(seconds) == format_value(float(seconds), "seconds") == shown


@pytest.mark.usefixtures("berlin")
def test_a_time_is_shown_as_local_time_with_its_zone() -> None:
    assert format_value(1_789_905_600.0, "timestamp_seconds") == "2026-09-20 14:00:00 CEST"
    assert format_value(1_799_905_600, "timestamp_seconds") == "2027-01-14 06:46:40 CET"


@pytest.mark.parametrize("value", [1e300, -1e300, 2**63])
def test_a_time_that_no_calendar_has_is_unknown(value: float) -> None:
    assert format_value(value, "timestamp_seconds") == "\N{EN DASH}"


@given(st.sampled_from(sorted(UNITS)), st.floats(allow_nan=False, allow_infinity=False) | st.integers(-(2**63), 2**64))
def test_any_number_can_be_shown_in_any_unit(unit: str, value: float) -> None:
    shown = format_value(value, unit)
    assert shown
    assert shown.isprintable()


def test_a_field_with_a_unit_that_is_not_known_is_refused_where_it_is_declared() -> None:
    with pytest.raises(ValueError, match="'parsecs' is none of"):
        Detail("How far.", unit="parsecs")
    with pytest.raises(ValueError, match="'parsecs' is none of"):
        Gauge("distance", help="How far.", shown="parsecs")
    with pytest.raises(ValueError, match="'percent' is none of"):
        Gauge("distance", help="How far.", unit="percent")


def test_people_see_a_metric_in_its_own_unit_unless_it_says_otherwise() -> None:
    assert Gauge("temperature", unit="celsius", help="x").shown == "celsius"
    assert Gauge("boot_time", unit="seconds", shown="timestamp_seconds", help="x").shown == "timestamp_seconds"
    assert (
        Gauge("boot_time", unit="seconds", shown="timestamp_seconds", help="x")
        .full_name("system")
        .endswith("_boot_time_seconds")
    )


@pytest.mark.parametrize(
    ("event", "field", "unit"),
    [
        ("system.shutdown.unclean", "last_seen", "timestamp_seconds"),
        ("system.shutdown.unclean", "uptime", "seconds"),
        ("history.thinned", "since", "timestamp_seconds"),
        ("system.boot.updated", "boot_time", "timestamp_seconds"),
        ("system.network.link.updated", "mtu", "packet size"),
        ("system.network.link.updated", "speed", "link speed"),
        ("sysvitals.started", "pid", "identifier"),
    ],
)
def test_what_looks_like_another_quantity_is_declared_as_what_it_is(event: str, field: str, unit: str) -> None:
    declared = {f.name: f.unit for f in fields_of(build_full_catalog().bodies[event])}
    assert declared[field] == unit


def test_the_name_of_a_time_says_so_to_the_unit() -> None:
    # a time that is declared in seconds is shown as thousands of days
    for body in build_full_catalog().bodies.values():
        for f in fields_of(body):
            is_time = f.name.endswith(("_time", "_at")) or f.name in ("since", "last_seen", "started")
            if is_time and f.type in (int, float) and f.unit == "seconds":
                assert f.name in ("read_time", "write_time", "io_time", "weighted_io_time"), f"{body.__name__}.{f.name}"


def test_the_browser_gets_every_unit_as_data() -> None:
    table = json.loads(json.dumps(unit_table()))
    assert set(table) == set(UNITS)
    assert {unit["style"] for unit in table.values()} == set(STYLES)
    assert table["celsius"] == {"suffix": "°C", "style": "fixed", "scale": 1, "digits": 1}


def test_base_units_make_suffixes_of_names() -> None:
    assert all(not unit or unit.replace("_", "").isalpha() for unit in BASE_UNITS)
