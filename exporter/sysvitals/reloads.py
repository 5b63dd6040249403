"""The configuration is read again in a thread of its own: its file may lie on a dead network mount, or be a FIFO."""

import contextlib
import logging
from collections.abc import Callable
from concurrent.futures import Future, InvalidStateError
from threading import Lock, Thread

_log = logging.getLogger(__name__)

Problems = tuple[str, ...]


class Reloads:
    """Does one reload at a time, with at most one more that waits. `reload` returns what is wrong with the file.

    The end of the process does not wait for it.
    """

    def __init__(self, reload: Callable[[], Problems]) -> None:
        self._reload = reload
        self._lock = Lock()
        self._current: Future[Problems] | None = None
        self._next: Future[Problems] | None = None

    def ask(self) -> Future[Problems]:
        """Ask for a reload that begins after this call. All who ask meanwhile share it.

        Raises RuntimeError or MemoryError where no thread can be started.
        """
        with self._lock:
            if self._next is not None:
                return self._next
            asked = Future[Problems]()
            if self._current is None:
                Thread(target=self._run, args=(asked,), name="reload", daemon=True).start()
                self._current = asked
            else:
                self._next = asked
            return asked

    def end(self) -> None:
        """Let nobody wait any more: what was asked for is cancelled."""
        with self._lock:
            for asked in (self._current, self._next):
                if asked is not None:
                    asked.cancel()

    def _run(self, asked: Future[Problems] | None) -> None:
        while asked is not None:
            self._do(asked)
            with self._lock:
                asked = self._current = self._next
                self._next = None

    def _do(self, asked: Future[Problems]) -> None:
        with contextlib.suppress(InvalidStateError):  # it was cancelled meanwhile
            try:
                problems = self._reload()
            except Exception as error:  # noqa: BLE001  # the thread must go on for the next one
                _log.exception("reload: the configuration could not be read")
                asked.set_exception(error)
            else:
                asked.set_result(problems)
