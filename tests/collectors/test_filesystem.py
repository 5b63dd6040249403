import json
import os
import re
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from queue import SimpleQueue

import pytest

from sysvitals.collectors import filesystem
from sysvitals.collectors.filesystem import Filesystem, Options, Remounted
from sysvitals.host.host import Host
from sysvitals.model.collector import Fault, Probe, Unavailable
from sysvitals.model.event import Event
from sysvitals.model.reading import amend
from sysvitals.pipeline.bus import Bus
from sysvitals.pipeline.clock import Clock
from sysvitals.pipeline.scheduler import Scheduler
from tests.building import build_host
from tests.mounting import own_mounts
from tests.patience import PATIENCE
from tests.recorded import HOSTS, RecordedHost

SPACE = {"bsize": 4096, "frsize": 4096, "blocks": 100, "bfree": 40, "bavail": 20, "files": 50, "ffree": 30, "flag": 0}
ROOT = Filesystem(
    device="/dev/sda1",
    mountpoint="/",
    fstype="ext4",
    size=409_600,
    free=163_840,
    available=81_920,
    used_percent=75.0,
    files=50,
    files_free=30,
    read_only=False,
    device_error=False,
)


def build_mounts(folder: Path, *lines: str, answers: Mapping[str, Mapping[str, object]] | None = None) -> RecordedHost:
    """Lines such as `8:1 / / ext4 /dev/sda1`; a mount point that no answer is given for answers SPACE."""
    table: list[str] = []
    calls = dict(answers or {})
    for mount_id, line in enumerate(lines, 20):
        number, root, point, fstype, source = line.split()
        table.append(f"{mount_id} 1 {number} {root} {point} rw - {fstype} {source} rw\n")
        calls.setdefault(point, dict(SPACE))
    return build_host(folder, {"proc/1/mountinfo": "".join(table), "syscalls.json": json.dumps({"statvfs": calls})})


def read(host: RecordedHost, options: Options | None = None) -> list[Filesystem | Fault]:
    return list(replace(filesystem.COLLECTOR, options=options or Options()).run(host))  # type: ignore[arg-type]


def probes_of(host: RecordedHost, options: Options | None = None) -> dict[str, Probe]:
    found = filesystem.find(host, options or Options())
    return {probe.name: probe for probe in found if isinstance(probe, Probe)}


def points(found: list[Filesystem | Fault]) -> list[str]:
    return [one.mountpoint for one in found if isinstance(one, Filesystem)]


def test_a_filesystem_is_read_whole(tmp_path: Path) -> None:
    assert read(build_mounts(tmp_path, "8:1 / / ext4 /dev/sda1")) == [ROOT]


def test_a_bind_mount_of_the_same_folder_is_told_once_by_its_shortest_mount_point(tmp_path: Path) -> None:
    host = build_mounts(
        tmp_path,
        "8:1 / /a/long/way ext4 /dev/sda1",
        "8:1 / /short ext4 /dev/sda1",
        "8:1 / /other ext4 /dev/sda1",
        "8:1 /data /srv ext4 /dev/sda1",
        "8:2 / /second ext4 /dev/sda2",
    )
    assert points(read(host)) == ["/short", "/srv", "/second"]


def test_what_another_mount_hides_is_not_asked(tmp_path: Path) -> None:
    host = build_mounts(
        tmp_path, "8:1 / / ext4 /dev/sda1", "8:2 / /data/inner ext4 /dev/sda2", "8:3 / /data ext4 /dev/sda3"
    )
    assert list(probes_of(host)) == ["/ (mount 20)", "/data (mount 22)"]


@pytest.mark.parametrize(
    "point",
    [
        "/dev/shm",  # noqa: S108
        "/proc/sys/fs/binfmt_misc",
        "/sys/fs/cgroup",
        "/run/lock",
        "/run/user/1000",
        "/run/credentials/systemd-sysctl.service",
        "/var/lib/docker/overlay2/c0ffee/merged",
        "/var/lib/containerd/x",
        "/var/lib/kubelet/pods/1/volumes/x",
        "/var/lib/k0s/kubelet/pods/1/volumes/x",
        "/snap/core22/1",
        "/etc/resolv.conf",
        "/tmp/.mount_App1",  # noqa: S108
        "/home/pi/.local/share/containers/storage/overlay",
    ],
)
def test_mount_points_of_the_system_and_of_containers_are_left_out(point: str) -> None:
    assert re.fullmatch(Options().exclude_mount_points, point)


@pytest.mark.parametrize(
    "point",
    ["/", "/run", "/boot/firmware", "/home", "/var/lib/docker", "/run/media/pi/STICK", "/mnt/dev", "/devices"],
)
def test_mount_points_of_people_are_kept(point: str) -> None:
    assert not re.fullmatch(Options().exclude_mount_points, point)


@pytest.mark.parametrize("fstype", ["proc", "cgroup2", "overlay", "squashfs", "autofs", "devtmpfs", "fuse.snapfuse"])
def test_types_that_hold_no_data_of_people_are_left_out(tmp_path: Path, fstype: str) -> None:
    host = build_mounts(tmp_path, "8:1 / / ext4 /dev/sda1", f"0:40 / /mnt {fstype} none")
    assert points(read(host)) == ["/"]


@pytest.mark.parametrize("fstype", ["ext4", "vfat", "btrfs", "zfs", "tmpfs", "f2fs", "exfat", "fuseblk", "fuse.sshfs"])
def test_types_that_hold_data_are_kept(tmp_path: Path, fstype: str) -> None:
    assert points(read(build_mounts(tmp_path, f"0:40 / /mnt {fstype} none"))) == ["/mnt"]


def test_a_mount_that_is_meant_to_be_full_is_shown_as_such_whether_it_answers_or_not(tmp_path: Path) -> None:
    host = build_mounts(tmp_path, "8:1 / / ext4 /dev/sda1", "8:2 / /mnt/media ext4 /dev/sda2")
    probes = [one for one in filesystem.find(host, Options(full_expected="/mnt/.*")) if isinstance(one, Probe)]
    for answers in ([*one.read()] for one in probes), ([*one.otherwise()] for one in probes):
        expected = [one.full_expected for found in answers for one in found if isinstance(one, Filesystem)]
        assert expected == [False, True]


def test_an_automount_waits_until_it_is_mounted_and_is_not_looked_into(tmp_path: Path) -> None:
    table = ("8:1 / / ext4 /dev/sda1", "0:40 / /mnt/nas autofs systemd-1", "0:41 / /proc/sys/fs/binfmt_misc autofs x")
    host = build_mounts(tmp_path, *table)
    found: list[object] = [*read(host)]
    assert [one for one in found if isinstance(one, filesystem.Automount)] == [
        filesystem.Automount(mountpoint="/mnt/nas", waiting=True)
    ]
    assert points(read(host)) == ["/"]


def test_the_root_is_told_whatever_its_type(tmp_path: Path) -> None:
    assert points(read(build_mounts(tmp_path, "0:40 / / overlay overlay"))) == ["/"]


def test_patterns_match_the_whole_text_and_replace_the_defaults(tmp_path: Path) -> None:
    host = build_mounts(tmp_path, "8:1 / / ext4 /dev/sda1", "8:2 / /mnt ext4 /dev/sda2", "8:3 / /mnt2 xfs /dev/sda3")
    assert points(read(host, Options(exclude_mount_points="/mnt"))) == ["/", "/mnt2"]
    assert points(read(host, Options(exclude_fs_types="xfs"))) == ["/", "/mnt"]
    assert points(read(host, Options(exclude_mount_points="", exclude_fs_types=""))) == ["/", "/mnt", "/mnt2"]


def test_a_mount_that_does_not_answer_is_seen_and_hides_no_other(tmp_path: Path) -> None:
    host = build_mounts(
        tmp_path, "0:52 / /mnt/nas nfs4 nas:/x", "8:1 / / ext4 /dev/sda1", answers={"/mnt/nas": {"errno": "ESTALE"}}
    )
    fault, nas, root = read(host)
    assert isinstance(fault, Fault)
    assert (fault.what, fault.error) == ("/mnt/nas (mount 20)", "ESTALE")
    assert nas == Filesystem(device="nas:/x", mountpoint="/mnt/nas", fstype="nfs4", read_only=False, device_error=True)
    assert root == ROOT


class UnaskableHost(RecordedHost):
    """To ask a filesystem fails the test, as it could hang."""

    def statvfs(self, path: str | bytes) -> os.statvfs_result:
        raise AssertionError(f"asked {path!r}")

    folder_device = statvfs  # type: ignore[assignment]


def test_finding_mounts_and_what_is_known_without_an_answer_asks_no_filesystem(tmp_path: Path) -> None:
    build_mounts(tmp_path, "8:1 / / ext4 /dev/sda1", "0:52 / /mnt/nas cifs //nas/x")
    root, nas = probes_of(UnaskableHost(tmp_path)).values()
    assert list(root.otherwise()) == [
        Filesystem(device="/dev/sda1", mountpoint="/", fstype="ext4", read_only=False, device_error=True)
    ]
    assert list(nas.otherwise()) == [
        Filesystem(device="//nas/x", mountpoint="/mnt/nas", fstype="cifs", read_only=False, device_error=True)
    ]


def test_each_network_mount_has_its_own_time_to_answer_and_others_have_the_collectors(tmp_path: Path) -> None:
    host = build_mounts(
        tmp_path, "8:1 / / ext4 /dev/sda1", "0:52 / /mnt/nas cifs //nas/x", "0:53 / /mnt/cloud fuse.rclone cloud:"
    )
    found = probes_of(host, Options(network_timeout=0.5))
    assert [probe.timeout for probe in found.values()] == [None, 0.5, 0.5]


def test_what_is_mounted_in_place_of_another_is_another_thing_and_what_is_remounted_is_not(tmp_path: Path) -> None:
    host = build_mounts(tmp_path, "8:1 / / ext4 /dev/sda1", "0:52 / /mnt/nas nfs4 nas:/x")
    (_, root), (_, before) = (probes := probes_of(host)).items()
    table = tmp_path / "proc/1/mountinfo"
    table.write_text(table.read_text().replace("21 1", "35 1").replace("/ / rw", "/ / ro"))
    assert list(probes) == ["/ (mount 20)", "/mnt/nas (mount 21)"]
    assert list(found := probes_of(host)) == ["/ (mount 20)", "/mnt/nas (mount 35)"]
    assert [*before.read()] == [*found["/mnt/nas (mount 35)"].read()]
    assert [*root.read()] == [ROOT]
    assert [*found["/ (mount 20)"].read()] == [amend(ROOT, read_only=True)]


def test_points_that_read_alike_are_things_apart(tmp_path: Path) -> None:
    host = build_mounts(
        tmp_path, "8:1 / / ext4 /dev/sda1", "8:2 / /mnt/XX ext4 /dev/sda2", r"8:3 / /mnt/\134xe9 ext4 x"
    )
    table = tmp_path / "proc/1/mountinfo"
    table.write_bytes(table.read_bytes().replace(b"XX", b"\xe9"))
    assert list(probes_of(host)) == ["/ (mount 20)", r"/mnt/\xe9 (mount 21)", r"/mnt/\xe9 (mount 22)"]


def test_a_garbled_line_is_a_fault_and_hides_no_mount(tmp_path: Path) -> None:
    host = build_mounts(tmp_path, "8:1 / / ext4 /dev/sda1")
    table = tmp_path / "proc/1/mountinfo"
    table.write_bytes(b"garbage\n" + table.read_bytes())
    fault, root = read(host)
    assert isinstance(fault, Fault)
    assert fault.error == "garbage"
    assert root == ROOT


def test_a_filesystem_of_no_size_is_left_out(tmp_path: Path) -> None:
    host = build_mounts(
        tmp_path, "8:1 / / ext4 /dev/sda1", "0:9 / /x fuse.x x", answers={"/x": dict.fromkeys(SPACE, 0)}
    )
    assert points(read(host)) == ["/"]


def test_a_filesystem_that_lies_has_answered_and_what_makes_sense_stays(tmp_path: Path) -> None:
    host = build_mounts(tmp_path, "8:1 / / ext4 /dev/sda1", answers={"/": SPACE | {"bfree": 101, "bavail": 101}})
    fault, root = read(host)
    words = "413696 bytes free, more than 409600; 413696 bytes available, more than 409600"
    assert fault == Fault("/ (mount 20)", "garbage", words)
    assert root == amend(ROOT, free=None, available=None, used_percent=None)


def test_a_full_filesystem_is_told_as_such(tmp_path: Path) -> None:
    host = build_mounts(
        tmp_path, "8:1 / / ext4 /dev/sda1", answers={"/": SPACE | {"bfree": 20, "bavail": 0, "ffree": 0}}
    )
    assert read(host) == [amend(ROOT, free=81_920, available=0, used_percent=100.0, files_free=0)]


def test_all_reserved_for_root_is_no_division_by_zero(tmp_path: Path) -> None:
    host = build_mounts(tmp_path, "8:1 / / ext4 /dev/sda1", answers={"/": SPACE | {"bfree": 100, "bavail": 0}})
    (root,) = read(host)
    assert isinstance(root, Filesystem)
    assert (root.free, root.used_percent) == (409_600, None)


def test_a_host_without_mounts_lacks_the_subsystem(tmp_path: Path) -> None:
    with pytest.raises(Unavailable, match="container"):
        read(build_mounts(tmp_path, "0:21 / /proc proc proc"))


def test_a_root_that_the_kernel_turned_read_only_is_told() -> None:
    def root_of(name: str) -> Filesystem:
        found = read(RecordedHost(HOSTS / name))
        return next(one for one in found if isinstance(one, Filesystem) and one.mountpoint == "/")

    assert root_of("pi-4b-browned-out-earlier").read_only
    assert not root_of("pi-4b-fine").read_only


def test_a_recorded_pi_is_told_by_three_filesystems() -> None:
    found = read(RecordedHost(HOSTS / "pi-zero-w"))
    assert points(found) == ["/run", "/", "/boot/firmware"]
    assert found[2] == Filesystem(
        device="/dev/mmcblk0p1",
        mountpoint="/boot/firmware",
        fstype="vfat",
        size=535_805_952,
        free=460_791_808,
        available=460_791_808,
        used_percent=14.0,
        read_only=False,
        device_error=False,
    )


def test_a_recorded_container_tells_its_root_and_not_what_docker_put_in_etc() -> None:
    assert points(read(RecordedHost(HOSTS / "container"))) == ["/"]


# edges


def test_a_filesystem_that_turns_read_only_or_writable_is_told_and_the_first_sight_of_one_is_not() -> None:
    failed = amend(ROOT, read_only=True)
    told = Remounted(device="/dev/sda1", mountpoint="/", read_only=True)
    assert list(filesystem.changes(failed, ROOT)) == [told]
    assert list(filesystem.changes(ROOT, failed)) == [amend(told, read_only=False)]
    assert list(filesystem.changes(failed, failed)) == []
    assert list(filesystem.changes(failed, None)) == []
    assert told.urgent


def test_a_filesystem_that_does_not_answer_still_tells_that_it_turned_read_only() -> None:
    silent = Filesystem(device="/dev/sda1", mountpoint="/", fstype="ext4", read_only=True, device_error=True)
    assert len(list(filesystem.changes(silent, ROOT))) == 1


def test_the_table_that_is_read_is_the_one_that_is_watched(tmp_path: Path) -> None:
    host = build_mounts(tmp_path, "8:1 / / ext4 /dev/sda1")
    [watch] = filesystem.watch(host, Options())
    assert watch.name == f"{host.procfs}/1/mountinfo"
    (tmp_path / "proc/self").mkdir()
    (tmp_path / "proc/1/mountinfo").rename(tmp_path / "proc/self/mountinfo")
    [watch] = filesystem.watch(host, Options())
    assert watch.name == f"{host.procfs}/self/mountinfo"


class Remounts:
    """A listener that hands on what was remounted."""

    def __init__(self) -> None:
        self.told: SimpleQueue[Remounted] = SimpleQueue()

    def offer(self, events: tuple[Event, ...]) -> None:
        for event in events:
            if isinstance(event.body, Remounted):
                self.told.put(event.body)


def test_a_real_remount_is_told_by_the_kernels_notice(tmp_path: Path) -> None:
    disk = tmp_path / "disk"
    (tmp_path / "proc").mkdir()
    with own_mounts() as mounts:
        mounts.mount(disk)
        (tmp_path / "proc/1").symlink_to(mounts.proc)
        options = Options(exclude_mount_points=f"(?!{re.escape(str(disk))}).*", exclude_fs_types="")
        collector = replace(filesystem.COLLECTOR, options=options, interval=600.0)  # far from its heartbeat
        bus, remounts = Bus(clock=Clock(), host="", boot=""), Remounts()
        bus.subscribe(remounts)
        scheduler = Scheduler([collector], host=Host(procfs=str(tmp_path / "proc")), bus=bus, clock=Clock())
        scheduler.start()
        try:
            assert scheduler.settle(10.0)
            for mode, read_only in [("ro", True), ("rw", False)]:
                mounts.remount(disk, mode)
                expected = Remounted(device="tmpfs", mountpoint=str(disk), read_only=read_only)
                assert remounts.told.get(timeout=PATIENCE) == expected
            wakes = {wakes.how: wakes.total for wakes in scheduler.wakes()}
        finally:
            scheduler.stop()
    assert wakes["notice"] >= 2
