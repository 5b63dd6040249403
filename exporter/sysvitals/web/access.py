"""Names and passwords. Imported only where a file asks for them: hashlib alone takes 4 MiB."""

import base64
import hmac
import secrets
from collections import OrderedDict
from collections.abc import Mapping
from hashlib import sha256

from sysvitals.config.errors import ConfigError
from sysvitals.config.web_config import WebConfig
from sysvitals.web.http.messages import Answer, App, Request, Response, respond_text
from sysvitals.web.http.pool import Pool

_REMEMBERED = 32
_NOBODY = "$2b$10$uO1FQK9tRzGuUhTtSY1cieNBMXWcX7ZHUwHX9UqGdv7QWvTrmXA1G"
"""Compared where there is no such user: without it the time of the answer would show which names exist."""

_THREADS = 1
"""A comparison takes a whole core: guesses must not take two."""

_CHECKS = 16
_CHECKS_OF_A_CLIENT = 4
"""How many passwords of one address are compared or wait for it: guesses must not keep others out."""

COOKIE = "sysvitals-live"


class Guard:
    """Pass on the requests with a name and a password of `config.users`; all where there are none.

    What was right once is remembered (as a keyed digest), for a comparison costs a small board most of a second. Some
    browsers send no password with a WebSocket: the page's answer carries a cookie that opens just that.
    """

    def __init__(self, app: App, config: WebConfig) -> None:
        self._app = app
        self._key = secrets.token_bytes(32)
        self._ticket = secrets.token_urlsafe(32)
        self._known: OrderedDict[bytes, None] = OrderedDict()
        self._pool = Pool("password", threads=_THREADS, most=_CHECKS, most_of_client=_CHECKS_OF_A_CLIENT)
        self.config = config

    def replace(self, config: WebConfig) -> None:
        """From now on this is in force. Whoever used a password that changed must give the new one."""
        if config.users != self.config.users:
            self._known.clear()
            self._ticket = secrets.token_urlsafe(32)
        self.config = config

    async def __call__(self, request: Request) -> Answer:
        """Answer what may come in, and refuse the rest."""
        if self.config.users and not await self._is_let_in(request):
            return _refuse()
        answer = await self._app(request)
        headers = {**answer.headers, **{name.lower(): text for name, text in self.config.headers.items()}}
        if self.config.users and request.path == "/":
            headers["set-cookie"] = self._make_cookie(is_secure=request.is_secure)
        return answer._replace(headers=headers)

    async def _is_let_in(self, request: Request) -> bool:
        if request.is_upgrade and self._has_ticket(request.headers.get("cookie", "")):
            return True
        given = request.headers.get("authorization", "")
        digest = hmac.digest(self._key, given.encode(), sha256)
        if digest in self._known:
            self._known.move_to_end(digest)
            return True
        user, password = parse_basic(given)
        if user is None:
            return False
        users = self.config.users
        if not await self._pool.run(request.client, lambda: check_password(users, user, password)):
            return False
        self._known[digest] = None
        if len(self._known) > _REMEMBERED:
            self._known.popitem(last=False)
        return True

    def _has_ticket(self, cookies: str) -> bool:
        values = (cookie.strip().partition("=") for cookie in cookies.split(";"))
        wanted = self._ticket.encode()
        return any(name == COOKIE and hmac.compare_digest(value.encode(), wanted) for name, _, value in values)

    def _make_cookie(self, *, is_secure: bool) -> str:
        secure = "; Secure" if is_secure else ""
        return f"{COOKIE}={self._ticket}; HttpOnly; SameSite=Strict{secure}"


def parse_basic(header: str) -> tuple[str | None, str]:
    """Name and password of an Authorization header; no name where it is none."""
    scheme, _, coded = header.partition(" ")
    try:
        text = base64.b64decode(coded.strip(), validate=True).decode() if scheme.lower() == "basic" else ""
    except ValueError:  # not base64, or not UTF-8
        return None, ""
    user, colon, password = text.partition(":")
    return (user, password) if colon else (None, "")


def check_password(users: Mapping[str, str], user: str, password: str) -> bool:
    """Whether this is that user's password. Takes as long for a user who is not there."""
    import bcrypt  # noqa: PLC0415  # only passwords need it

    hashed = users.get(user, _NOBODY).encode()
    try:
        is_right = bcrypt.checkpw(password.encode()[:72], hashed.replace(b"$2y$", b"$2b$", 1))
    except ValueError:
        return False
    return is_right and user in users


def require_bcrypt(config: WebConfig) -> None:
    """Raises ConfigError where passwords are wanted and what compares them is not installed."""
    if not config.users:
        return
    try:
        import bcrypt  # noqa: F401, PLC0415
    except ImportError as error:
        raise ConfigError(["basic_auth_users needs bcrypt: install sysvitals with its extra auth"]) from error


def _refuse() -> Response:
    headers = {"www-authenticate": 'Basic realm="sysvitals", charset="UTF-8"'}
    return respond_text(401, "a name and a password are needed\n", headers)
