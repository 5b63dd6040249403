"""Asking a module of this package in a separate process, where heavy work takes nothing from the threads here.

A thread holds the interpreter's lock while it computes, so that a scrape waits; a process at low priority does not.
"""

import contextlib
import errno
import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Mapping
from threading import Lock
from typing import Any

_PACKAGES = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
_DYING_SECONDS = 0.5
_SHOWN_CHARACTERS = 500


class NoAnswerError(OSError):
    """The question was not answered. Its words are for people."""


class Withdrawal:
    """Takes a question back, from any thread: what works on it is ended, and what waits for its turn never starts."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._withdrawn = False
        self._end: Callable[[], None] | None = None

    def withdraw(self) -> None:
        """The answer is not wanted any more."""
        with self._lock:
            self._withdrawn = True
            if self._end is not None:
                self._end()

    def allows(self, end: Callable[[], None]) -> bool:
        """Whether the answer is still wanted. If so, `end` is called when it no longer is."""
        with self._lock:
            if not self._withdrawn:
                self._end = end
            return not self._withdrawn


class SideProcess:
    """Asks a module, which reads one question as JSON from its input and prints the answer: one at a time.

    A module that cannot answer prints why, and ends with status 1. Whatever it does, it is ended after `seconds`.
    """

    def __init__(self, module: str, *, seconds: float = 60.0) -> None:
        self._module = module
        self._seconds = seconds
        self._turn = Lock()

    def ask(self, question: Mapping[str, Any], withdrawal: Withdrawal | None = None) -> bytes:
        """Return the answer as printed. Raises NoAnswerError."""
        asked = json.dumps(question).encode()
        with self._turn:
            try:
                process = self._start()
            except (OSError, MemoryError) as error:
                raise NoAnswerError(errno.EAGAIN, f"no process could be started: {error}") from error
            if withdrawal is not None and not withdrawal.allows(process.kill):
                process.kill()
            return self._communicate(process, asked)

    def _start(self) -> subprocess.Popen[bytes]:
        # -S and -P: nothing but the standard library and this package is imported, and nothing from where it runs,
        # which is a folder that others may write to
        return subprocess.Popen(  # noqa: S603  # our own program, and no shell
            [sys.executable, "-S", "-P", "-m", self._module],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            env={"PYTHONPATH": _PACKAGES, "PYTHONUTF8": "1", "PATH": "/usr/bin:/bin"},
            cwd="/",
        )

    def _communicate(self, process: subprocess.Popen[bytes], asked: bytes) -> bytes:
        try:
            answer, _ = process.communicate(asked, timeout=self._seconds)
        except subprocess.TimeoutExpired:
            process.kill()
            # one that hangs in the kernel does not even die: it is left behind, and reaped when a later one is started
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(_DYING_SECONDS)
            raise NoAnswerError(errno.ETIMEDOUT, f"not done after {self._seconds:g} s") from None
        finally:
            for pipe in (process.stdin, process.stdout):
                if pipe is not None:
                    with contextlib.suppress(OSError):  # what it did not take of the question
                        pipe.close()
        if process.returncode == 0:
            return answer
        raise NoAnswerError(errno.EIO, _describe_end(process.returncode, answer))


def _describe_end(status: int, printed: bytes) -> str:
    if status == 1 and printed:
        return printed.decode("utf-8", "replace")[:_SHOWN_CHARACTERS]
    if status == -signal.SIGKILL:
        return "the process that reads it was killed (out of memory?)"
    return f"the process that reads it ended with {'signal' if status < 0 else 'status'} {abs(status)}"
