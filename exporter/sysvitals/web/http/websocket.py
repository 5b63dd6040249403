"""One WebSocket: messages go out; nothing is expected to come in."""

import asyncio
import base64
import binascii
import logging
from collections.abc import Awaitable, Callable

from wsproto.connection import Connection, ConnectionState, ConnectionType
from wsproto.events import CloseConnection, Event, Ping, Pong, TextMessage
from wsproto.utilities import generate_accept_token

from sysvitals.web.http.channel import Channel
from sysvitals.web.http.connections import Connections
from sysvitals.web.http.limited_log import LimitedLog
from sysvitals.web.http.messages import Request, Send

_POLICY_VIOLATION = 1008
_INTERNAL_ERROR = 1011
_SERVICE_RESTART = 1012


def find_key(request: Request) -> dict[str, str] | None:
    """The header that accepts this WebSocket; None where the request does not follow RFC 6455."""
    key = request.headers.get("sec-websocket-key", "")
    try:
        is_key = len(base64.b64decode(key, validate=True)) == 16
    except (ValueError, binascii.Error):
        is_key = False
    if not is_key or request.headers.get("sec-websocket-version") != "13":
        return None
    return {"sec-websocket-accept": generate_accept_token(key.encode()).decode()}


class WebSocketConnection(Channel):
    """Send what `talk` has to say, until it returns or the client goes."""

    def __init__(
        self,
        connections: Connections,
        log: LimitedLog,
        transport: asyncio.Transport,
        talk: Callable[[Send], Awaitable[tuple[int, str]]],
    ) -> None:
        super().__init__(connections)
        self.transport = transport
        self._log = log
        self._talker = talk
        self._frames = 0
        self._is_alive = True
        self._socket = Connection(ConnectionType.SERVER)

    def begin(self, data: bytes) -> None:
        """Take over the transport, with what the client sent after its request."""
        self._connections.enter(self, self._connections.watching)
        self.transport.set_protocol(self)
        self.transport.resume_reading()
        self._task = self._connections.loop.create_task(self._talk())
        if data:
            self.take(data)

    def take(self, data: bytes) -> None:
        """A viewer may answer pings, ping now and then, and close. All else ends it."""
        self._socket.receive_data(data)
        for event in self._socket.events():
            self._frames += 1
            if isinstance(event, CloseConnection):
                self._answer_close(event)
                return
            if not isinstance(event, Ping | Pong):
                self._refuse("clients must not send messages on this stream")
                return
            if self._frames > self._connections.budget.viewer_frames:
                self._refuse("too many pings")
                return
            if isinstance(event, Pong):
                self._is_alive = True
            elif not self.is_blocked:  # or pongs would pile up for a client that does not read them
                self._send(event.response())

    def expire(self) -> None:
        """Ask whether the viewer is there; drop one that did not answer since the last time, or does not read."""
        if self.lane is not self._connections.watching or not self._is_alive:
            super().expire()
            return
        self._is_alive = False
        self._frames = 0
        self._connections.enter(self, self._connections.watching)
        self._send(Ping())

    def renew(self) -> None:
        """Close: the viewer may connect again."""
        self._end(_SERVICE_RESTART, "connect again")

    async def _talk(self) -> None:
        try:
            code, reason = await self._talker(self._send_text)
        except Exception as error:  # noqa: BLE001  # a bug must cost one viewer
            self._log.write(logging.ERROR, "a viewer's stream failed: %r", error, error=error)
            code, reason = _INTERNAL_ERROR, ""
        self._task = None
        self._end(code, reason)

    def _send_text(self, text: str) -> Awaitable[None]:
        self._send(TextMessage(data=text))
        return self.drain()  # which does not keep the text

    def _send(self, event: Event) -> None:
        self.send(self._socket.send(event))

    def _answer_close(self, event: CloseConnection) -> None:
        """The client closes, or answers our closing, or sent what is not a frame."""
        if self._socket.state is not ConnectionState.CLOSED:
            self._send(event.response())
        self.close()
        self._stop()

    def _refuse(self, reason: str) -> None:
        """Close, and read nothing more: what the client sends costs nothing any more."""
        self._connections.refusals.count("viewer")
        self._end(_POLICY_VIOLATION, reason)
        self.transport.pause_reading()

    def _end(self, code: int, reason: str) -> None:
        """Close, and give the client a moment to answer."""
        self._stop()
        if self.lane is None or self._socket.state is not ConnectionState.OPEN:
            return
        self._send(CloseConnection(code=code, reason=reason))
        self.linger()

    def _stop(self) -> None:
        if self._task is not None:
            self._task.cancel()
            self._task = None
