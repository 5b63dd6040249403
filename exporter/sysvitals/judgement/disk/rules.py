"""The rules of this subject for Prometheus: never imported by the program."""

from sysvitals.judgement.disk import judge
from sysvitals.judgement.left_alone import DISK
from sysvitals.judgement.rule import Alert, Subject, beside, per_second
from sysvitals.judgement.texts import tell
from sysvitals.judgement.thresholds import (
    DISK_BUSY,
    DISK_FEW_REQUESTS,
    DISK_OFTEN_BUSY,
    DISK_QUEUE,
    DISK_SLOW,
    IO_STALLED,
    STORAGE_WORN,
    STORAGE_WORN_OUT,
    TASKS_BLOCKED,
)

_REAL = f'device!~"{judge.ON_OTHERS}"'
_STALLED = per_second('system_pressure_stalled_seconds_total{resource="io"}', "10m")
_BUSY = per_second(f"system_disk_io_time_seconds_total{{{_REAL}}}", "30m")
_QUEUE = per_second("system_disk_io_time_weighted_seconds_total", "30m")
_WAITED_FOR = f"{per_second(f'system_disk_io_time_seconds_total{{{_REAL}}}', '10m')} > {IO_STALLED.value:g}"
_BLOCKED = f"and on (job, instance) avg_over_time(system_procs_blocked[10m]) > {TASKS_BLOCKED.value:g}"

_REQUESTS = """(
  rate(system_disk_reads_completed_total[30m])
  + rate(system_disk_writes_completed_total[30m])
)"""
_LATENCY = f"rate(system_disk_io_time_weighted_seconds_total{{{_REAL}}}[30m]) / {_REQUESTS}"
_FEW = f"and {_REQUESTS} < {DISK_FEW_REQUESTS.value:g}"

SLOW = Alert(
    **beside(judge.SLOW),
    value=_LATENCY,
    compares=">",
    threshold=DISK_SLOW,
    condition=f"""{_FEW}
and {_BUSY} > {DISK_OFTEN_BUSY.value:g}
{DISK.unless}""",
    summary='{{ $labels.instance }}: {{ $labels.device }} takes {{ $value | printf "%.1f" }} s for a read or write',
    description=(
        "For an hour a read or write of {{ $labels.device }} of {{ $labels.instance }} has taken "
        '{{ $value | printf "%.1f" }} s on average, with few of them under way: the disk, its cable or its supply '
        "fails. Check the backups, then look for errors: `dmesg | grep -iE 'mmc|ata|nvme|usb'`. A card is replaced."
    ),
    why=(
        f"{DISK_FEW_REQUESTS.why} {DISK_OFTEN_BUSY.why} The average over half an hour, true for half an hour more, "
        "which an upgrade does not last. It names the disk and what is wrong with it, so that Alertmanager holds back "
        "DiskStalled and DiskSaturated. It is kept longer than they are, which else would be sent when all is over."
    ),
)

SATURATED = Alert(
    **beside(judge.SATURATED),
    value=_BUSY,
    compares=">",
    threshold=DISK_BUSY,
    condition=f"""and on (job, instance, device)
{_QUEUE} > {DISK_QUEUE.value:g}
{DISK.unless}""",
    summary="{{ $labels.instance }}: {{ $labels.device }} is busy {{ $value | humanizePercentage }} of the time",
    description=(
        "For two hours {{ $labels.device }} has been busy {{ $value | humanizePercentage }} of the time, with a queue "
        "before it: all that reads or writes it is slow. See what does: `sudo iotop -oa`. A card that does this with "
        "little traffic is failing: `dmesg | grep -i mmc`."
    ),
    why=(
        f"{DISK_QUEUE.why} The average over half an hour, true for two hours: a backup or a copy may take that "
        "long. Devices that lie on other disks (LVM, RAID) are left out, so that one disk is one alert."
    ),
)

STALLED = Alert(
    **beside(judge.STALLED),
    value=_STALLED,
    compares=">",
    threshold=IO_STALLED,
    condition=f"""{_BLOCKED}
unless on (job, instance) (
  ({_WAITED_FOR} {DISK.only})
  unless on (job, instance)
  ({_WAITED_FOR} {DISK.unless})
)""",
    summary="{{ $labels.instance }}: stands still {{ $value | humanizePercentage }} of the time, waiting for a disk",
    description=(
        "For an hour nothing on {{ $labels.instance }} gets done {{ $value | humanizePercentage }} of the time because "
        "all tasks wait for a disk. See which disk: `iostat -x 5`, or `system_disk_io_now`; and whether it fails: "
        "`dmesg | grep -iE 'mmc|ata|nvme|error'`."
    ),
    why=(
        f"{TASKS_BLOCKED.why} On an otherwise idle host a lone backup makes the kernel count a stall nearly all the "
        "time. An hour: an upgrade of a system on a card makes all tasks wait for nearly as long. A disk can make all "
        "wait only while it is busy: where each that is busy for so long is left alone, so is this. A kernel without "
        "pressure stall information has no such series; then DiskSlow and DiskSaturated speak."
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
    name="disk",
    help="Disks at their limit, slow disks, and storage that wears out.",
    rules=(SLOW, SATURATED, STALLED, *WORN),
)
