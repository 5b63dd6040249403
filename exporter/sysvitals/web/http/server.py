"""Accepts connections, and ends them when it is stopped by its owner."""

import asyncio
import errno
import logging
import os
import socket
from asyncio.sslproto import SSLProtocol
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any

from sysvitals.web.http.budget import READ_BYTES, Budget, fit_budget
from sysvitals.web.http.connection import HttpConnection
from sysvitals.web.http.connections import Connections
from sysvitals.web.http.limited_log import LimitedLog
from sysvitals.web.http.messages import App
from sysvitals.web.http.refusals import Refusals
from sysvitals.web.http.reserve import Reserve

if TYPE_CHECKING:
    from ssl import SSLContext

GRACE_SECONDS = 1.0
"""How long answers under way may take at the end."""

_ACCEPTED_TOGETHER = 4
"""A flood of newcomers keeps those that are there already waiting for no more than these."""

_REST_SECONDS = 1.0
_NO_ROOM = {errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM}


def no_tls() -> None:
    """Plain HTTP."""


class Server:
    """An HTTP server for this application. Only the roof handles signals.

    `tls` is called for each accepted connection and gives the context of its handshake, or None for plain HTTP.
    """

    def __init__(self, app: App, tls: "Callable[[], SSLContext | None]" = no_tls, budget: Budget | None = None) -> None:
        self._app = app
        self._tls = tls
        self._budget = budget or fit_budget()
        self._log = LimitedLog(logging.getLogger(__name__))
        self._ending = asyncio.Event()
        self._connections: Connections | None = None
        self._listeners: list[socket.socket] = []
        self._reserve = Reserve(self._budget.reserved)
        self.refusals = Refusals()

    async def serve(self, sockets: Iterable[socket.socket]) -> None:
        """Serve on these listening sockets until `end`."""
        loop = asyncio.get_running_loop()
        loop.set_exception_handler(self._note_error)
        # asyncio has a buffer of 256 KiB for each TLS connection
        SSLProtocol.max_size = READ_BYTES
        self._connections = connections = Connections(self._budget, self.refusals)
        self._reserve.fill()
        self._listeners = [*sockets]
        for listener in self._listeners:
            listener.setblocking(False)
            loop.add_reader(listener, self._accept, listener)
        try:
            await self.wait_for_end()
        finally:
            self._close_listeners()
        connections.end()
        await connections.wait_until_empty(GRACE_SECONDS)
        await asyncio.sleep(0)  # let asyncio close the sockets of what was aborted
        while self._reserve.release():
            pass

    def end(self) -> None:
        """Accept nothing more, finish what is under way, and return from `serve`. Call it in the event loop."""
        self._close_listeners()
        self._ending.set()

    def renew(self) -> None:
        """Let all clients connect again, because who may come in has changed. Call it in the event loop.

        Idle connections and those without a complete request are closed, TLS handshakes among them. What is being
        answered is finished, with Connection: close. WebSockets are closed with code 1012, other streams end.
        """
        if self._connections is not None:
            self._connections.renew()

    async def wait_for_end(self) -> None:
        """Return when `end` is called."""
        await self._ending.wait()

    def _close_listeners(self) -> None:
        loop = asyncio.get_running_loop()
        for listener in self._listeners:
            loop.remove_reader(listener)
            listener.close()
        self._listeners = []

    def _accept(self, listener: socket.socket) -> None:
        # asyncio's own way to accept calls its exception handler 100 times a second where descriptors are exhausted,
        # and does not count TLS handshakes
        for number in range(_ACCEPTED_TOGETHER):
            try:
                accepted, _ = listener.accept()
            except OSError as error:
                if error.errno not in _NO_ROOM:  # there is none, or it ended before it was accepted
                    self._reserve.fill()
                elif not number:  # later on it says so even where none waits
                    self._make_room(listener, os.strerror(error.errno))
                return
            accepted.setblocking(False)
            self._admit(accepted)

    def _make_room(self, listener: socket.socket, reason: str) -> None:
        """Let the newcomer be accepted in the loop's next turn, or rest."""
        assert self._connections is not None  # noqa: S101
        if self._reserve.release() or self._connections.make_room():
            self._log.write(logging.WARNING, "few connections are accepted, and idle ones are closed early: %s", reason)
            return
        self._log.write(logging.ERROR, "cannot accept connections: %s", reason)
        self._rest(listener)

    def _rest(self, listener: socket.socket) -> None:
        loop = asyncio.get_running_loop()
        loop.remove_reader(listener)

        def go_on() -> None:
            if listener in self._listeners:
                loop.add_reader(listener, self._accept, listener)

        loop.call_later(_REST_SECONDS, go_on)

    def _admit(self, accepted: socket.socket) -> None:
        assert self._connections is not None  # noqa: S101
        most = self._budget.connections
        too_many = False
        while len(self._connections) >= most and not too_many:
            self._log.write(logging.WARNING, "more than %d connections: idle ones are closed early", most)
            too_many = not self._connections.make_room()
        if too_many:
            self._log.write(logging.WARNING, "more than %d requests at a time: new ones are refused", most)
        connection = HttpConnection(self._connections, self._app, self._log, too_many=too_many)
        connection.open(accepted, self._tls())

    def _note_error(self, _loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
        self._log.write(
            logging.ERROR, "error in the event loop: %s", context["message"], error=context.get("exception")
        )
