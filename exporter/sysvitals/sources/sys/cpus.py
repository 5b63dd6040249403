"""`/sys/devices/system/cpu`: which CPUs this host has, and how fast they run."""

import errno
from collections.abc import Iterator
from dataclasses import dataclass

from sysvitals.host.files import attempt, optional, parse_int, shorten
from sysvitals.host.host import Host
from sysvitals.host.sysfs import list_names
from sysvitals.model.collector import Fault

_MOST_CPUS = 1 << 16


@dataclass(frozen=True, slots=True)
class Policy:
    """CPUs that share a clock, offline ones too. Frequencies in hertz; None where the driver gives or knows none.

    `current` is what was last asked of the hardware, which firmware may undercut; `lowest` and `highest` are what the
    hardware can do; `limit` is the most that is allowed now, by people or because it is hot.
    """

    cpus: tuple[int, ...]
    current: int | None
    lowest: int | None
    highest: int | None
    limit: int | None


def read_present_cpus(host: Host) -> tuple[int, ...] | Fault:
    """Numbers of the CPUs that are there, online or not; none where the kernel does not tell."""
    return attempt("present CPUs", _read_present, host)


def read_policies(host: Host) -> Iterator[Policy | Fault]:
    """The frequency policies, and a Fault for each file that fails. None where nothing scales, as in most VMs."""
    folder = f"{host.sysfs}/devices/system/cpu/cpufreq"
    names = attempt("cpufreq", _read_names, host, folder)
    if isinstance(names, Fault):
        yield names
        return
    for name in names:
        cpus = attempt(f"{name} related_cpus", _read_cpus, host, f"{folder}/{name}/related_cpus")
        if isinstance(cpus, Fault):
            yield cpus
        elif cpus:
            values = [attempt(f"{name} {file}", _read_hertz, host, f"{folder}/{name}/{file}") for file in _FREQUENCIES]
            yield from (value for value in values if isinstance(value, Fault))
            yield Policy(cpus, *(None if isinstance(value, Fault) else value for value in values))


def parse_cpu_list(text: str) -> tuple[int, ...]:
    """From `0-3,5`, or nothing for an empty text."""
    cpus: list[int] = []
    for part in text.split(",") if text else ():
        first, dash, last = part.partition("-")
        start = parse_int(first)
        end = parse_int(last) if dash else start
        if not 0 <= start <= end < _MOST_CPUS:
            raise ValueError(f"not a list of CPUs: {shorten(text)!r}")
        cpus += range(start, end + 1)
    return tuple(dict.fromkeys(cpus))


def parse_hertz(text: str) -> int | None:
    """From kilohertz such as `1500000`. None for `<unknown>`, and for 0, which says the same."""
    if text == "<unknown>":
        return None
    kilohertz = parse_int(text)
    if kilohertz < 0:
        raise ValueError(f"a frequency below zero: {text}")
    return kilohertz * 1000 or None


def _read_present(host: Host) -> tuple[int, ...]:
    return parse_cpu_list(optional(_read_text, host, f"{host.sysfs}/devices/system/cpu/present") or "")


def _read_names(host: Host, folder: str) -> list[str]:
    return [name for name in list_names(host, folder) if name.startswith("policy")]


def _read_cpus(host: Host, path: str) -> tuple[int, ...]:
    return tuple(parse_int(word) for word in (_read_attribute(host, path) or "").split())


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


_FREQUENCIES = ("scaling_cur_freq", "cpuinfo_min_freq", "cpuinfo_max_freq", "scaling_max_freq")
