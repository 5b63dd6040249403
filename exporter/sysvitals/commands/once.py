"""`sysvitals once`: one round of readings, printed as metrics or events."""

import argparse
from collections.abc import Mapping
from typing import Any

from sysvitals.collectors import COLLECTORS
from sysvitals.commands import looking
from sysvitals.config.flags import add_flags, settings_from
from sysvitals.exporter import Exporter
from sysvitals.model.event import encode_events
from sysvitals.model.visible import visible
from sysvitals.outputs.terminal import complain, say


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the flags of all settings, and those of what is printed."""
    parser.usage = "sysvitals once [FLAG ...]"
    parser.description = (
        f"{parser.description} What could not be read is said on standard error. The exit status is 0 if no collector"
        " failed (what this host does not have is no failure), 1 if one did or nothing was read, 2 if it was asked"
        " wrongly."
    )
    parser.add_argument("--json", action="store_true", help="Print JSON: the events, one a line.")
    add_flags(parser, COLLECTORS)


def run(options: Mapping[str, Any]) -> int:
    """Print what can be read. The exit status: 1 if a collector failed or nothing was read. Raises ConfigError."""
    exporter = looking.look_once(settings_from(options, COLLECTORS))
    text, _ = exporter.metrics(frozenset(exporter.collectors()), looking.ROUND_SECONDS)
    events = tuple(sorted(exporter.latest_events(), key=lambda event: event.seq))
    if options["json"]:
        lines = encode_events(events)
    else:  # in which a label's value has its backslashes escaped
        lines = [visible(line, r"\\") for line in text.decode().split("\n")[:-1]]
    say(*lines)
    return 1 if _complain(exporter) or not events else 0


def _complain(exporter: Exporter) -> bool:
    """Say on standard error what could not be read. Whether a collector failed, or was not done in time."""
    failed = False
    said = exporter.collectors()
    for name, word in exporter.words().items():
        text = said[name] if word else f"failed: not done after {looking.ROUND_SECONDS:g} s"
        if word != "unavailable" and text != "fine":
            complain(f"{name}: {text}")
        failed = failed or word not in ("ok", "unavailable")
    return failed
