"""One connection of HTTP/1.1: a request after the other, each answered before the next is looked at."""

import asyncio
import contextlib
import logging
import math
import socket
import time
from collections.abc import Mapping
from functools import lru_cache
from typing import TYPE_CHECKING

import h11

from sysvitals.web.http.channel import Channel
from sysvitals.web.http.connections import Connections
from sysvitals.web.http.limited_log import LimitedLog
from sysvitals.web.http.messages import (
    REASONS,
    Answer,
    App,
    BusyError,
    Request,
    Response,
    Status,
    Stream,
    WebSocket,
    respond_text,
)
from sysvitals.web.http.parsing import build_request, find_client, find_fault

if TYPE_CHECKING:
    from ssl import SSLContext

_RETRY_SECONDS = 5
_NO_HEADERS: Mapping[str, str] = {}
_NOT_MODIFIED = 304


class HttpConnection(Channel):
    """Answer requests by `app`. If there are `too_many`, say so and close."""

    def __init__(self, connections: Connections, app: App, log: LimitedLog, *, too_many: bool) -> None:
        super().__init__(connections)
        self._app = app
        self._log = log
        self._too_many = too_many
        self._opening: asyncio.Task[None] | None = None
        self._client = ""
        self._is_secure = False
        self._is_head = False
        self._is_streaming = False
        self._requests = 0
        self._has_turn = False
        self._answered = -math.inf
        self._http = h11.Connection(h11.SERVER, max_incomplete_event_size=connections.budget.header_bytes)

    def open(self, accepted: socket.socket, tls: "SSLContext | None") -> None:
        """Begin with this socket. A TLS handshake is part of the time to the end of the first request."""
        self._is_secure = tls is not None
        self._connections.enter(self, self._connections.reading)
        self._opening = self._connections.loop.create_task(self._open(accepted, tls))

        def finish(_task: asyncio.Task[None]) -> None:
            if self._opening is not None:  # the client went, or was not worth waiting for
                self._opening = None
                self._connections.leave(self)
                accepted.close()

        self._opening.add_done_callback(finish)

    async def _open(self, accepted: socket.socket, tls: "SSLContext | None") -> None:
        # the time to shut down includes what is still to be written
        limits = {"ssl_shutdown_timeout": self._connections.budget.write_seconds} if tls is not None else {}
        try:
            await self._connections.loop.connect_accepted_socket(lambda: self, accepted, ssl=tls, **limits)
        except OSError as error:  # a failed handshake is the client's business
            self._connections.refusals.count("tls")
            error.__traceback__ = None  # its frames keep the error: a circle, as in `connection_lost`

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Wait for the first request."""
        assert isinstance(transport, asyncio.Transport)  # noqa: S101
        self.transport = transport
        self._opening = None
        transport.set_write_buffer_limits(high=self._connections.budget.write_bytes, low=0)
        self._client = find_client((transport.get_extra_info("peername") or ("",))[0])
        if self._too_many:
            self._connections.refusals.count("busy")
            self._refuse(503, "too many connections", {"retry-after": str(_RETRY_SECONDS)})

    def abort(self) -> None:
        """Close without a further word."""
        if self._opening is None:
            super().abort()
        else:
            self._is_over = True
            self._connections.leave(self)
            self._opening.cancel()

    def take(self, data: bytes) -> None:
        """Parse what came. What comes while an answer is under way waits, and no more of it is read."""
        self._http.receive_data(data)
        if self._task is None:
            self._advance()
        else:
            self.transport.pause_reading()

    def eof_received(self) -> bool:
        """A client may end its sending and still wait for an answer; TLS, and asyncio with it, cannot do that."""
        if self._task is None or self._is_streaming or self._is_secure:
            return False
        self._http.receive_data(b"")
        return True

    def expire(self) -> None:
        """Say why, where a request had begun."""
        if self.lane is self._connections.reading and self._http.trailing_data[0]:
            self._refuse(408, "the request took too long")
        else:
            super().expire()

    def renew(self) -> None:
        """Close what is idle or has sent a part of a request, end a stream, and let another answer be finished."""
        if self._is_over:
            return
        if self._is_streaming and self._task is not None:
            self._task.cancel()
            self.send(self._encode(h11.EndOfMessage()))
            self.linger()
        elif self._task is None or self.lane is self._connections.queued:
            self.abort()

    @property
    def _is_last(self) -> bool:
        """Whether no further request is taken."""
        return self.is_outdated or self._requests >= self._connections.budget.requests

    def _advance(self) -> None:
        """Look for the next request."""
        try:
            event = self._http.next_event()
            if isinstance(event, h11.Request):
                self._begin(event)
                return
        except (h11.RemoteProtocolError, ValueError) as error:  # ValueError: h11 0.14, of an endless Content-Length
            self._refuse(self._status_of(error), "this is not a valid request")
            return
        if isinstance(event, h11.ConnectionClosed):
            self.close()
            return
        # not before all that was read is answered: else a client could send more with each answer, without limit
        self.transport.resume_reading()
        if not self._http.trailing_data[0]:
            if self.lane is self._connections.answering:
                self._connections.enter(self, self._connections.idle)
        elif self.lane is not self._connections.reading:  # whose time goes on, else a byte a second would renew it
            self._connections.enter(self, self._connections.reading)

    def _begin(self, event: h11.Request) -> None:
        self._is_head = event.method == b"HEAD"
        if fault := find_fault(event, self._connections.budget):
            self._refuse(*fault)
            return
        self._http.next_event()  # the end of the request: it has no body
        self._requests += 1
        connections = self._connections
        self._has_turn = False
        request = build_request(event, self._client, is_secure=self._is_secure)._replace(take_turn=self._take_turn)
        is_repeated = connections.loop.time() - self._answered < connections.budget.repeat_seconds
        connections.enter(self, connections.queued if is_repeated else connections.answering)
        self._task = connections.loop.create_task(self._serve(request, is_repeated=is_repeated))

    def _status_of(self, error: Exception) -> Status:
        status: Status = getattr(error, "error_status_hint", 400)
        is_first_line = b"\n" not in self._http.trailing_data[0]
        return 414 if status == 431 and is_first_line else status

    async def _take_turn(self) -> None:
        """Wait until this request may begin; one that has waited already may."""
        if self._has_turn:
            return
        self._has_turn = True
        self._connections.enter(self, self._connections.queued)
        async with self._connections.turns:
            self._connections.enter(self, self._connections.answering)
            await asyncio.sleep(0)  # hold the turn for one of the loop, or all that need not wait would pass together
        # and no longer: a request that waits for a thread or a password check must not keep others from beginning

    async def _serve(self, request: Request, *, is_repeated: bool) -> None:
        try:
            if is_repeated:
                await self._take_turn()
            answer = await self._find_answer(request)
            if self.is_outdated and not isinstance(answer, Response):
                if isinstance(answer, Stream):
                    answer.close()
                answer = respond_text(503, "busy: try again\n", {"retry-after": "1"})
            if isinstance(answer, WebSocket):
                self._open_websocket(request, answer)
                return
            if isinstance(answer, Stream):
                await self._stream(answer)
            else:
                self._write(answer)
            del answer  # or its body would be kept, beside what is still to be written, for a client that does not read
            await self.drain()
        except Exception as error:  # noqa: BLE001  # a bug must cost one connection
            self._log.write(logging.ERROR, "a connection failed: %r", error, error=error)
            self.abort()
            return
        self._task = None
        self._go_on()

    async def _find_answer(self, request: Request) -> Answer:
        try:
            return await self._app(request)
        except BusyError as error:
            self._connections.refusals.count("busy")
            # closed: a client that sent many requests together must not take the time of others
            return respond_text(503, f"{error}\n", {"retry-after": str(_RETRY_SECONDS), "connection": "close"})
        except Exception as error:  # noqa: BLE001  # a bug must cost one answer
            self._log.write(logging.ERROR, "cannot answer %s: %r", request.path, error, error=error)
            return respond_text(500, "Internal Server Error")

    def _go_on(self) -> None:
        """The answer is written: on to the next request, or close."""
        if self.lane is None:
            return
        if self._is_last or self._http.our_state is not h11.DONE:
            self.linger()
            return
        self._answered = self._connections.loop.time()
        self._http.start_next_cycle()
        self._advance()

    def _write(self, answer: Response) -> None:
        self._connections.refusals.count_answer(answer.status)
        headers = dict(answer.headers)
        if answer.status != _NOT_MODIFIED:
            headers["content-length"] = str(len(answer.body))
        parts = [self._encode_head(answer.status, headers)]
        if answer.body and not self._is_head:
            parts.append(self._encode(h11.Data(data=answer.body)))
        self.send(b"".join([*parts, self._encode(h11.EndOfMessage())]))

    async def _stream(self, stream: Stream) -> None:
        self._is_streaming = True
        try:
            self.send(self._encode_head(200, stream.headers))
            async with contextlib.aclosing(stream.parts) as parts:
                while not self._is_head and (part := await anext(parts, None)) is not None:
                    self.send(self._encode(h11.Data(data=part)))
                    del part  # as in `_serve`
                    await self.drain()
                    await asyncio.sleep(0)  # a long stream must not hold up others
            self.send(self._encode(h11.EndOfMessage()))
        finally:
            self._is_streaming = False
            stream.close()

    def _refuse(self, status: Status, text: str, headers: Mapping[str, str] = _NO_HEADERS) -> None:
        """Answer what is not a request, and close."""
        self._write(respond_text(status, f"{text}\n", {"connection": "close", **headers}))
        self.linger()

    def _open_websocket(self, request: Request, answer: WebSocket) -> None:
        # imported for the first viewer: with hashlib, and thus libcrypto, it takes 5 MiB
        from sysvitals.web.http.websocket import WebSocketConnection, find_key  # noqa: PLC0415

        key = find_key(request)
        if key is None:
            self._refuse(426, "a WebSocket of version 13 is needed", {"sec-websocket-version": "13"})
            return
        headers = {**answer.headers, **key, "upgrade": "websocket", "connection": "Upgrade"}
        event = h11.InformationalResponse(status_code=101, headers=encode_headers(headers))
        self.send(self._encode(event))
        channel = WebSocketConnection(self._connections, self._log, self.transport, answer.talk)
        data, has_ended = self._http.trailing_data
        channel.begin(data)
        if has_ended:  # while it was answered: asyncio says so once, and it could not answer a ping
            channel.close()
        self._connections.leave(self)

    def _encode_head(self, status: Status, headers: Mapping[str, str]) -> bytes:
        ending = {"connection": "close"} if self._is_last else {}
        all_headers = {**headers, "date": format_date(int(time.time())), **ending}
        reason = REASONS.get(status, "").encode()
        return self._encode(h11.Response(status_code=status, headers=encode_headers(all_headers), reason=reason))

    def _encode(self, event: h11.Event) -> bytes:
        return self._http.send(event) or b""


def encode_headers(headers: Mapping[str, str]) -> list[tuple[bytes, bytes]]:
    """Header fields as h11 takes them."""
    return [(name.encode("latin-1"), value.encode("latin-1")) for name, value in headers.items()]


@lru_cache(maxsize=1)
def format_date(seconds: int) -> str:
    """A Date header. The program sets no locale, so the names are English."""
    return time.strftime("%a, %d %b %Y %H:%M:%S GMT", time.gmtime(seconds))
