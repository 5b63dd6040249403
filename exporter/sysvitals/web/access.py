"""Who may come in: passwords and TLS, in front of everything that is served."""

import asyncio
import base64
import binascii
import hmac
import secrets
import ssl
from collections import OrderedDict
from collections.abc import Mapping
from hashlib import sha256
from http.cookies import CookieError, SimpleCookie

from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from sysvitals.config.errors import ConfigError
from sysvitals.config.web_config import Tls, WebConfig

_REMEMBERED = 32
_NOBODY = "$2b$10$uO1FQK9tRzGuUhTtSY1cieNBMXWcX7ZHUwHX9UqGdv7QWvTrmXA1G"
"""Compared with where no such user is: else the time that the answer takes would tell names from inventions."""

COOKIE = "sysvitals-live"


class Guard:
    """An ASGI application that lets in who gives a name and a password of `config.users`; all where there are none.

    What was right once is remembered (as a keyed digest), for a comparison costs a small board most of a second. Some
    browsers send no password with a WebSocket: the page's answer carries a cookie that opens just that.
    """

    def __init__(self, app: ASGIApp, config: WebConfig) -> None:
        self._app = app
        self._key = secrets.token_bytes(32)
        self._ticket = secrets.token_urlsafe(32)
        self._known: OrderedDict[bytes, None] = OrderedDict()
        self.config = config

    def replace(self, config: WebConfig) -> None:
        """From now on this is in force; who came in by a password that changed does not any more."""
        if config.users != self.config.users:
            self._known.clear()
            self._ticket = secrets.token_urlsafe(32)
        self.config = config

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass on what may come in, and refuse the rest."""
        if scope["type"] not in ("http", "websocket"):
            await self._app(scope, receive, send)
            return
        headers = Headers(scope=scope)
        if self.config.users and not await self._is_let_in(scope, headers):
            await _refuse(scope, receive, send)
            return

        async def send_marked(message: Message) -> None:
            if message["type"] == "http.response.start":
                marked = MutableHeaders(raw=list(message["headers"]))
                for name, text in self.config.headers.items():
                    marked[name] = text
                if self.config.users and scope["path"] == "/":
                    marked.append("set-cookie", self._make_cookie(scope))
                message = {**message, "headers": marked.raw}
            await send(message)

        await self._app(scope, receive, send_marked)

    async def _is_let_in(self, scope: Scope, headers: Headers) -> bool:
        if scope["type"] == "websocket" and self._has_ticket(headers):
            return True
        given = headers.get("authorization", "")
        digest = hmac.digest(self._key, given.encode(), sha256)
        if digest in self._known:
            self._known.move_to_end(digest)
            return True
        user, password = parse_basic(given)
        if user is None:
            return False
        if not await asyncio.to_thread(check_password, self.config.users, user, password):
            return False
        self._known[digest] = None
        if len(self._known) > _REMEMBERED:
            self._known.popitem(last=False)
        return True

    def _has_ticket(self, headers: Headers) -> bool:
        try:
            cookie = SimpleCookie(headers.get("cookie", "")).get(COOKIE)
        except CookieError:
            return False
        return cookie is not None and hmac.compare_digest(cookie.value.encode(), self._ticket.encode())

    def _make_cookie(self, scope: Scope) -> str:
        secure = "; Secure" if scope.get("scheme") == "https" else ""
        return f"{COOKIE}={self._ticket}; HttpOnly; SameSite=Strict{secure}"


def parse_basic(header: str) -> tuple[str | None, str]:
    """Name and password of an Authorization header; no name where it is none."""
    scheme, _, coded = header.partition(" ")
    try:
        text = base64.b64decode(coded.strip(), validate=True).decode() if scheme.lower() == "basic" else ""
    except (binascii.Error, UnicodeDecodeError):
        return None, ""
    user, colon, password = text.partition(":")
    return (user, password) if colon else (None, "")


def check_password(users: Mapping[str, str], user: str, password: str) -> bool:
    """Whether this is that user's password. Takes as long for a user who is not there."""
    import bcrypt  # noqa: PLC0415  # only those need it who use passwords

    hashed = users.get(user, _NOBODY).encode()
    try:
        is_right = bcrypt.checkpw(password.encode()[:72], hashed.replace(b"$2y$", b"$2b$", 1))
    except ValueError:
        return False
    return is_right and user in users


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


def require_bcrypt(config: WebConfig) -> None:
    """Raises ConfigError where passwords are wanted and what compares them is not installed."""
    if not config.users:
        return
    try:
        import bcrypt  # noqa: F401, PLC0415
    except ImportError as error:
        raise ConfigError(["basic_auth_users needs bcrypt: install sysvitals with its extra auth"]) from error


async def _refuse(scope: Scope, receive: Receive, send: Send) -> None:
    if scope["type"] == "websocket":
        await receive()
        await send({"type": "websocket.close", "code": 1008, "reason": "no password"})
        return
    headers = [(b"www-authenticate", b'Basic realm="sysvitals", charset="UTF-8"'), (b"content-type", b"text/plain")]
    await send({"type": "http.response.start", "status": 401, "headers": headers})
    await send({"type": "http.response.body", "body": b"a name and a password are needed\n"})


def _reason(error: OSError) -> str:
    return error.strerror or getattr(error, "reason", "") or str(error)
