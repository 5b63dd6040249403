"""Waits for things to change: by the kernel's notice where a file gives one, by looking where it does not.

A sysfs attribute whose driver calls sysfs_notify, and the mount tables of /proc, wake poll(2) with POLLPRI or POLLERR
after they have been read once. Other files never do, so that each is also looked at in its own rhythm.
"""

import os
import select
from collections.abc import Iterable
from typing import NamedTuple

from sysvitals.model.collector import Watch

PATIENCE = 10
"""A file on which the kernel has given notice is looked at this many times more rarely: the notice will come."""

_LOOK_BYTES = 1 << 16


class Notice(NamedTuple):
    """What is watched changed; `notified` tells whether the kernel said so, or looking found it."""

    name: str
    notified: bool


class _Watched:
    """One thing that is watched. Raises OSError where it cannot be looked at."""

    def __init__(self, watch: Watch, now: float) -> None:
        self.watch = watch
        self.seconds = watch.seconds
        self.look_at = now + watch.seconds
        self.descriptor = (
            os.open(watch.name, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK) if watch.look is None else None
        )
        try:
            self.content = self.look()
        except OSError:
            self.close()
            raise

    def look(self) -> object:
        if self.watch.look is not None:
            return self.watch.look()
        assert self.descriptor is not None  # noqa: S101  # opened where there is no look
        return os.pread(self.descriptor, _LOOK_BYTES, 0)

    def close(self) -> None:
        if self.descriptor is not None:
            os.close(self.descriptor)


class Notices:
    """Watches things. One thread uses it; `wake` alone may be called from another."""

    def __init__(self) -> None:
        self._poll = select.poll()
        self._watched: dict[str, _Watched] = {}
        self._by_descriptor: dict[int, _Watched] = {}
        self._wake_read, self._wake_write = os.pipe2(os.O_CLOEXEC | os.O_NONBLOCK)
        self._poll.register(self._wake_read, select.POLLIN)

    def watch(self, watches: Iterable[Watch], now: float) -> list[Notice]:
        """Watch just these from now on. Gives notice of those that are new since the last call."""
        wanted = {watch.name: watch for watch in watches}
        for name in self._watched.keys() - wanted.keys():
            self._forget(self._watched[name])
        fresh = [watch for name, watch in wanted.items() if name not in self._watched and self._add(watch, now)]
        return [Notice(watch.name, notified=False) for watch in fresh]

    def wait(self, now: float, seconds: float) -> list[Notice]:
        """What the kernel gives notice of. Returns no later than after so many seconds, or when it is time to look."""
        soonest = min((watched.look_at for watched in self._watched.values()), default=now + seconds)
        notices = []
        for descriptor, _ in self._poll.poll(max(0.0, min(now + seconds, soonest) - now) * 1000):
            watched = self._by_descriptor.get(descriptor)
            if watched is None:
                os.read(self._wake_read, 64)
            else:
                watched.seconds = watched.watch.seconds * PATIENCE
                self._look(watched)  # reading arms the next notice
                notices.append(Notice(watched.watch.name, notified=True))
        return notices

    def look(self, now: float) -> list[Notice]:
        """Look at those whose time has come, and give notice of those that changed, or can no longer be looked at."""
        due = [watched for watched in self._watched.values() if watched.look_at <= now]
        notices = []
        for watched in due:
            watched.look_at = now + watched.seconds
            if self._look(watched):
                notices.append(Notice(watched.watch.name, notified=False))
        return notices

    def wake(self) -> None:
        """Let who waits return."""
        os.write(self._wake_write, b"x")

    def close(self) -> None:
        """Watch nothing any more."""
        for watched in list(self._watched.values()):
            self._forget(watched)
        os.close(self._wake_read)
        os.close(self._wake_write)

    def _add(self, watch: Watch, now: float) -> bool:
        try:
            watched = _Watched(watch, now)
        except OSError:  # the collector that reads it will say what is wrong with it
            return False
        self._watched[watch.name] = watched
        if watched.descriptor is not None:
            self._by_descriptor[watched.descriptor] = watched
            self._poll.register(watched.descriptor, select.POLLPRI | select.POLLERR)
        return True

    def _look(self, watched: _Watched) -> bool:
        """Whether it changed. What can no longer be looked at is forgotten, which is a change too."""
        before = watched.content
        try:
            watched.content = watched.look()
        except OSError:
            self._forget(watched)
            return True
        return watched.content != before

    def _forget(self, watched: _Watched) -> None:
        del self._watched[watched.watch.name]
        if watched.descriptor is not None:
            del self._by_descriptor[watched.descriptor]
            self._poll.unregister(watched.descriptor)
        watched.close()
