"""Threads for work that waits or computes, so that the event loop does neither."""

import asyncio
import logging
from collections import Counter
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from threading import Lock
from typing import TypeVar

from sysvitals.web.http.limited_log import LimitedLog
from sysvitals.web.http.messages import BusyError

_log = LimitedLog(logging.getLogger(__name__))

Result = TypeVar("Result")

NO_THREAD_SECONDS = 15.0
"""Where there is no room for a thread, it is tried again after so long."""


async def in_thread(work: Callable[[], Result]) -> Result:
    """Do this in a thread, once there is room for one. For what goes on for as long as the exporter runs."""
    while True:
        turn: Future[Result] = Future()
        try:
            asyncio.get_running_loop().run_in_executor(None, _take, turn, work)
        except (RuntimeError, MemoryError) as error:
            turn.cancel()  # it waits for a thread all the same
            _log.write(logging.WARNING, "no room for a thread; trying again every %g s: %r", NO_THREAD_SECONDS, error)
            await asyncio.sleep(NO_THREAD_SECONDS)
        else:
            return await asyncio.wrap_future(turn)


def _take(turn: "Future[Result]", work: Callable[[], Result]) -> None:
    """Do this work unless its turn was cancelled."""
    if turn.set_running_or_notify_cancel():
        try:
            turn.set_result(work())
        except BaseException as error:  # noqa: BLE001  # as threads of a pool do
            turn.set_exception(error)


class Pool:
    """Up to `threads` threads, each started when it is first needed.

    `most` may run or wait at a time, `most_of_client` of them for one address: no client alone can keep others out.
    """

    def __init__(self, name: str, *, threads: int, most: int, most_of_client: int) -> None:
        self._name = name
        self._most = most
        self._most_of_client = most_of_client
        self._open: Counter[str] = Counter()
        self._lock = Lock()
        self._threads = ThreadPoolExecutor(threads, thread_name_prefix=name)

    async def run(self, client: str, work: Callable[[], Result]) -> Result:
        """Do this in a thread. Raises BusyError where too much is under way, and what `work` raises."""
        with self._lock:
            if self._open.total() >= self._most or self._open[client] >= self._most_of_client:
                raise BusyError(f"too many {self._name} requests are under way; try again later")
            self._open[client] += 1
        try:
            future = self._threads.submit(work)
        except (RuntimeError, MemoryError) as error:  # no room for a thread
            self._note_end(client)
            _log.write(logging.WARNING, "%s requests are refused: %r", self._name, error)
            raise BusyError(f"no room for a thread that answers {self._name} requests; try again later") from None
        # where the client goes, nothing waits for the work any more, but its thread is still taken
        future.add_done_callback(lambda _: self._note_end(client))
        return await asyncio.wrap_future(future)

    def _note_end(self, client: str) -> None:
        with self._lock:
            self._open[client] -= 1
            if not self._open[client]:
                del self._open[client]
