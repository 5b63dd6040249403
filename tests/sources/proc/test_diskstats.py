from pathlib import Path

import psutil
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sysvitals.host.host import Host
from sysvitals.model.collector import Fault
from sysvitals.sources.proc.diskstats import SECTOR_BYTES, DiskStats, parse_diskstats, read_diskstats, read_whole_disks
from tests.building import build_host, known

OLD = " 179       0 mmcblk0 1 2 3 4 5 6 7 8 9 10 11\n"
DISCARDS = OLD.rstrip() + " 12 13 14 15\n"
FLUSHES = DISCARDS.rstrip() + " 16 17\n"


@pytest.mark.parametrize(
    ("line", "flushes", "flush_ms"),
    [(OLD, None, None), (DISCARDS, None, None), (FLUSHES, 16, 17), (FLUSHES.rstrip() + " 18 x\n", 16, 17)],
    ids=["before 4.18", "since 4.18", "since 5.5", "one day"],
)
def test_lines_of_all_kernels_are_read(line: str, flushes: int | None, flush_ms: int | None) -> None:
    assert parse_diskstats(line) == [
        DiskStats(
            device="mmcblk0",
            reads=1,
            read_sectors=3,
            read_ms=4,
            writes=5,
            written_sectors=7,
            write_ms=8,
            in_progress=9,
            busy_ms=10,
            weighted_ms=11,
            flushes=flushes,
            flush_ms=flush_ms,
        )
    ]


@pytest.mark.parametrize("line", ["8 0 sda 100 200", "garbage"])
def test_a_line_that_makes_no_sense_is_a_fault_and_its_siblings_are_read(line: str) -> None:
    first, second = parse_diskstats(f"{line.rstrip()}\n{FLUSHES}")
    assert isinstance(first, Fault)
    assert (first.what, first.error) == ("diskstats line 1", "garbage")
    assert isinstance(second, DiskStats)


@pytest.mark.parametrize("word", ["-1", "4294967295", "18446744073709551615"])
def test_a_disk_whose_requests_the_kernel_lost_count_of_keeps_all_else(word: str) -> None:
    fault, disk = sorted(parse_diskstats(OLD.replace(" 9 ", f" {word} ")), key=lambda one: isinstance(one, DiskStats))
    assert isinstance(fault, Fault)
    assert (fault.what, fault.error) == ("mmcblk0 in_progress", "garbage")
    assert isinstance(disk, DiskStats)
    assert (disk.in_progress, disk.reads, disk.weighted_ms) == (None, 1, 11)


@given(st.text(max_size=200))
def test_arbitrary_text_gives_disks_or_faults(text: str) -> None:
    for disk in parse_diskstats(text):
        assert isinstance(disk, DiskStats | Fault)


@given(st.lists(st.integers(0, (1 << 63) - 1), min_size=11, max_size=20))
def test_totals_are_exact_to_63_bits(totals: list[int]) -> None:
    disk, *_ = parse_diskstats("   8       0 sda " + " ".join(map(str, totals)))
    assert isinstance(disk, DiskStats)
    assert [disk.reads, disk.read_sectors, disk.written_sectors] == [totals[0], totals[2], totals[6]]
    assert disk.flushes == (totals[15] if len(totals) >= 17 else None)


def test_a_host_without_the_file_has_no_disks(tmp_path: Path) -> None:
    assert read_diskstats(build_host(tmp_path, {"proc/uptime": "1 1"})) is None


def test_a_missing_permission_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(PermissionError):
        read_diskstats(build_host(tmp_path, {"proc/diskstats.ERRNO-EACCES": ""}))


def test_whole_disks_are_named_as_in_diskstats(tmp_path: Path) -> None:
    host = build_host(tmp_path, {"sys/block/sda/size": "1", "sys/block/cciss!c0d0/size": "1"})
    assert read_whole_disks(host) == {"sda", "cciss/c0d0"}


def test_without_sysfs_no_disk_is_known_to_be_whole(tmp_path: Path) -> None:
    assert read_whole_disks(build_host(tmp_path, {"proc/uptime": "1 1"})) == set()


def test_this_machines_disks_are_as_psutil_says() -> None:
    before = psutil.disk_io_counters(perdisk=True, nowrap=False)
    ours = {disk.device: disk for disk in read_diskstats(Host()) or () if isinstance(disk, DiskStats)}
    after = psutil.disk_io_counters(perdisk=True, nowrap=False)
    assert set(before) == set(ours)
    for name, disk in ours.items():
        assert before[name].read_bytes <= known(disk.read_sectors) * SECTOR_BYTES <= after[name].read_bytes
        assert before[name].write_bytes <= known(disk.written_sectors) * SECTOR_BYTES <= after[name].write_bytes
        assert before[name].read_count <= known(disk.reads) <= after[name].read_count
        assert before[name].write_count <= known(disk.writes) <= after[name].write_count
