"""More work than the processor can do, as the host judges it."""

from collections.abc import Iterator

from sysvitals.judgement.judgement import Facts, Finding, Judgement, Watch
from sysvitals.judgement.thresholds import BOOT_SETTLED, CPU_STOLEN, CPU_WAITING, LOAD_HIGH, LOAD_LEAST, NICED
from sysvitals.model.unit import format_value

_LOAD, _TIME, _WAITING = "system_load1", "system_cpu_seconds_total", "system_pressure_waiting_seconds_total"
_OF_CPU = {"resource": "cpu"}
_SECONDS = 600.0


def _find_load(facts: Facts) -> Iterator[Finding]:
    load, cpus = _measure_overload(facts)
    if load and _waiting(facts) <= CPU_WAITING.value:
        yield Finding((), f"Overloaded: load {load:.1f} on {cpus} CPU{'s' if cpus > 1 else ''}")


def _find_saturated(facts: Facts) -> Iterator[Finding]:
    load, _ = _measure_overload(facts)
    if load and (waiting := _waiting(facts)) > CPU_WAITING.value:
        yield Finding((), f"Overloaded: tasks wait for a CPU {format_value(waiting, 'ratio')} of the time")


def _find_stolen(facts: Facts) -> Iterator[Finding]:
    stolen = _part(facts, "steal")
    if stolen > CPU_STOLEN.value:
        text = f"The virtual machine's host withholds the CPUs {format_value(stolen, 'ratio')} of the time"
        yield Finding((), text, stolen)


def _measure_overload(facts: Facts) -> tuple[float, int]:
    """The load and the number of CPUs; both 0 where they can do it, or it does not count.

    What a start brings does not count, nor work that was started to take what nothing else needs. A virtual machine
    that is not given its CPUs has another fault.
    """
    load = facts.average(_LOAD, {}, _SECONDS) or 0.0
    if load < LOAD_LEAST.value:
        return 0.0, 0
    cpus = sum(sample.labels["mode"] == "idle" for sample in facts.all(_TIME))
    if not cpus or load / cpus <= LOAD_HIGH.value:
        return 0.0, 0
    is_ordinary = (
        facts.uptime >= BOOT_SETTLED.value
        and _part(facts, "nice") <= NICED.value
        and _part(facts, "steal") <= CPU_STOLEN.value
    )
    return (load, cpus) if is_ordinary else (0.0, 0)


def _waiting(facts: Facts) -> float:
    """The part of the time in which some task waited for a CPU; 0 where that is not known."""
    return facts.rate(_WAITING, _OF_CPU, _SECONDS) or 0.0


def _part(facts: Facts, mode: str) -> float:
    """The part of the time that the CPUs spent in this mode; 0 where that is not known."""
    times = [sample for sample in facts.all(_TIME) if sample.labels["mode"] == mode]
    # most hosts never had any time in it
    parts = [facts.rate(_TIME, sample.labels, _SECONDS) or 0.0 for sample in times if sample.value]
    return sum(parts) / len(times) if parts else 0.0


_STEAL = Watch(_TIME, _SECONDS, (("mode", "steal"),))
_WATCHES = (
    Watch(_LOAD, _SECONDS),
    Watch(_WAITING, _SECONDS, (("resource", "cpu"),)),
    Watch(_TIME, _SECONDS, (("mode", "nice"),)),
    _STEAL,
)

LOAD = Judgement(
    alert="LoadHigh",
    severity="warning",
    area="cpu",
    find=_find_load,
    lasts=1800,
    keeps=900,
    watches=_WATCHES,
    remedy="`top -H` shows what runs, `ps axo stat,wchan:20,comm | grep ^D` what waits for a disk or a server.",
)
SATURATED = Judgement(
    alert="CpuSaturated",
    severity="warning",
    area="cpu",
    find=_find_saturated,
    lasts=1800,
    keeps=900,
    watches=_WATCHES,
    remedy="`top` shows what takes the CPU. If the board is throttled as well, mend that first.",
)
STOLEN = Judgement(
    alert="CpuStolen",
    severity="warning",
    area="cpu",
    find=_find_stolen,
    lasts=1800,
    keeps=900,
    watches=(_STEAL,),
    remedy="Ask who runs the virtual machine's host; `st` in `top` shows it. A larger plan or another host helps.",
)

JUDGEMENTS = (LOAD, SATURATED, STOLEN)
