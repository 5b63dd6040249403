"""Wakes collectors when something that they watch changes, so that edges do not wait for the next heartbeat."""

import logging
from collections.abc import Callable, Iterable
from threading import Thread

from sysvitals.model.collector import Collector, Watch
from sysvitals.pipeline.clock import Clock
from sysvitals.sources.host import Host
from sysvitals.sources.notices import Notice, Notices

_log = logging.getLogger(__name__)

AGAIN_SECONDS = 30.0
"""How often collectors are asked anew what to watch: chips and network devices come and go."""


class Watcher:
    """Watches on behalf of collectors, in one thread, and calls `wake` with a collector's name.

    `wakes` counts them by collector and by whether the kernel gave notice.
    """

    def __init__(
        self, collectors: Iterable[Collector], *, host: Host, clock: Clock, wake: Callable[[str], None]
    ) -> None:
        self.wakes: dict[tuple[str, bool], int] = {}
        self._host = host
        self._clock = clock
        self._wake = wake
        self._owners: dict[str, str] = {}
        self._notices = Notices()
        self._collectors: tuple[Collector, ...] = ()
        self._stopping = False
        self._ask_at = 0.0
        self._thread = Thread(target=self._run, name="watcher", daemon=True)
        self.replace(collectors)

    def start(self) -> None:
        """Begin to watch."""
        self._thread.start()

    def stop(self) -> None:
        """Watch nothing any more."""
        self._stopping = True
        if self._thread.is_alive():
            self._notices.wake()
            self._thread.join(timeout=1)

    def replace(self, collectors: Iterable[Collector]) -> None:
        """Watch on behalf of these from now on."""
        self._collectors = tuple(collectors)
        self._ask_at = 0.0
        if not self._stopping:
            self._notices.wake()

    def _run(self) -> None:
        while not self._stopping:
            now = self._clock.monotonic()
            notices: list[Notice] = []
            if now >= self._ask_at:
                self._ask_at = now + AGAIN_SECONDS
                notices += self._notices.watch(self._ask(), now)
            notices += self._notices.wait(now, self._ask_at - now)
            notices += self._notices.look(self._clock.monotonic())
            for notice in notices:
                owner = self._owners[notice.name]
                self.wakes[owner, notice.notified] = self.wakes.get((owner, notice.notified), 0) + 1
                self._wake(owner)
        self._notices.close()

    def _ask(self) -> list[Watch]:
        watches: list[Watch] = []
        for collector in self._collectors:
            if collector.watch is not None:
                try:
                    mine = tuple(collector.watch(self._host))
                except OSError as error:
                    _log.debug("%s: nothing to watch: %s", collector.name, error)
                    continue
                watches += mine
                self._owners.update((watch.name, collector.name) for watch in mine)
        return watches
