"""The rules of this subject for Prometheus: never imported by the program."""

from sysvitals.judgement.filesystem import judge
from sysvitals.judgement.left_alone import FULL as MEANT_FULL
from sysvitals.judgement.rule import Alert, Record, Subject, beside, still_firing
from sysvitals.judgement.texts import tell
from sysvitals.judgement.thresholds import (
    BOOT_ROOM,
    FILESYSTEM_FILLS_NOW,
    FILESYSTEM_FILLS_SOON,
    FILESYSTEM_FULL,
    FILESYSTEM_HALF_FULL,
    FILESYSTEM_LITTLE_ROOM,
    FILESYSTEM_MOSTLY_FULL,
    FILESYSTEM_NEARLY_FULL,
    FILESYSTEM_ROOM,
    FILESYSTEM_SMALL,
    FILESYSTEM_WRITABLE,
    INODES_FULL,
    INODES_NEARLY_FULL,
)

_SAME = "job, instance, device, mountpoint"
_NOT_WRITABLE = "unless system_filesystem_readonly == 1"
_NOT_A_SERVERS = f'unless system_filesystem_size_bytes{{fstype=~"{judge.REMOTE}", mountpoint!="/"}}'
_NOT_SMALL = f'unless system_filesystem_size_bytes{{fstype!="tmpfs"}} < {FILESYSTEM_SMALL.value:g}'
_HAS_HAD_LESS = "unless system_filesystem_avail_bytes >= mountpoint:system_filesystem_avail_bytes:min1d"


def _seconds_left(piece: str, span: str, step: str) -> str:
    """Seconds until the filesystem is full, from the median of how fast each piece of the span lost room.

    A median, because one big copy within the span would bend a line through all of it (predict_linear) for hours.
    """
    return f"""system_filesystem_avail_bytes
/
(-quantile_over_time(0.5, deriv(system_filesystem_avail_bytes[{piece}])[{span}:{step}]) > 0)"""


_LEFT = tell(
    "system_filesystem_avail_bytes{SAME}",
    "{{ VALUE | humanize1024 }}B are left",
    "little is left",
    labels=("job", "instance", "device", "mountpoint"),
)

READ_ONLY = (
    Alert(
        **beside(judge.READ_ONLY),
        value=f'system_filesystem_readonly{{mountpoint!~"{judge.BOOT}"}}',
        condition=f"""and on ({_SAME}) (
  avg_over_time(system_filesystem_readonly[1d]) < {1 - FILESYSTEM_WRITABLE.value:g}
  or
  {still_firing("FilesystemReadOnly", "critical")}
)""",
        summary="{{ $labels.instance }}: {{ $labels.mountpoint }} has become read-only",
        description=(
            "{{ $labels.mountpoint }} ({{ $labels.fstype }} on {{ $labels.device }}) was writable and is not any "
            "more. Mostly the kernel stopped writing after an error: the card or disk is failing, or lost its power. "
            "Read `dmesg | grep -iE 'error|remount|mmc'`, save what matters, then replace or check it."
        ),
        why=(
            "At once: nothing turns a disk read-only by chance. What was never writable is meant so. "
            f"{FILESYSTEM_WRITABLE.why} Once it fires it goes on for as long as the filesystem is read-only, however "
            "many days, and is not called mended while it is not. Kept for a quarter of an hour, so that the reboot "
            "which is tried first does not tell it twice."
        ),
    ),
    Alert(
        **beside(judge.READ_ONLY_UNINTENDED),
        value=f'system_filesystem_readonly{{fstype!~"{judge.NEVER_WRITABLE}"}}',
        condition=f"""and on ({_SAME}) (
  avg_over_time(system_filesystem_readonly{{mountpoint=~"{judge.BOOT}"}}[1d]) < {1 - FILESYSTEM_WRITABLE.value:g}
  or
  system_filesystem_readonly{{mountpoint="/"}}
  and on (job, instance)
  system_filesystem_readonly{{mountpoint=~"{judge.BOOT}"}} == 0
)""",
        summary="{{ $labels.instance }}: {{ $labels.mountpoint }} is read-only, and that looks unintended",
        description=(
            "{{ $labels.mountpoint }} ({{ $labels.fstype }} on {{ $labels.device }}) is read-only. {{ if eq "
            '$labels.mountpoint "/" }}The boot partition is not, so this is hardly on purpose: the check of the '
            "filesystem failed when the host started. Look at `journalctl -b -u systemd-remount-fs -u "
            "systemd-fsck-root`.{{ else }}It was writable within the last day: updates of the kernel fail, and the "
            "card may be failing. Look at `dmesg | grep -iE 'error|fat|mmc'`.{{ end }}"
        ),
        why=(
            "Two cases that need no one at night. A boot partition that turned read-only: the host goes on, and "
            "people do it on purpose as well; after a day it is taken for intended. And a root that was read-only "
            "before Prometheus knew it, because its check failed at the start: whoever makes a root read-only on "
            "purpose does so with the boot partition, or puts an overlay on it, or uses an image that can never be "
            "written."
        ),
    ),
)

LEAST = Record(
    "mountpoint:system_filesystem_avail_bytes:min1d",
    "min_over_time(system_filesystem_avail_bytes[1d] offset 1h)",
    "The least room that there was within a day, the last hour left out: what fills goes below it.",
)

FILLING = (
    Alert(
        **beside(judge.FILLING_SOON),
        value=_seconds_left("1h", "6h", "30m"),
        compares="<",
        threshold=FILESYSTEM_FILLS_SOON,
        condition=f"""and mountpoint:system_filesystem_used:ratio > {FILESYSTEM_HALF_FULL.value:g}
{_HAS_HAD_LESS}
{_NOT_WRITABLE}
{_NOT_SMALL}
{MEANT_FULL.unless}""",
        summary="{{ $labels.instance }}: {{ $labels.mountpoint }} will be full in {{ $value | humanizeDuration }}",
        description=(
            "For hours {{ $labels.mountpoint }} ({{ $labels.device }}) has been filling up: "
            + _LEFT
            + ", and at this pace nothing in {{ $value | humanizeDuration }}. Find what grows; in that folder: "
            "`sudo du -xh --max-depth=2 | sort -h | tail`."
        ),
        why=(
            f"{FILESYSTEM_HALF_FULL.why} The pace is the median of twelve half-hourly looks back over an hour each: "
            "one big copy moves few of them, what really grows moves all. And room must be less than it was at any "
            "time in the day before, which leaves out what fills and is emptied each day, such as a recorder's or a "
            "build's disk."
        ),
    ),
    Alert(
        **beside(judge.FILLING_NOW),
        value=_seconds_left("15m", "90m", "5m"),
        compares="<",
        threshold=FILESYSTEM_FILLS_NOW,
        condition=f"""and mountpoint:system_filesystem_used:ratio > {FILESYSTEM_MOSTLY_FULL.value:g}
{_HAS_HAD_LESS}
{_NOT_WRITABLE}
{_NOT_SMALL}
{_NOT_A_SERVERS}
{MEANT_FULL.unless}""",
        summary="{{ $labels.instance }}: {{ $labels.mountpoint }} will be full in {{ $value | humanizeDuration }}",
        description=(
            "{{ $labels.mountpoint }} ({{ $labels.device }}) fills up fast: "
            + _LEFT
            + ", and at this pace nothing in {{ $value | humanizeDuration }}. Find what writes: `sudo iotop -oa`; or, "
            "in that folder, `sudo du -xh --max-depth=2 | sort -h | tail`. Often it is a log."
        ),
        why=(
            f"{FILESYSTEM_MOSTLY_FULL.why} The pace is the median of the last hour and a half, so a copy of half an "
            "hour tells nothing. A server's disk is its server's to report, and not to each host that mounts it: "
            "there the warning stays."
        ),
    ),
)

FULL = (
    Alert(
        **beside(judge.FULL),
        value="mountpoint:system_filesystem_used:ratio",
        compares=">",
        threshold=FILESYSTEM_NEARLY_FULL,
        condition=f"""and system_filesystem_avail_bytes < {FILESYSTEM_ROOM.value:g}
unless system_filesystem_avail_bytes{{mountpoint=~"{judge.BOOT}", fstype="vfat"}} >= {BOOT_ROOM.value:g}
{_NOT_WRITABLE}
{_NOT_SMALL}
{MEANT_FULL.unless}""",
        summary="{{ $labels.instance }}: {{ $labels.mountpoint }} is {{ $value | humanizePercentage }} full",
        description=(
            "Of {{ $labels.mountpoint }} ({{ $labels.device }}) {{ $value | humanizePercentage }} are used: "
            + _LEFT
            + '. {{ if eq $labels.fstype "tmpfs" }}It lies in memory, and takes it from programs. {{ end }}'
            "Find what to remove; in that folder: `sudo du -xh --max-depth=2 | sort -h | tail`. Quick gains: `sudo "
            "journalctl --vacuum-size=100M`, `sudo apt clean`."
        ),
        why=(
            f"{FILESYSTEM_ROOM.why} A boot partition is nearly full by design: there {BOOT_ROOM.value / 1e6:g} MB. "
            f"{BOOT_ROOM.why} {FILESYSTEM_SMALL.why} What cannot be written need have no room. Half an hour lets a "
            "build or an update clean up behind itself; the hour after it spans the turns of log files."
        ),
    ),
    Alert(
        **beside(judge.VERY_FULL),
        value="mountpoint:system_filesystem_used:ratio",
        compares=">",
        threshold=FILESYSTEM_FULL,
        condition=f"""and system_filesystem_avail_bytes{{mountpoint!~"{judge.BOOT}"}} < {FILESYSTEM_LITTLE_ROOM.value:g}
{_NOT_WRITABLE}
{_NOT_SMALL}
{_NOT_A_SERVERS}
{MEANT_FULL.unless}""",
        summary="{{ $labels.instance }}: {{ $labels.mountpoint }} is {{ $value | humanizePercentage }} full",
        description=(
            "Of {{ $labels.mountpoint }} ({{ $labels.device }}) {{ $value | humanizePercentage }} are used: "
            + _LEFT
            + ". Programs fail now or soon, databases may be damaged. Make room now: `sudo journalctl "
            "--vacuum-size=50M`, `sudo apt clean`; then, in that folder: `sudo du -xh --max-depth=2 | sort -h | tail`."
        ),
        why=(
            "Five minutes: a copy that ends with an error frees its room by itself. Never for a boot partition, "
            "which nothing but an update writes to, nor to each host that mounts a full server."
        ),
    ),
)

_INODES = "1 - system_filesystem_files_free / system_filesystem_files"

INODES = (
    Alert(
        **beside(judge.INODES),
        value=_INODES,
        compares=">",
        threshold=INODES_NEARLY_FULL,
        condition=f"{_NOT_WRITABLE}\n{MEANT_FULL.unless}",
        summary="{{ $labels.instance }}: {{ $value | humanizePercentage }} of {{ $labels.mountpoint }}'s inodes used",
        description=(
            "{{ $labels.mountpoint }} ({{ $labels.device }}) has room for few more files: {{ $value | "
            "humanizePercentage }} of its inodes are used. Find the folder with the many small files; from there: "
            "`sudo du -x --inodes --max-depth=3 | sort -n | tail`."
        ),
        why="Caches of sessions and mails come and go in bursts: half an hour.",
    ),
    Alert(
        **beside(judge.INODES_GONE),
        value=_INODES,
        compares=">",
        threshold=INODES_FULL,
        condition=f"{_NOT_WRITABLE}\n{_NOT_A_SERVERS}\n{MEANT_FULL.unless}",
        summary="{{ $labels.instance }}: {{ $value | humanizePercentage }} of {{ $labels.mountpoint }}'s inodes used",
        description=(
            "{{ $labels.mountpoint }} ({{ $labels.device }}) can take hardly another file: {{ $value | "
            "humanizePercentage }} of its inodes are used, and programs report `No space left` though `df -h` shows "
            "room. Find the folder with the many small files; from there: `sudo du -x --inodes --max-depth=3 | sort "
            "-n | tail`."
        ),
        why="As with space: five minutes, and not to each host that mounts the same server.",
    ),
)

UNRESPONSIVE = Alert(
    **beside(judge.UNRESPONSIVE),
    value="system_filesystem_device_error",
    condition=f"""and on ({_SAME}) (
  min_over_time(system_filesystem_device_error[1d]) == 0
  or
  {still_firing("FilesystemUnresponsive", "warning")}
)""",
    summary="{{ $labels.instance }}: {{ $labels.mountpoint }} does not answer",
    description=(
        "{{ $labels.mountpoint }} ({{ $labels.fstype }} from {{ $labels.device }}) used to answer and does not now. "
        "Programs that touch it hang or fail. Is its server or disk there? See `dmesg | tail -50`. If it is gone for "
        "good, unmount it: `sudo umount -l` and the folder."
    ),
    why=(
        "A server that restarts is back within ten minutes. A mount that has never answered is one that the "
        "exporter's user may not look into, such as another user's sshfs: that is no fault. What fires goes on until "
        "it is mended."
    ),
)

SUBJECT = Subject(
    name="filesystem",
    help="Filesystems that are read-only, full, or soon will be.",
    interval="1m",  # looks back over a day cost time, and space is read once a minute
    rules=(LEAST, *READ_ONLY, *FILLING, *FULL, *INODES, UNRESPONSIVE),
)
