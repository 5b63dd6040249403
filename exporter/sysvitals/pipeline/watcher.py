"""Wakes collectors when something that they watch changes, so that edges do not wait for the next heartbeat."""

import logging
from collections.abc import Callable, Iterable
from threading import Event, Lock, Thread

from sysvitals.host.host import Host
from sysvitals.model.collector import Collector, Watch
from sysvitals.model.status import WatchWakes
from sysvitals.pipeline.clock import Clock
from sysvitals.pipeline.file_watcher import Notices

_log = logging.getLogger(__name__)

AGAIN_SECONDS = 30.0
"""How often collectors are asked anew what to watch: chips and network devices come and go."""

CALM_SECONDS = 0.05
"""A pause after a change: a kernel that gives notice a thousand times a second is heard twenty times."""


class Watcher:
    """Watches on behalf of collectors, in one thread, and calls `wake` with a collector's name.

    `wakes` counts the changes by collector and by whether the kernel gave notice.
    """

    def __init__(
        self, collectors: Iterable[Collector], *, host: Host, clock: Clock, wake: Callable[[str], None]
    ) -> None:
        self.wakes: dict[tuple[str, bool], int] = {}
        self._host = host
        self._clock = clock
        self._wake = wake
        self._owners: dict[str, list[str]] = {}
        self._unable: dict[str, str] = {}
        self._notices = Notices()
        self._collectors: tuple[Collector, ...] = ()
        self._lock = Lock()
        self._stopping = Event()
        self._ask_at = 0.0
        self.thread = Thread(target=self._run, name="watcher", daemon=True)
        self.replace(collectors)

    def start(self) -> None:
        """Begin to watch."""
        self.thread.start()

    def stop(self) -> None:
        """Watch nothing any more."""
        self._stopping.set()
        self._notices.wake()
        if self.thread.ident is None:
            self._notices.close()
        else:
            self.thread.join(timeout=1)

    def replace(self, collectors: Iterable[Collector]) -> None:
        """Watch on behalf of these from now on."""
        self._collectors = tuple(collectors)
        with self._lock:
            for collector in self._collectors:
                if collector.watch is not None:
                    for notified in (True, False):
                        self.wakes.setdefault((collector.name, notified), 0)
        self._ask_at = 0.0
        self._notices.wake()

    def statuses(self) -> list[WatchWakes]:
        """How often each collector that watches something was woken, by how."""
        watching = {collector.name for collector in self._collectors if collector.watch is not None}
        with self._lock:
            return [
                WatchWakes(collector=name, how="notice" if notified else "look", total=total)
                for (name, notified), total in sorted(self.wakes.items())
                if name in watching
            ]

    def _run(self) -> None:
        notices = self._notices
        while not self._stopping.is_set():
            found = []
            if self._clock.monotonic() >= self._ask_at:
                # first the time, then the question: who calls `replace` meanwhile is asked again
                self._ask_at = self._clock.monotonic() + AGAIN_SECONDS
                found += notices.watch(self._ask(), self._clock.monotonic())
            if not found:
                now = self._clock.monotonic()
                found += notices.wait(now, self._ask_at - now)
            found += notices.look(self._clock.monotonic())
            woken = [(owner, notice.notified) for notice in found for owner in self._owners[notice.name]]
            with self._lock:
                for wake in woken:
                    self.wakes[wake] = self.wakes.get(wake, 0) + 1
            for owner in dict.fromkeys(owner for owner, _ in woken):
                self._wake(owner)
            if woken:
                self._stopping.wait(CALM_SECONDS)
        notices.close()

    def _ask(self) -> list[Watch]:
        watches: list[Watch] = []
        owners: dict[str, list[str]] = {}
        for collector in self._collectors:
            mine = self._ask_one(collector)
            watches += mine
            for watch in mine:
                owners.setdefault(watch.name, []).append(collector.name)
        self._owners = owners
        return watches

    def _ask_one(self, collector: Collector) -> list[Watch]:
        try:
            mine = list(collector.watches(self._host))
        except Exception as error:  # noqa: BLE001  # a collector's error is its own: the others are watched still
            message = f"{error}" or type(error).__name__
            if self._unable.get(collector.name) != message:
                self._unable[collector.name] = message
                _log.warning("%s: cannot watch for changes, which wait for the next run: %s", collector.name, message)
            return []
        self._unable.pop(collector.name, None)
        return mine
