"""The routes: /metrics and its filters, health, reload, the state as JSON, and a page that says where things are."""

import asyncio
import gzip
import json
import os
import time
from collections.abc import Callable, Mapping
from concurrent.futures import Future
from dataclasses import dataclass
from functools import cache, cached_property, partial
from typing import TYPE_CHECKING, Any
from zlib import crc32

from sysvitals.host.side_process import Withdrawal
from sysvitals.model.event import Event, encode_events
from sysvitals.web.hosts import is_same_origin
from sysvitals.web.http.messages import Answer, App, BusyError, Request, Response, respond_text
from sysvitals.web.http.pool import Pool
from sysvitals.web.http.router import Route, Router
from sysvitals.web.live import LiveRoutes, LiveServices

if TYPE_CHECKING:
    from sysvitals.web.page.glance import Glance
    from sysvitals.web.page.time_line import Asked
    from sysvitals.web.timeline import Timelines, Window

DEFAULT_SCRAPE_SECONDS = 10.0
MARGIN_SECONDS = 0.5
"""What is left of Prometheus's own deadline for the way back."""

RELOAD_SECONDS = 10.0
"""How long a request to reload waits for its result."""

SCRAPES = 8
"""How many scrapes may be under way at a time, each in a thread; two Prometheus servers need two."""

SCRAPES_OF_A_CLIENT = 4

HISTORY_SECONDS = 2.0
"""How long a page waits for its time line: the verdict must not wait for a disk that hangs."""

LOOKS = 32
"""How many pages and questions after the exporter's health may be under way at a time."""

LOOKS_OF_A_CLIENT = 16

RELOADS = 8
"""How many may wait for a reload at a time. They share it."""

RELOAD_PAUSE_SECONDS = 1.0
"""Between two reloads that requests ask for: each reads the file, and writes a line to the log."""

_TYPES = {"js": "text/javascript; charset=utf-8", "css": "text/css; charset=utf-8", "svg": "image/svg+xml"}
_SCRIPTS = (
    "contact",
    "cores",
    "drawing",
    "elements",
    "format",
    "happenings",
    "page",
    "tables",
    "timeline",
    "units",
    "values",
    "verdict",
)
_LEVELS = ("good", "warning", "critical", "unknown")
_FILES = ("style.css", *(f"{script}.js" for script in _SCRIPTS), *(f"icon-{level}.svg" for level in _LEVELS))
STATIC = {name: _TYPES[name.rpartition(".")[2]] for name in _FILES}
"""The page's files, with their content types."""

_FOLDER = os.path.join(os.path.dirname(__file__), "static")

HTML = "text/html; charset=utf-8"
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
    with open(os.path.join(_FOLDER, name), "rb") as file:
        body = file.read()
    return body, f'"{len(body):x}-{crc32(body):08x}"'


def read_runbook() -> bytes:
    """What to do about each alert, as HTML."""
    with open(os.path.join(os.path.dirname(__file__), "page", "runbook.html"), "rb") as file:
        return file.read()


@dataclass(frozen=True, slots=True)
class Services:
    """What the routes ask of the exporter.

    `metrics(collectors, seconds, accept)` gives the exposition and its content type; `collectors()` names those that
    are enabled, with how they stand; `events()` are the latest of each subject; `glance(time_line)` is what the page
    shows, with this time line; `timeline(window, withdrawal)` is that of a window as JSON, read from the history;
    `faults()` are what of the exporter itself does not work; `ready()` says whether a first round is done; `reload()`
    asks for the configuration to be read again, which gives what is wrong with it, and `may_reload()` says whether a
    request may do so; `live` is what the streams ask.
    """

    metrics: Callable[[frozenset[str] | None, float, str], tuple[bytes, str]]
    collectors: Callable[[], dict[str, str]]
    events: Callable[[], tuple[Event, ...]]
    glance: Callable[[Mapping[str, Any]], "Glance"]
    timeline: Callable[["Window", Withdrawal], bytes]
    faults: Callable[[], list[str]]
    ready: Callable[[], bool]
    reload: Callable[[], Future[tuple[str, ...]]]
    may_reload: Callable[[], bool]
    live: LiveServices


def build_web_app(services: Services) -> Router:
    """All that is served."""
    routes = _Routes(services)
    live = LiveRoutes(services.live)
    return Router(
        [
            Route("/", routes.page, takes_turns=True),
            Route("/runbook", routes.runbook),
            *(Route(f"/static/{name}", partial(routes.static, name)) for name in STATIC),
            Route("/metrics", routes.metrics),
            Route("/-/healthy", routes.healthy),
            Route("/-/ready", routes.ready),
            Route("/-/reload", own_pages(routes.reload), methods=("POST",)),
            Route("/api/v1/state", own_pages(routes.state), takes_turns=True),
            Route("/api/v1/timeline", own_pages(routes.timeline), takes_turns=True),
            Route("/api/v1/events", own_pages(live.events), takes_turns=True),
            Route("/api/v1/live", own_pages(live.socket), methods=("GET",), is_websocket=True, takes_turns=True),
        ]
    )


def own_pages(answer: App) -> App:
    """Answer programs and pages of this host; 403 for pages of other sites."""

    async def judge(request: Request) -> Answer:
        if not is_same_origin(request):
            return respond_text(403, "refused: cross-site request\n")
        return await answer(request)

    return judge


class _Routes:
    def __init__(self, services: Services) -> None:
        self._services = services
        self._scrapes = Pool("scrape", threads=SCRAPES, most=SCRAPES, most_of_client=SCRAPES_OF_A_CLIENT)
        self._looks = Pool("look", threads=2, most=LOOKS, most_of_client=LOOKS_OF_A_CLIENT)
        # apart from health, which waits and computes nothing; one thread, or they would take turns with each scrape
        self._pages = Pool("page", threads=1, most=LOOKS, most_of_client=LOOKS_OF_A_CLIENT)
        self._state: tuple[tuple[Event, ...] | None, bytes] = (None, b"")
        self._reloads = 0
        self._next_reload: asyncio.Task[tuple[str, ...]] | None = None
        self._reloaded = -RELOAD_PAUSE_SECONDS

    async def metrics(self, request: Request) -> Answer:
        names: frozenset[str] | None = None
        if request.query:
            names, problem = choose_collectors(request.query, list(self._services.collectors()))
            if problem:
                return respond_text(400, problem)
        return await self._scrapes.run(request.client, partial(self._scrape, names, request.headers))

    def _scrape(self, names: frozenset[str] | None, asked: Mapping[str, str]) -> Response:
        seconds = scrape_seconds(asked.get("x-prometheus-scrape-timeout-seconds"))
        body, content_type = self._services.metrics(names, seconds, asked.get("accept", ""))
        headers = {"content-type": content_type, "vary": "accept, accept-encoding", "cache-control": "no-store"}
        if accepts_gzip(asked.get("accept-encoding", "")):
            body = gzip.compress(body, compresslevel=3, mtime=0)
            headers["content-encoding"] = "gzip"
        return Response(200, headers, body)

    async def page(self, request: Request) -> Answer:
        asked = await self._pages.run(request.client, partial(_read_asked, request.query))
        time_line = await self._ask_time_line(request.client, asked)
        text = await self._pages.run(request.client, partial(self._draw_page, asked, time_line))
        return Response(200, {"content-type": HTML, **PAGE_HEADERS}, text.encode())

    async def _ask_time_line(self, client: str, asked: "Asked") -> bytes:
        """The time line for the page, which comes without it where it is not wanted or not there within seconds."""
        from sysvitals.web.page.time_line import NO_RANGE  # noqa: PLC0415  # with the first page
        from sysvitals.web.timeline import choose_window  # noqa: PLC0415

        if asked.range == NO_RANGE:
            return json.dumps({"partial": "The time line was not asked for."}).encode()
        try:
            window = choose_window(asked.range, asked.begin, asked.end)
        except ValueError as error:
            return json.dumps({"partial": f"The time line is not shown: {error}"}).encode()
        try:
            return await asyncio.wait_for(self._timelines.ask(client, window), HISTORY_SECONDS)
        except TimeoutError:
            why = "reading the history takes longer than the page waits"
        except BusyError as error:
            why = str(error)
        # with what the script needs to ask by itself
        begin, end = window.span(time.time())
        return json.dumps({"from": begin, "to": end, "partial": f"The time line is not shown: {why}"}).encode()

    def _draw_page(self, asked: "Asked", time_line: bytes) -> str:
        # imported with the first page, and in its thread: most exporters are only scraped
        from sysvitals.web.page.render import render_page  # noqa: PLC0415

        return render_page(self._services.glance(json.loads(time_line)), asked)

    async def timeline(self, request: Request) -> Answer:
        return await self._timelines.answer(request)

    @cached_property
    def _timelines(self) -> "Timelines":
        from sysvitals.web.timeline import Timelines  # noqa: PLC0415  # with the first question

        return Timelines(self._services.timeline)

    async def runbook(self, _request: Request) -> Answer:
        return Response(200, {"content-type": HTML, **PAGE_HEADERS}, read_runbook())

    async def static(self, name: str, request: Request) -> Answer:
        body, tag = read_static(name)
        headers = {"etag": tag, "cache-control": "no-cache", **SAFE_HEADERS}
        if request.headers.get("if-none-match") == tag:
            return Response(304, headers)
        return Response(200, {"content-type": STATIC[name], **headers}, body)

    async def state(self, _request: Request) -> Answer:
        events = self._services.events()
        if self._state[0] != events:  # few clients ask, but those may ask often
            self._state = (events, f'{{"events":[{",".join(encode_events(events))}]}}'.encode())
        return Response(200, {"content-type": "application/json", "cache-control": "no-store"}, self._state[1])

    async def healthy(self, request: Request) -> Answer:
        faults = await self._looks.run(request.client, self._services.faults)
        if not faults:
            return respond_text(200, "sysvitals is healthy.\n")
        return respond_text(503, f"sysvitals is not healthy: {'; '.join(faults)}.\n")

    async def ready(self, _request: Request) -> Answer:
        if self._services.ready():
            return respond_text(200, "sysvitals is ready.\n")
        return respond_text(503, "sysvitals has not taken its first readings yet.\n")

    async def reload(self, _request: Request) -> Answer:
        if not self._services.may_reload():
            return respond_text(
                403, "reloading over HTTP is off: --web.enable-lifecycle allows it; SIGHUP always does it\n"
            )
        if self._reloads >= RELOADS:
            raise BusyError(f"{RELOADS} requests wait for a reload already")
        self._reloads += 1
        try:
            if self._next_reload is None:
                self._next_reload = asyncio.create_task(self._reload_soon())
            asked = self._next_reload
            await asyncio.wait([asked], timeout=RELOAD_SECONDS)
        finally:
            self._reloads -= 1
        if not asked.done() or asked.cancelled():
            text = (
                "the configuration has not been read yet, the old one is in force; is its file on a disk that hangs?\n"
            )
            return respond_text(503, text, {"retry-after": f"{RELOAD_SECONDS:.0f}"})
        if problems := asked.result():
            text = "the configuration was not reloaded, the old one is in force:\n" + "\n".join(problems)
            return respond_text(400, text + "\n")
        return respond_text(200, "reloaded\n")

    async def _reload_soon(self) -> tuple[str, ...]:
        loop = asyncio.get_running_loop()
        await asyncio.sleep(self._reloaded + RELOAD_PAUSE_SECONDS - loop.time())
        self._reloaded = loop.time()
        self._next_reload = None  # this one may read the file before what a later request is about
        return await asyncio.wrap_future(self._services.reload())


def _read_asked(query: Mapping[str, list[str]]) -> "Asked":
    from sysvitals.web.page.time_line import read_asked  # noqa: PLC0415  # with the first page, and in its thread

    return read_asked(query)


def choose_collectors(query: Mapping[str, list[str]], enabled: list[str]) -> tuple[frozenset[str] | None, str]:
    """Which collectors `collect[]` or `exclude[]` ask for (None: all), or what is wrong with the question."""
    wanted, unwanted = query.get("collect[]", []), query.get("exclude[]", [])
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
