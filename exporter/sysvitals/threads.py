"""The threads that go on for as long as the exporter runs, and what happens when one of them dies.

| thread | what it does | when it dies |
|---|---|---|
| `scheduler` | decides what is read when, and publishes it | the exporter ends, and its supervisor starts it again |
| `reader` | read what is due, several of them | another takes its place; its read has failed |
| `history` | writes events to the disk | started again; the batch that it was writing is lost and counted |
| `log` | writes log lines | started again |
| `console` | prints events | started again |
| the event loop | answers requests | the process ends with it |

A try to start a thread again may fail; it is tried again at most 15 seconds later.
A thread that dies again and again is not started any more: then the exporter ends. A thread dies by a bug, or where
there is no memory. It shows in `/-/healthy`, in `sysvitals_thread_deaths_total` and in the log.
"""

import logging
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from threading import Thread

from sysvitals.model.status import ThreadStatus

_log = logging.getLogger(__name__)

RESTARTS = 3
"""How often it is tried to start a thread again within the time below; then it ends the exporter."""

RESTARTS_SECONDS = 600.0


@dataclass(slots=True, eq=False)
class Duty:
    """A thread that goes on for ever. `thread()` is the one that runs now; `restart()` starts another, where it can."""

    name: str
    thread: Callable[[], Thread]
    restart: Callable[[], object] | None = None
    tries: list[float] = field(default_factory=list)
    """When it was tried to start it again, in monotonic seconds."""
    failed: int = 0
    """How many of these tries failed."""
    is_reported: bool = False
    """Whether the log says that it cannot be started again now."""

    @property
    def alive(self) -> bool:
        """Whether it runs. One that has not begun yet is not dead."""
        thread = self.thread()
        return thread.ident is None or thread.is_alive()

    @property
    def deaths(self) -> int:
        """How often it has died."""
        return len(self.tries) - self.failed + (not self.alive)


class Keeper:
    """Looks after these threads. `clock` gives monotonic seconds."""

    def __init__(self, duties: Iterable[Duty], clock: Callable[[], float]) -> None:
        self._duties = tuple(duties)
        self._clock = clock

    def dead(self) -> list[str]:
        """The names of those that do not run."""
        return [duty.name for duty in self._duties if not duty.alive]

    def mend(self) -> list[str]:
        """Start those again that have died. The names of those that cannot be: the exporter must end."""
        lost = []
        for duty in self._duties:
            if duty.alive:
                continue
            now = self._clock()
            recent = [at for at in duty.tries if now - at < RESTARTS_SECONDS]
            if duty.restart is None or len(recent) >= RESTARTS:
                lost.append(duty.name)
                continue
            duty.tries.append(now)
            _restart(duty, duty.restart)
        return lost

    def statuses(self) -> list[ThreadStatus]:
        """How often each of them has died."""
        return [ThreadStatus(thread=d.name, deaths=d.deaths) for d in self._duties]


def _restart(duty: Duty, restart: Callable[[], object]) -> None:
    try:
        restart()
    except (OSError, RuntimeError, MemoryError) as error:  # no room for another thread
        duty.failed += 1
        if not duty.is_reported:
            _log.error("the thread %s died and cannot be started again: %r; it is tried again", duty.name, error)
        duty.is_reported = True
    else:
        _log.error("the thread %s died and was started again", duty.name)
        duty.is_reported = False
