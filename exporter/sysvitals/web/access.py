"""Who may ask, and how often. Imported only where a file says so: hashlib alone takes 4 MiB."""

import base64
import hmac
import math
import secrets
import shlex
import sys
import time
from collections.abc import Callable, Mapping
from hashlib import sha256

from sysvitals.config.errors import ConfigError
from sysvitals.config.web_config import RateLimit, WebConfig
from sysvitals.web.http.messages import Answer, App, Request, Response, respond_text

COOKIE = "sysvitals-live"
COOKIE_SECONDS = 3600
"""A cookie is valid for the hour in which it was given, and the next."""

_OK = 200
_NEEDS_PASSWORD = {"www-authenticate": 'Basic realm="sysvitals", charset="UTF-8"'}


class Guard:
    """Pass on the requests that a configuration allows, and add its headers to all answers."""

    def __init__(self, app: App, config: WebConfig) -> None:
        self._app = app
        self._config = WebConfig()
        self._users: Users | None = None
        self._bucket: Bucket | None = None
        self.replace(config)

    def replace(self, config: WebConfig) -> None:
        """From now on this is in force. Where a user's hash changed, nothing of that user is remembered."""
        if config.users != self._config.users:
            self._users = None if config.users is None else Users(config.users, self._users)
        if config.rate_limit != self._config.rate_limit:
            self._bucket = None if config.rate_limit is None else Bucket(config.rate_limit)
        self._config = config

    async def __call__(self, request: Request) -> Answer:
        """Answer what may come in, and refuse the rest."""
        answer = await self._answer(request)
        headers = {name.lower(): text for name, text in self._config.headers.items()}
        return answer._replace(headers={**answer.headers, **headers})

    async def _answer(self, request: Request) -> Answer:
        if self._bucket is not None and not self._bucket.take():
            return respond_text(429, "too many requests\n", {"retry-after": str(self._bucket.retry_seconds)})
        while (users := self._users) is not None:
            is_let_in = await users.lets_in(request)
            if users is not self._users:
                continue  # they changed meanwhile
            if not is_let_in:
                return respond_text(401, "a name and a password are needed\n", _NEEDS_PASSWORD)
            return users.give_cookie(request, await self._app(request))
        return await self._app(request)


class Users:
    """Those who may come in, by their password.

    Some browsers send no password with a WebSocket: the page's answer carries a cookie that opens just that.
    """

    def __init__(self, users: Mapping[str, str], before: "Users | None" = None) -> None:
        from sysvitals.web.passwords import Passwords  # noqa: PLC0415  # bcrypt is for those who use it

        self._passwords: Passwords = before._passwords if before else Passwords(users)  # noqa: SLF001
        self._passwords.replace(users)
        self._cookie = Cookie()

    async def lets_in(self, request: Request) -> bool:
        """Whether the request has a password that is right, or is for a WebSocket and has the cookie."""
        if request.is_upgrade and self._cookie.is_in(request.headers.get("cookie", "")):
            return True
        given = parse_basic(request.headers.get("authorization", ""))
        return given is not None and await self._passwords.check(request.client, *given)

    def give_cookie(self, request: Request, answer: Answer) -> Answer:
        """The page with the cookie, and any other answer as it is: a cookie must not be good for the next one."""
        if request.path != "/" or request.is_upgrade or not isinstance(answer, Response) or answer.status != _OK:
            return answer
        return answer._replace(headers={**answer.headers, "set-cookie": self._cookie.make(is_secure=request.is_secure)})


class Cookie:
    """A cookie that is another one each hour. The one of the hour before is valid, too."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._key = secrets.token_bytes(32)
        self._clock = clock

    def make(self, *, is_secure: bool) -> str:
        """The value of a Set-Cookie header."""
        secure = "; Secure" if is_secure else ""
        value = self._value(self._hour())
        return f"{COOKIE}={value}; Max-Age={2 * COOKIE_SECONDS}; HttpOnly; SameSite=Strict{secure}"

    def is_in(self, cookies: str) -> bool:
        """Whether a Cookie header has one that is valid."""
        pairs = (cookie.strip().partition("=") for cookie in cookies.split(";"))
        given = [value.encode() for name, _, value in pairs if name == COOKIE]
        hour = self._hour()
        valid = [self._value(each).encode() for each in (hour, hour - 1)]
        return any(hmac.compare_digest(value, each) for value in given for each in valid)

    def _hour(self) -> int:
        return int(self._clock() // COOKIE_SECONDS)

    def _value(self, hour: int) -> str:
        return hmac.digest(self._key, b"%d" % hour, sha256).hex()


class Bucket:
    """Tokens for requests: `burst` of them, and one more each `seconds` until it is full again."""

    def __init__(self, limit: RateLimit, clock: Callable[[], float] = time.monotonic) -> None:
        self.retry_seconds = math.ceil(limit.seconds)
        self._limit = limit
        self._clock = clock
        self._tokens = float(limit.burst)
        self._filled = clock()

    def take(self) -> bool:
        """Take a token, if there is one."""
        now = self._clock()
        self._tokens = min(self._tokens + (now - self._filled) / self._limit.seconds, self._limit.burst)
        self._filled = now
        if self._tokens < 1:
            return False
        self._tokens -= 1
        return True


def parse_basic(header: str) -> tuple[bytes, bytes] | None:
    """Name and password of an Authorization header, None where it is none."""
    scheme, _, coded = header.partition(" ")
    if scheme.lower() != "basic":
        return None
    try:
        text = base64.b64decode(coded.strip(), validate=True)
    except ValueError:
        return None
    user, colon, password = text.partition(b":")
    return (user, password) if colon else None


def require_bcrypt() -> None:
    """Raises ConfigError where what compares passwords is not installed."""
    try:
        import bcrypt  # noqa: F401, PLC0415
    except ImportError as error:
        install = f"{shlex.quote(sys.executable)} -m pip install 'bcrypt>=4'"
        raise ConfigError([f"basic_auth_users needs bcrypt, which is not installed: {install}"]) from error
