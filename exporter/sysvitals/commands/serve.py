"""`sysvitals serve`: the exporter, until a signal ends it."""

import argparse
import os
import signal
import sys
from collections.abc import Mapping
from functools import partial
from typing import Any, NoReturn

from sysvitals.collectors import COLLECTORS
from sysvitals.config.flags import add_flags, settings_from


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the flags of all settings."""
    parser.usage = "sysvitals serve [FLAG ...]"
    add_flags(parser, COLLECTORS)


def run(options: Mapping[str, Any]) -> NoReturn:
    """Serve until a signal ends the process. Raises ConfigError, and OSError where an address or folder is taken."""
    _receive_signals()
    load = partial(settings_from, options, COLLECTORS)
    settings = load()
    if not settings.web.config_file:  # which alone switches on TLS, at the start
        import_asyncio_without_ssl()
    from sysvitals.serve import serve  # noqa: PLC0415  # it may import asyncio

    serve(settings, load)


def _receive_signals() -> None:
    """Until the server handles signals, let SIGTERM and SIGINT end the process in silence, and let SIGHUP wait.

    Without it SIGINT would print a traceback, SIGHUP end the process, and process 1 of a container not hear SIGTERM.
    """
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: os._exit(0))  # what is being written now survives an end at any moment
    signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGHUP})


def import_asyncio_without_ssl() -> None:
    """Import asyncio as on a Python that was built without `ssl`; what imports `ssl` itself afterwards gets it.

    OpenSSL is 4.5 of some 25 MiB that the exporter takes, and asyncio loads it for connections that are never made.
    """
    if "ssl" in sys.modules:
        return
    sys.modules["ssl"] = None  # type: ignore[assignment]  # so that importing it fails
    try:
        import asyncio  # noqa: F401, PLC0415
    finally:
        del sys.modules["ssl"]
