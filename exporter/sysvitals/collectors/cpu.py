"""What the CPUs do and how fast they run: time by mode, frequency, interrupts, context switches."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Annotated, Any

from sysvitals.host.host import Host
from sysvitals.model.collector import Collector, Fault
from sysvitals.model.metric import Counter, Detail, Gauge, Label
from sysvitals.model.reading import Reading
from sysvitals.sources.proc.stat import CpuTimes, read_stat
from sysvitals.sources.sys.cpus import Policy, read_policies, read_present_cpus


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
_BLOCKED = Gauge("procs_blocked", help="Tasks that can do nothing but wait for a disk.", origin=_STAT)
_FREQUENCY_HELP = "Frequency by what the kernel last asked for. Firmware that throttles may run the CPU slower."
_FREQUENCY = _hertz("cpu_scaling_frequency", "scaling_cur_freq", _FREQUENCY_HELP)
_LIMIT_HELP = "Highest frequency allowed now. The kernel lowers it where it cools the CPU, and people may."
_LIMIT = _hertz("cpu_scaling_frequency_max", "scaling_max_freq", _LIMIT_HELP)
_LOWEST = _hertz("cpu_frequency_min", "cpuinfo_min_freq", "Lowest frequency that the CPU can run at.")
_HIGHEST = _hertz("cpu_frequency_max", "cpuinfo_max_freq", "Highest frequency that the CPU can run at.")

_Busy = Annotated[float | None, Detail("Time since the reading before but for idle and iowait.", unit="percent")]
_Percent = Annotated[float | None, Detail("Time in this mode since the reading before.", unit="percent")]
_Seconds = Annotated[float | None, Detail("Time in this mode since boot, of all CPUs together.", unit="seconds")]


@dataclass(frozen=True, slots=True, kw_only=True)
class CpuTime(Reading, event="system.cpu.time.updated"):
    """One CPU: its time by mode and its frequency. An offline CPU has neither."""

    cpu: Annotated[str, Label("Number of the CPU, as in /proc/stat.")]
    online: Annotated[bool, _ONLINE]
    busy_percent: _Busy = None
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
    frequency: Annotated[int | None, _FREQUENCY] = None
    frequency_limit: Annotated[int | None, _LIMIT] = None
    frequency_minimum: Annotated[int | None, _LOWEST] = None
    frequency_maximum: Annotated[int | None, _HIGHEST] = None


@dataclass(frozen=True, slots=True, kw_only=True)
class CpuUsage(Reading, event="system.cpu.usage.updated"):
    """All CPUs together: how they spent their time since the reading before, and what the kernel counted."""

    busy_percent: _Busy = None
    user_percent: _Percent = None
    nice_percent: _Percent = None
    system_percent: _Percent = None
    idle_percent: _Percent = None
    iowait_percent: _Percent = None
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


def read(host: Host) -> Iterator[CpuTime | CpuUsage | Fault]:
    """One reading of each CPU that is there, and one of all together."""
    stat = read_stat(host)
    yield from stat.faults
    policies: dict[int, Policy] = {}
    for policy in read_policies(host):
        if isinstance(policy, Fault):
            yield policy
        else:
            policies.update(dict.fromkeys(policy.cpus, policy))
    present = read_present_cpus(host)
    if isinstance(present, Fault):
        yield present
        present = ()
    for cpu in sorted({*stat.cpus, *present}):
        times = stat.cpus.get(cpu)
        yield times if isinstance(times, Fault) else _cpu_time(str(cpu), times, policies.get(cpu, _UNKNOWN))
    yield CpuUsage(
        **{f"{mode}_seconds": getattr(stat.total, mode, None) for mode in _MODES},
        context_switches=stat.context_switches,
        interrupts=stat.interrupts,
        forks=stat.forks,
        blocked=stat.blocked,
    )


def compare(now: CpuTime | CpuUsage, before: CpuTime | CpuUsage, _seconds: float | None) -> CpuTime | CpuUsage:
    """Percent of the time that the kernel accounted for between the two. A mode that went back counts as none."""
    values = ((mode, getattr(now, f"{mode}_seconds"), getattr(before, f"{mode}_seconds")) for mode in _MODES)
    pairs = [(mode, new, old) for mode, new, old in values if new is not None and old is not None]
    # idle and iowait step back a little by themselves; rate() would take that for a restart and add the whole total
    steady = {f"{mode}_seconds": old for mode, new, old in pairs if 0 < old - new < _JITTER_SECONDS}
    if steady:
        now = replace(now, **steady)
    spent = {mode: max(0.0, new - old) for mode, new, old in pairs}
    if not (whole := sum(spent.values())):
        return now
    percent = {mode: 100 * time / whole for mode, time in spent.items()}
    busy = round(sum(share for mode, share in percent.items() if mode not in ("idle", "iowait")), 2)
    changes: dict[str, Any] = {"busy_percent": busy}
    if isinstance(now, CpuUsage):
        changes |= {f"{mode}_percent": round(share, 2) for mode, share in percent.items()}
    return replace(now, **changes)


def _cpu_time(cpu: str, times: CpuTimes | None, policy: Policy) -> CpuTime:
    # only CPUs that are online have a line in /proc/stat, and run at a frequency
    if times is None:
        return CpuTime(cpu=cpu, online=False)
    return CpuTime(
        cpu=cpu,
        online=True,
        **{f"{mode}_seconds": getattr(times, mode) for mode in (*_MODES, "guest", "guest_nice")},
        frequency=policy.current,
        frequency_limit=policy.limit,
        frequency_minimum=policy.lowest,
        frequency_maximum=policy.highest,
    )


_JITTER_SECONDS = 3.0  # what goes back further was reset, as when a CPU comes back
_MODES = ("user", "nice", "system", "idle", "iowait", "irq", "softirq", "steal")
_UNKNOWN = Policy((), None, None, None, None)

COLLECTOR = Collector(
    name="cpu", help="CPU time and frequency", readings=(CpuTime, CpuUsage), read=read, compare=compare
)
