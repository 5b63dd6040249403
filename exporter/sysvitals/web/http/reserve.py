"""Descriptors held back for newcomers, one of which may be a scraper."""

import contextlib
import os


class Reserve:
    """Up to `most` descriptors, held for when all others of the process are in use."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._held: list[int] = []

    def fill(self) -> None:
        """Hold as many as there is room for."""
        with contextlib.suppress(OSError):
            while len(self._held) < self._most:
                self._held.append(os.open(os.devnull, os.O_RDONLY | os.O_CLOEXEC))

    def release(self) -> bool:
        """Let one be used. Returns False where none is left."""
        if not self._held:
            return False
        os.close(self._held.pop())
        return True
