"""What viewers share, and what one of them keeps in memory."""

import contextlib
import gc
import json
import re
import socket
import tracemalloc
from collections.abc import AsyncIterator, Mapping
from dataclasses import replace

import pytest

from sysvitals.judgement.verdict import Level, Verdict
from sysvitals.model.changes import Reloaded
from sysvitals.model.event import Event, Stamp, encode_events
from sysvitals.outputs.live import PART_CHARACTERS, RECENT_EVENTS, Line, LiveHub
from sysvitals.web.http.budget import Budget
from sysvitals.web.http.messages import Request, Stream, WebSocket
from sysvitals.web.live import LiveRoutes, LiveServices
from sysvitals.web.routes import build_web_app
from tests.history.writing import LOAD
from tests.web.asking import serve
from tests.web.raw import run, wait_for
from tests.web.test_routes import Exporter

LONG = "x" * 2000
STAMP = Stamp(1_800_000_000.0, "pi4", "boot", 1.0, synced=True)
COMES_BACK = {"last-event-id": "another/0"}
VIEWERS = 16
NO_QUERY: Mapping[str, list[str]] = {}


def build_hub() -> LiveHub:
    """A hub from which one that comes back has missed 2 MiB."""
    hub = LiveHub(viewers=VIEWERS)
    hub.offer(tuple(Event(STAMP, seq, Reloaded(changed=LONG)) for seq in range(RECENT_EVENTS)))
    return hub


def build_routes(hub: LiveHub, snapshot: str = "{}") -> LiveRoutes:
    return LiveRoutes(LiveServices(hub, lambda: snapshot, lambda: Verdict(Level.GOOD, ())))


async def open_stream(routes: LiveRoutes, query: Mapping[str, list[str]] = NO_QUERY) -> AsyncIterator[bytes]:
    answer = await routes.events(Request("GET", "/", query, COMES_BACK))
    assert isinstance(answer, Stream)
    await anext(answer.parts)  # which lets the headers out
    return answer.parts


def test_an_event_is_encoded_once_for_all_viewers_and_only_when_its_part_goes_out(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    encoded: list[int] = []

    def note(events: tuple[Event, ...]) -> list[str]:
        encoded.extend(event.seq for event in events)
        return encode_events(events)

    monkeypatch.setattr("sysvitals.outputs.live.encode_events", note)

    async def watch() -> None:
        routes = build_routes(build_hub())
        streams = [await open_stream(routes) for _ in range(VIEWERS)]
        assert encoded == []
        for parts in streams:
            await anext(parts)
        assert encoded == list(range(len(encoded)))
        assert len(encoded) < RECENT_EVENTS / 10

    run(watch())


@pytest.mark.parametrize(
    ("query", "names"),
    [
        ({}, ["system.load.updated", "sysvitals.reloaded"]),
        ({"changes": ["only"]}, ["sysvitals.reloaded"]),
        ({"changes": ["only"], "event": ["system.*", "sysvitals.*"]}, ["sysvitals.reloaded"]),
        ({"changes": ["only"], "event": ["system.load.updated"]}, ["system.load.updated"]),
        ({"event": ["system.*"]}, ["system.load.updated"]),
    ],
)
def test_a_stream_leaves_readings_out_where_only_changes_are_asked_for(
    query: dict[str, list[str]], names: list[str]
) -> None:
    hub = LiveHub(viewers=VIEWERS)
    hub.offer(tuple(Event(STAMP, seq, body) for seq, body in enumerate((LOAD, Reloaded(changed="")))))

    async def watch() -> None:
        part = await anext(await open_stream(build_routes(hub), query))
        assert re.findall(r"^event: (.*)$", part.decode(), re.MULTILINE) == names

    run(watch())


def test_what_was_missed_goes_out_whole_and_in_small_parts() -> None:
    async def watch() -> list[bytes]:
        parts = await open_stream(build_routes(build_hub()))
        found = [await anext(parts)]
        while f"id: boot/{RECENT_EVENTS - 1}\n".encode() not in found[-1]:
            found.append(await anext(parts))
        return found

    found = run(watch())
    assert max(map(len, found)) < PART_CHARACTERS * 1.2  # the ids and names come on top
    ids = [line for line in b"".join(found).splitlines() if line.startswith(b"id: ")]
    assert ids == [f"id: boot/{seq}".encode() for seq in range(RECENT_EVENTS)]


def test_an_event_that_is_larger_than_a_part_goes_out_alone() -> None:
    async def watch() -> list[int]:
        hub = LiveHub(viewers=1)
        sizes = (1, PART_CHARACTERS, 1, 1)
        hub.offer(tuple(Event(STAMP, seq, Reloaded(changed="x" * size)) for seq, size in enumerate(sizes)))
        parts = await open_stream(build_routes(hub))
        return [(await anext(parts)).count(b"id: ") for _ in range(3)]

    assert run(watch()) == [1, 1, 2]


def test_the_page_gets_what_it_missed_in_small_messages_too() -> None:
    async def watch() -> list[str]:
        sent: list[str] = []
        hub = LiveHub(viewers=1)
        answer = await build_routes(hub).socket(Request("GET", "/", {}, {}))
        assert isinstance(answer, WebSocket)

        async def send(text: str) -> None:
            sent.append(text)
            if len(sent) == 1:
                (viewer,) = hub._viewers
                viewer.offer([Line(Event(STAMP, seq, Reloaded(changed=LONG))) for seq in range(100)])
                viewer.end()

        await answer.talk(send)
        return sent[1:]

    found = run(watch())
    assert max(map(len, found)) < PART_CHARACTERS * 1.2
    assert [event["seq"] for text in found for event in json.loads(text)["events"]] == list(range(100))


def test_viewers_begin_with_one_snapshot_until_the_next_spread() -> None:
    asked = 0

    def snapshot() -> str:
        nonlocal asked
        asked += 1
        return "{}"

    async def watch() -> list[int]:
        hub = LiveHub(viewers=3)
        routes = LiveRoutes(LiveServices(hub, snapshot, lambda: Verdict(Level.GOOD, ())))
        found = []

        async def send(_text: str) -> None:
            if hub.viewers < 3:
                await begin()
            for viewer in hub._viewers:
                viewer.end()

        async def begin() -> None:
            answer = await routes.socket(Request("GET", "/", {}, {}))
            assert isinstance(answer, WebSocket)
            await answer.talk(send)

        for _ in range(2):  # after the first time all have gone, and much may have happened
            await begin()
            found.append(asked)
        return found

    assert run(watch()) == [1, 2]


def test_a_page_hears_the_exporter_while_nothing_happens(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sysvitals.outputs.live.BEAT_SECONDS", 0.01)
    monkeypatch.setattr("time.time", lambda: 1_800_000_000.5)

    async def watch() -> list[dict[str, object]]:
        hub = LiveHub(viewers=1)
        answer = await build_routes(hub).socket(Request("GET", "/", {}, {}))
        assert isinstance(answer, WebSocket)
        sent: list[dict[str, object]] = []

        async def send(text: str) -> None:
            sent.append(json.loads(text))
            if len(sent) == 3:
                hub.end()

        await answer.talk(send)
        return sent

    first, *others = run(watch())
    assert (first["alive"], first["snapshot"]) == (1_800_000_000.5, {})
    assert others == [{"alive": 1_800_000_000.5}] * 2


@pytest.mark.fault(
    "network",
    "viewers that ask for all that they missed, again and again, and read none of it",
    seen='`sysvitals_http_refused_total{reason="unread"}` rises',
    heals="by itself: they share the events, each keeps one small part, and is dropped after 30 s",
)
def test_a_viewer_that_does_not_read_keeps_no_more_than_a_part() -> None:
    hub = build_hub()
    services = Exporter().services()
    app = build_web_app(replace(services, live=replace(services.live, hub=hub)))
    begin = b"GET /api/v1/events HTTP/1.1\r\nHost: board\r\nLast-Event-ID: another/0\r\n\r\n"

    async def watch() -> int:
        async with serve(app, Budget()) as (port, server):
            await wait_for(lambda: server._connections is not None)
            connections = server._connections
            assert connections is not None
            with contextlib.ExitStack() as stack:

                async def watch_without_reading(viewers: int) -> int:
                    while hub.viewers < viewers:
                        opened = stack.enter_context(socket.socket())
                        opened.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 2048)
                        opened.connect(("127.0.0.1", port))
                        opened.send(begin)
                        opening = hub.viewers + 1
                        await wait_for(lambda: len(connections.blocked.waiting) == opening)  # noqa: B023
                    gc.collect()
                    return tracemalloc.get_traced_memory()[0]

                first = await watch_without_reading(1)
                return (await watch_without_reading(VIEWERS) - first) // (VIEWERS - 1)

    tracemalloc.start()
    try:
        kept = run(watch())
    finally:
        tracemalloc.stop()
    assert kept < Budget().write_bytes + 4 * PART_CHARACTERS
