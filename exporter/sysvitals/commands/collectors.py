"""`sysvitals collectors`: what this host can report."""

import argparse
import json
from collections.abc import Mapping
from typing import Any

from sysvitals.collectors import COLLECTORS
from sysvitals.commands.looking import look_once
from sysvitals.config.flags import add_flags, settings_from
from sysvitals.outputs.terminal import say


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the flags of all settings, and that of the form."""
    parser.usage = "sysvitals collectors [FLAG ...]"
    parser.add_argument("--json", action="store_true", help="Print one JSON object.")
    add_flags(parser, COLLECTORS)


def run(options: Mapping[str, Any]) -> int:
    """List each collector with how its run ended. Raises ConfigError."""
    found = look_once(settings_from(options, COLLECTORS)).collectors()
    rows = {collector.name: found.get(collector.name, "switched off") for collector in COLLECTORS}
    if options["json"]:
        say(*json.dumps(rows, indent=2, ensure_ascii=False).split("\n"))
        return 0
    width = max(map(len, rows))
    for collector in COLLECTORS:
        say(f"{collector.name:<{width}}  {rows[collector.name]}", f"{'':<{width}}  ({collector.help})")
    return 0
