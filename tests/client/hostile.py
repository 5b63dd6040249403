"""Servers that mean harm: each connection gets bytes that no library would send."""

import socket
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from threading import Thread

from tests.patience import PATIENCE

HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n"
CHUNKED = HEAD + b"Transfer-Encoding: chunked\r\n\r\n"
ENDLESS_BYTES = 64 << 20
"""What a test sends in place of an answer without end: a client that keeps it all can be seen."""


@contextmanager
def answer(*parts: bytes | Iterable[bytes]) -> Iterator[tuple[str, list[bytes]]]:
    """A server that answers each question with these bytes and hangs up: its address, and what it was asked."""
    asked: list[bytes] = []

    def talk(connection: socket.socket) -> None:
        question = b""
        while b"\r\n\r\n" not in question:
            if not (more := connection.recv(1 << 16)):
                return
            question += more
        asked.append(question)
        for part in parts:
            for piece in [part] if isinstance(part, bytes) else part:
                connection.sendall(piece)
        connection.shutdown(socket.SHUT_WR)
        while connection.recv(1 << 16):
            pass

    with socket.create_server(("127.0.0.1", 0)) as listener:

        def accept() -> None:
            with suppress(OSError):
                while True:
                    connection, _ = listener.accept()
                    with connection, suppress(OSError):
                        connection.settimeout(PATIENCE)
                        talk(connection)

        thread = Thread(target=accept, daemon=True)
        thread.start()
        yield f"http://127.0.0.1:{listener.getsockname()[1]}", asked
        listener.shutdown(socket.SHUT_RDWR)
        thread.join()


def endless(piece: bytes = b"x" * (1 << 16)) -> Iterator[bytes]:
    """The same piece, again and again."""
    for _ in range(ENDLESS_BYTES // len(piece)):
        yield piece
