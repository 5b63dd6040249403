"""What the parts say: all of it into bounded files, warnings and errors to the one who looks on."""

import contextlib
import os
import re
import time
from collections import deque
from collections.abc import Callable
from io import FileIO
from pathlib import Path

from sysvitals.model.visible import visible

_HIGHEST_BYTES = 1 << 20
_SHOWN_CHARACTERS = 1000
_LAST_LINES = 6
_SHOWN_LINES, _SHOWN_SECONDS = 10, 60.0
"""So many lines in so many seconds; more of them would bury the rest, and are in the file."""

_TROUBLE = re.compile(
    r"""\b(?:level|lvl)=["']?(?:warn|eror|error|crit|fatal|panic|dpanic)   # Prometheus, Alertmanager, Grafana
    | "level":\s*"(?:warn|error|crit|fatal|panic)                          # the same, and the exporter, as JSON
    | ^\d\d:\d\d:\d\d\ (?:WARNING|ERROR|CRITICAL)\b                        # the exporter
    | ^(?:panic|fatal\ error):                                             # Go's own
    """,
    re.IGNORECASE | re.VERBOSE,
)
_EXPECTED = re.compile(r"Received (?:SIGTERM|an OS signal), exiting gracefully")
_NOISE = re.compile(r"(?:^|(?<=\s))(?:ts|time|t|caller|source)=(?:\"[^\"]*\"|\S+)\s+|^\d\d:\d\d:\d\d\s+")
_MOST_NOISE = 3


class Log:
    """One part's words. `show` is called with the lines that are to be seen now."""

    def __init__(
        self, file: Path, *, show: Callable[[str], None], is_worth: Callable[[str], bool] | None = None
    ) -> None:
        self.file = file
        self.last: deque[str] = deque(maxlen=_LAST_LINES)
        self._show = show
        self._is_worth = is_worth or is_trouble
        self._rest = b""
        self._shown: deque[float] = deque()
        self._hidden = 0
        file.parent.mkdir(parents=True, exist_ok=True)
        self._stream = self._open()

    def take(self, chunk: bytes) -> None:
        """What was said just now. A file that cannot be written loses it; whoever looks on still sees what counts."""
        self._write(chunk)
        *lines, self._rest = (self._rest + chunk).split(b"\n")
        if len(self._rest) > _HIGHEST_BYTES:
            lines, self._rest = [*lines, self._rest], b""
        for line in lines:
            self._tell(line.decode("utf-8", "replace").rstrip())

    def close(self) -> None:
        """Nothing more is said."""
        if self._rest:
            self.take(b"\n")
        if self._hidden:
            self._show(f"{self._hidden} more such lines are in {self.file}")
        with contextlib.suppress(OSError):
            self._stream.close()

    def _tell(self, line: str) -> None:
        if not line:
            return
        clean = tidy(line)
        self.last.append(clean)
        if not self._is_worth(line):
            return
        now = time.monotonic()
        while self._shown and self._shown[0] < now - _SHOWN_SECONDS:
            self._shown.popleft()
        if len(self._shown) >= _SHOWN_LINES:
            self._hidden += 1
            return
        if self._hidden:
            self._show(f"{self._hidden} more such lines are in {self.file}")
            self._hidden = 0
        self._shown.append(now)
        self._show(clean)

    def _open(self) -> FileIO:
        flags = os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_NOFOLLOW | os.O_CLOEXEC
        return FileIO(os.open(self.file, flags, 0o640), "ab")

    def _write(self, chunk: bytes) -> None:
        with contextlib.suppress(OSError):  # a full disk
            if self._stream.closed:
                self._stream = self._open()
            self._stream.write(chunk)
            if self._stream.tell() > _HIGHEST_BYTES:
                self._stream.close()
                self.file.replace(self.file.with_name(f"{self.file.name}.1"))


def is_trouble(line: str) -> bool:
    """Whether a line is a warning or worse."""
    return _TROUBLE.search(line) is not None and _EXPECTED.search(line) is None


def tidy(line: str) -> str:
    """A line without time and place, of bearable length, and with nothing in it that a terminal would obey."""
    text = _NOISE.sub("", line, count=_MOST_NOISE)
    text = visible(text[: _SHOWN_CHARACTERS + 1])
    return text if len(text) <= _SHOWN_CHARACTERS else f"{text[:_SHOWN_CHARACTERS]}…"
