"""The rules of this subject for Prometheus: never imported by the program."""

from sysvitals.judgement.memory import judge
from sysvitals.judgement.rule import Alert, Subject, beside, per_second
from sysvitals.judgement.texts import tell
from sysvitals.judgement.thresholds import (
    MEMORY_FILLS_SOON,
    MEMORY_LOW,
    MEMORY_MOSTLY_USED,
    MEMORY_ROOM,
    MEMORY_STALLED,
    MEMORY_STEADY,
    MEMORY_VERY_LOW,
    SWAP_LEFT,
)

_NO_ROOM = f"and system_memory_available_bytes < {MEMORY_ROOM.value:g}"

_LEFT = tell("system_memory_available_bytes{SAME}", "{{ VALUE | humanize1024 }}B are left", "little is left")

LOW = (
    Alert(
        **beside(judge.LOW),
        value="instance:system_memory_used:ratio",
        compares=">",
        threshold=MEMORY_LOW,
        condition=_NO_ROOM,
        summary="{{ $labels.instance }}: {{ $value | humanizePercentage }} of the memory is used",
        description=(
            "Programs of {{ $labels.instance }} have taken {{ $value | humanizePercentage }} of the memory: "
            + _LEFT
            + ", which has to serve as cache too. See which programs: `ps axo rss,comm --sort=-rss | head`; and "
            "whether one of them grows: `system_memory_available_bytes` over a week."
        ),
        why=f"{MEMORY_ROOM.why} Half an hour outlasts an update and a backup.",
    ),
    Alert(
        **beside(judge.VERY_LOW),
        value="instance:system_memory_used:ratio",
        compares=">",
        threshold=MEMORY_VERY_LOW,
        condition=f"""{_NO_ROOM}
unless on (job, instance)
system_memory_swap_free_bytes / system_memory_swap_size_bytes > {SWAP_LEFT.value:g}""",
        summary="{{ $labels.instance }}: {{ $value | humanizePercentage }} of the memory is used, and no swap is left",
        description=(
            "{{ $labels.instance }} has used {{ $value | humanizePercentage }} of its memory: "
            + _LEFT
            + ", and no swap. The kernel will soon kill a program, or the host will stand still. See what takes it: "
            "`ps axo rss,comm --sort=-rss | head`, and restart or stop that."
        ),
        why=(
            f"{SWAP_LEFT.why} A board that lives on its swap is slow, and MemoryStalled says so. Five minutes: "
            "programs that ask for much at once are refused or killed by then."
        ),
    ),
)


_MINUTES = judge.PIECE_SECONDS // 60


def _mean(pieces_ago: int) -> str:
    ago = f" offset {pieces_ago * _MINUTES}m" if pieces_ago else ""
    return f"avg_over_time(system_memory_available_bytes[{_MINUTES}m]{ago})"


_LOST = f"({_mean(judge.PIECES)} - {_mean(0)})"
_STEADILY = "\n".join(
    f"and {_mean(n)} - {_mean(n - 1)} > {MEMORY_STEADY.value:g} * {_LOST}" for n in range(judge.PIECES, 0, -1)
)

FILLING = Alert(
    **beside(judge.FILLING),
    # in tens of minutes: what is predicted is not known better
    value=f"ceil(system_memory_available_bytes / ({_LOST} > 0) * {judge.PIECES * _MINUTES} / 10) * 10",
    compares="<=",
    threshold=MEMORY_FILLS_SOON,
    condition=f"""and instance:system_memory_used:ratio > {MEMORY_MOSTLY_USED.value:g}
{_STEADILY}""",
    summary=(
        "{{ $labels.instance }}: the memory will be used up in less than "
        '{{ $value | printf "%.0f" }} minutes at this pace'
    ),
    description=(
        "For a quarter of an hour {{ $labels.instance }} has lost memory steadily. At this pace the rest is used up "
        'in less than {{ $value | printf "%.0f" }} minutes, and then the kernel kills a program. See which program '
        "grows: `ps axo rss,comm --sort=-rss | head`, twice, and restart it."
    ),
    why=(
        f"{MEMORY_MOSTLY_USED.why} {MEMORY_STEADY.why} A line through the last minutes (predict_linear) would take "
        "each program that starts for a leak. The means of five minutes need no sample at their edges."
    ),
)

STALLED = Alert(
    **beside(judge.STALLED),
    value=per_second('system_pressure_stalled_seconds_total{resource="memory"}', "10m"),
    compares=">",
    threshold=MEMORY_STALLED,
    summary="{{ $labels.instance }}: stalled {{ $value | humanizePercentage }} of the time, memory is short",
    description=(
        "{{ $value | humanizePercentage }} of the time everything on {{ $labels.instance }} waits for memory to be "
        "freed or read back: it thrashes. See what takes the memory: `ps axo rss,comm --sort=-rss | head`, and "
        "`vmstat 5` for swapping."
    ),
    why=(
        "The kernel's pressure stall information, averaged over ten minutes and true for fifteen more: the start "
        "of a large program is over by then. A kernel without it (Raspberry Pi OS wants psi=1 on its command "
        "line) has no such series, and then only MemoryLow speaks."
    ),
)

OUT_OF_MEMORY = Alert(
    **beside(judge.OUT_OF_MEMORY),
    value="increase(system_memory_oom_kills_total[1h])",
    compares=">",
    threshold=0,
    summary='{{ $labels.instance }}: memory ran out, {{ $value | printf "%.0f" }} killed',
    description=(
        'Tasks that the kernel of {{ $labels.instance }} killed within an hour: {{ $value | printf "%.0f" }}. The '
        "memory ran out, of the whole host or of one container. Which: `journalctl -k --since -2h | grep -i 'out of "
        "memory'`. Is what was killed running again?"
    ),
    why=(
        "A moment's fact: the window of an hour keeps it long enough to be told, and tells kills that follow one "
        "another once. The counter starts anew with each boot, which increase() knows."
    ),
)

SUBJECT = Subject(name="memory", help="Memory that runs out.", rules=(*LOW, FILLING, STALLED, OUT_OF_MEMORY))
