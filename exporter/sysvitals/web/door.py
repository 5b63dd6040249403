"""The way in as its file describes it, read again when the file or a certificate changes."""

import logging
import os
from typing import TYPE_CHECKING

from sysvitals.config.errors import ConfigError
from sysvitals.config.web_config import WebConfig, load_web_config
from sysvitals.web.http.messages import App

if TYPE_CHECKING:
    import ssl

    from sysvitals.web.access import Guard

_log = logging.getLogger(__name__)


class Door:
    """TLS and passwords by this file; none of them where there is no file. Raises ConfigError."""

    def __init__(self, file: str) -> None:
        self._file = file
        self._config = self._load()
        self._seen = self._ages()
        self._guard: Guard | None = None
        self.tls = self._build_tls()

    def guard(self, app: App) -> App:
        """The application behind this door."""
        if not self._file:
            return app
        from sysvitals.web.access import Guard  # noqa: PLC0415  # its hashes take 4 MiB

        self._guard = Guard(app, self._config)
        return self._guard

    def look(self) -> None:
        """Take what has changed: users, headers, a renewed certificate. What is wrong is logged, and the old stays."""
        ages = self._ages()
        if ages == self._seen:
            return
        self._seen = ages
        try:
            config = self._load()
            if (config.tls is None) != (self.tls is None):
                _log.warning("%s: TLS is switched on or off at the next start only", self._file)
            if self.tls is not None and config.tls is not None:
                from sysvitals.web.tls import load_certificate  # noqa: PLC0415  # as in `_build_tls`

                load_certificate(self.tls, config.tls)
        except ConfigError as error:
            for problem in error.problems:
                _log.error("%s; what was there before stays in force", problem)  # the problems are the message
            return
        self._config = config
        if self._guard is not None:
            self._guard.replace(config)
        _log.info("%s: read again", self._file)

    def _build_tls(self) -> "ssl.SSLContext | None":
        if self._config.tls is None:
            return None
        from sysvitals.web.tls import build_tls  # noqa: PLC0415  # OpenSSL takes 6 MiB

        return build_tls(self._config.tls)

    def _load(self) -> WebConfig:
        if not self._file:
            return WebConfig()
        from sysvitals.web.access import require_bcrypt  # noqa: PLC0415  # as in `guard`

        config = load_web_config(self._file)
        require_bcrypt(config)
        return config

    def _ages(self) -> tuple[int, ...]:
        tls = self._config.tls
        files = [self._file, *((tls.cert_file, tls.key_file) if tls else ())]
        return tuple(_age(file) for file in files if file)


def _age(file: str) -> int:
    try:
        return os.stat(file).st_mtime_ns
    except OSError:
        return 0
