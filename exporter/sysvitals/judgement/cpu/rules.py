"""The rules of this subject for Prometheus: never imported by the program."""

from sysvitals.judgement.cpu import judge
from sysvitals.judgement.rule import Alert, Subject, beside, per_second
from sysvitals.judgement.thresholds import BOOT_SETTLED, CPU_STOLEN, CPU_WAITING, LOAD_HIGH, LOAD_LEAST, NICED

_PRESSURE = per_second('system_pressure_waiting_seconds_total{resource="cpu"}', "10m")
_LOAD = "avg_over_time(instance:system_load1_per_cpu:ratio[10m])"


def _part(mode: str) -> str:
    seconds = per_second(f'system_cpu_seconds_total{{mode="{mode}"}}', "10m")
    return f"avg without (cpu, mode) ({seconds})"


_ORDINARY = f"""and on (job, instance) avg_over_time(system_load1[10m]) >= {LOAD_LEAST.value:g}
unless on (job, instance) system_uptime_seconds < {BOOT_SETTLED.value:g}
unless on (job, instance) {_part("nice")} > {NICED.value:g}
unless on (job, instance) {_part("steal")} > {CPU_STOLEN.value:g}"""

LOAD = Alert(
    **beside(judge.LOAD),
    value=_LOAD,
    compares=">",
    threshold=LOAD_HIGH,
    condition=f"""{_ORDINARY}
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
        "else. Half an hour, because a build or a backup of minutes needs no one."
    ),
)

SATURATED = Alert(
    **beside(judge.SATURATED),
    value=_PRESSURE,
    compares=">",
    threshold=CPU_WAITING,
    condition=f"""and on (job, instance) {_LOAD} > {LOAD_HIGH.value:g}
{_ORDINARY}""",
    summary="{{ $labels.instance }}: tasks wait for a CPU {{ $value | humanizePercentage }} of the time",
    description=(
        "For half an hour some task of {{ $labels.instance }} has waited for a CPU {{ $value | humanizePercentage }} "
        "of the time: there is more work than it can do. See which: `top`. Is it throttled as well "
        "(`system_throttled`, `system_heat_limited`)? Then mend that first."
    ),
    why=(
        f"{LOAD_HIGH.why} {BOOT_SETTLED.why} {NICED.why} Half an hour, as with the load. A kernel without pressure "
        "stall information has no such series; then LoadHigh speaks. Ten minutes hold two samples at least where one "
        "comes each two minutes and one is missed."
    ),
)

STOLEN = Alert(
    **beside(judge.STOLEN),
    value=_part("steal"),
    compares=">",
    threshold=CPU_STOLEN,
    summary="{{ $labels.instance }}: the CPUs are withheld {{ $value | humanizePercentage }} of the time (steal)",
    description=(
        "For half an hour {{ $labels.instance }} has had no CPU {{ $value | humanizePercentage }} of the time although "
        "it had work to do: the host of this virtual machine gives them to others, or its plan's share is used up. "
        "`st` in `top` shows it. Ask who runs the host, or take a larger plan."
    ),
    why="Half an hour outlasts a neighbour's backup. While it is so, LoadHigh and CpuSaturated follow from it.",
)

SUBJECT = Subject(name="cpu", help="More work than the processor can do.", rules=(LOAD, SATURATED, STOLEN))
