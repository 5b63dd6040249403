"""Folders in which the exporter keeps things. Nothing in them is followed or waited for.

A link, device or FIFO there, left by another user or by a backup, could else lead what we write to any file, or let a
start wait for ever. So every file is opened below the descriptor of its folder, and must be a plain one.
"""

import contextlib
import errno
import os
import stat
from collections.abc import Iterator
from typing import BinaryIO, Self

UNFINISHED = ".part"
_FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC
_FILE = os.O_NOFOLLOW | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC
_FOLDER_MODE = 0o750
_FILE_MODE = 0o640
_KINDS = {
    stat.S_IFDIR: "a folder",
    stat.S_IFREG: "a file",
    stat.S_IFLNK: "a link, and links are not followed here",
    stat.S_IFIFO: "a FIFO",
    stat.S_IFSOCK: "a socket",
    stat.S_IFCHR: "a device",
    stat.S_IFBLK: "a device",
}


class NotPlainError(OSError):
    """A link or something else stands where a file or a folder of ours belongs."""


class Folder:
    """An open folder. `path` is for messages. All methods raise OSError; NotPlainError for what is no plain file."""

    def __init__(self, descriptor: int, path: str) -> None:
        self._descriptor = descriptor
        self.path = path

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        os.close(self._descriptor)

    def folder(self, name: str, *, make: bool = False) -> "Folder":
        """A folder in this one, made where it is missing and `make` says so."""
        with self._naming(name):
            if make:
                with contextlib.suppress(FileExistsError):
                    os.mkdir(name, _FOLDER_MODE, dir_fd=self._descriptor)
                    self.sync()
            self._require(stat.S_IFDIR, self.look(name))
            descriptor = os.open(name, _FOLDER | os.O_NOFOLLOW, dir_fd=self._descriptor)
        return Folder(descriptor, os.path.join(self.path, name))

    def open(self, name: str, flags: int = os.O_RDONLY, mode: int = _FILE_MODE) -> int:
        """The descriptor of a file; with O_CREAT in `flags` one of this mode is made where there is none."""
        with self._naming(name):
            with contextlib.suppress(FileNotFoundError):  # not even opened: with some devices that does something
                self._require(stat.S_IFREG, self.look(name))
            descriptor = os.open(name, flags | _FILE, mode, dir_fd=self._descriptor)
            try:
                self._require(stat.S_IFREG, os.fstat(descriptor))
            except OSError:
                os.close(descriptor)
                raise
        return descriptor

    def create(self, name: str) -> int:
        """The descriptor of a new file, for appending. FileExistsError where there is anything of that name."""
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_APPEND
        with self._naming(name):
            return os.open(name, flags | _FILE, _FILE_MODE, dir_fd=self._descriptor)

    @contextlib.contextmanager
    def replacing(self, name: str) -> Iterator[BinaryIO]:
        """Write a file's new content. It takes its place in one step, once it is on the disk; an error leaves the old.

        After a power cut one of both is whole.
        """
        self.remove(name + UNFINISHED)
        try:
            with open(self.create(name + UNFINISHED), "wb") as file:
                yield file
                file.flush()
                os.fsync(file.fileno())
            self.rename(name + UNFINISHED, name)
        except OSError:
            # on a full disk it would take the room that the events need
            with contextlib.suppress(OSError):
                self.remove(name + UNFINISHED)
            raise
        self.sync()

    def read(self, name: str, limit: int) -> bytes:
        """The content of a small file, at most `limit` bytes."""
        descriptor = self.open(name)
        try:
            return os.read(descriptor, limit)
        finally:
            os.close(descriptor)

    def link(self, name: str, target: str) -> None:
        """Let a link of this name lead to that target, in one step."""
        self.remove(name + UNFINISHED)
        os.symlink(target, name + UNFINISHED, dir_fd=self._descriptor)
        self.rename(name + UNFINISHED, name)
        self.sync()

    def read_link(self, name: str) -> str:
        """What is written in a link."""
        return os.readlink(name, dir_fd=self._descriptor)

    def look(self, name: str) -> os.stat_result:
        """What stands under that name itself, whatever a link leads to."""
        return os.stat(name, dir_fd=self._descriptor, follow_symlinks=False)

    def has(self, name: str) -> bool:
        """Whether anything has that name."""
        try:
            self.look(name)
        except FileNotFoundError:
            return False
        return True

    def entries(self) -> Iterator[os.DirEntry[str]]:
        """What is in the folder, in no order, without holding all of it."""
        with os.scandir(self._descriptor) as entries:
            yield from entries

    def rename(self, old: str, new: str) -> None:
        """Give a file another name, in place of what had it."""
        os.replace(old, new, src_dir_fd=self._descriptor, dst_dir_fd=self._descriptor)

    def remove(self, name: str) -> None:
        """Remove a name, and what it leads to stays. One that is gone is fine."""
        with contextlib.suppress(FileNotFoundError), self._naming(name):
            os.unlink(name, dir_fd=self._descriptor)

    def remove_folder(self, name: str) -> None:
        """Remove an empty folder."""
        with self._naming(name):
            os.rmdir(name, dir_fd=self._descriptor)

    def close_to_others(self) -> bool:
        """Let only the owner and the group look into the folder. Whether that was not so before."""
        mode = stat.S_IMODE(os.fstat(self._descriptor).st_mode)
        is_open = bool(mode & stat.S_IRWXO)
        if is_open:
            os.fchmod(self._descriptor, mode & ~stat.S_IRWXO)
        return is_open

    def sync(self) -> None:
        """Make the names in the folder reach the disk."""
        try:
            os.fsync(self._descriptor)
        except OSError as error:
            if error.errno not in (errno.EINVAL, errno.ENOTSUP):  # some network filesystems cannot
                raise

    def _require(self, kind: int, found: os.stat_result) -> None:
        is_kind = stat.S_IFMT(found.st_mode)
        if is_kind != kind:
            words = f"this is {_KINDS[is_kind]}: remove it, or put {_KINDS[kind]} in its place"
            raise NotPlainError(errno.ELOOP if is_kind == stat.S_IFLNK else errno.EINVAL, words)

    @contextlib.contextmanager
    def _naming(self, name: str) -> Iterator[None]:
        """Let errors name the whole path."""
        try:
            yield
        except OSError as error:
            error.filename = os.path.join(self.path, name)
            raise


def open_folder(path: str, *below: str, make: bool = False) -> Folder:
    """Open the folder at this path, which may be a link, and of it the folder of these names, which may not.

    With `make`, what is missing is made. Raises OSError.
    """
    if make:
        os.makedirs(path or os.curdir, _FOLDER_MODE, exist_ok=True)
    found = Folder(os.open(path or os.curdir, _FOLDER), path)
    for name in below:
        with found:
            found = found.folder(name, make=make)
    return found


def require_one_name(descriptor: int) -> None:
    """Refuse to change a file that has another name elsewhere, which may be anybody's. Raises OSError (EMLINK)."""
    if os.fstat(descriptor).st_nlink > 1:
        raise OSError(errno.EMLINK, "the file has another name elsewhere (a hard link), so it is not changed")
