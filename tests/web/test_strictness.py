"""What is in force of an old and a new web configuration."""

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sysvitals.config.web_config import RateLimit, WebConfig
from sysvitals.config.web_tls import CLIENT_AUTH, NO_CLIENT_CERT, REQUIRE_AND_VERIFY, VERIFY_IF_GIVEN, VERSIONS, Tls
from sysvitals.web.strictness import keep_locks, stricter

names = st.none() | st.frozensets(st.sampled_from("abc"))
tls = st.builds(
    Tls,
    cert=st.just(b"cert"),
    key=st.just(b"key"),
    client_auth=st.sampled_from(CLIENT_AUTH),
    client_ca=names,
    allowed_sans=names,
    min_version=st.sampled_from(VERSIONS),
    max_version=st.just("TLS13"),
)
configs = st.builds(
    WebConfig,
    tls=st.none() | tls,
    users=st.none() | st.dictionaries(st.sampled_from("ab"), st.sampled_from("xy")),
    rate_limit=st.none() | st.builds(RateLimit, st.sampled_from([1.0, 2.0]), st.integers(0, 2)),
)
clients = st.fixed_dictionaries(
    {
        "user": st.none() | st.tuples(st.sampled_from("ab"), st.sampled_from("xy")),
        "ca": st.sampled_from(["", *"abc"]),
        "san": st.sampled_from("abc"),
        "version": st.none() | st.sampled_from(VERSIONS),
    }
)


def lets_in(config: WebConfig, client: dict[str, Any]) -> bool:
    """Whether this client comes in, by what the settings mean."""
    if config.users is not None and (client["user"] is None or client["user"] not in config.users.items()):
        return False
    if config.tls is None:
        return client["version"] is None
    if client["version"] is None or client["version"] < config.tls.min_version:
        return False
    if config.tls.client_auth == NO_CLIENT_CERT or (config.tls.client_auth == VERIFY_IF_GIVEN and not client["ca"]):
        return True
    is_known = bool(client["ca"]) and (config.tls.client_ca is None or client["ca"] in config.tls.client_ca)
    return is_known and (config.tls.allowed_sans is None or client["san"] in config.tls.allowed_sans)


@given(old=configs, new=configs, client=clients)
def test_a_client_whom_the_old_and_the_new_one_keep_out_stays_outside(
    old: WebConfig, new: WebConfig, client: dict[str, Any]
) -> None:
    if lets_in(stricter(old, new), client):
        assert lets_in(old, client) or lets_in(new, client)


@given(old=configs, new=configs, client=clients)
def test_where_both_ask_for_the_same_only_those_come_in_whom_both_let_in(
    old: WebConfig, new: WebConfig, client: dict[str, Any]
) -> None:
    asked = [None if config.tls is None else config.tls.client_auth for config in (old, new)]
    if asked[0] == asked[1] and lets_in(stricter(old, new), client):
        assert lets_in(old, client)
        assert lets_in(new, client)


def test_headers_of_a_file_that_may_only_take_away_are_not_taken() -> None:
    old = WebConfig(headers={"X-Frame-Options": "deny"})
    assert stricter(old, WebConfig()).headers == old.headers


@given(old=configs, new=configs)
def test_a_second_look_at_the_same_file_changes_nothing(old: WebConfig, new: WebConfig) -> None:
    once = stricter(old, new)
    assert stricter(once, new) == once


@given(old=configs, new=configs)
def test_no_lock_is_lost_by_a_file_that_is_right(old: WebConfig, new: WebConfig) -> None:
    found, _ = keep_locks(old, new)
    assert (old.users is None) or found.users is not None
    assert (old.tls is None) or found.tls is not None
    if old.tls is not None and old.tls.client_auth == REQUIRE_AND_VERIFY:
        assert found.tls is not None
        assert found.tls.client_auth == REQUIRE_AND_VERIFY
        assert (old.tls.allowed_sans is None) or found.tls.allowed_sans is not None


@given(old=configs, new=configs)
def test_a_file_with_all_locks_is_taken_whole(old: WebConfig, new: WebConfig) -> None:
    locked = replace(
        new,
        users=new.users or {},
        tls=Tls(
            cert=b"new",
            key=b"new",
            client_auth=REQUIRE_AND_VERIFY,
            client_ca=frozenset("a"),
            allowed_sans=frozenset("a"),
        ),
    )
    assert keep_locks(old, locked) == (locked, [])


def test_of_two_rate_limits_the_lower_one_counts() -> None:
    old, new = (WebConfig(rate_limit=RateLimit(*limit)) for limit in ((1.0, 5), (2.0, 9)))
    assert stricter(old, new).rate_limit == RateLimit(2.0, 5)
    assert stricter(old, WebConfig()).rate_limit == RateLimit(1.0, 5)


@pytest.mark.parametrize("broken", [Tls(cert=b"", key=b"key"), Tls(cert=b"cert", key=b"")])
def test_tls_whose_certificate_or_key_cannot_be_read_is_not_switched_on(broken: Tls) -> None:
    assert stricter(WebConfig(), WebConfig(tls=broken)).tls is None
