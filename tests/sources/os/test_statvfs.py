import errno
import json
import os
import threading
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import psutil
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sysvitals.host.host import Host
from sysvitals.model.collector import Fault
from sysvitals.sources.os.statvfs import Space, convert_statvfs, is_remote, read_space, read_spaces
from sysvitals.sources.proc.mountinfo import Mount, parse_mountinfo, read_mounts
from tests.building import build_host
from tests.mounting import own_mounts
from tests.recorded import RecordedHost

ANSWER = {"bsize": 4096, "frsize": 1024, "blocks": 1000, "bfree": 400, "bavail": 300, "files": 50, "ffree": 20}
SPACE = Space(size=1_024_000, free=409_600, available=307_200, files=50, files_free=20)
PATIENCE = 0.05


def mount_at(point: str, fstype: str, mount_id: int = 1) -> Mount:
    return Mount(mount_id, "0:40", "/", point.encode(), "source", fstype, read_only=False)


def answer(**changes: int) -> os.statvfs_result:
    names = ("bsize", "frsize", "blocks", "bfree", "bavail", "files", "ffree", "ffree")
    values = ANSWER | changes
    return os.statvfs_result([*(values[name] for name in names), 0, 255])


class HangingHost(RecordedHost):
    """Asking for a path that ends in `hung` hangs until `release`, as for an NFS mount whose server is away."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        self.release = threading.Event()
        self.asked: list[str] = []

    def statvfs(self, path: str | bytes) -> os.statvfs_result:
        self.asked.append(os.fsdecode(path).removeprefix(str(self.folder)))
        if os.fsdecode(path).endswith("hung"):
            self.release.wait(30)
        return super().statvfs(path)


def wait_for_threads() -> None:
    for thread in threading.enumerate():
        if thread.name.startswith("statvfs "):
            thread.join(30)


@pytest.fixture
def host(tmp_path: Path) -> Iterator[HangingHost]:
    paths = ("/", "/mnt/fine", "/mnt/hung", "/mnt/other/hung")
    calls = {"statvfs": {path: ANSWER | {"flag": 0} for path in paths} | {"/mnt/stale": {"errno": "ESTALE"}}}
    build_host(tmp_path, {"syscalls.json": json.dumps(calls)})
    host = HangingHost(tmp_path)
    yield host
    host.release.set()
    wait_for_threads()


def test_blocks_are_counted_in_fragments() -> None:
    assert convert_statvfs(answer()) == SPACE


@pytest.mark.parametrize("inodes", [{"files": 0, "ffree": 0}, {"files": 0, "ffree": 9}, {"files": 5, "ffree": 6}])
def test_inodes_that_are_not_counted_are_none(inodes: dict[str, int]) -> None:
    space = convert_statvfs(answer(**inodes))
    assert (space.files, space.files_free) == (None, None)
    assert space.size == SPACE.size


def test_no_free_inode_is_zero_and_not_unknown() -> None:
    assert convert_statvfs(answer(ffree=0)).files_free == 0


@pytest.mark.parametrize("blocks", [{"bfree": 1001}, {"bavail": 1001}, {"bavail": (1 << 64) - 1}])
def test_more_room_than_there_is_makes_no_sense(blocks: dict[str, int]) -> None:
    with pytest.raises(ValueError, match="of 1000"):
        convert_statvfs(answer(**blocks))


@given(st.fixed_dictionaries(dict.fromkeys(ANSWER, st.integers(0, (1 << 64) - 1))))
def test_whatever_a_filesystem_says_no_part_is_larger_than_the_whole(values: dict[str, int]) -> None:
    try:
        space = convert_statvfs(answer(**values))
    except ValueError:
        return
    assert 0 <= space.free <= space.size
    assert 0 <= space.available <= space.size
    assert space.files is None or 0 <= (space.files_free or 0) <= space.files


@pytest.mark.parametrize("fstype", ["nfs", "nfs4", "cifs", "smb3", "9p", "ceph", "fuse.sshfs", "fuse", "virtiofs"])
def test_what_a_server_or_a_program_answers_is_remote(fstype: str) -> None:
    assert is_remote(fstype)


@pytest.mark.parametrize("fstype", ["ext4", "vfat", "btrfs", "zfs", "tmpfs", "fuseblk", "overlay", "nfsd"])
def test_what_the_kernel_answers_is_not_remote(fstype: str) -> None:
    assert not is_remote(fstype)


def test_local_mounts_are_asked_without_a_thread(host: HangingHost, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delattr("sysvitals.sources.os.statvfs.threading.Thread")
    mount = mount_at("/mnt/fine", "ext4")
    assert list(read_spaces(host, [mount], PATIENCE)) == [(mount, SPACE)]


def test_a_hung_mount_hides_no_other(host: HangingHost) -> None:
    mounts = [
        mount_at("/mnt/hung", "nfs", 1),
        mount_at("/", "ext4", 2),
        mount_at("/mnt/other/hung", "cifs", 3),
        mount_at("/mnt/fine", "nfs4", 4),
        mount_at("/mnt/stale", "nfs4", 5),
    ]
    found = dict(read_spaces(host, mounts, PATIENCE))
    assert list(found) == mounts
    assert [found[mounts[1]], found[mounts[3]]] == [SPACE, SPACE]
    faults = [found[mounts[n]] for n in (0, 2, 4)]
    assert [(f.what, f.error) for f in faults if isinstance(f, Fault)] == [
        ("/mnt/hung", "ETIMEDOUT"),
        ("/mnt/other/hung", "ETIMEDOUT"),
        ("/mnt/stale", "ESTALE"),
    ]


def test_a_hung_mount_is_not_asked_again_until_the_kernel_lets_go(host: HangingHost) -> None:
    mount = mount_at("/mnt/hung", "nfs")
    for _ in range(3):
        ((_, fault),) = read_spaces(host, [mount], PATIENCE)
        assert isinstance(fault, Fault)
    assert host.asked == ["/mnt/hung"]
    host.release.set()
    wait_for_threads()
    assert list(read_spaces(host, [mount], 30)) == [(mount, SPACE)]
    assert host.asked == ["/mnt/hung", "/mnt/hung"]


def test_all_hung_mounts_together_take_no_longer_than_one(host: HangingHost) -> None:
    mounts = [mount_at(f"/mnt/{number}/hung", "nfs", number) for number in range(40)]
    started = time.monotonic()
    assert len(list(read_spaces(host, mounts, PATIENCE))) == 40
    assert time.monotonic() - started < 20 * PATIENCE


def test_what_is_known_to_hang_is_not_waited_for(host: HangingHost) -> None:
    mount = mount_at("/mnt/hung", "nfs")
    list(read_spaces(host, [mount], PATIENCE))
    # would last a minute if it were waited for
    ((_, fault),) = read_spaces(host, [mount], 60)
    assert isinstance(fault, Fault)
    assert host.asked == ["/mnt/hung"]


def test_what_is_mounted_anew_on_a_hung_mount_point_is_asked_afresh(host: HangingHost) -> None:
    list(read_spaces(host, [mount_at("/mnt/hung", "nfs", 1)], PATIENCE))
    list(read_spaces(host, [mount_at("/mnt/hung", "nfs", 2)], PATIENCE))
    assert host.asked == ["/mnt/hung", "/mnt/hung"]


def test_hosts_do_not_share_what_they_remember(host: HangingHost) -> None:
    mount = mount_at("/mnt/hung", "nfs")
    list(read_spaces(host, [mount], PATIENCE))
    other = HangingHost(host.folder)
    other.release.set()
    assert list(read_spaces(other, [mount], 30)) == [(mount, SPACE)]


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
    mount = Mount(1, "0:40", "/@home", os.fsencode(tmp_path), "/dev/sda2", "btrfs", read_only=False)
    assert read_space(Host(), mount).size > 0
    with pytest.raises(OSError, match="not mounted where this process looks"):
        read_space(Host(), replace(mount, fstype="ext4"))
