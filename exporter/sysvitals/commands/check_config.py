"""`sysvitals check-config`: what is wrong with a configuration file."""

import argparse
from collections.abc import Mapping
from typing import Any

from sysvitals.collectors import COLLECTORS
from sysvitals.config.load import load_settings
from sysvitals.outputs.terminal import say


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the file."""
    parser.add_argument("file", metavar="FILE")


def run(options: Mapping[str, Any]) -> int:
    """Say that the file is fine. Raises ConfigError with all that is wrong with it."""
    load_settings(COLLECTORS, file=options["file"])
    say(f"{options['file']}: fine")
    return 0
