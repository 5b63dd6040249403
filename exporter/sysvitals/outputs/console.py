"""The console: one event a line on standard output, as JSON or, for a person at a terminal, in words."""

import logging
import os
from collections.abc import Callable
from threading import Thread

from sysvitals.host.lines import Lines
from sysvitals.host.threads import start_thread
from sysvitals.model.event import Event, encode_events
from sysvitals.model.visible import escape, visible
from sysvitals.pipeline.inbox import Inbox

_log = logging.getLogger(__name__)


STANDARD_OUTPUT = 1


class ConsoleSink:
    """Prints what its inbox holds, in a thread of its own, so that a slow terminal slows nothing else.

    `describe` makes lines of events, in which no text from outside acts. What finds no room, or no reader, is lost and
    counted; the next lines are tried again. `settle` is called with the number of the last event before it is printed.
    """

    def __init__(
        self,
        descriptor: int,
        *,
        inbox: Inbox,
        describe: Callable[[tuple[Event, ...]], list[str]],
        encoding: str = "utf-8",
        settle: Callable[[int], object] = lambda _: None,
    ) -> None:
        self._lines = Lines(descriptor)
        self._inbox = inbox
        self._describe = describe
        self._encoding = encoding
        self._settle = settle
        self._refusal = ""
        self.thread = self._make_thread()

    def start(self) -> None:
        """Begin to print, also once more after the thread has died. Raises NoThreadError."""
        thread = self._make_thread()
        start_thread(thread)  # where it cannot be started, the dead one stays and shows
        self.thread = thread

    def stop(self, seconds: float) -> None:
        """Print what waits, and end. Waits for it up to so many seconds."""
        self._inbox.close()
        self.thread.join(seconds)

    def _make_thread(self) -> Thread:
        return Thread(target=self._run, name="console", daemon=True)

    def _run(self) -> None:
        while (events := self._inbox.take()) or not self._inbox.closed:
            lines = self._describe(events)
            if not lines:
                continue
            self._settle(events[-1].seq)
            lost, error = self._lines.write(self._encode("".join(f"{line}\n" for line in lines)))
            refusal = os.strerror(error.errno or 0) if error else ""
            if error:
                self._inbox.lose(lost, f"standard output cannot be written to: {refusal}")
            if refusal != self._refusal:
                if refusal:
                    _log.error("console: cannot print: %s. It goes on when standard output can be written to", refusal)
                else:
                    _log.info("console: prints again")
            self._refusal = refusal

    def _encode(self, text: str) -> bytes:
        try:
            return text.encode(self._encoding)
        except UnicodeEncodeError:  # the terminal has not all letters
            return "".join(letter if letter.isascii() else escape(letter) for letter in text).encode(self._encoding)


def encode_visibly(events: tuple[Event, ...]) -> list[str]:
    """Each event as one line of JSON in which nothing acts on a terminal."""
    return [visible(line) for line in encode_events(events)]
