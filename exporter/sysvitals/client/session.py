"""Asks HTTP servers that may mean harm. It imports `requests`, which takes a small board a second.

Nothing that a server says makes the program ask another one, keep more than a few bytes, or show a password.
"""

import http.client
import io
import socket
import ssl
import time
from collections.abc import Iterator
from typing import Any

import requests
import urllib3
from requests.adapters import HTTPAdapter
from requests.auth import HTTPBasicAuth

from sysvitals import __version__
from sysvitals.client.access import Access
from sysvitals.client.address import Address

CHUNK_BYTES = 1 << 16
_TLS_SECONDS = 2.0
_MOST_LINES = 300
"""How many lines may follow each other without content: an answer's head has at most 100."""
_LINES_SECONDS = 30.0
"""How long that may take, from the first byte."""


class _Reader(io.BufferedReader):
    """What a server sends. An endless head (100 Continue, again and again) or trailer is no answer."""

    _lines = 0
    _began: float | None = None

    def readline(self, size: int | None = -1, /) -> bytes:
        self._lines += 1
        if self._lines > _MOST_LINES:
            raise http.client.HTTPException("a head or trailer without end")
        most = CHUNK_BYTES if size is None or size < 0 else size
        line = bytearray()
        while len(line) < most and not line.endswith(b"\n") and (ready := self.peek(1)):
            now = time.monotonic()
            self._began = now if self._began is None else self._began
            if now - self._began > _LINES_SECONDS:
                raise http.client.HTTPException("a head or trailer that takes too long")
            line += super().read(min(ready.find(b"\n") + 1 or len(ready), most - len(line)))
        return bytes(line)

    def read(self, size: int | None = -1, /) -> bytes:
        self._begin_lines()
        return super().read(size)

    def read1(self, size: int = -1, /) -> bytes:
        self._begin_lines()
        return super().read1(size)

    def readinto(self, buffer: Any, /) -> int:
        self._begin_lines()
        return super().readinto(buffer)

    def _begin_lines(self) -> None:
        self._lines, self._began = 0, None


class _Response(http.client.HTTPResponse):
    def __init__(self, sock: socket.socket, *arguments: Any, **options: Any) -> None:
        super().__init__(sock, *arguments, **options)
        self.fp: io.BufferedReader = _Reader(self.fp.detach())


class _Connection(urllib3.connection.HTTPConnection):
    response_class = _Response


class _TlsConnection(urllib3.connection.HTTPSConnection):
    response_class = _Response


class _Pool(urllib3.HTTPConnectionPool):
    ConnectionCls = _Connection


class _TlsPool(urllib3.HTTPSConnectionPool):
    ConnectionCls = _TlsConnection


class _Adapter(HTTPAdapter):
    def init_poolmanager(self, *arguments: Any, **options: Any) -> None:
        super().init_poolmanager(*arguments, **options)
        self.poolmanager.pool_classes_by_scheme = {"http": _Pool, "https": _TlsPool}

    def proxy_manager_for(self, proxy: str, **options: Any) -> Any:
        manager = super().proxy_manager_for(proxy, **options)
        if not proxy.lower().startswith("socks"):
            manager.pool_classes_by_scheme = {"http": _Pool, "https": _TlsPool}
        return manager


class Session(requests.Session):
    """Questions to one server, with what it wants to be shown. What the address says outweighs the file."""

    def __init__(self, address: Address, access: Access, *, program: str, direct: bool = False) -> None:
        """`direct`: it is on this machine, so neither a proxy is asked nor whose name its certificate bears."""
        super().__init__()
        for scheme in ("http://", "https://"):
            self.mount(scheme, _Adapter())
        self.headers["User-Agent"] = f"{program}/{__version__}"
        # compressed, a few bytes could become gigabytes
        self.headers["Accept-Encoding"] = "identity"
        self.trust_env = not direct
        if direct and not access.ca_file:
            self.verify = False
        elif access.ca_file or not access.checks_certificate:
            self.verify = access.ca_file if access.checks_certificate and access.ca_file else False
        if self.verify is False:
            urllib3.disable_warnings(urllib3.exceptions.InsecureRequestWarning)
        if access.cert_file:
            self.cert = (access.cert_file, access.key_file) if access.key_file else access.cert_file
        shown = address if address.user is not None else access
        if shown.user is not None:
            # as bytes, since texts could be Latin-1 only
            self.auth = HTTPBasicAuth(shown.user.encode(), (shown.password or "").encode())
        elif access.token:
            self.auth = _Token(access.token)

    def merge_environment_settings(self, url, proxies, stream, verify, cert):  # type: ignore[no-untyped-def]  # noqa: ANN001, ANN201
        """As `requests` does, but the environment's authorities do not outweigh those that were given."""
        given = verify if self.verify is True else self.verify
        return super().merge_environment_settings(url, proxies, stream, given, cert)

    def get_redirect_target(self, resp: requests.Response) -> str | None:  # noqa: ARG002
        """None: no server sends us to another, with our password or without."""
        return None


class _Token(requests.auth.AuthBase):
    def __init__(self, token: str) -> None:
        self._token = token

    def __call__(self, request: requests.PreparedRequest) -> requests.PreparedRequest:
        request.headers["Authorization"] = self._token
        return request


def read_parts(answer: requests.Response) -> Iterator[bytes]:
    """The content as it comes, in parts of at most 64 KiB. Raises OSError, urllib3's HTTPError.

    `requests` itself would wait for whole parts, however long the server says that they are.
    """
    if answer.headers.get("Content-Encoding", "identity").lower() != "identity":
        raise urllib3.exceptions.DecodeError("the answer is compressed, though that was not asked for")
    if not hasattr(answer.raw, "read1"):  # urllib3 before 2, as in Debian 12
        yield from _read_parts(answer.raw)
        return
    while part := answer.raw.read1(CHUNK_BYTES, decode_content=False):
        yield part


def _read_parts(raw: Any) -> Iterator[bytes]:
    left: int | None = raw.length_remaining
    with raw._error_catcher():  # noqa: SLF001  # gives errors the same names
        # http.client (3.11) does not count what it has read in parts, and would wait for more than there is
        while left != 0 and (part := raw._fp.read1(min(CHUNK_BYTES, left or CHUNK_BYTES))):  # noqa: SLF001
            left = left and left - len(part)
            yield part
        if left:
            raise http.client.IncompleteRead(b"", left)


def speaks_tls(address: Address) -> bool:
    """Whether a server that did not answer in plain text does so by TLS."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE  # nothing is said to it
    try:
        with (
            socket.create_connection((address.host, address.port), timeout=_TLS_SECONDS) as connection,
            context.wrap_socket(connection),
        ):
            return True
    except ssl.SSLError as error:  # one that refuses us by TLS, such as for another version, speaks it all the same
        return "ALERT" in (error.reason or "")
    except OSError:
        return False
