"""Under which names this host answers, and to pages of which sites."""

import asyncio
import threading
from pathlib import Path
from unittest.mock import Mock

import bcrypt
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sysvitals.config.settings import Settings
from sysvitals.serve import _build_server
from sysvitals.web.door import Door
from sysvitals.web.hosts import KnownHosts, find_name, is_same_origin
from sysvitals.web.http.budget import Budget
from sysvitals.web.http.messages import Answer, BusyError, Request, respond_text
from tests.patience import PATIENCE
from tests.web.asking import Client
from tests.web.raw import desk, run

OWN = frozenset({"pi", "pi.example.org"})


async def hello(_request: Request) -> Answer:
    return respond_text(200, "hello")


def ask(request: bytes, allowed: tuple[str, ...] = ()) -> bytes:
    async def ask_once() -> bytes:
        async with desk(KnownHosts(hello, lambda: allowed, lambda: OWN)) as served:
            return await served.ask(request)

    return run(ask_once())


def get(host: str, target: str = "/") -> bytes:
    return f"GET {target} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n".encode()


@pytest.mark.parametrize(
    "host",
    [
        *("127.0.0.1:9877", "192.168.1.7", "[::1]:9877", "[fe80::1%25eth0]:9877", "[::ffff:1.2.3.4]", "8.8.8.8"),
        *("localhost", "LOCALHOST:80", "a.localhost", "pi", "sysvitals:9877", "pi."),
        *("pi.local", "pi.lan", "a.b.internal", "pi.home.arpa", "pi.home", "sysvitals.monitoring.svc"),
        *("sysvitals.monitoring.svc.cluster.local:9877", "pi.example.org", "PI.example.ORG.:9877"),
    ],
)
def test_it_answers_under_addresses_private_names_and_its_own(host: str) -> None:
    assert ask(get(host)).startswith(b"HTTP/1.1 200 ")


@pytest.mark.fault(
    "network",
    "a page of another site whose name points to this host (DNS rebinding)",
    seen="421 with the setting that allows a name",
    heals="that page reads nothing",
)
@pytest.mark.parametrize(
    "host",
    [
        *("evil.example", "evil.example:9877", "pi.fritz.box", "1.2.3.4.evil.example", "localhost.evil.example"),
        *("evil.pi.example.org", "arpa.home.x", "home.arpa", "1.2.3", "256.1.1.1"),
    ],
)
def test_it_does_not_answer_under_a_name_that_a_stranger_may_have(host: str) -> None:
    answer = ask(get(host))
    assert answer.startswith(b"HTTP/1.1 421 Misdirected Request\r\n")
    name = host.partition(":")[0]
    assert answer.endswith(
        f"{name} is not known as a name of this host: allow it with --web.allowed-hosts={name}\n".encode()
    )


@pytest.mark.parametrize(
    ("host", "allowed", "status"),
    [
        ("board.example.com", ("board.example.com",), 200),
        ("Board.Example.com:443", ("other", "board.example.com"), 200),
        ("a.b.example.com", ("*.example.com",), 200),
        ("example.com", ("*.example.com",), 421),
        ("badexample.com", ("*.example.com",), 421),
        ("a.board.example.com", ("board.example.com",), 421),
        ("evil.example", ("*",), 200),
    ],
)
def test_the_settings_allow_more(host: str, allowed: tuple[str, ...], status: int) -> None:
    assert ask(get(host), allowed).startswith(f"HTTP/1.1 {status} ".encode())


@pytest.mark.parametrize("host", ["", " ", "a b", "a/b", "user@pi", "[::1", "::1", "pi:port", "[1.2]", "pi,pi", "."])
def test_a_host_that_is_neither_a_name_nor_an_address_is_no_request(host: str) -> None:
    assert ask(get(host)).startswith(b"HTTP/1.1 400 ")


def test_the_target_outweighs_the_header() -> None:
    assert ask(get("pi", "http://evil.example/")).startswith(b"HTTP/1.1 421 ")
    assert ask(get("evil.example", "http://pi:9877/")).startswith(b"HTTP/1.1 200 ")


def test_a_program_that_names_no_host_is_answered() -> None:
    assert ask(b"GET / HTTP/1.0\r\n\r\n").startswith(b"HTTP/1.1 200 ")


def test_names_that_cannot_be_read_hold_up_no_request_under_an_address() -> None:
    begun, go_on = threading.Event(), threading.Event()

    def hang() -> frozenset[str]:
        begun.set()
        assert go_on.wait(PATIENCE)
        return OWN

    async def ask_both() -> tuple[bytes, bytes]:
        async with desk(KnownHosts(hello, tuple, hang)) as served:
            named = asyncio.create_task(served.ask(get("pi.example.org")))
            await asyncio.to_thread(begun.wait)
            first = await served.ask(get("127.0.0.1"))
            go_on.set()
            return first, await named

    assert [answer[:13] for answer in run(ask_both())] == [b"HTTP/1.1 200 "] * 2


def test_a_name_that_is_known_is_not_looked_up_again() -> None:
    looks: list[None] = []

    def own() -> frozenset[str]:
        looks.append(None)
        return OWN

    async def ask_twice() -> None:
        known = KnownHosts(hello, tuple, own)
        for _ in range(2):
            assert await known(Request("GET", "/", {}, {}, "pi.example.org")) == respond_text(200, "hello")

    run(ask_twice())
    assert len(looks) == 1


def test_no_more_requests_than_sixteen_wait_for_names_that_cannot_be_read() -> None:
    go_on = threading.Event()

    def hang() -> frozenset[str]:
        assert go_on.wait(PATIENCE)
        return OWN

    async def crowd() -> None:
        known = KnownHosts(hello, tuple, hang)
        asked = [asyncio.create_task(known(Request("GET", "/", {}, {}, f"{n}.evil.example"))) for n in range(17)]
        await asyncio.sleep(0)
        with pytest.raises(BusyError):
            await asked.pop()
        go_on.set()
        await asyncio.gather(*asked)

    run(crowd())


@pytest.mark.fault(
    "network",
    "a stranger who asks under one name after the other, to learn which the host has",
    seen="401 under each name where passwords are needed; each request counts for rate_limit",
    heals="there is nothing to heal",
)
def test_a_stranger_without_a_password_does_not_learn_the_names_of_the_host(tmp_path: Path) -> None:
    file = tmp_path / "web.yml"
    hashed = bcrypt.hashpw(b"open sesame", bcrypt.gensalt(4)).decode()
    file.write_text(f"basic_auth_users: {{anna: {hashed}}}\nrate_limit: {{interval: 1h, burst: 3}}\n")
    exporter = Mock(names=lambda: OWN, settings=Settings())
    client = Client(_build_server(exporter, Door(str(file)), Mock(), Budget())._app)
    hosts = ["evil.example", "pi.example.org", "a b", "evil.example"]
    assert [client.get("/", headers={"host": host}).status_code for host in hosts] == [401, 401, 401, 429]


@given(st.text())
def test_any_host_is_a_name_or_none(host: str) -> None:
    name = find_name(host)
    assert name is None or name == name.lower()


@pytest.mark.parametrize(
    "headers",
    [
        {"host": "board:9877"},
        {"host": "board:9877", "origin": "http://board:9877"},
        {"host": "Board:9877", "origin": "http://board:9877", "sec-fetch-site": "same-origin"},
        {"host": "board", "origin": "https://board"},
        {"host": "board:443", "origin": "https://board"},
        {"host": "[::1]:9877", "origin": "http://[::1]:9877"},
        {"host": "inside", "x-forwarded-host": "home.example", "origin": "https://home.example"},
        {"host": "inside", "x-forwarded-host": "home.example, proxy", "origin": "https://home.example"},
        {"host": "board", "sec-fetch-site": "none"},
    ],
    ids=str,
)
def test_a_program_and_a_page_of_this_host_are_let_in(headers: dict[str, str]) -> None:
    assert is_same_origin(Request("GET", "/", {}, headers, headers["host"]))


@pytest.mark.parametrize(
    "origin",
    [
        *("http://evil.example", "null", "http://[", "http://", "board", "://", "http://board:1", "", "\xff"),
        *("http://:80", "https://:443"),
    ],
)
def test_a_page_of_another_site_is_not(origin: str) -> None:
    assert not is_same_origin(Request("GET", "/", {}, {"origin": origin}, "board"))
    assert not is_same_origin(Request("GET", "/", {}, {"origin": origin}))
    assert not is_same_origin(Request("GET", "/", {}, {"x-forwarded-host": "", "origin": origin}, ""))


@pytest.mark.parametrize("site", ["cross-site", "same-site", "", "?"])
def test_what_a_browser_says_is_of_another_site_is_not(site: str) -> None:
    assert not is_same_origin(Request("GET", "/", {}, {"sec-fetch-site": site}, "board"))


@given(st.text(), st.text(), st.text())
def test_no_header_makes_the_judgement_fail(origin: str, host: str, forwarded: str) -> None:
    is_same_origin(Request("GET", "/", {}, {"origin": origin, "x-forwarded-host": forwarded}, host))
