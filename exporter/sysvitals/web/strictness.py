"""What is in force while the web file changes: a change may lock at any time, and never unlocks by accident.

- A file that is wrong, or was not the same at two looks, may only take away: `stricter`. Its users are those that both
  the old and the new file have with the same password. Of a password that changed neither is valid: others may know
  the old one, and the new one came with a file that is refused. What the new file does not say, or says in a part that
  cannot be read, stays as it is.
- A file that is right is taken whole, but for locks that it no longer has: passwords, TLS, required client
  certificates and their names stay until the next start (`keep_locks`). An emptied file, or the first half of one,
  opens nothing.
"""

from dataclasses import replace

from sysvitals.config.web_config import RateLimit, WebConfig
from sysvitals.config.web_tls import CLIENT_AUTH, NO_CLIENT_CERT, REQUIRE_AND_VERIFY, Tls


def stricter(old: WebConfig, new: WebConfig) -> WebConfig:
    """Let in only what both let in."""
    return WebConfig(
        tls=_stricter_tls(old.tls, new.tls),
        users=_both(old, new),
        headers=old.headers,
        rate_limit=_stricter_limit(old.rate_limit, new.rate_limit),
    )


def keep_locks(old: WebConfig, new: WebConfig) -> tuple[WebConfig, list[str]]:
    """The new one, with the locks that only the old one has, and a clause on each of these."""
    kept: list[str] = []
    users, tls = new.users, new.tls
    if users is None and old.users is not None:
        users = old.users
        kept.append("basic_auth_users was removed: passwords stay required")
    if old.tls is not None:
        if tls is None:
            tls = old.tls
            kept.append("tls_server_config was removed: TLS stays required")
        elif old.tls.client_auth == REQUIRE_AND_VERIFY != tls.client_auth:
            tls = _take_client_rules(tls, old.tls)
            kept.append(f"client_auth_type: {REQUIRE_AND_VERIFY} was removed: client certificates stay required")
        elif old.tls.allowed_sans is not None and tls.allowed_sans is None:
            tls = replace(tls, allowed_sans=old.tls.allowed_sans)
            kept.append("client_allowed_sans was removed: one of its names stays required")
    return replace(new, users=users, tls=tls), kept


def _both(old: WebConfig, new: WebConfig) -> dict[str, str] | None:
    if old.users is None or new.users is None:
        users = new.users if old.users is None else old.users
        return None if users is None else dict(users)
    return dict(old.users.items() & new.users.items())


def _stricter_tls(old: Tls | None, new: Tls | None) -> Tls | None:
    if new is None:
        return old
    if old is None:
        return new if new.cert and new.key else None
    low = max(old.min_version, new.min_version)
    tls = replace(old, min_version=low, max_version=max(old.max_version, low))
    if old.client_auth != new.client_auth:
        return _take_client_rules(tls, max(old, new, key=lambda each: CLIENT_AUTH.index(each.client_auth)))
    if old.client_auth == NO_CLIENT_CERT:
        return tls
    return replace(
        tls,
        client_ca=_overlap(old.client_ca, new.client_ca),
        allowed_sans=_overlap(old.allowed_sans, new.allowed_sans),
    )


def _take_client_rules(tls: Tls, source: Tls) -> Tls:
    return replace(tls, client_auth=source.client_auth, client_ca=source.client_ca, allowed_sans=source.allowed_sans)


def _overlap(old: frozenset[str] | None, new: frozenset[str] | None) -> frozenset[str] | None:
    """What both name; None names nothing, and restricts nothing."""
    if old is None or new is None:
        return new if old is None else old
    return old & new


def _stricter_limit(old: RateLimit | None, new: RateLimit | None) -> RateLimit | None:
    if old is None or new is None:
        return new if old is None else old
    return RateLimit(max(old.seconds, new.seconds), min(old.burst, new.burst))
