"""Answers as they come, with the urllib3 that is installed and with that of Debian 12."""

from collections.abc import Iterator
from threading import Event

import pytest
import urllib3

from sysvitals.client.access import NO_ACCESS
from sysvitals.client.address import parse_address
from sysvitals.client.session import Session, read_parts
from tests.client.hostile import CHUNKED, HEAD, answer
from tests.patience import PATIENCE

FIVE = HEAD + b"Content-Length: 5\r\n\r\n"


@pytest.fixture(params=["installed", "1.26"], autouse=True)
def urllib(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    if request.param == "1.26":
        for kind in urllib3.HTTPResponse.__mro__:
            if "read1" in vars(kind):
                monkeypatch.delattr(kind, "read1")


def ask(url: str) -> Iterator[bytes]:
    with Session(parse_address(url), NO_ACCESS, program="test") as session:
        yield from read_parts(session.get(url, stream=True, timeout=PATIENCE))


@pytest.mark.parametrize("start", [CHUNKED + b"ffff\r\nhello", FIVE + b"hello"], ids=["chunked", "with a length"])
def test_what_has_come_is_given_while_the_rest_is_waited_for(start: bytes) -> None:
    seen = Event()

    def wait() -> Iterator[bytes]:
        assert seen.wait(PATIENCE)
        yield b""

    with answer(start, wait()) as (url, _):
        parts = ask(url)
        assert next(parts) == b"hello"
        if start.startswith(FIVE):
            assert list(parts) == []
        seen.set()
        parts.close()  # type: ignore[attr-defined]


@pytest.mark.parametrize("start", [CHUNKED + b"ffff\r\nhello", HEAD + b"Content-Length: 6\r\n\r\nhello"])
def test_an_answer_that_is_cut_short_is_no_answer(start: bytes) -> None:
    with answer(start) as (url, _), pytest.raises(urllib3.exceptions.HTTPError):
        list(ask(url))


def test_an_answer_ends_with_its_connection_where_it_has_no_length() -> None:
    with answer(HEAD + b"\r\nhello") as (url, _):
        assert b"".join(ask(url)) == b"hello"


def test_what_follows_an_answer_is_not_of_it() -> None:
    with answer(FIVE + b"hello and more") as (url, _):
        assert b"".join(ask(url)) == b"hello"
