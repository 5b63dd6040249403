import re
from pathlib import Path

import pytest

from sysvitals.collectors import disk
from sysvitals.collectors.disk import Disk, Options
from sysvitals.model.collector import Fault, Unavailable
from sysvitals.model.reading import amend
from tests.building import build_host, lxcfs_mounts
from tests.recorded import HOSTS, RecordedHost

SDA = Disk(
    device="sda",
    reads=1,
    read_bytes=1536,
    read_seconds=0.004,
    writes=5,
    written_bytes=3584,
    write_seconds=0.008,
    flushes=16,
    flush_seconds=0.017,
    in_progress=9,
    busy_seconds=0.01,
    weighted_seconds=0.011,
)
LINE = "   8       0 sda 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17\n"


def names(found: list[Disk | Fault]) -> list[str]:
    return [one.device for one in found if isinstance(one, Disk)]


def read(host: RecordedHost, options: Options | None = None) -> list[Disk | Fault]:
    return list(disk.read(host, options or Options()))


def test_a_disk_is_read_whole_in_base_units(tmp_path: Path) -> None:
    assert read(build_host(tmp_path, {"proc/diskstats": LINE})) == [SDA]


def test_a_sector_is_512_bytes_whatever_the_disk_says(tmp_path: Path) -> None:
    files = {"proc/diskstats": LINE, "sys/block/sda/queue/hw_sector_size": "4096\n"}
    assert read(build_host(tmp_path, files)) == [SDA]


def test_flushes_of_an_old_kernel_are_unknown_and_not_zero(tmp_path: Path) -> None:
    old = " ".join(LINE.split()[:14]) + "\n"
    assert read(build_host(tmp_path, {"proc/diskstats": old})) == [amend(SDA, flushes=None, flush_seconds=None)]


def test_partitions_are_left_out_unless_asked_for() -> None:
    host = RecordedHost(HOSTS / "pi-4b-fine")
    assert names(read(host)) == ["mmcblk0", "sda"]
    assert names(read(host, Options(partitions=True))) == ["mmcblk0", "mmcblk0p1", "mmcblk0p2", "sda", "sda1"]


def test_without_sysfs_partitions_cannot_be_told_from_disks(tmp_path: Path) -> None:
    host = build_host(tmp_path, {"proc/diskstats": LINE + LINE.replace("sda", "sda1")})
    assert names(read(host)) == ["sda", "sda1"]


@pytest.mark.parametrize("name", ["ram0", "zram0", "loop12", "fd0", "sr0", "mmcblk0boot0", "mmcblk1rpmb"])
def test_what_is_no_disk_of_its_own_is_left_out(name: str) -> None:
    assert re.fullmatch(Options().exclude_devices, name)


@pytest.mark.parametrize("name", ["sda", "mmcblk0", "nvme0n1", "dm-0", "md0", "vda", "mtdblock0", "nbd0"])
def test_disks_are_kept(name: str) -> None:
    assert not re.fullmatch(Options().exclude_devices, name)


def test_the_pattern_replaces_the_default(tmp_path: Path) -> None:
    host = build_host(tmp_path, {"proc/diskstats": LINE + LINE.replace("sda", "loop0")})
    assert names(read(host, Options(exclude_devices="sd"))) == ["sda", "loop0"]
    assert names(read(host, Options(exclude_devices="sd.*"))) == ["loop0"]


def test_a_disk_to_leave_alone_is_shown_as_such_beside_those_that_are_judged(tmp_path: Path) -> None:
    host = build_host(tmp_path, {"proc/diskstats": LINE + LINE.replace("sda", "sdb")})
    assert read(host, Options(leave_alone="sd")) == [
        amend(SDA, left_alone=False),
        amend(SDA, device="sdb", left_alone=False),
    ]
    assert read(host, Options(leave_alone="sdb|sdc")) == [
        amend(SDA, left_alone=False),
        amend(SDA, device="sdb", left_alone=True),
    ]


def test_a_garbled_line_is_a_fault_and_hides_no_disk(tmp_path: Path) -> None:
    fault, whole = read(build_host(tmp_path, {"proc/diskstats": "8 0 sdb 100\n" + LINE}))
    assert isinstance(fault, Fault)
    assert whole == SDA


@pytest.mark.parametrize(
    ("column", "missing"),
    [
        (3, {"reads": None}),
        (5, {"read_bytes": None}),
        (10, {"write_seconds": None}),
        (11, {"in_progress": None}),
        (12, {"busy_seconds": None}),
        (19, {"flush_seconds": None}),
    ],
)
def test_a_field_that_makes_no_sense_takes_no_other(tmp_path: Path, column: int, missing: dict[str, None]) -> None:
    columns = LINE.split()
    columns[column] = "-1"
    fault, found = read(build_host(tmp_path, {"proc/diskstats": " ".join(columns)}))
    assert isinstance(fault, Fault)
    assert fault.error == "garbage"
    assert found == amend(SDA, **missing)


def test_a_disk_that_stands_there_twice_is_told_once(tmp_path: Path) -> None:
    assert read(build_host(tmp_path, {"proc/diskstats": LINE.replace("17", "18") + LINE})) == [SDA]


def test_a_host_without_block_devices_lacks_the_subsystem(tmp_path: Path) -> None:
    with pytest.raises(Unavailable, match="diskstats"):
        read(build_host(tmp_path, {"proc/uptime": "1 1"}))


@pytest.mark.parametrize(
    ("mounts", "files", "own"),
    [
        (("stat", "diskstats"), {"sys/fs/cgroup/cgroup.controllers": "io\n"}, False),
        (("stat",), {}, False),
        (("stat", "diskstats"), {}, True),
        ((), {"sys/fs/cgroup/cgroup.controllers": "io\n"}, True),
    ],
)
def test_the_disks_of_a_containers_host_are_not_the_containers(
    tmp_path: Path, mounts: tuple[str, ...], files: dict[str, str], *, own: bool
) -> None:
    host = build_host(tmp_path, {"proc/diskstats": LINE, "proc/1/mountinfo": lxcfs_mounts(*mounts), **files})
    if own:
        assert read(host) == [SDA]
    else:
        with pytest.raises(Unavailable, match="container"):
            read(host)


def test_a_missing_permission_is_a_failure_and_not_absence() -> None:
    with pytest.raises(PermissionError):
        read(RecordedHost(HOSTS / "container"))


def test_rates_take_two_readings() -> None:
    later = amend(SDA, reads=21, writes=15, read_bytes=1536 + 5000, written_bytes=3584 + 10_000, busy_seconds=2.51)
    found = disk.compare(later, SDA, 5.0)
    assert found == amend(
        later,
        read_bytes_per_second=1000.0,
        written_bytes_per_second=2000.0,
        operations_per_second=6.0,
        busy_percent=100 * ((2.51 - 0.01) / 5.0),
    )


def test_a_disk_is_never_more_than_busy() -> None:
    assert disk.compare(amend(SDA, busy_seconds=9.0), SDA, 5.0).busy_percent == 100.0


def test_a_total_that_went_back_gives_no_rate() -> None:
    found = disk.compare(amend(SDA, read_bytes=0, busy_seconds=0.0), SDA, 5.0)
    assert (found.read_bytes_per_second, found.busy_percent) == (None, None)
    assert found.written_bytes_per_second == 0.0


def test_what_was_not_known_gives_no_rate() -> None:
    found = disk.compare(amend(SDA, reads=None, busy_seconds=None), amend(SDA, read_bytes=None), 5.0)
    assert (found.read_bytes_per_second, found.operations_per_second, found.busy_percent) == (None, None, None)
    assert found.written_bytes_per_second == 0.0


def test_a_recorded_disk_is_as_recorded() -> None:
    (found,) = read(RecordedHost(HOSTS / "pi-5"))
    assert isinstance(found, Disk)
    assert (found.device, found.read_bytes, found.written_bytes) == ("nvme0n1", 9021334 * 512, 22013344 * 512)
    assert (found.flushes, found.flush_seconds) == (18220, 18.78)
