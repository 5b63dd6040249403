"""What of the last minutes the latest readings do not hold: what happened, and how busy each CPU is."""

from collections import deque
from threading import Lock
from typing import Any

from sysvitals.model.changes import CollectorUnavailable
from sysvitals.model.event import Event
from sysvitals.model.reading import Change

KEPT_CHANGES = 100
MOST_CPUS = 1024
_CPU_TIME = "system.cpu.time.updated"
_IDLE = ("idle_seconds", "iowait_seconds")
_BUSY = ("user_seconds", "nice_seconds", "system_seconds", "irq_seconds", "softirq_seconds", "steal_seconds")


class Trends:
    """Keeps the last changes, and the last two readings of each CPU. Read it from any thread.

    Nothing is copied, and nothing worked out until somebody looks.
    """

    def __init__(self) -> None:
        self._changes: deque[Event] = deque(maxlen=KEPT_CHANGES)
        self._cpus: dict[str, tuple[Any, Any]] = {}
        self._lock = Lock()

    def offer(self, events: tuple[Event, ...]) -> None:
        """Take these in."""
        with self._lock:
            for event in events:
                body = event.body
                if body.event_name == _CPU_TIME:
                    self._note_cpu(body)
                elif isinstance(body, Change) and not isinstance(body, CollectorUnavailable):
                    self._changes.append(event)  # what this host does not have is no news

    def changes(self) -> tuple[Event, ...]:
        """What happened, oldest first."""
        with self._lock:
            return tuple(self._changes)

    def busy(self) -> dict[str, float]:
        """How busy each CPU was between its last two readings, in percent, by its number; those online alone."""
        with self._lock:
            pairs = sorted(self._cpus.items(), key=lambda pair: (len(pair[0]), pair[0]))
        found = {}
        for cpu, (before, now) in pairs:
            if before is not None and now.online:
                idle, busy = _growth(before, now, _IDLE), _growth(before, now, _BUSY)
                if idle + busy > 0:
                    found[cpu] = 100 * busy / (idle + busy)
        return found

    def _note_cpu(self, body: Any) -> None:
        pair = self._cpus.get(body.cpu)
        if pair is not None or len(self._cpus) < MOST_CPUS:
            self._cpus[body.cpu] = (None if pair is None else pair[1], body)


def _growth(before: Any, now: Any, names: tuple[str, ...]) -> float:
    """Growth of these counters together, in seconds. One that was not read, or went back, adds nothing."""
    pairs = ((getattr(before, name), getattr(now, name)) for name in names)
    return float(sum(max(0.0, new - old) for old, new in pairs if old is not None and new is not None))
