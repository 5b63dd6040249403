import errno
import json
import os
from pathlib import Path

import psutil
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sysvitals.host.host import Host
from sysvitals.sources.os.statvfs import Space, convert_statvfs, is_remote, read_space
from sysvitals.sources.proc.mountinfo import Mount, parse_mountinfo, read_mounts
from tests.building import build_host
from tests.mounting import own_mounts

ANSWER = {"bsize": 4096, "frsize": 1024, "blocks": 1000, "bfree": 400, "bavail": 300, "files": 50, "ffree": 20}
SPACE = Space(size=1_024_000, free=409_600, available=307_200, files=50, files_free=20)
NEGATIVE = (1 << 64) - 4096


def answer(**changes: int) -> os.statvfs_result:
    names = ("bsize", "frsize", "blocks", "bfree", "bavail", "files", "ffree", "ffree")
    values = ANSWER | changes
    return os.statvfs_result([*(values[name] for name in names), 0, 255])


def convert(**changes: int) -> Space:
    return convert_statvfs(answer(**changes))


def test_blocks_are_counted_in_fragments() -> None:
    assert convert() == SPACE


def test_inodes_that_are_not_counted_are_none_and_no_lie() -> None:
    assert convert(files=0, ffree=0) == convert(files=0, ffree=9) == SPACE._replace(files=None, files_free=None)


def test_no_free_inode_is_zero_and_not_unknown() -> None:
    assert convert(ffree=0).files_free == 0


@pytest.mark.parametrize(
    ("lie", "absent", "message"),
    [
        ({"bfree": 1001}, {"free"}, "1025024 bytes free, more than 1024000"),
        ({"bavail": 1001}, {"available"}, "1025024 bytes available, more than 1024000"),
        ({"bavail": NEGATIVE}, {"available"}, "bytes available, more than 1024000"),
        ({"bfree": NEGATIVE, "bavail": NEGATIVE}, {"free", "available"}, "more than 1024000; "),
        ({"files": 5, "ffree": 6}, {"files", "files_free"}, "6 inodes free, more than 5"),
        ({"blocks": NEGATIVE}, {"size"}, "more than 9223372036854775808"),
    ],
)
def test_only_what_makes_no_sense_is_absent_and_all_of_it_is_said(
    lie: dict[str, int], absent: set[str], message: str
) -> None:
    space = convert(**lie)
    assert message in "; ".join(space.doubts)
    assert {name for name in SPACE._fields if getattr(space, name) != getattr(SPACE, name)} == {*absent, "doubts"}
    assert {getattr(space, name) for name in absent} == {None}


def test_btrfs_has_more_available_than_free_and_no_lie_is_seen_in_it() -> None:
    assert convert(bavail=401) == SPACE._replace(available=401 * 1024)


def test_none_free_of_which_some_is_available_was_not_filled_in_by_a_program() -> None:
    space = convert_statvfs(answer(bfree=0), by_program=True)
    assert space == SPACE._replace(free=None, doubts=("0 bytes free, and 307200 of them available",))


@pytest.mark.parametrize("full", [{"bfree": 0, "bavail": 0}, {"bfree": 10, "bavail": 0}, {"bfree": 10, "bavail": 12}])
def test_a_program_may_serve_a_filesystem_that_is_full_or_keeps_a_reserve(full: dict[str, int]) -> None:
    assert convert_statvfs(answer(**full), by_program=True) == convert(**full)
    assert convert(**full).doubts == ()


def test_btrfs_that_has_nothing_but_its_reserve_left_has_none_free() -> None:
    assert convert(bfree=0) == SPACE._replace(free=0)


@pytest.mark.parametrize(("fstype", "free"), [("fuse.foo", None), ("fuse", None), ("fuseblk", None), ("btrfs", 0)])
def test_a_program_is_known_by_the_type_of_its_mount(tmp_path: Path, fstype: str, free: int | None) -> None:
    answers = {"statvfs": {"/mnt/test": {**ANSWER, "bfree": 0, "flag": 0}}}
    host = build_host(tmp_path, {"syscalls.json": json.dumps(answers)})
    mount = Mount(1, 0, "0:80", "/", b"/mnt/test", "foo", fstype, read_only=False)
    assert read_space(host, mount).free == free


@given(st.fixed_dictionaries(dict.fromkeys(ANSWER, st.integers(0, (1 << 64) - 1))))
def test_whatever_a_filesystem_says_no_part_is_larger_than_the_whole(values: dict[str, int]) -> None:
    space = convert(**values)
    most = space.size if space.size is not None else 1 << 63
    assert 0 <= most <= 1 << 63
    assert space.free is None or 0 <= space.free <= most
    assert space.available is None or 0 <= space.available <= most
    assert space.files is None or 0 <= (space.files_free or 0) <= space.files


@pytest.mark.parametrize("fstype", ["nfs", "nfs4", "cifs", "smb3", "9p", "ceph", "fuse.sshfs", "fuse", "virtiofs"])
def test_what_a_server_or_a_program_answers_is_remote(fstype: str) -> None:
    assert is_remote(fstype)


@pytest.mark.parametrize("fstype", ["ext4", "vfat", "btrfs", "zfs", "tmpfs", "fuseblk", "overlay", "nfsd"])
def test_what_the_kernel_answers_is_not_remote(fstype: str) -> None:
    assert not is_remote(fstype)


def test_this_machines_root_is_as_large_as_psutil_says() -> None:
    [root] = [mount for mount in read_mounts(Host()) if isinstance(mount, Mount) and mount.path == "/"]
    assert read_space(Host(), root).size == psutil.disk_usage("/").total


def test_what_lies_beneath_a_mount_that_is_not_seen_here_is_not_taken_for_it(tmp_path: Path) -> None:
    # so in a container whose mounts do not follow the host's, and in a service's sandbox that hides a part
    host = Host()
    with own_mounts() as others:
        others.mount(tmp_path / "disk")
        table = parse_mountinfo(Path(others.table).read_bytes())
        [disk] = [mount for mount in table if isinstance(mount, Mount) and mount.path == str(tmp_path / "disk")]
        with pytest.raises(
            OSError, match="not mounted where this process looks: mount the host's / with rslave"
        ) as told:
            read_space(host, disk)
        assert told.value.errno == errno.ENODEV
        seen_there = Host(rootfs=f"{others.proc}/root")
        assert read_space(seen_there, disk).size == 1 << 20


def test_the_root_of_this_host_is_where_its_table_says() -> None:
    host = Host()
    [root] = [mount for mount in read_mounts(host) if isinstance(mount, Mount) and mount.path == "/"]
    if root.fstype not in ("btrfs", "bcachefs"):
        assert host.folder_device("/") == root.number


def test_files_that_stand_for_a_host_are_on_no_device_of_it(tmp_path: Path) -> None:
    (tmp_path / "proc").mkdir()
    assert Host(procfs=f"{tmp_path}/proc", rootfs=str(tmp_path)).folder_device(str(tmp_path)) is None
    assert Host().folder_device("/proc/self/status") is None


def test_subvolumes_of_btrfs_are_not_compared(tmp_path: Path) -> None:
    mount = Mount(1, 0, "0:40", "/@home", os.fsencode(tmp_path), "/dev/sda2", "btrfs", read_only=False)
    assert (read_space(Host(), mount).size or 0) > 0
    with pytest.raises(OSError, match="not mounted where this process looks"):
        read_space(Host(), mount._replace(fstype="ext4"))
