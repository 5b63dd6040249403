"""`/sys/class/thermal`: thermal zones and their critical points."""

import errno
from typing import NamedTuple

from sysvitals.host.files import attempt, optional, read_int
from sysvitals.host.host import Host
from sysvitals.host.sysfs import list_names, read_label
from sysvitals.model.collector import Fault


class Zone(NamedTuple):
    """One thermal zone, such as `thermal_zone0` of type `cpu-thermal`. Several zones may share a type."""

    folder: str
    name: str
    type: str

    @property
    def chip(self) -> str:
        """The name that the kernel gives the zone's twin in hwmon."""
        return self.type.replace("-", "_")


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
    """Thousandths of degrees Celsius; None where the zone is gone, is switched off, or has no data now.

    Raises the driver's own OSError (EINVAL, EIO). May hang in the driver of a Jetson.
    """
    try:
        return optional(read_int, host, f"{zone.folder}/temp")
    except OSError as error:
        if error.errno == errno.EINVAL and is_disabled(host, zone):
            return None
        raise


def is_disabled(host: Host, zone: Zone) -> bool:
    """Whether the kernel does not look at the zone, so that its driver may answer EINVAL.

    Most drivers go on measuring all the same: their values count (thermal_helpers.c, Linux 6.12).
    """
    return attempt(zone.name, optional, read_label, host, f"{zone.folder}/mode") == "disabled"


def read_critical_point(host: Host, zone: Zone) -> int | None:
    """Thousandths of degrees Celsius at which the kernel shuts down, or None where there is no such point."""
    number = 0
    while (kind := optional(read_label, host, f"{zone.folder}/trip_point_{number}_type")) is not None:
        if kind == "critical":
            return optional(read_int, host, f"{zone.folder}/trip_point_{number}_temp")
        number += 1
    return None
