"""What an answer that is no success, or none at all, says of its reason."""

import json
import ssl
from collections.abc import Iterator

import requests

from sysvitals.client.access import FLAG
from sysvitals.client.address import Address
from sysvitals.model.visible import visible

_SHOWN_CHARACTERS = 200
_REFUSES_CLIENT = ("CERTIFICATE_REQUIRED", "BAD_CERTIFICATE", "CERTIFICATE_UNKNOWN", "UNKNOWN_CA", "HANDSHAKE_FAILURE")
"""Ends of the TLS alerts with which servers refuse a client for its certificate."""

GIVE_CERTIFICATE = f"name one that it accepts in a file: {FLAG}=FILE, tls_config: cert_file, key_file"


def find_causes(error: BaseException) -> Iterator[BaseException]:
    """The error and what it was made of: requests wraps urllib3, which wraps the system's errors, each in its way."""
    waiting, seen = [error], set()
    while waiting:
        found = waiting.pop(0)
        if id(found) in seen:
            continue
        seen.add(id(found))
        yield found
        inner = (found.__cause__, found.__context__, getattr(found, "reason", None), *found.args)
        waiting += [cause for cause in inner if isinstance(cause, BaseException)]


def explain_client_certificate(address: Address, error: BaseException) -> str:
    """Why a server hung up before it answered, where the client's certificate is the likely reason; else empty.

    Not every server says so by an alert, and a connection that is reset loses it.
    """
    if not isinstance(error, requests.RequestException):  # it answered, and broke off later
        return ""
    causes = list(find_causes(error))
    tls = next((cause for cause in causes if isinstance(cause, ssl.SSLError)), None)
    if tls is not None and (tls.reason or "").endswith(_REFUSES_CLIENT):
        return (
            f"requires a client certificate, or refuses the one it got ({(tls.reason or '').lower().replace('_', ' ')})"
        )
    was_cut = any(isinstance(cause, ConnectionError | ssl.SSLEOFError) for cause in causes) and not any(
        isinstance(cause, ConnectionRefusedError) for cause in causes
    )
    if was_cut and address.url.startswith("https://"):
        return "closes the connection: it probably requires a client certificate, or another one"
    return ""


def read_words(content: bytes) -> str:
    """What an answer that is no success says for people, in one line."""
    text = content.decode("utf-8", "replace").strip()
    if text.startswith("<"):
        return ""
    try:
        answer = json.loads(text)
        found = answer if isinstance(answer, str) else answer.get("error") or answer.get("message")
        text = str(found or "")
    except (ValueError, AttributeError, RecursionError):
        pass  # it is no JSON, and says what it says
    return shorten(visible(" ".join(text.split())))


def shorten(text: str) -> str:
    """A text of someone else's in a message."""
    return text if len(text) <= _SHOWN_CHARACTERS else f"{text[:_SHOWN_CHARACTERS]}..."
