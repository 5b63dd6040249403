"""The server at its sockets: what it takes, what it refuses, and what it lets a client cost."""

# ruff: noqa: SIM117  # the server outside, its clients inside

import asyncio
import contextlib
import errno
import logging
import resource
import socket
import subprocess
import sys
from collections.abc import AsyncGenerator, Iterator
from functools import partial
from typing import get_args

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from sysvitals.model.metric import Label
from sysvitals.model.status import Refused
from sysvitals.web.http import messages
from sysvitals.web.http import server as server_module
from sysvitals.web.http.budget import READ_BYTES, Budget, fit_budget
from sysvitals.web.http.channel import Channel
from sysvitals.web.http.limited_log import LimitedLog
from sysvitals.web.http.messages import (
    Answer,
    BusyError,
    Request,
    Response,
    Send,
    Status,
    Stream,
    WebSocket,
    respond_text,
)
from sysvitals.web.http.parsing import find_client
from sysvitals.web.http.refusals import REASONS
from sysvitals.web.http.router import Route, Router
from tests.patience import PATIENCE
from tests.web.raw import GET, GET_AND_CLOSE, UPGRADE, Desk, Line, desk, run, wait_for

BIG = 8 << 20


async def hello(request: Request) -> Answer:
    return respond_text(200, f"{request.method} {request.path}")


async def big(_request: Request) -> Answer:
    return Response(200, {}, bytes(BIG))


class Holding:
    """Answers when it is let go."""

    def __init__(self) -> None:
        self.asked = 0
        self.begun = asyncio.Event()
        self.go_on = asyncio.Event()

    async def __call__(self, _request: Request) -> Answer:
        self.asked += 1
        self.begun.set()
        await self.go_on.wait()
        return respond_text(200, "held")


def status_of(answer: bytes) -> int:
    return int(answer.split()[1]) if answer else 0


async def until(desk_: Desk, count: int) -> None:
    """Wait until this many connections are open."""
    await wait_for(lambda: len(desk_.server._connections or ()) == count)


def is_as_many(waiting: dict[Channel, float], count: int) -> bool:
    return not count or len(waiting) == count


class TestRequests:
    @pytest.mark.parametrize(
        ("data", "status"),
        [
            (b"GET / HTTP/1.1\r\nHost: board\r\nContent-Length: 5\r\n\r\nhello", 413),
            (b"POST / HTTP/1.1\r\nHost: board\r\nContent-Length: 100000000000\r\n\r\n", 413),
            (b"POST / HTTP/1.1\r\nHost: board\r\nContent-Length: " + b"9" * 5000 + b"\r\n\r\n", 400),
            (b"POST / HTTP/1.1\r\nHost: board\r\nContent-Length: -1\r\n\r\n", 400),
            (b"HEAD / HTTP/1.1\r\nHost: board\r\nContent-Length: 5\r\n\r\nhello", 413),
            (b"POST / HTTP/1.1\r\nHost: board\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n", 413),
            (b"POST / HTTP/1.1\r\nHost: board\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n", 413),
            (b"POST / HTTP/1.1\r\nHost: board\r\nTransfer-Encoding: gzip\r\n\r\n", 501),
            (b"POST / HTTP/1.1\r\nHost: b\r\nContent-Length: 0\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", 400),
            (b"POST / HTTP/1.1\r\nHost: board\r\nContent-Length: 5\r\nExpect: 100-continue\r\n\r\n", 413),
            (b"GET / HTTP/1.1\r\nHost: board\r\nExpect: 100-continue\r\n\r\n", 417),
            (b"GET / HTTP/1.1\r\nHost: board\r\nHost: other\r\n\r\n", 400),
            (b"GET / HTTP/1.1\r\n\r\n", 400),
            (b"GET / HTTP/1.1\r\nHost: board\r\nA b: c\r\n\r\n", 400),
            (b"CONNECT a:1 HTTP/1.1\r\nHost: board\r\n\r\n", 501),
            (b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", 505),
            (b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n", 400),
            (b"\r\n\r\n\r\n", 400),
            (b"GET /" + b"a" * 9000 + b" HTTP/1.1\r\nHost: board\r\n\r\n", 414),
            (b"GET /" + b"a" * 99000, 414),
            (b"GET / HTTP/1.1\r\nHost: board\r\nA: " + b"a" * 17000 + b"\r\n\r\n", 431),
            (b"GET / HTTP/1.1\r\nHost: board\r\n" + b"A: b\r\n" * 9000, 431),
            (b"GET / HTTP/1.1\r\nHost: board\r\n" + b"A: b\r\n" * 100 + b"\r\n", 431),
        ],
    )
    def test_what_is_not_a_request_without_a_body_is_refused_and_the_connection_closed(
        self, data: bytes, status: int
    ) -> None:
        async def ask() -> bytes:
            async with desk(hello) as served:
                return await served.ask(data)

        answer = run(ask())
        assert status_of(answer) == status
        assert b"\r\nconnection: close\r\n" in answer.lower()
        assert answer.count(b"HTTP/1.1 ") == 1

    @pytest.mark.fault(
        "network",
        "bodies that nothing asked for",
        seen="413 for the client",
        heals="the connection is closed",
    )
    def test_a_refusal_arrives_even_while_the_client_still_sends(self) -> None:
        async def ask() -> bytes:
            async with desk(hello) as served, served.line() as line:
                line.send(b"POST / HTTP/1.1\r\nHost: board\r\nContent-Length: 9000000\r\n\r\n" + bytes(1 << 20))
                return await line.rest()

        assert status_of(run(ask())) == 413

    @pytest.mark.parametrize(
        ("data", "body"),
        [
            (b"GET http://board:9/a/b?c HTTP/1.1\r\nHost: board\r\nConnection: close\r\n\r\n", b"GET /a/b"),
            (b"GET http://board HTTP/1.1\r\nHost: board\r\nConnection: close\r\n\r\n", b"GET /"),
            (b"OPTIONS * HTTP/1.1\r\nHost: board\r\nConnection: close\r\n\r\n", b"OPTIONS *"),
            (b"POST / HTTP/1.1\r\nHost: board\r\nContent-Length: 0\r\nConnection: close\r\n\r\n", b"POST /"),
            (b"GET / HTTP/1.0\r\n\r\n", b"GET /"),
        ],
    )
    def test_other_forms_of_a_target_reach_the_application(self, data: bytes, body: bytes) -> None:
        async def ask() -> bytes:
            async with desk(hello) as served:
                return await served.ask(data)

        assert run(ask()).endswith(b"\r\n\r\n" + body)

    def test_an_offer_of_http_2_is_passed_over(self) -> None:
        async def ask() -> list[tuple[int, bytes]]:
            async with desk(hello) as served, served.line() as line:
                line.send(
                    GET[:-2] + b"Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AA\r\n\r\n"
                )
                first = await line.answer()
                line.send(GET)
                return [first, await line.answer()]

        assert run(ask()) == [(200, b"GET /")] * 2

    def test_requests_that_are_sent_together_are_answered_in_their_order(self) -> None:
        async def ask() -> list[bytes]:
            async with desk(hello) as served, served.line() as line:
                line.send(b"".join(GET.replace(b"/ ", b"/%d " % number) for number in range(200)))
                return [(await line.answer())[1] for _ in range(200)]

        assert run(ask()) == [b"GET /%d" % number for number in range(200)]

    def test_a_client_that_ended_its_sending_is_still_answered(self) -> None:
        async def ask() -> bytes:
            holding = Holding()
            async with desk(holding) as served, served.line() as line:
                line.send(GET)
                line.writer.write_eof()
                await holding.begun.wait()
                await asyncio.sleep(0)
                holding.go_on.set()
                return await line.rest()

        assert run(ask()).endswith(b"held")

    def test_an_error_within_is_500_once_in_the_log_and_the_connection_goes_on(
        self, caplog: pytest.LogCaptureFixture
    ) -> None:
        async def broken(_request: Request) -> Answer:
            raise LookupError("a secret")

        async def ask() -> list[tuple[int, bytes]]:
            async with desk(broken) as served, served.line() as line:
                line.send(GET * 5)
                return [await line.answer() for _ in range(5)]

        assert run(ask()) == [(500, b"Internal Server Error")] * 5
        assert [record.getMessage() for record in caplog.records] == ["cannot answer /: LookupError('a secret')"]

    @pytest.mark.fault(
        "network",
        "bytes that are no HTTP",
        seen="400 for the client",
        heals="the connection is closed",
    )
    def test_any_bytes_are_answered_or_closed_without_a_word_in_the_log(self, caplog: pytest.LogCaptureFixture) -> None:
        words = [
            b"GET",
            b" ",
            b"/",
            b"HTTP/1.1",
            b"\r\n",
            b"\n",
            b"Host: b",
            b":",
            b"Content-Length: 1",
            b"\x00",
            b"\xff",
        ]
        words += [
            b"Transfer-Encoding: chunked",
            b"Upgrade: websocket",
            b"Connection: Upgrade",
            b"0\r\n\r\n",
            GET,
            b"\t",
        ]

        @settings(
            max_examples=150,
            deadline=None,
            suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
        )
        @given(parts=st.lists(st.one_of(st.sampled_from(words), st.binary(max_size=20)), max_size=30))
        def check(parts: list[bytes]) -> None:
            async def ask() -> bytes:
                async with desk(hello) as served:
                    async with served.line() as line:
                        line.send(b"".join(parts))
                        line.writer.write_eof()
                        await line.rest()
                    return await served.ask(GET_AND_CLOSE)

            assert run(ask()).endswith(b"GET /")

        check()
        assert caplog.records == []


class TestTheRouter:
    @pytest.mark.parametrize(
        ("data", "status", "allowed"),
        [
            (b"OPTIONS / HTTP/1.1", 405, b"GET, HEAD"),
            (b"DELETE / HTTP/1.1", 405, b"GET, HEAD"),
            (b"GET /reload HTTP/1.1", 405, b"POST"),
            (b"GET /live HTTP/1.1", 426, b""),
            (b"GET /%6cive HTTP/1.1", 404, b""),
        ],
    )
    def test_refuses_what_is_not_in_the_table(self, data: bytes, status: int, allowed: bytes) -> None:
        table = Router(
            [Route("/", hello), Route("/reload", hello, ("POST",)), Route("/live", hello, is_websocket=True)]
        )

        async def ask() -> bytes:
            async with desk(table) as served:
                return await served.ask(data + b"\r\nHost: board\r\nConnection: close\r\n\r\n")

        answer = run(ask())
        assert status_of(answer) == status
        assert (b"allow: " + allowed in answer) == bool(allowed)

    def test_an_upgrade_header_opens_no_ordinary_path(self) -> None:
        upgrade = b"GET / HTTP/1.1\r\nHost: board\r\nUpgrade: websocket\r\nConnection: Upgrade, close\r\n\r\n"

        async def ask() -> bytes:
            async with desk(Router([Route("/", hello)])) as served:
                return await served.ask(upgrade)

        assert status_of(run(ask())) == 400


class TestTimes:
    @pytest.mark.parametrize("data", [b"", b"GET / HTTP/1.1\r\nHost:"])
    def test_a_connection_without_a_whole_request_is_closed(self, data: bytes) -> None:
        async def ask() -> bytes:
            async with desk(hello, header_seconds=0.05) as served:
                return await served.ask(data)

        assert status_of(run(ask())) == (408 if data else 0)

    @pytest.mark.fault(
        "network",
        "clients that send their request a byte at a time",
        seen="408 for the client",
        heals="after 10 s the connection is closed",
    )
    def test_a_request_that_comes_byte_by_byte_gains_no_time(self) -> None:
        async def ask() -> bytes:
            async with desk(hello, header_seconds=0.3) as served, served.line() as line:
                rest = asyncio.create_task(line.rest())
                while not rest.done():  # for ever, unless it is closed
                    line.send(b"a")
                    await asyncio.sleep(0.01)
                return await rest

        assert status_of(run(ask())) == 408

    @pytest.mark.fault(
        "network",
        "connections that stay idle",
        seen="nothing",
        heals="after 75 s they are closed",
    )
    def test_an_idle_connection_is_closed_and_one_that_is_answered_is_not(self) -> None:
        async def ask() -> bytes:
            holding = Holding()

            async def app(request: Request) -> Answer:
                return await (hello if request.path == "/" else holding)(request)

            async with desk(app, idle_seconds=0.3) as served:
                async with served.line() as held, served.line() as idle:
                    held.send(GET.replace(b"/", b"/held", 1))
                    idle.send(GET)
                    assert await idle.answer() == (200, b"GET /")
                    assert await idle.rest() == b""
                    holding.go_on.set()
                    assert await held.answer() == (200, b"held")
                    return await held.rest()

        assert run(ask()) == b""

    def test_nothing_wakes_the_server_while_nothing_is_connected(self) -> None:
        async def ask() -> None:
            async with desk(hello) as served:
                async with served.line() as line:
                    line.send(GET)
                    await line.answer()
                    assert served.server._connections is not None
                    assert served.server._connections._timer is not None
                await until(served, 0)
                assert served.server._connections._timer is None

        run(ask())

    @pytest.mark.fault(
        "network",
        "clients that do not read their answer",
        seen="`sysvitals_http_refused_total` with `unread` rises",
        heals="after 30 s they are dropped",
    )
    def test_a_client_that_does_not_read_its_answer_is_dropped(self) -> None:
        async def ask() -> int:
            async with desk(big, write_seconds=0.05) as served, served.line() as line:
                line.writer.transport.pause_reading()  # type: ignore[attr-defined]
                line.send(GET)
                await until(served, 1)
                await until(served, 0)
                line.writer.transport.resume_reading()  # type: ignore[attr-defined]
                return len(await line.rest())

        assert run(ask()) < BIG

    @pytest.mark.parametrize("size", range(50_000, 450_000, 50_000))
    def test_a_slow_client_gets_all_of_its_last_answer(self, size: int) -> None:
        async def answer(_request: Request) -> Answer:
            return Response(200, {}, bytes(size))

        async def ask() -> bytes:
            async with desk(answer, close_seconds=0.05) as served:
                with socket.socket() as slow:
                    slow.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
                    slow.connect(("127.0.0.1", served.port))
                    slow.setblocking(False)
                    line = Line(*await asyncio.open_connection(sock=slow))
                    line.writer.transport.pause_reading()  # type: ignore[attr-defined]
                    line.send(GET_AND_CLOSE)
                    await asyncio.sleep(0.2)
                    line.writer.transport.resume_reading()  # type: ignore[attr-defined]
                    found = await line.rest()
                    line.writer.close()
                    return found

        assert len(run(ask())) > size


class TestBudgets:
    def test_a_client_that_sends_and_never_reads_is_soon_not_read_any_more(self) -> None:
        asked = 0

        async def count(_request: Request) -> Answer:
            nonlocal asked
            asked += 1
            return Response(200, {}, bytes(100_000))

        async def flood() -> None:
            async with desk(count, write_seconds=0.3) as served, served.line() as line:
                line.writer.transport.pause_reading()  # type: ignore[attr-defined]
                line.send(GET * 50_000)
                await until(served, 1)
                await until(served, 0)

        run(flood())
        assert asked < 200

    @pytest.mark.fault(
        "network",
        "clients whose requests take long, such as passwords that are compared",
        seen="nothing: other requests are answered meanwhile",
        heals="by itself",
    )
    def test_a_request_that_waits_holds_up_no_other(self) -> None:
        async def flood() -> None:
            holding = Holding()

            async def app(request: Request) -> Answer:
                return await (hello if request.path == "/" else holding)(request)

            async with desk(app, turns=2) as served, contextlib.AsyncExitStack() as stack:
                lines = [await stack.enter_async_context(served.line()) for _ in range(20)]
                for line in lines:
                    line.send(GET + GET.replace(b"/", b"/held", 1))
                    assert await line.answer() == (200, b"GET /")
                await wait_for(lambda: holding.asked == 20)
                async with served.line() as other:
                    for _ in range(3):
                        other.send(GET)
                        assert await other.answer() == (200, b"GET /")
                holding.go_on.set()
                assert [await line.answer() for line in lines] == [(200, b"held")] * 20

        run(flood())

    @pytest.mark.fault(
        "network",
        "clients that send requests without end, and take every answer",
        seen="nothing: scrapes are answered meanwhile",
        heals="by itself: such clients take turns, two at a time",
    )
    def test_clients_that_ask_again_and_again_take_turns_and_hold_up_no_other(self) -> None:
        asked = 0

        async def count(_request: Request) -> Answer:
            nonlocal asked
            asked += 1
            return respond_text(200, "")

        async def flood() -> list[int]:
            async with desk(count, turns=2) as served, contextlib.AsyncExitStack() as stack:
                lines = [await stack.enter_async_context(served.line()) for _ in range(20)]
                for line in lines:
                    line.send(GET * 50)
                await wait_for(lambda: asked >= 20)  # the first of each
                found = []
                for _ in range(50):
                    before = asked
                    await asyncio.sleep(0)
                    found.append(asked - before)
                return found

        assert 0 < max(run(flood())) <= 3  # one more where a turn ends as the next begins

    @pytest.mark.fault(
        "network",
        "a new connection for each request, for what costs most: streams, the state, the page",
        seen="nothing: scrapes are answered meanwhile",
        heals="by itself: such requests take turns, two at a time",
    )
    def test_first_requests_that_are_costly_take_turns_too(self) -> None:
        asked = 0

        async def count(_request: Request) -> Answer:
            nonlocal asked
            asked += 1
            return respond_text(200, "")

        table = Router([Route("/", count, takes_turns=True), Route("/metrics", hello)])

        async def flood() -> int:
            async with desk(table, turns=2) as served, contextlib.AsyncExitStack() as stack:
                lines = [await stack.enter_async_context(served.line()) for _ in range(20)]
                connections = served.server._connections
                assert connections is not None
                for _ in range(2):
                    await connections.turns.acquire()
                for line in lines:
                    line.send(GET)
                await wait_for(lambda: len(connections.queued.waiting) == 20)
                assert status_of(await served.ask(GET_AND_CLOSE.replace(b"/ ", b"/metrics ", 1))) == 200
                assert asked == 0
                for _ in range(2):
                    connections.turns.release()
                await wait_for(lambda: asked == 20)
                return len(connections.queued.waiting)

        assert run(flood()) == 0

    def test_a_request_waits_for_one_turn_only(self) -> None:
        async def ask() -> tuple[int, bytes]:
            table = Router([Route("/", hello, takes_turns=True)])
            async with desk(table, turns=1) as served, served.line() as line:
                line.send(GET * 2)  # the second one is repeated, and costly
                await line.answer()
                return await line.answer()

        assert run(ask())[0] == 200

    @pytest.mark.fault(
        "network",
        "clients that send requests faster than they can be answered",
        seen="nothing",
        heals="by itself: no more is read from them until what was read is answered",
    )
    def test_no_more_is_read_of_a_client_before_what_it_sent_is_answered(self) -> None:
        longest = 0

        async def flood() -> None:
            async def look(_request: Request) -> Answer:
                nonlocal longest
                assert served.server._connections is not None
                for channel in [*served.server._connections.answering.waiting]:
                    longest = max(longest, len(channel._http.trailing_data[0]))  # type: ignore[attr-defined]
                return respond_text(200, "")

            async with desk(look) as served, served.line() as line:
                line.send(GET * 20_000)
                for _ in range(900):
                    await line.answer()

        run(flood())
        assert READ_BYTES < longest <= 2 * READ_BYTES

    def test_a_connection_is_closed_after_its_share_of_requests_and_a_client_may_connect_again(self) -> None:
        async def ask() -> bytes:
            async with desk(hello, requests=3) as served:
                answers = await served.ask(GET * 5)
                assert (await served.ask(GET_AND_CLOSE)).endswith(b"GET /")
                return answers

        answers = run(ask()).lower()
        assert answers.count(b"http/1.1 200 ") == 3
        assert answers.count(b"connection: close") == 1
        assert answers.rindex(b"http/1.1 200 ") < answers.index(b"connection: close")

    def test_what_waits_for_its_turn_gives_way_before_a_newcomer_is_turned_away(self) -> None:
        async def crowd() -> None:
            holding = Holding()

            async def app(request: Request) -> Answer:
                return await (hello if request.path == "/" else holding)(request)

            async with desk(app, turns=1, connections=2) as served:
                async with served.line() as answered, served.line() as queued:
                    connections = served.server._connections
                    assert connections is not None
                    answered.send(GET.replace(b"/", b"/held", 1))
                    await wait_for(lambda: holding.asked == 1)
                    await connections.turns.acquire()  # a flood would hold it again and again
                    queued.send(GET * 2)
                    assert await queued.answer() == (200, b"GET /")
                    await wait_for(partial(is_as_many, connections.queued.waiting, 1))
                    assert (await served.ask(GET_AND_CLOSE)).endswith(b"GET /")
                    assert await queued.rest() == b""
                    holding.go_on.set()
                    assert await answered.answer() == (200, b"held")

        run(crowd())

    @pytest.mark.fault(
        "network",
        "more connections than there is room for",
        seen="one line in the log; `sysvitals_http_refused_total` with `crowded` rises",
        heals="by itself: unfinished and idle ones are closed for newcomers",
    )
    def test_over_the_limit_the_oldest_unfinished_is_closed_first_and_then_the_idle(self) -> None:
        async def crowd() -> None:
            async with desk(hello, connections=3, young_seconds=0) as served:
                async with served.line() as idle, served.line() as older, served.line() as newer:
                    idle.send(GET)
                    await idle.answer()
                    older.send(b"GET")
                    await until(served, 3)
                    assert (await served.ask(GET_AND_CLOSE)).endswith(b"GET /")
                    assert await older.rest() == b""
                    newer.send(GET)
                    assert await newer.answer() == (200, b"GET /")
                    async with served.line() as third:
                        third.send(GET)
                        await third.answer()
                        assert (await served.ask(GET_AND_CLOSE)).endswith(b"GET /")
                        assert await idle.rest() == b""
                        newer.send(GET)
                        assert await newer.answer() == (200, b"GET /")

        run(crowd())

    @pytest.mark.fault(
        "network",
        "clients that get an answer and keep their connection, more than there is room for",
        seen="`sysvitals_http_refused_total` with `crowded` rises",
        heals="by itself: those idle for longest are closed for newcomers",
    )
    def test_idle_connections_give_way_before_one_that_has_just_come(self) -> None:
        async def crowd() -> None:
            async with desk(hello, connections=3, young_seconds=60) as served:
                async with served.line() as older, served.line() as newer, served.line() as young:
                    for line in (older, newer):
                        line.send(GET)
                        assert await line.answer() == (200, b"GET /")
                    young.send(b"GET")
                    await until(served, 3)
                    assert (await served.ask(GET_AND_CLOSE)).endswith(b"GET /")
                    assert await older.rest() == b""
                    young.send(GET.removeprefix(b"GET"))
                    assert await young.answer() == (200, b"GET /")

        run(crowd())

    def test_one_that_waits_for_its_turn_gives_way_before_one_that_has_just_come(self) -> None:
        async def crowd() -> None:
            table = Router([Route("/", hello, takes_turns=True), Route("/metrics", hello)])
            metrics = GET_AND_CLOSE.replace(b"/ ", b"/metrics ", 1)
            async with desk(table, turns=1, connections=2, young_seconds=60) as served:
                async with served.line() as queued, served.line() as young:
                    young.send(b"GET")
                    queued.send(GET)
                    await until(served, 2)
                    connections = served.server._connections
                    assert connections is not None
                    await connections.turns.acquire()
                    queued.send(GET)  # whichever of its requests waits for a turn
                    await wait_for(lambda: bool(connections.queued.waiting))
                    assert (await served.ask(metrics)).endswith(b"GET /metrics")
                    young.send(metrics.removeprefix(b"GET"))
                    assert (await young.rest()).endswith(b"GET /metrics")

        run(crowd())

    @pytest.mark.fault(
        "network",
        "bodies without end",
        seen="413",
        heals="by itself: little more is read of them, and the connection is closed",
    )
    def test_after_the_last_answer_little_more_is_read(self) -> None:
        async def flood() -> int:
            async with desk(hello, close_seconds=60) as served, served.line() as line:
                line.send(b"POST / HTTP/1.1\r\nHost: board\r\nContent-Length: 1000000000\r\n\r\n")
                assert (await line.answer())[0] == 413
                assert served.server._connections is not None
                (channel,) = served.server._connections.closing.waiting
                for _ in range(1000):
                    line.send(b"x" * READ_BYTES)
                    await asyncio.sleep(0)
                await wait_for(lambda: not channel.transport.is_reading())
                return channel._dropped_bytes

        assert run(flood()) <= 64 * 1024 + READ_BYTES

    def test_streams_leave_half_of_the_connections_to_others(self) -> None:
        assert Budget(connections=16).streams == 8

    @pytest.mark.parametrize(
        ("descriptors", "connections", "blocked"),
        [(20, 16, 4), (64, 16, 4), (1024, 256, 64), (4096, 512, 64), (resource.RLIM_INFINITY, 512, 64)],
    )
    def test_connections_leave_most_descriptors_for_reading_the_host_and_blocked_ones_leave_room_for_others(
        self, descriptors: int, connections: int, blocked: int, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(resource, "getrlimit", lambda _: (descriptors, resource.RLIM_INFINITY))
        budget = fit_budget()
        assert (budget.connections, budget.blocked) == (connections, blocked)
        assert budget.streams + budget.blocked < budget.connections

    def test_a_client_that_resets_its_connection_costs_no_line_of_log(
        self, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        def fail(_transport: asyncio.Transport) -> None:
            raise OSError(errno.ENOTCONN, "Transport endpoint is not connected")

        # what the system says where the reset came between the answer and its end
        monkeypatch.setattr("asyncio.selector_events._SelectorSocketTransport.write_eof", fail)

        async def crowd() -> None:
            async with desk(hello) as served, served.line() as line:
                line.send(GET_AND_CLOSE)
                assert status_of(await line.rest()) in {0, 200}
                await until(served, 0)

        run(crowd())
        assert caplog.records == []

    def test_clients_that_were_refused_and_stay_keep_no_place(self) -> None:
        async def crowd() -> None:
            async with desk(hello, connections=2, close_seconds=60) as served:
                async with served.line() as first, served.line() as second:
                    for line in (first, second):
                        line.send(b"?\r\n\r\n")
                        assert (await line.answer())[0] == 400
                    for _ in range(5):
                        assert (await served.ask(GET_AND_CLOSE)).endswith(b"GET /")

        run(crowd())

    @pytest.mark.fault(
        "network",
        "more requests at a time than there is room for",
        seen="503 with Retry-After; one line in the log",
        heals="by itself, when one is answered",
    )
    def test_a_newcomer_is_turned_away_only_while_all_are_being_answered(
        self, caplog: pytest.LogCaptureFixture
    ) -> None:
        async def crowd() -> None:
            holding = Holding()
            async with desk(holding, connections=2) as served:
                async with served.line() as first, served.line() as second:
                    for line in (first, second):
                        line.send(GET)
                    await wait_for(lambda: holding.asked == 2)
                    refused = await served.ask(b"")
                    assert status_of(refused) == 503
                    assert b"retry-after:" in refused
                    for _ in range(20):
                        assert status_of(await served.ask(b"")) == 503
                    crowd = await asyncio.gather(*(served.ask(GET) for _ in range(50)))
                    assert {status_of(answer) for answer in crowd} <= {503, 0}
                    assert len(served.server._connections or ()) <= 3
                    holding.go_on.set()
                    assert await first.answer() == await second.answer() == (200, b"held")
                    assert (await served.ask(GET_AND_CLOSE)).endswith(b"held")

        run(crowd())
        messages = [record.getMessage() for record in caplog.records]
        assert len(messages) == len(set(messages)) == 2

    @pytest.mark.fault(
        "network",
        "many clients that do not read",
        seen="`sysvitals_http_refused_total` with `unread` rises",
        heals="the one that has waited longest is dropped",
    )
    def test_too_many_clients_that_do_not_read_lose_the_one_that_has_waited_longest(self) -> None:
        async def crowd() -> list[int]:
            async with desk(big, blocked=2) as served:
                async with served.line() as first, served.line() as second, served.line() as third:
                    lines = [first, second, third]
                    assert served.server._connections is not None
                    blocked = served.server._connections.blocked.waiting
                    for count, line in zip((1, 2, 0), lines, strict=True):
                        line.writer.transport.pause_reading()  # type: ignore[attr-defined]
                        line.send(GET_AND_CLOSE)
                        await wait_for(partial(is_as_many, blocked, count))
                    await until(served, 2)
                    for line in lines:
                        line.writer.transport.resume_reading()  # type: ignore[attr-defined]
                    return [len(await line.rest()) > BIG for line in lines]

        assert run(crowd()) == [False, True, True]

    def test_no_descriptors_cost_one_line_of_log_and_it_recovers(
        self, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
    ) -> None:
        monkeypatch.setattr(server_module, "_REST_SECONDS", 0.01)
        really, failures = socket.socket.accept, 30

        def accept(listener: socket.socket) -> tuple[socket.socket, object]:
            nonlocal failures
            failures -= 1
            if failures >= 0:
                raise OSError(errno.EMFILE, "Too many open files")
            return really(listener)

        async def ask() -> bytes:
            async with desk(hello, reserved=0) as served:
                monkeypatch.setattr(socket.socket, "accept", accept)
                return await served.ask(GET_AND_CLOSE)

        assert run(ask()).endswith(b"GET /")
        assert [record.getMessage() for record in caplog.records] == ["cannot accept connections: Too many open files"]

    @pytest.mark.fault(
        "resources",
        "no free file descriptors",
        seen="one line a minute: `few connections are accepted … Too many open files`",
        heals="by itself: scrapes are answered meanwhile, with descriptors held back for them",
    )
    def test_newcomers_are_answered_where_no_descriptor_is_free(self) -> None:
        with subprocess.Popen(
            [sys.executable, "-c", WITHOUT_DESCRIPTORS], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        ) as process:
            assert process.stdout is not None
            assert process.stderr is not None
            address = ("127.0.0.1", int(process.stdout.readline()))
            try:
                with socket.create_connection(address, timeout=PATIENCE):  # one that stays idle
                    for _ in range(20):
                        with socket.create_connection(address, timeout=PATIENCE) as asking:
                            asking.sendall(GET_AND_CLOSE)
                            assert status_of(asking.recv(1 << 16)) == 200
            finally:
                process.kill()
            line = "few connections are accepted, and idle ones are closed early: Too many open files\n"
            assert process.stderr.read() == line


WITHOUT_DESCRIPTORS = """
import asyncio, os, resource
from sysvitals.web.http.listening import listen
from sysvitals.web.http.messages import respond_text
from sysvitals.web.http.server import Server

resource.setrlimit(resource.RLIMIT_NOFILE, (128, 128))

async def hello(request):
    return respond_text(200, "hello")

async def main():
    (listener,) = listen([("127.0.0.1", 0)])
    serving = asyncio.create_task(Server(hello).serve([listener]))
    await asyncio.sleep(0)
    try:
        while True:
            os.open("/dev/null", os.O_RDONLY)
    except OSError:
        print(listener.getsockname()[1], flush=True)
    await serving

asyncio.run(main())
"""


class TestStreams:
    @staticmethod
    def app(closed: asyncio.Event) -> object:
        async def parts() -> AsyncGenerator[bytes, None]:
            yield b"one"
            await asyncio.Event().wait()

        async def stream(_request: Request) -> Answer:
            return Stream({}, parts(), closed.set)

        return stream

    def test_the_end_of_the_client_ends_the_stream(self) -> None:
        async def watch() -> bytes:
            closed = asyncio.Event()
            async with desk(self.app(closed)) as served:  # type: ignore[arg-type]
                async with served.line() as line:
                    line.send(GET)
                    head = await line.head()
                    assert await line.reader.readexactly(8) == b"3\r\none\r\n"
                await closed.wait()
                return head

        assert b"transfer-encoding: chunked" in run(watch()).lower()

    def test_head_of_a_stream_is_its_headers_alone(self) -> None:
        async def watch() -> bytes:
            closed = asyncio.Event()
            async with desk(self.app(closed)) as served:  # type: ignore[arg-type]
                answer = await served.ask(GET_AND_CLOSE.replace(b"GET", b"HEAD"))
                await closed.wait()
                return answer

        assert run(watch()).endswith(b"\r\n\r\n")

    def test_a_stream_over_http_1_0_ends_with_the_connection(self) -> None:
        async def watch() -> bytes:
            async with desk(self.app(asyncio.Event())) as served:  # type: ignore[arg-type]
                async with served.line() as line:
                    line.send(b"GET / HTTP/1.0\r\n\r\n")
                    await line.head()
                    return await line.reader.readexactly(3)

        assert run(watch()) == b"one"


class TestRenewal:
    """When who may come in has changed, all clients connect again."""

    def test_idle_and_unfinished_connections_are_closed_and_an_answer_under_way_is_the_last_one(self) -> None:
        async def renew() -> bytes:
            holding = Holding()

            async def app(request: Request) -> Answer:
                return await (hello if request.path == "/" else holding)(request)

            async with desk(app) as served:
                async with served.line() as held, served.line() as idle, served.line() as begun:
                    held.send(GET.replace(b"/", b"/held", 1) + GET)
                    idle.send(GET)
                    begun.send(b"GET / HT")
                    await idle.answer()
                    await holding.begun.wait()
                    await until(served, 3)
                    served.server.renew()
                    assert await idle.rest() == await begun.rest() == b""
                    assert (await served.ask(GET_AND_CLOSE)).endswith(b"GET /")
                    holding.go_on.set()
                    return await held.rest()

        answer = run(renew())
        assert answer.endswith(b"held")
        assert answer.count(b"HTTP/1.1 ") == 1
        assert b"\r\nconnection: close\r\n" in answer.lower()

    def test_a_stream_ends_as_one_that_is_over(self) -> None:
        async def renew() -> bytes:
            closed = asyncio.Event()
            async with desk(TestStreams.app(closed)) as served, served.line() as line:  # type: ignore[arg-type]
                line.send(GET)
                await line.head()
                await line.reader.readexactly(8)
                served.server.renew()
                rest = await line.rest()
                await closed.wait()
                return rest

        assert run(renew()) == b"0\r\n\r\n"

    @pytest.mark.parametrize("is_websocket", [True, False])
    def test_a_stream_that_was_allowed_by_the_old_rules_does_not_begin(self, *, is_websocket: bool) -> None:
        async def renew() -> tuple[bytes, bool]:
            holding, closed = Holding(), asyncio.Event()

            async def app(request: Request) -> Answer:
                await holding(request)
                stream = await TestStreams.app(closed)(request)  # type: ignore[operator]
                return WebSocket({}, TestRenewal.talk) if is_websocket else stream

            async with desk(app) as served, served.line() as line:
                line.send(UPGRADE)
                await holding.begun.wait()
                served.server.renew()
                holding.go_on.set()
                return await line.rest(), closed.is_set()

        answer, is_closed = run(renew())
        assert status_of(answer) == 503
        assert is_closed != is_websocket

    @staticmethod
    async def talk(_send: Send) -> tuple[int, str]:
        raise AssertionError


def test_each_status_in_use_has_its_reason() -> None:
    assert {*messages.REASONS} == {*get_args(Status)}


@pytest.mark.parametrize(
    ("address", "client"),
    [
        ("192.0.2.1", "192.0.2.1"),
        ("2001:db8:0:1:a:b:c:d", "2001:db8:0:1::/64"),
        ("2001:db8:0:1::", "2001:db8:0:1::/64"),
        ("::ffff:192.0.2.1", "::ffff:192.0.2.1"),
        ("fe80::1%eth0", "fe80::1%eth0"),
        ("", ""),
    ],
)
def test_a_client_of_ipv6_is_its_network_as_it_has_all_addresses_of_that(address: str, client: str) -> None:
    assert find_client(address) == client


class TestRefusals:
    def test_each_is_counted_by_its_reason(self) -> None:
        statuses: Iterator[Status] = iter((200, 401, 403, 421, 429, 503))

        async def app(_request: Request) -> Answer:
            status = next(statuses, None)
            if status is None:
                raise BusyError("too much")
            return respond_text(status, "")

        async def ask() -> dict[str, int]:
            async with desk(app, header_seconds=1.0) as served:
                for _ in range(7):
                    await served.ask(GET_AND_CLOSE)
                await served.ask(b"?\r\n\r\n")
                await served.ask(b"GET / HT")  # too slow
                await served.ask(b"")
                return {reason: total for reason, total in served.server.refusals.totals.items() if total}

        expected = {"busy": 1, "host": 1, "invalid": 1, "origin": 1, "password": 1, "rate": 1, "slow": 2}
        assert run(ask()) == expected

    def test_connections_that_are_closed_for_others_are_counted(self) -> None:
        async def crowd() -> dict[str, int]:
            async with desk(big, connections=2, blocked=1, write_seconds=0.05) as served:
                async with served.line() as idle, served.line() as blocked:
                    blocked.writer.transport.pause_reading()  # type: ignore[attr-defined]
                    blocked.send(GET)
                    await until(served, 2)
                    await served.ask(GET_AND_CLOSE)
                    assert await idle.rest() == b""
                    await until(served, 0)
                    return served.server.refusals.totals

        totals = run(crowd())
        assert (totals["crowded"], totals["unread"]) == (1, 1)

    def test_the_exporter_declares_all_reasons(self) -> None:
        (label,) = (each for each in get_args(Refused.__annotations__["reason"]) if isinstance(each, Label))
        assert label.values == REASONS


class TestStopping:
    @pytest.mark.fault(
        "network",
        "30 viewers that never read, as the exporter stops",
        seen="nothing: no traceback",
        heals="their connections are closed",
    )
    def test_the_exporter_stops_in_order_while_viewers_do_not_read(self, caplog: pytest.LogCaptureFixture) -> None:
        async def parts() -> AsyncGenerator[bytes, None]:
            while True:
                yield bytes(1 << 20)

        async def talk(send: Send) -> tuple[int, str]:
            while True:
                await send("x" * (1 << 20))

        async def app(request: Request) -> Answer:
            return WebSocket({}, talk) if request.is_upgrade else Stream({}, parts(), lambda: None)

        async def end() -> None:
            async with desk(app, blocked=30) as served, contextlib.AsyncExitStack() as stack:
                for number in range(30):
                    line = await stack.enter_async_context(served.line())
                    line.writer.transport.pause_reading()  # type: ignore[attr-defined]
                    line.send(UPGRADE if number % 2 else GET)
                assert served.server._connections is not None
                await wait_for(partial(is_as_many, served.server._connections.blocked.waiting, 30))

        run(end())
        assert caplog.records == []

    def test_the_port_is_free_first_and_what_is_under_way_is_finished(self) -> None:
        async def end() -> bytes:
            holding = Holding()
            async with desk(holding) as served, served.line() as line, served.line() as idle:
                line.send(GET)
                await holding.begun.wait()
                served.server.end()
                with pytest.raises(ConnectionRefusedError):
                    await served.ask(GET)
                assert await idle.rest() == b""
                holding.go_on.set()
                return await line.rest()

        answer = run(end())
        assert answer.endswith(b"held")
        assert b"connection: close" in answer.lower()

    def test_what_does_not_end_in_time_is_cut(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(server_module, "GRACE_SECONDS", 0.05)

        async def end() -> bytes:
            holding = Holding()
            async with desk(holding) as served, served.line() as line:
                line.send(GET)
                await holding.begun.wait()
                served.server.end()
                return await line.rest()

        assert run(end()) == b""


def test_a_log_that_repeats_itself_says_how_often() -> None:
    now = 0.0
    lines: list[str] = []

    class Keep(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            lines.append(record.getMessage())

    logger = logging.getLogger("alone")
    logger.addHandler(Keep())
    log = LimitedLog(logger, lambda: now)
    for number in range(100):
        log.write(logging.WARNING, "too many: %d", number)
    log.write(logging.WARNING, "another")
    now = 61.0
    log.write(logging.WARNING, "too many: %d", 100)
    assert lines == ["too many: 0", "another", "too many: 100 (and 99 times more since the last such line)"]


IMPORTS = """
import sys
sys.modules["ssl"] = None  # asyncio can do without
import asyncio, logging, json
import sysvitals.web.http.server, sysvitals.web.http.listening, sysvitals.web.http.router
costly = {"hashlib", "secrets", "wsproto", "bcrypt", "urllib.parse", "email.utils", "sysvitals.web.door"}
print(costly & {*sys.modules})
"""


def test_serving_plainly_imports_no_cryptography() -> None:
    done = subprocess.run(
        [sys.executable, "-c", IMPORTS], capture_output=True, text=True, timeout=PATIENCE, check=False
    )
    assert (done.stdout, done.stderr) == ("set()\n", "")
