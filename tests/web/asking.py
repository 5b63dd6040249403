"""Asks an application through the real server, over a new connection for each request."""

import asyncio
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import httpx

from sysvitals.web.http.budget import Budget
from sysvitals.web.http.listening import listen
from sysvitals.web.http.messages import App
from sysvitals.web.http.server import Server
from tests.patience import PATIENCE


@asynccontextmanager
async def serve(
    app: App, budget: Budget | None = None, tls: ssl.SSLContext | None = None
) -> AsyncIterator[tuple[int, Server]]:
    """The server while it runs in this event loop, with its port on loopback."""
    server = Server(app, lambda: tls, budget or Budget())
    (listener,) = listen([("127.0.0.1", 0)])
    port = listener.getsockname()[1]
    serving = asyncio.create_task(server.serve([listener]))
    try:
        yield port, server
    finally:
        server.end()
        await serving


class Client:
    """Each request runs in a new event loop."""

    def __init__(self, app: App) -> None:
        self._app = app

    def request(self, method: str, path: str, **more: Any) -> httpx.Response:
        """The whole answer."""
        return asyncio.run(self._request(method, path, more))

    def get(self, path: str, **more: Any) -> httpx.Response:
        """The whole answer to a GET."""
        return self.request("GET", path, **more)

    def raw(self, path: str, **more: Any) -> tuple[httpx.Response, bytes]:
        """The answer to a GET, and its body as sent, before a content coding is undone."""
        return asyncio.run(self._raw(path, more))

    @asynccontextmanager
    async def _open(self) -> AsyncIterator[httpx.AsyncClient]:
        async with (
            serve(self._app) as (port, _),
            httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}", timeout=PATIENCE) as client,
        ):
            yield client

    async def _request(self, method: str, path: str, more: dict[str, Any]) -> httpx.Response:
        async with self._open() as client:
            return await client.request(method, path, **more)

    async def _raw(self, path: str, more: dict[str, Any]) -> tuple[httpx.Response, bytes]:
        async with self._open() as client, client.stream("GET", path, **more) as answer:
            return answer, b"".join([part async for part in answer.aiter_raw()])
