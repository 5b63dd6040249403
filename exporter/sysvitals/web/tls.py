"""TLS. Imported only where it is configured: OpenSSL takes 6 MiB."""

import os
import ssl
from collections.abc import Iterator
from contextlib import contextmanager
from ipaddress import ip_address
from typing import Any

from sysvitals.config.errors import ConfigError
from sysvitals.config.web_tls import NO_CLIENT_CERT, REQUIRE_AND_VERIFY, Tls

_VERSIONS = {"TLS12": ssl.TLSVersion.TLSv1_2, "TLS13": ssl.TLSVersion.TLSv1_3}


def build_tls(tls: Tls) -> ssl.SSLContext:
    """A new context, which knows no session of an older one. Raises ConfigError with one line."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = _VERSIONS[tls.min_version]
    context.maximum_version = _VERSIONS[tls.max_version]
    context.options |= ssl.OP_NO_RENEGOTIATION  # OpenSSL before 3 takes it: a handshake as often as a client likes
    try:
        if tls.suites:
            context.set_ciphers(":".join(tls.suites))
        if tls.curve:
            context.set_ecdh_curve(tls.curve)
    except (ssl.SSLError, ValueError) as error:
        raise ConfigError([f"tls_server_config: OpenSSL does not allow these suites or this curve: {error}"]) from error
    if not tls.prefers_own_order:
        context.options &= ~ssl.OP_CIPHER_SERVER_PREFERENCE
    _load_certificate(context, tls)
    if tls.client_auth != NO_CLIENT_CERT:
        _verify_clients(context, tls)
    return context


def _load_certificate(context: ssl.SSLContext, tls: Tls) -> None:
    # Python takes certificate and key by path alone, and an inline key must not be written to a disk
    with _in_memory(tls.cert) as cert, _in_memory(tls.key) as key:
        try:
            # an empty password: without one, OpenSSL would ask the terminal for that of an encrypted key
            context.load_cert_chain(cert, key, password="")
        except (OSError, ValueError) as error:
            raise ConfigError([f"tls_server_config: {_explain(error, tls.key)}"]) from error


def _explain(error: Exception, key: bytes) -> str:
    reason = getattr(error, "reason", None) or ""
    if reason.endswith("_MISMATCH"):
        return "the key does not match the certificate"
    if b"ENCRYPTED" in key:
        return "the key has a passphrase: remove it (openssl pkey -in KEY -out NEW)"
    more = f" ({reason.lower().replace('_', ' ')})" if reason else ""
    return f"certificate and key cannot be used: expected both in PEM{more}"


def _verify_clients(context: ssl.SSLContext, tls: Tls) -> None:
    # as Go does it, each given certificate is an authority, with or without those above it
    context.verify_flags |= ssl.VERIFY_X509_PARTIAL_CHAIN
    context.verify_mode = ssl.CERT_REQUIRED if tls.client_auth == REQUIRE_AND_VERIFY else ssl.CERT_OPTIONAL
    if tls.client_ca is None:
        context.load_default_certs(ssl.Purpose.CLIENT_AUTH)
    elif tls.client_ca:
        try:
            context.load_verify_locations(cadata="\n".join(sorted(tls.client_ca)))
        except (OSError, ValueError) as error:
            reason = getattr(error, "reason", None) or str(error)
            raise ConfigError([f"tls_server_config: the authorities for clients cannot be used ({reason})"]) from error
    context.sslobject_class = _check_names(tls.allowed_sans)


def _check_names(allowed: frozenset[str] | None) -> type[ssl.SSLObject]:
    """A connection whose handshake fails where a certificate cannot be read, or has none of the names allowed."""

    class Checked(ssl.SSLObject):
        def do_handshake(self) -> None:
            super().do_handshake()
            try:
                names = find_names(self.getpeercert() or {})
            except ValueError as error:  # which asyncio, that reads it too, would take for an error of ours
                raise ssl.SSLCertVerificationError(f"the certificate cannot be read: {error}") from error
            if allowed is not None and allowed.isdisjoint(names):
                raise ssl.SSLCertVerificationError("the certificate has no name of client_allowed_sans")

    return Checked


def find_names(certificate: Any) -> set[str]:
    """The alternative names of a certificate as Go writes them: DNS names, e-mail and IP addresses, URIs.

    Raises ValueError for an IP address that is none.
    """
    return {
        str(ip_address(value.strip())) if kind == "IP Address" else value
        for kind, value in certificate.get("subjectAltName", ())
        if kind in ("DNS", "email", "IP Address", "URI")
    }


@contextmanager
def _in_memory(content: bytes) -> Iterator[str]:
    """The path of a file that is in memory alone."""
    descriptor = os.memfd_create("pem", os.MFD_CLOEXEC)
    try:
        os.write(descriptor, content)
        yield f"/proc/self/fd/{descriptor}"
    finally:
        os.close(descriptor)
