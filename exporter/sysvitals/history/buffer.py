"""Lines that are not yet in a segment, in a file in memory (tmpfs): it outlives the process, not the power.

Each write to a file on a disk makes a journaling filesystem force its journal within seconds, whatever is forced by
us. So where there is memory that outlives the process, lines reach the disk only when they are forced.
"""

import contextlib
import errno
import fcntl
import logging
import os
from urllib.parse import quote

from sysvitals.history.segments import create_segment, mark_current, write_all
from sysvitals.host.files import describe_error
from sysvitals.host.storage import open_folder, require_one_name

_log = logging.getLogger(__name__)

_MOST_BYTES = 1 << 26
"""More than a run ever leaves: a file that is longer is not read into memory whole."""


class Buffer:
    """The file, open. Its methods raise OSError."""

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor

    def read(self) -> bytes:
        """The whole lines that are there; a kill may have torn the last one."""
        size = os.fstat(self._descriptor).st_size
        content = os.pread(self._descriptor, min(size, _MOST_BYTES), 0)
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
    path = buffer_path(memory, folder)
    descriptor = None
    try:
        with open_folder(memory) as place:
            descriptor = place.open(os.path.basename(path), os.O_RDWR | os.O_CREAT | os.O_APPEND, 0o600)
        _claim(descriptor, path)
    except OSError as error:
        _log.warning(
            "history: no buffer in memory, each event is written to the disk as it comes: %s", describe_error(error)
        )
        if descriptor is not None:
            os.close(descriptor)
        return None
    buffer = Buffer(descriptor)
    os.ftruncate(descriptor, len(buffer.read()))  # what is added next must not continue a torn line
    return buffer


def _claim(descriptor: int, path: str) -> None:
    if os.fstat(descriptor).st_uid != os.geteuid():
        raise PermissionError(errno.EPERM, "it belongs to another user", path)
    require_one_name(descriptor)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)  # the same path may be another folder in a container
    except BlockingIOError:
        raise BlockingIOError(errno.EAGAIN, "another exporter uses it", path) from None


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
        _log.error("history: what the last run left in memory cannot be written: %s", describe_error(error))
