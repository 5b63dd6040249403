"""`/proc/stat`: how the CPUs spent their time, what the kernel counted since boot, and when that was."""

from dataclasses import dataclass
from typing import TypeVar

from sysvitals.host.files import attempt, parse_int, shorten
from sysvitals.host.host import Host
from sysvitals.model.collector import Fault

T = TypeVar("T")

USER_HZ = 100
"""Ticks a second in /proc/stat, whatever HZ the kernel was built with: 100 on all architectures that Python runs on."""


@dataclass(frozen=True, slots=True)
class CpuTimes:
    """Seconds in each mode since boot. `user` contains `guest`, `nice` contains `guest_nice`.

    What an old kernel does not print is None. Any of them may go back: `idle` and `iowait` do by themselves, and all
    do where a virtual machine is moved.
    """

    user: float
    nice: float
    system: float
    idle: float
    iowait: float | None = None
    irq: float | None = None
    softirq: float | None = None
    steal: float | None = None
    guest: float | None = None
    guest_nice: float | None = None


@dataclass(frozen=True, slots=True)
class Stat:
    """`cpus` are those online; `total` counts what offline ones did before, too. The rest counts since boot.

    `blocked` is how many tasks wait for a disk now. What is not printed is None; `faults` tells of what makes no sense.
    """

    cpus: dict[int, CpuTimes | Fault]
    total: CpuTimes | None
    interrupts: int | None
    context_switches: int | None
    forks: int | None
    blocked: int | None
    faults: tuple[Fault, ...]


def read_stat(host: Host) -> Stat:
    """Raises OSError, or ValueError for text that tells of no CPU."""
    return parse_stat(host.read_text(f"{host.procfs}/stat"))


def parse_stat(text: str) -> Stat:
    """From lines such as `cpu0 3353 4604 3354 224515 93 0 17 7 0 0` and `ctxt 2454474`."""
    cpus: dict[int, CpuTimes | Fault] = {}
    numbers: dict[str, int] = {}
    faults: list[Fault] = []
    total: CpuTimes | None = None
    for line in text.split("\n"):
        key, _, rest = line.partition(" ")
        if key == "cpu":
            total = _keep(attempt("all CPUs", parse_cpu_times, rest), faults)
        elif key.startswith("cpu"):
            number = _keep(attempt(f"line {shorten(key)}", parse_int, key[3:]), faults)
            if number is not None:
                cpus[number] = attempt(key, parse_cpu_times, rest)
        elif key in _NUMBERS:
            # the first of a line that has a column for every interrupt there could be
            value = _keep(attempt(key, _parse_count, rest.partition(" ")[0]), faults)
            if value is not None:
                numbers[key] = value
    if not cpus and total is None:
        raise ValueError(f"no CPU in /proc/stat: {shorten(text)!r}")
    return Stat(
        cpus=cpus,
        total=total,
        interrupts=numbers.get("intr"),
        context_switches=numbers.get("ctxt"),
        forks=numbers.get("processes"),
        blocked=numbers.get("procs_blocked"),
        faults=tuple(faults),
    )


def parse_cpu_times(text: str) -> CpuTimes:
    """From the columns of one CPU, in ticks. More than the ten that are known are passed over."""
    ticks = [_parse_count(word) for word in text.split()[:10]]
    if len(ticks) < 4:
        raise ValueError(f"CPU times want four columns or more: {shorten(text)!r}")
    return CpuTimes(*[tick / USER_HZ for tick in ticks])


def read_boot_time(host: Host) -> int | None:
    """Unix seconds of boot by the wall clock as it is now: setting the clock moves it.

    None where it is not printed, or is 0: then no clock was ever set. Raises OSError or ValueError.
    """
    return parse_boot_time(host.read_text(f"{host.procfs}/stat"))


def parse_boot_time(text: str) -> int | None:
    """From the line `btime 1795356413`."""
    _, found, rest = f"\n{text}".partition("\nbtime ")
    return (_parse_count(rest.partition("\n")[0]) or None) if found else None


def _parse_count(text: str) -> int:
    number = parse_int(text)
    if number < 0:
        raise ValueError(f"a count below zero: {text}")
    return number


def _keep(value: T | Fault, faults: list[Fault]) -> T | None:
    if isinstance(value, Fault):
        faults.append(value)
        return None
    return value


_NUMBERS = frozenset({"intr", "ctxt", "processes", "procs_blocked"})
