"""`/proc/*/mountinfo`: what is mounted where, and whether it may be written to."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from os import fsencode
from typing import NamedTuple

from sysvitals.host.files import attempt, parse_int
from sysvitals.host.host import Host
from sysvitals.model.collector import Fault
from sysvitals.sources.proc.namespaces import read_first_process


class Mount(NamedTuple):
    """One mount. `number` is the device's `major:minor`, `root` the part of the filesystem that is mounted.

    `parent` is the id of the mount that it is mounted on; that of the root is not in the table. `point` holds the real
    bytes of the mount point as the host sees it, for system calls; `path` is it for people.
    """

    id: int
    parent: int
    number: str
    root: str
    point: bytes
    source: str
    fstype: str
    read_only: bool

    @property
    def path(self) -> str:
        """The mount point as valid text."""
        return _text(self.point)


def read_mounts(host: Host) -> list[Mount | Fault]:
    """The host's mounts that can be reached: without those that another mount hides.

    Where PID 1's table may not be read, this process's own serves: what it sees below `rootfs` is the host's.
    Raises OSError; a line that makes no sense is a Fault.
    """
    if (table := read_first_process(host, "mountinfo")) is not None:
        return _reachable(parse_mountinfo(table))
    table = host.read_bytes(f"{host.procfs}/self/mountinfo", limit=16 << 20)
    return list(_below(fsencode(host.rootfs), _reachable(parse_mountinfo(table))))


def find_mounts(host: Host) -> str:
    """The table that `read_mounts` reads: process 1's where this user may see it."""
    first = f"{host.procfs}/1/mountinfo"
    return first if read_first_process(host, "mountinfo") is not None else f"{host.procfs}/self/mountinfo"


def parse_mountinfo(table: bytes) -> list[Mount | Fault]:
    """From lines such as `28 1 179:2 / / rw,noatime shared:1 - ext4 /dev/mmcblk0p2 rw`."""
    lines = table.rstrip(b"\n\0").split(b"\n")
    return [attempt(f"mountinfo line {number}", _parse_line, line) for number, line in enumerate(lines, 1) if line]


def _parse_line(line: bytes) -> Mount:
    # a source may be the empty string, hence one space at a time
    head, _, tail = line.partition(b" - ")
    fields, (fstype, *others) = head.split(b" "), tail.split(b" ")
    if len(fields) < 6 or fields[4][:1] != b"/" or not fstype or len(others) < 2:
        raise ValueError(f"not a mount: {_text(line[:80])!r}")
    # ext4 stops writing after an error without turning `ro`: it says `emergency_ro` among its own options
    options = {*fields[5].split(b","), *b" ".join(others[1:]).split(b",")}
    return Mount(
        id=parse_int(_text(fields[0])),
        parent=parse_int(_text(fields[1])),
        number=_text(fields[2]),
        root=_text(_unescape(fields[3])),
        point=_unescape(fields[4]),
        source=_text(_unescape(others[0])),
        fstype=_text(_unescape(fstype)),
        read_only=b"ro" in options or b"emergency_ro" in options,
    )


def _unescape(field: bytes) -> bytes:
    """The kernel writes space, tab, newline, `#` and backslash as a backslash and three octal digits."""
    if b"\\" not in field:
        return field
    first, *parts = field.split(b"\\")
    return first + b"".join(_unescape_part(part) for part in parts)


def _unescape_part(part: bytes) -> bytes:
    digits = part[:3]
    if len(digits) == 3 and not digits.strip(b"01234567") and digits < b"400":
        return bytes([int(digits, 8)]) + part[3:]
    return b"\\" + part


def _below(rootfs: bytes, mounts: Iterable[Mount | Fault]) -> Iterator[Mount | Fault]:
    """Mounts below the folder where the host's `/` is mounted, as the host names them: `/host/var` is `/var`."""
    for mount in mounts:
        if isinstance(mount, Fault) or not rootfs:
            yield mount
        elif mount.point == rootfs or mount.point.startswith(rootfs + b"/"):
            yield mount._replace(point=mount.point[len(rootfs) :] or b"/")


def _reachable(found: Sequence[Mount | Fault]) -> list[Mount | Fault]:
    """Without mounts that another one hides: those beneath it, and those in folders that it covers.

    The order of the lines says nothing: `mount --move` leaves a line in its place, and a mount that propagates may
    slip beneath another. Each line's parent does: proc_pid_mountinfo(5).
    """
    faults = [one for one in found if isinstance(one, Fault)]
    mounts = {one.id: one for one in found if isinstance(one, Mount)}
    tops = [mount.id for mount in mounts.values() if mount.parent == mount.id or mount.parent not in mounts]
    root = next((top for top in reversed(tops) if mounts[top].point == b"/"), None)
    # a process confined to a folder (chroot) sees no mount on `/`: what is mounted below has its parent outside
    parents = {mount_id: mount.parent for mount_id, mount in mounts.items()} | dict.fromkeys(tops, root)
    covers = {(parents[mount.id], mount.point): mount.id for mount in mounts.values() if mount.id != root}
    return [*(mount for mount in mounts.values() if _follow(mount.point, root, covers) == mount.id), *faults]


def _follow(path: bytes, root: int | None, covers: Mapping[tuple[int | None, bytes], int]) -> int | None:
    """The id of the mount that a path leads to, from the root over whatever is mounted on each folder on the way.

    What is mounted over `/` itself is not on the way: a process keeps the root that it has.
    """
    here, place = root, b""
    for name in filter(None, path.split(b"/")):
        place += b"/" + name
        while (above := covers.get((here, place))) is not None:
            here = above
    return here


def _text(data: bytes) -> str:
    return data.decode("utf-8", "backslashreplace")
