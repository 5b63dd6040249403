"""`/proc/diskstats`: what was read from and written to each block device."""

from collections.abc import Callable
from dataclasses import dataclass

from sysvitals.host.files import attempt, optional, parse_int
from sysvitals.host.host import Host
from sysvitals.host.sysfs import list_names
from sysvitals.model.collector import Fault

SECTOR_BYTES = 512
"""What the kernel calls a sector here, whatever the disk's own sectors are."""


@dataclass(frozen=True, slots=True)
class DiskStats:
    """Totals of one disk or partition since it appeared; `_ms` in milliseconds. Flushes are None before Linux 5.5."""

    device: str
    reads: int
    read_sectors: int
    read_ms: int
    writes: int
    written_sectors: int
    write_ms: int
    in_progress: int
    busy_ms: int
    weighted_ms: int
    flushes: int | None
    flush_ms: int | None


def read_diskstats(host: Host, wanted: Callable[[str], bool] = bool) -> list[DiskStats | Fault] | None:
    """The disks and partitions with a wanted name; None where there is no such file.

    Raises OSError. A line of no sense is a Fault.
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
            found.append(attempt(f"diskstats line {number}", _parse_line, line, columns))
    return found


def read_whole_disks(host: Host) -> frozenset[str]:
    """Names of what is no partition, as `/proc/diskstats` has them; none where sysfs does not tell. Raises OSError."""
    # a folder cannot be named as cciss/c0d0 is
    return frozenset(name.replace("!", "/") for name in list_names(host, f"{host.sysfs}/block"))


def _parse_line(line: str, columns: list[str]) -> DiskStats:
    if len(columns) < 14:
        raise ValueError(f"not a disk's line: {line[:80]!r}")
    totals = [parse_int(column) for column in columns[3:20]]
    if min(totals) < 0:
        raise ValueError(f"a total below zero: {line[:80]!r}")
    return DiskStats(
        device=columns[2],
        reads=totals[0],
        read_sectors=totals[2],
        read_ms=totals[3],
        writes=totals[4],
        written_sectors=totals[6],
        write_ms=totals[7],
        in_progress=totals[8],
        busy_ms=totals[9],
        weighted_ms=totals[10],
        flushes=totals[15] if len(totals) >= 17 else None,
        flush_ms=totals[16] if len(totals) >= 17 else None,
    )
