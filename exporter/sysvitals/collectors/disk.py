"""What disks read and wrote, and how busy they were."""

import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Annotated

from sysvitals.host.host import Host
from sysvitals.model.collector import Collector, Fault, Unavailable
from sysvitals.model.metric import Counter, Detail, Gauge, Label
from sysvitals.model.reading import Reading
from sysvitals.sources.proc.diskstats import SECTOR_BYTES, DiskStats, read_diskstats, read_whole_disks

_ORIGIN = "/proc/diskstats"


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """What is left out."""

    exclude_devices: Annotated[str, "Leave out disks whose name matches this as a whole."] = (
        r"(ram|zram|loop|fd|sr)\d+|mmcblk\d+(boot\d+|rpmb)"
    )
    partitions: Annotated[bool, "Report partitions beside their disks."] = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Disk(Reading, event="system.disk.io.updated"):
    """One disk's traffic since it appeared."""

    device: Annotated[
        str,
        Label(
            "The kernel's name of the disk: `mmcblk0`, `sda`, `nvme0n1`, `dm-0`. With several of a kind it may be "
            "another's after a reboot."
        ),
    ]
    reads: Annotated[int, Counter("disk_reads_completed", help="Reads that were completed.", origin=_ORIGIN)]
    read_bytes: Annotated[int, Counter("disk_read", unit="bytes", help="Bytes read.", origin=_ORIGIN)]
    read_seconds: Annotated[
        float,
        Counter("disk_read_time", unit="seconds", help="Time that all reads took, added up.", origin=_ORIGIN),
    ]
    writes: Annotated[int, Counter("disk_writes_completed", help="Writes that were completed.", origin=_ORIGIN)]
    written_bytes: Annotated[int, Counter("disk_written", unit="bytes", help="Bytes written.", origin=_ORIGIN)]
    write_seconds: Annotated[
        float,
        Counter("disk_write_time", unit="seconds", help="Time that all writes took, added up.", origin=_ORIGIN),
    ]
    flushes: Annotated[
        int | None,
        Counter(
            "disk_flush_requests",
            help="Times that written data was forced onto the disk, as databases and fsync do (Linux 5.5 or later).",
            origin=_ORIGIN,
        ),
    ] = None
    flush_seconds: Annotated[
        float | None,
        Counter(
            "disk_flush_requests_time",
            unit="seconds",
            help="Time that these took, added up: what a slow SD card makes programs wait.",
            origin=_ORIGIN,
        ),
    ] = None
    in_progress: Annotated[int, Gauge("disk_io_now", help="Requests that wait for the disk now.", origin=_ORIGIN)]
    busy_seconds: Annotated[
        float,
        Counter(
            "disk_io_time",
            unit="seconds",
            help="Time with at least one request under way: its rate is the part of the time that the disk was busy.",
            origin=_ORIGIN,
        ),
    ]
    weighted_seconds: Annotated[
        float,
        Counter(
            "disk_io_time_weighted",
            unit="seconds",
            help="Time that all requests waited, added up: its rate is the average length of the queue.",
            origin=_ORIGIN,
        ),
    ]
    read_bytes_per_second: Annotated[float | None, Detail("Since the last reading.", unit="bytes per second")] = None
    written_bytes_per_second: Annotated[float | None, Detail("Since the last reading.", unit="bytes per second")] = None
    operations_per_second: Annotated[
        float | None, Detail("Reads and writes since the last reading.", unit="per second")
    ] = None
    busy_percent: Annotated[float | None, Detail("Busy part of the time since the last reading.", unit="percent")] = (
        None
    )


def read(host: Host, options: Options) -> Iterator[Disk | Fault]:
    """One reading a disk."""
    excluded = re.compile(options.exclude_devices).fullmatch
    whole_disks = frozenset() if options.partitions else read_whole_disks(host)
    found = read_diskstats(host, lambda name: not excluded(name) and (not whole_disks or name in whole_disks))
    if found is None:
        raise Unavailable("no /proc/diskstats: this kernel has no block devices, or the container hides them")
    yield from (disk for disk in found if isinstance(disk, Fault))
    # disks that come and go while the table is read may stand there twice
    for disk in {disk.device: disk for disk in found if isinstance(disk, DiskStats)}.values():
        yield _build(disk)


def _build(disk: DiskStats) -> Disk:
    return Disk(
        device=disk.device,
        reads=disk.reads,
        read_bytes=disk.read_sectors * SECTOR_BYTES,
        read_seconds=disk.read_ms / 1000,
        writes=disk.writes,
        written_bytes=disk.written_sectors * SECTOR_BYTES,
        write_seconds=disk.write_ms / 1000,
        flushes=disk.flushes,
        flush_seconds=None if disk.flush_ms is None else disk.flush_ms / 1000,
        in_progress=disk.in_progress,
        busy_seconds=disk.busy_ms / 1000,
        weighted_seconds=disk.weighted_ms / 1000,
    )


def compare(now: Disk, before: Disk, seconds: float | None) -> Disk:
    """Rates since the reading before; none where a total went back, as when a disk is plugged in anew."""
    if seconds is None:
        return now
    busy = _rate(now.busy_seconds, before.busy_seconds, seconds)
    return replace(
        now,
        read_bytes_per_second=_rate(now.read_bytes, before.read_bytes, seconds),
        written_bytes_per_second=_rate(now.written_bytes, before.written_bytes, seconds),
        operations_per_second=_rate(now.reads + now.writes, before.reads + before.writes, seconds),
        # the kernel adds a request's time when it ends, so that a short span may get more than its own length
        busy_percent=None if busy is None else min(100.0, round(100 * busy, 2)),
    )


def _rate(now: float, before: float, seconds: float) -> float | None:
    return round((now - before) / seconds, 3) if now >= before else None


COLLECTOR = Collector(
    name="disk",
    help="Traffic of disks and how busy they are",
    readings=(Disk,),
    read=read,
    compare=compare,
    options=Options(),
)
