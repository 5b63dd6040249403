"""The HTTP server: uvicorn on sockets of our own, stopped by whoever started it."""

import asyncio
import contextlib
import os
import socket
import ssl
from collections.abc import Iterable, Iterator
from email.utils import formatdate

import uvicorn
from starlette.types import ASGIApp, Message, Receive, Scope, Send

GRACE_SECONDS = 1
_BACKLOG = 128
_SEND_BUFFER_BYTES = 64 << 10
"""Enough for a scrape. The kernel would let what waits for a viewer that never reads grow to megabytes."""


class Server(uvicorn.Server):
    """uvicorn without signal handlers, since only the roof handles signals, and without its ten wake-ups a second.

    It wakes for its Date header, which `build_server` writes as answers go out instead.
    """

    def __init__(self, config: uvicorn.Config) -> None:
        super().__init__(config)
        self._ending = asyncio.Event()

    def end(self) -> None:
        """Serve no more. Call it in the event loop."""
        self.should_exit = True
        self._ending.set()

    async def main_loop(self) -> None:
        """Wait for the end."""
        await self._ending.wait()

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Capture none."""
        yield


def build_server(app: ASGIApp, tls: ssl.SSLContext | None = None) -> Server:
    """A server for this application; `serve(sockets=…)` runs it and `end()` ends it."""
    config = uvicorn.Config(
        _dated(app),
        lifespan="off",
        http="h11",
        ws="websockets-sansio",
        ws_max_size=4096,  # viewers have nothing to say
        ws_ping_interval=20,
        ws_ping_timeout=20,
        log_config=None,
        access_log=False,
        server_header=False,
        date_header=False,
        timeout_graceful_shutdown=GRACE_SECONDS,
        timeout_keep_alive=75,  # above a usual scrape interval, so that Prometheus keeps its connection
    )
    if tls is not None:
        config.load()
        config.ssl = tls  # one that can take a renewed certificate, which uvicorn's own way cannot
    return Server(config)


def _dated(app: ASGIApp) -> ASGIApp:
    """The application with a Date header on each of its answers."""

    async def dated(scope: Scope, receive: Receive, send: Send) -> None:
        async def send_dated(message: Message) -> None:
            if message["type"] == "http.response.start":
                message["headers"] = [*message["headers"], (b"date", formatdate(usegmt=True).encode())]
            await send(message)

        await app(scope, receive, send_dated)

    return dated


def listen(addresses: Iterable[tuple[str, int]]) -> list[socket.socket]:
    """Listening sockets. An empty host is every address of this host, over IPv6 and IPv4. Raises OSError."""
    sockets: list[socket.socket] = []
    try:
        for host, port in addresses:
            sockets.append(_listen(host, port))
            # inherited by what is accepted; without it a kept connection waits 40 ms between headers and body, and
            # asyncio does not set it on sockets that it did not make
            sockets[-1].setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            sockets[-1].setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, _SEND_BUFFER_BYTES)
    except OSError:
        for opened in sockets:
            opened.close()
        raise
    return sockets


def _listen(host: str, port: int) -> socket.socket:
    try:
        if not host and socket.has_dualstack_ipv6():
            return socket.create_server(("", port), family=socket.AF_INET6, dualstack_ipv6=True, backlog=_BACKLOG)
        family, *_, address = socket.getaddrinfo(host or "0.0.0.0", port, type=socket.SOCK_STREAM)[0]
        return socket.create_server(address, family=family, backlog=_BACKLOG)
    except (OSError, UnicodeError) as error:
        number = error.errno if isinstance(error, OSError) else None
        shown = f"[{host}]" if ":" in host else host
        raise OSError(number, f"cannot listen on {shown}:{port}: {_reason(error)}") from error


def _reason(error: OSError | UnicodeError) -> str:
    if isinstance(error, UnicodeError):
        return "that is no name of a host"
    if isinstance(error, socket.gaierror) or error.errno is None:
        return error.strerror or str(error)
    return os.strerror(error.errno)  # Python's own text says the address a second time
