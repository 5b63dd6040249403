"""A log that a client cannot fill."""

import logging
import time
from collections.abc import Callable

SILENCE_SECONDS = 60.0


class LimitedLog:
    """Logs at most one line of each message a minute; the next one says how many were left out."""

    def __init__(self, log: logging.Logger, clock: Callable[[], float] = time.monotonic) -> None:
        self._log = log
        self._clock = clock
        self._last: dict[str, float] = {}
        self._left_out: dict[str, int] = {}

    def write(self, level: int, message: str, *values: object, error: BaseException | None = None) -> None:
        """Log this message, whose text is its kind: keep what varies in `values`."""
        now = self._clock()
        last = self._last.get(message)
        if last is not None and now - last < SILENCE_SECONDS:
            self._left_out[message] = self._left_out.get(message, 0) + 1
            return
        self._last[message] = now
        if count := self._left_out.pop(message, 0):
            self._log.log(level, f"{message} (and %d times more since the last such line)", *values, count,
                          exc_info=error)  # fmt: skip
        else:
            self._log.log(level, message, *values, exc_info=error)
