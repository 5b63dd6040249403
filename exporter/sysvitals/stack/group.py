"""Runs programs as one group: all start, all answer, all end. One thread does it all, so that forking is safe."""

import contextlib
import ctypes
import os
import selectors
import signal
import subprocess
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from sysvitals.stack.logs import Log

_PR_SET_PDEATHSIG = 1
_STOP_SECONDS = 8.0
"""The exporter may need a few seconds to bring its history to a slow card."""
_KILL_SECONDS = 2.0
_ONCE_SECONDS = 1.0
"""Some send a signal to a process and to its group: what follows so closely was asked once."""
_LOOK_SECONDS = 0.1
_PATIENCE_SECONDS = 20.0
_CHUNK_BYTES = 1 << 16


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """One program of the group. `is_worth` tells which of its lines are shown: by default warnings and worse."""

    name: str
    command: Sequence[str]
    is_ready: Callable[[], bool]
    environment: Mapping[str, str] | None = None
    is_worth: Callable[[str], bool] | None = None


class PartEndedError(Exception):
    """A part ended though nobody asked it to. The text says how, and with which last words."""


@dataclass(slots=True)
class _Member:
    part: Part
    process: subprocess.Popen[bytes]
    log: Log
    pipe: int
    is_ready: bool = False


class Group:
    """The parts that run. `say` is called with a part's name and a line for whoever looks on."""

    def __init__(self, say: Callable[[str, str], None]) -> None:
        self._say = say
        self._members: list[_Member] = []
        self._selector = selectors.DefaultSelector()
        self._asked: list[float] = []
        self._bell = -1

    @contextlib.contextmanager
    def listening(self) -> Iterator[None]:
        """Within it, SIGINT, SIGTERM and SIGHUP (the terminal is gone) ask for the end. For the main thread only."""
        self._bell, ring = os.pipe2(os.O_NONBLOCK | os.O_CLOEXEC)
        self._selector.register(self._bell, selectors.EVENT_READ)
        numbers = [signal.SIGINT, signal.SIGTERM]
        if signal.getsignal(signal.SIGHUP) is not signal.SIG_IGN:  # as nohup leaves it
            numbers.append(signal.SIGHUP)
        before = {number: signal.signal(number, self._ask) for number in numbers}
        before[signal.SIGCHLD] = signal.signal(signal.SIGCHLD, lambda *_: None)  # only that the bell rings
        former = signal.set_wakeup_fd(ring, warn_on_full_buffer=False)
        try:
            yield
        finally:
            signal.set_wakeup_fd(former)
            for number, handler in before.items():
                signal.signal(number, handler)
            self._selector.unregister(self._bell)
            os.close(self._bell)
            os.close(ring)

    @property
    def names(self) -> list[str]:
        """Of the parts, in the order in which they were started."""
        return [member.part.name for member in self._members]

    def start(self, part: Part, logs: Path) -> None:
        """Raises OSError where the program cannot be run, or its log in the folder `logs` cannot be written."""
        log = Log(logs / f"{part.name}.log", show=lambda line: self._say(part.name, line), is_worth=part.is_worth)
        process = subprocess.Popen(  # noqa: S603  # programs from the user's own PATH
            part.command,
            env=part.environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            process_group=0,  # Ctrl-C is for us alone: we end them in order
            preexec_fn=_die_with_parent(),  # noqa: PLW1509  # there is one thread
        )
        assert process.stdout is not None  # noqa: S101
        pipe = process.stdout.fileno()
        os.set_blocking(pipe, False)
        member = _Member(part, process, log, pipe)
        self._selector.register(pipe, selectors.EVENT_READ, member)
        self._members.append(member)

    def wait_until_ready(self) -> bool:
        """Wait until each part answers; False where a signal asked for the end first. Raises PartEndedError."""
        last_word = time.monotonic()
        while not self._asked:
            self._check()
            waited_for = [member for member in self._members if not member.is_ready]
            for member in waited_for:
                member.is_ready = member.part.is_ready() and member.process.poll() is None
            if all(member.is_ready for member in waited_for):
                return True
            if time.monotonic() > last_word + _PATIENCE_SECONDS:
                last_word = time.monotonic()
                for member in waited_for:
                    self._say(member.part.name, f"is not ready yet; what it does: {member.log.file}")
            self._attend(_LOOK_SECONDS)
        return False

    def run(self, look: Callable[[], Iterable[tuple[str, str]]], seconds: float) -> None:
        """Run until a signal asks for the end; each so many seconds `look`, and say what it gives, names and lines.

        Raises PartEndedError.
        """
        due = time.monotonic()
        while not self._asked:
            self._check()
            if time.monotonic() >= due:
                for name, line in look():
                    self._say(name, line)
                due = time.monotonic() + seconds
            self._attend(max(0.0, due - time.monotonic()))

    def stop(self) -> list[str]:
        """End all, the last one first; the names of those that had to be killed.

        A further signal kills the one that is waited for.
        """
        killed = []
        for member in reversed(self._members):
            asked = len(self._asked)
            deadline = time.monotonic() + _STOP_SECONDS
            _signal(member, signal.SIGTERM)
            _signal(member, signal.SIGCONT)  # one that was stopped ends in order, too
            while member.process.poll() is None and time.monotonic() < deadline and len(self._asked) == asked:
                self._attend(_LOOK_SECONDS)
            if member.process.poll() is None:
                killed.append(member.part.name)
                _signal(member, signal.SIGKILL)
                with contextlib.suppress(subprocess.TimeoutExpired):  # it hangs in the kernel
                    member.process.wait(timeout=_KILL_SECONDS)
        while self._read_all():
            pass
        for member in self._members:
            self._forget(member)
        self._members.clear()
        return killed

    def _ask(self, _number: int, _frame: object) -> None:
        now = time.monotonic()
        if not self._asked or now > self._asked[-1] + _ONCE_SECONDS:
            self._asked.append(now)

    def _check(self) -> None:
        for member in self._members:
            if member.process.poll() is not None:
                self._read_all()
                raise PartEndedError(_describe_end(member))

    def _attend(self, seconds: float | None) -> None:
        """Hear what the parts say; back after this time, or earlier if something happened."""
        for key, _ in self._selector.select(seconds):
            if key.data is None:
                with contextlib.suppress(BlockingIOError):
                    os.read(self._bell, _CHUNK_BYTES)
            else:
                self._read(key.data)

    def _read_all(self) -> bool:
        """Read what is there; whether there was anything."""
        return sum(self._read(key.data) for key, _ in self._selector.select(0) if key.data is not None) > 0

    def _read(self, member: _Member) -> bool:
        try:
            chunk = os.read(member.pipe, _CHUNK_BYTES)
        except BlockingIOError:
            return False
        if not chunk:
            self._selector.unregister(member.pipe)
            return False
        member.log.take(chunk)
        return True

    def _forget(self, member: _Member) -> None:
        with contextlib.suppress(KeyError):
            self._selector.unregister(member.pipe)
        if member.process.stdout is not None:
            member.process.stdout.close()
        member.log.close()


def _die_with_parent() -> Callable[[], None]:
    """For the child, before it becomes the program: the kernel shall end it when we die, even by kill -9."""
    prctl = ctypes.CDLL(None).prctl
    parent = os.getpid()

    def prepare() -> None:
        prctl(_PR_SET_PDEATHSIG, signal.SIGTERM, 0, 0, 0)
        if os.getppid() != parent:  # we died before the kernel knew
            os._exit(1)

    return prepare


def _signal(member: _Member, number: signal.Signals) -> None:
    """To the whole group: the program may be a wrapper that waits for another."""
    with contextlib.suppress(ProcessLookupError):
        os.killpg(member.process.pid, number)


def _describe_end(member: _Member) -> str:
    status = member.process.returncode
    if status < 0:
        how = f"was killed by signal {-status} ({signal.strsignal(-status)})"
        if -status == signal.SIGKILL:
            how += "; dmesg says so where memory ran out"
    else:
        how = f"ended by itself with status {status}"
    words = "".join(f"\n  {line}" for line in member.log.last)
    return (
        f"{member.part.name} {how}"
        + (f". Its last words:{words}" if words else "")
        + f"\nall of them: {member.log.file}"
    )
