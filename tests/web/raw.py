"""Bytes to and from the server, without a client library that would mend them."""

import asyncio
import os
import struct
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager
from typing import NamedTuple, TypeVar

from sysvitals.web.http.budget import Budget
from sysvitals.web.http.messages import App
from sysvitals.web.http.server import Server
from tests.patience import PATIENCE
from tests.web.asking import serve

GET = b"GET / HTTP/1.1\r\nHost: board\r\n\r\n"
GET_AND_CLOSE = b"GET / HTTP/1.1\r\nHost: board\r\nConnection: close\r\n\r\n"
UPGRADE = (
    b"GET / HTTP/1.1\r\nHost: board\r\nUpgrade: websocket\r\nConnection: keep-alive, Upgrade\r\n"
    b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n"
)
TEXT, CLOSE, PING, PONG = 1, 8, 9, 10

Result = TypeVar("Result")


class Line:
    """One connection to the server."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader = reader
        self.writer = writer

    def send(self, data: bytes) -> None:
        self.writer.write(data)

    async def head(self) -> bytes:
        """The status line and headers of the next answer."""
        return await self.reader.readuntil(b"\r\n\r\n")

    async def answer(self) -> tuple[int, bytes]:
        """The status and the body of the next answer."""
        head = await self.head()
        length = next(line for line in head.lower().splitlines() if line.startswith(b"content-length:"))
        return int(head.split()[1]), await self.reader.readexactly(int(length.split()[1]))

    async def rest(self) -> bytes:
        """All until the server closes."""
        parts = []
        try:
            while part := await self.reader.read(1 << 16):
                parts.append(part)
        except ConnectionResetError:
            pass
        return b"".join(parts)

    async def frame(self) -> tuple[int, bytes]:
        """The kind and the content of the next frame of a WebSocket."""
        first, length = await self.reader.readexactly(2)
        if length == 126:
            (length,) = struct.unpack(">H", await self.reader.readexactly(2))
        elif length == 127:
            (length,) = struct.unpack(">Q", await self.reader.readexactly(8))
        return first & 15, await self.reader.readexactly(length)

    async def close_code(self) -> int:
        """The code that the server closes the WebSocket with; other frames before it are passed over."""
        while True:
            kind, content = await self.frame()
            if kind == CLOSE:
                return int.from_bytes(content[:2], "big")


class Desk(NamedTuple):
    """A server under test, and how to connect to it."""

    port: int
    server: Server

    @asynccontextmanager
    async def line(self) -> AsyncIterator[Line]:
        reader, writer = await asyncio.open_connection("127.0.0.1", self.port)
        try:
            yield Line(reader, writer)
        finally:
            writer.close()

    async def ask(self, data: bytes) -> bytes:
        """All that the server answers to this, until it closes."""
        async with self.line() as line:
            line.send(data)
            return await line.rest()


def frame(kind: int, content: bytes = b"", *, final: bool = True, masked: bool = True) -> bytes:
    """A frame as a client sends it."""
    head = bytes([kind | (128 if final else 0), len(content) | (128 if masked else 0)])
    if not masked:
        return head + content
    mask = os.urandom(4)
    return head + mask + bytes(byte ^ mask[at % 4] for at, byte in enumerate(content))


@asynccontextmanager
async def desk(app: App, **limits: float) -> AsyncIterator[Desk]:
    """This application served, with these limits."""
    budget = Budget()._replace(**limits)  # type: ignore[arg-type]
    async with serve(app, budget) as (port, server):
        yield Desk(port, server)


def run(work: Coroutine[None, None, Result]) -> Result:
    """Run this, but not for ever."""
    return asyncio.run(asyncio.wait_for(work, PATIENCE))


async def wait_for(what: Callable[[], bool]) -> None:
    """Wait until this is so."""
    while not what():  # noqa: ASYNC110  # what is waited for is within the server
        await asyncio.sleep(0.01)
