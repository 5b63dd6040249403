"""Bytes at the server, as HTTP and as a viewer's frames: an answer, a close or nothing, and no error.

The next polite request is always answered.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import replace
from unittest.mock import patch

from sysvitals.judgement.verdict import Level, Verdict
from sysvitals.outputs.live import LiveHub
from sysvitals.web.http import limited_log
from sysvitals.web.live import LiveServices
from sysvitals.web.routes import Services, build_web_app
from tests.web.raw import UPGRADE, Desk, desk
from tests.web.test_routes import Exporter

PATIENCE_SECONDS = 20.0
POLITE = b"GET /-/ready HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"
WATCH = UPGRADE.replace(b"GET / ", b"GET /api/v1/live ").replace(b"Host: board", b"Host: localhost")


def _services() -> Services:
    """With room for viewers that have not gone yet."""
    live = LiveServices(LiveHub(viewers=50), lambda: "{}", lambda: Verdict(Level.GOOD, ()))
    return replace(Exporter().services(), live=live)


class _Log(logging.Handler):
    """Keeps the errors that a stranger caused. That a limit is reached is none."""

    def __init__(self) -> None:
        super().__init__(logging.ERROR)
        self.errors: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.errors.append(record.getMessage())


@contextmanager
def _open(give: Callable[[Desk, bytes], Awaitable[None]]) -> Iterator[Callable[[bytes], None]]:
    log = _Log()
    with asyncio.Runner() as runner, patch.object(limited_log, "SILENCE_SECONDS", -1.0):
        opening = desk(build_web_app(_services()))
        served = runner.run(opening.__aenter__())
        logging.getLogger().addHandler(log)

        async def check_patiently(case: bytes) -> None:
            async with asyncio.timeout(PATIENCE_SECONDS):
                await give(served, case)
                assert (await served.ask(POLITE)).startswith(b"HTTP/1.1 200 ")
            errors, log.errors = log.errors, []
            assert errors == []

        try:
            yield lambda case: runner.run(check_patiently(case))
        finally:
            logging.getLogger().removeHandler(log)
            runner.run(opening.__aexit__(None, None, None))


async def _ask(served: Desk, case: bytes) -> bytes:
    """What the server answers to one who says this, and ends."""
    async with served.line() as line:
        line.send(case)
        try:
            await line.writer.drain()
            line.writer.write_eof()
        except OSError:
            pass  # it was closed before the end
        return await line.rest()


async def _give_request(served: Desk, case: bytes) -> None:
    answer = await _ask(served, case)
    assert answer == b"" or answer.startswith(b"HTTP/1.1 ")


async def _give_frames(served: Desk, case: bytes) -> None:
    answer = await _ask(served, WATCH + case)
    assert answer == b"" or answer.startswith(b"HTTP/1.1 101 ")


def open_http() -> AbstractContextManager[Callable[[bytes], None]]:
    """Whatever a stranger sends."""
    return _open(_give_request)


def open_websocket() -> AbstractContextManager[Callable[[bytes], None]]:
    """Whatever a viewer sends once it watches."""
    return _open(_give_frames)
