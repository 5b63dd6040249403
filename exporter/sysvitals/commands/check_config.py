"""`sysvitals check-config`: what is wrong with a configuration file."""

import argparse
from collections.abc import Mapping
from typing import Any

from sysvitals.collectors import COLLECTORS
from sysvitals.config.errors import ConfigError
from sysvitals.config.load import load_settings
from sysvitals.outputs.terminal import say

_WEB = "--web.config-file"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the files."""
    parser.description = f"{parser.description} With it the web file that it names, certificates included."
    parser.add_argument("file", metavar="FILE", nargs="?", help="YAML file with the exporter's settings.")
    parser.add_argument(_WEB, dest="web", metavar="FILE", default="", help="Check this web file (TLS, passwords), too.")


def run(options: Mapping[str, Any]) -> int:
    """Say that the files are fine. Raises ConfigError with all that is wrong with one of them."""
    file, web = options["file"], options["web"]
    if not file and not web:
        raise ConfigError([f"nothing to check: give FILE, or {_WEB}=FILE"])
    settings = load_settings(COLLECTORS, file=file)
    files = dict.fromkeys(name for name in (settings.web.config_file, web) if name)
    for name in files:
        _check_web_file(name)
    for name in dict.fromkeys(name for name in (file, *files) if name):
        say(f"{name}: fine")
    return 0


def _check_web_file(file: str) -> None:
    from sysvitals.web.door import take_look  # noqa: PLC0415  # with asyncio and hashes

    if problems := take_look(file).problems:
        raise ConfigError(problems)
