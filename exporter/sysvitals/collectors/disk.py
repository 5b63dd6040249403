"""What disks read and wrote, and how busy they were."""

import re
from collections.abc import Iterator
from typing import Annotated, NamedTuple

from sysvitals.host.host import Host
from sysvitals.model.collector import Collector, Fault, Unavailable
from sysvitals.model.metric import Counter, Detail, Gauge, Label
from sysvitals.model.pattern import choose_by
from sysvitals.model.reading import Reading, amend
from sysvitals.sources.proc.diskstats import SECTOR_BYTES, DiskStats, read_diskstats, read_whole_disks
from sysvitals.sources.proc.lxcfs import has_own_diskstats

_ORIGIN = "/proc/diskstats"


class Options(NamedTuple):
    """What is left out, and what is shown and not judged."""

    exclude_devices: Annotated[str, "Leave out disks whose name matches this as a whole."] = (
        r"(ram|zram|loop|fd|sr)\d+|mmcblk\d+(boot\d+|rpmb)"
    )
    partitions: Annotated[bool, "Report partitions beside their disks."] = False
    leave_alone: Annotated[
        str, "Disks whose name matches this as a whole are shown, but no alert and no verdict judges them."
    ] = ""


class Disk(Reading, event="system.disk.io.updated"):
    """One disk's traffic since it appeared."""

    device: Annotated[
        str,
        Label(
            "The kernel's name of the disk: `mmcblk0`, `sda`, `nvme0n1`, `dm-0`. With several of a kind it may be "
            "another's after a reboot."
        ),
    ]
    reads: Annotated[int | None, Counter("disk_reads_completed", help="Reads that were completed.", origin=_ORIGIN)] = (
        None
    )
    read_bytes: Annotated[int | None, Counter("disk_read", unit="bytes", help="Bytes read.", origin=_ORIGIN)] = None
    read_seconds: Annotated[
        float | None,
        Counter("disk_read_time", unit="seconds", help="Time that all reads took, added up.", origin=_ORIGIN),
    ] = None
    writes: Annotated[
        int | None, Counter("disk_writes_completed", help="Writes that were completed.", origin=_ORIGIN)
    ] = None
    written_bytes: Annotated[
        int | None, Counter("disk_written", unit="bytes", help="Bytes written.", origin=_ORIGIN, summary=True)
    ] = None
    write_seconds: Annotated[
        float | None,
        Counter("disk_write_time", unit="seconds", help="Time that all writes took, added up.", origin=_ORIGIN),
    ] = None
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
    in_progress: Annotated[
        int | None, Gauge("disk_io_now", help="Requests that wait for the disk now.", origin=_ORIGIN)
    ] = None
    busy_seconds: Annotated[
        float | None,
        Counter(
            "disk_io_time",
            unit="seconds",
            help="Time with at least one request under way: its rate is the part of the time that the disk was busy.",
            origin=_ORIGIN,
            summary=True,
        ),
    ] = None
    weighted_seconds: Annotated[
        float | None,
        Counter(
            "disk_io_time_weighted",
            unit="seconds",
            help="Time that all requests waited, added up: its rate is the average length of the queue.",
            origin=_ORIGIN,
            summary=True,
        ),
    ] = None
    read_bytes_per_second: Annotated[
        float | None, Detail("Since the last reading.", unit="bytes per second", summary=True)
    ] = None
    written_bytes_per_second: Annotated[
        float | None, Detail("Since the last reading.", unit="bytes per second", summary=True)
    ] = None
    operations_per_second: Annotated[
        float | None, Detail("Reads and writes since the last reading.", unit="per second")
    ] = None
    busy_percent: Annotated[float | None, Detail("Busy part of the time since the last reading.", unit="percent")] = (
        None
    )
    left_alone: Annotated[
        bool | None,
        Gauge(
            "disk_left_alone",
            help="1 where alerts and verdict leave the disk alone; no series without the setting.",
            origin="the setting `collector.disk.leave_alone`",
            summary=True,
        ),
    ] = None


def read(host: Host, options: Options) -> Iterator[Disk | Fault]:
    """One reading a disk."""
    if not has_own_diskstats(host):
        raise Unavailable(
            "/proc/diskstats is that of this container's host: lxcfs knows the container's in cgroup v1 only"
        )
    excluded = re.compile(options.exclude_devices).fullmatch
    whole_disks = frozenset() if options.partitions else read_whole_disks(host)
    found = read_diskstats(host, lambda name: not excluded(name) and (not whole_disks or name in whole_disks))
    if found is None:
        raise Unavailable("no /proc/diskstats: this kernel has no block devices, or the container hides them")
    yield from (disk for disk in found if isinstance(disk, Fault))
    # disks that come and go while the table is read may stand there twice
    disks = {disk.device: disk for disk in found if isinstance(disk, DiskStats)}
    left_alone = choose_by(options.leave_alone)
    for device, disk in disks.items():
        if any(value is not None for value in disk[1:]):
            yield _build(disk, left_alone=left_alone(device))


def _build(disk: DiskStats, *, left_alone: bool | None) -> Disk:
    return Disk(
        device=disk.device,
        reads=disk.reads,
        read_bytes=_bytes(disk.read_sectors),
        read_seconds=_seconds(disk.read_ms),
        writes=disk.writes,
        written_bytes=_bytes(disk.written_sectors),
        write_seconds=_seconds(disk.write_ms),
        flushes=disk.flushes,
        flush_seconds=_seconds(disk.flush_ms),
        in_progress=disk.in_progress,
        busy_seconds=_seconds(disk.busy_ms),
        weighted_seconds=_seconds(disk.weighted_ms),
        left_alone=left_alone,
    )


def compare(now: Disk, before: Disk, seconds: float | None) -> Disk:
    """Rates since the reading before; none where a total went back, as when a disk is plugged in again."""
    if seconds is None:
        return now
    busy = _rate(now.busy_seconds, before.busy_seconds, seconds)
    return amend(
        now,
        read_bytes_per_second=_rate(now.read_bytes, before.read_bytes, seconds),
        written_bytes_per_second=_rate(now.written_bytes, before.written_bytes, seconds),
        operations_per_second=_rate(_operations(now), _operations(before), seconds),
        # the kernel adds a request's time when it ends, so that a short span may get more than its own length
        busy_percent=None if busy is None else min(100.0, round(100 * busy, 2)),
    )


def _operations(disk: Disk) -> int | None:
    return None if disk.reads is None or disk.writes is None else disk.reads + disk.writes


def _rate(now: float | None, before: float | None, seconds: float) -> float | None:
    if now is None or before is None or now < before:
        return None
    return round((now - before) / seconds, 3)


def _seconds(milliseconds: int | None) -> float | None:
    return None if milliseconds is None else milliseconds / 1000


def _bytes(sectors: int | None) -> int | None:
    return None if sectors is None else sectors * SECTOR_BYTES


COLLECTOR = Collector(
    name="disk",
    help="Traffic of disks and how busy they are",
    readings=(Disk,),
    read=read,
    compare=compare,
    options=Options(),
)
