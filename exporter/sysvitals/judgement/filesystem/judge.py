"""Filesystems that are read-only, full, or soon will be: as the host judges them."""

import re
from collections.abc import Iterator, Mapping
from functools import partial

from sysvitals.judgement.judgement import DAY_SECONDS, Facts, Finding, Judgement, Watch
from sysvitals.judgement.left_alone import FULL as MEANT_FULL
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
    Threshold,
)
from sysvitals.model.space import used_ratio
from sysvitals.model.unit import format_duration, format_value

BOOT = "/boot(/.*)?|/efi"
NEVER_WRITABLE = "cramfs|erofs|iso9660|overlay|romfs|squashfs|udf"
REMOTE = "9p|afs|ceph|cifs|fuse[.](glusterfs|rclone|s3fs|sshfs)|glusterfs|lustre|nfs4?|smb3|smbfs|virtiofs"
"""Mount points, types of filesystem that are images, and those of servers: patterns that match as a whole."""

_is_boot = re.compile(BOOT).fullmatch
_is_image = re.compile(NEVER_WRITABLE).fullmatch
_is_remote = re.compile(REMOTE).fullmatch

_READ_ONLY = "system_filesystem_readonly"
_ERROR = "system_filesystem_device_error"
_SIZE, _FREE, _AVAILABLE = (f"system_filesystem_{what}_bytes" for what in ("size", "free", "avail"))
_FILES, _FILES_FREE = "system_filesystem_files", "system_filesystem_files_free"

_HOUR = 3600.0
_LONG_SECONDS = 6 * _HOUR
_SHORT_SECONDS, _PIECE_SECONDS = 5400.0, 900.0


def _find_turned_read_only(facts: Facts) -> Iterator[Finding]:
    for labels, read_only in facts.rows(_READ_ONLY):
        point = labels["mountpoint"]
        if not read_only or _is_boot(point):
            continue
        # what fires goes on for as long as it is read-only, however many days
        if _was_writable(facts, labels) or facts.is_firing("FilesystemReadOnly", "critical", (point,)):
            yield _finding(labels, f"{point} became read-only", cause="writing")


def _find_unintended_read_only(facts: Facts) -> Iterator[Finding]:
    for labels, read_only in facts.rows(_READ_ONLY):
        if not read_only or _is_image(labels["fstype"]):
            continue
        point = labels["mountpoint"]
        if _is_boot(point) and _was_writable(facts, labels):
            yield _finding(labels, f"{point} became read-only", cause="writing")
        elif point == "/" and _is_boot_writable(facts):
            yield _finding(labels, "/ is read-only, but its boot partition is not", cause="writing")


def has_become_read_only(facts: Facts, seconds: float) -> bool:
    """Whether a filesystem is read-only that should not be, or became so within so many seconds.

    Not a boot partition: nothing but updates is written there.
    """
    found = (
        finding.subject[0] for find in (_find_turned_read_only, _find_unintended_read_only) for finding in find(facts)
    )
    remounted = (event.body for event in facts.events(REMOUNTED, seconds))
    became = (getattr(body, "mountpoint", "") for body in remounted if getattr(body, "read_only", False))
    return any(not _is_boot(point) for point in (*found, *became))


def _is_boot_writable(facts: Facts) -> bool:
    return any(_is_boot(labels["mountpoint"]) and not read_only for labels, read_only in facts.rows(_READ_ONLY))


def _was_writable(facts: Facts, labels: Mapping[str, str]) -> bool:
    part = facts.average(_READ_ONLY, labels, DAY_SECONDS)
    return part is not None and part < 1 - FILESYSTEM_WRITABLE.value


def _find_filling_soon(facts: Facts) -> Iterator[Finding]:
    for labels, used, available in _rows_with_room(facts):
        if used > FILESYSTEM_HALF_FULL.value and _has_less_than_ever(facts, labels, available):
            means = facts.means(_AVAILABLE, labels, _LONG_SECONDS + _HOUR)
            yield from _fills(labels, available, _lost_per_second(means, _HOUR), FILESYSTEM_FILLS_SOON)


def _find_filling_now(facts: Facts) -> Iterator[Finding]:
    for labels, used, available in _rows_with_room(facts):
        if used <= FILESYSTEM_MOSTLY_FULL.value or _is_a_servers(labels):
            continue
        if _has_less_than_ever(facts, labels, available):
            means = facts.means(_AVAILABLE, labels, _SHORT_SECONDS + _PIECE_SECONDS)
            yield from _fills(labels, available, _lost_per_second(means, _PIECE_SECONDS), FILESYSTEM_FILLS_NOW)


def _fills(labels: Mapping[str, str], available: float, lost: float | None, limit: Threshold) -> Iterator[Finding]:
    if lost is not None and lost > 0 and (seconds := available / lost) < limit.value:
        text = (
            f"{labels['mountpoint']} will be full in {format_duration(seconds)} at this pace ({_left(available)} left)"
        )
        yield _finding(labels, text, cause="space", value=-seconds)


def _has_less_than_ever(facts: Facts, labels: Mapping[str, str], available: float) -> bool:
    """Whether it has less room than at any time of the day before; what fills and is emptied each day has not."""
    # of whole hours: the last one that counts ended half an hour to an hour and a half ago
    least = facts.least(_AVAILABLE, labels, DAY_SECONDS, ago=1.5 * _HOUR)
    return least is None or available < least


def _lost_per_second(means: list[tuple[float, float]], piece: float) -> float | None:
    """The median of how much room each piece of the time lost in a second: one big copy moves few of them."""
    later = iter(means)
    pairs = []
    end = next(later, None)
    for begin in means:
        while end is not None and end[0] - begin[0] < piece:
            end = next(later, None)
        if end is None:
            break
        pairs.append((begin, end))
    if not pairs and len(means) >= _LEAST_POINTS:
        pairs = [(means[0], means[-1])]
    losses = sorted((first - last) / (end_at - began) for (began, first), (end_at, last) in pairs)
    middle = len(losses) // 2
    # not the library's median, which loads modules that a small board does without
    return (losses[middle] + losses[~middle]) / 2 if losses else None


_LEAST_POINTS = 3


def _find_full(facts: Facts) -> Iterator[Finding]:
    for labels, used, available in _rows_with_room(facts):
        is_boot = _is_boot(labels["mountpoint"]) and labels["fstype"] == "vfat"
        room = BOOT_ROOM if is_boot else FILESYSTEM_ROOM
        if used > FILESYSTEM_NEARLY_FULL.value and available < room.value:
            yield _full(labels, used, available)


def _find_very_full(facts: Facts) -> Iterator[Finding]:
    for labels, used, available in _rows_with_room(facts):
        if _is_boot(labels["mountpoint"]) or _is_a_servers(labels):
            continue
        if used > FILESYSTEM_FULL.value and available < FILESYSTEM_LITTLE_ROOM.value:
            yield _full(labels, used, available)


def _full(labels: Mapping[str, str], used: float, available: float) -> Finding:
    text = f"{labels['mountpoint']} is {format_value(used, 'ratio')} full ({_left(available)} left)"
    return _finding(labels, text, cause="space", value=used)


def _find_inodes_used(facts: Facts, *, limit: Threshold, of_servers: bool) -> Iterator[Finding]:
    for labels, free, files, read_only in facts.rows(_FILES_FREE, _FILES, _READ_ONLY, unless=MEANT_FULL):
        if free is None or not files or read_only or (_is_a_servers(labels) and not of_servers):
            continue
        used = 1 - free / files
        if used > limit.value:
            text = f"{format_value(used, 'ratio')} of the inodes of {labels['mountpoint']} are used"
            yield _finding(labels, text, cause="inodes", value=used)


def _find_unresponsive(facts: Facts) -> Iterator[Finding]:
    for labels, error in facts.rows(_ERROR):
        if not error:
            continue
        point = labels["mountpoint"]
        # one that never answered is one that the exporter's user may not look into
        has_answered = facts.least(_ERROR, labels, DAY_SECONDS) == 0
        if has_answered or facts.is_firing("FilesystemUnresponsive", "warning", (point,)):
            yield _finding(labels, f"{point} does not respond")


def _rows_with_room(facts: Facts) -> Iterator[tuple[Mapping[str, str], float, float]]:
    """Labels, used part and available bytes of filesystems that are written to, not tiny, and not meant to be full."""
    for labels, size, free, available, read_only in facts.rows(_SIZE, _FREE, _AVAILABLE, _READ_ONLY, unless=MEANT_FULL):
        used = used_ratio(size, free, available)
        is_small = size is not None and size < FILESYSTEM_SMALL.value and labels["fstype"] != "tmpfs"
        if used is not None and available is not None and not read_only and not is_small:
            yield labels, used, available


def _is_a_servers(labels: Mapping[str, str]) -> bool:
    """Whether it is for its server to report that it is full, and not for each host that mounts it."""
    return labels["mountpoint"] != "/" and _is_remote(labels["fstype"]) is not None


def _finding(labels: Mapping[str, str], text: str, *, cause: str = "", value: float | None = None) -> Finding:
    """About a mount. Subvolumes of btrfs and partitions that are mounted twice share their device's space."""
    point, device = labels["mountpoint"], labels["device"]
    return Finding((point,), text, value, cause and f"{cause} of {device if '/' in device else point}")


def _left(available: float) -> str:
    return format_value(available, "bytes")


_FIND = "Find what grows there: `sudo du -xh --max-depth=2 | sort -h | tail`."
_QUICK = "Quick gains: `sudo journalctl --vacuum-size=100M`, `sudo apt clean`."
_SAVE = "Back up what matters and look at `dmesg`: the card or disk may be failing, or had lost its power."

REMOUNTED = "system.disk.remounted"
READ_ONLY_WATCHES = (Watch(_READ_ONLY, DAY_SECONDS),)

READ_ONLY = Judgement(
    alert="FilesystemReadOnly",
    severity="critical",
    area="storage",
    find=_find_turned_read_only,
    keeps=900,
    watches=READ_ONLY_WATCHES,
    remedy=_SAVE,
)
READ_ONLY_UNINTENDED = Judgement(
    alert="FilesystemReadOnly",
    severity="warning",
    area="storage",
    find=_find_unintended_read_only,
    lasts=900,
    keeps=900,
    fades=True,
    watches=READ_ONLY_WATCHES,
    remedy="Look at `journalctl -b -u systemd-remount-fs -u systemd-fsck-root`. " + _SAVE,
)
FILLING_SOON = Judgement(
    alert="FilesystemFilling",
    severity="warning",
    area="storage",
    find=_find_filling_soon,
    lasts=3600,
    keeps=3600,
    watches=(Watch(_AVAILABLE, DAY_SECONDS + _HOUR), Watch(_AVAILABLE, _LONG_SECONDS + _HOUR)),
    remedy=_FIND,
)
FILLING_NOW = Judgement(
    alert="FilesystemFilling",
    severity="critical",
    area="storage",
    find=_find_filling_now,
    lasts=1800,
    keeps=4500,
    watches=(Watch(_AVAILABLE, DAY_SECONDS + _HOUR), Watch(_AVAILABLE, _SHORT_SECONDS + _PIECE_SECONDS)),
    remedy="Find what writes so much: `sudo iotop -oa`. Often it is a log.",
)
FULL = Judgement(
    alert="FilesystemFull",
    severity="warning",
    area="storage",
    find=_find_full,
    lasts=1800,
    keeps=3600,
    remedy=f"{_FIND} {_QUICK}",
)
VERY_FULL = Judgement(
    alert="FilesystemFull",
    severity="critical",
    area="storage",
    find=_find_very_full,
    lasts=300,
    keeps=4500,
    remedy=f"Make room now. {_QUICK}",
)
INODES = Judgement(
    alert="InodesFull",
    severity="warning",
    area="storage",
    find=partial(_find_inodes_used, limit=INODES_NEARLY_FULL, of_servers=True),
    lasts=1800,
    keeps=3600,
    remedy="Find the folder with the many small files: `sudo du -x --inodes --max-depth=3 | sort -n | tail`.",
)
INODES_GONE = Judgement(
    alert="InodesFull",
    severity="critical",
    area="storage",
    find=partial(_find_inodes_used, limit=INODES_FULL, of_servers=False),
    lasts=300,
    keeps=4500,
    remedy="Remove small files now: `sudo du -x --inodes --max-depth=3 | sort -n | tail` finds their folder.",
)
UNRESPONSIVE = Judgement(
    alert="FilesystemUnresponsive",
    severity="warning",
    area="storage",
    find=_find_unresponsive,
    lasts=600,
    keeps=600,
    watches=(Watch(_ERROR, DAY_SECONDS),),
    remedy="Check its server or disk. If it is gone for good, unmount it: `sudo umount -l` and the mount point.",
)

JUDGEMENTS = (
    READ_ONLY,
    READ_ONLY_UNINTENDED,
    FILLING_SOON,
    FILLING_NOW,
    FULL,
    VERY_FULL,
    INODES,
    INODES_GONE,
    UNRESPONSIVE,
)
