"""Tells the service manager how the exporter fares, by the protocol of sd_notify(3).

systemd waits for the first word before it counts the service as started, shows the status, and kills a service that
has fallen silent for as long as its watchdog allows. Where no service manager listens, nothing is told.
"""

import contextlib
import socket
import time
from collections.abc import Mapping

_STATUS_SECONDS = 30.0


class Supervisor:
    """The service manager that this environment names, if any. `process` is our own id."""

    def __init__(self, environment: Mapping[str, str], process: int) -> None:
        self._address = _address(environment.get("NOTIFY_SOCKET", ""))
        self._patience = _watchdog_seconds(environment, process)

    @property
    def is_there(self) -> bool:
        """Whether anybody listens."""
        return bool(self._address)

    @property
    def interval_seconds(self) -> float:
        """How often to tell that we live: twice in the watchdog's time, as sd_watchdog_enabled(3) advises."""
        return min(_STATUS_SECONDS, self._patience / 2) if self._patience else _STATUS_SECONDS

    def ready(self, status: str) -> None:
        """All that was to be done at the start, or to read the configuration again, is done."""
        self._tell("READY=1", _status(status))

    def alive(self, status: str) -> None:
        """Nothing hangs."""
        self._tell("WATCHDOG=1", _status(status))

    def reloading(self) -> None:
        """The configuration is read again, until `ready` is told."""
        self._tell("RELOADING=1", f"MONOTONIC_USEC={time.monotonic_ns() // 1000}")

    def stopping(self) -> None:
        """From here on we end."""
        self._tell("STOPPING=1", _status("ending: what was read is brought to the history"))

    def _tell(self, *fields: str) -> None:
        if not self._address:
            return
        # one that is gone or does not read is no reason to fail, nor to wait
        with contextlib.suppress(OSError), socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as channel:
            channel.setblocking(False)
            channel.sendto("\n".join(fields).encode("utf-8", "backslashreplace"), self._address)


def _address(text: str) -> str:
    """Where to tell it: a path, or an abstract socket, whose name systemd writes with @ for its first byte."""
    if text.startswith("@"):
        return "\0" + text[1:]
    return text if text.startswith("/") else ""


def _watchdog_seconds(environment: Mapping[str, str], process: int) -> float:
    """How long we may be silent; 0 where nobody minds. Another process's watchdog is not ours to feed."""
    text = environment.get("WATCHDOG_USEC", "")
    if not (text.isascii() and text.isdigit()) or environment.get("WATCHDOG_PID", str(process)) != str(process):
        return 0.0
    return int(text) / 1e6


def _status(text: str) -> str:
    return f"STATUS={' '.join(text.split())}"  # a line's end would begin another field


def describe_collectors(words: Mapping[str, str]) -> str:
    """One line on how they fare, by the word of each one's last run: `ok`, `unavailable`, `failed`."""
    failed = [name for name, word in words.items() if word == "failed"]
    absent = sum(word == "unavailable" for word in words.values())
    parts = [f"{len(words) - absent - len(failed)} collectors read"]
    parts += [f"{absent} have nothing to read on this host"] if absent else []
    parts += [f"FAILING: {', '.join(failed)}"] if failed else []
    return ", ".join(parts)
