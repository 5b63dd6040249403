"""Who may come in."""

import base64
import sys

import bcrypt
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sysvitals.config.errors import ConfigError
from sysvitals.config.web_config import RateLimit, WebConfig
from sysvitals.web.access import COOKIE, Bucket, Cookie, Guard, Users, parse_basic, require_bcrypt
from sysvitals.web.http.messages import Answer, Request, Send, WebSocket, respond_text
from sysvitals.web.http.router import Route, Router
from tests.web.asking import Client
from tests.web.raw import desk, run

HASH = bcrypt.hashpw(b"open sesame", bcrypt.gensalt(4)).decode()
USERS = {"anna": HASH}


async def answer(_request: Request) -> Answer:
    return respond_text(200, "in")


def guard(config: WebConfig) -> Guard:
    return Guard(answer, config)


def basic(user: str, password: str) -> dict[str, str]:
    return {"authorization": "Basic " + base64.b64encode(f"{user}:{password}".encode()).decode()}


def test_without_users_everybody_may_come_in() -> None:
    found = Client(guard(WebConfig())).get("/metrics")
    assert (found.status_code, found.text) == (200, "in")
    assert "set-cookie" not in found.headers


@pytest.mark.parametrize(
    "headers",
    [
        {},
        basic("anna", "wrong"),
        basic("bert", "open sesame"),
        basic("", ""),
        {"authorization": "Basic !!!"},
        {"authorization": "Basic /w=="},
        {"authorization": "Basic \xff".encode("latin-1")},
        {"authorization": "Bearer abc"},
        {"authorization": basic("anna", "open sesame")["authorization"].replace("Basic", "Digest")},
        {"cookie": f"{COOKIE}=guess"},
    ],
    ids=str,
)
def test_who_does_not_know_the_password_stays_outside(headers: dict[str, str | bytes]) -> None:
    found = Client(guard(WebConfig(users=USERS))).get("/metrics", headers=headers)
    assert found.status_code == 401
    assert found.headers["www-authenticate"].startswith("Basic realm=")
    assert "in" not in found.text.split()


def test_a_password_that_was_changed_lets_nobody_in_any_more() -> None:
    door = guard(WebConfig(users=USERS))
    client = Client(door)
    assert client.get("/", headers=basic("anna", "open sesame")).status_code == 200
    door.replace(WebConfig(users={"anna": bcrypt.hashpw(b"new", bcrypt.gensalt(4)).decode()}))
    assert client.get("/", headers=basic("anna", "open sesame")).status_code == 401
    assert client.get("/", headers=basic("anna", "new")).status_code == 200


def test_the_pages_cookie_opens_the_live_stream_and_nothing_else() -> None:
    client = Client(guard(WebConfig(users=USERS)))
    cookie = client.get("/", headers=basic("anna", "open sesame")).headers["set-cookie"]
    assert cookie.startswith(f"{COOKIE}=")
    assert "HttpOnly" in cookie
    assert "SameSite=Strict" in cookie
    assert client.get("/metrics", headers={"cookie": cookie.partition(";")[0]}).status_code == 401


def test_the_cookie_does_not_open_a_page_that_is_asked_for_as_a_websocket() -> None:
    async def talk(_send: Send) -> tuple[int, str]:
        return 1001, "the end"

    async def live(_request: Request) -> Answer:
        return WebSocket({}, talk)

    table = Router([Route("/", answer), Route("/metrics", answer), Route("/live", live, is_websocket=True)])
    client = Client(Guard(table, WebConfig(users=USERS)))
    cookie = client.get("/", headers=basic("anna", "open sesame")).headers["set-cookie"].partition(";")[0]
    upgrade = {"connection": "upgrade", "upgrade": "websocket", "cookie": f"other=1; {cookie}"}
    assert client.get("/metrics", headers=upgrade).status_code == 400
    assert client.get("/live", headers=upgrade).status_code == 426  # let in, and then it is no valid handshake
    assert client.get("/live", headers={**upgrade, "cookie": "other=1"}).status_code == 401


@pytest.mark.parametrize("path", ["/", "/?"])
def test_the_cookie_alone_gets_no_other_cookie(path: str) -> None:
    client = Client(Guard(Router([Route("/", answer)]), WebConfig(users=USERS)))
    given = client.get("/", headers=basic("anna", "open sesame")).headers["set-cookie"].partition(";")[0]
    asked = client.get(path, headers={"connection": "upgrade", "upgrade": "websocket", "cookie": given})
    assert (asked.status_code, asked.headers.get("set-cookie")) == (400, None)


def test_only_the_page_itself_brings_the_cookie() -> None:
    client = Client(Guard(Router([Route("/", answer)]), WebConfig(users=USERS)))
    refused = client.request("POST", "/", headers=basic("anna", "open sesame"))
    assert (refused.status_code, refused.headers.get("set-cookie")) == (405, None)


def test_headers_that_are_set_are_on_every_answer() -> None:
    config = WebConfig(users=USERS, headers={"Strict-Transport-Security": "max-age=60"})
    client = Client(guard(config))
    for headers in ({}, basic("anna", "open sesame")):
        assert client.get("/metrics", headers=headers).headers["strict-transport-security"] == "max-age=60"


def test_a_cookie_is_valid_for_its_hour_and_the_next() -> None:
    now = 3599.0
    cookie = Cookie(lambda: now)
    given = cookie.make(is_secure=True)
    assert given.endswith("; Max-Age=7200; HttpOnly; SameSite=Strict; Secure")
    pair = given.partition(";")[0]
    now = 7199.0
    assert cookie.is_in(f"other=1; {pair}")
    assert cookie.make(is_secure=True) != given
    now = 7200.0
    assert not cookie.is_in(pair)


@pytest.mark.fault(
    "network",
    "a user who is removed while a page is open",
    seen="the page is disconnected, and its cookie opens nothing more",
    heals="by a reload of the page with a valid password",
)
def test_a_cookie_is_not_valid_after_users_changed() -> None:
    async def talk(_send: Send) -> tuple[int, str]:
        return 1001, "the end"

    async def live(_request: Request) -> Answer:
        return WebSocket({}, talk)

    door = Guard(Router([Route("/", answer), Route("/live", live, is_websocket=True)]), WebConfig(users=USERS))
    client = Client(door)
    cookie = client.get("/", headers=basic("anna", "open sesame")).headers["set-cookie"].partition(";")[0]
    upgrade = {"connection": "upgrade", "upgrade": "websocket", "cookie": cookie}
    door.replace(WebConfig(users=USERS, headers={"X-Frame-Options": "deny"}))
    assert client.get("/live", headers=upgrade).status_code == 426  # let in, and then it is no valid handshake
    door.replace(WebConfig(users={**USERS, "bert": HASH}))
    assert client.get("/live", headers=upgrade).status_code == 401


def test_a_user_who_changes_while_the_password_is_compared_is_judged_again() -> None:
    asked: list[Guard] = []

    class Changing(Users):
        async def lets_in(self, request: Request) -> bool:
            if not asked:
                asked.append(door)
                door.replace(WebConfig(users={}))
            return await super().lets_in(request)

    door = guard(WebConfig(users=USERS))
    door._users = Changing(USERS)
    assert Client(door).get("/metrics", headers=basic("anna", "open sesame")).status_code == 401


def test_where_users_are_named_and_none_is_valid_all_stay_outside() -> None:
    assert Client(guard(WebConfig(users={}))).get("/metrics", headers=basic("", "")).status_code == 401


def test_a_bucket_gives_a_burst_and_then_one_each_interval() -> None:
    now = 100.0
    bucket = Bucket(RateLimit(2.0, 3), lambda: now)
    assert [bucket.take() for _ in range(4)] == [True, True, True, False]
    now += 1.9
    assert not bucket.take()
    now += 0.2
    assert [bucket.take() for _ in range(2)] == [True, False]
    now += 3600
    assert [bucket.take() for _ in range(4)] == [True, True, True, False]


def test_a_bucket_of_nothing_never_gives_any() -> None:
    now = 0.0
    bucket = Bucket(RateLimit(1.0, 0), lambda: now)
    now = 1000.0
    assert not bucket.take()


@pytest.mark.fault(
    "network",
    "more requests than rate_limit allows",
    seen="they are answered 429 with Retry-After, before any password is compared",
    heals="by itself, as the bucket fills",
)
def test_requests_beyond_the_rate_limit_are_refused_before_passwords_are_compared() -> None:
    door = guard(WebConfig(users=USERS, rate_limit=RateLimit(3600.0, 1)))
    client = Client(door)
    assert client.get("/metrics").status_code == 401
    found = client.get("/metrics", headers=basic("anna", "open sesame"))
    assert (found.status_code, found.headers["retry-after"]) == (429, "3600")
    door.replace(WebConfig(users=USERS))
    assert client.get("/metrics", headers=basic("anna", "open sesame")).status_code == 200


@pytest.mark.parametrize(
    ("header", "found"),
    [
        ("Basic YTpiOmM=", (b"a", b"b:c")),
        ("basic YTo=", (b"a", b"")),
        ("Basic /zr+", (b"\xff", b"\xfe")),
        ("Basic YQ==", None),
        ("Basic", None),
        ("", None),
    ],
)
def test_a_name_ends_at_the_first_colon(header: str, found: tuple[bytes, bytes] | None) -> None:
    assert parse_basic(header) == found


@given(st.text(st.characters(max_codepoint=255)))
def test_any_text_may_be_in_the_headers(text: str) -> None:
    parse_basic(text)
    parse_basic(f"Basic {text}")
    assert not Cookie().is_in(text)
    assert not Cookie().is_in(f"{COOKIE}={text}")


@pytest.mark.fault(
    "network",
    "Authorization and Cookie headers of any bytes",
    seen="401, and no line in the log",
    heals="-",
)
def test_any_bytes_in_an_authorization_header_are_answered_401_without_a_traceback(
    caplog: pytest.LogCaptureFixture,
) -> None:
    values = [b"Basic \xff", b"Basic " + bytes(range(128, 256)), b"\xff\xfe", b"Basic gICA", b"Basic " + b"=" * 999]

    async def ask() -> list[bytes]:
        async with desk(guard(WebConfig(users=USERS))) as found:
            head = b"GET / HTTP/1.1\r\nHost: board\r\nConnection: close\r\n"
            return [
                await found.ask(head + b"Authorization: " + value + b"\r\nCookie: " + value + b"\r\n\r\n")
                for value in values
            ]

    assert {answer[:13] for answer in run(ask())} == {b"HTTP/1.1 401 "}
    assert caplog.records == []


def test_passwords_without_the_library_that_compares_them_are_refused_at_the_start(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setitem(sys.modules, "bcrypt", None)
    with pytest.raises(ConfigError, match=r"not installed: .*python\S* -m pip install 'bcrypt>=4'$"):
        require_bcrypt()
