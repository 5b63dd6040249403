"""What goes wrong with a question over HTTP, in one line each, with what to do about it."""

import ssl
from collections.abc import Callable
from socket import gaierror
from urllib.parse import urlsplit

import requests
from urllib3.exceptions import DecodeError

from sysvitals.client.access import FLAG
from sysvitals.client.address import Address
from sysvitals.client.failures import GIVE_CERTIFICATE, explain_client_certificate, find_causes, read_words, shorten

_UNAUTHORIZED, _FORBIDDEN, _NOT_FOUND, _MISDIRECTED = 401, 403, 404, 421
GATEWAY = (502, 503, 504)
"""Statuses of a server that asked another one in vain."""
_NO_TLS = ("WRONG_VERSION_NUMBER", "RECORD_LAYER_FAILURE", "UNKNOWN_PROTOCOL", "HTTP_REQUEST")
_BROKEN_OFF = ("RemoteDisconnected", "ProtocolError", "IncompleteRead", "BadStatusLine", "ChunkedEncodingError")
_OTHER_SERVER = "a login page, a proxy, or another server is behind this address"


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
    return Trouble("content", text, _OTHER_SERVER)


def explain_redirect(address: Address, location: str) -> Trouble:
    """It sends elsewhere, where we do not go: that server may be anyone's."""
    parts = urlsplit(location)
    shown = parts._replace(netloc=parts.netloc.rpartition("@")[2], query="", fragment="").geturl()
    text = f"{address.url} redirects to {shorten(shown)}"
    return Trouble("content", text, "redirects are not followed: if that is the right address, give it")


def explain_status(  # noqa: PLR0913  # what was asked, and what came
    address: Address, name: str, path: str, status: int, content: bytes, *, knew_password: bool = False
) -> Trouble:
    """An answer that is no success. `name` is what the server is called; `knew_password`: it was shown one."""
    said = read_words(content)
    text, remedy = f"{address.url} answers {status}{f': {said}' if said else ''}", f"the log of {name} may say more"
    if "HTTPS server" in said:
        return _wants_https(address, status)
    if status == _UNAUTHORIZED:
        if knew_password:
            text = f"{address.url}: wrong user or password (401)"
            remedy = f"correct them where they come from: the address, the file of {FLAG}, or ~/.netrc"
        else:
            text = f"{address.url} requires a user and a password (401)"
            remedy = f"{FLAG}=FILE, with basic_auth: username and password"
    elif status == _FORBIDDEN:
        text, remedy = f"{address.url} refuses to answer (403)", "ask with another name, or from another place"
    elif status == _MISDIRECTED and said:
        remedy = f"allow that name where {name} runs, or ask it by its IP address"
    elif status == _NOT_FOUND:
        text = f"{address.url}{path} does not exist (404)"
        remedy = f"is that the address of {name}, with the path in front of it if it has one?"
    elif status in GATEWAY and not said:
        text = f"{address.url}: a proxy answers, {name} behind it does not ({status})"
        remedy = f"is {name} running? its log says more"
    return Trouble("status", text, remedy, status=status)


def explain_error(  # noqa: PLR0911  # one for each kind
    address: Address,
    name: str,
    error: BaseException,
    patience_seconds: float,
    *,
    speaks_tls: Callable[[Address], bool] = lambda _: False,
) -> Trouble:
    """An answer that never came. `speaks_tls` finds out whether the server expected TLS."""
    url = address.url
    causes = list(find_causes(error))
    if isinstance(error, requests.exceptions.ProxyError):
        remedy = "NO_PROXY=HOST lets questions to that host past the proxy that HTTP_PROXY or HTTPS_PROXY names"
        return Trouble("silent", f"{url}: the proxy of the environment does not lead there", remedy)
    if any(isinstance(cause, gaierror) or type(cause).__name__ == "NameResolutionError" for cause in causes):
        remedy = "is the name right? try the IP address"
        return Trouble("unknown", f"{address.host}: no such host is known here", remedy)
    if why := explain_client_certificate(address, error):
        return Trouble("tls", f"{url} {why}", GIVE_CERTIFICATE)
    if tls := next((cause for cause in causes if isinstance(cause, ssl.SSLError)), None):
        return _explain_tls(address, tls)
    if any(isinstance(cause, ConnectionRefusedError) for cause in causes):
        remedy = f"{name} is not running there, listens on another port, or only on its own machine's 127.0.0.1"
        return Trouble("refused", f"{url} refuses the connection", remedy)
    if any(isinstance(cause, requests.exceptions.Timeout | TimeoutError) for cause in causes):
        return silence(address, patience_seconds)
    wants_https = url.startswith("http://") and speaks_tls(address)
    return _wants_https(address) if wants_https else _explain_connection(url, causes)


def _wants_https(address: Address, status: int | None = None) -> Trouble:
    return Trouble("tls", f"{address.url} speaks HTTPS", "write https:// instead of http://", status=status)


def _explain_connection(url: str, causes: list[BaseException]) -> Trouble:
    if any(isinstance(cause, DecodeError) for cause in causes):
        return Trouble("content", f"{url} compresses its answers, though that was not asked for", _OTHER_SERVER)
    numbered = next((cause for cause in causes if isinstance(cause, OSError) and cause.errno and cause.strerror), None)
    if isinstance(numbered, ConnectionError) or any(type(cause).__name__ in _BROKEN_OFF for cause in causes):
        return Trouble("content", f"{url} hangs up in the middle", "is that port HTTP at all?")
    if numbered is not None:
        text = f"{url} cannot be reached: {(numbered.strerror or '').lower()}"
        return Trouble("silent", text, "are both machines on the network?")
    return Trouble("content", f"{url} cannot be asked: {type(causes[0]).__name__}", f"what does curl {url} say?")


def _explain_tls(address: Address, error: ssl.SSLError) -> Trouble:
    if isinstance(error, ssl.SSLCertVerificationError):
        remedy = f"tls_config: ca_file in a file, {FLAG}=FILE, names the authority that signed it, if it is your own"
        return Trouble("tls", f"{address.url}: its certificate is not trusted: {error.verify_message}", remedy)
    if error.reason in _NO_TLS:
        return Trouble("tls", f"{address.url} does not speak HTTPS", "write http:// instead of https://")
    reason = (error.reason or "no reason given").lower().replace("_", " ")
    return Trouble("tls", f"{address.url}: TLS fails: {reason}", f"what does curl {address.url} say?")
