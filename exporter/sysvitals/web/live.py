"""The stream of events for those who watch: a WebSocket for the page, Server-Sent Events for scripts."""

import asyncio
import json
from collections.abc import AsyncIterator, Callable, Iterable
from dataclasses import dataclass
from fnmatch import fnmatchcase
from urllib.parse import urlsplit

from starlette.requests import HTTPConnection, Request
from starlette.responses import PlainTextResponse, Response, StreamingResponse
from starlette.websockets import WebSocket, WebSocketDisconnect

from sysvitals.judgement.verdict import Verdict
from sysvitals.model.event import Event, encode_events
from sysvitals.outputs.live import Line, LiveHub, Mark, TooManyViewersError, Viewer
from sysvitals.web.trends import Trends

ALIVE_SECONDS = 15.0
"""So often a silent stream says that it is still there, so that proxies and viewers do not give it up."""

_TRY_AGAIN_LATER = 1013
_GOING_AWAY = 1001
_REFUSED = 1008


@dataclass(frozen=True, slots=True)
class LiveServices:
    """What the streams ask of the exporter.

    `snapshot()` is all that a viewer needs to begin with, as JSON, and `verdict()` the verdict now.
    """

    hub: LiveHub
    snapshot: Callable[[], str]
    verdict: Callable[[], Verdict]


class LiveRoutes:
    """The two streams."""

    def __init__(self, services: LiveServices) -> None:
        self._services = services
        self._judged: tuple[int, str] = (-1, "")

    def _verdict(self) -> str:
        """As JSON; worked out once for all viewers."""
        spread = self._services.hub.spread
        if self._judged[0] != spread:
            self._judged = (spread, encode_verdict(self._services.verdict()))
        return self._judged[1]

    async def socket(self, socket: WebSocket) -> None:
        """Messages are JSON objects: `snapshot` with `verdict` first, then `events`, `verdict` or `dropped`."""
        if not is_same_origin(socket):
            await socket.close(_REFUSED, "this page is not from here")
            return
        await socket.accept()
        hub = self._services.hub
        try:
            viewer = hub.join(lively=True)
        except TooManyViewersError as error:
            await socket.close(_TRY_AGAIN_LATER, str(error))
            return
        sending = asyncio.create_task(self._send(socket, viewer))
        try:
            # a viewer has nothing to say; this waits for it to go
            while (await socket.receive())["type"] != "websocket.disconnect":
                if sending.done():
                    break
        finally:
            hub.leave(viewer)
            sending.cancel()
            await asyncio.gather(sending, return_exceptions=True)

    async def _send(self, socket: WebSocket, viewer: Viewer) -> None:
        try:
            verdict = self._verdict()
            await socket.send_text(f'{{"snapshot":{self._services.snapshot()},"verdict":{verdict}}}')
            while (taken := await viewer.take()) is not None:
                lines, dropped = taken
                if dropped:
                    await socket.send_text(f'{{"dropped":{dropped}}}')
                if lines:
                    await socket.send_text(f'{{"events":[{",".join(line.text for line in lines)}]}}')
                fresh = self._verdict()
                if fresh != verdict:
                    verdict = fresh
                    await socket.send_text(f'{{"verdict":{verdict}}}')
            await socket.close(_GOING_AWAY, "the exporter stops")
        except (WebSocketDisconnect, RuntimeError):  # RuntimeError: it was closed while something was on its way
            return

    async def events(self, request: Request) -> Response:
        """Events as they happen. `?event=system.throttling.*` chooses by name; `Last-Event-ID` goes on after a gap."""
        try:
            after = parse_mark(request.headers.get("last-event-id", ""))
        except ValueError as error:
            return PlainTextResponse(f"{error}\n", status_code=400)
        try:
            viewer = self._services.hub.join(after)
        except TooManyViewersError as error:
            return PlainTextResponse(f"{error}\n", status_code=503, headers={"retry-after": "30"})
        headers = {"cache-control": "no-store", "x-accel-buffering": "no"}
        stream = self._stream(viewer, tuple(request.query_params.getlist("event")))
        return StreamingResponse(stream, media_type="text/event-stream", headers=headers)

    async def _stream(self, viewer: Viewer, patterns: tuple[str, ...]) -> AsyncIterator[str]:
        try:
            yield ": sysvitals\n\n"  # so that headers go out before the first event
            while True:
                try:
                    taken = await asyncio.wait_for(viewer.take(), ALIVE_SECONDS)
                except TimeoutError:
                    yield ": alive\n\n"
                    continue
                if taken is None:
                    return
                lines, dropped = taken
                parts = [f'event: sink.dropped\ndata: {{"sink":"live","events":{dropped}}}\n\n'] if dropped else []
                parts += [format_line(line) for line in lines if is_wanted(line.name, patterns)]
                if parts:
                    yield "".join(parts)
        finally:
            self._services.hub.leave(viewer)


def format_line(line: Line) -> str:
    """One event as Server-Sent Events have it."""
    return f"id: {line.boot}/{line.seq}\nevent: {line.name}\ndata: {line.text}\n\n"


def is_wanted(name: str, patterns: tuple[str, ...]) -> bool:
    """Whether any of these patterns (`system.throttling.*`) takes this name; without patterns, each is wanted."""
    return not patterns or any(fnmatchcase(name, pattern) for pattern in patterns)


def parse_mark(text: str) -> Mark | None:
    """The last event seen, as our ids have it. Raises ValueError."""
    if not text:
        return None
    boot, slash, seq = text.rpartition("/")
    if not slash or not seq.isascii() or not seq.isdigit():
        raise ValueError(f"Last-Event-ID {text!r} is none of ours: BOOT/NUMBER")
    return Mark(boot, int(seq))


def is_same_origin(connection: HTTPConnection) -> bool:
    """Whether a browser asks for a page of our own. A script of another site may not read this host's events.

    Behind a proxy the host that the browser knows is in X-Forwarded-Host. Programs send no Origin.
    """
    origin = connection.headers.get("origin")
    if not origin:
        return True
    asked = {connection.headers.get("host"), connection.headers.get("x-forwarded-host")}
    return urlsplit(origin).netloc in asked


def encode_glance(host: str, version: str, readings: Iterable[Event], trends: Trends) -> str:
    """All that a page needs to begin with, as a JSON object."""
    lines = [{"subject": key[:-1], "field": key[-1], "points": points} for key, points in trends.lines().items()]
    parts = {
        "host": json.dumps(host),
        "version": json.dumps(version),
        "readings": _join(encode_events(tuple(readings))),
        "changes": _join(encode_events(trends.changes())),
        "trends": json.dumps(lines),
    }
    return "{" + ",".join(f'"{name}":{text}' for name, text in parts.items()) + "}"


def encode_verdict(verdict: Verdict) -> str:
    """The verdict as a JSON object."""
    reasons = [{"level": r.level.name.lower(), "alert": r.alert, "text": r.text} for r in verdict.reasons]
    return json.dumps({"level": verdict.level.name.lower(), "reasons": reasons}, ensure_ascii=False)


def _join(lines: list[str]) -> str:
    return f"[{','.join(lines)}]"
