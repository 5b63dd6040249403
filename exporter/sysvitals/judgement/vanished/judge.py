"""Disks, mounts and sensors that were there for a day and are gone: as the host judges them.

What is gone has no series: it is known by those that it had. It was there for a day where it was there both a day and
half a day ago, which a stick that is plugged in each evening never was. After a day it is taken for meant.
"""

import re
from collections.abc import Iterator, Mapping
from typing import NamedTuple

from sysvitals.judgement import left_alone
from sysvitals.judgement.judgement import DAY_SECONDS, Facts, Finding, Judgement, Watch
from sysvitals.judgement.left_alone import LeftAlone

DAY_AGO, HALF_A_DAY_AGO = 24, 12
"""In hours. The host knows such a time by the hour."""

IN_MEMORY = "ramfs|tmpfs"
ON_OTHERS = "(bcache|dm-|drbd|loop|md|nbd|ram|zd|zram).*"
"""Disks that programs make and unmake, or that lie on others."""

OF_A_DISK = "(drivetemp|nvme).*"
SLEEPS = "(amdgpu|ath|i915|iwlwifi|mt7|nouveau|r8169|radeon|xe).*"
"""Chips that a disk brings, and those of devices that sleep or are switched off, and measure nothing meanwhile."""

PARTITION = "/dev/(?:((?:sd|hd|vd|xvd)[a-z]+)[0-9]*|(.+?[0-9])(?:p[0-9]+)?)"
"""What is mounted, with the name of its disk as one of the two groups: a pattern that matches as a whole."""

_is_in_memory = re.compile(IN_MEMORY).fullmatch
_lies_on_others = re.compile(ON_OTHERS).fullmatch
_is_of_a_disk = re.compile(OF_A_DISK).fullmatch
_sleeps = re.compile(SLEEPS).fullmatch
_find_partition = re.compile(PARTITION).fullmatch


class Kind(NamedTuple):
    """What may vanish: its alert, the collector that reads it, a metric that each has, and the labels that name it.

    `left` is what the user leaves alone of it.
    """

    alert: str
    collector: str
    metric: str
    names: tuple[str, ...]
    left: LeftAlone | None = None


DISK = Kind("DiskVanished", "disk", "system_disk_io_time_seconds_total", ("device",), left_alone.DISK)
MOUNT = Kind("FilesystemVanished", "filesystem", "system_filesystem_readonly", ("mountpoint",))
SENSOR = Kind("SensorVanished", "temperature", "system_temperature_celsius", ("chip", "sensor"), left_alone.SENSOR)
AUTOMOUNT = "system_filesystem_automount_waiting"
ERRORS, _ERRORS_SECONDS = "sysvitals_read_errors_total", 900.0


def _find_disks(facts: Facts) -> Iterator[Finding]:
    for labels in _find_gone(facts, DISK):
        device = labels["device"]
        if not _lies_on_others(device) and not _was_unmounted(facts, labels):
            yield Finding((device,), f"The disk {device} has gone")


def _find_mounts(facts: Facts) -> Iterator[Finding]:
    for labels in _find_gone(facts, MOUNT):
        device, point = labels["device"], labels["mountpoint"]
        if any(one["device"] == device or one["mountpoint"] == point for one, _ in facts.rows(MOUNT.metric)):
            continue  # it is mounted elsewhere, or something else is mounted there
        if facts.value(AUTOMOUNT, mountpoint=point):
            continue  # it is mounted when it is next used
        if not _is_in_memory(labels["fstype"]) and not _is_disk_gone(facts, find_disk(device)):
            yield Finding((point,), f"{point} is no longer mounted")


def _find_sensors(facts: Facts) -> Iterator[Finding]:
    for labels in _find_gone(facts, SENSOR):
        if any(_has_grown(facts, one) for one, _ in facts.rows(ERRORS) if one["collector"] == SENSOR.collector):
            return  # one that cannot be read is another alert's
        chip, sensor = labels["chip"], labels["sensor"]
        if not _sleeps(chip) and not (_is_of_a_disk(chip) and _is_disk_gone(facts)):
            yield Finding((chip, sensor), f"The sensor {chip} {sensor} has gone")


def _has_grown(facts: Facts, labels: Mapping[str, str]) -> bool:
    return bool(facts.growth(ERRORS, labels, _ERRORS_SECONDS))


def _find_gone(facts: Facts, kind: Kind) -> Iterator[Mapping[str, str]]:
    """What was there for a day, is not now, and is to be judged, while its collector sees others of its kind."""
    for labels in facts.gone(kind.metric):
        if not _sees(facts, kind.collector):
            return
        if not _was_there(facts, kind.metric, labels, DAY_AGO) or _is_left_alone(facts, kind, labels):
            continue
        subject = tuple(labels[name] for name in kind.names)
        # what fires goes on until it was gone for a day
        if _was_there(facts, kind.metric, labels, HALF_A_DAY_AGO) or facts.is_firing(kind.alert, "warning", subject):
            yield labels


def _sees(facts: Facts, collector: str) -> bool:
    """Whether the collector is on, works and has something to read: else it is its own alert's."""
    gauges = ("sysvitals_collector_success", "sysvitals_collector_available")
    return all(facts.value(gauge, collector=collector) == 1 for gauge in gauges)


def _was_there(facts: Facts, metric: str, labels: Mapping[str, str], hours: int) -> bool:
    return any(hours - 1 < -at / 3600 <= hours + 0.5 for at, _ in facts.means(metric, labels, DAY_SECONDS))


def _is_left_alone(facts: Facts, kind: Kind, labels: Mapping[str, str]) -> bool:
    if kind.left is None:
        return False
    return bool(facts.most(kind.left.gauge, {name: labels[name] for name in kind.left.labels}, DAY_SECONDS))


def _is_disk_gone(facts: Facts, device: str = "") -> bool:
    """Whether this disk went, or any, within the last half a day."""
    return any(
        _was_there(facts, DISK.metric, labels, HALF_A_DAY_AGO)
        for labels in facts.gone(DISK.metric)
        if labels["device"] == device or not device
    )


def _was_unmounted(facts: Facts, disk: Mapping[str, str]) -> bool:
    """Whether a mount of the disk was gone before it: it was taken away on purpose."""
    last = facts.last(DISK.metric, disk, DAY_SECONDS)
    return any(
        facts.last(MOUNT.metric, labels, DAY_SECONDS) < last
        for labels in facts.gone(MOUNT.metric)
        if find_disk(labels["device"]) == disk["device"]
    )


def find_disk(device: str) -> str:
    """The name of the disk that is mounted, or a part of it; empty where that is not in the device's name."""
    match = _find_partition(device)
    return "".join(match.groups(default="")) if match else ""


DISKS = Judgement(
    alert=DISK.alert,
    severity="warning",
    area="storage",
    find=_find_disks,
    lasts=900,
    keeps=900,
    fades=True,
    watches=(Watch(DISK.metric, DAY_SECONDS), Watch(left_alone.DISK.gauge, DAY_SECONDS)),
    remedy="Check its plug, cable and power supply: `dmesg | tail -50`. Unmount a disk before you take it away.",
)
MOUNTS = Judgement(
    alert=MOUNT.alert,
    severity="warning",
    area="storage",
    find=_find_mounts,
    lasts=900,
    keeps=900,
    fades=True,
    watches=(Watch(MOUNT.metric, DAY_SECONDS),),
    remedy="Mount it again: `sudo mount -a`. `journalctl -b -u '*.mount'` says why it was not. Until then programs "
    "write into the empty folder.",
)
SENSORS = Judgement(
    alert=SENSOR.alert,
    severity="warning",
    area="heat",
    find=_find_sensors,
    lasts=900,
    keeps=900,
    fades=True,
    watches=(
        Watch(SENSOR.metric, DAY_SECONDS),
        Watch(left_alone.SENSOR.gauge, DAY_SECONDS),
        Watch(ERRORS, _ERRORS_SECONDS),
    ),
    remedy="Check its plug, its bus and its driver: `dmesg | tail -50`. Nothing watches this temperature now.",
)

JUDGEMENTS = (DISKS, MOUNTS, SENSORS)
