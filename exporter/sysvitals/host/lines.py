"""Lines on a descriptor: on standard output or error, past Python's streams.

Their lock would be held while a write hangs, and Python takes it when it ends; their buffer would keep what a full disk
refused, and write it again in the middle of what comes later.
"""

import os
import select


class Lines:
    """Writes whole lines. One that was torn, as by a full disk, is ended before the next one begins."""

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor
        self._is_torn = False

    def write(self, lines: bytes) -> tuple[int, OSError | None]:
        """Write these, each with its end. Returns how many of them were not written whole, and why."""
        rest = lines
        try:
            if self._is_torn:
                self._write(b"\n")
                self._is_torn = False
            while rest:
                rest = rest[self._write(rest) :]
        except OSError as error:
            written = lines.removesuffix(rest)
            self._is_torn = not written.endswith(b"\n") if written else self._is_torn
            return rest.count(b"\n"), error
        return 0, None

    def _write(self, data: bytes) -> int:
        while True:
            try:
                return os.write(self._descriptor, data)
            except BlockingIOError:  # another program that shares the terminal made it non-blocking
                room = select.poll()
                room.register(self._descriptor, select.POLLOUT)
                room.poll()
