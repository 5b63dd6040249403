"""The last minutes of what the page draws, kept in memory so that it is never empty."""

from collections import deque
from collections.abc import Mapping
from threading import Lock

from sysvitals.model.changes import CollectorUnavailable
from sysvitals.model.event import Event
from sysvitals.model.reading import Change, Reading, subject_of

KEPT_SECONDS = 600.0
KEPT_CHANGES = 100
_MOST_POINTS = 400
_MOST_LINES = 64
"""A host with hundreds of interfaces shall not fill the memory: the first that were seen are drawn."""

TRENDS: Mapping[str, tuple[str, ...]] = {
    "system.cpu.usage.updated": ("busy_percent",),
    "system.load.updated": ("load1",),
    "system.memory.usage.updated": ("used_percent",),
    "system.temperature.updated": ("celsius",),
    "system.network.usage.updated": ("receive_bytes_per_second", "transmit_bytes_per_second"),
    "system.throttling.updated": ("active",),
    "system.fan.updated": ("speed",),
    "system.wifi.updated": ("signal",),
}
"""Which fields of which events are drawn."""

Key = tuple[str, ...]
"""The subject of a reading (its event's name and labels) and the field."""


class Trends:
    """Folds events into points of (seconds since boot, value), and keeps what happened. Read it from any thread."""

    def __init__(self, kept: float = KEPT_SECONDS) -> None:
        self._kept = kept
        self._boot = ""
        self._lines: dict[Key, deque[tuple[float, float]]] = {}
        self._changes: deque[Event] = deque(maxlen=KEPT_CHANGES)
        self._lock = Lock()

    def offer(self, events: tuple[Event, ...]) -> None:
        """Take these in."""
        with self._lock:
            for event in events:
                body = event.body
                if isinstance(body, Reading):
                    fields = TRENDS.get(body.event_name)
                    if fields:
                        self._add(event, fields)
                elif isinstance(body, Change) and not isinstance(body, CollectorUnavailable):
                    self._changes.append(event)  # what this host does not have is no news

    def changes(self) -> tuple[Event, ...]:
        """What happened, oldest first."""
        with self._lock:
            return tuple(self._changes)

    def lines(self) -> dict[Key, list[tuple[float, float]]]:
        """All points that are not too old, oldest first, of each line that has any."""
        with self._lock:
            newest = max((points[-1][0] for points in self._lines.values() if points), default=0.0)
            found = {
                key: [point for point in points if point[0] >= newest - self._kept]
                for key, points in self._lines.items()
            }
        return {key: points for key, points in found.items() if points}

    def _add(self, event: Event, fields: tuple[str, ...]) -> None:
        stamp = event.stamp
        if stamp.boot != self._boot:
            self._boot = stamp.boot
            self._lines.clear()
        for field in fields:
            value = getattr(event.body, field)
            if value is None:
                continue
            key = (*subject_of(event.body), field)
            points = self._lines.get(key)
            if points is None:
                if len(self._lines) >= _MOST_LINES:
                    continue
                points = self._lines[key] = deque(maxlen=_MOST_POINTS)
            points.append((stamp.uptime, float(value)))
