"""Bytes at the server, as HTTP and as a viewer's frames: an answer, a close or nothing, and no error.

The next polite request is always answered.
"""

import asyncio
import base64
import logging
import re
from collections.abc import Awaitable, Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from dataclasses import replace
from unittest.mock import patch

import bcrypt

from sysvitals.config.web_config import WebConfig
from sysvitals.judgement.verdict import Level, Verdict
from sysvitals.outputs.live import LiveHub
from sysvitals.web.access import Guard
from sysvitals.web.http import limited_log
from sysvitals.web.live import LiveServices
from sysvitals.web.routes import Services, build_web_app
from tests.patience import PATIENCE
from tests.web.raw import UPGRADE, Desk, desk
from tests.web.test_routes import Exporter

USER, PASSWORD = "anna", b"open sesame"
POLITE = (
    b"GET /-/ready HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n"
    b"Authorization: Basic " + base64.b64encode(USER.encode() + b":" + PASSWORD) + b"\r\n\r\n"
)
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
def _open(
    give: Callable[[Desk, bytes], Awaitable[None]], users: Mapping[str, str] | None = None
) -> Iterator[Callable[[bytes], None]]:
    log = _Log()
    with asyncio.Runner() as runner, patch.object(limited_log, "SILENCE_SECONDS", -1.0):
        opening = desk(Guard(build_web_app(_services()), WebConfig(users=users)))
        served = runner.run(opening.__aenter__())
        logging.getLogger().addHandler(log)

        async def check_patiently(case: bytes) -> None:
            async with asyncio.timeout(PATIENCE):
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


async def _give_request_without_a_password(served: Desk, case: bytes) -> None:
    answer = await _ask(served, case)
    statuses = [int(status) for status in re.findall(rb"(?:^|\n)HTTP/1\.1 (\d+)", answer)]
    assert [status for status in statuses if not 400 <= status < 600] == []


def open_http() -> AbstractContextManager[Callable[[bytes], None]]:
    """Whatever a stranger sends."""
    return _open(_give_request)


def open_password() -> AbstractContextManager[Callable[[bytes], None]]:
    """Whatever is sent by someone who does not know the password."""
    hashed = bcrypt.hashpw(PASSWORD, bcrypt.gensalt(4)).decode()
    return _open(_give_request_without_a_password, {USER: hashed})


def open_websocket() -> AbstractContextManager[Callable[[bytes], None]]:
    """Whatever a viewer sends once it watches."""
    return _open(_give_frames)
