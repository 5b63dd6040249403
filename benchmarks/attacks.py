"""Attacks on an exporter, over loopback alone: what any stranger who reaches its port can do.

An attack is a number of connections, and each acts as one of the functions below. A connection that ends is opened
again, at most 1,000 a second altogether, or without a pause where opening is the attack. What an exporter lacks, such
as WebSockets, is asked of its `/metrics`. Runs alone, too: `python benchmarks/attacks.py NAME 127.0.0.1:9877`.
"""

# a script that prints

import argparse
import asyncio
import base64
import contextlib
import ipaddress
import itertools
import json
import random
import resource
import socket
import struct
import sys
from collections import Counter
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import dataclass, field
from typing import NamedTuple

_OPENED_A_SECOND = 1000
_READ_BYTES = 64 << 10
_SMALL_BYTES = 4 << 10
"""Of the receive buffer of those that never read: the kernel would otherwise take megabytes for them."""

_TEXT, _CONTINUATION, _PING = 0x1, 0x0, 0x9
_FINAL, _MASKED = 0x80, 0x80


@dataclass(frozen=True)
class Target:
    """Where to attack, and what its routes are called. `sources` are the addresses that attackers have."""

    host: str
    port: int
    is_ours: bool
    sources: tuple[str, ...]
    authorization: str = ""
    """The header of those who may come in."""
    tally: Counter[str] = field(default_factory=Counter)

    def path(self, ours: str) -> str:
        """This path of ours, or the nearest that another exporter has."""
        return ours if self.is_ours else "/metrics"


class Wire:
    """One connection. It reads only when it is asked to. Raises OSError when it is closed."""

    def __init__(self, target: Target, number: int, connected: socket.socket) -> None:
        self.target = target
        self.number = number
        self.chance = random.Random(number)  # noqa: S311  # the same garbage each time
        self._socket = connected
        self._loop = asyncio.get_running_loop()

    @property
    def is_established(self) -> bool:
        """Whether both sides have it open, found out without reading."""
        return self._socket.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, 1)[0] == 1

    async def send(self, data: bytes) -> None:
        """Send all of it."""
        await self._loop.sock_sendall(self._socket, data)
        self.target.tally["bytes"] += len(data)

    async def read(self) -> bytes:
        """Read what is there."""
        data = await self._loop.sock_recv(self._socket, _READ_BYTES)
        if not data:
            raise ConnectionResetError
        return data

    async def ask(self, request: bytes) -> None:
        """Send a request and read its answer."""
        await self.send(request)
        answer = await self.read()
        while b"\r\n\r\n" not in answer:
            answer += await self.read()
        head, _, body = answer.partition(b"\r\n\r\n")
        self.target.tally[f"answers {head[9:12].decode('latin-1')}"] += 1
        _, _, length = head.lower().partition(b"content-length:")
        if length:
            missing = int(length.split(b"\r\n")[0]) - len(body)
            while missing > 0:
                missing -= len(await self.read())
        else:  # in chunks
            while not body.endswith(b"0\r\n\r\n"):
                body = body[-8:] + await self.read()

    def reset(self) -> None:
        """Let closing send a reset."""
        self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))

    def encode(self, method: str, path: str, *headers: str) -> bytes:
        """Encode the head of a request."""
        host = f"Host: {self.target.host}:{self.target.port}"
        known = [f"Authorization: {self.target.authorization}"] if self.target.authorization else []
        return "\r\n".join([f"{method} {path} HTTP/1.1", host, *known, *headers, "", ""]).encode()


Act = Callable[[Wire], Awaitable[None]]


async def ping_without_reading(wire: Wire) -> None:
    """Pongs have nowhere to go."""
    await _upgrade(wire)
    pings = encode_frame(_PING | _FINAL, b"x" * 125) * 200
    while True:
        await wire.send(pings)


async def send_empty_fragments(wire: Wire) -> None:
    """A message that never ends and has no content."""
    await _upgrade(wire)
    await wire.send(encode_frame(_TEXT, b""))
    while True:
        await wire.send(encode_frame(_CONTINUATION, b"") * 2000)


async def send_tiny_fragments(wire: Wire) -> None:
    """A message that grows a byte at a time."""
    await _upgrade(wire)
    await wire.send(encode_frame(_TEXT, b"x"))
    while True:
        await wire.send(encode_frame(_CONTINUATION, b"x") * 2000)


async def idle(wire: Wire) -> None:
    """Say nothing."""
    while True:
        await wire.read()


async def idle_after_answer(wire: Wire) -> None:
    """Say nothing more."""
    await wire.ask(wire.encode("GET", wire.target.path("/-/healthy")))
    await idle(wire)


async def send_slow_headers(wire: Wire) -> None:
    """A byte of a header each second."""
    await wire.send(wire.encode("GET", "/metrics").removesuffix(b"\r\n") + b"X-Slow: ")
    await _trickle(wire, itertools.repeat(b"a"))


async def send_slow_handshake(wire: Wire) -> None:
    """A byte of a TLS handshake each second."""
    hello = b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + wire.chance.randbytes(500)
    await _trickle(wire, (bytes([byte]) for byte in hello))


async def post_without_end(wire: Wire) -> None:
    """A body of a gigabyte, as fast as it is taken."""
    await wire.send(wire.encode("POST", wire.target.path("/-/reload"), "Content-Length: 1000000000"))
    block = bytes(_READ_BYTES)
    while True:
        await wire.send(block)


async def send_garbage(wire: Wire) -> None:
    """Random bytes, with and without a beginning that makes sense."""
    beginnings = (b"", b"GET ", b"GET /metrics HTTP/1.1\r\n", b"\x16\x03\x01", b"PRI * HTTP/2.0\r\n\r\n")
    beginning = wire.chance.choice(beginnings)
    await wire.send(beginning + wire.chance.randbytes(4096))
    await wire.read()


async def pipeline(wire: Wire) -> None:
    """Valid requests, a hundred at a time."""
    requests = wire.encode("GET", wire.target.path("/-/healthy")) * 100
    while True:
        await wire.send(requests)
        answers = 0
        while answers < 100:
            answers += (await wire.read()).count(b"HTTP/1.1 ")
        wire.target.tally["answers"] += answers


async def scrape(wire: Wire) -> None:
    """Scrape after scrape."""
    request = wire.encode("GET", "/metrics", "Accept-Encoding: gzip")
    while True:
        await wire.ask(request)


async def connect_and_reset(wire: Wire) -> None:
    """Half a request, and a reset."""
    await wire.send(b"GET /met"[: wire.chance.randrange(1, 9)])
    wire.reset()


async def guess_password(wire: Wire) -> None:
    """One password after another, of a user who exists or one who does not."""
    user = ("prometheus", "admin")[wire.number % 2]
    while True:
        guess = base64.b64encode(f"{user}:{wire.chance.random()}".encode()).decode()
        await wire.ask(wire.encode("GET", "/metrics", f"Authorization: Basic {guess}"))


async def reload(wire: Wire) -> None:
    """Reload after reload."""
    request = wire.encode("POST", wire.target.path("/-/reload"), "Content-Length: 0")
    while True:
        await wire.ask(request)


async def watch(wire: Wire) -> None:
    """A viewer of the live page, as it should be, for less than the time after which it must answer a ping."""
    await _upgrade(wire)
    await idle(wire)


async def watch_without_reading(wire: Wire) -> None:
    """A viewer of the live page that takes nothing."""
    await _upgrade(wire, reads=False)
    await _stay(wire)


async def stream_without_reading(wire: Wire) -> None:
    """A viewer of the event stream that takes nothing."""
    await wire.send(wire.encode("GET", wire.target.path("/api/v1/events")))
    await _stay(wire)


async def scrape_without_reading(wire: Wire) -> None:
    """Ask for the metrics again and again, and take none."""
    while True:
        await wire.send(wire.encode("GET", "/metrics"))
        await asyncio.sleep(0.1)


async def send_odd_chunks(wire: Wire) -> None:
    """Chunks of a byte, with long extensions, or of a size that is no number."""
    chunk = wire.chance.choice((b"1\r\na\r\n", b"1;" + b"x" * 1000 + b"\r\na\r\n", b"-1\r\n", b"fffffffffffffffff\r\n"))
    await wire.send(wire.encode("POST", wire.target.path("/-/reload"), "Transfer-Encoding: chunked"))
    while True:
        await wire.send(chunk * 50)


async def ask_with_odd_headers(wire: Wire) -> None:
    """Headers that a parser may stumble over."""
    odd = ("Authorization: Basic ÿ", "Origin: http://[", "Content-Length: -1", "Cookie: \x01", "Host: [::1", "Range: x")
    await wire.ask(wire.encode("GET", wire.target.path("/api/v1/state"), wire.chance.choice(odd)))


class Attack(NamedTuple):
    """So many connections that act like this, against an exporter behind this door (see `doors.py`)."""

    words: str
    act: Act
    connections: int
    door: str = "open"
    reads: bool = True
    pauses: bool = True
    descriptors: int = 4096
    """The limit of the exporter, as in the unit."""


ATTACKS = {
    "pings": Attack("20 WebSockets: pings, never read", ping_without_reading, 20, reads=False),
    "empty-fragments": Attack("20 WebSockets: empty fragments", send_empty_fragments, 20, reads=False),
    "tiny-fragments": Attack("20 WebSockets: fragments of a byte", send_tiny_fragments, 20, reads=False),
    "idle-300": Attack("300 idle connections", idle, 300),
    "idle-1200": Attack("1,200 idle connections", idle, 1200),
    "idle-4300": Attack("4,300 idle connections", idle, 4300),
    "idle-few": Attack("1,200 idle connections, limit of 1,024 descriptors", idle, 1200, descriptors=1024),
    "idle-after": Attack("1,200 connections idle after an answer", idle_after_answer, 1200),
    "slow-headers": Attack("500 slow headers", send_slow_headers, 500),
    "slow-handshakes": Attack("500 slow TLS handshakes", send_slow_handshake, 500, door="tls"),
    "bodies": Attack("1,200 bodies of 1 GB", post_without_end, 1200, reads=False),
    "chunks": Attack("50 odd chunked bodies", send_odd_chunks, 50, reads=False),
    "garbage": Attack("50 send garbage", send_garbage, 50, pauses=False),
    "odd-headers": Attack("50 send odd headers", ask_with_odd_headers, 50, pauses=False),
    "pipelined": Attack("50 pipeline valid requests", pipeline, 50),
    "resets": Attack("50 connect and reset", connect_and_reset, 50, pauses=False),
    "scrapes": Attack("50 scrape without a pause", scrape, 50),
    "scrapes-unread": Attack("200 scrape, never read", scrape_without_reading, 200, reads=False),
    "guesses-10": Attack("50 guess passwords, cost 10", guess_password, 50, door="passwords-10"),
    "guesses-12": Attack("50 guess passwords, cost 12", guess_password, 50, door="passwords-12"),
    "reloads": Attack("20 ask to reload", reload, 20),
    "viewers": Attack("100 viewers that read", watch, 100),
    "sockets-unread": Attack("200 WebSockets, never read", watch_without_reading, 200, reads=False),
    "streams-unread": Attack("200 event streams, never read", stream_without_reading, 200, reads=False),
}


def encode_frame(first: int, payload: bytes) -> bytes:
    """Encode a frame of less than 126 bytes, masked with zeros."""
    return bytes((first, _MASKED | len(payload), 0, 0, 0, 0)) + payload


async def attack(target: Target, wanted: Attack, seconds: float) -> None:
    """Attack for this long."""
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(seconds), asyncio.TaskGroup() as group:
            for number in range(wanted.connections):
                group.create_task(_come_again(target, wanted, number))


async def _come_again(target: Target, wanted: Attack, number: int) -> None:
    loop = asyncio.get_running_loop()
    if wanted.pauses:
        await asyncio.sleep(number / _OPENED_A_SECOND)
    while True:
        with socket.socket() as connecting, contextlib.suppress(OSError, ValueError):
            connecting.setblocking(False)
            if not wanted.reads:
                connecting.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, _SMALL_BYTES)
            # the kernel chooses the port when it connects: of each source all are free
            connecting.setsockopt(socket.IPPROTO_IP, socket.IP_BIND_ADDRESS_NO_PORT, 1)
            connecting.bind((target.sources[number % len(target.sources)], 0))
            await loop.sock_connect(connecting, (target.host, target.port))
            target.tally["connections"] += 1
            await wanted.act(Wire(target, number, connecting))
        await asyncio.sleep(wanted.connections / _OPENED_A_SECOND if wanted.pauses else 0)


async def _upgrade(wire: Wire, *, reads: bool = True) -> None:
    key = base64.b64encode(wire.chance.randbytes(16)).decode()
    upgrade = ("Upgrade: websocket", "Connection: Upgrade", f"Sec-WebSocket-Key: {key}", "Sec-WebSocket-Version: 13")
    await wire.send(wire.encode("GET", wire.target.path("/api/v1/live"), *upgrade))
    if reads:
        await wire.read()


async def _trickle(wire: Wire, parts: Iterator[bytes]) -> None:
    for part in parts:
        await wire.send(part)
        await asyncio.sleep(1)


async def _stay(wire: Wire) -> None:
    while wire.is_established:  # noqa: ASYNC110  # the kernel gives no notice without reading
        await asyncio.sleep(1)


def list_sources(count: int) -> tuple[str, ...]:
    """So many addresses for attackers, or 127.0.0.1, which is the scraper's own, for 0."""
    return tuple(str(ipaddress.ip_address("127.0.1.1") + number) for number in range(count)) or ("127.0.0.1",)


def main() -> int:
    """Attack, and print what was done as JSON."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("name", choices=ATTACKS)
    parser.add_argument("address", help="of the exporter: 127.0.0.1:PORT")
    parser.add_argument("--seconds", type=float, default=20.0, help="(%(default)s)")
    parser.add_argument("--sources", type=int, default=1, help="addresses of the attackers; 0: 127.0.0.1 (%(default)s)")
    parser.add_argument("--authorization", default="", metavar="HEADER", help="let in by this")
    parser.add_argument("--other", action="store_true", help="it is another exporter, and has only /metrics")
    options = parser.parse_args()
    host, _, port = options.address.rpartition(":")
    if not ipaddress.ip_address(host).is_loopback:
        parser.error(f"{host} is not a loopback address")
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
    target = Target(host, int(port), not options.other, list_sources(options.sources), options.authorization)
    asyncio.run(attack(target, ATTACKS[options.name], options.seconds))
    print(json.dumps(dict(sorted(target.tally.items()))))
    return 0


if __name__ == "__main__":
    sys.exit(main())
