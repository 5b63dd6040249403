"""More work than the processor can do, as the host judges it."""

from collections.abc import Iterator

from sysvitals.judgement.judgement import Facts, Finding, Judgement, Watch
from sysvitals.judgement.thresholds import BOOT_SETTLED, CPU_WAITING, LOAD_HIGH, LOAD_LEAST, NICED
from sysvitals.model.unit import format_value

_LOAD, _TIME, _WAITING = "system_load1", "system_cpu_seconds_total", "system_pressure_waiting_seconds_total"
_OF_CPU = {"resource": "cpu"}
_SECONDS = 300.0


def _find_load(facts: Facts) -> Iterator[Finding]:
    load = facts.average(_LOAD, {}, _SECONDS)
    cpus = sum(sample.labels["mode"] == "idle" for sample in facts.all(_TIME))
    if load is None or not cpus or load < LOAD_LEAST.value or load / cpus <= LOAD_HIGH.value:
        return
    waiting = facts.rate(_WAITING, _OF_CPU, _SECONDS)
    if _is_ordinary(facts) and (waiting is None or waiting <= CPU_WAITING.value):
        yield Finding((), f"Overloaded: load {load:.1f} on {cpus} CPU{'s' if cpus > 1 else ''}")


def _find_saturated(facts: Facts) -> Iterator[Finding]:
    waiting = facts.rate(_WAITING, _OF_CPU, _SECONDS)
    if waiting is not None and waiting > CPU_WAITING.value and _is_ordinary(facts):
        yield Finding((), f"Overloaded: tasks wait for a CPU {format_value(waiting, 'ratio')} of the time")


def _is_ordinary(facts: Facts) -> bool:
    """Whether the work counts: not what a start brings, nor work that was started to take what nothing else needs."""
    nice = [sample.labels for sample in facts.all(_TIME) if sample.labels["mode"] == "nice"]
    parts = [part for labels in nice if (part := facts.rate(_TIME, labels, _SECONDS)) is not None]
    is_nice = bool(parts) and sum(parts) / len(parts) > NICED.value
    return facts.uptime >= BOOT_SETTLED.value and not is_nice


_WATCHES = (Watch(_WAITING, _SECONDS, (("resource", "cpu"),)), Watch(_TIME, _SECONDS, (("mode", "nice"),)))

LOAD = Judgement(
    alert="LoadHigh",
    severity="warning",
    area="cpu",
    find=_find_load,
    lasts=1800,
    keeps=900,
    watches=(Watch(_LOAD, _SECONDS), *_WATCHES),
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

JUDGEMENTS = (LOAD, SATURATED)
