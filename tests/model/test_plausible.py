from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sysvitals.collectors import power_supply, temperature, wifi
from sysvitals.model.collector import Collector, Fault
from sysvitals.model.plausible import (
    CURRENT,
    FAN_SPEED,
    KINDS,
    NOISE,
    POWER,
    SIGNAL,
    TEMPERATURE,
    VOLTAGE,
    Kind,
)
from tests.recorded import RecordedHost

HWMON = "sys/class/hwmon/hwmon0"
ZONE = "sys/class/thermal/thermal_zone0"
WIRELESS = "Inter-| sta-|\n face | tus |\n wlan0: 0000   59.  {level}.  {noise}.  0 0 0 4 18 0\n"
"""What a test host has beside the number that is tried."""

KERNEL_NUMBERS = st.one_of(
    st.integers(-(1 << 63), (1 << 64) - 1),
    st.integers(-1_000_000, 1_000_000),
    st.sampled_from([-(1 << 31), (1 << 31) - 1, (1 << 32) - 1, 65535, 65534, -1, -19, 0, 3_892_313_987, 255_000]),
    st.sampled_from(
        [-128_000, 127_500, 127_875, 127_937, 127_938, -256_000, 511_000, 85_000, -60_000, -60_001, 250_000, -273_150]
    ),
)
DECIBELS = st.one_of(st.integers(-256, 255), st.sampled_from([-256, -255, -121, -120, -1, 0]))


class OneNumber(RecordedHost):
    """A host whose files are those of `files`, one of which holds the number."""

    def __init__(self, files: dict[str, str]) -> None:
        self.files = files
        self.sysfs, self.procfs, self.storage = "sys", "proc", ""

    def read_bytes(self, path: str | bytes, limit: int = 1 << 20) -> bytes:
        if path not in self.files:
            raise FileNotFoundError(2, "No such file or directory", path)
        return self.files[str(path)].encode()[:limit]

    def names(self, path: str) -> list[str]:
        return sorted({name.removeprefix(path + "/").split("/")[0] for name in self.files if name.startswith(path)})

    def exists(self, path: str) -> bool:
        return path in self.files

    def readlink(self, path: str) -> str:
        raise FileNotFoundError(2, "No such file or directory", path)

    def resolve(self, path: str) -> str:
        return path


def chip(file: str) -> Callable[[int], dict[str, str]]:
    return lambda number: {f"{HWMON}/name": "x\n", f"{HWMON}/{file}": f"{number}\n"}


def zone(number: int) -> dict[str, str]:
    return {f"{ZONE}/type": "soc\n", f"{ZONE}/temp": f"{number}\n"}


def level(number: int) -> dict[str, str]:
    return {"proc/1/net/wireless": WIRELESS.format(level=number, noise=-256)}


def noise(number: int) -> dict[str, str]:
    return {"proc/1/net/wireless": WIRELESS.format(level=-50, noise=number)}


SENSORS: dict[str, tuple[Kind, Collector, str, Callable[[int], dict[str, str]], int]] = {
    "temperature of a chip": (TEMPERATURE, temperature.COLLECTOR, "celsius", chip("temp1_input"), 1000),
    "temperature of a zone": (TEMPERATURE, temperature.COLLECTOR, "celsius", zone, 1000),
    "voltage": (VOLTAGE, power_supply.COLLECTOR, "volts", chip("in1_input"), 1000),
    "current": (CURRENT, power_supply.COLLECTOR, "amperes", chip("curr1_input"), 1000),
    "power": (POWER, power_supply.COLLECTOR, "watts", chip("power1_input"), 1_000_000),
    "average power": (POWER, power_supply.COLLECTOR, "watts", chip("power1_average"), 1_000_000),
}
"""A kind of sensor: its range, its collector and field, the files that hold it, and the kernel's units in one."""


def values_and_faults(collector: Collector, field: str, files: dict[str, str]) -> tuple[list[Any], list[str]]:
    items = list(collector.run(OneNumber(files)))
    values = [getattr(item, field) for item in items if not isinstance(item, Fault)]
    return [value for value in values if value is not None], [item.error for item in items if isinstance(item, Fault)]


@pytest.mark.parametrize("sensor", SENSORS)
@given(number=KERNEL_NUMBERS)
def test_a_sensors_value_is_reported_just_where_it_is_possible_and_else_is_garbage(sensor: str, number: int) -> None:
    kind, collector, field, files, scale = SENSORS[sensor]
    values, faults = values_and_faults(collector, field, files(number))
    if number / scale in kind.absent:
        assert (values, faults) == ([], [])
    elif kind.lowest <= number / scale <= kind.highest:
        assert (values, faults) == ([number / scale], [])
    else:
        assert (values, faults) == ([], ["garbage"])


@pytest.mark.parametrize(
    ("kind", "field", "files"), [(SIGNAL, "signal", level), (NOISE, "noise", noise)], ids=["signal", "noise"]
)
@given(number=DECIBELS)
def test_decibels_are_reported_just_where_they_are_possible(
    kind: Kind, field: str, files: Callable[[int], dict[str, str]], number: int
) -> None:
    values, faults = values_and_faults(wifi.COLLECTOR, field, files(number))
    if number == -256 or number >= 0:  # the kernel's word for unknown, and a scale of the driver's own
        assert (values, faults) == ([], [])
    elif kind.lowest <= number <= kind.highest:
        assert (values, faults) == ([number], [])
    else:
        assert (values, faults) == ([], ["garbage"])


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.name)
def test_each_range_has_its_reason_and_holds_its_ends(kind: Kind) -> None:
    assert kind.reason.endswith(".")
    assert kind.check(kind.lowest) == kind.lowest
    assert kind.check(kind.highest) == kind.highest
    for beyond in (kind.lowest - 1, kind.highest + 1):
        with pytest.raises(ValueError, match=kind.name):
            kind.check(beyond)


@pytest.mark.parametrize(
    ("kind", "value"),
    [(TEMPERATURE, celsius) for celsius in (3_892_313.987, 511.0, 255.0, -256.0, -128.0, -216.15, -273.15, 65261.85)]
    + [(FAN_SPEED, rpm) for rpm in (65535, 65534, -1, 4_294_967_295, 1_350_000)]
    + [(CURRENT, 4_294_967.295), (POWER, 4_294.967_295e6)],
)
def test_what_drivers_are_known_to_give_for_nothing_is_beyond_the_range(kind: Kind, value: float) -> None:
    assert not kind.holds(value)


@pytest.mark.parametrize("kind", [kind for kind in KINDS if kind.absent], ids=lambda kind: kind.name)
def test_what_says_that_there_is_no_sensor_is_no_measurement_and_no_error(kind: Kind) -> None:
    assert {kind.measure(value) for value in kind.absent} == {None}


@pytest.mark.parametrize(
    ("kind", "value"),
    [
        (TEMPERATURE, -55.0),
        (TEMPERATURE, 125.0),
        (TEMPERATURE, 85.0),
        (FAN_SPEED, 0),
        (VOLTAGE, -48.0),
        (CURRENT, -30.0),
    ],
)
def test_what_a_sensor_can_measure_is_within_the_range(kind: Kind, value: float) -> None:
    assert kind.holds(value)
