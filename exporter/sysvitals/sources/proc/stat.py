"""`/proc/stat`: how the CPUs spent their time, what the kernel counted since boot, and when that was."""

from functools import partial
from typing import NamedTuple

from sysvitals.host.files import parse_count, parse_fields, shorten
from sysvitals.host.host import Host
from sysvitals.model.collector import Fault
from sysvitals.sources.sys.cpus import MOST_CPUS

USER_HZ = 100
"""Ticks a second in /proc/stat, whatever HZ the kernel was built with: 100 on all architectures that Python runs on."""

_MOST_TICKS = 100 * 366 * 86400 * USER_HZ
"""A hundred years of one CPU. More is a time below zero that was printed without its sign: in ticks (lxcfs), or in the
kernel's nanoseconds, of which 64 bits of ones are 584 years."""


class CpuTimes(NamedTuple):
    """Seconds in each mode since boot. `user` contains `guest`, `nice` contains `guest_nice`.

    What an old kernel does not print is None, and what makes no sense. Any of them may go back: `idle` and `iowait` do
    by themselves, and all do where a virtual machine is moved.
    """

    user: float | None = None
    nice: float | None = None
    system: float | None = None
    idle: float | None = None
    iowait: float | None = None
    irq: float | None = None
    softirq: float | None = None
    steal: float | None = None
    guest: float | None = None
    guest_nice: float | None = None


class Stat(NamedTuple):
    """`cpus` are those online; `total` counts what offline ones did before, too. The rest counts since boot.

    `blocked` is how many tasks wait for a disk now. What is not printed is None; what makes no sense is too, and is
    among `faults`.
    """

    cpus: dict[int, CpuTimes]
    total: CpuTimes | None
    interrupts: int | None = None
    context_switches: int | None = None
    forks: int | None = None
    blocked: int | None = None
    faults: tuple[Fault, ...] = ()


def read_stat(host: Host) -> Stat:
    """Raises OSError, or ValueError for text that tells of no CPU."""
    return parse_stat(host.read_text(f"{host.procfs}/stat"))


def parse_stat(text: str) -> Stat:
    """From lines such as `cpu0 3353 4604 3354 224515 93 0 17 7 0 0` and `ctxt 2454474`."""
    cpus: dict[int, CpuTimes] = {}
    numbers: list[tuple[str, str]] = []
    faults: list[Fault] = []
    total: CpuTimes | None = None
    for line in text.split("\n"):
        key, _, rest = line.partition(" ")
        if key == "cpu":
            total, wrong = parse_cpu_times("all CPUs", rest, _MOST_TICKS * MOST_CPUS)
            faults += wrong
        elif key.startswith("cpu"):
            numbered, wrong = parse_fields("line", [(shorten(key), key[3:])], _parse_number)
            faults += wrong
            for number in numbered.values():
                cpus[number], wrong = parse_cpu_times(key, rest)
                faults += wrong
        elif key in _NUMBERS:
            # the first of a line that has a column for every interrupt there could be
            numbers.append((_NUMBERS[key], rest.partition(" ")[0]))
    if not cpus and total is None:
        raise ValueError(f"no CPU in /proc/stat: {shorten(text)!r}")
    counts, wrong = parse_fields("stat", numbers, parse_count)
    return Stat(cpus=cpus, total=total, **counts, faults=(*faults, *wrong))


def parse_cpu_times(what: str, text: str, most: int = _MOST_TICKS) -> tuple[CpuTimes, list[Fault]]:
    """From the columns of one CPU, in ticks: four or more. More than the ten that are known are passed over."""
    ticks = text.split()[:10]
    ticks += [""] * (4 - len(ticks))
    times, faults = parse_fields(what, zip(_MODES, ticks, strict=False), partial(_parse_ticks, most=most))
    return CpuTimes(**times), faults


def read_boot_time(host: Host, uptime: float | None) -> int | None:
    """Unix seconds of boot by the wall clock as it is now: setting the clock moves it.

    None where it is not printed, or is 0: then no clock was ever set. Raises OSError or ValueError.
    The file is long, with a column for each interrupt there could be. So it is read again only when the wall clock was
    set, which moves it against `uptime` (None: not known).
    """
    started = None if uptime is None else host.time() - uptime
    known = host.kept.get(_KEPT)
    if known is None or started is None or abs(started - known[0]) > _CLOCK_SET_SECONDS:
        known = host.kept[_KEPT] = started or 0.0, parse_boot_time(host.read_text(f"{host.procfs}/stat"))
    boot_time: int | None = known[1]
    return boot_time


def parse_boot_time(text: str) -> int | None:
    """From the line `btime 1795356413`."""
    _, found, rest = f"\n{text}".partition("\nbtime ")
    return (parse_count(rest.partition("\n")[0], _MOST_BOOT_TIME) or None) if found else None


def _parse_ticks(text: str, most: int) -> float:
    return parse_count(text, most) / USER_HZ


def _parse_number(text: str) -> int:
    return parse_count(text, MOST_CPUS - 1)


_NUMBERS = {"intr": "interrupts", "ctxt": "context_switches", "processes": "forks", "procs_blocked": "blocked"}
_MODES = ("user", "nice", "system", "idle", "iowait", "irq", "softirq", "steal", "guest", "guest_nice")

_KEPT = "boot time"
_CLOCK_SET_SECONDS = 0.1
_MOST_BOOT_TIME = 1 << 35
"""The year 3058: more is a time before 1970 that was printed without its sign."""
