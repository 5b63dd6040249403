"""The rules of this subject for Prometheus: never imported by the program."""

from sysvitals.judgement.cpu import judge
from sysvitals.judgement.rule import Alert, Subject, beside
from sysvitals.judgement.thresholds import BOOT_SETTLED, CPU_WAITING, LOAD_HIGH, LOAD_LEAST, NICED

_PRESSURE = 'resource:system_pressure_waiting:ratio_rate5m{resource="cpu"}'

_ORDINARY = f"""unless on (job, instance) system_uptime_seconds < {BOOT_SETTLED.value:g}
unless on (job, instance) avg without (cpu, mode) (
  rate(system_cpu_seconds_total{{mode="nice"}}[5m])
) > {NICED.value:g}"""

LOAD = Alert(
    **beside(judge.LOAD),
    value="avg_over_time(instance:system_load1_per_cpu:ratio[5m])",
    compares=">",
    threshold=LOAD_HIGH,
    condition=f"""and on (job, instance) avg_over_time(system_load1[5m]) >= {LOAD_LEAST.value:g}
{_ORDINARY}
unless on (job, instance) {_PRESSURE} > {CPU_WAITING.value:g}""",
    summary='{{ $labels.instance }}: load of {{ $value | printf "%.1f" }} tasks for each CPU',
    description=(
        'For half an hour {{ $value | printf "%.1f" }} tasks for each CPU of {{ $labels.instance }} have run or '
        "waited, for a CPU or for a disk. See which: `top -H`; those in state D wait for a disk or a server: `ps axo "
        "stat,wchan:20,comm | grep ^D`."
    ),
    why=(
        f"{LOAD_LEAST.why} {BOOT_SETTLED.why} {NICED.why} Where the kernel measures pressure on the CPUs and finds "
        "it, CpuSaturated says so, and this stays silent; it speaks there only of tasks that wait for something "
        "else. Half an hour: a build or a backup of minutes is nobody's business."
    ),
)

SATURATED = Alert(
    **beside(judge.SATURATED),
    value=_PRESSURE,
    compares=">",
    threshold=CPU_WAITING,
    condition=_ORDINARY,
    summary="{{ $labels.instance }}: tasks wait for a CPU {{ $value | humanizePercentage }} of the time",
    description=(
        "For half an hour some task of {{ $labels.instance }} has waited for a CPU {{ $value | humanizePercentage }} "
        "of the time: there is more work than it can do. See which: `top`. Is it throttled as well "
        "(`system_throttled`, `system_heat_limited`)? Then mend that first."
    ),
    why=(
        f"{BOOT_SETTLED.why} {NICED.why} Half an hour, as with the load. A kernel without pressure stall information "
        "has no such series; then LoadHigh speaks."
    ),
)

SUBJECT = Subject(name="cpu", help="More work than the processor can do.", rules=(LOAD, SATURATED))
