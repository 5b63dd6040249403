"""The tree on the disk: only what changed is written, and no reader ever sees an empty or half-written file.

A file is replaced by exchanging it with a finished one, in one step: renaming over it would do as well, but on ext4
writes to the disk each time. Where a text keeps its length and differs in one byte only (an alarm that goes from 0 to
1, a mount that turns from rw to ro), that byte is written in place: one byte cannot be torn, and who keeps such a file
open, as a watcher does, sees it change. Who keeps another file open must open it again once it has no link any more.
"""

import contextlib
import ctypes
import errno
import fcntl
import json
import os
import shutil
import stat
from collections.abc import Iterable, Mapping
from functools import cache
from typing import Any

from sysvitals.simulation.errors import SimulationError

_OWN = ".sysvitals-simulation"


class Tree:
    """A folder that holds one simulated board. `boots` counts those of the runs before this one."""

    def __init__(self, folder: str, board: str) -> None:
        self.folder = os.path.abspath(folder)
        self._own = os.path.join(self.folder, _OWN)
        self._staged = os.path.join(self._own, "staged")
        self._known: dict[str, bytes] = {}
        self._lock = -1
        try:
            self._claim()
            self._state = self._read_state()
            if self._state.get("board") != board:
                self._clear()
        except OSError as error:
            self.close()
            raise SimulationError(f"{folder}: {(error.strerror or str(error)).lower()}") from error
        except SimulationError:
            self.close()
            raise
        self._state["board"] = board
        self.boots = int(self._state.get("boots", 0))

    def build(self, files: Mapping[str, bytes], links: Mapping[str, str], folders: Iterable[str]) -> None:
        """Lay out the whole tree."""
        tops = {path.partition("/")[0] for path in (*files, *links, *folders)} | {"dev"}
        self._state["tops"] = sorted({*self._state.get("tops", ()), *tops})
        self._write_state()
        for path in {os.path.dirname(path) for path in (*files, *links)} | {*folders, "dev"}:
            os.makedirs(os.path.join(self.folder, path), exist_ok=True)
        for path, target in links.items():
            with contextlib.suppress(FileExistsError):
                os.symlink(target, os.path.join(self.folder, path))
        for path, content in files.items():
            self._replace(path, content)
        self._known = dict(files)

    def count_boot(self, boots: int) -> None:
        """Remember how often the board was booted, so that the next run is another boot."""
        self.boots = self._state["boots"] = boots
        self._write_state()

    def write(self, path: str, content: bytes | None) -> None:
        """What the file holds from now on; None: it is gone."""
        old = self._known.get(path)
        if old == content:
            return
        if content is None:
            with contextlib.suppress(FileNotFoundError):
                os.unlink(os.path.join(self.folder, path))
            del self._known[path]
            return
        if old is not None and (offset := _only_difference(old, content)) is not None:
            self._write_byte(path, offset, content)
        else:
            self._replace(path, content)
        self._known[path] = content

    def append(self, path: str, lines: str) -> None:
        """Add whole lines to a file of ours."""
        with open(os.path.join(self.folder, path), "a", encoding="utf-8") as file:
            file.write(lines)

    def close(self) -> None:
        """Let others have the folder."""
        if self._lock >= 0:
            os.close(self._lock)
            self._lock = -1

    def _claim(self) -> None:
        os.makedirs(self.folder, 0o755, exist_ok=True)
        _refuse_shared(self.folder)
        if not os.path.isdir(self._own):
            if os.listdir(self.folder):
                raise SimulationError(
                    f"{self.folder}: is not empty, and holds no simulated board: choose another folder"
                )
            os.makedirs(self._own)
        self._lock = os.open(os.path.join(self._own, "lock"), os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
        try:
            fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            if error.errno != errno.EWOULDBLOCK:
                raise
            raise SimulationError(f"{self.folder}: another simulation keeps this folder alive") from error

    def _clear(self) -> None:
        # only what we made: somebody may keep a history beside the tree
        for name in self._state.get("tops", ()):
            path = os.path.join(self.folder, os.path.basename(name))
            if os.path.isdir(path):
                shutil.rmtree(path)
        self._state = {}

    def _read_state(self) -> dict[str, Any]:
        try:
            with open(os.path.join(self._own, "state.json"), encoding="utf-8") as file:
                state = json.load(file)
        except (FileNotFoundError, ValueError):
            return {}
        return state if isinstance(state, dict) else {}

    def _write_state(self) -> None:
        with open(self._staged, "w", encoding="utf-8") as file:
            json.dump(self._state, file)
        os.rename(self._staged, os.path.join(self._own, "state.json"))

    def _replace(self, path: str, content: bytes) -> None:
        # always a new file: whoever still reads the one that was here before shall read it to its end
        descriptor = os.open(self._staged, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o644)
        try:
            os.write(descriptor, content)
        finally:
            os.close(descriptor)
        target = os.path.join(self.folder, path)
        if path in self._known and _exchange(self._staged, target):
            os.unlink(self._staged)
        else:
            os.rename(self._staged, target)

    def _write_byte(self, path: str, offset: int, content: bytes) -> None:
        descriptor = os.open(os.path.join(self.folder, path), os.O_WRONLY | os.O_CLOEXEC)
        try:
            os.pwrite(descriptor, content[offset : offset + 1], offset)
        finally:
            os.close(descriptor)


def _refuse_shared(folder: str) -> None:
    """Raises SimulationError where others could put links: files are written by their paths here, many a second."""
    status = os.stat(folder)
    if status.st_uid != os.geteuid():
        raise SimulationError(f"{folder}: belongs to another user, who could put links there: choose another folder")
    if status.st_mode & stat.S_IWOTH:
        raise SimulationError(f"{folder}: everyone can write there, and put links: choose another folder, or chmod o-w")


def _only_difference(old: bytes, new: bytes) -> int | None:
    if len(old) != len(new):
        return None
    first = next(index for index, pair in enumerate(zip(old, new, strict=True)) if pair[0] != pair[1])
    return first if old[first + 1 :] == new[first + 1 :] else None


@cache
def _libc() -> ctypes.CDLL:
    return ctypes.CDLL(None)


def _exchange(one: str, other: str) -> bool:
    try:
        result = _libc().renameat2(_AT_FDCWD, os.fsencode(one), _AT_FDCWD, os.fsencode(other), _RENAME_EXCHANGE)
    except AttributeError:  # a C library without it
        return False
    return bool(result == 0)  # some filesystems cannot


_AT_FDCWD = -100
_RENAME_EXCHANGE = 2
