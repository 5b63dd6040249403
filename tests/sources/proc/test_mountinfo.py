import errno
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sysvitals.host.host import Host
from sysvitals.model.collector import Fault
from sysvitals.sources.proc.mountinfo import Mount, parse_mountinfo, read_mounts
from tests.building import build_host
from tests.mounting import own_mounts
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
        Mount(
            id=28,
            parent=1,
            number="179:2",
            root="/",
            point=b"/",
            source="/dev/mmcblk0p2",
            fstype="ext4",
            read_only=False,
        )
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
        b"28 x 179:2 / / rw - ext4 /dev/sda1 rw",
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


def reached(folder: Path, *rows: str) -> list[int]:
    """Ids of the mounts that are left of rows such as `31 28 /mnt` (id, parent, mount point)."""
    table = "".join("{} {} 0:1 / {} rw - ext4 /dev/sda1 rw\n".format(*row.split()) for row in rows)
    found = read_mounts(build_host(folder, {"proc/1/mountinfo": table}))
    return [mount.id for mount in found if isinstance(mount, Mount)]


@pytest.mark.parametrize(
    ("rows", "ids"),
    [
        pytest.param(["28 1 /", "30 28 /mnt", "31 30 /mnt"], [28, 31], id="stacked on one mount point"),
        pytest.param(["28 1 /", "31 30 /mnt", "30 28 /mnt"], [28, 31], id="slipped beneath, listed later"),
        pytest.param(["28 1 /", "30 28 /a/b", "31 28 /a"], [28, 31], id="in a folder that is covered"),
        pytest.param(["28 1 /", "30 28 /a/b", "31 28 /a/bc"], [28, 30, 31], id="a name that only begins alike"),
        pytest.param(["28 1 /", "30 28 /a", "31 30 /a/b", "32 30 /a"], [28, 32], id="in a mount that is covered"),
        pytest.param(["28 1 /", "30 28 /a", "32 30 /a", "31 32 /a/b"], [28, 32, 31], id="in the mount that covers"),
        pytest.param(["28 1 /", "29 28 /", "30 29 /mnt"], [28], id="over the root, which a process does not leave"),
        pytest.param(["1 1 /", "30 1 /mnt"], [1, 30], id="a root that is its own parent"),
        pytest.param(["30 28 /mnt", "31 28 /srv/x", "32 28 /srv"], [30, 32], id="a chroot to a folder"),
        pytest.param(["28 1 /", "30 77 /mnt"], [28, 30], id="a parent whose line cannot be read"),
        pytest.param(["28 1 /", "30 31 /a", "31 30 /a"], [28], id="parents in a circle"),
        pytest.param(["28 1 /", "30 28 /a//deleted"], [28], id="a mount point that was removed"),
    ],
)
def test_a_mount_that_another_one_hides_is_left_out(tmp_path: Path, rows: list[str], ids: list[int]) -> None:
    assert reached(tmp_path, *rows) == ids


POINTS = st.lists(st.sampled_from("abc"), max_size=3).map(lambda names: "/" + "/".join(names))


@given(st.lists(st.tuples(st.integers(1, 9), st.integers(0, 9), POINTS), max_size=12))
def test_any_tree_of_mounts_has_at_most_one_at_a_point(rows: list[tuple[int, int, str]]) -> None:
    host = TableHost("".join(f"{one} {parent} 0:1 / {point} rw - ext4 x rw\n" for one, parent, point in rows))
    points = [mount.point for mount in read_mounts(host) if isinstance(mount, Mount)]
    assert len({*points}) == len(points)


class TableHost(Host):
    """A host of one table of mounts."""

    def __init__(self, table: str) -> None:
        super().__init__()
        self._table = table.encode()

    def read_bytes(self, path: str | bytes, limit: int = 1 << 20) -> bytes:  # noqa: ARG002  # the only file
        return self._table


def test_what_is_left_is_what_the_kernel_finds_at_each_mount_point(tmp_path: Path) -> None:
    with own_mounts() as mounts:
        for name in ("stack", "cover", "moved", "bound", "below", "peer"):
            (tmp_path / name).mkdir()
        for name in ("stack", "stack", "cover/inner", "moved", "bound", "bound/in"):
            mounts.run(f"mkdir -p {tmp_path}/{name}", f"mount -t tmpfs {name} {tmp_path}/{name}")
        mounts.run(
            f"mount -t tmpfs cover {tmp_path}/cover",
            f"mkdir {tmp_path}/cover/place",
            f"mount --move {tmp_path}/moved {tmp_path}/cover/place",
            f"mount --bind {tmp_path}/bound {tmp_path}/bound",
            # one that propagates slips beneath what is mounted on the other side
            f"mount -t tmpfs peer {tmp_path}/peer",
            f"mount --make-shared {tmp_path}/peer",
            f"mkdir {tmp_path}/peer/d",
            f"mount --bind {tmp_path}/peer {tmp_path}/below",
            f"mount --make-slave {tmp_path}/below",
            f"mount -t tmpfs top {tmp_path}/below/d",
            f"mount -t tmpfs slipped {tmp_path}/peer/d",
        )
        table = parse_mountinfo(Path(mounts.table).read_bytes())
        ours = [m for m in table if isinstance(m, Mount) and m.path.startswith(str(tmp_path))]
        found = {m.id for m in ours if mounts.id_at(m.path) == m.id}
        left = {m.id for m in read_mounts(TableHost(Path(mounts.table).read_text())) if isinstance(m, Mount)}
    assert {m.id for m in ours} & left == found
    hidden = sorted((m.source, m.path.removeprefix(str(tmp_path))) for m in ours if m.id not in found)
    assert hidden == [("bound", "/bound"), ("bound/in", "/bound/in"), ("cover/inner", "/cover/inner"),
                      ("slipped", "/below/d"), ("stack", "/stack")]  # fmt: skip


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
    table = b"".join(b"%d 1 0:%d / /mnt/%d rw - tmpfs %s rw\n" % (n, n, n, b"x" * 400) for n in range(2, 5002))
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
