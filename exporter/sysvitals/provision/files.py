"""Reading and writing single files below a folder safely: never through a surprise, never half.

The folder itself may be a link, since the user named it. Below it no link is followed, and what is checked cannot be
exchanged afterwards: each file is reached through the descriptor of the folder that holds it.
"""

import contextlib
import errno
import os
import stat
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

HIGHEST_BYTES = 16 << 20
_NEW = "sysvitals-new"
_FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC
_PERMISSIONS = 0o777
"""What a file lends to the one that replaces it: not that it runs as its owner."""


class NotAFileError(OSError):
    """What is there is no file, or lies behind a symbolic link."""


class LinkError(NotAFileError):
    """It is a symbolic link itself."""


class Found(NamedTuple):
    """A regular file: its content, up to `HIGHEST_BYTES` and one, who owns it, and its permissions."""

    content: bytes
    owner: int
    mode: int


@contextlib.contextmanager
def open_parent(root: Path, path: str, *, make: bool = False) -> Iterator[tuple[int, str]]:
    """The descriptor of the folder that holds this path below `root`, and the last name. `make`: make what is missing.

    Raises OSError where a folder between is none, or is a symbolic link: it could lead anywhere.
    """
    *parents, name = path.split("/")
    if make:
        root.mkdir(0o755, parents=True, exist_ok=True)
    folder = os.open(root, _FOLDER)
    try:
        for depth, parent in enumerate(parents, start=1):
            below = _enter(folder, parent, "/".join(parents[:depth]), make=make)
            os.close(folder)
            folder = below
        yield folder, name
    finally:
        os.close(folder)


def _enter(folder: int, name: str, shown: str, *, make: bool) -> int:
    if make:
        with contextlib.suppress(FileExistsError):
            os.mkdir(name, 0o755, dir_fd=folder)
    try:
        return os.open(name, _FOLDER | os.O_NOFOLLOW, dir_fd=folder)
    except NotADirectoryError:
        is_link = stat.S_ISLNK(os.lstat(name, dir_fd=folder).st_mode)
        what = "is a symbolic link, and those are not followed" if is_link else "is not a folder"
        raise NotAFileError(f"{shown} {what}") from None


def read_file(root: Path, path: str) -> Found:
    """A regular file. Raises OSError; never waits for a FIFO's writer."""
    with open_parent(root, path) as (folder, name):
        try:
            descriptor = os.open(name, os.O_RDONLY | os.O_NONBLOCK | os.O_NOFOLLOW | os.O_CLOEXEC, dir_fd=folder)
        except OSError as error:
            if error.errno == errno.ELOOP:
                raise LinkError("is a symbolic link, and those are not followed") from None
            raise
        with open(descriptor, "rb") as stream:
            status = os.fstat(descriptor)
            if not stat.S_ISREG(status.st_mode):
                raise NotAFileError("is not a file")
            return Found(stream.read(HIGHEST_BYTES + 1), status.st_uid, status.st_mode & _PERMISSIONS)


@dataclass(frozen=True, slots=True)
class Access:
    """Who may read a file that holds secrets: at most `mode`, and this group; None is the one that it has."""

    mode: int
    group: int | None = None


def write_file(root: Path, path: str, content: bytes, mode: int = 0o644, access: Access | None = None) -> None:
    """Write it whole or not at all, power cuts included. One that is replaced lends its mode and owner. Raises OSError.

    A symbolic link is replaced, not followed.
    """
    with open_parent(root, path, make=True) as (folder, name):
        like = _lstat(folder, name)
        fresh = _fresh(name)
        with contextlib.suppress(FileNotFoundError):  # of a run that was killed
            os.unlink(fresh, dir_fd=folder)
        try:
            flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC
            descriptor = os.open(fresh, flags, mode, dir_fd=folder)
            with open(descriptor, "wb") as stream:
                if like is not None and stat.S_ISREG(like.st_mode):
                    _take_after(descriptor, like)
                if access is not None:
                    _close_to_others(descriptor, access)
                stream.write(content)
                stream.flush()
                os.fsync(descriptor)
            os.replace(fresh, name, src_dir_fd=folder, dst_dir_fd=folder)
        except OSError:
            with contextlib.suppress(OSError):
                os.unlink(fresh, dir_fd=folder)
            raise
        os.fsync(folder)


def remove_file(root: Path, path: str) -> None:
    """Remove what is there, if anything. Raises OSError."""
    with contextlib.suppress(FileNotFoundError), open_parent(root, path) as (folder, name):
        os.unlink(name, dir_fd=folder)


def remove_folder(root: Path, path: str) -> None:
    """Remove this folder. Raises OSError where it is not empty."""
    with open_parent(root, path) as (folder, name):
        os.rmdir(name, dir_fd=folder)


def discard_half(root: Path, path: str) -> None:
    """Remove what a run that was killed may have left beside this file."""
    with contextlib.suppress(OSError), open_parent(root, path) as (folder, name):
        os.unlink(_fresh(name), dir_fd=folder)


def set_aside(root: Path, path: str) -> str:
    """Give the file a second name that is free: FILE.old, FILE.old.2 and so on. Raises OSError.

    It keeps its own name too where the filesystem can, so that there is never no file.
    """
    number = 1
    with open_parent(root, path) as (folder, name):
        while True:
            aside = f"{name}.old" + (f".{number}" if number > 1 else "")
            try:
                os.link(name, aside, src_dir_fd=folder, dst_dir_fd=folder, follow_symlinks=False)
            except FileExistsError:
                number += 1
            except OSError:  # no hard links here (FAT, some network mounts)
                if _lstat(folder, aside) is not None:
                    number += 1
                    continue
                os.rename(name, aside, src_dir_fd=folder, dst_dir_fd=folder)
                return aside
            else:
                return aside


def _fresh(name: str) -> str:
    return f".{name}.{_NEW}"


def _lstat(folder: int, name: str) -> os.stat_result | None:
    try:
        return os.lstat(name, dir_fd=folder)
    except FileNotFoundError:
        return None


def _take_after(descriptor: int, like: os.stat_result) -> None:
    now = os.fstat(descriptor)
    if (now.st_uid, now.st_gid) != (like.st_uid, like.st_gid):
        os.fchown(descriptor, like.st_uid, like.st_gid)
    os.fchmod(descriptor, like.st_mode & _PERMISSIONS)


def _close_to_others(descriptor: int, access: Access) -> None:
    now = os.fstat(descriptor)
    if access.group is not None and now.st_gid != access.group:
        os.fchown(descriptor, -1, access.group)
    os.fchmod(descriptor, now.st_mode & access.mode)
