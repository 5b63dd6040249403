"""The address of a server as people give it: with or without `http://`, with a path, with name and password."""

from dataclasses import dataclass, field
from urllib.parse import unquote, urlsplit

_PAGES = (
    "/classic/graph",
    "/classic/alerts",
    "/classic/targets",
    "/graph",
    "/query",
    "/targets",
    "/alerts",
    "/rules",
    "/metrics",
    "/-/ready",
    "/-/healthy",
    "/api/v1",
    "/api/v2",
)
"""Pages and interfaces of a server, whose addresses people copy from their browser."""


@dataclass(frozen=True, slots=True)
class Address:
    """Where a server is. `url` has neither name nor password and no slash at its end: it is safe to print."""

    url: str
    host: str
    user: str | None = None
    password: str | None = field(default=None, repr=False)

    @property
    def port(self) -> int:
        """That of the address, or the usual one of its scheme."""
        parts = urlsplit(self.url)
        return parts.port or (443 if parts.scheme == "https" else 80)


def parse_address(text: str) -> Address:
    """The address of `http://host:9090/prefix`, `user:password@host` or `host:9090`. Raises ValueError, in words."""
    # the words never hold what was given: it may hold a password
    whole = text.strip() if "://" in text else f"http://{text.strip()}"
    try:
        parts = urlsplit(whole)
        host, port = parts.hostname, parts.port
    except ValueError:
        raise ValueError("not a valid address: expected one such as http://localhost:9090") from None
    if parts.scheme not in ("http", "https"):
        raise ValueError(f"{parts.scheme}:// is not supported: expected http:// or https://")
    if not host or any(letter.isspace() or not letter.isprintable() for letter in whole):
        raise ValueError("not a valid address: expected one such as http://localhost:9090")
    shown = f"[{host}]" if ":" in host else host
    path = parts.path.rstrip("/")
    for page in _PAGES:
        path = path.removesuffix(page)
    return Address(
        url=f"{parts.scheme}://{shown}{'' if port is None else f':{port}'}{path}",
        host=host,
        user=None if parts.username is None else unquote(parts.username),
        password=None if parts.password is None else unquote(parts.password),
    )
