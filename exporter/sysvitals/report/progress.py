"""How far a long reading is, in one line on standard error that goes away."""

import time
from collections.abc import Callable
from typing import TextIO

from sysvitals.outputs.terminal import standard_error

_PATIENCE_SECONDS = 1.0
_PACE_SECONDS = 0.2
_CLEAR = "\r\x1b[K"


class ProgressLine:
    """Shown at a terminal alone, and only of what takes longer than a second."""

    def __init__(self, text: str, *, stream: TextIO | None = None, clock: Callable[[], float] = time.monotonic) -> None:
        self._text = text
        self._stream = stream or standard_error()
        self._clock = clock
        self._next = clock() + _PATIENCE_SECONDS if self._stream.isatty() else float("inf")
        self._shown = False

    def show(self, part: float) -> None:
        """Say that this part is done, from 0 to 1."""
        now = self._clock()
        if now >= self._next:
            self._next = now + _PACE_SECONDS
            self._stream.write(f"{_CLEAR}{self._text} {100 * part:.0f} %")
            self._stream.flush()
            self._shown = True

    def clear(self) -> None:
        """Make room for other lines."""
        if self._shown:
            self._stream.write(_CLEAR)
            self._stream.flush()
            self._shown = False
