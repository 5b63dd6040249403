"""What a host says of heat: against the limits of each sensor, one line for a processor."""

import pytest

from sysvitals.judgement.heat import judge as heat
from sysvitals.judgement.power import judge as power
from sysvitals.judgement.verdict import Level
from tests.judgement.judging import Board, alerts, texts

CPU = {"chip": "cpu_thermal", "sensor": "temp1"}
CORES = [{"chip": "coretemp", "sensor": f"Core {n}"} for n in range(6)]


def pi(celsius: float) -> Board:
    it = Board((*power.JUDGEMENTS, *heat.JUDGEMENTS))
    it.shows("system_board_memory_bytes", 4e9)
    it.shows("system_temperature_celsius", celsius, **CPU)
    it.after(60)
    return it


def test_the_mean_of_five_minutes_must_be_high_for_five_minutes() -> None:
    it = pi(50)
    it.shows("system_temperature_celsius", 82, **CPU)
    assert alerts(it.after(400)) == []
    assert alerts(it.after(300)) == [("TemperatureHigh", "warning")]
    assert texts(it.judged()) == ["The processor is at 82 °C (high from 80 °C)"]


def test_critical_is_said_after_two_minutes_and_once() -> None:
    it = pi(50)
    it.shows("system_temperature_celsius", 95, **CPU)
    assert alerts(it.after(700)) == [("TemperatureHigh", "critical")]


def test_what_is_critical_for_a_minute_only_is_not_said() -> None:
    it = pi(84)
    it.after(200)
    it.shows("system_temperature_celsius", 86, **CPU)
    it.after(200)
    it.shows("system_temperature_celsius", 70, **CPU)
    assert ("TemperatureHigh", "critical") not in alerts(it.after(600))


def test_all_sensors_of_a_processor_are_one_alert_with_the_hottest_of_them() -> None:
    it = Board(heat.JUDGEMENTS)
    for n, core in enumerate(CORES):
        it.shows("system_temperature_critical_celsius", 100, **core)
        it.shows("system_temperature_celsius", 98 + n / 10, **core)
    for zone in ("acpitz", "x86_pkg_temp"):
        it.shows("system_temperature_celsius", 98, chip=zone, sensor="temp1")
    it.shows("system_heat_limited", 1, component="cpu")
    verdict = it.after(600)
    assert alerts(verdict) == [("TemperatureHigh", "critical")]
    assert texts(verdict) == ["coretemp Core 5 (processor) is at 98 °C (critical from 98 °C)"]
    assert {key for key in it.engine.firing if key[0] == "TemperatureHigh"} == {
        ("TemperatureHigh", "critical", ("cpu",)),
        ("TemperatureHigh", "warning", ("cpu",)),
    }


@pytest.mark.parametrize(
    ("chip", "celsius", "most", "end"),
    [("coretemp", 88, 80, 100), ("nouveau", 82, 80, None), ("k10temp", 95.3, None, None), ("nct6798", 127, None, None)],
)
def test_a_chip_that_works_hard_and_an_input_without_a_sensor_are_no_fault(
    chip: str, celsius: float, most: float | None, end: float | None
) -> None:
    it = Board(heat.JUDGEMENTS)
    it.shows("system_temperature_celsius", celsius, chip=chip, sensor="temp1")
    for what, limit in (("max", most), ("critical", end)):
        if limit is not None:
            it.shows(f"system_temperature_{what}_celsius", limit, chip=chip, sensor="temp1")
    assert alerts(it.after(7200)) == []


def test_a_chip_without_limits_is_hot_where_nothing_is_made_to_work() -> None:
    it = Board(heat.JUDGEMENTS)
    it.shows("system_temperature_celsius", 97, chip="k10temp", sensor="Tctl")
    assert texts(it.after(600)) == ["k10temp Tctl (processor) is at 97 °C (high from 96 °C)"]


def test_another_chip_is_another_line() -> None:
    it = Board(heat.JUDGEMENTS)
    for chip in ("coretemp", "nvme"):
        it.shows("system_temperature_critical_celsius", 80, chip=chip, sensor="temp1")
        it.shows("system_temperature_celsius", 90, chip=chip, sensor="temp1")
    assert len(it.after(15).reasons) == 2


def test_throttling_by_heat_is_one_line_with_the_heat() -> None:
    it = pi(82)
    it.shows("system_throttle_seconds_total", 0, cause="throttled")
    it.after(300)
    it.grows("system_throttle_seconds_total", 100, cause="throttled")
    assert [reason.alert for reason in it.after(15).reasons] == ["TemperatureHigh"]


def test_heat_that_builds_up_is_said_before_it_is_high_and_heat_that_levels_off_is_not() -> None:
    for most, expected in ((85, True), (60, False)):
        it = pi(50)
        seen = set()
        for n in range(200):
            it.shows("system_temperature_celsius", min(50 + n / 8, most), **CPU)
            seen |= {alert for alert, _ in alerts(it.after(15))}
        assert ("TemperatureRising" in seen) is expected


def test_a_fan_that_stalls_is_critical() -> None:
    it = pi(50)
    it.shows("system_fan_stalled", 1, chip="pwmfan", fan="fan1")
    assert alerts(it.after(15)) == []
    assert texts(it.after(180)) == ["pwmfan fan1 should be spinning but is not"]
    it.shows("system_fan_stalled", 0, chip="pwmfan", fan="fan1")
    assert it.after(890).reasons[0].last == pytest.approx(it.time - 890, abs=15)
    assert alerts(it.after(60)) == [("FanStalled", "warning")]
    assert it.after(86_400).level is Level.GOOD


def test_intels_counters_and_the_kernels_state_say_the_same_once() -> None:
    it = pi(50)
    it.shows("system_heat_limited", 0, component="cpu")
    it.shows("system_cpu_package_throttle_seconds_total", 0, package="0")
    for _ in range(80):
        it.grows("system_cpu_package_throttle_seconds_total", 5, package="0")
        it.after(15)
    assert texts(it.judged()) == ["Heat slowed the CPU down 33 % of the last 15 min"]
