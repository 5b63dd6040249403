"""Lines that are not yet in a segment, in a file in memory (tmpfs): it outlives the process, not the power.

Each write to a file on a disk makes a journaling file system force its journal within seconds, whatever is forced by
us. So where there is memory that outlives the process, lines reach the disk only when they are forced.
"""

import contextlib
import errno
import fcntl
import logging
import os
import stat
from urllib.parse import quote

from sysvitals.history.segments import create_segment, mark_current, write_all

_log = logging.getLogger(__name__)


class Buffer:
    """The file, open. Its methods raise OSError."""

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor

    def read(self) -> bytes:
        """The whole lines that are there; a kill may have torn the last one."""
        size = os.fstat(self._descriptor).st_size
        content = os.pread(self._descriptor, size, 0)
        return content[: content.rfind(b"\n") + 1]

    def add(self, lines: bytes) -> None:
        """Keep these, too: all of them or none."""
        status = os.fstat(self._descriptor)
        if not status.st_nlink:
            raise FileNotFoundError(errno.ENOENT, "the file was removed")
        try:
            write_all(self._descriptor, lines)
        except OSError:
            os.ftruncate(self._descriptor, status.st_size)
            raise

    def clear(self) -> None:
        """All that is there has reached the disk."""
        os.ftruncate(self._descriptor, 0)


def buffer_path(memory: str, folder: str) -> str:
    """The buffer's file: named by the path of the history's folder, which outlasts the folder itself."""
    return os.path.join(memory, f"history-{quote(os.path.realpath(folder), safe='')}.jsonl")


def open_buffer(memory: str, folder: str) -> Buffer | None:
    """The buffer of the history in `folder`, below the folder `memory`; None where there can be none."""
    try:
        path = buffer_path(memory, folder)
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_APPEND | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
    except OSError as error:
        _log.warning("history: no buffer in memory, each event is written to the disk as it comes: %s", error)
        return None
    status = os.fstat(descriptor)
    if not stat.S_ISREG(status.st_mode) or status.st_uid != os.geteuid():
        _log.warning("history: no buffer in memory: %s belongs to another user", path)
        os.close(descriptor)
        return None
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)  # the same path may be another folder in a container
    except OSError as error:
        _log.warning("history: no buffer in memory: another exporter uses %s: %s", path, error)
        os.close(descriptor)
        return None
    buffer = Buffer(descriptor)
    os.ftruncate(descriptor, len(buffer.read()))  # what is added next must not continue a torn line
    return buffer


def rescue_buffer(buffer: Buffer, folder: str, at: float) -> None:
    """Bring what a killed process left behind into a segment of its own.

    A disk that refuses keeps it where it is; the history tries again with its first write.
    """
    try:
        lines = buffer.read()
        if lines:
            descriptor, segment = create_segment(folder, at)
            try:
                write_all(descriptor, lines)
                os.fsync(descriptor)
            finally:
                os.close(descriptor)
            with contextlib.suppress(OSError):
                mark_current(folder, segment)
            _log.info("history: %d events that the last run had not forced to the disk are kept", lines.count(b"\n"))
        buffer.clear()
    except OSError as error:
        _log.error("history: what the last run left in memory cannot be written: %s", error)
