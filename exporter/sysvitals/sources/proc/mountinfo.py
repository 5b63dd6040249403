"""`/proc/*/mountinfo`: what is mounted where, and whether it may be written to."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from os import fsencode

from sysvitals.host.files import attempt
from sysvitals.host.host import Host
from sysvitals.model.collector import Fault
from sysvitals.sources.proc.namespaces import read_first_process


@dataclass(frozen=True, slots=True)
class Mount:
    """One mount. `number` is the device's `major:minor`, `root` the part of the filesystem that is mounted.

    `point` holds the real bytes of the mount point as the host sees it, for system calls; `path` is it for people.
    """

    id: int
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
    """The host's mounts, in the order of mounting; of those on one mount point only the last, which hides the others.

    Where PID 1's table may not be read, this process's own serves: what it sees below `rootfs` is the host's.
    Raises OSError; a line that makes no sense is a Fault.
    """
    if (table := read_first_process(host, "mountinfo")) is not None:
        return _topmost(parse_mountinfo(table))
    table = host.read_bytes(f"{host.procfs}/self/mountinfo", limit=16 << 20)
    return _topmost(_below(fsencode(host.rootfs), parse_mountinfo(table)))


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
    if len(fields) < 6 or not fields[0].isdigit() or fields[4][:1] != b"/" or not fstype or len(others) < 2:
        raise ValueError(f"not a mount: {_text(line[:80])!r}")
    # ext4 stops writing after an error without turning `ro`: it says `emergency_ro` among its own options
    options = {*fields[5].split(b","), *b" ".join(others[1:]).split(b",")}
    return Mount(
        id=int(fields[0]),
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
            yield replace(mount, point=mount.point[len(rootfs) :] or b"/")


def _topmost(mounts: Iterable[Mount | Fault]) -> list[Mount | Fault]:
    """Without mounts that a later one on the same mount point hides."""
    last = {mount if isinstance(mount, Fault) else mount.point: mount for mount in mounts}
    return list(last.values())


def _text(data: bytes) -> str:
    return data.decode("utf-8", "backslashreplace")
