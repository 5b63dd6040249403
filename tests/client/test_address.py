"""Addresses as people give them."""

import pytest

from sysvitals.client.address import parse_address
from sysvitals.config.values import is_loopback


@pytest.mark.parametrize(
    ("given", "url"),
    [
        ("http://localhost:9090", "http://localhost:9090"),
        ("localhost:9090", "http://localhost:9090"),
        ("https://host/prometheus/", "https://host/prometheus"),
        ("http://host:9090/graph?g0.expr=up", "http://host:9090"),
        ("http://host:9090/prometheus/classic/alerts", "http://host:9090/prometheus"),
        ("http://host/prometheus/alerts", "http://host/prometheus"),
        ("http://host:9093/#/alerts", "http://host:9093"),
        ("http://host:9090/api/v1", "http://host:9090"),
        ("[::1]:9090", "http://[::1]:9090"),
        (" http://HOST:1/ ", "http://host:1"),
    ],
)
def test_an_address_is_taken_as_people_copy_it(given: str, url: str) -> None:
    assert parse_address(given).url == url


def test_name_and_password_are_understood_and_never_shown() -> None:
    address = parse_address("http://ana:p%40ss%20w%C3%B6rd@host:9090/x")
    assert (address.user, address.password) == ("ana", "p@ss wörd")
    assert address.url == "http://host:9090/x"
    assert "p@ss" not in repr(address)


@pytest.mark.parametrize("given", ["", "http://", "ftp://host", "http://[::1", "a b", "http://host:port", "host:99999"])
def test_what_is_no_address_is_refused_without_repeating_it(given: str) -> None:
    with pytest.raises(ValueError, match=r"not a valid address|expected http") as refusal:
        parse_address(given)
    assert "secret" not in str(refusal.value)


def test_a_wrong_address_does_not_give_its_password_away() -> None:
    with pytest.raises(ValueError, match="not a valid address") as refusal:
        parse_address("http://ana:secret@host:port")
    assert "secret" not in str(refusal.value)


def test_only_the_machine_itself_is_loopback() -> None:
    assert [
        host for host in ("localhost", "127.0.0.1", "127.9.9.9", "::1", "10.0.0.1", "pi4") if is_loopback(host)
    ] == [
        "localhost",
        "127.0.0.1",
        "127.9.9.9",
        "::1",
    ]
