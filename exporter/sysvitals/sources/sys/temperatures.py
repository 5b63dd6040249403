"""All temperatures of a host, each once: hwmon's sensors, and the thermal zones that have no twin among them.

The kernel shows most thermal zones a second time as an hwmon chip: one chip for each type of zone, named as the type,
with `temp1`, `temp2`, ... for the zones of that type. The twin is known by its device, which is the zone, and where a
kernel gives none by its name. A zone's critical point is in the zone only.
"""

from collections.abc import Iterator
from dataclasses import dataclass

from sysvitals.host.files import attempt
from sysvitals.host.host import Host
from sysvitals.model.collector import Fault
from sysvitals.sources.sys.hwmon import Chip, chips_of, is_faulty, read_chips, read_labels, read_values, report_faulty
from sysvitals.sources.sys.thermal import Zone, read_critical_point, read_zone_temperature, read_zones

_NO_SENSOR = frozenset({-128_000, 127_500})
"""What chips give for an input to which nothing is connected."""
_LIMIT = 1_000_000
"""Limits beyond 1000 °C mean that there is none: an NVMe drive without one says 65261.85 °C."""
_ABSOLUTE_ZERO = -273_150


@dataclass(frozen=True, slots=True)
class Temperature:
    """One sensor, in degrees Celsius. `critical` and `maximum` are the limits that driver or firmware give."""

    chip: str
    sensor: str
    celsius: float
    critical: float | None = None
    maximum: float | None = None


def read_temperatures(host: Host) -> list[Temperature | Fault]:
    """All sensors that could be read, and a Fault for each that could not. Raises OSError for the classes' folders."""
    chips = read_chips(host)
    zones = read_zones(host)
    found: list[Temperature | Fault] = [thing for thing in (*chips, *zones) if isinstance(thing, Fault)]
    twins = _find_twins([c for c in chips_of(chips) if c.sensors("temp", "input")], zones)
    for chip in chips_of(chips):
        found += _read_chip(host, chip, twins.of_chip.get(chip.label, []))
    taken = {(t.chip, t.sensor) for t in found if isinstance(t, Temperature)}
    for zone, number in twins.alone:
        sensor = f"temp{number}"
        found += _read_zone(host, zone, sensor if (zone.chip, sensor) not in taken else zone.name)
    return found


@dataclass(frozen=True, slots=True)
class _Twins:
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


def _read_chip(host: Host, chip: Chip, zones: list[Zone]) -> Iterator[Temperature | Fault]:
    sensors = chip.sensors("temp", "input")
    labels, faults = read_labels(host, chip, sensors) if sensors else ({}, [])
    yield from faults
    behind = dict(zip(sensors, zones, strict=False))
    for sensor, label in labels.items():
        what = f"{chip.label} {sensor}"
        values, faults = read_values(host, chip, sensor, ("fault", "input"))
        if is_faulty(values):
            yield report_faulty(what)
            continue
        yield from faults
        if "input" not in values or values["input"] in _NO_SENSOR:
            continue
        limits, faults = read_values(host, chip, sensor, ("crit", "max"))
        yield from faults
        if "crit" not in limits and sensor in behind:
            point = attempt(f"{behind[sensor].name} trip_point", read_critical_point, host, behind[sensor])
            if isinstance(point, Fault):
                yield point
            elif point is not None:
                limits["crit"] = point
        yield attempt(what, _temperature, chip.label, label, values["input"], limits)


def _read_zone(host: Host, zone: Zone, sensor: str) -> Iterator[Temperature | Fault]:
    value = attempt(f"{zone.name} temp", read_zone_temperature, host, zone)
    if isinstance(value, Fault):
        yield value
        return
    if value is None or value in _NO_SENSOR:
        return
    point = attempt(f"{zone.name} trip_point", read_critical_point, host, zone)
    if isinstance(point, Fault):
        yield point
    limits = {"crit": point} if isinstance(point, int) else {}
    yield attempt(f"{zone.name} temp", _temperature, zone.chip, sensor, value, limits)


def _temperature(chip: str, sensor: str, value: int, limits: dict[str, int]) -> Temperature:
    if value <= _ABSOLUTE_ZERO:
        raise ValueError(f"not above absolute zero: {value}")
    return Temperature(chip, sensor, value / 1000, _limit(limits.get("crit")), _limit(limits.get("max")))


def _limit(value: int | None) -> float | None:
    # a limit that was never set reads 0 or less
    return value / 1000 if value is not None and 0 < value < _LIMIT else None
