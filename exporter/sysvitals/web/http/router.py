"""One table of all paths."""

from collections.abc import Iterable
from typing import NamedTuple

from sysvitals.web.http.messages import Answer, App, Request, respond_text


class Route(NamedTuple):
    """A path and what answers it. A path of a WebSocket answers nothing else.

    One that `takes_turns` costs the event loop so much that many together would keep a scrape waiting.
    """

    path: str
    answer: App
    methods: tuple[str, ...] = ("GET", "HEAD")
    is_websocket: bool = False
    takes_turns: bool = False


class Router:
    """Pass each request to the route of its path; 404, 405 and 426 where there is none."""

    def __init__(self, routes: Iterable[Route]) -> None:
        self.routes = {route.path: route for route in routes}

    async def __call__(self, request: Request) -> Answer:
        """Answer this request."""
        route = self.routes.get(request.path)
        if route is None:
            return respond_text(404, "not found\n")
        if request.method not in route.methods:
            allowed = ", ".join(route.methods)
            return respond_text(405, f"{request.path} takes {allowed}\n", {"allow": allowed})
        if route.is_websocket and not request.is_upgrade:
            return respond_text(
                426,
                "this is a WebSocket: a plain request gets nothing here\n",
                {"upgrade": "websocket", "connection": "upgrade"},
            )
        if request.is_upgrade and not route.is_websocket:
            # the cookie of the page opens WebSockets alone: an Upgrade header must not make it open more
            return respond_text(400, "this is not a WebSocket\n")
        if route.takes_turns:
            await request.take_turn()
        return await route.answer(request)
