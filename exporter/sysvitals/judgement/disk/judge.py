"""Disks at their limit, and storage that wears out: as the host judges them."""

import re
from collections.abc import Iterator
from functools import partial

from sysvitals.judgement.judgement import Facts, Finding, Judgement, Watch
from sysvitals.judgement.left_alone import DISK
from sysvitals.judgement.thresholds import (
    DISK_BUSY,
    DISK_QUEUE,
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
_STALLED, _BLOCKED = "system_pressure_stalled_seconds_total", "system_procs_blocked"
_LONG_SECONDS, _SHORT_SECONDS = 1800.0, 300.0


def _find_saturated(facts: Facts) -> Iterator[Finding]:
    for labels, _ in facts.rows(_BUSY, unless=DISK):
        device = labels["device"]
        if _lies_on_others(device):
            continue
        busy = facts.rate(_BUSY, labels, _LONG_SECONDS)
        if busy is None or busy <= DISK_BUSY.value:
            continue
        queue = facts.rate(_QUEUE, labels, _LONG_SECONDS)
        if queue is not None and queue > DISK_QUEUE.value:
            # a request's time is counted when it ends, so that a short while may get more than its own length
            text = f"{device} is busy {format_value(min(1.0, busy), 'ratio')} of the time, with {queue:.0f} waiting"
            yield Finding((device,), text, busy)


def _find_stalled(facts: Facts) -> Iterator[Finding]:
    part, blocked = (
        facts.rate(_STALLED, {"resource": "io"}, _SHORT_SECONDS),
        facts.average(_BLOCKED, {}, _SHORT_SECONDS),
    )
    if part is not None and part > IO_STALLED.value and blocked is not None and blocked > TASKS_BLOCKED.value:
        yield Finding((), f"All tasks wait for a disk {format_value(part, 'ratio')} of the time")


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


SATURATED = Judgement(
    alert="DiskSaturated",
    severity="warning",
    area="storage",
    find=_find_saturated,
    lasts=1800,
    keeps=1800,
    watches=(Watch(_BUSY, _LONG_SECONDS), Watch(_QUEUE, _LONG_SECONDS)),
    remedy="`sudo iotop -oa` shows what reads and writes. A card that is busy with little traffic is failing.",
)
STALLED = Judgement(
    alert="DiskStalled",
    severity="warning",
    area="storage",
    find=_find_stalled,
    lasts=900,
    keeps=900,
    watches=(Watch(_STALLED, _SHORT_SECONDS, (("resource", "io"),)), Watch(_BLOCKED, _SHORT_SECONDS)),
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

JUDGEMENTS = (SATURATED, STALLED, WORN, WORN_OUT)
