"""The file that switches on TLS and passwords, in the format that all Prometheus exporters share.

https://prometheus.io/docs/prometheus/latest/configuration/https/ tells its keys. What this program cannot do is refused
and never passed over: who thinks that a door is locked shall be right.
"""

import os
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from sysvitals.config.errors import ConfigError

CLIENT_AUTH = ("NoClientCert", "RequestClientCert", "VerifyClientCertIfGiven", "RequireAndVerifyClientCert")
VERSIONS = ("TLS12", "TLS13")
HEADERS = (
    "Content-Security-Policy",
    "Strict-Transport-Security",
    "X-Content-Type-Options",
    "X-Frame-Options",
    "X-XSS-Protection",
)
_BCRYPT = re.compile(r"\$2[abxy]?\$\d\d\$[./A-Za-z0-9]{53}")
_OURS_TO_CHOOSE = {"cipher_suites", "curve_preferences", "prefer_server_cipher_suites", "client_allowed_sans"}
_INLINE = {"cert", "key", "client_ca"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Tls:
    """Files in PEM, by their paths, and what is asked of clients."""

    cert_file: str
    key_file: str
    client_ca_file: str = ""
    client_auth_type: str = "NoClientCert"
    min_version: str = "TLS12"
    max_version: str = "TLS13"


@dataclass(frozen=True, slots=True, kw_only=True)
class WebConfig:
    """What the file says. `users` are names with the bcrypt hash of their password."""

    tls: Tls | None = None
    users: Mapping[str, str] = field(default_factory=dict)
    headers: Mapping[str, str] = field(default_factory=dict)


def load_web_config(file: str) -> WebConfig:
    """Read the file; paths in it are relative to its own folder. Raises ConfigError with all that is wrong with it."""
    import yaml  # noqa: PLC0415  # 1.3 MiB, for those who use it

    try:
        with open(file, encoding="utf-8") as stream:
            content = yaml.safe_load(stream)
    except OSError as error:
        raise ConfigError([f"{file}: cannot be read: {error.strerror}"]) from error
    except (yaml.YAMLError, UnicodeDecodeError, RecursionError) as error:
        first = str(error).splitlines()[0]
        raise ConfigError([f"{file}: is not YAML: {first}"]) from error
    problems: list[str] = []
    sections = _section(content, "", {"tls_server_config", "http_server_config", "basic_auth_users"}, problems)
    config = WebConfig(
        tls=_read_tls(sections.get("tls_server_config"), os.path.dirname(os.path.abspath(file)), problems),
        users=_read_users(sections.get("basic_auth_users"), problems),
        headers=_read_headers(sections.get("http_server_config"), problems),
    )
    if problems:
        raise ConfigError([f"{file}: {problem}" for problem in problems])
    return config


def _section(content: Any, name: str, known: set[str], problems: list[str]) -> dict[str, Any]:
    if content is None:
        return {}
    if not isinstance(content, dict):
        problems.append(f"{name or 'it'} wants keys below it: {', '.join(sorted(known))}")
        return {}
    unknown = [str(key) for key in content if key not in known]
    place = f"{name}." if name else ""
    problems += [f"{place}{key}: is no setting. Valid here: {', '.join(sorted(known))}" for key in unknown]
    return {key: value for key, value in content.items() if key in known}


def _read_tls(content: Any, folder: str, problems: list[str]) -> Tls | None:
    name = "tls_server_config"
    known = {"cert_file", "key_file", "client_ca_file", "client_auth_type", "min_version", "max_version"}
    found = _section(content, name, known | _OURS_TO_CHOOSE | _INLINE, problems)
    problems += [f"{name}.{key}: is not supported; leave it out" for key in found if key in _OURS_TO_CHOOSE]
    problems += [f"{name}.{key}: give the path of a file, as {key}_file" for key in found if key in _INLINE]
    if not found:
        return None
    missing = [key for key in ("cert_file", "key_file") if not found.get(key)]
    problems += [f"{name}.{key}: is missing" for key in missing if key.removesuffix("_file") not in found]
    for key, choices in (("client_auth_type", CLIENT_AUTH), ("min_version", VERSIONS), ("max_version", VERSIONS)):
        if key in found and found[key] not in choices:
            problems.append(f"{name}.{key}: {found[key]!r} will not do; it wants one of {', '.join(choices)}")
    texts = {key: str(value) for key, value in found.items() if key in known}
    for key in ("cert_file", "key_file", "client_ca_file"):
        if texts.get(key):
            texts[key] = os.path.join(folder, texts[key])
    if "Verify" in texts.get("client_auth_type", "") and not texts.get("client_ca_file"):
        problems.append(f"{name}.client_ca_file: is missing, and client_auth_type needs it")
    return None if problems else Tls(**texts)


def _read_users(content: Any, problems: list[str]) -> dict[str, str]:
    if content is None:
        return {}
    if not isinstance(content, dict):
        problems.append("basic_auth_users wants names, each with the bcrypt hash of its password")
        return {}
    for user, hashed in content.items():
        if not _BCRYPT.fullmatch(str(hashed)):
            problems.append(
                f"basic_auth_users.{user}: is no bcrypt hash; htpasswd -nBC 10 {user} (of apache2-utils) makes one"
            )
    return {str(user): str(hashed) for user, hashed in content.items()}


def _read_headers(content: Any, problems: list[str]) -> dict[str, str]:
    found = _section(content, "http_server_config", {"http2", "headers"}, problems)
    if found.get("http2") is True:
        problems.append("http_server_config.http2: is not supported; leave it out")
    headers = _section(found.get("headers"), "http_server_config.headers", set(HEADERS), problems)
    for name, text in headers.items():
        if not isinstance(text, str) or not text.isascii() or not text.isprintable():
            problems.append(f"http_server_config.headers.{name}: {text!r} is not text of ASCII characters")
    return {name: str(text) for name, text in headers.items()}
