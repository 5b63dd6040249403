"""Threads for work that waits or computes, so that the event loop does neither."""

import asyncio
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from threading import Lock
from typing import ParamSpec, TypeVar

from sysvitals.web.http.messages import BusyError

Result = TypeVar("Result")
Given = ParamSpec("Given")


class Pool:
    """Up to `threads` threads, each started when it is first needed. `most` may run or wait at a time."""

    def __init__(self, name: str, *, threads: int, most: int) -> None:
        self._name = name
        self._most = most
        self._open = 0
        self._lock = Lock()
        self._threads = ThreadPoolExecutor(threads, thread_name_prefix=name)

    async def run(self, work: Callable[Given, Result], *given: Given.args, **named: Given.kwargs) -> Result:
        """Do this in a thread. Raises BusyError where too much is under way, and what the work raises."""
        with self._lock:
            if self._open >= self._most:
                raise BusyError(f"{self._most} {self._name} requests are under way; try again later")
            self._open += 1
        try:
            future = self._threads.submit(work, *given, **named)
        except BaseException:  # no room for a thread
            self._note_end()
            raise
        # where the client goes, nothing waits for the work any more, but its thread is still taken
        future.add_done_callback(self._note_end)
        return await asyncio.wrap_future(future)

    def _note_end(self, _future: Future[Result] | None = None) -> None:
        with self._lock:
            self._open -= 1
