"""Reading and writing single files safely: never through a surprise, never half."""

import contextlib
import os
import stat
from pathlib import Path

HIGHEST_BYTES = 16 << 20
_NEW = "sysvitals-new"


class NotAFileError(OSError):
    """What is there is no file, or lies behind a symbolic link."""


def read_file(path: Path, highest: int = HIGHEST_BYTES) -> bytes:
    """A regular file's content, up to `highest` bytes and one. Raises OSError; never waits for a FIFO's writer."""
    descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    with open(descriptor, "rb") as stream:
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):
            raise NotAFileError("is not a file")
        return stream.read(highest + 1)


def check_parents(folder: Path, path: str) -> None:
    """Raises OSError where a folder between is none, or is a symbolic link: it could lead anywhere."""
    *parents, _ = path.split("/")
    for depth in range(1, len(parents) + 1):
        name = "/".join(parents[:depth])
        try:
            mode = (folder / name).lstat().st_mode
        except FileNotFoundError:
            return
        if stat.S_ISLNK(mode):
            raise NotAFileError(f"{name} is a symbolic link, and those are not followed")
        if not stat.S_ISDIR(mode):
            raise NotAFileError(f"{name} is not a folder")


def write_file(path: Path, content: bytes) -> None:
    """Write it whole or not at all, power cuts included. One that is replaced lends its mode and owner. Raises OSError.

    A symbolic link is replaced, not followed.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    like = _lstat(path)
    fresh = _fresh(path)
    fresh.unlink(missing_ok=True)  # of a run that was killed
    try:
        descriptor = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o644)
        with open(descriptor, "wb") as stream:
            if like is not None and stat.S_ISREG(like.st_mode):
                _take_after(descriptor, like)
            stream.write(content)
            stream.flush()
            os.fsync(descriptor)
        fresh.replace(path)
    except OSError:
        with contextlib.suppress(OSError):
            fresh.unlink(missing_ok=True)
        raise
    _sync_folder(path.parent)


def discard_half(path: Path) -> None:
    """Remove what a run that was killed may have left beside this file."""
    with contextlib.suppress(OSError):
        _fresh(path).unlink()


def set_aside(path: Path) -> Path:
    """Give the file a second name that is free: FILE.old, FILE.old.2 and so on. Raises OSError.

    It keeps its own name too where the filesystem can, so that there is never no file.
    """
    number = 1
    while True:
        aside = path.with_name(f"{path.name}.old" + (f".{number}" if number > 1 else ""))
        try:
            os.link(path, aside, follow_symlinks=False)
        except FileExistsError:
            number += 1
        except OSError:  # no hard links here (FAT, some network mounts)
            if os.path.lexists(aside):
                number += 1
                continue
            path.rename(aside)
            return aside
        else:
            return aside


def _fresh(path: Path) -> Path:
    return path.with_name(f".{path.name}.{_NEW}")


def _lstat(path: Path) -> os.stat_result | None:
    try:
        return path.lstat()
    except FileNotFoundError:
        return None


def _take_after(descriptor: int, like: os.stat_result) -> None:
    now = os.fstat(descriptor)
    if (now.st_uid, now.st_gid) != (like.st_uid, like.st_gid):
        os.fchown(descriptor, like.st_uid, like.st_gid)
    os.fchmod(descriptor, stat.S_IMODE(like.st_mode))


def _sync_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
