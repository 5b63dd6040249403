"""Temperatures that the kernel's hwmon chips and thermal zones report."""

from collections.abc import Iterator
from functools import partial
from typing import Annotated, NamedTuple

from sysvitals.host.host import Host
from sysvitals.model.collector import Collector, Fault, Probe, Unavailable
from sysvitals.model.metric import Gauge, Label
from sysvitals.model.pattern import choose_by
from sysvitals.model.reading import Reading
from sysvitals.sources.sys.temperatures import ChipSensors, Limits, LoneZone, find_sensors, read_chip, read_zone


class Options(NamedTuple):
    """What is shown and not judged."""

    leave_alone: Annotated[
        str,
        "Sensors whose chip and label, such as `acpitz temp1`, match this as a whole are shown, but no alert and no "
        "verdict judges them.",
    ] = ""


class Temperature(Reading, event="system.temperature.updated"):
    """One temperature sensor."""

    chip: Annotated[
        str,
        Label(
            "Driver, and which device where several may be alike: `cpu_thermal`, `nvme0`, "
            "`drivetemp_ST4000VN008-1f0c9a37`. The same after a reboot: see Labels."
        ),
    ]
    sensor: Annotated[
        str,
        Label(
            "The driver's own label, or `temp1` where it gives none. Thermal zones of one type are numbered as the "
            "kernel found them."
        ),
    ]
    celsius: Annotated[
        float,
        Gauge(
            "temperature",
            unit="celsius",
            help="Temperature of the sensor.",
            origin="/sys/class/hwmon/hwmon*/temp*_input, /sys/class/thermal/thermal_zone*/temp",
            summary=True,
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
    left_alone: Annotated[
        bool | None,
        Gauge(
            "temperature_left_alone",
            help="1 where alerts and verdict leave the sensor alone; no series without the setting.",
            origin="the setting `collector.temperature.leave_alone`",
            summary=True,
        ),
    ] = None


def find(host: Host, options: Options) -> Iterator[Probe | Fault]:
    """One probe a chip, and one a thermal zone that no chip shows."""
    found = list(find_sensors(host))
    if not found:
        raise Unavailable("no temperature sensors found (in a container, mount the host's /sys)")
    for thing in found:
        match thing:
            case ChipSensors():
                yield Probe(thing.chip.label, partial(read, host, thing, options, limits={}), bus=thing.chip.bus)
            case LoneZone():
                yield Probe(thing.zone.name, partial(read, host, thing, options, limits={}))
            case Fault():
                yield thing


def read(host: Host, thing: ChipSensors | LoneZone, options: Options, limits: Limits) -> Iterator[Temperature | Fault]:
    """One reading a sensor; a sensor that fails does not hide its siblings."""
    found = read_chip(host, thing, limits) if isinstance(thing, ChipSensors) else read_zone(host, thing, limits)
    left_alone = choose_by(options.leave_alone)
    for t in found:
        if isinstance(t, Fault):
            yield t
        else:
            yield Temperature(
                chip=t.chip,
                sensor=t.sensor,
                celsius=t.celsius,
                critical=t.critical,
                maximum=t.maximum,
                left_alone=left_alone(f"{t.chip} {t.sensor}"),
            )


COLLECTOR = Collector(
    name="temperature",
    help="Temperatures",
    readings=(Temperature,),
    find=find,
    options=Options(),
    subsystems=("hwmon", "thermal"),
)
