"""`/sys/devices/system/cpu`: which CPUs this host has, and how fast they run."""

import errno
from collections.abc import Callable
from typing import NamedTuple, TypeVar

from sysvitals.host.files import attempt, optional, parse_count, parse_int, shorten
from sysvitals.host.host import Host
from sysvitals.host.sysfs import list_names
from sysvitals.model.collector import Fault
from sysvitals.model.plausible import FREQUENCY

T = TypeVar("T")

MOST_CPUS = 1 << 16
"""More than any kernel can be built for: x86-64 ends at 8192."""


class Policy(NamedTuple):
    """A folder with frequencies: of the CPUs that its files name, or of this one CPU alone."""

    name: str
    folder: str
    cpu: int | None = None


class Frequencies(NamedTuple):
    """Of CPUs that share a clock: those online. In hertz; None where the driver gives or knows none, or it fails.

    `current` is what was last asked of the hardware, which firmware may undercut; `lowest` and `highest` are what the
    hardware can do; `limit` is the most that is allowed now, by people or because it is hot.
    """

    cpus: tuple[int, ...]
    current: int | None = None
    lowest: int | None = None
    highest: int | None = None
    limit: int | None = None
    faults: tuple[Fault, ...] = ()


def read_offline_cpus(host: Host) -> tuple[int, ...]:
    """Numbers of the CPUs that are there and were taken offline. Raises OSError or ValueError.

    Not those that are merely not online: in a container `online` may be its own share of what is present. `offline`
    holds CPUs that could be plugged in, too.
    """
    offline = _read_list(host, "offline")
    present = set(_read_list(host, "present") or ()) if offline else ()
    return tuple(cpu for cpu in offline or () if cpu in present)


def read_online_cpus(host: Host) -> frozenset[int] | None:
    """Numbers of the CPUs that run, by sysfs; None where it does not say. Raises OSError or ValueError."""
    found = _read_list(host, "online")
    return None if found is None else frozenset(found)


def list_policies(host: Host) -> list[Policy]:
    """The frequency policies; none where nothing scales, as in most VMs. Raises OSError.

    Before Linux 4.3 each CPU has a folder of its own instead. No driver is asked here: one that hangs hides no other.
    """
    root = f"{host.sysfs}/devices/system/cpu"
    shared = [Policy(name, f"{root}/cpufreq/{name}") for name in _numbered(host, f"{root}/cpufreq", "policy")]
    return shared or [
        Policy(name, f"{root}/{name}/cpufreq", int(name.removeprefix("cpu")))
        for name in _numbered(host, root, "cpu")
        if host.exists(f"{root}/{name}/cpufreq")
    ]


def read_frequencies(host: Host, policy: Policy, hardware: dict[str, int]) -> Frequencies:
    """What one policy says. A file that fails is among the faults; of CPUs that are all offline nothing is known.

    What the hardware can do does not change: once read, it is kept in `hardware`.
    """
    faults: list[Fault] = []

    def known(file: str, read: Callable[[Host, str], T]) -> T | None:
        value = attempt(f"{policy.name} {file}", read, host, f"{policy.folder}/{file}")
        if isinstance(value, Fault):
            faults.append(value)
            return None
        return value

    def known_once(file: str) -> int | None:
        if file not in hardware and (hertz := known(file, _read_hertz)) is not None:
            hardware[file] = hertz
        return hardware.get(file)

    cpus = (policy.cpu,) if policy.cpu is not None else known("affected_cpus", _read_cpus)
    if cpus is None and not faults:
        cpus = known("related_cpus", _read_cpus)  # offline ones are among these
    return Frequencies(
        cpus=cpus or (),
        current=known("scaling_cur_freq", _read_hertz) if cpus else None,
        lowest=known_once("cpuinfo_min_freq") if cpus else None,
        highest=known_once("cpuinfo_max_freq") if cpus else None,
        limit=known("scaling_max_freq", _read_hertz) if cpus else None,
        faults=tuple(faults),
    )


def parse_cpu_list(text: str) -> tuple[int, ...]:
    """From `0-3,5`, or nothing for an empty text."""
    cpus: list[int] = []
    for part in text.split(",") if text else ():
        first, dash, last = part.partition("-")
        start = parse_int(first)
        end = parse_int(last) if dash else start
        if not 0 <= start <= end < MOST_CPUS:
            raise ValueError(f"not a list of CPUs: {shorten(text)!r}")
        cpus += range(start, end + 1)
    return tuple(dict.fromkeys(cpus))


def parse_hertz(text: str) -> int | None:
    """From kilohertz such as `1500000`. None for `<unknown>`, and for 0, which says the same."""
    if text == "<unknown>":
        return None
    return FREQUENCY.check(parse_int(text) * 1000) or None


def _read_list(host: Host, name: str) -> tuple[int, ...] | None:
    text = optional(_read_text, host, f"{host.sysfs}/devices/system/cpu/{name}")
    return None if text is None else parse_cpu_list(text)


def _numbered(host: Host, folder: str, kind: str) -> list[str]:
    return [name for name in list_names(host, folder) if name.startswith(kind) and name[len(kind) :].isdigit()]


def _read_cpus(host: Host, path: str) -> tuple[int, ...] | None:
    text = _read_attribute(host, path)
    return None if text is None else tuple(parse_count(word, MOST_CPUS - 1) for word in text.split())


def _read_hertz(host: Host, path: str) -> int | None:
    text = _read_attribute(host, path)
    return None if text is None else parse_hertz(text)


def _read_attribute(host: Host, path: str) -> str | None:
    # all of a policy's files answer EBUSY while its CPUs are offline
    try:
        return optional(_read_text, host, path)
    except OSError as error:
        if error.errno == errno.EBUSY:
            return None
        raise


def _read_text(host: Host, path: str) -> str:
    return host.read_text(path)
