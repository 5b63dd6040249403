"""WebSockets at the socket: what goes out, and that a viewer can cost nothing by what it sends."""

import asyncio
import contextlib
import logging
import socket
import struct

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from sysvitals.web.http.channel import Channel
from sysvitals.web.http.connection import HttpConnection
from sysvitals.web.http.messages import Answer, Request, Send, WebSocket, respond_text
from sysvitals.web.http.router import Route, Router
from tests.web.raw import CLOSE, GET_AND_CLOSE, PING, PONG, TEXT, UPGRADE, Desk, Line, desk, frame, run, wait_for

POLICY_VIOLATION, PROTOCOL_ERROR, GOING_AWAY, INVALID, SERVICE_RESTART = 1008, 1002, 1001, 1007, 1012


class Show:
    """Says hello, and then waits for the end."""

    def __init__(self, *texts: str) -> None:
        self.texts = texts or ("hello",)
        self.gone = 0
        self.ending = asyncio.Event()

    async def __call__(self, _request: Request) -> Answer:
        return WebSocket({}, self.talk)

    async def talk(self, send: Send) -> tuple[int, str]:
        try:
            for text in self.texts:
                await send(text)
            await self.ending.wait()
        finally:
            self.gone += 1
        return GOING_AWAY, "the end"


async def join(line: Line) -> None:
    line.send(UPGRADE)
    head = await line.head()
    assert head.startswith(b"HTTP/1.1 101 ")
    assert b"s3pPLMBiTxaQ9kYGzzhZRbK+xOo=" in head
    assert await line.frame() == (TEXT, b"hello")


async def nothing_is_left(served: Desk, show: Show) -> None:
    await wait_for(lambda: show.gone == 1 and not len(served.server._connections or ()))


def test_a_viewer_is_sent_text_and_is_asked_whether_it_is_there() -> None:
    async def watch() -> None:
        async with desk(Show("hello", "ü" * 40_000), ping_seconds=1.0) as served, served.line() as line:
            await join(line)
            assert await line.frame() == (TEXT, ("ü" * 40_000).encode())
            for _ in range(3):
                assert (await line.frame())[0] == PING
                line.send(frame(PONG))

    run(watch())


@pytest.mark.fault(
    "network",
    "viewers that have vanished",
    seen="nothing",
    heals="by the next ping they are dropped",
)
def test_a_viewer_that_does_not_answer_is_dropped() -> None:
    async def watch() -> None:
        show = Show()
        async with desk(show, ping_seconds=1.0) as served, served.line() as line:
            await join(line)
            await line.rest()
            await nothing_is_left(served, show)

    run(watch())


@pytest.mark.fault(
    "network",
    "viewers that connect in a storm",
    seen="nothing: scrapes are answered meanwhile",
    heals="by itself: viewers take turns as they begin, two at a time",
)
def test_viewers_that_come_together_take_turns_and_hold_up_no_other() -> None:
    async def watch() -> None:
        asked, show = 0, Show()

        async def live(request: Request) -> Answer:
            nonlocal asked
            asked += 1
            return await show(request)

        async def scrape(_request: Request) -> Answer:
            return respond_text(200, "scraped")

        table = Router([Route("/", live, is_websocket=True, takes_turns=True), Route("/metrics", scrape)])
        async with desk(table, turns=2) as served, contextlib.AsyncExitStack() as stack:
            lines = [await stack.enter_async_context(served.line()) for _ in range(10)]
            connections = served.server._connections
            assert connections is not None
            for _ in range(2):  # a flood would hold them again and again
                await connections.turns.acquire()
            for line in lines:
                line.send(UPGRADE)
            await wait_for(lambda: len(connections.queued.waiting) == 10)
            assert (await served.ask(GET_AND_CLOSE.replace(b"/ ", b"/metrics ", 1))).endswith(b"scraped")
            assert asked == 0
            for _ in range(2):
                connections.turns.release()
            for line in lines:
                await line.head()
                assert await line.frame() == (TEXT, b"hello")

    run(watch())


def test_what_the_viewer_sends_with_its_request_is_not_lost() -> None:
    async def watch() -> tuple[int, bytes]:
        async with desk(Show()) as served, served.line() as line:
            line.send(UPGRADE + frame(PING, b"are you there"))
            await line.head()
            frames = [await line.frame(), await line.frame()]
            return next(each for each in frames if each[0] == PONG)

    assert run(watch()) == (PONG, b"are you there")


def test_a_viewer_may_close() -> None:
    async def watch() -> tuple[int, bytes]:
        show = Show()
        async with desk(show) as served, served.line() as line:
            await join(line)
            line.send(frame(CLOSE, b"\x03\xe8bye"))
            answer = await line.frame()
            assert await line.rest() == b""
            await nothing_is_left(served, show)
            return answer

    assert run(watch()) == (CLOSE, b"\x03\xe8bye")


@pytest.mark.fault(
    "network",
    "viewers that send messages, fragments, floods of pings or garbage",
    seen="code 1008 or 1002 for the viewer",
    heals="the viewer is closed",
)
@pytest.mark.parametrize(
    ("data", "code"),
    [
        (frame(TEXT, b"hello"), POLICY_VIOLATION),
        (frame(TEXT), POLICY_VIOLATION),
        (frame(TEXT, final=False) * 5000, POLICY_VIOLATION),
        (frame(2, b"\x00"), POLICY_VIOLATION),
        (b"\x82\xff\x00\x00\x00\xff\x00\x00\x00\x00abcd" + bytes(1000), POLICY_VIOLATION),
        (frame(PING) * 5000, POLICY_VIOLATION),
        (frame(PONG) * 5000, POLICY_VIOLATION),
        (frame(TEXT, b"\xff\xfe"), INVALID),
        (frame(PING, masked=False), PROTOCOL_ERROR),
        (frame(PING, final=False), PROTOCOL_ERROR),
        (frame(3), PROTOCOL_ERROR),
        (b"\xff\xff\xff\xff", PROTOCOL_ERROR),
        (frame(CLOSE, b"\x03"), PROTOCOL_ERROR),
        (frame(CLOSE, b"\x00\x01"), PROTOCOL_ERROR),
    ],
    ids=["text", "empty", "fragments", "binary", "huge", "pings", "pongs", "not-utf8", "unmasked", "half-a-ping",
         "reserved", "garbage", "short-close", "wrong-close"],
)  # fmt: skip
def test_a_viewer_that_sends_messages_is_disconnected(data: bytes, code: int, caplog: pytest.LogCaptureFixture) -> None:
    async def watch() -> int:
        show = Show()
        async with desk(show, close_seconds=0.3) as served, served.line() as line:
            await join(line)
            line.send(data)
            found = await line.close_code()
            await nothing_is_left(served, show)
            assert served.server.refusals.totals["viewer"] == (code == POLICY_VIOLATION)
            return found

    assert run(watch()) == code
    assert [record for record in caplog.records if record.levelno >= logging.WARNING] == []


@pytest.mark.fault(
    "network",
    "a viewer that ends its sending before it is let in",
    seen="its connection is closed",
    heals="it takes no place",
)
def test_a_viewer_that_ended_its_sending_before_it_was_let_in_is_not_kept() -> None:
    show, let_in = Show(), asyncio.Event()

    async def hold(request: Request) -> Answer:
        await let_in.wait()
        return await show(request)

    async def watch() -> bytes:
        async with desk(hold) as served, served.line() as line:
            line.send(UPGRADE)
            line.writer.write_eof()
            connections = served.server._connections
            assert connections is not None
            await wait_for(lambda: any(has_ended(channel) for channel in connections.answering.waiting))
            let_in.set()
            return await line.rest()

    def has_ended(channel: Channel) -> bool:
        return isinstance(channel, HttpConnection) and channel._http.trailing_data[1]

    assert run(watch()).startswith(b"HTTP/1.1 101 ")


@pytest.mark.fault(
    "network",
    "a viewer that pings and does not read",
    seen="nothing",
    heals="no answers are kept for it, and after 30 s it is dropped",
)
def test_pings_of_a_viewer_that_does_not_read_are_not_answered() -> None:
    async def watch() -> None:
        show = Show("hello", "x" * (8 << 20), "never")
        async with desk(show, viewer_frames=1_000_000, write_seconds=60) as served, served.line() as line:
            await join(line)
            line.writer.transport.pause_reading()  # type: ignore[attr-defined]
            connections = served.server._connections
            assert connections is not None
            await wait_for(lambda: len(connections.blocked.waiting) == 1)
            (channel,) = connections.blocked.waiting
            before = channel.transport.get_write_buffer_size()
            line.send(frame(PING, bytes(100)) * 10_000)
            line.send(frame(CLOSE, b"\x03\xe8"))  # the last of them all
            await wait_for(lambda: show.gone == 1)
            assert channel.transport.get_write_buffer_size() <= before + 10

    run(watch())


@pytest.mark.fault(
    "network",
    "viewers that send pings and reset the connection",
    seen="nothing: no line in the log",
    heals="by itself",
)
def test_pings_of_a_viewer_that_has_gone_cost_no_line_of_log(caplog: pytest.LogCaptureFixture) -> None:
    async def watch() -> None:
        async with desk(Show()) as served:
            for _ in range(3):
                with socket.create_connection(("127.0.0.1", served.port)) as viewer:
                    viewer.sendall(UPGRADE + frame(PING) * 30)
                    viewer.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            await served.ask(GET_AND_CLOSE)
            await wait_for(lambda: not len(served.server._connections or ()))

    run(watch())
    assert caplog.records == []


def test_a_viewer_that_never_reads_is_dropped() -> None:
    async def watch() -> None:
        show = Show("hello", "x" * (8 << 20))
        async with desk(show, write_seconds=0.05) as served, served.line() as line:
            await join(line)
            line.writer.transport.pause_reading()  # type: ignore[attr-defined]
            await nothing_is_left(served, show)

    run(watch())


def test_when_who_may_come_in_has_changed_viewers_are_asked_to_connect_again() -> None:
    async def watch() -> None:
        show = Show()
        async with desk(show, close_seconds=0.3) as served, served.line() as line:
            await join(line)
            served.server.renew()
            assert await line.close_code() == SERVICE_RESTART
            await nothing_is_left(served, show)

    run(watch())


def test_one_that_does_not_answer_the_closing_is_dropped() -> None:
    async def watch() -> None:
        show = Show()
        async with desk(show, close_seconds=0.3) as served, served.line() as line:
            await join(line)
            show.ending.set()
            assert await line.frame() == (CLOSE, GOING_AWAY.to_bytes(2, "big") + b"the end")
            await nothing_is_left(served, show)

    run(watch())


@pytest.mark.parametrize(
    ("old", "new"),
    [
        (b"Version: 13", b"Version: 8"),
        (b"Sec-WebSocket-Version: 13\r\n", b""),
        (b"dGhlIHNhbXBsZSBub25jZQ==", b"!"),
        (b"dGhlIHNhbXBsZSBub25jZQ==", b"YWJj"),
        (b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n", b""),
    ],
)
def test_a_handshake_that_is_none_is_refused(old: bytes, new: bytes) -> None:
    async def watch() -> bytes:
        async with desk(Show()) as served:
            return await served.ask(UPGRADE.replace(old, new))

    answer = run(watch())
    assert answer.startswith(b"HTTP/1.1 426 ")
    assert b"sec-websocket-version: 13" in answer.lower()


def test_a_stream_that_fails_costs_one_viewer_and_one_line(caplog: pytest.LogCaptureFixture) -> None:
    async def fail(send: Send) -> tuple[int, str]:
        await send("hello")
        raise LookupError("a bug")

    async def app(_request: Request) -> Answer:
        return WebSocket({}, fail)

    async def watch() -> list[int]:
        found = []
        async with desk(app) as served:
            for _ in range(3):
                async with served.line() as line:
                    await join(line)
                    found.append(await line.close_code())
        return found

    assert run(watch()) == [1011] * 3
    assert [record.getMessage() for record in caplog.records] == ["a viewer's stream failed: LookupError('a bug')"]


def test_any_bytes_end_in_a_close_or_in_nothing_and_not_in_the_log(caplog: pytest.LogCaptureFixture) -> None:
    frames = [
        frame(kind, content, final=final) for kind in range(16) for content in (b"", b"a") for final in (True, False)
    ]

    @settings(
        max_examples=100,
        deadline=None,
        suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
    )
    @given(parts=st.lists(st.one_of(st.sampled_from(frames), st.binary(max_size=20)), max_size=10))
    def check(parts: list[bytes]) -> None:
        async def watch() -> None:
            show = Show()
            async with desk(show, close_seconds=0.02) as served, served.line() as line:
                await join(line)
                line.send(b"".join(parts))
                line.writer.write_eof()
                await line.rest()
                await nothing_is_left(served, show)

        run(watch())

    check()
    assert caplog.records == []
