"""The stream of events for those who watch: a WebSocket for the page, Server-Sent Events for scripts."""

import asyncio
import json
import time
from collections.abc import AsyncGenerator, Callable, Iterable
from dataclasses import dataclass
from functools import partial

from sysvitals.judgement.verdict import Verdict, encode_verdict
from sysvitals.model.choice import choose_changes, choose_names
from sysvitals.model.event import Event, encode_events
from sysvitals.outputs.live import Line, LiveHub, Mark, TooManyViewersError, Viewer, cut
from sysvitals.web.http.messages import Answer, Request, Send, Stream, WebSocket, respond_text
from sysvitals.web.trends import Trends

ALIVE_SECONDS = 15.0
"""So often a silent stream says that it is still there, so that proxies and viewers do not give it up."""

_TRY_AGAIN_LATER = 1013
_GOING_AWAY = 1001


@dataclass(frozen=True, slots=True)
class LiveServices:
    """What the streams ask of the exporter.

    `snapshot()` is all that a viewer needs to begin with, as JSON, and `verdict()` the verdict now.
    """

    hub: LiveHub
    snapshot: Callable[[], str]
    verdict: Callable[[], Verdict]


class _Shared:
    """A text that is worked out once for all viewers, and again after the next spread."""

    def __init__(self, hub: LiveHub, work_out: Callable[[], str]) -> None:
        self._hub = hub
        self._work_out = work_out
        self._spread = -1
        self._text = ""

    def __call__(self) -> str:
        if self._spread != self._hub.spread:
            self._spread, self._text = self._hub.spread, self._work_out()
        return self._text


class LiveRoutes:
    """The two streams."""

    def __init__(self, services: LiveServices) -> None:
        self._services = services
        self._snapshot = _Shared(services.hub, services.snapshot)
        self._verdict = _Shared(services.hub, lambda: encode_verdict(services.verdict()))

    async def socket(self, _request: Request) -> Answer:
        """Messages are JSON objects: `snapshot` and `verdict` first, then `events`, `verdict`, `dropped`, `alive`."""
        return WebSocket({}, self._talk)

    async def _talk(self, send: Send) -> tuple[int, str]:
        hub = self._services.hub
        try:
            viewer = hub.join(lively=True)
        except TooManyViewersError as error:
            return _TRY_AGAIN_LATER, str(error)
        try:
            await self._show(viewer, send)
        finally:
            hub.leave(viewer)
        return _GOING_AWAY, "the exporter stops"

    async def _show(self, viewer: Viewer, send: Send) -> None:
        verdict = self._verdict()
        await send(f'{{"alive":{time.time():.3f},"snapshot":{self._snapshot()},"verdict":{verdict}}}')
        while (taken := await viewer.take()) is not None:
            lines, dropped = taken
            if not lines and not dropped:
                await send(f'{{"alive":{time.time():.3f}}}')
                continue
            if dropped:
                await send(f'{{"dropped":{dropped}}}')
            for part in cut(lines):
                await send(f'{{"events":[{",".join(line.text for line in part)}]}}')
            fresh = self._verdict()
            if fresh != verdict:
                verdict = fresh
                await send(f'{{"verdict":{verdict}}}')

    async def events(self, request: Request) -> Answer:
        """Events as they happen. `Last-Event-ID` goes on after a gap.

        `?event=system.throttling.*` chooses by name; with `?changes=only` readings come only if a pattern names them.
        """
        try:
            choose = choose_changes if request.query.get("changes") == ["only"] else choose_names
            is_wanted = choose(request.query.get("event", ()))
            after = parse_mark(request.headers.get("last-event-id", ""))
        except ValueError as error:
            return respond_text(400, f"{error}\n")
        hub = self._services.hub
        try:
            viewer = hub.join(after)
        except TooManyViewersError as error:
            return respond_text(503, f"{error}\n", {"retry-after": "30"})
        headers = {
            "content-type": "text/event-stream; charset=utf-8",
            "cache-control": "no-store",
            "x-accel-buffering": "no",
        }
        return Stream(headers, _stream(viewer, is_wanted), partial(hub.leave, viewer))


async def _stream(viewer: Viewer, is_wanted: Callable[[str], bool]) -> AsyncGenerator[bytes, None]:
    yield b": sysvitals\n\n"  # so that headers go out before the first event
    while True:
        try:
            async with asyncio.timeout(ALIVE_SECONDS):
                taken = await viewer.take()
        except TimeoutError:
            yield b": alive\n\n"
            continue
        if taken is None:
            return
        lines, dropped = taken
        if dropped:
            yield f'event: sink.dropped\ndata: {{"sink":"live","events":{dropped}}}\n\n'.encode()
        for part in cut(line for line in lines if is_wanted(line.name)):
            yield "".join(map(format_line, part)).encode()


def format_line(line: Line) -> str:
    """One event as Server-Sent Events have it."""
    return f"id: {line.boot}/{line.seq}\nevent: {line.name}\ndata: {line.text}\n\n"


def parse_mark(text: str) -> Mark | None:
    """The last event seen, as our ids have it. Raises ValueError."""
    if not text:
        return None
    boot, slash, seq = text.rpartition("/")
    if not slash or not seq.isascii() or not seq.isdigit():
        raise ValueError(f"Last-Event-ID {text!r} is none of ours: BOOT/NUMBER")
    return Mark(boot, int(seq))


def encode_glance(host: str, version: str, readings: Iterable[Event], trends: Trends) -> str:
    """All that a page needs to begin with, as a JSON object."""
    parts = {
        "host": json.dumps(host),
        "version": json.dumps(version),
        "readings": _join(encode_events(tuple(readings))),
        "changes": _join(encode_events(trends.changes())),
    }
    return "{" + ",".join(f'"{name}":{text}' for name, text in parts.items()) + "}"


def _join(lines: list[str]) -> str:
    return f"[{','.join(lines)}]"
