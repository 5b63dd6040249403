"""Voltages, currents and power, as hwmon chips report them."""

from collections.abc import Iterator
from dataclasses import dataclass

from sysvitals.host.host import Host
from sysvitals.model.collector import Fault
from sysvitals.sources.sys.hwmon import Chip, chips_of, is_faulty, read_chips, read_labels, read_values, report_faulty

_KINDS = (
    ("in", ("input",), 1_000),
    ("curr", ("input",), 1_000),
    ("power", ("input", "average"), 1_000_000),
)
"""Kinds of sensors, the attributes that hold what is measured, and how many of the kernel's units make one."""
_INA3221_CHANNELS = {"curr1": "in1", "curr2": "in2", "curr3": "in3"}
"""This chip's driver labels a channel's voltage only, and documents that its current has the same number."""
_LIMITS = ("min", "max", "crit")


@dataclass(frozen=True, slots=True)
class Measure:
    """What was measured and its limits, in volts, amperes or watts; None where there is no such thing."""

    value: float | None
    minimum: float | None = None
    maximum: float | None = None
    critical: float | None = None


@dataclass(frozen=True, slots=True)
class Rail:
    """What a chip measures under one label: some chips give voltage and current of a rail the same."""

    chip: str
    sensor: str
    volts: Measure | None = None
    amperes: Measure | None = None
    watts: Measure | None = None


def read_rails(host: Host) -> list[Rail | Fault]:
    """All rails, and a Fault for each measurement that could not be read. Raises OSError for the class's folder."""
    found = read_chips(host)
    rails: list[Rail | Fault] = [chip for chip in found if isinstance(chip, Fault)]
    for chip in chips_of(found):
        rails += _read_chip(host, chip)
    return rails


def _read_chip(host: Host, chip: Chip) -> Iterator[Rail | Fault]:
    rails: dict[str, dict[str, Measure]] = {}
    known: dict[str, str] = {}
    for kind, attributes, scale in _KINDS:
        sensors = list(dict.fromkeys(sensor for a in attributes for sensor in chip.sensors(kind, a)))
        if not sensors:
            continue
        labels, faults = read_labels(host, chip, sensors)
        yield from faults
        if chip.driver == "ina3221":
            known |= labels
            labels = {sensor: known.get(_INA3221_CHANNELS.get(sensor, ""), label) for sensor, label in labels.items()}
        for sensor, label in labels.items():
            present = next(a for a in attributes if f"{sensor}_{a}" in chip.files)
            values, faults = read_values(host, chip, sensor, ("fault", present))
            if is_faulty(values):
                yield report_faulty(f"{chip.label} {sensor}")
                continue
            yield from faults
            if present in values:
                limits, faults = read_values(host, chip, sensor, _LIMITS)
                yield from faults
                numbers = (limits[name] / scale if name in limits else None for name in _LIMITS)
                rails.setdefault(label, {})[kind] = Measure(values[present] / scale, *numbers)
    for label, measures in rails.items():
        yield Rail(chip.label, label, measures.get("in"), measures.get("curr"), measures.get("power"))
