"""The program vcgencmd: the last resort, for a Raspberry Pi whose kernel has no device node for the firmware.

A process costs a small board much more than a read, so no command is run more than once a minute. Until then its last
answer is given again, with its age; a failure is remembered for longer.
"""

import errno
import threading
import time
from dataclasses import dataclass, field
from typing import NamedTuple
from weakref import WeakKeyDictionary

from sysvitals.host.host import Host
from sysvitals.sources.pi.vcio import COMMANDS, check_answer

PATHS = ("/usr/bin/vcgencmd", "/opt/vc/bin/vcgencmd")
TIMEOUT_SECONDS = 2.0
EVERY_SECONDS = 60.0
AFTER_FAILURE_SECONDS = 600.0


class Answer(NamedTuple):
    """What the firmware answered, and how long ago: 0 where it was asked just now."""

    text: str
    age_seconds: float = 0.0


def find_vcgencmd(host: Host) -> str | None:
    """The program's path; None without it, or where the host is not the one that we run on."""
    return next((path for path in PATHS if host.exists(path)), None) if host.runs_programs else None


def ask_vcgencmd(host: Host, path: str, command: str) -> Answer | None:
    """What the program prints; None where the firmware does not know the command, or there is none to ask.

    Raises PermissionError with what to do about it, TimeoutError, else OSError or ValueError.
    """
    if command not in COMMANDS:
        raise ValueError(f"not a command that is ever sent: {command!r}")
    memory = _memories.setdefault(host, _Memory())
    with memory.lock:
        outcome = memory.outcomes.get(command)
        if outcome is None or time.monotonic() >= outcome.until:
            outcome = memory.outcomes[command] = _run(host, path, command)
    if isinstance(outcome.error, OSError):
        raise OSError(outcome.error.errno, outcome.error.strerror, path)
    if outcome.error is not None:
        raise ValueError(*outcome.error.args)
    return None if outcome.text is None else Answer(outcome.text, round(time.monotonic() - outcome.at, 3))


def parse_output(status: int, output: str, command: str) -> str | None:
    """The program's output, or None where the firmware does not know the command or the program finds no firmware.

    Raises PermissionError where it may not ask, and ValueError for any other failure.
    """
    if "VCHI initialization failed" in output:
        raise PermissionError(errno.EACCES, _REMEDY)
    if "Can't open device file" in output:
        return None
    # a failure is announced in a line of its own before the firmware's words
    text = output.rpartition("vc_gencmd_read_response returned")[2].partition("\n")[2] if status else output
    return check_answer((text or output).strip(), command, failed=status != 0)


_REMEDY = (
    "vcgencmd may not ask the firmware: add this program's user to the group video (usermod -aG video USER); "
    "in a container, pass --device /dev/vchiq and --group-add with the number of that group"
)


class _Outcome(NamedTuple):
    at: float
    until: float
    text: str | None = None
    error: OSError | ValueError | None = None


@dataclass(frozen=True, slots=True)
class _Memory:
    lock: threading.Lock = field(default_factory=threading.Lock)
    outcomes: dict[str, _Outcome] = field(default_factory=dict)


_memories: WeakKeyDictionary[Host, _Memory] = WeakKeyDictionary()


def _run(host: Host, path: str, command: str) -> _Outcome:
    at = time.monotonic()
    try:
        status, output = host.run_program(path, command.split(), TIMEOUT_SECONDS)
        text = parse_output(status, output.decode("utf-8", "backslashreplace"), command)
    except (OSError, ValueError) as error:
        return _Outcome(at, at + AFTER_FAILURE_SECONDS, error=error.with_traceback(None))
    return _Outcome(at, at + (AFTER_FAILURE_SECONDS if text is None else EVERY_SECONDS), text)
