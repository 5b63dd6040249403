"""The section on TLS of the web configuration file."""

import os
import re
from collections.abc import Sequence
from dataclasses import dataclass, field

import yaml

from sysvitals.config.web_section import Nodes, Reader
from sysvitals.config.yaml_nodes import read_regular

NO_CLIENT_CERT = "NoClientCert"
VERIFY_IF_GIVEN = "VerifyClientCertIfGiven"
REQUIRE_AND_VERIFY = "RequireAndVerifyClientCert"
CLIENT_AUTH = (NO_CLIENT_CERT, VERIFY_IF_GIVEN, REQUIRE_AND_VERIFY)
"""From open to strict."""

_NOT_VERIFIED = ("RequestClientCert", "RequireAnyClientCert", "RequireClientCert")
"""Python's ssl module cannot ask for a certificate that it does not verify."""

VERSIONS = ("TLS12", "TLS13")
_OLD_VERSIONS = ("TLS10", "TLS11")

CURVES = {"CurveP256": "prime256v1", "CurveP384": "secp384r1", "CurveP521": "secp521r1", "X25519": "X25519"}

SUITES = {
    f"TLS_ECDHE_{key}_WITH_{name}": f"ECDHE-{key}-{openssl}"
    for name, openssl in {
        "AES_128_GCM_SHA256": "AES128-GCM-SHA256",
        "AES_256_GCM_SHA384": "AES256-GCM-SHA384",
        "CHACHA20_POLY1305_SHA256": "CHACHA20-POLY1305",
        "AES_128_CBC_SHA": "AES128-SHA",
        "AES_256_CBC_SHA": "AES256-SHA",
    }.items()
    for key in ("ECDSA", "RSA")
}
"""The suites of TLS 1.2 that Go calls secure, with OpenSSL's names."""

SUITES_OF_TLS13 = frozenset({"TLS_AES_128_GCM_SHA256", "TLS_AES_256_GCM_SHA384", "TLS_CHACHA20_POLY1305_SHA256"})
_HTTP2_SUITES = frozenset({"ECDHE-RSA-AES128-GCM-SHA256", "ECDHE-ECDSA-AES128-GCM-SHA256"})

_CERTIFICATE = re.compile(rb"-----BEGIN CERTIFICATE-----[\sA-Za-z0-9+/=]+-----END CERTIFICATE-----")
_NAME = "tls_server_config"
_KEYS = (
    "cert_file",
    "cert",
    "key_file",
    "key",
    "client_ca_file",
    "client_ca",
    "client_auth_type",
    "client_allowed_sans",
    "min_version",
    "max_version",
    "cipher_suites",
    "prefer_server_cipher_suites",
    "curve_preferences",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Tls:
    """What the section means, with the content of all files: equal values are equal in all that matters."""

    cert: bytes = field(repr=False)
    """PEM, as is `key`. Empty where it cannot be read."""
    key: bytes = field(repr=False)
    client_auth: str = NO_CLIENT_CERT
    client_ca: frozenset[str] | None = field(default=None, repr=False)
    """Certificates in PEM; none of them: no client has a valid one. None: those that the system trusts."""
    allowed_sans: frozenset[str] | None = None
    min_version: str = "TLS12"
    max_version: str = "TLS13"
    suites: tuple[str, ...] = ()
    """OpenSSL's names of those of TLS 1.2; empty: OpenSSL's own choice."""
    prefers_own_order: bool = True
    curve: str = ""


def read_tls(reader: Reader, node: yaml.Node | None) -> tuple[Tls | None, list[str]]:
    """The section, with as much of it as can be read, and the files that it names."""
    found = reader.section(node, (_NAME,), _KEYS)
    if node is None or not found:
        return None, []
    files: list[str] = []
    auth = _read_client_auth(reader, found)
    sans = reader.texts(found, (_NAME, "client_allowed_sans"))
    if sans is not None and auth != REQUIRE_AND_VERIFY:
        reader.note(
            found["client_allowed_sans"],
            (_NAME, "client_allowed_sans"),
            f"needs client_auth_type: {REQUIRE_AND_VERIFY}; with any other, clients without a certificate come in",
        )
    suites = reader.texts(found, (_NAME, "cipher_suites"))
    low, high = (
        _read_version(reader, found, key, default)
        for key, default in (("min_version", "TLS12"), ("max_version", "TLS13"))
    )
    if low > high:
        reader.note(node, (_NAME, "min_version"), f"{low} is above max_version {high}")
    tls = Tls(
        cert=_read_needed(reader, node, found, "cert", files),
        key=_read_needed(reader, node, found, "key", files),
        client_auth=auth,
        client_ca=_read_authorities(reader, node, found, auth, files),
        allowed_sans=None if sans is None else frozenset(sans),
        min_version=low,
        max_version=high,
        suites=_read_suites(reader, found, suites, low),
        prefers_own_order=reader.switch(found, (_NAME, "prefer_server_cipher_suites"), default=True),
        curve=_read_curve(reader, found),
    )
    return tls, files


def lacks_http2_suite(tls: Tls) -> bool:
    """Whether HTTP/2 forbids this choice of cipher suites."""
    return bool(tls.suites) and tls.min_version == "TLS12" and not _HTTP2_SUITES.intersection(tls.suites)


def _read_pem(reader: Reader, found: Nodes, key: str, files: list[str]) -> bytes | None:
    """The PEM of `key` or of the file `key`_file, None where neither is given. Empty where it cannot be read."""
    text, path = reader.text(found, (_NAME, key)), reader.text(found, (_NAME, f"{key}_file"))
    if text and path:
        reader.note(found[key], (_NAME, key), f"give {key} or {key}_file, not both")
        return b""
    if not path:
        return text.encode(errors="replace") if text else None  # a lone surrogate, which is no PEM
    path = os.path.join(os.path.dirname(os.path.abspath(reader.file)), path)
    files.append(path)
    try:
        return read_regular(path)
    except (OSError, ValueError) as error:  # ValueError: a NUL in the path
        reason = getattr(error, "strerror", None) or error
        reader.note(found[f"{key}_file"], (_NAME, f"{key}_file"), f"{path!r} cannot be read: {reason}")
        return b""


def _read_needed(reader: Reader, node: yaml.Node, found: Nodes, key: str, files: list[str]) -> bytes:
    pem = _read_pem(reader, found, key, files)
    if pem is None:
        reader.note(node, (_NAME, f"{key}_file"), "is missing")
    return pem or b""


def _read_client_auth(reader: Reader, found: Nodes) -> str:
    place = (_NAME, "client_auth_type")
    if (text := reader.text(found, place)) in _NOT_VERIFIED:
        reader.note(
            found["client_auth_type"],
            place,
            f"{text} is not supported, since this server verifies each certificate that it asks for: "
            f"use {REQUIRE_AND_VERIFY}, with client_ca_file",
        )
        return NO_CLIENT_CERT
    return reader.choice(found, place, CLIENT_AUTH, NO_CLIENT_CERT)


def _read_authorities(
    reader: Reader, node: yaml.Node, found: Nodes, auth: str, files: list[str]
) -> frozenset[str] | None:
    place = (_NAME, "client_ca_file" if "client_ca_file" in found else "client_ca")
    pem = _read_pem(reader, found, "client_ca", files)
    if pem is None:
        if auth != REQUIRE_AND_VERIFY:
            return None
        reader.note(
            node,
            (_NAME, "client_ca_file"),
            "is missing, and client_auth_type needs it: without it, any certificate from a public CA would be accepted",
        )
        return frozenset()
    authorities = frozenset(block.decode() for block in _CERTIFICATE.findall(pem))
    if pem and not authorities:
        reader.note(found[place[-1]], place, "holds no certificate in PEM")
    if auth == NO_CLIENT_CERT:
        reader.note(
            found[place[-1]],
            place,
            f"without client_auth_type lets all clients in: add client_auth_type: {REQUIRE_AND_VERIFY}",
        )
    return authorities


def _read_version(reader: Reader, found: Nodes, key: str, default: str) -> str:
    place = (_NAME, key)
    if (text := reader.text(found, place)) in _OLD_VERSIONS:
        reader.note(found[key], place, f"OpenSSL does not allow {text} any more: use TLS12 or TLS13")
        return default
    return reader.choice(found, place, VERSIONS, default)


def _read_suites(reader: Reader, found: Nodes, names: Sequence[str] | None, min_version: str) -> tuple[str, ...]:
    place = (_NAME, "cipher_suites")
    if names is None:
        return ()
    node = found["cipher_suites"]
    for name in names:
        if name not in SUITES and name not in SUITES_OF_TLS13:
            reader.note(node, place, f"{name!r} is not a cipher suite that Go calls secure")
    newest = SUITES_OF_TLS13.intersection(names)
    if newest and newest != SUITES_OF_TLS13:
        missing = ", ".join(sorted(SUITES_OF_TLS13 - newest))
        reader.note(node, place, f"the suites of TLS 1.3 cannot be chosen from: name none of them, or {missing} too")
    suites = tuple(dict.fromkeys(SUITES[name] for name in names if name in SUITES))
    if not suites and min_version == "TLS12":
        reader.note(node, place, "names no suite of TLS 1.2: add one, or set min_version: TLS13")
    return suites


def _read_curve(reader: Reader, found: Nodes) -> str:
    place = (_NAME, "curve_preferences")
    names = reader.texts(found, place) or []
    for name in names:
        if name not in CURVES:
            reader.note(found[place[-1]], place, f"{name!r} is not valid. Valid here: {', '.join(CURVES)}")
    if len(names) > 1:
        reader.note(found[place[-1]], place, "a list of curves is not supported: name one, or leave it out")
    return CURVES.get(names[0], "") if names else ""
