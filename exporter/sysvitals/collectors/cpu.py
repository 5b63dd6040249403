"""What the CPUs do and how fast they run: time by mode, frequency, interrupts, context switches.

The times are one table of the kernel. Frequencies are asked of a driver, which can be slow: each policy stands alone.
"""

from collections.abc import Iterator
from functools import partial
from typing import Annotated, Any

from sysvitals.host.files import attempt
from sysvitals.host.host import Host
from sysvitals.model.collector import Collector, Fault, Probe, Unavailable
from sysvitals.model.metric import Counter, Detail, Gauge, Label
from sysvitals.model.reading import Reading, amend
from sysvitals.sources.proc.lxcfs import read_lxcfs
from sysvitals.sources.proc.stat import CpuTimes, read_stat
from sysvitals.sources.sys.cpus import Policy, list_policies, read_frequencies, read_offline_cpus, read_online_cpus


def _hertz(name: str, file: str, text: str) -> Gauge:
    return Gauge(name, unit="hertz", help=text, origin=f"/sys/devices/system/cpu/cpufreq/policy*/{file}")


_STAT = "/proc/stat"
_TIME = Counter("cpu", unit="seconds", help="Time that the CPU spent in each mode, since boot.", origin=_STAT)
_GUEST_HELP = "Time that the CPU ran virtual machines, since boot. It is part of the mode of the same name, too."
_GUEST = Counter("cpu_guest", unit="seconds", help=_GUEST_HELP, origin=_STAT)
_ONLINE = Gauge("cpu_online", help="1 where the CPU runs, 0 where it is there but was taken offline.", origin=_STAT)
_SWITCHES = Counter("context_switches", help="Switches from one task to another, since boot.", origin=_STAT)
_INTERRUPTS = Counter("intr", help="Interrupts served since boot.", origin=_STAT)
_FORKS = Counter("forks", help="Tasks started since boot.", origin=_STAT)
_BLOCKED = Gauge("procs_blocked", help="Tasks that can do nothing but wait for a disk.", origin=_STAT, summary=True)
_FREQUENCY_HELP = "Frequency by what the kernel last asked for. Firmware that throttles may run the CPU slower."
_FREQUENCY = _hertz("cpu_scaling_frequency", "scaling_cur_freq", _FREQUENCY_HELP)
_LIMIT_HELP = "Highest frequency allowed now. The kernel lowers it where it cools the CPU, and people may."
_LIMIT = _hertz("cpu_scaling_frequency_max", "scaling_max_freq", _LIMIT_HELP)
_LOWEST = _hertz("cpu_frequency_min", "cpuinfo_min_freq", "Lowest frequency that the CPU can run at.")
_HIGHEST = _hertz("cpu_frequency_max", "cpuinfo_max_freq", "Highest frequency that the CPU can run at.")

_BUSY_HELP = "Time since the reading before but for idle and iowait."
_Percent = Annotated[float | None, Detail("Time in this mode since the reading before.", unit="percent")]
_Summed = Annotated[float | None, Detail("Time in this mode since the reading before.", unit="percent", summary=True)]
_Seconds = Annotated[float | None, Detail("Time in this mode since boot, of all CPUs together.", unit="seconds")]


class CpuTime(Reading, event="system.cpu.time.updated"):
    """One CPU: its time by mode, of which an offline one has none."""

    cpu: Annotated[str, Label("Number of the CPU, as in /proc/stat.")]
    online: Annotated[bool, _ONLINE]
    busy_percent: Annotated[float | None, Detail(_BUSY_HELP, unit="percent")] = None
    user_seconds: Annotated[float | None, _TIME.at(mode="user")] = None
    nice_seconds: Annotated[float | None, _TIME.at(mode="nice")] = None
    system_seconds: Annotated[float | None, _TIME.at(mode="system")] = None
    idle_seconds: Annotated[float | None, _TIME.at(mode="idle")] = None
    iowait_seconds: Annotated[float | None, _TIME.at(mode="iowait")] = None
    irq_seconds: Annotated[float | None, _TIME.at(mode="irq")] = None
    softirq_seconds: Annotated[float | None, _TIME.at(mode="softirq")] = None
    steal_seconds: Annotated[float | None, _TIME.at(mode="steal")] = None
    guest_seconds: Annotated[float | None, _GUEST.at(mode="user")] = None
    guest_nice_seconds: Annotated[float | None, _GUEST.at(mode="nice")] = None


class CpuFrequency(Reading, event="system.cpu.frequency.updated"):
    """The frequency of one CPU that is online."""

    cpu: Annotated[str, Label("Number of the CPU, as in /proc/stat.")]
    frequency: Annotated[int | None, _FREQUENCY] = None
    frequency_limit: Annotated[int | None, _LIMIT] = None
    frequency_minimum: Annotated[int | None, _LOWEST] = None
    frequency_maximum: Annotated[int | None, _HIGHEST] = None


class CpuUsage(Reading, event="system.cpu.usage.updated"):
    """All CPUs together: how they spent their time since the reading before, and what the kernel counted."""

    busy_percent: Annotated[float | None, Detail(_BUSY_HELP, unit="percent", summary=True)] = None
    user_percent: _Percent = None
    nice_percent: _Summed = None
    system_percent: _Percent = None
    idle_percent: _Percent = None
    iowait_percent: _Summed = None
    irq_percent: _Percent = None
    softirq_percent: _Percent = None
    steal_percent: _Percent = None
    user_seconds: _Seconds = None
    nice_seconds: _Seconds = None
    system_seconds: _Seconds = None
    idle_seconds: _Seconds = None
    iowait_seconds: _Seconds = None
    irq_seconds: _Seconds = None
    softirq_seconds: _Seconds = None
    steal_seconds: _Seconds = None
    context_switches: Annotated[int | None, _SWITCHES] = None
    interrupts: Annotated[int | None, _INTERRUPTS] = None
    forks: Annotated[int | None, _FORKS] = None
    blocked: Annotated[int | None, _BLOCKED] = None


_Reading = CpuTime | CpuUsage | CpuFrequency


def read(host: Host) -> Iterator[CpuTime | CpuUsage | Fault | Unavailable]:
    """One reading of each CPU that this host has, and one of all together."""
    stat = read_stat(host)
    yield from stat.faults
    offline = attempt("offline CPUs", read_offline_cpus, host)
    if isinstance(offline, Fault):
        yield offline
        offline = ()
    for cpu in sorted({*stat.cpus, *offline}):
        if cpu not in stat.cpus:
            yield CpuTime(cpu=str(cpu), online=False)
        elif not _is_empty(stat.cpus[cpu]):
            times = {f"{mode}_seconds": getattr(stat.cpus[cpu], mode) for mode in (*_MODES, "guest", "guest_nice")}
            yield CpuTime(cpu=str(cpu), online=True, **times)
    counts = {name: getattr(stat, name) for name in ("context_switches", "interrupts", "forks", "blocked")}
    if "stat" in read_lxcfs(host):
        counts = {}
        yield Unavailable(
            "interrupts, context switches, forks and blocked tasks: /proc/stat has those of the container's host"
        )
    yield CpuUsage(**{f"{mode}_seconds": getattr(stat.total, mode, None) for mode in _MODES}, **counts)


def find(host: Host) -> Iterator[Probe | Fault | Unavailable]:
    """The frequency policies, each by itself."""
    policies = list_policies(host)
    own = attempt("online CPUs", _read_own_cpus, host) if policies else None
    if isinstance(own, Fault):
        yield own
        own = None
    if own is not None and not own:
        yield Unavailable("frequencies: this container numbers its CPUs differently from its host")
        return
    for policy in policies:
        yield Probe(policy.name, partial(_read_policy, host, policy, own, hardware={}))


def _read_policy(
    host: Host, policy: Policy, own: frozenset[int] | None, hardware: dict[str, int]
) -> Iterator[CpuFrequency | Fault]:
    found = read_frequencies(host, policy, hardware)
    yield from found.faults
    values = {
        "frequency": found.current,
        "frequency_limit": found.limit,
        "frequency_minimum": found.lowest,
        "frequency_maximum": found.highest,
    }
    if any(values.values()):
        yield from (CpuFrequency(cpu=str(cpu), **values) for cpu in found.cpus if own is None or cpu in own)


def _read_own_cpus(host: Host) -> frozenset[int] | None:
    """The container's CPUs by the numbers of sysfs; none where those differ. None on a host of its own.

    lxcfs leaves out CPUs that are not the container's and numbers the rest from 0: those are the same only where all
    that sysfs calls online are listed.
    """
    if "stat" not in read_lxcfs(host):
        return None
    online, listed = read_online_cpus(host), frozenset(read_stat(host).cpus)
    return listed if online is None or online == listed else frozenset()


def _is_empty(times: CpuTimes) -> bool:
    """Whether it is a line of zeros, as containers show for CPUs not their own. One that runs has idled at least."""
    known = {getattr(times, mode) for mode in _MODES} - {None}
    return known == {0.0}


def compare(now: _Reading, before: _Reading, _seconds: float | None) -> _Reading:
    """Percent of the time that the kernel accounted for between the two. A mode that went back counts as none.

    Where a mode is not known there is none, but for those that an old kernel does not print, which are the last.
    """
    if isinstance(now, CpuFrequency):
        return now
    values = ((mode, getattr(now, f"{mode}_seconds"), getattr(before, f"{mode}_seconds")) for mode in _MODES)
    pairs = [(mode, new, old) for mode, new, old in values if new is not None and old is not None]
    # idle and iowait step back a little by themselves; rate() would take that for a restart and add the whole total
    steady = {f"{mode}_seconds": old for mode, new, old in pairs if 0 < old - new < _JITTER_SECONDS}
    if steady:
        now = amend(now, **steady)
    spent = {mode: max(0.0, new - old) for mode, new, old in pairs}
    if len(spent) < _LEAST_MODES or tuple(spent) != _MODES[: len(spent)]:
        return now
    if not (whole := sum(spent.values())):
        return now
    percent = {mode: 100 * time / whole for mode, time in spent.items()}
    busy = round(sum(share for mode, share in percent.items() if mode not in ("idle", "iowait")), 2)
    changes: dict[str, Any] = {"busy_percent": busy}
    if isinstance(now, CpuUsage):
        changes |= {f"{mode}_percent": round(share, 2) for mode, share in percent.items()}
    return amend(now, **changes)


_JITTER_SECONDS = 3.0  # what goes back further was reset, as when a CPU comes back
_LEAST_MODES = 4
_MODES = ("user", "nice", "system", "idle", "iowait", "irq", "softirq", "steal")

COLLECTOR = Collector(
    name="cpu",
    help="CPU time and frequency",
    readings=(CpuTime, CpuFrequency, CpuUsage),
    read=read,
    find=find,
    subsystems=("cpu", "drivers"),
    max_series=9000,  # a server has hundreds of CPUs, and no stranger adds any
    compare=compare,
)
