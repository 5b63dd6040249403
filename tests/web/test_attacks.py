"""The program itself while clients attack it: it answers, and takes no more than its limits."""

import contextlib
import os
import re
import socket
import struct
from collections.abc import Callable, Iterator

import pytest

from tests.patience import PATIENCE
from tests.test_exporter import BELOW, ONLY_LOAD, PROGRAM, Process, samples, wait_for
from tests.web.raw import GET, PING, TEXT, frame

DESCRIPTORS = 128
CROWD = 200
"""More connections than the program has descriptors."""

MEMORY_KIB = 24 << 10
LOG_LINES = 3
LIVE = (
    b"GET /api/v1/live HTTP/1.1\r\nHost: board\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
    b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n"
)
METRICS = GET.replace(b"/ ", b"/metrics ", 1)
RESET_ON_CLOSE = struct.pack("ii", 1, 0)


@pytest.fixture(scope="module")
def process(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Process]:
    limited = ("prlimit", f"--nofile={DESCRIPTORS}", *PROGRAM)
    process = Process(tmp_path_factory.mktemp("attacked"), *BELOW, *ONLY_LOAD, "--no-history", program=limited)
    try:
        process.wait_until_ready()
        yield process
    finally:
        process.kill()


Open = Callable[[], socket.socket]


def idle(connect: Open) -> None:
    """Connect, and say nothing."""
    for _ in range(CROWD):
        connect()


def unfinished(connect: Open) -> None:
    """Begin requests."""
    for _ in range(CROWD):
        send(connect(), b"GET /metrics HTTP/1.1\r\nHost: ")


def bodies(connect: Open) -> None:
    """Send bodies that are not asked for, and read nothing."""
    for _ in range(CROWD):
        send(connect(), b"POST /-/reload HTTP/1.1\r\nHost: board\r\nContent-Length: 131072\r\n\r\n" + bytes(131072))


def unread(connect: Open) -> None:
    """Ask for much, and read nothing."""
    for _ in range(CROWD):
        send(connect(), METRICS * 1000)


def pings(connect: Open) -> None:
    """Ping, and read no answer."""
    for _ in range(40):
        send(connect(), LIVE + frame(PING, b"x" * 100) * 1000)


def fragments(connect: Open) -> None:
    """Begin a message in empty parts."""
    for _ in range(40):
        send(connect(), LIVE + frame(TEXT, final=False) * 5000)


def resets(connect: Open) -> None:
    """Connect, and reset the connection."""
    for number in range(5 * CROWD):
        opened = connect()
        send(opened, b"GET / HT" * (number % 2))
        opened.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET_ON_CLOSE)
        opened.close()


def garbage(connect: Open) -> None:
    """Send what is no HTTP."""
    for _ in range(CROWD):
        send(connect(), os.urandom(1000) + b"\r\n\r\n")


def send(to: socket.socket, data: bytes) -> None:
    with contextlib.suppress(OSError):  # what the server takes no more
        to.sendall(data)


def resident(process: Process) -> int:
    with open(f"/proc/{process.pid}/status", encoding="ascii") as file:
        found = re.search(r"VmRSS:\s+(\d+)", file.read())
    assert found is not None
    return int(found[1])


@pytest.mark.fault(
    "network",
    "more connections than descriptors, that say nothing, too little, too much or no HTTP, or read no answer",
    seen="`more than … connections` in the log, once a minute; `sysvitals_http_refused_total` rises",
    heals="by itself: scrapes and health are answered meanwhile, idle connections closed for newcomers",
)
@pytest.mark.parametrize("attack", [idle, unfinished, bodies, unread, pings, fragments, resets, garbage])
def test_scrapes_and_health_are_answered_within_the_limits_whatever_clients_do(
    attack: Callable[[Open], None], process: Process
) -> None:
    lines, memory = len(process.log.splitlines()), resident(process)
    with contextlib.ExitStack() as stack:

        def connect() -> socket.socket:
            opened = stack.enter_context(socket.socket())
            opened.settimeout(0.02)
            with contextlib.suppress(OSError):
                opened.connect(("127.0.0.1", process.ports()[0]))
            return opened

        attack(connect)
        wait_for(lambda: process.get("/metrics")[0] == 200, "a scrape")  # it may be refused while 8 others go on
        assert process.get("/-/healthy")[0] == 200
        assert len(os.listdir(f"/proc/{process.pid}/fd")) < DESCRIPTORS / 2
        assert resident(process) < memory + MEMORY_KIB
    assert len(process.log.splitlines()) <= lines + LOG_LINES
    assert "Traceback" not in process.log


def test_what_was_refused_is_counted(process: Process) -> None:
    before = samples(process.get()[1])[("sysvitals_http_refused_total", 'reason="invalid"')]
    with socket.create_connection(("127.0.0.1", process.ports()[0]), timeout=PATIENCE) as opened:
        opened.sendall(b"?\r\n\r\n")
        assert opened.recv(100).startswith(b"HTTP/1.1 400 ")
    after = samples(process.get()[1])[("sysvitals_http_refused_total", 'reason="invalid"')]
    assert after == before + 1
