"""Console lines: one event a line on standard output, as JSON or, for a person at a terminal, in words."""

import logging
import time
from collections.abc import Callable
from threading import Thread
from typing import TextIO

from sysvitals.host.threads import start_thread
from sysvitals.model.event import Event, body_data, encode_events
from sysvitals.model.visible import escape, visible
from sysvitals.pipeline.inbox import Inbox

_log = logging.getLogger(__name__)


class ConsoleSink:
    """Prints what its inbox holds, in a thread of its own, so that a slow terminal slows nothing else.

    `settle` is called with the number of the last event before it is printed.
    """

    def __init__(
        self, stream: TextIO, *, inbox: Inbox, readable: bool, settle: Callable[[int], object] = lambda _: None
    ) -> None:
        self._stream = stream
        self._inbox = inbox
        self._readable = readable
        self._settle = settle
        self._thread = Thread(target=self._run, name="console", daemon=True)

    def start(self) -> None:
        """Begin to print."""
        start_thread(self._thread)

    def stop(self, seconds: float) -> None:
        """Print what waits, and end. Waits for it up to so many seconds."""
        self._inbox.close()
        self._thread.join(seconds)

    def _run(self) -> None:
        while (events := self._inbox.take()) or not self._inbox.closed:
            lines = [describe_event(event) for event in events] if self._readable else encode_events(events)
            if events:
                self._settle(events[-1].seq)
            try:
                self._print("".join(f"{visible(line)}\n" for line in lines))
            except BrokenPipeError:
                _log.info("console: nobody reads it any more")
                break
            except (OSError, ValueError) as error:  # ValueError: it is closed
                _log.error("console: cannot print any more: %s", error)  # the words say it
                break
        self._inbox.close()
        self._inbox.take()  # what still came is kept for nobody

    def _print(self, text: str) -> None:
        try:
            self._stream.write(text)
        except UnicodeEncodeError:  # the terminal has not all letters
            self._stream.write("".join(letter if letter.isascii() else escape(letter) for letter in text))
        self._stream.flush()


def describe_event(event: Event) -> str:
    """The event in one readable line, local time."""
    # not datetime, which ends with the year 9999, east of Greenwich some hours before
    moment = time.strftime("%H:%M:%S", time.localtime(event.stamp.time))
    values = "  ".join(f"{name}={_show(value)}" for name, value in body_data(event.body).items())
    return f"{moment}  {event.name:<32} {values}"


def _show(value: object) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, float):
        return f"{value:.6g}"
    # a name from the host must not move the cursor or colour the terminal
    text = str(value)
    return text if text.isprintable() and " " not in text else repr(text)
