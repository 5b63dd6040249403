"""Who may come in."""

import base64
import sys

import bcrypt
import pytest

from sysvitals.config.errors import ConfigError
from sysvitals.config.web_config import WebConfig
from sysvitals.web import access
from sysvitals.web.access import COOKIE, Guard, check_password, parse_basic, require_bcrypt
from sysvitals.web.http.messages import Answer, Request, Send, WebSocket, respond_text
from sysvitals.web.http.router import Route, Router
from tests.web.asking import Client

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


def test_who_knows_it_comes_in_and_is_compared_only_once(monkeypatch: pytest.MonkeyPatch) -> None:
    compared: list[str] = []

    def check(users: dict[str, str], user: str, password: str) -> bool:
        compared.append(user)
        return check_password(users, user, password)

    monkeypatch.setattr(access, "check_password", check)
    client = Client(guard(WebConfig(users=USERS)))
    for _ in range(3):
        assert client.get("/metrics", headers=basic("anna", "open sesame")).status_code == 200
    assert compared == ["anna"]
    for _ in range(2):
        assert client.get("/metrics", headers=basic("anna", "no")).status_code == 401
    assert compared == ["anna"] * 3


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


def test_headers_that_are_set_are_on_every_answer() -> None:
    client = Client(guard(WebConfig(headers={"Strict-Transport-Security": "max-age=60"})))
    assert client.get("/metrics").headers["strict-transport-security"] == "max-age=60"


def test_hashes_of_htpasswd_are_understood() -> None:
    assert check_password({"anna": HASH.replace("$2b$", "$2y$")}, "anna", "open sesame")


def test_a_user_who_is_not_there_is_compared_too() -> None:
    assert not check_password(USERS, "nobody", "open sesame")
    assert bcrypt.checkpw(b"x", access._NOBODY.encode()) is False


@pytest.mark.parametrize(
    ("header", "found"),
    [
        ("Basic YTpiOmM=", ("a", "b:c")),
        ("basic YTo=", ("a", "")),
        ("Basic YQ==", (None, "")),
        ("Basic", (None, "")),
        ("", (None, "")),
    ],
)
def test_a_name_ends_at_the_first_colon(header: str, found: tuple[str | None, str]) -> None:
    assert parse_basic(header) == found


def test_passwords_without_the_library_that_compares_them_are_refused_at_the_start(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setitem(sys.modules, "bcrypt", None)
    with pytest.raises(ConfigError, match="with its extra auth"):
        require_bcrypt(WebConfig(users=USERS))
    require_bcrypt(WebConfig())
