"""The routes: /metrics and its filters, health, reload, the state as JSON, and a page that says where things are."""

import asyncio
import gzip
from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import dataclass
from functools import cache
from hashlib import sha256
from importlib.resources import files

from starlette.applications import Starlette
from starlette.datastructures import QueryParams
from starlette.requests import Request
from starlette.responses import HTMLResponse, PlainTextResponse, Response
from starlette.routing import Route, WebSocketRoute

from sysvitals.model.event import Event, encode_events
from sysvitals.web.live import LiveRoutes, LiveServices
from sysvitals.web.page import Glance, render_page

DEFAULT_SCRAPE_SECONDS = 10.0
MARGIN_SECONDS = 0.5
"""What is left of Prometheus's own deadline for the way back."""

RELOAD_SECONDS = 10.0
"""How long a request to reload waits for its result."""

STATIC = {"live.js": "text/javascript", "style.css": "text/css", "icon.svg": "image/svg+xml"}

SAFE_HEADERS = {"x-content-type-options": "nosniff"}

PAGE_HEADERS = {
    # nothing is loaded from elsewhere, nothing inline runs, and nobody puts the page into a frame
    "content-security-policy": "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; "
    "connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
    "referrer-policy": "no-referrer",
    "cache-control": "no-store",
    **SAFE_HEADERS,
}


@cache
def read_static(name: str) -> tuple[bytes, str]:
    """A file of the page and its entity tag."""
    body = (files("sysvitals.web") / "static" / name).read_bytes()
    return body, f'"{sha256(body).hexdigest()[:16]}"'


@dataclass(frozen=True, slots=True)
class Services:
    """What the routes ask of the exporter.

    `metrics(collectors, seconds, accept)` gives the exposition and its content type; `collectors()` names those that
    are enabled, with how they stand; `events()` are the latest of each subject; `glance()` is what the page shows;
    `faults()` are what of the exporter itself does not work; `ready()` says whether a first round is done; `reload()`
    asks for the configuration to be read again, which gives what is wrong with it; `live` is what the streams ask.
    """

    metrics: Callable[[frozenset[str] | None, float, str], tuple[bytes, str]]
    collectors: Callable[[], dict[str, str]]
    events: Callable[[], tuple[Event, ...]]
    glance: Callable[[], Glance]
    faults: Callable[[], list[str]]
    ready: Callable[[], bool]
    reload: Callable[[], Future[tuple[str, ...]]]
    live: LiveServices


def build_web_app(services: Services) -> Starlette:
    """The ASGI application."""
    routes = _Routes(services)
    live = LiveRoutes(services.live)
    return Starlette(
        routes=[
            Route("/", routes.page),
            Route("/static/{name}", routes.static),
            Route("/metrics", routes.metrics),
            Route("/-/healthy", routes.healthy),
            Route("/-/ready", routes.ready),
            Route("/-/reload", routes.reload, methods=["POST"]),
            Route("/api/v1/state", routes.state),
            Route("/api/v1/events", live.events),
            WebSocketRoute("/api/v1/live", live.socket),
        ]
    )


class _Routes:
    def __init__(self, services: Services) -> None:
        self._services = services

    async def metrics(self, request: Request) -> Response:
        names, problem = choose_collectors(request.query_params, list(self._services.collectors()))
        if problem:
            return PlainTextResponse(problem, status_code=400)
        seconds = scrape_seconds(request.headers.get("x-prometheus-scrape-timeout-seconds"))
        accept = request.headers.get("accept", "")
        body, content_type = await asyncio.to_thread(self._services.metrics, names, seconds, accept)
        headers = {"content-type": content_type, "vary": "accept, accept-encoding", "cache-control": "no-store"}
        if accepts_gzip(request.headers.get("accept-encoding", "")):
            body = gzip.compress(body, compresslevel=3, mtime=0)
            headers["content-encoding"] = "gzip"
        return Response(body, headers=headers)

    async def page(self, _request: Request) -> Response:
        text = await asyncio.to_thread(lambda: render_page(self._services.glance()))
        return HTMLResponse(text, headers=PAGE_HEADERS)

    async def static(self, request: Request) -> Response:
        name = request.path_params["name"]
        if name not in STATIC:
            return PlainTextResponse("no such file\n", status_code=404)
        body, tag = read_static(name)
        headers = {"etag": tag, "cache-control": "no-cache", **SAFE_HEADERS}
        if request.headers.get("if-none-match") == tag:
            return Response(status_code=304, headers=headers)
        return Response(body, media_type=STATIC[name], headers=headers)

    async def state(self, _request: Request) -> Response:
        text = f'{{"events":[{",".join(encode_events(self._services.events()))}]}}'
        return Response(text, media_type="application/json", headers={"cache-control": "no-store"})

    async def healthy(self, _request: Request) -> Response:
        faults = await asyncio.to_thread(self._services.faults)
        if not faults:
            return PlainTextResponse("sysvitals is healthy.\n")
        return PlainTextResponse(f"sysvitals is not healthy: {'; '.join(faults)}.\n", status_code=503)

    async def ready(self, _request: Request) -> Response:
        if self._services.ready():
            return PlainTextResponse("sysvitals is ready.\n")
        return PlainTextResponse("sysvitals has not taken its first readings yet.\n", status_code=503)

    async def reload(self, _request: Request) -> Response:
        asked = asyncio.wrap_future(self._services.reload())
        await asyncio.wait([asked], timeout=RELOAD_SECONDS)
        if not asked.done() or asked.cancelled():
            text = (
                "the configuration has not been read yet, the old one is in force; is its file on a disk that hangs?\n"
            )
            return PlainTextResponse(text, status_code=503, headers={"retry-after": f"{RELOAD_SECONDS:.0f}"})
        if problems := asked.result():
            text = "the configuration was not reloaded, the old one is in force:\n" + "\n".join(problems)
            return PlainTextResponse(text + "\n", status_code=400)
        return PlainTextResponse("reloaded\n")


def choose_collectors(query: QueryParams, enabled: list[str]) -> tuple[frozenset[str] | None, str]:
    """Which collectors `collect[]` or `exclude[]` ask for (None: all), or what is wrong with the question."""
    wanted, unwanted = query.getlist("collect[]"), query.getlist("exclude[]")
    valid = f"enabled here: {', '.join(enabled)}\n"
    if wanted and unwanted:
        return None, f"collect[] and exclude[] do not go together: name what you want, or what you do not; {valid}"
    unknown = sorted({*wanted, *unwanted} - {*enabled})
    if unknown:
        return None, f"no enabled collector is called {', '.join(map(repr, unknown))}; {valid}"
    if wanted:
        return frozenset(wanted), ""
    return (frozenset(enabled) - frozenset(unwanted) if unwanted else None), ""


def scrape_seconds(header: str | None) -> float:
    """How long a scrape may take, from Prometheus's own deadline less a margin for the way back."""
    try:
        seconds = float(header or DEFAULT_SCRAPE_SECONDS)
    except ValueError:
        seconds = DEFAULT_SCRAPE_SECONDS
    if not 0 < seconds < 3600:
        seconds = DEFAULT_SCRAPE_SECONDS
    return max(seconds - MARGIN_SECONDS, seconds / 2)


def accepts_gzip(header: str) -> bool:
    """Whether an Accept-Encoding header takes gzip."""
    for offer in header.lower().split(","):
        coding, _, quality = offer.partition(";")
        if coding.strip() == "gzip":
            return quality.replace(" ", "") not in ("q=0", "q=0.0", "q=0.00", "q=0.000")
    return False
