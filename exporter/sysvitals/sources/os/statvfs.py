"""statvfs(2) of many mounts, of which those over a network may hang in the kernel for as long as a server is away."""

import errno
import os
import threading
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from os import fsencode
from weakref import WeakKeyDictionary

from sysvitals.host.files import attempt, fault
from sysvitals.host.host import Host
from sysvitals.model.collector import Fault
from sysvitals.sources.proc.mountinfo import Mount


@dataclass(frozen=True, slots=True)
class Space:
    """Room in a filesystem, in bytes, and its inodes. `available` is what users other than root may still fill.

    `files` and `files_free` are None where the filesystem has no fixed number of inodes (vfat, btrfs).
    """

    size: int
    free: int
    available: int
    files: int | None
    files_free: int | None


def read_spaces(host: Host, mounts: Sequence[Mount], patience_seconds: float) -> Iterator[tuple[Mount, Space | Fault]]:
    """The space of each mount, in their order, or a Fault.

    Those over a network are asked at once, each in a thread of its own, and have `patience_seconds` in all to answer.
    One that does not is ETIMEDOUT, and is not asked again before the kernel lets go of its thread.
    """
    questions = _questions.setdefault(host, {})
    for mount_id in [mount_id for mount_id, question in questions.items() if question.answered.is_set()]:
        del questions[mount_id]
    stuck = set(questions)
    for mount in mounts:
        if is_remote(mount.fstype) and mount.id not in stuck:
            questions[mount.id] = _ask_aside(host, mount)
    deadline = time.monotonic() + patience_seconds
    for mount in mounts:
        if not is_remote(mount.fstype):
            yield mount, attempt(mount.path, read_space, host, mount)
            continue
        question = questions[mount.id]
        if mount.id not in stuck:
            question.answered.wait(max(0.0, deadline - time.monotonic()))
        yield mount, question.answer or _timed_out(mount, patience_seconds)


def read_space(host: Host, mount: Mount) -> Space:
    """The space of one mount. Raises OSError; ENODEV where another filesystem lies at its path here. May hang."""
    path = fsencode(host.rootfs) + mount.point
    device = host.folder_device(path) if mount.fstype not in _MANY_DEVICES else None
    if device is not None and device != mount.number:
        # the table of mounts is the host's, and what a container or a sandbox sees may be less: the size would be that
        # of whatever lies beneath
        reason = "it is not mounted where this process looks: mount the host's / with rslave (HostToContainer)"
        raise OSError(errno.ENODEV, reason, mount.path)
    return convert_statvfs(host.statvfs(path))


def convert_statvfs(answer: os.statvfs_result) -> Space:
    """Blocks are counted in fragments (f_frsize), whatever f_bsize is. Raises ValueError for more room than there is.

    Programs that serve filesystems (FUSE) say what they like, of inodes above all: those are left out then.
    """
    if max(answer.f_bfree, answer.f_bavail) > answer.f_blocks:
        raise ValueError(f"{answer.f_bfree} blocks free, {answer.f_bavail} available, of {answer.f_blocks}")
    countable = 0 < answer.f_files >= answer.f_ffree
    return Space(
        size=answer.f_blocks * answer.f_frsize,
        free=answer.f_bfree * answer.f_frsize,
        available=answer.f_bavail * answer.f_frsize,
        files=answer.f_files if countable else None,
        files_free=answer.f_ffree if countable else None,
    )


def is_remote(fstype: str) -> bool:
    """Whether a server or a program in user space must answer, either of which may never do so."""
    return fstype in _REMOTE or fstype.startswith("fuse.")


_MANY_DEVICES = frozenset({"bcachefs", "btrfs"})
"""Their subvolumes have device numbers of their own, which no table of mounts shows."""

# fmt: off
_REMOTE = frozenset({
    "9p", "acfs", "afs", "beegfs", "ceph", "cifs", "coda", "fuse", "gfs", "gfs2", "glusterfs", "gpfs", "lustre",
    "ncpfs", "nfs", "nfs4", "ocfs2", "orangefs", "pvfs2", "smb3", "smbfs", "virtiofs",
})
# fmt: on


@dataclass(frozen=True, slots=True)
class _Question:
    answered: threading.Event = field(default_factory=threading.Event)
    answers: list[Space | Fault] = field(default_factory=list)

    @property
    def answer(self) -> Space | Fault | None:
        return self.answers[0] if self.answers else None


_questions: WeakKeyDictionary[Host, dict[int, _Question]] = WeakKeyDictionary()
"""What each host was asked, by the mount's id: what is mounted anew in place of a stuck mount is asked afresh."""


def _ask_aside(host: Host, mount: Mount) -> _Question:
    question = _Question()

    def ask() -> None:
        question.answers.append(attempt(mount.path, read_space, host, mount))
        question.answered.set()

    threading.Thread(target=ask, name=f"statvfs {mount.path}", daemon=True).start()
    return question


def _timed_out(mount: Mount, patience_seconds: float) -> Fault:
    reason = f"no answer within {patience_seconds:g} s; asked again once the kernel lets go"
    return fault(mount.path, TimeoutError(errno.ETIMEDOUT, reason, mount.path))
