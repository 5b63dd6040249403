"""The server behind TLS."""

import asyncio
import gc
import os
import ssl
import subprocess
import weakref
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from sysvitals.config.errors import ConfigError
from sysvitals.config.web_tls import REQUIRE_AND_VERIFY, Tls
from sysvitals.web.http.budget import Budget
from sysvitals.web.http.listening import listen
from sysvitals.web.http.messages import Answer, Request, Response
from sysvitals.web.http.server import Server
from sysvitals.web.tls import build_tls, find_names
from tests.certificates import make_certificate
from tests.tools import need_tool
from tests.web.asking import serve
from tests.web.raw import GET, GET_AND_CLOSE, TEXT, UPGRADE, Line, run, wait_for
from tests.web.test_websocket import Show


async def big(request: Request) -> Answer:
    return Response(200, {"secure": str(request.is_secure)}, bytes(1 << 20))


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("tls")
    make_certificate(folder, "board")
    make_certificate(
        folder, "scraper", names="DNS:scraper,IP:::1,URI:spiffe://a/b", cert="client.pem", key="client.key"
    )
    return folder


@pytest.fixture
def tls(folder: Path) -> ssl.SSLContext:
    return build_tls(present(folder))


def present(folder: Path, **more: Any) -> Tls:
    return Tls(cert=(folder / "cert.pem").read_bytes(), key=(folder / "key.pem").read_bytes(), **more)


@pytest.fixture
def trust(folder: Path) -> ssl.SSLContext:
    return ssl.create_default_context(cafile=str(folder / "cert.pem"))


@contextmanager
def no_garbage_collection() -> Iterator[None]:
    """What is free meanwhile was no circle."""
    gc.disable()
    try:
        yield
    finally:
        gc.enable()


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


@pytest.mark.fault(
    "network",
    "TLS handshakes that do not end",
    seen="`sysvitals_http_refused_total` with `slow` or `tls` rises",
    heals="after 10 s they are closed",
)
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


@pytest.mark.fault(
    "network",
    "TLS handshakes in a flood",
    seen="one line in the log",
    heals="by itself: the oldest are closed for newcomers",
)
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
        return build_tls(present(folder, min_version=version, max_version=version))

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


async def ask_tls(tls: Tls, client: ssl.SSLContext) -> ssl.SSLObject | None:
    """The connection of a client that is answered, None where it is refused."""
    async with serve(big, Budget(), build_tls(tls)) as (port, _):
        try:
            line = await connect(port, client)
            line.send(GET_AND_CLOSE)
            answer = await line.rest()
        except (ssl.SSLError, ConnectionError):
            return None
        found: ssl.SSLObject = line.writer.get_extra_info("ssl_object")
        line.writer.close()
        return found if answer.startswith(b"HTTP/1.1 200 ") else None


def client_of(folder: Path, cert: str = "", **options: Any) -> ssl.SSLContext:
    context = ssl.create_default_context(cafile=str(folder / "cert.pem"))
    if cert:
        context.load_cert_chain(folder / f"{cert}.pem", folder / f"{cert}.key")
    for name, value in options.items():
        setattr(context, name, value)
    return context


@pytest.mark.parametrize(
    ("sans", "is_let_in"),
    [(None, True), ({"other", "scraper"}, True), ({"::1"}, True), ({"spiffe://a/b"}, True), ({"scrape", "*"}, False)],
)
def test_a_client_with_a_certificate_and_an_allowed_name_comes_in(
    sans: set[str] | None, folder: Path, *, is_let_in: bool
) -> None:
    tls = present(
        folder,
        client_auth=REQUIRE_AND_VERIFY,
        client_ca=frozenset({(folder / "client.pem").read_text()}),
        allowed_sans=None if sans is None else frozenset(sans),
    )
    assert (run(ask_tls(tls, client_of(folder, "client"))) is not None) is is_let_in
    assert run(ask_tls(tls, client_of(folder))) is None


@pytest.mark.fault(
    "network",
    "TLS clients that connect again and again",
    seen="nothing: memory is what the connections take that are open",
    heals="by itself: what a connection held is free when it ends",
)
@pytest.mark.parametrize("is_viewer", [False, True], ids=["request", "viewer"])
def test_what_a_tls_connection_held_is_free_when_it_ends(
    tls: ssl.SSLContext, trust: ssl.SSLContext, *, is_viewer: bool
) -> None:
    async def ask() -> None:
        async with serve(Show() if is_viewer else big, Budget(), tls) as (port, server):
            line = await connect(port, trust)
            line.send(UPGRADE if is_viewer else GET)
            await line.head()
            assert server._connections is not None
            (kept,) = [
                weakref.ref(channel.transport.get_extra_info("ssl_object"))
                for lane in server._connections._lanes
                for channel in lane.waiting
            ]
            line.writer.close()
            await wait_for(lambda: kept() is None)

    with no_garbage_collection():
        run(ask())


def test_what_a_handshake_held_that_the_client_gave_up_is_free(
    tls: ssl.SSLContext, monkeypatch: pytest.MonkeyPatch
) -> None:
    kept: list[weakref.ref[ssl.SSLObject]] = []

    class Noted(ssl.SSLObject):
        def do_handshake(self) -> None:
            kept.append(weakref.ref(self))
            super().do_handshake()

    monkeypatch.setattr(tls, "sslobject_class", Noted)

    async def ask() -> None:
        async with serve(big, Budget(), tls) as (port, _):
            _, writer = await asyncio.open_connection("127.0.0.1", port)
            await wait_for(lambda: bool(kept))
            writer.close()
            await wait_for(lambda: kept[0]() is None)

    with no_garbage_collection():
        run(ask())


@pytest.mark.fault(
    "network",
    "a client certificate of an accepted authority whose alternative names cannot be read",
    seen='the client\'s own error; `sysvitals_http_refused_total{reason="tls"}` rises',
    heals="it is refused",
)
@pytest.mark.parametrize("sans", [None, frozenset({"scraper"})], ids=["any", "allowed"])
@pytest.mark.parametrize("names", ["DER:30:07:87:05:01:02:03:04:05", "DER:30:05:86:03:68:ff:fe"], ids=["ip", "uri"])
def test_a_certificate_that_cannot_be_read_is_refused_without_a_traceback(
    names: str,
    sans: frozenset[str] | None,
    folder: Path,
    tmp_path: Path,
    caplog: pytest.LogCaptureFixture,
) -> None:
    make_certificate(tmp_path, "scraper", names=names, cert="odd.pem", key="odd.key")
    authority = frozenset({(tmp_path / "odd.pem").read_text()})
    tls = present(folder, client_auth=REQUIRE_AND_VERIFY, client_ca=authority, allowed_sans=sans)
    for version in (ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3):
        trust = client_of(folder, maximum_version=version)
        trust.load_cert_chain(tmp_path / "odd.pem", tmp_path / "odd.key")
        assert run(ask_tls(tls, trust)) is None
    assert not caplog.records


def test_where_no_authority_is_valid_no_certificate_is(folder: Path) -> None:
    tls = present(folder, client_auth=REQUIRE_AND_VERIFY, client_ca=frozenset())
    assert run(ask_tls(tls, client_of(folder, "client"))) is None


def test_a_certificate_that_is_only_asked_for_may_be_missing_but_not_be_a_strangers(folder: Path) -> None:
    tls = present(folder, client_auth="VerifyClientCertIfGiven")
    assert run(ask_tls(tls, client_of(folder))) is not None
    assert run(ask_tls(tls, client_of(folder, "client"))) is None


def test_versions_are_kept_to(folder: Path) -> None:
    old = client_of(folder, maximum_version=ssl.TLSVersion.TLSv1_2)
    assert run(ask_tls(present(folder, min_version="TLS13"), old)) is None
    found = run(ask_tls(present(folder, max_version="TLS12"), client_of(folder)))
    assert found is not None
    assert found.version() == "TLSv1.2"


@pytest.mark.parametrize("prefers_own", [True, False])
def test_suites_are_kept_to_in_the_order_of_the_server_or_of_the_client(folder: Path, *, prefers_own: bool) -> None:
    suites = ("ECDHE-ECDSA-CHACHA20-POLY1305", "ECDHE-ECDSA-AES256-GCM-SHA384")
    tls = present(folder, max_version="TLS12", suites=suites, prefers_own_order=prefers_own)
    client = client_of(folder)
    client.set_ciphers("ECDHE-ECDSA-AES128-GCM-SHA256:ECDHE-ECDSA-AES256-GCM-SHA384:ECDHE-ECDSA-CHACHA20-POLY1305")
    found = run(ask_tls(tls, client))
    assert found is not None
    assert found.cipher() == (suites[0 if prefers_own else 1], "TLSv1.2", 256)
    client.set_ciphers("ECDHE-ECDSA-AES128-GCM-SHA256")
    assert run(ask_tls(tls, client)) is None


def test_the_curve_is_kept_to(folder: Path) -> None:
    tls = present(folder, curve="secp521r1")
    client = client_of(folder)
    client.set_ecdh_curve("secp521r1")
    assert run(ask_tls(tls, client)) is not None
    client.set_ecdh_curve("prime256v1")
    assert run(ask_tls(tls, client)) is None


def test_a_key_in_the_file_is_written_nowhere_and_leaves_no_descriptor(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    tls = present(folder)
    before = os.listdir("/proc/self/fd")
    opened: list[str] = []
    monkeypatch.setattr("builtins.open", lambda path, *_, **__: opened.append(path))
    build_tls(tls)
    assert opened == []
    assert len(os.listdir("/proc/self/fd")) == len(before)


def test_a_key_with_a_passphrase_is_refused_and_asks_no_terminal(folder: Path, tmp_path: Path) -> None:
    command = [need_tool("openssl"), "pkey", "-in", str(folder / "key.pem"), "-aes256", "-passout", "pass:secret"]
    locked = subprocess.run(command, check=True, capture_output=True).stdout
    with pytest.raises(ConfigError, match="the key has a passphrase: remove it"):
        build_tls(Tls(cert=(folder / "cert.pem").read_bytes(), key=locked))


@pytest.mark.parametrize("wrong", ["cert", "key", "client_ca"])
def test_what_is_no_pem_is_refused_in_one_line(wrong: str, folder: Path) -> None:
    rubbish = "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----"
    values: dict[str, Any] = {
        "cert": b"rubbish",
        "key": (folder / "client.key").read_bytes(),
        "client_ca": frozenset({rubbish}),
    }
    with pytest.raises(ConfigError) as caught:
        build_tls(replace(present(folder, client_auth=REQUIRE_AND_VERIFY), **{wrong: values[wrong]}))
    (problem,) = caught.value.problems
    assert problem.isprintable()


def test_names_are_written_as_go_writes_them() -> None:
    names = (("DNS", "a"), ("IP Address", "FE80:0:0:0:0:0:0:1\n"), ("email", "a@b"), ("URI", "c:d"), ("DirName", "x"))
    assert find_names({"subjectAltName": names}) == {"a", "fe80::1", "a@b", "c:d"}


@pytest.mark.fault(
    "network",
    "clients that ask for another TLS handshake within a connection (renegotiation)",
    seen="the client's own error",
    heals="it is refused",
)
def test_a_client_may_not_renegotiate(tls: ssl.SSLContext) -> None:
    need_tool("openssl")

    async def ask() -> bytes:
        async with serve(big, Budget(), tls) as (port, _):
            client = await asyncio.create_subprocess_exec(
                *("openssl", "s_client", "-tls1_2", "-connect", f"127.0.0.1:{port}"),
                stdin=asyncio.subprocess.PIPE,
                stdout=asyncio.subprocess.PIPE,
                stderr=asyncio.subprocess.STDOUT,
            )
            assert client.stdout is not None
            await client.stdout.readuntil(b"Verify return code")
            said, _ = await client.communicate(b"R\n")  # asks for it
            return said

    assert b"no renegotiation" in run(ask())
