"""`/sys/class/thermal`: thermal zones, their critical points, and cooling devices."""

from dataclasses import dataclass

from sysvitals.host.files import attempt, optional, read_int
from sysvitals.host.host import Host
from sysvitals.host.sysfs import list_names, read_label
from sysvitals.model.collector import Fault


@dataclass(frozen=True, slots=True)
class Zone:
    """One thermal zone, such as `thermal_zone0` of type `cpu-thermal`. Several zones may share a type."""

    folder: str
    name: str
    type: str

    @property
    def chip(self) -> str:
        """The name that the kernel gives the zone's twin in hwmon."""
        return self.type.replace("-", "_")


@dataclass(frozen=True, slots=True)
class CoolingDevice:
    """What cools, or makes less heat: `state` 0 does nothing, `max_state` does most."""

    name: str
    type: str
    state: int
    max_state: int


def read_zones(host: Host) -> list[Zone | Fault]:
    """All zones in the order of their numbers. Raises OSError where the class's folder cannot be read."""
    root = f"{host.sysfs}/class/thermal"
    zones: list[Zone | Fault] = []
    for name in list_names(host, root):
        if not name.startswith("thermal_zone"):
            continue
        folder = f"{root}/{name}"
        kind = attempt(f"{name} type", optional, read_label, host, f"{folder}/type")
        zones.append(kind if isinstance(kind, Fault) else Zone(folder, name, kind or name))
    return zones


def read_zone_temperature(host: Host, zone: Zone) -> int | None:
    """Thousandths of degrees Celsius; None where the zone is gone or has no data now.

    Raises the driver's own OSError (EINVAL, EIO). May hang in the driver of a Jetson.
    """
    return optional(read_int, host, f"{zone.folder}/temp")


def read_critical_point(host: Host, zone: Zone) -> int | None:
    """Thousandths of degrees Celsius at which the kernel shuts down, or None where there is no such point."""
    number = 0
    while (kind := optional(read_label, host, f"{zone.folder}/trip_point_{number}_type")) is not None:
        if kind == "critical":
            return optional(read_int, host, f"{zone.folder}/trip_point_{number}_temp")
        number += 1
    return None


def read_cooling_devices(host: Host, *kinds: str) -> list[CoolingDevice | Fault]:
    """The cooling devices whose type begins with one of these, such as `pwm-fan`.

    Raises OSError where the class's folder cannot be read.
    """
    root = f"{host.sysfs}/class/thermal"
    devices: list[CoolingDevice | Fault] = []
    for name in list_names(host, root):
        if not name.startswith("cooling_device"):
            continue
        device = attempt(name, _read_cooling_device, host, f"{root}/{name}", name, kinds)
        if device is not None:
            devices.append(device)
    return devices


def _read_cooling_device(host: Host, folder: str, name: str, kinds: tuple[str, ...]) -> CoolingDevice | None:
    kind = optional(read_label, host, f"{folder}/type") or ""
    if not kind.startswith(kinds):
        return None
    state = optional(read_int, host, f"{folder}/cur_state")
    max_state = optional(read_int, host, f"{folder}/max_state")
    if state is None or max_state is None:
        return None
    if not 0 <= state <= max_state:
        raise ValueError(f"state {state} of {max_state}")
    return CoolingDevice(name, kind, state, max_state)
