"""What a connection of HTTP and one of a WebSocket have in common: reading, back-pressure and their end."""

import asyncio

from sysvitals.web.http.connections import Connections, Lane

_NOBODY = asyncio.BufferedProtocol()


class Channel(asyncio.BufferedProtocol):
    """A connection, which waits in one lane of `connections`."""

    transport: asyncio.Transport

    def __init__(self, connections: Connections) -> None:
        self.lane: Lane | None = None
        self._connections = connections
        self._generation = connections.generation
        self._before_blocked = connections.answering
        self._drained: asyncio.Future[None] | None = None
        self._is_over = False
        self._dropped_bytes = 0
        self._task: asyncio.Task[None] | None = None

    def take(self, data: bytes) -> None:
        """Take what came."""
        raise NotImplementedError

    def expire(self) -> None:
        """End, because the time in the lane is over."""
        if self.lane is self._connections.reading:
            self._connections.refusals.count("slow")
        elif self.lane is self._connections.blocked:
            self._connections.refusals.count("unread")
        self.abort()

    def renew(self) -> None:
        """Let the client connect again: end, unless an answer is under way."""
        raise NotImplementedError

    @property
    def is_outdated(self) -> bool:
        """Whether this answer is the last one."""
        return self._generation != self._connections.generation

    def get_buffer(self, sizehint: int) -> memoryview:  # noqa: ARG002  # asyncio's own guess
        """Read no more at a time than the limit says."""
        return self._connections.buffer

    def buffer_updated(self, nbytes: int) -> None:
        """Take what was read, unless it comes after the last answer: that is dropped, up to a limit."""
        if not self._is_over:
            self.take(bytes(self._connections.buffer[:nbytes]))
            return
        self._dropped_bytes += nbytes
        if self._dropped_bytes > self._connections.budget.rest_bytes:
            self.transport.pause_reading()

    def send(self, data: bytes) -> None:
        """Write this, unless the client has gone: asyncio would log each further attempt."""
        if not self.transport.is_closing():
            self.transport.write(data)

    def pause_writing(self) -> None:
        """The client does not read as fast as we write."""
        if self.lane is None:
            return
        self._drained = self._connections.loop.create_future()
        self._before_blocked = self.lane
        self._connections.enter(self, self._connections.blocked)
        self._connections.spare_blocked()

    def resume_writing(self) -> None:
        """There is room again."""
        if self.lane is self._connections.blocked:
            self._connections.enter(self, self._before_blocked)
        if self._drained is not None and not self._drained.done():
            self._drained.set_result(None)
        self._drained = None

    @property
    def is_blocked(self) -> bool:
        """Whether the client does not read."""
        return self._drained is not None

    async def drain(self) -> None:
        """Wait until there is room."""
        if self._drained is not None:
            await self._drained

    def close(self) -> None:
        """Close as soon as all is written."""
        self._await_end()
        self.transport.close()

    def linger(self) -> None:
        """Close, and let the client take the last answer before: closed over unread data, the kernel would drop it."""
        if self._connections.is_ending or not self.transport.can_write_eof():
            self.close()
            return
        self._await_end()
        try:
            self.transport.write_eof()
        except OSError:  # the client reset the connection
            self.abort()

    def abort(self) -> None:
        """Close without a further word."""
        self._is_over = True
        self._connections.leave(self)
        self.transport.abort()

    def _await_end(self) -> None:
        """Take nothing more. There is as long for the rest of the last answer as for any, and else a moment."""
        self._is_over = True
        connections = self._connections
        self._before_blocked = connections.closing
        if self.lane is not None:
            is_written = not self.transport.get_write_buffer_size()
            connections.enter(self, connections.closing if is_written else connections.blocked)

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002  # it is gone, for whatever reason
        """End what is under way for it."""
        self._connections.leave(self)
        if self._task is not None:
            self._task.cancel()
        # a task keeps where it was cancelled, and asyncio's side of TLS our methods: in such circles OpenSSL's buffers
        # would live on until garbage is collected
        self._task = None
        self.transport.set_protocol(_NOBODY)
