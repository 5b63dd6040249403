"""The file that switches on TLS and passwords, in the format that all Prometheus exporters share.

https://prometheus.io/docs/prometheus/latest/configuration/https/ has its keys. What this program cannot do is refused
and never passed over: a lock that the file asks for and that is not there would be worse than no file.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import NamedTuple

import yaml

from sysvitals.config.errors import ConfigError
from sysvitals.config.web_section import Reader
from sysvitals.config.web_tls import Tls, lacks_http2_suite, read_tls
from sysvitals.config.yaml_nodes import read_regular, read_yaml

HEADERS: Mapping[str, tuple[str, ...]] = {
    "Content-Security-Policy": (),
    "Strict-Transport-Security": (),
    "X-Content-Type-Options": ("nosniff",),
    "X-Frame-Options": ("deny", "sameorigin"),
    "X-XSS-Protection": (),
}
"""The headers that can be set, with the values that each may have (none: any)."""

_SECTIONS = ("tls_server_config", "http_server_config", "basic_auth_users", "rate_limit")
_BCRYPT = re.compile(r"\$2[abxy]\$(?:0[4-9]|[12][0-9]|3[01])\$[./A-Za-z0-9]{21}[.Oeu][./A-Za-z0-9]{31}")
"""The last character of the salt has only two bits."""

_MOST_PROBLEMS = 20


class RateLimit(NamedTuple):
    """A bucket of `burst` requests, into which one comes back each `seconds`."""

    seconds: float
    burst: int


@dataclass(frozen=True, slots=True, kw_only=True)
class WebConfig:
    """What the file says, with the content of the files that it names.

    `users` are names with the bcrypt hash of their password. None: no password is needed; empty: no user is let in.
    """

    tls: Tls | None = None
    users: Mapping[str, str] | None = field(default=None, repr=False)
    headers: Mapping[str, str] = field(default_factory=dict)
    rate_limit: RateLimit | None = None


class WebFile(NamedTuple):
    """What was read: as much of it as is valid, what is not, and the file with all that it names."""

    config: WebConfig
    problems: tuple[str, ...]
    files: tuple[str, ...]


def load_web_config(file: str) -> WebConfig:
    """Read the file; paths in it are relative to its own folder. Raises ConfigError with all that is wrong with it."""
    found = read_web_file(file)
    if found.problems:
        raise ConfigError(found.problems)
    return found.config


def read_web_file(file: str) -> WebFile:
    """Read what can be read."""
    try:
        root = read_yaml(file, read_regular)
    except ConfigError as error:
        return WebFile(WebConfig(), error.problems, (file,))
    reader = Reader(file)
    sections = reader.section(root, (), _SECTIONS)
    tls, files = read_tls(reader, sections.get("tls_server_config"))
    headers, may_http2 = _read_http(reader, sections.get("http_server_config"))
    if tls is not None and may_http2 and lacks_http2_suite(tls):
        reader.problems.append(
            f"{file}: tls_server_config.cipher_suites: HTTP/2 needs TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256 or "
            "TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256: add one, or set http_server_config.http2: false"
        )
    config = WebConfig(
        tls=tls,
        users=_read_users(reader, sections.get("basic_auth_users")),
        headers=headers,
        rate_limit=_read_rate_limit(reader, sections.get("rate_limit")),
    )
    problems = reader.problems[:_MOST_PROBLEMS]
    if more := len(reader.problems) - len(problems):
        problems.append(f"{file}: and {more} more problems")
    return WebFile(config, tuple(problems), (file, *files))


def _read_users(reader: Reader, node: yaml.Node | None) -> dict[str, str] | None:
    place = ("basic_auth_users",)
    found = reader.section(node, place)
    users: dict[str, str] = {}
    for user, value in found.items():
        hashed = reader.scalar(value, place)
        if ":" in user:
            # what follows may be the password
            reader.note(value, (*place, user.partition(":")[0]), "a name with a colon cannot log in")
        elif not _BCRYPT.fullmatch(hashed):
            hint = "htpasswd -nBC 10 NAME (of apache2-utils) makes one"
            reader.note(value, (*place, user), f"is not a bcrypt hash; {hint}")
        else:
            users[user] = hashed
    # where no hash is valid, passwords are wanted all the same
    return users if isinstance(node, yaml.MappingNode) and node.value else None


def _read_http(reader: Reader, node: yaml.Node | None) -> tuple[dict[str, str], bool]:
    """The headers, and whether HTTP/2 is allowed. This server speaks HTTP/1.1, on which clients agree with it."""
    name = "http_server_config"
    found = reader.section(node, (name,), ("http2", "headers"))
    headers: dict[str, str] = {}
    values = reader.section(found.get("headers"), (name, "headers"), tuple(HEADERS))
    for header, value in values.items():
        place = (name, "headers", header)
        text = reader.scalar(value, place).strip()
        allowed = HEADERS[header]
        if not text:
            continue
        if allowed and text not in allowed:
            reader.note(value, place, f"expected {' or '.join(allowed)}")
        elif not text.isascii() or not text.isprintable():
            reader.note(value, place, "expected one line of ASCII characters")
        else:
            headers[header] = text
    return headers, reader.switch(found, (name, "http2"), default=True)


def _read_rate_limit(reader: Reader, node: yaml.Node | None) -> RateLimit | None:
    name = "rate_limit"
    found = reader.section(node, (name,), ("interval", "burst"))
    seconds = reader.duration(found, (name, "interval"))
    burst = reader.count(found, (name, "burst"))
    return RateLimit(seconds, burst) if seconds else None
