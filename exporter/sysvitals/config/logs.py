"""What the program says of itself, on standard error."""

import json
import logging
import os
import sys
from collections.abc import Mapping

from sysvitals.config.settings import Log
from sysvitals.model.event import format_time


def configure_logging(settings: Log) -> None:
    """Log as the settings say from now on."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(_formatter(settings.format))
    logging.basicConfig(level=settings.level.upper(), handlers=[handler], force=True)


def _formatter(form: str) -> logging.Formatter:
    if form == "json":
        return _JsonFormatter()
    if _is_journal(os.environ):
        return _JournalFormatter()
    return logging.Formatter("%(asctime)s %(levelname)-7s %(message)s", "%H:%M:%S")


def _is_journal(environment: Mapping[str, str]) -> bool:
    """Whether standard error goes to systemd's journal, which names the device and inode of its stream."""
    try:
        stream = os.fstat(sys.stderr.fileno())
    except OSError:  # closed, or none that the system knows
        return False
    return environment.get("JOURNAL_STREAM", "") == f"{stream.st_dev}:{stream.st_ino}"


class _JournalFormatter(logging.Formatter):
    """The journal has the time itself, and takes the priority from a number in front of each line: sd-daemon(3)."""

    def format(self, record: logging.LogRecord) -> str:
        priority = next((value for level, value in _PRIORITIES if record.levelno >= level), 7)
        return "\n".join(f"<{priority}>{line}" for line in super().format(record).splitlines())


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
        return json.dumps(line, ensure_ascii=False)
