"""The rules of this subject for Prometheus: never imported by the program."""

from sysvitals.judgement.disk import judge
from sysvitals.judgement.left_alone import DISK
from sysvitals.judgement.rule import Alert, Subject, beside
from sysvitals.judgement.texts import tell
from sysvitals.judgement.thresholds import (
    DISK_BUSY,
    DISK_QUEUE,
    IO_STALLED,
    STORAGE_WORN,
    STORAGE_WORN_OUT,
    TASKS_BLOCKED,
)

SATURATED = Alert(
    **beside(judge.SATURATED),
    value=f'rate(system_disk_io_time_seconds_total{{device!~"{judge.ON_OTHERS}"}}[30m])',
    compares=">",
    threshold=DISK_BUSY,
    condition=f"""and on (job, instance, device)
rate(system_disk_io_time_weighted_seconds_total[30m]) > {DISK_QUEUE.value:g}
{DISK.unless}""",
    summary="{{ $labels.instance }}: {{ $labels.device }} is busy {{ $value | humanizePercentage }} of the time",
    description=(
        "For an hour {{ $labels.device }} has been busy {{ $value | humanizePercentage }} of the time, with a queue "
        "before it: all that reads or writes it is slow. See what does: `sudo iotop -oa`. A card that does this with "
        "little traffic is failing: `dmesg | grep -i mmc`."
    ),
    why=(
        f"{DISK_QUEUE.why} The average over half an hour, true for half an hour more: a backup or a copy may take "
        "that long. Devices that lie on other disks (LVM, RAID) are left out, so that one disk is told once."
    ),
)

STALLED = Alert(
    **beside(judge.STALLED),
    value='resource:system_pressure_stalled:ratio_rate5m{resource="io"}',
    compares=">",
    threshold=IO_STALLED,
    condition=f"and on (job, instance) avg_over_time(system_procs_blocked[5m]) > {TASKS_BLOCKED.value:g}",
    summary="{{ $labels.instance }}: stands still {{ $value | humanizePercentage }} of the time, waiting for a disk",
    description=(
        "{{ $value | humanizePercentage }} of the time nothing on {{ $labels.instance }} gets done but waiting for a "
        "disk, and several tasks wait. See which disk: `iostat -x 5`, or `system_disk_io_now`; and whether it fails: "
        "`dmesg | grep -iE 'mmc|ata|nvme|error'`."
    ),
    why=(
        f"{TASKS_BLOCKED.why} On an otherwise idle host a lone backup makes the kernel count a stall nearly all the "
        "time. A kernel without pressure stall information has no such series; then DiskSaturated speaks."
    ),
)


def _spare_blocks(state: str, more: str) -> str:
    return f'max without (state) (system_storage_pre_eol{{state="{state}"{more}}} == 1)'


def _worn(state: str) -> str:
    return f"{DISK.unless}\nor on (job, instance, device)\n{_spare_blocks(state, '')}\n{DISK.unless}"


def _spare(state: str, percent: str, otherwise: str) -> str:
    """What the eMMC says: of its spare blocks where they are the reason, else of its life."""
    return tell(
        _spare_blocks(state, ",SAME"),
        f"more than {percent} percent of its spare blocks are used",
        otherwise,
        labels=("job", "instance", "device"),
    )


WORN = (
    Alert(
        **beside(judge.WORN),
        value="max without (area) (system_storage_life_used_ratio)",
        compares=">=",
        threshold=STORAGE_WORN,
        condition=_worn("warning"),
        summary="{{ $labels.instance }}: {{ $labels.device }} is nearly worn out",
        description=(
            "The eMMC {{ $labels.device }} says that "
            + _spare("warning", "80", "up to {{ $value | humanizePercentage }} of its life is used")
            + ". Plan its replacement, check the backups, and see what writes so much: "
            "`rate(system_disk_written_bytes_total[1d])`."
        ),
        why=(
            "It goes one way only and is read when the board starts, so nothing is gained by waiting. Kept for an "
            "hour, so that a reboot does not tell it anew."
        ),
    ),
    Alert(
        **beside(judge.WORN_OUT),
        value="max without (area) (system_storage_life_used_ratio)",
        compares=">=",
        threshold=STORAGE_WORN_OUT,
        condition=_worn("urgent"),
        summary="{{ $labels.instance }}: {{ $labels.device }} is worn out",
        description=(
            "The eMMC {{ $labels.device }} says that "
            + _spare("urgent", "90", "{{ $value | humanizePercentage }} of its life is used")
            + ". It may turn read-only or fail any day. Copy what matters now, and replace it."
        ),
        why="As with the warning.",
    ),
)

SUBJECT = Subject(
    name="disk", help="Disks at their limit, and storage that wears out.", rules=(SATURATED, STALLED, *WORN)
)
