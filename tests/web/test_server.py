"""The server on real sockets."""

import asyncio
import contextlib
import errno
import socket
import threading
from collections.abc import Iterator
from http.client import HTTPConnection

import pytest

from sysvitals.web.http.listening import listen
from sysvitals.web.http.messages import Answer, Request, respond_text
from sysvitals.web.http.server import Server
from tests.patience import PATIENCE

LOCAL = ("127.0.0.1", 0)


def has_ipv6() -> bool:
    try:
        socket.create_server(("::1", 0), family=socket.AF_INET6).close()
    except OSError:
        return False
    return True


needs_ipv6 = pytest.mark.skipif(not has_ipv6(), reason="this machine has no IPv6")


async def hello(_request: Request) -> Answer:
    return respond_text(200, "hello")


class Serving:
    """A server in a thread of its own."""

    def __init__(self, sockets: list[socket.socket]) -> None:
        self._sockets = sockets
        self.ports = [listener.getsockname()[1] for listener in sockets]
        self._begun = threading.Event()
        self._server: Server | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._thread = threading.Thread(target=lambda: asyncio.run(self._serve()))

    async def _serve(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._server = Server(hello)
        self._begun.set()
        await self._server.serve(self._sockets)

    def begin(self) -> None:
        self._thread.start()
        assert self._begun.wait(PATIENCE)

    def end(self) -> bool:
        """Whether it ended."""
        assert self._loop is not None
        assert self._server is not None
        with contextlib.suppress(RuntimeError):  # it has ended before
            self._loop.call_soon_threadsafe(self._server.end)
        self._thread.join(PATIENCE)
        return not self._thread.is_alive()


@contextlib.contextmanager
def serve(*addresses: tuple[str, int]) -> Iterator[Serving]:
    serving = Serving(listen(addresses))
    serving.begin()
    try:
        yield serving
    finally:
        assert serving.end()


@contextlib.contextmanager
def connect(host: str, port: int) -> Iterator[HTTPConnection]:
    connection = HTTPConnection(host, port, timeout=PATIENCE)
    try:
        yield connection
    finally:
        connection.close()


def get(host: str, port: int) -> str:
    with connect(host, port) as connection:
        connection.request("GET", "/")
        return connection.getresponse().read().decode()


def test_each_address_answers() -> None:
    with serve(LOCAL, LOCAL) as serving:
        first, second = serving.ports
        assert first != second
        assert get("127.0.0.1", first) == get("127.0.0.1", second) == "hello"


@needs_ipv6
def test_an_address_of_ipv6_answers_and_only_there() -> None:
    with serve(("::1", 0)) as serving:
        assert get("::1", serving.ports[0]) == "hello"
        with pytest.raises(ConnectionRefusedError):
            get("127.0.0.1", serving.ports[0])


@needs_ipv6
def test_no_host_is_every_address_over_ipv6_and_ipv4() -> None:
    with serve(("", 0)) as serving:
        assert get("::1", serving.ports[0]) == get("127.0.0.1", serving.ports[0]) == "hello"


def test_a_link_local_address_keeps_the_link_that_it_names(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[object] = []
    address = ("fe80::1", 9877, 0, 4)
    found = [(socket.AF_INET6, socket.SOCK_STREAM, 6, "", address)]
    monkeypatch.setattr(socket, "getaddrinfo", lambda *_, **__: found)
    really = socket.create_server

    def create_server(address: tuple[str, int], **_: object) -> socket.socket:
        asked.append(address)
        return really(("127.0.0.1", 0))

    monkeypatch.setattr(socket, "create_server", create_server)
    listen([("fe80::1%eth0", 9877)])[0].close()
    assert asked == [address]


def test_where_the_kernel_has_no_ipv6_no_host_is_every_address_of_ipv4(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(socket, "has_dualstack_ipv6", lambda: False)
    with serve(("", 0)) as serving:
        assert get("127.0.0.1", serving.ports[0]) == "hello"


def test_head_has_the_headers_of_get_and_no_body() -> None:
    with (
        serve(LOCAL) as serving,
        socket.create_connection(("127.0.0.1", serving.ports[0]), timeout=PATIENCE) as raw,
    ):
        raw.sendall(b"HEAD / HTTP/1.1\r\nHost: board\r\nConnection: close\r\n\r\n")
        answer = b"".join(iter(lambda: raw.recv(4096), b""))
    head, _, body = answer.partition(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 200 ")
    assert b"content-length: 5" in head
    assert body == b""


def test_a_connection_serves_many_scrapes_and_each_answer_has_a_date_but_names_no_server() -> None:
    with serve(LOCAL) as serving, connect("127.0.0.1", serving.ports[0]) as connection:
        for _ in range(3):
            connection.request("GET", "/")
            answer = connection.getresponse()
            assert answer.read() == b"hello"
            assert answer.headers["date"].endswith(" GMT")
            assert answer.headers["server"] is None
            assert not answer.will_close


def test_garbage_is_refused_and_hurts_nobody_else() -> None:
    with serve(LOCAL) as serving:
        with socket.create_connection(("127.0.0.1", serving.ports[0]), timeout=PATIENCE) as raw:
            raw.sendall(b"\x16\x03\x01 this is no HTTP\r\n\r\n")
            answer = b"".join(iter(lambda: raw.recv(4096), b""))
        assert answer.startswith(b"HTTP/1.1 400 ")
        assert get("127.0.0.1", serving.ports[0]) == "hello"


def test_it_ends_while_connections_are_idle_or_half_through_a_request() -> None:
    with serve(LOCAL) as serving, connect("127.0.0.1", serving.ports[0]) as idle:
        idle.request("GET", "/")
        idle.getresponse().read()
        with socket.create_connection(("127.0.0.1", serving.ports[0]), timeout=PATIENCE) as half:
            half.sendall(b"GET / HTTP/1.1\r\nHost:")
            assert get("127.0.0.1", serving.ports[0]) == "hello"
            assert serving.end()
            assert half.recv(100) == b""


def test_an_address_that_is_taken_is_said_in_one_line_and_the_others_are_let_go() -> None:
    with socket.create_server(LOCAL) as free, socket.create_server(LOCAL) as taken:
        port, other = taken.getsockname()[1], free.getsockname()[1]
        free.close()
        with pytest.raises(OSError, match="cannot listen") as caught:
            listen([("127.0.0.1", other), ("127.0.0.1", port)])
        assert caught.value.errno == errno.EADDRINUSE
        assert caught.value.strerror == f"cannot listen on 127.0.0.1:{port}: Address already in use"
        socket.create_server(("127.0.0.1", other)).close()


@needs_ipv6
def test_a_port_that_is_taken_on_every_address_is_said_as_it_was_asked_for() -> None:
    with socket.create_server(("", 0), family=socket.AF_INET6, dualstack_ipv6=True) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(OSError, match="cannot listen") as caught:
            listen([("", port)])
        assert caught.value.strerror == f"cannot listen on :{port}: Address already in use"
        with pytest.raises(OSError, match="cannot listen") as caught:
            listen([("::1", port)])
        assert caught.value.strerror == f"cannot listen on [::1]:{port}: Address already in use"


@pytest.mark.parametrize(
    ("host", "words"),
    [
        ("a..b", "that is no name of a host"),
        ("x" * 64, "that is no name of a host"),
        ("256.256.256.256.", "Name or service not known"),
    ],
)
def test_a_host_that_is_none_is_said_in_one_line(host: str, words: str, monkeypatch: pytest.MonkeyPatch) -> None:
    if words.startswith("Name"):  # no name server is asked in a test
        failure = socket.gaierror(socket.EAI_NONAME, words)
        monkeypatch.setattr(socket, "getaddrinfo", lambda *_, **__: (_ for _ in ()).throw(failure))
    with pytest.raises(OSError, match="cannot listen") as caught:
        listen([(host, 9877)])
    assert caught.value.strerror == f"cannot listen on {host}:9877: {words}"


def test_an_address_of_another_machine_is_said_in_one_line() -> None:
    with pytest.raises(OSError, match="cannot listen") as caught:
        listen([("192.0.2.1", 9877)])
    assert caught.value.strerror == "cannot listen on 192.0.2.1:9877: Cannot assign requested address"


def test_the_server_ends_as_soon_as_it_is_told() -> None:
    async def wait() -> None:
        server = Server(hello)
        asyncio.get_running_loop().call_soon(server.end)
        await asyncio.wait_for(server.serve([]), timeout=PATIENCE)

    asyncio.run(wait())


@pytest.mark.fault(
    "network",
    "a viewer whose machine lost its power",
    seen="nothing",
    heals="by itself: the kernel ends the connection when nothing was acknowledged for 30 s",
)
def test_the_kernel_gives_up_a_peer_that_acknowledges_nothing() -> None:
    (listening,) = listen([("127.0.0.1", 0)])
    with listening, socket.create_connection(listening.getsockname()):
        accepted, _ = listening.accept()
        with accepted:
            assert accepted.getsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT) == 30_000


def test_a_kept_connection_does_not_wait_for_acknowledgements() -> None:
    # headers and body are two packets: without this the second waits some 40 ms for the first one's acknowledgement
    (listening,) = listen([("127.0.0.1", 0)])
    with listening:
        assert listening.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY) == 1
