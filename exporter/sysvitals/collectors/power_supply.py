"""Voltages, currents and power that the kernel's hwmon chips measure."""

from collections.abc import Iterator
from functools import partial
from typing import Annotated

from sysvitals.host.host import Host
from sysvitals.model.collector import Collector, Fault, Probe, Unavailable
from sysvitals.model.metric import Detail, Gauge, Label
from sysvitals.model.reading import Reading
from sysvitals.sources.sys.power_sensors import Limits, Measure, PowerChip, find_power_chips, read_rails


class Power(Reading, event="system.power.updated"):
    """What one chip measures under one label."""

    chip: Annotated[
        str,
        Label(
            "Driver, and which device where several may be alike: `rpi_volt`, `ina226_1-0040`. The same after a "
            "reboot: see Labels."
        ),
    ]
    sensor: Annotated[str, Label("The driver's own label, such as `core`, or `in1` where it gives none.")]
    volts: Annotated[
        float | None,
        Gauge(
            "power_supply",
            unit="volts",
            help="Voltage as the chip reports it; inputs that nothing is connected to float.",
            origin="/sys/class/hwmon/hwmon*/in*_input",
            summary=True,
        ),
    ]
    amperes: Annotated[
        float | None,
        Gauge(
            "power_supply",
            unit="amperes",
            help="Current as the chip reports it.",
            origin="/sys/class/hwmon/hwmon*/curr*_input",
        ),
    ]
    watts: Annotated[
        float | None,
        Gauge(
            "power_supply",
            unit="watts",
            help="Power as the chip reports it.",
            origin="/sys/class/hwmon/hwmon*/power*_input, /sys/class/hwmon/hwmon*/power*_average",
        ),
    ]
    volts_min: Annotated[float | None, Detail("Lowest voltage allowed.", unit="volts")] = None
    volts_max: Annotated[float | None, Detail("Highest voltage allowed.", unit="volts")] = None
    volts_critical: Annotated[float | None, Detail("Voltage that does harm.", unit="volts")] = None
    amperes_max: Annotated[float | None, Detail("Highest current allowed.", unit="amperes")] = None
    amperes_critical: Annotated[float | None, Detail("Current that does harm.", unit="amperes")] = None
    watts_max: Annotated[float | None, Detail("Highest power allowed.", unit="watts")] = None
    watts_critical: Annotated[float | None, Detail("Power that does harm.", unit="watts")] = None


def find(host: Host) -> Iterator[Probe | Fault]:
    """One probe a chip."""
    found = list(find_power_chips(host))
    if not found:
        raise Unavailable("no chip that measures voltage, current or power")
    for thing in found:
        if isinstance(thing, Fault):
            yield thing
        else:
            yield Probe(thing.chip.label, partial(read, host, thing, limits={}), bus=thing.chip.bus)


def read(host: Host, chip: PowerChip, limits: Limits) -> Iterator[Power | Fault]:
    """One reading a label of the chip."""
    for rail in read_rails(host, chip, limits):
        if isinstance(rail, Fault):
            yield rail
            continue
        volts, amperes, watts = rail.volts or _NOTHING, rail.amperes or _NOTHING, rail.watts or _NOTHING
        yield Power(
            chip=rail.chip,
            sensor=rail.sensor,
            volts=volts.value,
            amperes=amperes.value,
            watts=watts.value,
            volts_min=volts.minimum,
            volts_max=volts.maximum,
            volts_critical=volts.critical,
            amperes_max=amperes.maximum,
            amperes_critical=amperes.critical,
            watts_max=watts.maximum,
            watts_critical=watts.critical,
        )


_NOTHING = Measure(None)

COLLECTOR = Collector(
    name="power_supply",
    help="Voltages, currents and power that chips measure",
    readings=(Power,),
    find=find,
    subsystems=("hwmon", "power_supply"),
)
