"""The way in as its file describes it, read again when the file or one that it names changes."""

import asyncio
import logging
import os
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import TYPE_CHECKING, NamedTuple

from sysvitals.config.errors import ConfigError
from sysvitals.config.web_config import WebConfig, read_web_file
from sysvitals.config.web_tls import NO_CLIENT_CERT, REQUIRE_AND_VERIFY, Tls
from sysvitals.pipeline.clock import until_beat
from sysvitals.web.access import Guard, require_bcrypt
from sysvitals.web.http.messages import App
from sysvitals.web.strictness import keep_locks, stricter

if TYPE_CHECKING:
    import ssl

_LOOK_SECONDS = 15.0
"""How often it is looked for changes: with the heartbeats."""

_SETTLE_SECONDS = 2.0
"""After a look that found a change comes another one. What is the same then was saved completely."""

_SLOW_SECONDS = 10.0

_log = logging.getLogger(__name__)


class Look(NamedTuple):
    """What one look at the files found."""

    config: WebConfig
    problems: tuple[str, ...]
    files: tuple[str, ...]
    marks: tuple[tuple[int, ...], ...]
    """Of each file what changes with it. Taken before it was read, so that no change is missed."""

    def is_like(self, other: "Look") -> bool:
        """Whether both found the same."""
        return self.config == other.config and self.problems == other.problems


class Door:
    """TLS, passwords, limits and headers by this file. Raises ConfigError where it is wrong at the start."""

    def __init__(self, file: str) -> None:
        self._file = file
        self._seen = take_look(file)
        if self._seen.problems:
            raise ConfigError(self._seen.problems)
        self._config = self._seen.config
        self._is_settled = True
        self._guard: Guard | None = None
        self.tls = _build(self._config)

    def describe(self) -> str:
        """What is in force, for the log."""
        return describe(self._config)

    @property
    def is_open(self) -> bool:
        """Whether all who reach the port can read everything."""
        return is_open(self._config)

    def guard(self, app: App) -> App:
        """The application behind this door."""
        self._guard = Guard(app, self._config)
        return self._guard

    async def watch(self, renew: Callable[[], None]) -> None:
        """Look for changes for as long as the exporter runs, and `renew` after those that count."""
        failed = ""
        while True:
            await asyncio.sleep(until_beat(time.monotonic(), _LOOK_SECONDS) if self._is_settled else _SETTLE_SECONDS)
            try:
                if self.take(await self._look()):
                    renew()
                failed = ""
            except Exception as error:  # noqa: BLE001  # no thread, no memory, or a bug: the next look tries again
                if failed != repr(error):
                    _log.exception("%s: cannot be read again; what was in force stays in force", self._file)
                failed = repr(error)

    async def _look(self) -> Look:
        # in a thread, since the disk may hang
        look = asyncio.create_task(asyncio.to_thread(take_look, self._file, self._seen))
        if not (await asyncio.wait([look], timeout=_SLOW_SECONDS))[0]:
            _log.error(
                "%s: reading it takes longer than %g s; what was in force stays in force", self._file, _SLOW_SECONDS
            )
        return await look

    def take(self, look: Look) -> bool:
        """Put in force as much of it as `strictness` allows. Returns whether that changed anything."""
        is_known = look.is_like(self._seen)
        if is_known and self._is_settled:
            self._seen = look
            return False
        kept: list[str] = []
        if look.problems or not is_known:
            config = stricter(self._config, look.config)
        else:
            config, kept = keep_locks(self._config, look.config)
        before = self._config
        self._put_in_force(config)
        self._seen, self._is_settled = look, is_known
        if look.problems:
            self._say_who_is_out(before)
        if is_known:
            self._say(look, kept)
        return self._config != before

    def _put_in_force(self, config: WebConfig) -> None:
        if config == self._config:
            return
        try:
            tls = _build(config)
        except ConfigError:  # the new authorities cannot be used: then no client has a valid certificate
            assert config.tls is not None  # noqa: S101
            config = replace(config, tls=replace(config.tls, client_ca=frozenset()))
            tls = _build(config)
        if self._guard is not None:
            self._guard.replace(config)
        self._config, self.tls = config, tls

    def _say_who_is_out(self, before: WebConfig) -> None:
        now = {} if self._config.users is None else self._config.users
        for user in sorted((before.users or {}).keys() - now.keys()):
            _log.warning(
                "%s: %r has no valid entry with the same password: locked out until the file is right",
                self._file,
                user,
            )

    def _say(self, look: Look, kept: list[str]) -> None:
        for problem in look.problems:
            _log.error("%s", problem)
        if look.problems:
            _log.error("%s: not taken. In force until it is right: %s", self._file, describe(self._config))
            return
        for lock in kept:
            _log.warning("%s: %s until a restart; after it: %s", self._file, lock, describe(look.config))
        _log.info("%s: read again. In force: %s", self._file, describe(self._config))


def take_look(file: str, before: Look | None = None) -> Look:
    """Read the file and those that it names, unless all was well with them and none changed.

    What was wrong may lie in the reading, such as a disk that failed once, and shows in no file.
    """
    files = before.files if before else (file,)
    marks = tuple(map(_mark, files))
    if before and marks == before.marks and not before.problems:
        return before
    found = read_web_file(file)
    if found.files != files:
        marks = tuple(map(_mark, found.files))
        found = read_web_file(file)
    config, problems = _check(file, found.config)
    return Look(config, (*found.problems, *problems), found.files, marks)


def describe(config: WebConfig) -> str:
    """What locks there are, for the log."""
    locks = ["no TLS"] if config.tls is None else list(_describe_tls(config.tls))
    users = "no passwords" if config.users is None else f"users with passwords: {len(config.users) or 'none valid'}"
    locks.append(users)
    if (limit := config.rate_limit) is not None:
        locks.append(f"rate_limit: {limit.burst}, one more each {limit.seconds:g} s")
    return ", ".join(locks)


def is_open(config: WebConfig) -> bool:
    """Whether neither passwords nor client certificates are required."""
    return config.users is None and (config.tls is None or config.tls.client_auth != REQUIRE_AND_VERIFY)


def _describe_tls(tls: Tls) -> Iterator[str]:
    yield "TLS" if tls.min_version == "TLS12" else f"TLS (min_version {tls.min_version})"
    if tls.client_auth != NO_CLIENT_CERT:
        yield f"{tls.client_auth}{', where no certificate is valid' if tls.client_ca == frozenset() else ''}"
    if tls.allowed_sans is not None:
        yield f"client_allowed_sans: {len(tls.allowed_sans) or 'none valid'}"


def _mark(file: str) -> tuple[int, ...]:
    try:
        status = os.stat(file)
    except OSError as error:
        return (error.errno or 0,)
    return status.st_dev, status.st_ino, status.st_size, status.st_mtime_ns, status.st_ctime_ns


def _check(file: str, config: WebConfig) -> tuple[WebConfig, list[str]]:
    """Find what shows only when it is used. What cannot be used is left out of the configuration."""
    problems: list[str] = []
    if config.users is not None:
        try:
            require_bcrypt()
        except ConfigError as error:
            problems += error.problems
    if config.tls is not None and config.tls.cert and config.tls.key:
        try:
            _build(config)
        except ConfigError as error:
            problems += error.problems
            config = replace(config, tls=replace(config.tls, cert=b"", key=b""))
    return config, [f"{file}: {problem}" for problem in problems]


def _build(config: WebConfig) -> "ssl.SSLContext | None":
    if config.tls is None:
        return None
    from sysvitals.web.tls import build_tls  # noqa: PLC0415  # OpenSSL takes 6 MiB

    return build_tls(config.tls)
