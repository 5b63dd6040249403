"""The HTTP server: uvicorn on sockets of our own, stopped by whoever started it."""

import contextlib
import socket
from collections.abc import Iterable, Iterator

import uvicorn
from starlette.types import ASGIApp

GRACE_SECONDS = 1
_BACKLOG = 128


class Server(uvicorn.Server):
    """uvicorn without signal handlers: only the roof handles signals."""

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Capture none."""
        yield


def build_server(app: ASGIApp) -> Server:
    """A server for this application; `serve(sockets=…)` runs it and `should_exit = True` ends it."""
    config = uvicorn.Config(
        app,
        lifespan="off",
        http="h11",
        ws="none",
        log_config=None,
        access_log=False,
        server_header=False,
        timeout_graceful_shutdown=GRACE_SECONDS,
        timeout_keep_alive=75,  # above a usual scrape interval, so that Prometheus keeps its connection
    )
    return Server(config)


def listen(addresses: Iterable[tuple[str, int]]) -> list[socket.socket]:
    """Listening sockets. An empty host is every address of this host, over IPv6 and IPv4. Raises OSError."""
    sockets: list[socket.socket] = []
    try:
        for host, port in addresses:
            sockets.append(_listen(host, port))
    except OSError:
        for opened in sockets:
            opened.close()
        raise
    return sockets


def _listen(host: str, port: int) -> socket.socket:
    if not host and socket.has_dualstack_ipv6():
        return socket.create_server(("", port), family=socket.AF_INET6, dualstack_ipv6=True, backlog=_BACKLOG)
    try:
        family, *_, address = socket.getaddrinfo(host or "0.0.0.0", port, type=socket.SOCK_STREAM)[0]
        return socket.create_server(address[:2], family=family, backlog=_BACKLOG)
    except OSError as error:
        raise OSError(error.errno, f"cannot listen on {host}:{port}: {error.strerror}") from error
