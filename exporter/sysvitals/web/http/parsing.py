"""From what h11 parsed to a request, or to why it is refused."""

import socket
from typing import NamedTuple

import h11

from sysvitals.web.http.budget import Budget
from sysvitals.web.http.messages import Request, Status

_MAPPED = bytes(10) + b"\xff\xff"
"""Begins an address of IPv4 on a socket of IPv6."""


class Refusal(NamedTuple):
    """The status to refuse a request with, and why."""

    status: Status
    text: str


def find_fault(event: h11.Request, budget: Budget) -> Refusal | None:
    """What h11 lets pass and this server does not."""
    if not event.http_version.startswith(b"1."):
        return Refusal(505, "this server speaks HTTP/1.1")
    if event.method == b"CONNECT":
        return Refusal(501, "this is not a proxy")
    if len(event.target) > budget.target_bytes:
        return Refusal(414, "the target is too long")
    headers = [*event.headers]
    size = sum(len(name) + len(value) for name, value in headers)
    if size > budget.header_bytes or len(headers) > budget.header_count:
        return Refusal(431, "the headers are too large")
    return _find_body(dict(headers))


def _find_body(headers: dict[bytes, bytes]) -> Refusal | None:
    is_chunked = b"transfer-encoding" in headers
    if is_chunked and b"content-length" in headers:
        # else a proxy and we might see different requests
        return Refusal(400, "Content-Length and Transfer-Encoding contradict each other")
    if is_chunked or int(headers.get(b"content-length", b"0")):
        return Refusal(413, "request bodies are not accepted")
    if b"expect" in headers:
        return Refusal(417, "Expect is not supported")
    return None


def build_request(event: h11.Request, client: str, *, is_secure: bool) -> Request:
    """The request, with the path of its target."""
    headers: dict[str, str] = {}
    for raw_name, raw_value in event.headers:
        name, value = raw_name.decode("latin-1"), raw_value.decode("latin-1")
        headers[name] = f"{headers[name]}, {value}" if name in headers else value
    host, target = _split_target(event.target.decode("latin-1"))
    path, _, query = target.partition("?")
    return Request(
        method=event.method.decode("latin-1"),
        path=path,
        query=_parse_query(query) if query else {},
        headers=headers,
        host=headers.get("host") if host is None else host,
        client=client,
        is_secure=is_secure,
        is_upgrade=event.http_version != b"1.0"
        and _has_word(headers, "connection", "upgrade")
        and _has_word(headers, "upgrade", "websocket"),
    )


def find_client(address: str) -> str:
    """Whom the limits of one client hold for: this address, or its /64 network, of which a client of IPv6 has all."""
    try:
        packed = socket.inet_pton(socket.AF_INET6, address)
    except OSError:  # of IPv4, or with the link that it is valid on
        return address
    return address if packed.startswith(_MAPPED) else socket.inet_ntop(socket.AF_INET6, packed[:8] + bytes(8)) + "/64"


def _split_target(target: str) -> tuple[str | None, str]:
    """A proxy may send `http://host/path`: this host outweighs the header (RFC 9112, 3.2.2)."""
    if target.startswith("/"):
        return None, target
    _, separator, rest = target.partition("://")
    host, _, path = rest.partition("/")
    return (host, f"/{path}") if separator else (None, target)


def _parse_query(query: str) -> dict[str, list[str]]:
    from urllib.parse import parse_qs  # noqa: PLC0415  # 0.4 MiB, and most never ask with a query

    return parse_qs(query, keep_blank_values=True)


def _has_word(headers: dict[str, str], name: str, word: str) -> bool:
    return word in (part.strip() for part in headers.get(name, "").lower().split(","))
