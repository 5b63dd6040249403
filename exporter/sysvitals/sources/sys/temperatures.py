"""All temperatures of a host, each once: hwmon's sensors, and the thermal zones that have no twin among them.

The kernel shows most thermal zones a second time as an hwmon chip: one chip for each type of zone, named as the type,
with `temp1`, `temp2`, ... for the zones of that type. The twin is known by its device, which is the zone, and where a
kernel gives none by its name. A zone's critical point is in the zone only.
"""

from collections.abc import Iterator
from typing import NamedTuple

from sysvitals.host.files import attempt
from sysvitals.host.host import Host
from sysvitals.model.collector import Fault
from sysvitals.model.plausible import TEMPERATURE
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
from sysvitals.sources.sys.thermal import Zone, is_disabled, read_critical_point, read_zone_temperature, read_zones

Limits = dict[str, dict[str, int]]
"""The limits of each sensor that were read so far, as the kernel gives them.

They are read once for each time that a chip is found. They change only when somebody sets them, and reading them can
cost more than the temperature: an NVMe drive gets a command for each, and some write each into their error log
(nvme/host/hwmon.c). They are not read while finding, which has to answer even when a chip does not.
"""


class ChipSensors(NamedTuple):
    """A chip with temperatures: its sensors' labels, and the thermal zones that are behind some of them."""

    chip: Chip
    labels: dict[str, str]
    zones: dict[str, Zone]


class LoneZone(NamedTuple):
    """A thermal zone without a twin among the chips, and what its sensor is called."""

    zone: Zone
    sensor: str


class Temperature(NamedTuple):
    """One sensor, in degrees Celsius. `critical` and `maximum` are the limits that driver or firmware give."""

    chip: str
    sensor: str
    celsius: float
    critical: float | None = None
    maximum: float | None = None


def find_sensors(host: Host) -> Iterator[ChipSensors | LoneZone | Fault]:
    """Each chip with temperatures, each zone without a twin, and a Fault for what cannot be looked at.

    Asks no hardware. Raises OSError for the classes' folders.
    """
    chips = read_chips(host)
    zones = read_zones(host)
    yield from (thing for thing in (*chips, *zones) if isinstance(thing, Fault))
    measuring = [chip for chip in chips_of(chips) if chip.sensors("temp", "input")]
    twins = _find_twins(measuring, zones)
    taken = set()
    for chip in measuring:
        sensors = chip.sensors("temp", "input")
        labels, faults = read_labels(host, chip, sensors)
        yield from faults
        yield ChipSensors(chip, labels, dict(zip(sensors, twins.of_chip.get(chip.label, []), strict=False)))
        taken |= {(chip.label, label) for label in labels.values()}
    for zone, number in twins.alone:
        sensor = f"temp{number}"
        yield LoneZone(zone, sensor if (zone.chip, sensor) not in taken else zone.name)


def read_chip(host: Host, found: ChipSensors, limits: Limits) -> Iterator[Temperature | Fault]:
    """What a chip measures now, and a Fault for each part that could not be read. Nothing while its device sleeps."""
    chip = found.chip
    if is_asleep(host, chip):
        return
    for sensor, label in found.labels.items():
        what = f"{chip.label} {sensor}"
        values, faults = read_values(host, chip, sensor, ("enable", "type", "fault", "input"))
        if is_switched_off(values):
            continue
        if is_faulty(values):
            yield report_faulty(what)
            continue
        yield from (fault for fault in faults if not _is_refused(host, found.zones.get(sensor), fault))
        celsius = attempt(what, _parse_temperature, values.get("input"))
        if isinstance(celsius, Fault):
            yield celsius
        elif celsius is not None:
            if sensor not in limits:
                limits[sensor], faults = _read_limits(host, found, sensor)
                yield from faults
            yield _build(chip.label, label, celsius, limits[sensor])


def read_zone(host: Host, found: LoneZone, limits: Limits) -> Iterator[Temperature | Fault]:
    """What a zone measures now, or the Fault of it. Nothing where it has no data."""
    zone = found.zone
    what = f"{zone.name} temp"
    value = attempt(what, read_zone_temperature, host, zone)
    celsius = value if isinstance(value, Fault) else attempt(what, _parse_temperature, value)
    if isinstance(celsius, Fault):
        yield celsius
    elif celsius is not None:
        if zone.name not in limits:
            limits[zone.name], faults = _read_zone_limits(host, zone)
            yield from faults
        yield _build(zone.chip, found.sensor, celsius, limits[zone.name])


class _Twins(NamedTuple):
    """`of_chip`: the zones behind a chip's sensors, in order. `alone`: zones without a twin, numbered in their type."""

    of_chip: dict[str, list[Zone]]
    alone: list[tuple[Zone, int]]


def _find_twins(chips: list[Chip], zones: list[Zone | Fault]) -> _Twins:
    types: dict[str, list[Zone]] = {}
    for zone in zones:
        if isinstance(zone, Zone):
            types.setdefault(zone.chip, []).append(zone)
    by_device = {chip.device: chip for chip in reversed(chips)}
    by_driver = {chip.driver: chip for chip in reversed(chips)}
    of_chip: dict[str, list[Zone]] = {}
    alone: list[tuple[Zone, int]] = []
    for name, alike in types.items():
        linked = (by_device[zone.name] for zone in alike if zone.name in by_device)
        twin = next(linked, None) or by_driver.get(name)
        covered = len(twin.sensors("temp", "input")) if twin else 0
        if twin:
            of_chip[twin.label] = alike[:covered]
        alone += [(zone, number) for number, zone in enumerate(alike, 1) if number > covered]
    return _Twins(of_chip, alone)


def _read_limits(host: Host, found: ChipSensors, sensor: str) -> tuple[dict[str, int], list[Fault]]:
    limits, faults = read_values(host, found.chip, sensor, ("crit", "max"))
    if "crit" in limits or sensor not in found.zones:
        return limits, faults
    point, more = _read_zone_limits(host, found.zones[sensor])
    return limits | point, faults + more


def _read_zone_limits(host: Host, zone: Zone) -> tuple[dict[str, int], list[Fault]]:
    point = attempt(f"{zone.name} trip_point", read_critical_point, host, zone)
    if isinstance(point, Fault):
        return {}, [point]
    return ({} if point is None else {"crit": point}), []


def _is_refused(host: Host, zone: Zone | None, fault: Fault) -> bool:
    return zone is not None and fault.error == "EINVAL" and is_disabled(host, zone)


def _parse_temperature(value: int | None) -> float | None:
    return None if value is None else TEMPERATURE.measure(value / 1000)


def _build(chip: str, sensor: str, celsius: float, limits: dict[str, int]) -> Temperature:
    return Temperature(chip, sensor, celsius, _limit(limits.get("crit")), _limit(limits.get("max")))


def _limit(value: int | None) -> float | None:
    # a limit that was never set reads 0 or less, or what no sensor can measure: an NVMe drive without one says 65261 °C
    return value / 1000 if value is not None and value > 0 and TEMPERATURE.holds(value / 1000) else None
