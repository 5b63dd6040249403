"""`/sys/devices/system/cpu/cpu*/thermal_throttle`: how often and how long an Intel processor cut its clock for heat.

The kernel counts for each physical core and each package, and shows the count at every thread that belongs to it. The
time of an episode is added when it ends, and peaks of more than 10 °C above the limit are not timed.
"""

from collections.abc import Iterable, Iterator
from typing import NamedTuple

from sysvitals.host.files import attempt, optional, parse_int
from sysvitals.host.host import Host
from sysvitals.host.sysfs import list_names
from sysvitals.model.collector import Fault


class ThrottleCounter(NamedTuple):
    """Where one CPU shows the counts of its core or, where `core` is None, of its whole package."""

    cpu: str
    folder: str
    package: int
    core: int | None


class Throttles(NamedTuple):
    """Episodes since boot and their milliseconds, of a core or, where `core` is None, of a whole package."""

    package: int
    core: int | None
    episodes: int
    milliseconds: int | None


def find_throttle_counters(host: Host) -> Iterator[ThrottleCounter | Fault]:
    """Those of all CPUs that are online. Nothing where no CPU counts, as on all but Intel's."""
    root = f"{host.sysfs}/devices/system/cpu"
    for name in list_names(host, root):
        if name.startswith("cpu") and name[3:].isdigit() and host.exists(f"{root}/{name}/thermal_throttle"):
            package = attempt(f"{name} package", _read, host, f"{root}/{name}/topology/physical_package_id")
            core = attempt(f"{name} core", _read, host, f"{root}/{name}/topology/core_id")
            yield from (number for number in (package, core) if isinstance(number, Fault))
            # a CPU that is offline has no topology
            if isinstance(package, int) and isinstance(core, int):
                folder = f"{root}/{name}/thermal_throttle"
                yield ThrottleCounter(name, folder, package, core)
                yield ThrottleCounter(name, folder, package, None)


def read_throttles(host: Host, counters: Iterable[ThrottleCounter]) -> Iterator[Throttles | Fault]:
    """Each core and each package once: the threads of a core show the same counts, and any that is online will do."""
    seen: set[tuple[int, int | None]] = set()
    for counter in counters:
        if (counter.package, counter.core) not in seen:
            found = attempt(f"{counter.cpu} thermal_throttle", _read_counter, host, counter)
            if isinstance(found, Throttles):
                seen.add((counter.package, counter.core))
            if found is not None:
                yield found


def _read_counter(host: Host, counter: ThrottleCounter) -> Throttles | None:
    part = "package" if counter.core is None else "core"
    episodes = _read(host, f"{counter.folder}/{part}_throttle_count")
    if episodes is None:
        return None
    milliseconds = _read(host, f"{counter.folder}/{part}_throttle_total_time_ms")
    return Throttles(counter.package, counter.core, episodes, milliseconds)


def _read(host: Host, path: str) -> int | None:
    # a CPU that went offline answers every question about its throttling with nothing
    text = optional(_read_text, host, path)
    return parse_int(text) if text else None


def _read_text(host: Host, path: str) -> str:
    return host.read_text(path)
