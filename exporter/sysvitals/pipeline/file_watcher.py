"""What collectors watch: where the kernel gives notice of a change, and how a thing looked last.

A sysfs attribute whose driver calls sysfs_notify, and the mount tables of /proc, wake epoll(7) with EPOLLPRI or
EPOLLERR after they have been read once. Other files never do, so that each is also looked at in its own rhythm.
Each file stays open for them, as long as there is room: what is beyond is opened for each look.
Notices are taken as edges (EPOLLET): a table of /proc shows a change to one poll(2) only, and one that had to be asked
for again after each notice would be lost in between.
"""

import contextlib
import logging
import os
import resource
import select
from collections.abc import Iterator
from threading import Lock, Semaphore
from typing import NamedTuple

from sysvitals.host.files import error_class
from sysvitals.model.collector import Watch
from sysvitals.pipeline.kernel_notices import NoticeSocket

_log = logging.getLogger(__name__)

RARELY = 15
"""So many times more rarely a file is looked at on which the kernel has given notice, or is certain to: the notice will
come. So is a `look` that failed called, for it may take its time to fail."""

_PIECE_BYTES = 1 << 14
_LIMIT_BYTES = 16 << 20
_NOTICE = select.EPOLLPRI | select.EPOLLERR | select.EPOLLET


_MOST_OPEN = 4096
_FEWEST_OPEN = 16


def count_room() -> int:
    """How many watched files may stay open: a quarter of this process's descriptors, as for connections."""
    descriptors, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    if descriptors == resource.RLIM_INFINITY:
        return _MOST_OPEN
    return min(_MOST_OPEN, max(_FEWEST_OPEN, descriptors // 4))


class _Failure(NamedTuple):
    """What is seen of a thing that cannot be looked at: to fail, to fail otherwise and to work again are changes."""

    error: str


class Watched:
    """One thing that is watched, and how it looked last. `identity` is that of the file behind the descriptor.

    `registered` says that it was tried to wait for notices of it, and `waited_for` that this is possible. An attribute
    of sysfs has a size, and comes whole; a table of /proc has none.
    A look may hang, so that a worker runs it; the thread that schedules does the rest, and never while a look runs.
    Its file stays open if `room` has a place for it; where it has none, `lacks_room`.
    """

    def __init__(self, watch: Watch, room: Semaphore) -> None:
        self.watch = watch
        self.lacks_room = False
        self.content: object = None
        self.notifies = False
        self.registered = False
        self.waited_for = False
        self.descriptor: int | None = None
        self._room = room
        self._identity = (0, 0)
        self._is_attribute = False

    @property
    def fails(self) -> bool:
        """Whether it could not be looked at."""
        return isinstance(self.content, _Failure)

    @property
    def seconds(self) -> float:
        """In how many seconds it is looked at again."""
        is_certain = self.notifies or (self.watch.notifies and self.waited_for)
        is_rare = is_certain or (self.watch.look is not None and self.fails)
        return self.watch.seconds * (RARELY if is_rare else 1)

    def look(self) -> Iterator[object]:
        """How it looks now; a failure is a look of its own."""
        look = self.watch.look
        try:
            yield self._read() if look is None else look()
        except Exception as error:  # noqa: BLE001  # a collector's own function
            self.close()
            yield _Failure(error_class(error))

    def close(self) -> None:
        """Let go of the file."""
        descriptor, self.descriptor = self.descriptor, None
        self.notifies = self.registered = self.waited_for = False
        if descriptor is not None:
            os.close(descriptor)
            if not self.lacks_room:
                self._room.release()

    def _read(self) -> bytes:
        """The whole file that is at the path now. Raises OSError."""
        path = self.watch.name
        # the one that was opened would never show that another took its place, or that its device came back
        if self.descriptor is not None and _identity(os.stat(path)) != self._identity:
            self.close()
        if self.descriptor is None:
            self.descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)
            self.lacks_room = not self._room.acquire(blocking=False)
            status = os.fstat(self.descriptor)
            self._identity = _identity(status)
            self._is_attribute = 0 < status.st_size <= _PIECE_BYTES
        content = _read_whole(self.descriptor, is_attribute=self._is_attribute)
        if self.lacks_room:
            self.close()
        return content


class FileWatcher:
    """Waits for the kernel's notices, and for calls of `wake`. One thread uses it; any may call `wake`.

    `room` is how many files that are watched may stay open.
    """

    def __init__(self, room: int | None = None) -> None:
        self.room = Semaphore(count_room() if room is None else room)
        self._lacked_room = False
        self._epoll = select.epoll()
        self._registered: dict[int, Watched] = {}
        self._sources: dict[int, NoticeSocket] = {}
        self._wake = os.eventfd(0, os.EFD_CLOEXEC | os.EFD_NONBLOCK)
        self._epoll.register(self._wake, select.EPOLLIN)
        self._closing = Lock()
        self._is_open = True

    def wait(self, seconds: float) -> list[Watched | NoticeSocket]:
        """The things that the kernel gave notice of, and the sockets at which some arrived.

        Nothing when the time is over, or after `wake`.
        """
        noticed: list[Watched | NoticeSocket] = []
        for descriptor, _ in self._epoll.poll(max(0.0, seconds)):
            if descriptor == self._wake:
                os.eventfd_read(self._wake)
            elif (source := self._sources.get(descriptor)) is not None:
                noticed.append(source)
            elif (watched := self._registered.get(descriptor)) is not None:
                watched.notifies = True
                noticed.append(watched)
        return noticed

    def listen(self, source: NoticeSocket) -> None:
        """Wait for notices of this source too."""
        self._sources[source.fileno()] = source
        self._epoll.register(source, select.EPOLLIN)

    def ignore(self, source: NoticeSocket) -> None:
        """Wait for no more notices of this source, and close it."""
        del self._sources[source.fileno()]
        source.close()

    def settle(self, watched: Watched, content: object) -> bool:
        """Take in what a look has seen. Whether it changed."""
        changed = content != watched.content
        watched.content = content
        return changed

    def register(self, watched: Watched) -> bool:
        """Wait for notices of this once it has been read. True where that begins now: what changed since was missed."""
        descriptor = watched.descriptor
        if watched.lacks_room and not self._lacked_room:
            self._lacked_room = True
            _log.warning("too many files to watch for this process's limit of open files: the others are looked at")
        if descriptor is None or watched.registered:
            return False
        watched.registered = True
        self._forget(watched)
        try:
            self._epoll.register(descriptor, _NOTICE)
        except PermissionError:  # a plain file never gives notice
            return False
        self._registered[descriptor] = watched
        watched.waited_for = True
        return True

    def drop(self, watched: Watched) -> None:
        """Watch this no more. Not while a look at it runs."""
        watched.close()
        self._forget(watched)

    def wake(self) -> None:
        """Let `wait` return. After `close` it does nothing."""
        with self._closing:  # what has the descriptor's number by then would get what is written
            if self._is_open:
                with contextlib.suppress(BlockingIOError):
                    os.eventfd_write(self._wake, 1)

    def close(self) -> None:
        """Wait for nothing any more."""
        with self._closing:
            if not self._is_open:
                return
            self._is_open = False
            self._epoll.close()
            for source in self._sources.values():
                source.close()
            os.close(self._wake)

    def _forget(self, watched: Watched) -> None:
        self._registered = {number: one for number, one in self._registered.items() if one is not watched}


def _read_whole(descriptor: int, *, is_attribute: bool) -> bytes:
    content = os.pread(descriptor, _PIECE_BYTES, 0)
    if is_attribute:
        return content
    # a table of /proc comes in pieces of a page
    parts = [content]
    length = len(content)
    while parts[-1] and length < _LIMIT_BYTES:
        parts.append(os.pread(descriptor, _PIECE_BYTES, length))
        length += len(parts[-1])
    return b"".join(parts)


def _identity(status: os.stat_result) -> tuple[int, int]:
    return status.st_dev, status.st_ino
