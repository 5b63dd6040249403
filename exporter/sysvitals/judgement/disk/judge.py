"""Disks at their limit, slow disks, and storage that wears out: as the host judges them."""

import re
from collections.abc import Iterator, Mapping
from functools import partial

from sysvitals.judgement.judgement import Facts, Finding, Judgement, Watch
from sysvitals.judgement.left_alone import DISK
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
    Threshold,
)
from sysvitals.model.unit import format_value

ON_OTHERS = "(bcache|dm-|drbd|md|zd).*"
"""Devices that lie on other disks, which say the same: a pattern that matches as a whole."""

_lies_on_others = re.compile(ON_OTHERS).fullmatch

_BUSY, _QUEUE = "system_disk_io_time_seconds_total", "system_disk_io_time_weighted_seconds_total"
_COUNTS = ("system_disk_reads_completed_total", "system_disk_writes_completed_total")
_STALLED, _BLOCKED = "system_pressure_stalled_seconds_total", "system_procs_blocked"
_LONG_SECONDS, _SHORT_SECONDS = 1800.0, 600.0


def _find_slow(facts: Facts) -> Iterator[Finding]:
    for labels, _ in _rows_busy(facts, DISK_OFTEN_BUSY):
        device, latency = labels["device"], _latency(facts, labels)
        if latency is not None and latency > DISK_SLOW.value and not DISK.has(facts.samples, labels):
            yield Finding(
                (device,), f"{device} takes {latency:.1f} s for a read or write", latency, cause=_cause(device)
            )


def _find_saturated(facts: Facts) -> Iterator[Finding]:
    for labels, busy in _rows_busy(facts, DISK_BUSY):
        device, queue = labels["device"], facts.rate(_QUEUE, labels, _LONG_SECONDS)
        if queue is not None and queue > DISK_QUEUE.value and not DISK.has(facts.samples, labels):
            # a request's time is counted when it ends, so that a short while may get more than its own length
            text = f"{device} is busy {format_value(min(1.0, busy), 'ratio')} of the time, with {queue:.0f} waiting"
            yield Finding((device,), text, busy, cause=_cause(device), follows=True)


def _rows_busy(
    facts: Facts, limit: Threshold, seconds: float = _LONG_SECONDS
) -> Iterator[tuple[Mapping[str, str], float]]:
    """The labels of disks that are busy for a larger part of the time than this, and the part."""
    for labels, _ in facts.all(_BUSY):
        busy = None if _lies_on_others(labels["device"]) else facts.rate(_BUSY, labels, seconds)
        if busy is not None and busy > limit.value:
            yield labels, busy


def _latency(facts: Facts, labels: Mapping[str, str]) -> float | None:
    """Seconds that a request took on average; None where there are none, or so many that their queue takes the time."""
    queue = facts.rate(_QUEUE, labels, _LONG_SECONDS)
    requests = sum(facts.rate(counter, labels, _LONG_SECONDS) or 0.0 for counter in _COUNTS)
    return queue / requests if queue is not None and 0 < requests < DISK_FEW_REQUESTS.value else None


def _find_stalled(facts: Facts) -> Iterator[Finding]:
    part = facts.rate(_STALLED, {"resource": "io"}, _SHORT_SECONDS)
    blocked = facts.average(_BLOCKED, {}, _SHORT_SECONDS)
    if part is None or part <= IO_STALLED.value or blocked is None or blocked <= TASKS_BLOCKED.value:
        return
    busy = [labels for labels, _ in _rows_busy(facts, IO_STALLED, _SHORT_SECONDS)]
    judged = [labels for labels in busy if not DISK.has(facts.samples, labels)]
    if busy and not judged:
        return
    text = f"All tasks wait for a disk {format_value(part, 'ratio')} of the time"
    queues = [(facts.rate(_QUEUE, labels, _SHORT_SECONDS) or 0.0, labels["device"]) for labels in judged]
    yield Finding((), text, cause=_cause(max(queues)[1]) if queues else "")


def _cause(device: str) -> str:
    """One line of the verdict for all that comes of one disk: it is slow, else all wait for it, else it is busy."""
    return f"waiting for {device}"


def _find_worn(facts: Facts, *, limit: Threshold, state: str, spare: str) -> Iterator[Finding]:
    worn = {
        sample.labels["device"]: f"has used more than {spare} of its spare blocks"
        for sample in facts.all("system_storage_pre_eol")
        if sample.value and sample.labels["state"] == state
    }
    lives: dict[str, float] = {}
    for sample in facts.all("system_storage_life_used_ratio"):
        device = sample.labels["device"]
        lives[device] = max(sample.value, lives.get(device, 0.0))
    for device, life in lives.items():
        if life >= limit.value:
            worn.setdefault(device, f"has used up to {format_value(life, 'ratio')} of its life")
    for device, words in worn.items():
        if DISK.has(facts.samples, {"device": device}):
            continue
        yield Finding((device,), f"The storage {device} {words}", lives.get(device), cause=f"wear of {device}")


_OF_DISKS = tuple(Watch(counter, _LONG_SECONDS) for counter in (_BUSY, _QUEUE, *_COUNTS))

SLOW = Judgement(
    alert="DiskSlow",
    severity="warning",
    area="storage",
    find=_find_slow,
    lasts=1800,
    keeps=3000,
    watches=_OF_DISKS,
    remedy="Check the backups, then `dmesg | grep -iE 'mmc|ata|nvme|usb'`. The disk, its cable or its supply fails.",
)
SATURATED = Judgement(
    alert="DiskSaturated",
    severity="warning",
    area="storage",
    find=_find_saturated,
    lasts=7200,
    keeps=1800,
    watches=_OF_DISKS,
    remedy="`sudo iotop -oa` shows what reads and writes. A card that is busy with little traffic is failing.",
)
STALLED = Judgement(
    alert="DiskStalled",
    severity="warning",
    area="storage",
    find=_find_stalled,
    lasts=3600,
    keeps=2400,
    watches=(
        Watch(_STALLED, _SHORT_SECONDS, (("resource", "io"),)),
        *(Watch(metric, _SHORT_SECONDS) for metric in (_BLOCKED, _BUSY, _QUEUE)),
    ),
    remedy="`iostat -x 5` shows which disk, `dmesg | grep -iE 'mmc|ata|nvme|error'` whether it fails.",
)
WORN = Judgement(
    alert="StorageWorn",
    severity="warning",
    area="storage",
    find=partial(_find_worn, limit=STORAGE_WORN, state="warning", spare="80 %"),
    keeps=3600,
    remedy="Plan its replacement and check the backups.",
)
WORN_OUT = Judgement(
    alert="StorageWorn",
    severity="critical",
    area="storage",
    find=partial(_find_worn, limit=STORAGE_WORN_OUT, state="urgent", spare="90 %"),
    keeps=3600,
    remedy="Copy what matters now, and replace it: it may fail or turn read-only any day.",
)

JUDGEMENTS = (SLOW, SATURATED, STALLED, WORN, WORN_OUT)
