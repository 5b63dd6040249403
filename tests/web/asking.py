"""Asks an ASGI application in this process, without a socket."""

import asyncio
from typing import Any

import httpx
from starlette.types import ASGIApp


class Client:
    """Each request runs in an event loop of its own. An error within the application is its answer's business."""

    def __init__(self, app: ASGIApp) -> None:
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

    def _open(self) -> httpx.AsyncClient:
        transport = httpx.ASGITransport(app=self._app, raise_app_exceptions=False)
        return httpx.AsyncClient(transport=transport, base_url="http://board")

    async def _request(self, method: str, path: str, more: dict[str, Any]) -> httpx.Response:
        async with self._open() as client:
            return await client.request(method, path, **more)

    async def _raw(self, path: str, more: dict[str, Any]) -> tuple[httpx.Response, bytes]:
        async with self._open() as client, client.stream("GET", path, **more) as answer:
            return answer, b"".join([part async for part in answer.aiter_raw()])
