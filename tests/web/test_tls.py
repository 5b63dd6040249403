"""The server behind TLS."""

import asyncio
import ssl
from pathlib import Path

import pytest

from sysvitals.config.web_config import Tls
from sysvitals.web.http.budget import Budget
from sysvitals.web.http.listening import listen
from sysvitals.web.http.messages import Answer, Request, Response
from sysvitals.web.http.server import Server
from sysvitals.web.tls import build_tls
from tests.certificates import make_certificate
from tests.web.asking import serve
from tests.web.raw import GET, GET_AND_CLOSE, TEXT, UPGRADE, Line, run, wait_for
from tests.web.test_websocket import Show


async def big(request: Request) -> Answer:
    return Response(200, {"secure": str(request.is_secure)}, bytes(1 << 20))


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("tls")
    make_certificate(folder, "board")
    return folder


@pytest.fixture
def tls(folder: Path) -> ssl.SSLContext:
    return build_tls(Tls(cert_file=str(folder / "cert.pem"), key_file=str(folder / "key.pem")))


@pytest.fixture
def trust(folder: Path) -> ssl.SSLContext:
    return ssl.create_default_context(cafile=str(folder / "cert.pem"))


async def connect(port: int, trust: ssl.SSLContext) -> Line:
    return Line(*await asyncio.open_connection("127.0.0.1", port, ssl=trust))


def test_a_connection_is_kept_and_large_answers_come_whole(tls: ssl.SSLContext, trust: ssl.SSLContext) -> None:
    async def ask() -> None:
        async with serve(big, Budget(), tls) as (port, _):
            line = await connect(port, trust)
            for _ in range(3):
                line.send(GET)
                assert await line.answer() == (200, bytes(1 << 20))
            line.send(GET_AND_CLOSE)
            rest = await line.rest()
            assert b"\r\nsecure: True\r\n" in rest
            assert len(rest) > 1 << 20
            line.writer.close()

    run(ask())


def test_viewers_come_over_tls_too(tls: ssl.SSLContext, trust: ssl.SSLContext) -> None:
    async def ask() -> None:
        show = Show("x" * 1000)
        async with serve(show, Budget(), tls) as (port, _):
            line = await connect(port, trust)
            line.send(UPGRADE)
            await line.head()
            assert await line.frame() == (TEXT, b"x" * 1000)
            show.ending.set()
            assert await line.close_code() == 1001
            line.writer.close()

    run(ask())


def test_a_body_is_refused_over_tls_too(tls: ssl.SSLContext, trust: ssl.SSLContext) -> None:
    async def ask() -> bytes:
        async with serve(big, Budget(), tls) as (port, _):
            line = await connect(port, trust)
            line.send(b"POST / HTTP/1.1\r\nHost: board\r\nContent-Length: 5\r\n\r\nhello")
            answer = await line.rest()
            line.writer.close()
            return answer

    assert run(ask()).startswith(b"HTTP/1.1 413 ")


@pytest.mark.parametrize("data", [b"", b"\x16\x03\x01", b"GET / HTTP/1.1\r\n\r\n"])
def test_a_handshake_that_does_not_end_is_given_up(
    data: bytes, tls: ssl.SSLContext, caplog: pytest.LogCaptureFixture
) -> None:
    async def ask() -> None:
        async with serve(big, Budget(header_seconds=0.1), tls) as (port, server):
            line = Line(*await asyncio.open_connection("127.0.0.1", port))
            line.send(data)
            await line.rest()
            await wait_for(lambda: not len(server._connections or ()))
            line.writer.close()

    run(ask())
    assert caplog.records == []


def test_handshakes_count_as_connections_and_the_oldest_gives_way(tls: ssl.SSLContext, trust: ssl.SSLContext) -> None:
    async def ask() -> None:
        async with serve(big, Budget(connections=3), tls) as (port, server):
            waiting = [Line(*await asyncio.open_connection("127.0.0.1", port)) for _ in range(30)]
            await wait_for(lambda: len(server._connections or ()) == 3)
            line = await connect(port, trust)
            line.send(GET)
            assert (await line.answer())[0] == 200
            assert await waiting[0].rest() == b""
            for each in (line, *waiting):
                each.writer.close()

    run(ask())


def test_each_connection_takes_the_context_of_its_time_and_a_handshake_under_an_older_one_is_given_up(
    folder: Path, trust: ssl.SSLContext
) -> None:
    def build(version: str) -> ssl.SSLContext:
        files = {"cert_file": str(folder / "cert.pem"), "key_file": str(folder / "key.pem")}
        return build_tls(Tls(**files, min_version=version, max_version=version))

    async def ask() -> None:
        in_force = build("TLS12")
        server = Server(big, lambda: in_force, Budget())
        (listener,) = listen([("127.0.0.1", 0)])
        port = listener.getsockname()[1]
        serving = asyncio.create_task(server.serve([listener]))
        old = await connect(port, trust)
        begun = Line(*await asyncio.open_connection("127.0.0.1", port))
        await wait_for(lambda: len(server._connections or ()) == 2)
        in_force = build("TLS13")
        server.renew()
        assert await old.rest() == await begun.rest() == b""
        new = await connect(port, trust)
        assert new.writer.get_extra_info("ssl_object").version() == "TLSv1.3"
        for line in (old, begun, new):
            line.writer.close()
        server.end()
        await serving

    run(ask())
