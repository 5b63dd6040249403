"""The limits of the server: everything that a client can take has one."""

import resource
from typing import NamedTuple

_MOST_CONNECTIONS = 512
_FEWEST_CONNECTIONS = 16
_MOST_BLOCKED = 64

READ_BYTES = 16 << 10
"""How much is read from a connection at a time."""


class Budget(NamedTuple):
    """What all connections together, and each one, may take. Times are in seconds."""

    connections: int = 256
    """Streams included. Over it one that has its last answer is closed, then the oldest without a complete request
    (unless it has just come), then the one idle for longest, then one that waits for its turn or has just come; if all
    are being answered, a newcomer gets 503."""
    reserved: int = 4
    """Descriptors held back for newcomers, where all others of the process are in use."""
    header_seconds: float = 10.0
    """To the end of a request; a TLS handshake is part of it."""
    young_seconds: float = 1.0
    """One that has come within this time had no time to ask, and may be a scraper: idle ones go first."""
    header_bytes: int = READ_BYTES
    header_count: int = 64
    target_bytes: int = 8 << 10
    requests: int = 1000
    """Of one connection, which is closed then: no client keeps a place for ever. Prometheus connects again itself."""
    repeat_seconds: float = 1.0
    """A connection that asks again within this time of its last answer takes turns with others that do, and with first
    requests that are costly in the event loop."""
    turns: int = 2
    """How many of those begin in a turn of the loop. A flood keeps a scrape waiting for no more than these."""
    idle_seconds: float = 75.0
    """Longer than a usual scrape interval, so that Prometheus keeps its connection."""
    write_seconds: float = 30.0
    """Without room for the next part. A viewer that never reads is dropped then."""
    write_bytes: int = 64 << 10
    """What waits for a client that does not read before it counts as blocked; one answer may add to it."""
    blocked: int = _MOST_BLOCKED
    """How many may be blocked. Over it the one blocked for longest is dropped."""
    close_seconds: float = 2.0
    """To take the last answer, or to answer the closing of a WebSocket."""
    rest_bytes: int = 64 << 10
    """What is read, and dropped, after the last answer: closed over unread data, the kernel would drop the answer."""
    ping_seconds: float = 20.0
    """Between pings to a viewer; one that has not answered by the next is dropped."""
    viewer_frames: int = 32
    """Pings and pongs of a viewer between two of our pings."""

    @property
    def streams(self) -> int:
        """How many connections may be streams, which never end by themselves: a scraper needs one of the others."""
        return self.connections // 2


def fit_budget() -> Budget:
    """A quarter of this process's descriptors for connections: the others are for reading the host and the history."""
    descriptors, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    most = _MOST_CONNECTIONS if descriptors == resource.RLIM_INFINITY else descriptors // 4
    connections = min(_MOST_CONNECTIONS, max(_FEWEST_CONNECTIONS, most))
    return Budget(connections=connections, blocked=min(_MOST_BLOCKED, connections // 4))
