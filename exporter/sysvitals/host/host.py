"""The seam to the world: every file and system call that a source needs goes through a `Host`.

Its roots may lie anywhere (`/host/proc` in a container, a recorded host in a test, a simulated board), and a test
answers the system calls by overriding these few methods.
"""

import ctypes
import errno
import os
import stat
import time
from collections.abc import Sequence
from functools import cache, cached_property
from typing import Any, NamedTuple

from sysvitals.host.ioctl import call_ioctl
from sysvitals.host.programs import run_program

_MOST_LINKS = 40
"""As many as the kernel follows in a path."""


class Timex(NamedTuple):
    """What adjtimex(2) says of the kernel's clock; fields and units as in struct timex, `state` is what it returned."""

    state: int
    status: int
    offset: int
    frequency: int
    maximum_error: int
    estimated_error: int
    tick: int


class Host:
    """A host's files below its roots, and the system calls that no file answers. Paths are strings: they are hot.

    `storage` is where the exporter keeps what it has to remember of this host; empty: it remembers nothing.
    `kept` holds, by the source's name, what a source found out and does not change while the program runs.
    """

    def __init__(
        self, *, procfs: str = "/proc", sysfs: str = "/sys", rootfs: str = "/", devfs: str = "/dev", storage: str = ""
    ) -> None:
        self.procfs = procfs.rstrip("/")
        self.sysfs = sysfs.rstrip("/")
        self.rootfs = rootfs.rstrip("/")
        self.devfs = devfs.rstrip("/")
        self.storage = storage
        self.kept: dict[str, Any] = {}

    def read_bytes(self, path: str | bytes, limit: int = 1 << 20) -> bytes:
        """The file's first `limit` bytes. Raises OSError as the kernel gave it."""
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
        try:
            first = os.read(descriptor, min(limit, 16384))
            # a sysfs attribute answers whole, and asking again could run its driver again; a table in /proc comes in
            # pieces, each shorter than what was asked for
            if len(first) < 4096 and isinstance(path, str) and path.startswith(self.sysfs):
                return first
            parts = [first]
            length = len(first)
            while length < limit and (part := os.read(descriptor, min(limit - length, 65536))):
                parts.append(part)
                length += len(part)
            return b"".join(parts)
        finally:
            os.close(descriptor)

    def read_text(self, path: str | bytes) -> str:
        """The file's text without its end of line or NUL. A byte that is not UTF-8 becomes a visible escape."""
        return self.read_bytes(path).decode("utf-8", "backslashreplace").strip(" \t\n\0")

    def read_plain_bytes(self, path: str, limit: int = 1 << 20) -> bytes:
        """As `read_bytes`, but never of a FIFO, which would wait for its writer, nor of a device: EINVAL.

        For what is read at the start, before there are threads that may hang, and for the host's own files, whose
        links are followed as the host itself would follow them: an absolute one begins at `rootfs`.
        """
        found = path if path.startswith(self.procfs) else self._follow(path)
        if not os.path.isfile(found) and os.path.exists(found):
            raise OSError(errno.EINVAL, "not a plain file", path)
        return self.read_bytes(found, limit)

    def read_plain_text(self, path: str) -> str:
        """As `read_text`, with the caution of `read_plain_bytes`."""
        return self.read_plain_bytes(path).decode("utf-8", "backslashreplace").strip(" \t\n\0")

    def names(self, path: str) -> list[str]:
        """Names in a folder, `hwmon2` before `hwmon10`. Raises OSError as the kernel gave it."""
        return sorted(os.listdir(path), key=natural)

    def readlink(self, path: str) -> str:
        """Where a link points, as it is written there."""
        return os.readlink(path)

    def resolve(self, path: str) -> str:
        """The path with all links followed, as far as they lead."""
        return os.path.realpath(path)

    def exists(self, path: str) -> bool:
        """Whether anything is at that path that this user can see."""
        return os.path.exists(path)

    def statvfs(self, path: str | bytes) -> os.statvfs_result:
        """What the filesystem at that path says of itself. May hang on a dead network mount."""
        return os.statvfs(path)

    def folder_device(self, path: str | bytes) -> str | None:
        """`major:minor` of the filesystem that a folder is on. None where it is no folder, or files stand for a host.

        Raises OSError. May hang on a dead network mount.
        """
        if not self.is_live:
            return None
        found = os.stat(path)
        return f"{os.major(found.st_dev)}:{os.minor(found.st_dev)}" if stat.S_ISDIR(found.st_mode) else None

    @cached_property
    def is_live(self) -> bool:
        """Whether `procfs` is a kernel's, whose root has the inode 1, and not a recorded or simulated host's folder."""
        try:
            return os.stat(self.procfs).st_ino == 1
        except OSError:
            return False

    @cached_property
    def is_own(self) -> bool:
        """Whether `procfs` and `sysfs` are those of the kernel that we run on, which gives notice of changes."""
        try:
            return self.is_live and os.stat(self.sysfs).st_ino == 1
        except OSError:
            return False

    def uname(self) -> os.uname_result:
        """The running kernel."""
        return os.uname()

    def time(self) -> float:
        """The wall clock, in Unix seconds."""
        return time.time()

    def adjtimex(self) -> Timex:
        """The kernel clock's state; asks only, sets nothing. Raises OSError (EPERM in some containers)."""
        return _adjtimex()

    def ioctl(self, path: str, request: int, buffer: bytearray) -> None:
        """A device answers in `buffer`. Raises OSError as the kernel gave it; only that of open(2) names the path.

        Where the path is a Unix stream socket, a simulated device answers instead: request number, length and buffer
        go there; errno, length and buffer come back. See `sysvitals.host.ioctl`.
        """
        call_ioctl(path, request, buffer)

    def _follow(self, path: str) -> str:
        """The path with its links followed below `rootfs`. Raises OSError for a loop."""
        root = self.rootfs
        if not root or not path.startswith(f"{root}/"):
            return path
        reached, names, links = root, path[len(root) :].split("/")[::-1], 0
        while names:
            name = names.pop()
            if name == "..":
                reached = reached.rpartition("/")[0] if reached != root else root
            elif name not in {"", "."}:
                target = _read_target(f"{reached}/{name}")
                if target is None:
                    reached = f"{reached}/{name}"
                    continue
                if (links := links + 1) > _MOST_LINKS:
                    raise OSError(errno.ELOOP, os.strerror(errno.ELOOP), path)
                reached = root if target.startswith("/") else reached
                names += target.split("/")[::-1]
        return reached

    @property
    def runs_programs(self) -> bool:
        """Whether this is the host that we run on, seen as it is: not one mounted somewhere, recorded or simulated."""
        return not self.rootfs and self.devfs == "/dev"

    def run_program(self, path: str, arguments: Sequence[str], seconds: float) -> tuple[int, bytes]:
        """Exit status and all output of a program of this host. Raises OSError; ETIMEDOUT after that many seconds.

        The programs of a host that is not our own are not for us to run: ENOENT.
        """
        if not self.runs_programs:
            raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT), path)
        return run_program([path, *arguments], seconds)


def _read_target(path: str) -> str | None:
    """Where a link points. None for what is no link, or not there."""
    try:
        return os.readlink(path)
    except OSError:
        return None


def natural(name: str) -> tuple[str, int, str]:
    """A key by which `hwmon2` comes before `hwmon10`."""
    digits = len(name) - len(name.rstrip("0123456789"))
    return (name[:-digits], int(name[-digits:]), name) if digits else (name, -1, name)


class _TimexStruct(ctypes.Structure):
    # struct timex of <sys/timex.h>, which is longer than its named fields
    _fields_ = (
        ("modes", ctypes.c_uint),
        ("offset", ctypes.c_long),
        ("freq", ctypes.c_long),
        ("maxerror", ctypes.c_long),
        ("esterror", ctypes.c_long),
        ("status", ctypes.c_int),
        ("constant", ctypes.c_long),
        ("precision", ctypes.c_long),
        ("tolerance", ctypes.c_long),
        ("time", ctypes.c_long * 2),
        ("tick", ctypes.c_long),
        ("rest", ctypes.c_char * 256),
    )


@cache
def _libc() -> ctypes.CDLL:
    return ctypes.CDLL(None, use_errno=True)


def _adjtimex() -> Timex:
    timex = _TimexStruct()
    state = _libc().adjtimex(ctypes.byref(timex))
    if state < 0:
        number = ctypes.get_errno() or errno.EPERM
        raise OSError(number, os.strerror(number), "adjtimex")
    return Timex(state, timex.status, timex.offset, timex.freq, timex.maxerror, timex.esterror, timex.tick)
