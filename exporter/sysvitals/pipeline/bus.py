"""The bus stamps what was read or happened, and hands the events to whoever listens."""

from collections.abc import Iterable
from threading import Lock
from typing import Protocol

from sysvitals.model.event import Event, Stamp
from sysvitals.model.reading import Body
from sysvitals.pipeline.clock import Clock

SEQ_PER_SECOND = 100_000
"""More events a second than can be read and published: each takes more than 10 µs."""


def first_seq(uptime: float) -> int:
    """Where an exporter that starts so many seconds after boot begins to number its events.

    Nothing has to be remembered for it, not even by a disk that refuses: whatever was published earlier in this boot,
    stored or only shown, has a lower number.
    """
    return int(uptime * SEQ_PER_SECOND)


class Listener(Protocol):
    """A consumer of events. `offer` returns at once and never raises: it folds them or puts them into an inbox."""

    def offer(self, events: tuple[Event, ...]) -> None:
        """Take these in."""


class Bus:
    """Stamps and numbers events, and offers them to its listeners in one order for all.

    `boot` is the kernel's boot id, `next_seq` the number of the first event: see `first_seq`.
    """

    def __init__(self, *, clock: Clock, host: str, boot: str, next_seq: int = 0) -> None:
        self._clock = clock
        self._host = host
        self._boot = boot
        self._seq = next_seq
        self._listeners: tuple[Listener, ...] = ()
        self._lock = Lock()

    @property
    def last_seq(self) -> int:
        """The number of the last event."""
        return self._seq - 1

    def subscribe(self, listener: Listener) -> None:
        """From now on this listener is offered all events."""
        with self._lock:
            self._listeners = (*self._listeners, listener)

    def unsubscribe(self, listener: Listener) -> None:
        """From now on this listener is offered nothing."""
        with self._lock:
            self._listeners = tuple(known for known in self._listeners if known is not listener)

    def publish(self, bodies: Iterable[Body]) -> tuple[Event, ...]:
        """Stamp these together and offer them."""
        return self.publish_runs(("", body) for body in bodies)

    def publish_runs(self, bodies: Iterable[tuple[str, Body]]) -> tuple[Event, ...]:
        """Stamp these together, each with the thing that it is of, and offer them."""
        clock = self._clock
        with self._lock:  # events are stamped, numbered and offered in one order; a listener never waits
            stamp = Stamp(clock.wall(), self._host, self._boot, clock.uptime(), clock.synced())
            events = tuple(Event(stamp, seq, body, thing) for seq, (thing, body) in enumerate(bodies, self._seq))
            self._seq += len(events)
            if events:
                for listener in self._listeners:
                    listener.offer(events)
        return events
