"""The live output: hands events to viewers as they happen. A slow viewer loses its oldest events and is told so.

Whoever publishes pays for one append, and for one call into the event loop where somebody watches. All else happens in
that loop, so that a hundred viewers take nothing from the readings. Viewers share the lines: one who waits, or has
missed much, holds references.
"""

import asyncio
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from threading import Lock
from typing import NamedTuple

from sysvitals.model.event import Event, encode_events

RECENT_EVENTS = 1024
"""What is kept for those who come back after a gap: some minutes."""

WAITING_EVENTS = 1024
"""What may wait for one viewer."""


GATHER_SECONDS = 0.1
"""Collectors finish one after the other: what comes together goes out together, once to each viewer."""

BEAT_SECONDS = 2.0
"""A page that hears nothing for 5 s says so: after this silence it gets a sign of life."""

PART_CHARACTERS = 16 << 10
"""How much goes out together. What one viewer that does not read keeps in memory follows from it."""


class Line:
    """One event as it goes out: encoded when a viewer first needs it, once for all. Use it in the event loop only."""

    __slots__ = ("_event", "_text")

    def __init__(self, event: Event) -> None:
        self._event = event
        self._text = ""

    @property
    def boot(self) -> str:
        """The kernel's boot id."""
        return self._event.stamp.boot

    @property
    def seq(self) -> int:
        """The event's number in its boot."""
        return self._event.seq

    @property
    def name(self) -> str:
        """The event's name."""
        return self._event.name

    @property
    def text(self) -> str:
        """The event as JSON."""
        if not self._text:
            (self._text,) = encode_events((self._event,))
        return self._text


class Mark(NamedTuple):
    """The last event that a viewer has seen."""

    boot: str
    seq: int


class TooManyViewersError(Exception):
    """No further viewer is accepted now."""


class Viewer:
    """One who watches. Use it in the event loop only."""

    def __init__(self, limit: int) -> None:
        self.dropped = 0
        self._limit = limit
        self._lines: deque[Line] = deque()
        self._ready = asyncio.Event()
        self._ended = False

    @property
    def waiting(self) -> int:
        """How many events wait."""
        return len(self._lines)

    def offer(self, lines: list[Line]) -> int:
        """Take these in, at the cost of the oldest where there is no room. How many were lost."""
        self._lines.extend(lines)
        lost = max(0, len(self._lines) - self._limit)
        for _ in range(lost):
            self._lines.popleft()
        self.dropped += lost
        self._ready.set()
        return lost

    def wake(self) -> None:
        """Let it take, even if there is nothing."""
        self._ready.set()

    def end(self) -> None:
        """Let the viewer go: what still waits is taken, and then no more."""
        self._ended = True
        self._ready.set()

    async def take(self) -> tuple[list[Line], int] | None:
        """All that waits, oldest first, and how many before it were lost since the last take. None: it is over.

        Both are empty for a lively viewer after a silence.
        """
        await self._ready.wait()
        self._ready.clear()
        lines, dropped = list(self._lines), self.dropped
        self._lines.clear()
        self.dropped = 0
        if self._ended and not lines and not dropped:
            return None
        if self._ended:
            self._ready.set()
        return lines, dropped


class LiveHub:
    """A listener of the bus, and the meeting place of its viewers.

    `spread` counts how often viewers were given something; `watched` is set while somebody looks who wants it lively.
    """

    name = "live"

    def __init__(self, *, viewers: int, recent: int = RECENT_EVENTS, waiting: int = WAITING_EVENTS) -> None:
        self.dropped = 0
        self.spread = 0
        self._most = viewers
        self._limit = waiting
        self._recent: deque[Line] = deque(maxlen=recent)
        self._first: int | None = None
        self._fresh: list[Line] = []
        self._scheduled = False
        self._lock = Lock()
        self._viewers: set[Viewer] = set()
        self._lively: set[Viewer] = set()
        self.watched = asyncio.Event()
        self._call: Callable[[Callable[[], None]], object] | None = None
        self._beat: asyncio.TimerHandle | None = None

    @property
    def viewers(self) -> int:
        """How many watch."""
        return len(self._viewers)

    @property
    def waiting(self) -> int:
        """How many events wait, for all viewers together."""
        return len(self._fresh) + sum(viewer.waiting for viewer in tuple(self._viewers))

    def attach(self, call: Callable[[Callable[[], None]], object]) -> None:
        """From now on there is an event loop, and viewers may come.

        `call` runs a function in it from any thread, as its `call_soon_threadsafe` does; it may raise RuntimeError once
        the loop is closed.
        """
        self._call = call

    def offer(self, events: tuple[Event, ...]) -> None:
        """Take these in. From any thread."""
        lines = [*map(Line, events)]
        with self._lock:
            if self._first is None:
                self._first = lines[0].seq
            self._recent.extend(lines)
            if not self._viewers or self._call is None:
                return
            self._fresh.extend(lines)
            lost = len(self._fresh) - self._limit  # of a loop that stands still
            if lost > 0:
                del self._fresh[:lost]
                self.dropped += lost
                for viewer in self._viewers:
                    viewer.dropped += lost
            if self._scheduled:
                return
            self._scheduled = True
            call = self._call
        try:
            call(self._gather)
        except RuntimeError:  # the loop has ended before the readings
            with self._lock:
                self._viewers = set()

    def join(self, after: Mark | None = None, *, lively: bool = False) -> Viewer:
        """A new viewer, in the event loop. With `after`, it first gets what it missed, as far as that is still there.

        A lively one is somebody's eyes, for which readings should come more often; it is woken after each silence.

        Raises TooManyViewersError.
        """
        if len(self._viewers) >= self._most:
            raise TooManyViewersError(f"{self._most} viewers watch already, and no more are accepted")
        self._spread()
        if not self._viewers:
            self.spread += 1  # what was worked out for earlier viewers is old
        viewer = Viewer(self._limit)
        with self._lock:
            self._viewers.add(viewer)
            recent = list(self._recent)
            fresh = len(self._fresh)  # comes to it with the next spread
        if lively:
            self._lively.add(viewer)
            self.watched.set()
            self._await_silence()
        if after is not None:
            missed = recent[: len(recent) - fresh] if fresh else recent
            lines = [line for line in missed if _is_after(line, after)]
            if lines and lines[0].boot == after.boot:
                # numbers between two runs of the exporter were never given
                viewer.dropped = max(0, lines[0].seq - max(after.seq + 1, self._first or 0))
            if lines or viewer.dropped:
                viewer.offer(lines)
        return viewer

    def leave(self, viewer: Viewer) -> None:
        """This viewer has gone."""
        with self._lock:
            self._viewers.discard(viewer)
        self._lively.discard(viewer)
        if not self._lively:
            self.watched.clear()
            self._await_silence()

    def end(self) -> None:
        """Let all viewers go, in the event loop."""
        self._spread()
        for viewer in self._viewers:
            viewer.end()

    def _gather(self) -> None:
        asyncio.get_running_loop().call_later(GATHER_SECONDS, self._spread)

    def _spread(self) -> None:
        with self._lock:
            fresh, self._fresh = self._fresh, []
            self._scheduled = False
        if not fresh:
            return
        self.spread += 1
        for viewer in self._viewers:
            self.dropped += viewer.offer(fresh)
        self._await_silence()

    def _await_silence(self) -> None:
        """One timer for all viewers, and none while readings come or no eyes look."""
        if self._beat is not None:
            self._beat.cancel()
        self._beat = asyncio.get_running_loop().call_later(BEAT_SECONDS, self._wake) if self._lively else None

    def _wake(self) -> None:
        for viewer in self._lively:
            viewer.wake()
        self._await_silence()


def cut(lines: Iterable[Line], most: int = PART_CHARACTERS) -> Iterator[list[Line]]:
    """These lines in parts of so many characters at most, or of one line. Each is encoded when its turn comes."""
    part: list[Line] = []
    size = 0
    for line in lines:
        size += len(line.text)
        if part and size > most:
            yield part
            part, size = [], len(line.text)
        part.append(line)
    if part:
        yield part


def _is_after(line: Line, mark: Mark) -> bool:
    return line.boot != mark.boot or line.seq > mark.seq
