"""Voltages, currents and power, as hwmon chips report them."""

from collections.abc import Iterator
from typing import NamedTuple

from sysvitals.host.files import attempt
from sysvitals.host.host import Host
from sysvitals.model.collector import Fault
from sysvitals.model.plausible import CURRENT, POWER, VOLTAGE, Kind
from sysvitals.sources.sys.hwmon import (
    Chip,
    chips_of,
    is_asleep,
    is_faulty,
    is_switched_off,
    read_chips,
    read_labels,
    read_values,
    report_faulty,
)

_SENSORS = {
    "in": (VOLTAGE, ("input",), 1_000),
    "curr": (CURRENT, ("input",), 1_000),
    "power": (POWER, ("input", "average"), 1_000_000),
}
"""What sensors measure by their names, the attributes that hold it, and how many of the kernel's units make one."""
_INA3221_CHANNELS = {"curr1": "in1", "curr2": "in2", "curr3": "in3"}
"""This chip's driver labels a channel's voltage only, and documents that its current has the same number."""
_LIMITS = ("min", "max", "crit")


Limits = dict[str, tuple[float | None, ...]]
"""The limits of each sensor that were read so far: once for each time that a chip is found (see `temperatures`)."""


class PowerSensor(NamedTuple):
    """One sensor of a chip, such as `in1`: what it measures, its label, and the attribute that holds the value."""

    name: str
    label: str
    kind: Kind
    attribute: str
    scale: int


class PowerChip(NamedTuple):
    """A chip that measures voltage, current or power."""

    chip: Chip
    sensors: tuple[PowerSensor, ...]


class Measure(NamedTuple):
    """What was measured and its limits, in volts, amperes or watts; None where there is no such thing."""

    value: float | None
    minimum: float | None = None
    maximum: float | None = None
    critical: float | None = None


class Rail(NamedTuple):
    """What a chip measures under one label: some chips give voltage and current of a rail the same."""

    chip: str
    sensor: str
    volts: Measure | None = None
    amperes: Measure | None = None
    watts: Measure | None = None


def find_power_chips(host: Host) -> Iterator[PowerChip | Fault]:
    """Each chip with such sensors, and a Fault for what cannot be looked at. Asks no hardware.

    Raises OSError for the class's folder.
    """
    found = read_chips(host)
    yield from (chip for chip in found if isinstance(chip, Fault))
    for chip in chips_of(found):
        sensors: list[PowerSensor] = []
        voltages: dict[str, str] = {}
        for prefix, (kind, attributes, scale) in _SENSORS.items():
            names = list(dict.fromkeys(name for attribute in attributes for name in chip.sensors(prefix, attribute)))
            labels, faults = read_labels(host, chip, names)
            yield from faults
            if chip.driver == "ina3221":
                voltages |= labels
                labels = {name: voltages.get(_INA3221_CHANNELS.get(name, ""), label) for name, label in labels.items()}
            for name, label in labels.items():
                attribute = next(attribute for attribute in attributes if f"{name}_{attribute}" in chip.files)
                sensors.append(PowerSensor(name, label, kind, attribute, scale))
        if sensors:
            yield PowerChip(chip, tuple(sensors))


def read_rails(host: Host, found: PowerChip, limits: Limits) -> Iterator[Rail | Fault]:
    """What a chip measures now, and a Fault for each part that could not be read. Nothing while its device sleeps."""
    chip = found.chip
    if is_asleep(host, chip):
        return
    rails: dict[str, dict[Kind, Measure]] = {}
    for sensor in found.sensors:
        what = f"{chip.label} {sensor.name}"
        values, faults = read_values(host, chip, sensor.name, ("enable", "fault", sensor.attribute))
        if is_switched_off(values):
            continue
        if is_faulty(values):
            yield report_faulty(what)
            continue
        yield from faults
        if sensor.attribute not in values:
            continue
        value = attempt(what, sensor.kind.measure, values[sensor.attribute] / sensor.scale)
        if isinstance(value, Fault):
            yield value
            continue
        if value is None:
            continue
        if sensor.name not in limits:
            limits[sensor.name], faults = _read_limits(host, chip, sensor)
            yield from faults
        rails.setdefault(sensor.label, {})[sensor.kind] = Measure(value, *limits[sensor.name])
    for label, measures in rails.items():
        yield Rail(chip.label, label, measures.get(VOLTAGE), measures.get(CURRENT), measures.get(POWER))


def _read_limits(host: Host, chip: Chip, sensor: PowerSensor) -> tuple[tuple[float | None, ...], list[Fault]]:
    values, faults = read_values(host, chip, sensor.name, _LIMITS)
    limits = (values[name] / sensor.scale if name in values else None for name in _LIMITS)
    # beyond what can be measured it was never set
    return tuple(limit if limit is not None and sensor.kind.holds(limit) else None for limit in limits), faults
