"""TLS. Imported only where it is configured: OpenSSL takes 6 MiB."""

import ssl

from sysvitals.config.errors import ConfigError
from sysvitals.config.web_config import Tls


def build_tls(tls: Tls) -> ssl.SSLContext:
    """What the server presents, and asks of clients. Raises ConfigError where a file will not do."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion[tls.min_version.replace("TLS1", "TLSv1_")]
    context.maximum_version = ssl.TLSVersion[tls.max_version.replace("TLS1", "TLSv1_")]
    load_certificate(context, tls)
    if tls.client_ca_file:
        try:
            context.load_verify_locations(tls.client_ca_file)
        except (OSError, ssl.SSLError) as error:
            raise ConfigError([f"tls_server_config.client_ca_file: {tls.client_ca_file}: {_reason(error)}"]) from error
        wanted = tls.client_auth_type == "RequireAndVerifyClientCert"
        context.verify_mode = ssl.CERT_REQUIRED if wanted else ssl.CERT_OPTIONAL
    return context


def load_certificate(context: ssl.SSLContext, tls: Tls) -> None:
    """Present this certificate from now on: a renewed one needs no restart. Raises ConfigError."""
    try:
        context.load_cert_chain(tls.cert_file, tls.key_file)
    except (OSError, ssl.SSLError) as error:
        files = f"{tls.cert_file} with {tls.key_file}"
        raise ConfigError([f"tls_server_config: {files}: {_reason(error)}"]) from error


def _reason(error: OSError) -> str:
    return error.strerror or getattr(error, "reason", "") or str(error)
