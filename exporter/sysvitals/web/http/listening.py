"""The sockets that the server listens on."""

import os
import socket
from collections.abc import Iterable

_BACKLOG = 1024
"""A connection that finds no place there is tried again after a second: longer than it takes to refuse these."""

_SILENCE_MILLISECONDS = 30_000
"""How long the kernel waits for a peer that acknowledges nothing, or has no room. Else one that lost its power would be
sent events for a quarter of an hour."""

_SEND_BUFFER_BYTES = 64 << 10
"""Enough for a scrape. The kernel would let what waits for a viewer that never reads grow to megabytes."""


def listen(addresses: Iterable[tuple[str, int]]) -> list[socket.socket]:
    """Listening sockets. An empty host is every address of this host, over IPv6 and IPv4. Raises OSError."""
    sockets: list[socket.socket] = []
    try:
        for host, port in addresses:
            sockets.append(_listen(host, port))
            # inherited by what is accepted; without it a kept connection waits 40 ms between two parts of an answer
            sockets[-1].setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            sockets[-1].setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, _SEND_BUFFER_BYTES)
            sockets[-1].setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, _SILENCE_MILLISECONDS)
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
