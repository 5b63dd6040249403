"""Places to print to that nobody reads."""

import contextlib
import os
import pty
import socket
import termios
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def full_pipe() -> Iterator[tuple[int, int]]:
    """Both ends of a pipe in which there is no room for another byte."""
    reading, writing = os.pipe()
    try:
        os.set_blocking(writing, False)
        for size in (4096, 1):
            with contextlib.suppress(BlockingIOError):
                while True:
                    os.write(writing, b"." * size)
        os.set_blocking(writing, True)
        yield reading, writing
    finally:
        os.close(reading)
        os.close(writing)


@contextmanager
def stopped_terminal() -> Iterator[tuple[int, int]]:
    """Both ends of a terminal whose output was stopped, as Ctrl-S does."""
    reading, writing = pty.openpty()
    try:
        termios.tcflow(writing, termios.TCOOFF)
        yield reading, writing
    finally:
        os.close(reading)
        os.close(writing)


@contextmanager
def stuck_journal() -> Iterator[tuple[int, int]]:
    """Both ends of a socket, as the journal's is, in which there is no room for another byte."""
    reading, writing = socket.socketpair()
    with reading, writing:
        writing.setblocking(False)
        for size in (4096, 1):
            with contextlib.suppress(BlockingIOError):
                while True:
                    writing.send(b"." * size)
        writing.setblocking(True)
        yield reading.fileno(), writing.fileno()
