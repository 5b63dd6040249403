"""Disks, mounts and sensors that were there for a day and are gone: as the host judges them.

What is gone has no series: it is known by those that it had. It was there for a day where it was there both a day and
half a day before it went, which a stick that is plugged in each evening never was. After a day it is taken for meant.
"""

import re
from collections.abc import Iterator, Mapping
from typing import NamedTuple

from sysvitals.judgement import left_alone
from sysvitals.judgement.judgement import DAY_SECONDS, Facts, Finding, Judgement, Watch
from sysvitals.judgement.left_alone import LeftAlone
from sysvitals.judgement.thresholds import READ_ERRORS, UNMOUNTED_BEFORE

DAY_AGO, HALF_A_DAY_AGO = 24, 12
"""In hours before it went. The host knows such a time by the hour."""

IN_MEMORY = "ramfs|tmpfs"
ON_OTHERS = "(bcache|dm-|drbd|loop|md|nbd|ram|zd|zram).*"
"""Disks that programs make and unmake, or that lie on others."""

OF_A_DISK = "(drivetemp|nvme).*"
SLEEPS = "(amdgpu|ath|i915|iwlwifi|mt7|nouveau|r8169|radeon|xe).*"
"""Chips that a disk brings, and those of devices that sleep or are switched off, and measure nothing meanwhile."""

PARTITION = "/dev/(?:((?:sd|hd|vd|xvd)[a-z]+)[0-9]*|([^/]+?[0-9])(?:p[0-9]+)?)"
"""What is mounted, with the name of its disk as one of the two groups: a pattern that matches as a whole.

Which disk a volume such as `/dev/mapper/data` lies on is not known.
"""

_is_in_memory = re.compile(IN_MEMORY).fullmatch
_lies_on_others = re.compile(ON_OTHERS).fullmatch
_is_of_a_disk = re.compile(OF_A_DISK).fullmatch
_sleeps = re.compile(SLEEPS).fullmatch
_find_partition = re.compile(PARTITION).fullmatch


class Kind(NamedTuple):
    """What may vanish: its alert, the collector that reads it, a metric that each has, and the labels that name it.

    `subject` are those labels by which it is reported, `left` is what the user leaves alone of it.
    """

    alert: str
    collector: str
    metric: str
    names: tuple[str, ...]
    subject: tuple[str, ...]
    left: LeftAlone | None = None


DISK = Kind("DiskVanished", "disk", "system_disk_io_time_seconds_total", ("device",), ("device",), left_alone.DISK)
MOUNT = Kind("FilesystemVanished", "filesystem", "system_filesystem_readonly", ("mountpoint",), ("mountpoint",))
SENSOR = Kind(
    "SensorVanished", "temperature", "system_temperature_celsius", ("chip", "sensor"), ("chip",), left_alone.SENSOR
)
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
        disk = find_disk(device)
        is_on_gone = _is_disk_gone(facts, disk) if disk or device.startswith("/dev/") else False
        if not _is_in_memory(labels["fstype"]) and not is_on_gone:
            yield Finding((point,), f"{point} is no longer mounted")


def _find_sensors(facts: Facts) -> Iterator[Finding]:
    gone: dict[str, list[str]] = {}
    for labels in _find_gone(facts, SENSOR):
        chip = labels["chip"]
        if not _sleeps(chip) and not (_is_of_a_disk(chip) and _is_disk_gone(facts)):
            gone.setdefault(chip, []).append(labels["sensor"])
    if not gone or any(_is_unreadable(facts, one) for one, _ in facts.rows(ERRORS)):
        return  # what cannot be read is another alert's
    for chip, sensors in gone.items():
        what = f"The sensor {chip} {sensors[0]} has" if len(sensors) == 1 else f"{len(sensors)} sensors of {chip} have"
        yield Finding((chip,), f"{what} gone")


def _is_unreadable(facts: Facts, errors: Mapping[str, str]) -> bool:
    """Whether sensors can no longer be read, which could a day ago."""
    if errors["collector"] != SENSOR.collector:
        return False
    if (facts.rate(ERRORS, errors, _ERRORS_SECONDS) or 0.0) <= READ_ERRORS.value:
        return False
    (began, before), (ended, after) = (*facts.means(ERRORS, errors, DAY_SECONDS), (0.0, 0.0), (1.0, 0.0))[:2]
    return (after - before) / (ended - began) <= READ_ERRORS.value


def _find_gone(facts: Facts, kind: Kind) -> Iterator[Mapping[str, str]]:
    """What was there for a day, is not now, and is to be judged, while its collector sees others of its kind."""
    for labels in facts.gone(kind.metric):
        if not _sees(facts, kind.collector):
            return
        if facts.uptime - facts.last(kind.metric, labels, DAY_SECONDS) >= DAY_SECONDS:
            continue
        if _was_there_for_a_day(facts, kind, labels) and not _is_left_alone(facts, kind, labels):
            yield labels


def _sees(facts: Facts, collector: str) -> bool:
    """Whether the collector is on, works and has something to read: else it is its own alert's."""
    gauges = ("sysvitals_collector_success", "sysvitals_collector_available")
    return all(facts.value(gauge, collector=collector) == 1 for gauge in gauges)


def _was_there_for_a_day(facts: Facts, kind: Kind, labels: Mapping[str, str]) -> bool:
    """Whether it had been there when it went. A later exporter no longer knows: what fires goes on."""
    went = facts.last(kind.metric, labels, DAY_SECONDS) - facts.uptime
    hours = [(went - at) / 3600 for at, _ in facts.means(kind.metric, labels, 3 * DAY_SECONDS)]
    if all(any(ago - 1 < hour <= ago + 0.5 for hour in hours) for ago in (DAY_AGO, HALF_A_DAY_AGO)):
        return True
    return facts.is_firing(kind.alert, "warning", tuple(labels[name] for name in kind.subject))


def _is_left_alone(facts: Facts, kind: Kind, labels: Mapping[str, str]) -> bool:
    if kind.left is None:
        return False
    return bool(facts.most(kind.left.gauge, {name: labels[name] for name in kind.left.labels}, DAY_SECONDS))


def _is_disk_gone(facts: Facts, device: str = "") -> bool:
    """Whether this disk is gone, or any that lies on no other."""
    return any(
        _was_there_for_a_day(facts, DISK, labels)
        for labels in facts.gone(DISK.metric)
        if (labels["device"] == device if device else not _lies_on_others(labels["device"]))
    )


def _was_unmounted(facts: Facts, disk: Mapping[str, str]) -> bool:
    """Whether its last mount was gone shortly before it: it was taken away on purpose."""
    mounts = [
        facts.last(MOUNT.metric, labels, DAY_SECONDS)
        for labels in (*facts.gone(MOUNT.metric), *(labels for labels, _ in facts.rows(MOUNT.metric)))
        if find_disk(labels["device"]) == disk["device"]
    ]
    return bool(mounts) and 0 < facts.last(DISK.metric, disk, DAY_SECONDS) - max(mounts) <= UNMOUNTED_BEFORE.value


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
        Watch(ERRORS, _ERRORS_SECONDS, (("collector", SENSOR.collector),)),
        Watch(ERRORS, DAY_SECONDS, (("collector", SENSOR.collector),)),
    ),
    remedy="Check its plug, its bus and its driver: `dmesg | tail -50`. Nothing watches this temperature now.",
)

JUDGEMENTS = (DISKS, MOUNTS, SENSORS)
