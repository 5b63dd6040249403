"""What the program says of itself, on standard error."""

import json
import logging
import os
import sys
import threading
from collections.abc import Mapping

from sysvitals.config.log_thread import ThreadedHandler
from sysvitals.config.settings import Log
from sysvitals.model.event import format_time
from sysvitals.model.visible import visible

_log = logging.getLogger(__name__)

STANDARD_ERROR = 2


def configure_logging(settings: Log) -> None:
    """Log as the settings say from now on, in a thread that the first call starts."""
    handler = log_handler() or ThreadedHandler(STANDARD_ERROR)
    handler.setFormatter(_formatter(settings.format))
    root = logging.getLogger()
    root.handlers[:] = [handler]  # not by `basicConfig`, which would close the handler that it sets again
    root.setLevel(settings.level.upper())


def log_handler() -> ThreadedHandler | None:
    """Return what writes the log, None before it is configured."""
    # the root logger is where Python keeps a process's log; a second place could only disagree with it
    return next((handler for handler in logging.getLogger().handlers if isinstance(handler, ThreadedHandler)), None)


def dropped_messages() -> int:
    """How many messages the log has lost since it was first configured."""
    handler = log_handler()
    return handler.dropped if handler else 0


def log_what_python_prints() -> None:
    """Send through the log what Python itself writes on standard error, waiting for it: warnings and tracebacks."""
    logging.captureWarnings(capture=True)
    threading.excepthook = _log_thread_error
    sys.unraisablehook = _log_unraisable


def _log_thread_error(failure: threading.ExceptHookArgs) -> None:
    if failure.exc_value is not None and not isinstance(failure.exc_value, SystemExit):
        name = failure.thread.name if failure.thread else "unknown"
        _log.critical("thread %s failed", name, exc_info=failure.exc_value)


def _log_unraisable(failure: "sys.UnraisableHookArgs") -> None:
    text = failure.err_msg or "an exception was ignored"
    _log.error("%s: %r", text, failure.object, exc_info=failure.exc_value)


def _formatter(form: str) -> logging.Formatter:
    if form == "json":
        return _JsonFormatter()
    if _is_journal(os.environ):
        return _JournalFormatter()
    return _TextFormatter("%(asctime)s %(levelname)-7s %(message)s", "%H:%M:%S")


def _is_journal(environment: Mapping[str, str]) -> bool:
    """Whether standard error goes to systemd's journal, which names the device and inode of its stream."""
    try:
        stream = os.fstat(STANDARD_ERROR)
    except OSError:  # closed
        return False
    return environment.get("JOURNAL_STREAM", "") == f"{stream.st_dev}:{stream.st_ino}"


class _TextFormatter(logging.Formatter):
    """A line a message, of which a terminal obeys nothing: names of devices and requests of strangers are in it.

    The lines of a traceback are indented, so that no text in it passes for a message.
    """

    def formatMessage(self, record: logging.LogRecord) -> str:  # noqa: N802  # logging's name
        return visible(super().formatMessage(record))

    def format(self, record: logging.LogRecord) -> str:
        return "\n  ".join(map(visible, super().format(record).split("\n")))


class _JournalFormatter(_TextFormatter):
    """The journal has the time itself, and takes the priority from a number in front of each line: sd-daemon(3)."""

    def format(self, record: logging.LogRecord) -> str:
        priority = next((value for level, value in _PRIORITIES if record.levelno >= level), 7)
        return "\n".join(f"<{priority}>{line}" for line in super().format(record).split("\n"))


_PRIORITIES = ((logging.CRITICAL, 2), (logging.ERROR, 3), (logging.WARNING, 4), (logging.INFO, 6))


class _JsonFormatter(logging.Formatter):
    def format(self, record: logging.LogRecord) -> str:
        line = {
            "time": format_time(record.created),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": record.getMessage(),
        }
        if record.exc_info:
            line["exception"] = self.formatException(record.exc_info)
        return visible(json.dumps(line, ensure_ascii=False))
