"""Requests, and the three kinds of answers."""

from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping
from typing import Literal, NamedTuple

Send = Callable[[str], Awaitable[None]]
"""Sends one text message. It returns when there is room for the next one."""


Status = Literal[200, 304, 400, 401, 403, 404, 405, 408, 413, 414, 417, 421, 426, 429, 431, 500, 501, 503, 505]
"""The statuses in use."""

REASONS: Mapping[Status, str] = {
    200: "OK",
    304: "Not Modified",
    400: "Bad Request",
    401: "Unauthorized",
    403: "Forbidden",
    404: "Not Found",
    405: "Method Not Allowed",
    408: "Request Timeout",
    413: "Content Too Large",
    414: "URI Too Long",
    417: "Expectation Failed",
    421: "Misdirected Request",
    426: "Upgrade Required",
    429: "Too Many Requests",
    431: "Request Header Fields Too Large",
    500: "Internal Server Error",
    501: "Not Implemented",
    503: "Service Unavailable",
    505: "HTTP Version Not Supported",
}
"""The reason phrases of RFC 9110."""


async def begin_now() -> None:
    """Return immediately: no other request is waited for."""


class Request(NamedTuple):
    """What was asked. Header names are in lower case, repeated headers are joined by a comma.

    `path` is as it was sent, undecoded; `host` is the name, and perhaps the port, that the client knows this server by;
    `client` is the address, of IPv6 its /64 network; `is_upgrade` means that a WebSocket is asked for. `take_turn`
    returns when work that is costly in the event loop may begin.
    """

    method: str
    path: str
    query: Mapping[str, list[str]]
    headers: Mapping[str, str]
    host: str | None = None
    client: str = ""
    is_secure: bool = False
    is_upgrade: bool = False
    take_turn: Callable[[], Awaitable[None]] = begin_now


class Response(NamedTuple):
    """An answer whose body is known. Header names are in lower case."""

    status: Status
    headers: Mapping[str, str]
    body: bytes = b""


class Stream(NamedTuple):
    """A body that is sent in parts. `close` is always called in the end, even if no part was taken."""

    headers: Mapping[str, str]
    parts: AsyncGenerator[bytes, None]
    close: Callable[[], None]


class WebSocket(NamedTuple):
    """Accept the WebSocket. `talk` sends messages and returns the code and the reason to close it with."""

    headers: Mapping[str, str]
    talk: Callable[[Send], Awaitable[tuple[int, str]]]


Answer = Response | Stream | WebSocket

App = Callable[[Request], Awaitable[Answer]]


class BusyError(Exception):
    """Too much of this kind is under way. The message is for the client."""


def respond_text(status: Status, text: str, headers: Mapping[str, str] | None = None) -> Response:
    """Plain text."""
    return Response(status, {"content-type": "text/plain; charset=utf-8", **(headers or {})}, text.encode())
