"""`/proc/diskstats`: what was read from and written to each block device."""

from collections.abc import Callable
from typing import NamedTuple

from sysvitals.host.files import fault, optional, parse_count, parse_fields, shorten
from sysvitals.host.host import Host
from sysvitals.host.sysfs import list_names
from sysvitals.model.collector import Fault

SECTOR_BYTES = 512
"""What the kernel calls a sector here, whatever the disk's own sectors are."""


class DiskStats(NamedTuple):
    """Totals of one disk or partition since it appeared; `_ms` in milliseconds. What makes no sense is None.

    So are flushes before Linux 5.5.
    """

    device: str
    reads: int | None = None
    read_sectors: int | None = None
    read_ms: int | None = None
    writes: int | None = None
    written_sectors: int | None = None
    write_ms: int | None = None
    in_progress: int | None = None
    busy_ms: int | None = None
    weighted_ms: int | None = None
    flushes: int | None = None
    flush_ms: int | None = None


def read_diskstats(host: Host, wanted: Callable[[str], bool] = bool) -> list[DiskStats | Fault] | None:
    """The disks and partitions with a wanted name; None where there is no such file.

    Raises OSError. A line or a field that makes no sense is a Fault.
    """
    text = optional(Host.read_text, host, f"{host.procfs}/diskstats")
    return None if text is None else parse_diskstats(text, wanted)


def parse_diskstats(text: str, wanted: Callable[[str], bool] = bool) -> list[DiskStats | Fault]:
    """From lines of 14 columns, 18 since Linux 4.18 (discards), 20 since 5.5 (flushes), and more one day."""
    found: list[DiskStats | Fault] = []
    for number, line in enumerate(text.split("\n"), 1):
        columns = line.split()
        # a board has two dozen RAM and loop disks that nobody asks for
        if columns and (len(columns) < 3 or wanted(columns[2])):
            found += _parse_line(number, columns)
    return found


def read_whole_disks(host: Host) -> frozenset[str]:
    """Names of what is no partition, as `/proc/diskstats` has them; none where sysfs does not tell. Raises OSError."""
    # a folder cannot be named as cciss/c0d0 is
    return frozenset(name.replace("!", "/") for name in list_names(host, f"{host.sysfs}/block"))


def _parse_line(number: int, columns: list[str]) -> list[DiskStats | Fault]:
    if len(columns) < 14:
        error = ValueError(f"not a disk's line: {shorten(' '.join(columns), 80)!r}")
        return [fault(f"diskstats line {number}", error)]
    known = len(_FIELDS) if len(columns) >= 3 + len(_FIELDS) else 11
    fields = [pair for pair in zip(_FIELDS[:known], columns[3:], strict=False) if pair[0]]
    totals, faults = parse_fields(columns[2], fields, parse_count)
    if totals.get("in_progress", 0) > _MOST_IN_PROGRESS:
        faults.append(Fault(f"{columns[2]} in_progress", "garbage", f"{totals.pop('in_progress')} requests"))
    return [DiskStats(columns[2], **totals), *faults]


_FIELDS = (
    "reads", "", "read_sectors", "read_ms", "writes", "", "written_sectors", "write_ms",
    "in_progress", "busy_ms", "weighted_ms", "", "", "", "", "flushes", "flush_ms",
)  # fmt: skip
"""After the numbers and the name of the device; those without a name here are not asked for."""

_MOST_IN_PROGRESS = (1 << 31) - 1
"""The kernel counts requests under way in an int. Where it loses count it prints -1, or that as 32 bits unsigned."""
