"""`/sys/devices/system/cpu/cpu*/thermal_throttle`: how often and how long an Intel processor cut its clock for heat.

The kernel counts for each physical core and each package, and shows the count at every thread that belongs to it. The
time of an episode is added when it ends, and peaks of more than 10 °C above the limit are not timed.
"""

from collections.abc import Iterator
from dataclasses import dataclass

from sysvitals.host.files import attempt, optional, parse_int
from sysvitals.host.host import Host
from sysvitals.host.sysfs import list_names
from sysvitals.model.collector import Fault


@dataclass(frozen=True, slots=True)
class Throttles:
    """Episodes since boot and their milliseconds, of a core or, where `core` is None, of a whole package."""

    package: int
    core: int | None
    episodes: int
    milliseconds: int | None


def read_throttles(host: Host) -> Iterator[Throttles | Fault]:
    """Each core and each package once. Nothing where no CPU counts, as on all but Intel's."""
    root = f"{host.sysfs}/devices/system/cpu"
    seen: set[tuple[int, int | None]] = set()
    for name in list_names(host, root):
        if name.startswith("cpu") and name[3:].isdigit() and host.exists(f"{root}/{name}/thermal_throttle"):
            found = attempt(f"{name} thermal_throttle", _read_cpu, host, f"{root}/{name}")
            if isinstance(found, Fault):
                yield found
                continue
            for throttles in found:
                if (throttles.package, throttles.core) not in seen:
                    seen.add((throttles.package, throttles.core))
                    yield throttles


def _read_cpu(host: Host, folder: str) -> list[Throttles]:
    # a CPU that is offline has no topology, and answers every question about its throttling with nothing
    package = _read(host, f"{folder}/topology/physical_package_id")
    core = _read(host, f"{folder}/topology/core_id")
    if package is None or core is None:
        return []
    found = []
    for part, number in (("core", core), ("package", None)):
        episodes = _read(host, f"{folder}/thermal_throttle/{part}_throttle_count")
        if episodes is not None:
            milliseconds = _read(host, f"{folder}/thermal_throttle/{part}_throttle_total_time_ms")
            found.append(Throttles(package, number, episodes, milliseconds))
    return found


def _read(host: Host, path: str) -> int | None:
    text = optional(_read_text, host, path)
    return parse_int(text) if text else None


def _read_text(host: Host, path: str) -> str:
    return host.read_text(path)
