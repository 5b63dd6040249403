"""Temperatures that the kernel's hwmon chips and thermal zones report."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Annotated

from sysvitals.host.host import Host
from sysvitals.model.collector import Collector, Fault, Unavailable
from sysvitals.model.metric import Gauge, Label
from sysvitals.model.reading import Reading
from sysvitals.sources.sys.temperatures import read_temperatures


@dataclass(frozen=True, slots=True, kw_only=True)
class Temperature(Reading, event="system.temperature.updated"):
    """One temperature sensor."""

    chip: Annotated[
        str, Label("Driver, and device where several may be alike: `cpu_thermal`, `nvme0`. The same after a reboot.")
    ]
    sensor: Annotated[str, Label("The driver's own label, or `temp1` where it gives none.")]
    celsius: Annotated[
        float,
        Gauge(
            "temperature",
            unit="celsius",
            help="Temperature of the sensor.",
            origin="/sys/class/hwmon/hwmon*/temp*_input, /sys/class/thermal/thermal_zone*/temp",
        ),
    ]
    critical: Annotated[
        float | None,
        Gauge(
            "temperature_critical",
            unit="celsius",
            help="Temperature at which the kernel or the device shuts down; a Raspberry Pi is throttled well below it.",
            origin="/sys/class/hwmon/hwmon*/temp*_crit, /sys/class/thermal/thermal_zone*/trip_point_*_temp",
        ),
    ] = None
    maximum: Annotated[
        float | None,
        Gauge(
            "temperature_max",
            unit="celsius",
            help="Temperature that the device's maker gives as the highest to run at.",
            origin="/sys/class/hwmon/hwmon*/temp*_max",
        ),
    ] = None


def read(host: Host) -> Iterator[Temperature | Fault]:
    """One reading a sensor; a sensor that fails does not hide its siblings."""
    found = read_temperatures(host)
    if not found:
        raise Unavailable("no temperature sensor that the kernel knows (in a container, mount the host's /sys)")
    for t in found:
        if isinstance(t, Fault):
            yield t
        else:
            yield Temperature(chip=t.chip, sensor=t.sensor, celsius=t.celsius, critical=t.critical, maximum=t.maximum)


COLLECTOR = Collector(name="temperature", help="Temperatures", readings=(Temperature,), read=read, interval=5.0)
