"""The rules of this subject for Prometheus: never imported by the program."""

from sysvitals.judgement.memory import judge
from sysvitals.judgement.rule import Alert, Subject, beside
from sysvitals.judgement.texts import tell
from sysvitals.judgement.thresholds import MEMORY_LOW, MEMORY_ROOM, MEMORY_STALLED, MEMORY_VERY_LOW, SWAP_LEFT

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

STALLED = Alert(
    **beside(judge.STALLED),
    value='resource:system_pressure_stalled:ratio_rate5m{resource="memory"}',
    compares=">",
    threshold=MEMORY_STALLED,
    summary="{{ $labels.instance }}: stalled {{ $value | humanizePercentage }} of the time, memory is short",
    description=(
        "{{ $value | humanizePercentage }} of the time everything on {{ $labels.instance }} waits for memory to be "
        "freed or read back: it thrashes. See what takes the memory: `ps axo rss,comm --sort=-rss | head`, and "
        "`vmstat 5` for swapping."
    ),
    why=(
        "The kernel's pressure stall information, averaged over five minutes and true for ten: the start of a large "
        "program is over by then. A kernel without it (Raspberry Pi OS wants psi=1 on its command line) has no such "
        "series, and then only MemoryLow speaks."
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

SUBJECT = Subject(name="memory", help="Memory that runs out.", rules=(*LOW, STALLED, OUT_OF_MEMORY))
