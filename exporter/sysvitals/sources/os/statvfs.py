"""statvfs(2): how much room a filesystem has, as far as what it says of itself makes sense."""

import errno
import os
from os import fsencode
from typing import NamedTuple

from sysvitals.host.host import Host
from sysvitals.sources.proc.mountinfo import Mount


class Space(NamedTuple):
    """Room in a filesystem, in bytes, and its inodes. `available` is what users other than root may still fill.

    `files` and `files_free` are None where the filesystem has no fixed number of inodes (vfat, btrfs). What makes no
    sense is None too, and `doubts` say so.
    """

    size: int | None
    free: int | None
    available: int | None
    files: int | None
    files_free: int | None
    doubts: tuple[str, ...] = ()


def read_space(host: Host, mount: Mount) -> Space:
    """The space of one mount. Raises OSError; ENODEV where another filesystem lies at its path here. May hang."""
    path = fsencode(host.rootfs) + mount.point
    device = host.folder_device(path) if mount.fstype not in _MANY_DEVICES else None
    if device is not None and device != mount.number:
        # the table of mounts is the host's, and what a container or a sandbox sees may be less: the size would be that
        # of whatever lies beneath
        reason = "it is not mounted where this process looks: mount the host's / with rslave (HostToContainer)"
        raise OSError(errno.ENODEV, reason, mount.path)
    return convert_statvfs(host.statvfs(path), by_program=_is_program(mount.fstype))


def convert_statvfs(answer: os.statvfs_result, *, by_program: bool = False) -> Space:
    """Blocks are counted in fragments (f_frsize), whatever f_bsize is.

    Programs that serve filesystems (FUSE) say what they like: rclone gives a negative number of free blocks where it
    does not know better. More available than free is no such thing: btrfs keeps a reserve out of the latter alone, and
    a program may pass on what btrfs said. Only none free of which some is available is a field that was not filled in.
    """
    whole, unit, inodes = answer.f_blocks * answer.f_frsize, answer.f_frsize, answer.f_files
    doubts: list[str] = []
    size = _within(whole, _LARGEST_BYTES, "bytes", doubts)
    free = _within(answer.f_bfree * unit, min(whole, _LARGEST_BYTES), "bytes free", doubts)
    available = _within(answer.f_bavail * unit, min(whole, _LARGEST_BYTES), "bytes available", doubts)
    if by_program and available and free == 0:
        free = None
        doubts.append(f"0 bytes free, and {available} of them available")
    files_free = _within(answer.f_ffree, inodes, "inodes free", doubts) if inodes else None
    return Space(
        size=size,
        free=free,
        available=available,
        files=None if files_free is None else inodes,
        files_free=files_free,
        doubts=tuple(doubts),
    )


def is_remote(fstype: str) -> bool:
    """Whether a server or a program in user space must answer, either of which may never do so."""
    return fstype in _REMOTE or fstype.startswith("fuse.")


def _is_program(fstype: str) -> bool:
    return fstype.startswith("fuse")  # fuse, fuse.sshfs, fuseblk


_MANY_DEVICES = frozenset({"bcachefs", "btrfs"})
"""Their subvolumes have device numbers of their own, which no table of mounts shows."""

_LARGEST_BYTES = 1 << 63
"""No file's offset reaches beyond (loff_t), so that no more could be used."""

# fmt: off
_REMOTE = frozenset({
    "9p", "acfs", "afs", "beegfs", "ceph", "cifs", "coda", "fuse", "gfs", "gfs2", "glusterfs", "gpfs", "lustre",
    "ncpfs", "nfs", "nfs4", "ocfs2", "orangefs", "pvfs2", "smb3", "smbfs", "virtiofs",
})
# fmt: on


def _within(number: int, most: int, what: str, doubts: list[str]) -> int | None:
    if number <= most:
        return number
    doubts.append(f"{number} {what}, more than {most}")
    return None
