"""Waits for things to change: by the kernel's notice where a file gives one, by looking where it does not.

A sysfs attribute whose driver calls sysfs_notify, and the mount tables of /proc, wake poll(2) with POLLPRI or POLLERR
after they have been read once. Other files never do, so that each is also looked at in its own rhythm.
"""

import contextlib
import os
import select
from collections.abc import Iterable
from threading import Lock
from typing import NamedTuple

from sysvitals.host.files import error_class
from sysvitals.model.collector import Watch

PATIENCE = 10
"""So many times more rarely we look at a file on which the kernel has given notice, for the notice will come; and call
a `look` that failed, for it may take its time to fail."""

_PIECE_BYTES = 1 << 16
_LIMIT_BYTES = 16 << 20


class Notice(NamedTuple):
    """What is watched changed; `notified` tells whether the kernel said so, or looking found it."""

    name: str
    notified: bool


class _Failure(NamedTuple):
    """What is seen of a thing that cannot be looked at: to fail, to fail otherwise and to work again are changes."""

    error: str


class _Watched:
    """One thing that is watched, and how it looked last. `identity` is that of the file behind the descriptor."""

    def __init__(self, watch: Watch) -> None:
        self.watch = watch
        self.content: object = None
        self.look_at = 0.0
        self.notifies = False
        self.descriptor: int | None = None
        self.identity = (0, 0)

    def look_next(self, now: float) -> None:
        """Set the time for the next look. Things with the same rhythm share their times, and so the wake-ups."""
        is_slow = self.notifies or (self.watch.look is not None and isinstance(self.content, _Failure))
        seconds = self.watch.seconds * (PATIENCE if is_slow else 1)
        self.look_at = (now // seconds + 1) * seconds


class Notices:
    """Watches things. One thread uses it; `wake` and `close` alone may be called from another."""

    def __init__(self) -> None:
        self._poll = select.poll()
        self._watched: dict[str, _Watched] = {}
        self._by_descriptor: dict[int, _Watched] = {}
        self._closing = Lock()
        self._is_open = True
        self._wake_read, self._wake_write = os.pipe2(os.O_CLOEXEC | os.O_NONBLOCK)
        self._poll.register(self._wake_read, select.POLLIN)

    def watch(self, watches: Iterable[Watch], now: float) -> list[Notice]:
        """Watch just these from now on. Gives notice of those that are new since the last call and can be looked at."""
        # of two that watch the same the more eager one is heeded
        wanted = {watch.name: watch for watch in sorted(watches, key=lambda watch: -watch.seconds)}
        for name in self._watched.keys() - wanted.keys():
            self._close(self._watched.pop(name))
        notices = []
        for name, watch in wanted.items():
            if name in self._watched:
                self._watched[name].watch = watch
                continue
            watched = self._watched[name] = _Watched(watch)
            self._look(watched)
            watched.look_next(now)
            if not isinstance(watched.content, _Failure):  # else the collector that reads it says what is wrong
                notices.append(Notice(name, notified=False))
        return notices

    def wait(self, now: float, seconds: float) -> list[Notice]:
        """What the kernel gives notice of. Returns no later than after so many seconds, or when it is time to look."""
        soonest = min((watched.look_at for watched in self._watched.values()), default=now + seconds)
        notices = []
        for descriptor, _ in self._poll.poll(max(0.0, min(now + seconds, soonest) - now) * 1000):
            watched = self._by_descriptor.get(descriptor)
            if watched is None:
                os.read(self._wake_read, 4096)
            else:
                watched.notifies = True
                self._look(watched)  # reading arms the next notice
                notices.append(Notice(watched.watch.name, notified=True))
        return notices

    def look(self, now: float) -> list[Notice]:
        """Look at those whose time has come, and give notice of those that changed, failed or came back."""
        notices = []
        for watched in self._watched.values():
            if watched.look_at <= now:
                if self._look(watched):
                    notices.append(Notice(watched.watch.name, notified=False))
                watched.look_next(now)
        return notices

    def wake(self) -> None:
        """Let who waits return. After `close` it does nothing."""
        with self._closing:
            if self._is_open:
                with contextlib.suppress(BlockingIOError):  # full of calls that have not been heard yet
                    os.write(self._wake_write, b"x")

    def close(self) -> None:
        """Watch nothing any more."""
        with self._closing:
            if not self._is_open:
                return
            self._is_open = False
            for watched in self._watched.values():
                self._close(watched)
            self._watched.clear()
            os.close(self._wake_read)
            os.close(self._wake_write)

    def _look(self, watched: _Watched) -> bool:
        """Whether it changed."""
        before = watched.content
        look = watched.watch.look
        try:
            watched.content = self._read(watched) if look is None else look()
        except Exception as error:  # noqa: BLE001  # a collector's own function: its error must not blind the others
            self._close(watched)
            watched.content = _Failure(error_class(error))
        return watched.content != before

    def _read(self, watched: _Watched) -> bytes:
        """The whole file that is at the path now. Raises OSError."""
        path = watched.watch.name
        # the one that was opened would never show that another took its place, or that its device came back
        if watched.descriptor is not None and _identity(os.stat(path)) != watched.identity:
            self._close(watched)
        if watched.descriptor is None:
            watched.descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)
            self._by_descriptor[watched.descriptor] = watched
            watched.identity = _identity(os.fstat(watched.descriptor))
            self._poll.register(watched.descriptor, select.POLLPRI | select.POLLERR)
        # a table of /proc comes in pieces of a page
        parts: list[bytes] = []
        length = 0
        while length < _LIMIT_BYTES and (part := os.pread(watched.descriptor, _PIECE_BYTES, length)):
            parts.append(part)
            length += len(part)
        return b"".join(parts)

    def _close(self, watched: _Watched) -> None:
        if watched.descriptor is not None:
            del self._by_descriptor[watched.descriptor]
            self._poll.unregister(watched.descriptor)
            os.close(watched.descriptor)
            watched.descriptor = None
            watched.notifies = False


def _identity(status: os.stat_result) -> tuple[int, int]:
    return status.st_dev, status.st_ino
