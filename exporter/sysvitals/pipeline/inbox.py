"""A bounded inbox: what stands between the bus and a consumer that may be slow."""

from collections import deque
from threading import Condition

from sysvitals.model.event import Event


class Inbox:
    """Holds at most `limit` events for one consumer; when it is full the oldest are lost and counted."""

    def __init__(self, name: str, *, limit: int) -> None:
        self.name = name
        self.dropped = 0
        self.reason = "its inbox was full"
        self.limit = limit
        self._batches: deque[tuple[Event, ...]] = deque()
        self._waiting = 0
        self._closed = False
        self._changed = Condition()

    @property
    def waiting(self) -> int:
        """How many events wait."""
        return self._waiting

    @property
    def closed(self) -> bool:
        """Whether the inbox takes nothing in any more."""
        return self._closed

    def offer(self, events: tuple[Event, ...]) -> None:
        """Take these in, at the cost of the oldest where there is no room."""
        with self._changed:
            if self._closed:
                return
            self._batches.append(events)
            self._waiting += len(events)
            while self._waiting > self.limit:
                oldest = self._batches.popleft()
                # a run is lost whole, except where it alone is more than there is room for
                kept = () if self._batches else oldest[-self.limit :]
                if kept:
                    self._batches.append(kept)
                lost = len(oldest) - len(kept)
                self._waiting -= lost
                self.dropped += lost
            self._changed.notify()

    def lose(self, events: int, reason: str) -> None:
        """So many of those that were taken out are lost, and why."""
        with self._changed:
            self.dropped += events
            self.reason = reason

    def take(self, seconds: float | None = None) -> tuple[Event, ...]:
        """All that waits, oldest first, after at most so many seconds. Empty: nothing came, or the inbox is closed."""
        with self._changed:
            self._changed.wait_for(lambda: bool(self._batches) or self._closed, seconds)
            events = tuple(event for batch in self._batches for event in batch)
            self._batches.clear()
            self._waiting = 0
            return events

    def close(self) -> None:
        """Take nothing in any more, and wake who waits."""
        with self._changed:
            self._closed = True
            self._changed.notify_all()
