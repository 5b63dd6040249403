"""Whether a browser asks on behalf of this host's own page: under a name of this host, and from no other site.

A page of another site can let its own name point to an address of this network, once it is loaded (DNS rebinding). For
the browser this host is then that site, whose scripts may read all. What gives it away is the name, which the browser
sends as the host. So a request is answered only under names that no stranger can have in the public DNS:

- an address: the attack needs a name;
- a name without a dot, which resolvers look up in the domains of their own network;
- a name below a domain that public DNS does not have (`_PRIVATE`);
- a name that this host has by its own files, or that its settings allow.
"""

import re
import socket
from collections.abc import Callable, Iterable

from sysvitals.web.http.messages import Answer, App, Request, respond_text
from sysvitals.web.http.pool import Pool

_PRIVATE = frozenset(
    {
        *("localhost", "test"),  # RFC 6761
        "local",  # RFC 6762: multicast DNS
        *("corp", "home", "internal", "intranet", "lan", "private"),  # RFC 6762, appendix G: common in private networks
        "home.arpa",  # RFC 8375
        "svc",  # services of Kubernetes, NAME.NAMESPACE.svc
    }
)
_HOST = re.compile(
    r"(?:(?P<name>[A-Za-z0-9._-]+)|\[(?P<address>[0-9A-Fa-f.]*:[0-9A-Fa-f:.]*)(?:%[^\]]*)?\])(?::[0-9]{0,5})?"
)
_LOOKS = 16


class KnownHosts:
    """Pass on the requests under a name of this host; 421 for others.

    `allowed` are those of the settings: names, `*.example.org` for all below a domain, or `*` for any. `own` reads this
    host's own names; it may wait for a disk.
    """

    def __init__(self, app: App, allowed: Callable[[], tuple[str, ...]], own: Callable[[], frozenset[str]]) -> None:
        self._app = app
        self._allowed = allowed
        self._own = own
        self._found: frozenset[str] = frozenset()
        self._pool = Pool("name", threads=1, most=_LOOKS, most_of_client=_LOOKS)

    async def __call__(self, request: Request) -> Answer:
        """Answer this request. One without a host comes from no browser."""
        name = find_name(request.host) if request.host is not None else "localhost"
        if name is None:
            return respond_text(400, "the Host header is not a name or an address\n")
        if is_private(name) or is_listed(name, self._allowed()) or await self._is_own(request.client, name):
            return await self._app(request)
        text = f"{name} is not known as a name of this host: allow it with --web.allowed-hosts={name}\n"
        return respond_text(421, text)

    async def _is_own(self, client: str, name: str) -> bool:
        if name not in self._found:
            self._found = await self._pool.run(client, self._own)
        return name in self._found


def find_name(host: str) -> str | None:
    """Return the name or address of a Host header in lower case, without port; None where it holds neither."""
    match = _HOST.fullmatch(host)
    if match is None:
        return None
    if match["address"]:
        return match["address"].lower()
    return match["name"].lower().removesuffix(".") or None


def is_private(name: str) -> bool:
    """Whether this is an address, or a name that no stranger can have in the public DNS."""
    return "." not in name or ":" in name or _is_below(name, _PRIVATE) or _is_ipv4(name)


def is_listed(name: str, allowed: Iterable[str]) -> bool:
    """Whether the settings allow this name."""
    return any(
        one in ("*", name) or (one.startswith("*.") and _is_below(name, frozenset({one[2:]}))) for one in allowed
    )


def is_same_origin(request: Request) -> bool:
    """Whether no page of another site asks: scripts of another site may not read this host's events, or reload it.

    Behind a proxy the host that the browser knows is in X-Forwarded-Host, which no script can set for another site
    without asking first. Programs send none of these headers.
    """
    headers = request.headers
    if headers.get("sec-fetch-site", "none") not in ("none", "same-origin"):
        return False
    origin = headers.get("origin")
    if origin is None:
        return True
    scheme, _, host = origin.lower().partition("://")
    port = {"http": ":80", "https": ":443"}.get(scheme, "")
    own = (request.host or "", headers.get("x-forwarded-host", "").partition(",")[0].strip())
    name = host.removesuffix(port)
    return bool(name) and name in (each.lower().removesuffix(port) for each in own)


def _is_below(name: str, domains: frozenset[str]) -> bool:
    _, _, rest = name.partition(".")
    while rest:
        if rest in domains:
            return True
        _, _, rest = rest.partition(".")
    return False


def _is_ipv4(name: str) -> bool:
    try:
        socket.inet_pton(socket.AF_INET, name)
    except OSError:
        return False
    return True
