"""Who may follow the live stream."""

import pytest

from sysvitals.web.http.messages import Request
from sysvitals.web.live import is_same_origin


@pytest.mark.parametrize(
    "headers",
    [
        {"host": "board:9877"},
        {"host": "board:9877", "origin": "http://board:9877"},
        {"host": "board", "origin": "https://board"},
        {"host": "[::1]:9877", "origin": "http://[::1]:9877"},
        {"host": "inside", "x-forwarded-host": "home.example", "origin": "https://home.example"},
    ],
    ids=str,
)
def test_a_program_and_a_page_of_this_host_are_let_in(headers: dict[str, str]) -> None:
    assert is_same_origin(Request("GET", "/", {}, headers))


@pytest.mark.parametrize(
    "origin", ["http://evil.example", "null", "http://[", "http://", "board", "://", "http://board:1"]
)
def test_a_page_of_another_site_is_not(origin: str) -> None:
    assert not is_same_origin(Request("GET", "/", {}, {"host": "board", "origin": origin}))
    assert not is_same_origin(Request("GET", "/", {}, {"origin": origin}))
    assert not is_same_origin(Request("GET", "/", {}, {"host": "", "x-forwarded-host": "", "origin": origin}))
