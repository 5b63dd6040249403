"""What goes wrong with a question over HTTP, in one line each, with what to do about it."""

import json
import ssl
from collections.abc import Iterator
from socket import gaierror

import requests

from sysvitals.doctor.address import Address

_UNAUTHORIZED, _FORBIDDEN, _NOT_FOUND = 401, 403, 404
_GATEWAY = (502, 503, 504)
_NO_TLS = ("WRONG_VERSION_NUMBER", "RECORD_LAYER_FAILURE", "UNKNOWN_PROTOCOL", "HTTP_REQUEST")
_BROKEN_OFF = ("RemoteDisconnected", "ProtocolError", "IncompleteRead", "BadStatusLine", "ChunkedEncodingError")
_SHOWN_CHARACTERS = 200


class Trouble(Exception):  # noqa: N818  # a finding, not a fault of this program
    """No good answer came: `text` says why, in one line; `remedy` what to do.

    `kind` is `unknown` (no such name), `refused`, `silent`, `tls`, `status` or `content`; `status` is that of HTTP.
    """

    def __init__(self, kind: str, text: str, remedy: str, *, status: int | None = None) -> None:
        super().__init__(text)
        self.kind = kind
        self.text = text
        self.remedy = remedy
        self.status = status


def silence(address: Address, seconds: float) -> Trouble:
    """It did not answer in that time."""
    text = f"{address.url} does not answer within {seconds:g} s"
    return Trouble("silent", text, "is the machine up, and does a firewall let this port through?")


def strange(address: Address, name: str, what: str = "") -> Trouble:
    """It answered, and is not what it should be."""
    text = f"{address.url} answers{what}, but not as {name} does"
    return Trouble("content", text, "a login page, a proxy, or another server is behind this address")


def explain_status(address: Address, name: str, path: str, status: int, content: bytes) -> Trouble:
    """An answer that is no success. `name` is what the server is called."""
    said = _said(content)
    text, remedy = f"{address.url} answers {status}{f': {said}' if said else ''}", f"the log of {name} may say more"
    if "HTTPS server" in said:
        return Trouble("tls", f"{address.url} speaks HTTPS", "write https:// instead of http://", status=status)
    if status == _UNAUTHORIZED:
        refused = "takes neither this name nor this password" if address.user else "wants a name and a password"
        text = f"{address.url} {refused} (401)"
        remedy = "write them into the address, http://NAME:PASSWORD@HOST:PORT, or into ~/.netrc"
    elif status == _FORBIDDEN:
        text, remedy = f"{address.url} refuses to answer (403)", "ask with another name, or from another place"
    elif status == _NOT_FOUND:
        text = f"{address.url}{path} does not exist (404)"
        remedy = f"is that the address of {name}, with the path in front of it if it has one?"
    elif status in _GATEWAY and not said:
        text = f"{address.url}: a proxy answers, {name} behind it does not ({status})"
        remedy = f"is {name} running? its log says more"
    return Trouble("status", text, remedy, status=status)


def explain_error(address: Address, name: str, error: BaseException, patience_seconds: float) -> Trouble:
    """An answer that never came."""
    url = address.url
    causes = list(_causes(error))
    if isinstance(error, requests.exceptions.ProxyError):
        remedy = "NO_PROXY=HOST lets questions to that host past the proxy that HTTP_PROXY or HTTPS_PROXY names"
        return Trouble("silent", f"{url}: the proxy of the environment does not lead there", remedy)
    if any(isinstance(cause, gaierror) or type(cause).__name__ == "NameResolutionError" for cause in causes):
        remedy = "is the name right? try the IP address"
        return Trouble("unknown", f"{address.host}: no such host is known here", remedy)
    if tls := next((cause for cause in causes if isinstance(cause, ssl.SSLError)), None):
        return _explain_tls(address, tls)
    if any(isinstance(cause, ConnectionRefusedError) for cause in causes):
        remedy = f"{name} is not running there, listens on another port, or only on its own machine's 127.0.0.1"
        return Trouble("refused", f"{url} refuses the connection", remedy)
    if any(isinstance(cause, requests.exceptions.Timeout | TimeoutError) for cause in causes):
        return silence(address, patience_seconds)
    return _explain_connection(url, causes)


def _explain_connection(url: str, causes: list[BaseException]) -> Trouble:
    if isinstance(causes[0], requests.exceptions.TooManyRedirects):
        return Trouble("content", f"{url} leads round in a circle", "a proxy before it sends every question back")
    numbered = next((cause for cause in causes if isinstance(cause, OSError) and cause.errno and cause.strerror), None)
    if isinstance(numbered, ConnectionError) or any(type(cause).__name__ in _BROKEN_OFF for cause in causes):
        return Trouble("content", f"{url} hangs up in the middle", "is that port HTTP at all?")
    if numbered is not None:
        text = f"{url} cannot be reached: {(numbered.strerror or '').lower()}"
        return Trouble("silent", text, "are both machines on the network?")
    return Trouble("content", f"{url} cannot be asked: {type(causes[0]).__name__}", f"what does curl {url} say?")


def _explain_tls(address: Address, error: ssl.SSLError) -> Trouble:
    if isinstance(error, ssl.SSLCertVerificationError):
        remedy = "REQUESTS_CA_BUNDLE=FILE names the authority that signed it, if it is your own"
        return Trouble("tls", f"{address.url}: its certificate is not trusted: {error.verify_message}", remedy)
    if error.reason in _NO_TLS:
        return Trouble("tls", f"{address.url} does not speak HTTPS", "write http:// instead of https://")
    reason = (error.reason or "no reason given").lower().replace("_", " ")
    return Trouble("tls", f"{address.url}: TLS fails: {reason}", f"what does curl {address.url} say?")


def _causes(error: BaseException) -> Iterator[BaseException]:
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


def _said(content: bytes) -> str:
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
    line = "".join(letter if letter.isprintable() else " " for letter in text.strip())
    return line if len(line) <= _SHOWN_CHARACTERS else f"{line[:_SHOWN_CHARACTERS]}..."
