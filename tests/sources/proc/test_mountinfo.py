import errno
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sysvitals.model.collector import Fault
from sysvitals.sources.proc.mountinfo import Mount, parse_mountinfo, read_mounts
from tests.building import build_host
from tests.recorded import HOSTS, RecordedHost

ROOT = b"28 1 179:2 / / rw,noatime shared:1 - ext4 /dev/mmcblk0p2 rw\n"


def mounts_of(table: bytes) -> list[Mount]:
    found = parse_mountinfo(table)
    assert not [mount for mount in found if isinstance(mount, Fault)]
    return [mount for mount in found if isinstance(mount, Mount)]


def escape(path: bytes) -> bytes:
    """As the kernel's seq_path does."""
    return b"".join(b"\\%03o" % byte if byte in b" \t\n\\#" else bytes([byte]) for byte in path)


def test_a_mount_is_read_whole() -> None:
    assert mounts_of(ROOT) == [
        Mount(id=28, number="179:2", root="/", point=b"/", source="/dev/mmcblk0p2", fstype="ext4", read_only=False)
    ]


@pytest.mark.parametrize("optional", ["", "shared:1 ", "shared:1 master:270 propagate_from:2 unbindable "])
def test_any_number_of_optional_fields_may_stand_before_the_dash(optional: str) -> None:
    (mount,) = mounts_of(f"28 1 179:2 / /srv rw {optional}- ext4 /dev/sda1 rw".encode())
    assert (mount.point, mount.fstype, mount.source) == (b"/srv", "ext4", "/dev/sda1")


@pytest.mark.parametrize(
    ("options", "super_options", "read_only"),
    [
        ("rw,noatime", "rw", False),
        ("ro,noatime", "rw", True),
        ("rw,noatime", "ro", True),
        ("rw", "rw,errors=remount-ro", False),
        ("rw", "rw,emergency_ro", True),
        ("rw", "rw,lowerdir=/ro,upperdir=/x ro", False),
    ],
)
def test_read_only_is_told_by_the_mount_or_by_the_filesystem(
    options: str, super_options: str, *, read_only: bool
) -> None:
    (mount,) = mounts_of(f"28 1 179:2 / / {options} - ext4 /dev/sda1 {super_options}".encode())
    assert mount.read_only is read_only


def test_a_source_may_be_empty() -> None:
    (mount,) = mounts_of(b"32 27 0:40 / /mnt rw - tmpfs  rw")
    assert (mount.fstype, mount.source) == ("tmpfs", "")


def test_real_bytes_are_kept_for_system_calls_and_text_is_valid() -> None:
    (mount,) = mounts_of(rb"28 1 8:1 / /mnt/caf\351\040\134040 rw - ext4 /dev/sda1 rw".replace(rb"\351", b"\xe9"))
    assert mount.point == b"/mnt/caf\xe9 \\040"
    assert mount.path == "/mnt/caf\\xe9 \\040"


@pytest.mark.parametrize("point", [rb"/mnt/a\9", rb"/mnt/a\0", rb"/mnt/a\777", rb"/mnt/a\\"])
def test_a_backslash_that_escapes_nothing_stays(point: bytes) -> None:
    (mount,) = mounts_of(b"28 1 8:1 / " + point + b" rw - ext4 /dev/sda1 rw")
    assert mount.point == point


@pytest.mark.parametrize(
    "line",
    [
        b"garbage",
        b"28 1 179:2 / / rw",
        b"28 1 179:2 / / rw - ",
        b"28 1 179:2 / / rw - ext4",
        b"28 1 179:2 / / rw - ext4 /dev/sda1",
        b"x 1 179:2 / / rw - ext4 /dev/sda1 rw",
        b"28 1 179:2 / srv rw - ext4 /dev/sda1 rw",
        b"28 1 179:2 / rw - ext4 /dev/sda1 rw",
        b"9" * 5000 + b" 1 179:2 / / rw - ext4 /dev/sda1 rw",
    ],
)
def test_a_line_that_makes_no_sense_is_a_fault_and_its_siblings_are_read(line: bytes) -> None:
    first, second = parse_mountinfo(line + b"\n" + ROOT)
    assert isinstance(first, Fault)
    assert (first.what, first.error) == ("mountinfo line 1", "garbage")
    assert isinstance(second, Mount)


@given(st.binary(max_size=200))
def test_arbitrary_bytes_give_mounts_or_faults(table: bytes) -> None:
    for mount in parse_mountinfo(table):
        assert isinstance(mount, Mount | Fault)


@given(st.lists(st.binary(min_size=1, max_size=30).filter(lambda name: not set(name) & set(b"/\0")), max_size=4))
def test_any_mount_point_comes_back_as_it_was(names: list[bytes]) -> None:
    point = b"/" + b"/".join(names)
    (mount,) = mounts_of(b"28 1 8:1 / " + escape(point) + b" rw - ext4 /dev/sda1 rw\n")
    assert mount.point == point
    mount.path.encode()


def test_the_last_mount_on_a_mount_point_hides_those_before(tmp_path: Path) -> None:
    table = ROOT + b"30 28 0:30 / /mnt rw - autofs systemd-1 rw\n31 30 0:31 / /mnt rw - nfs4 nas:/x rw\n"
    host = build_host(tmp_path, {"proc/1/mountinfo": table})
    assert [mount.fstype for mount in read_mounts(host) if isinstance(mount, Mount)] == ["ext4", "nfs4"]


def test_the_first_process_is_asked_because_its_mounts_are_the_hosts(tmp_path: Path) -> None:
    own = ROOT.replace(b"ext4", b"overlay")
    host = build_host(tmp_path, {"proc/1/mountinfo": ROOT, "proc/self/mountinfo": own})
    assert [mount.fstype for mount in read_mounts(host) if isinstance(mount, Mount)] == ["ext4"]


@pytest.mark.parametrize("refusal", ["", "ENOENT", "EACCES", "EPERM"])
def test_without_the_first_process_what_is_seen_below_the_root_is_the_hosts(tmp_path: Path, refusal: str) -> None:
    prefix = str(tmp_path).encode()
    own = (
        b"50 1 0:54 / / rw - overlay overlay rw\n"
        b"51 50 179:2 / " + prefix + b" ro - ext4 /dev/mmcblk0p2 rw\n"
        b"52 51 179:1 / " + prefix + b"/boot/firmware rw - vfat /dev/mmcblk0p1 rw\n"
        b"53 50 8:1 / " + prefix + b"-not-below rw - ext4 /dev/sda1 rw\n"
        b"garbage\n"
    )
    files = {"proc/self/mountinfo": own}
    if refusal:
        files[f"proc/1/mountinfo.ERRNO-{refusal}"] = b""
    host = build_host(tmp_path, files)
    *mounts, garbage = read_mounts(host)
    assert [(m.path, m.source) for m in mounts if isinstance(m, Mount)] == [
        ("/", "/dev/mmcblk0p2"),
        ("/boot/firmware", "/dev/mmcblk0p1"),
    ]
    assert isinstance(garbage, Fault)


def test_another_failure_is_let_through(tmp_path: Path) -> None:
    host = build_host(tmp_path, {"proc/1/mountinfo.ERRNO-EIO": "", "proc/self/mountinfo": ROOT})
    with pytest.raises(OSError, match="Input/output error") as caught:
        read_mounts(host)
    assert caught.value.errno == errno.EIO


def test_no_table_at_all_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        read_mounts(build_host(tmp_path, {"proc/uptime": "1 1"}))


@pytest.mark.parametrize("process", ["1", "self"])
def test_a_table_of_thousands_of_mounts_is_read_to_its_end(tmp_path: Path, process: str) -> None:
    table = b"".join(b"%d 1 0:%d / /mnt/%d rw - tmpfs %s rw\n" % (n, n, n, b"x" * 400) for n in range(5000))
    host = build_host(tmp_path, {f"proc/{process}/mountinfo": table})
    host.rootfs = ""
    assert len(table) > 1 << 21
    assert len(read_mounts(host)) == 5000


def test_a_recorded_hosts_mounts() -> None:
    mounts = {m.path: m for m in read_mounts(RecordedHost(HOSTS / "nuc")) if isinstance(m, Mount)}
    assert mounts["/mnt/backup disk"].source == "/dev/sda1"
    assert mounts["/srv/vz"].root == "/var/lib/vz"
    assert mounts["/tank/vm"].read_only
    assert not mounts["/"].read_only
