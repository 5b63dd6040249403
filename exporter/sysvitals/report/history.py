"""`sysvitals history`: what happened, from the history on disk, and on from there as it happens."""

import argparse
import sys
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from typing import Any

from sysvitals.collectors.catalog import build_full_catalog
from sysvitals.config.errors import ConfigError
from sysvitals.history.selection import Found, Wanted, choose, find_last_mark, select_events
from sysvitals.model.choice import advise_names
from sysvitals.outputs.terminal import complain, has_colours, standard_output, write_painted
from sysvitals.report.asking import Damages, add_folder, add_times, find_folder, parse_times, read_events
from sysvitals.report.conditions import advise_fields, check_condition, join_conditions, list_fields, parse_condition
from sysvitals.report.forms import LEGEND, Bodies, Form, build_csv, build_table, form_json

DEFAULT_SINCE = "24h"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the command's arguments; what they give is for `run`."""
    parser.description = (
        f"{parser.description} The exporter writes once a minute: --follow brings what is missing, too."
    )
    add_folder(parser)
    add_times(parser, DEFAULT_SINCE)
    parser.add_argument(
        "--event",
        action="append",
        default=[],
        metavar="NAME",
        help="Only events of this name, such as 'system.throttling.*'; give it again for more. Readings are shown if a"
        " name ends with .updated.",
    )
    parser.add_argument("--readings", action="store_true", help="Show readings too, not only what happened.")
    parser.add_argument(
        "--where",
        action="append",
        default=[],
        metavar="CONDITION",
        help="Only events with such a field: cause=undervoltage, 'seconds>5'; give it again for more, of which all must"
        " hold.",
    )
    parser.add_argument("--limit", type=_parse_limit, metavar="COUNT", help="Only so many, the newest.")
    parser.add_argument("--format", choices=("table", "json", "csv"), default="table", help="(default: table)")
    parser.add_argument("--follow", action="store_true", help="Go on with the events of the running exporter.")
    parser.add_argument("--exporter", metavar="URL", help="Where that is. (default: on this host)")
    parser.add_argument("--http.config.file", dest="http_config", metavar="FILE", help="A file as for watch.")


def run(options: Mapping[str, Any], *, wait: Callable[[float], None] = time.sleep) -> int:
    """Print what was asked for. The exit status: 1 where it cannot be read or followed. Raises ConfigError, OSError."""
    bodies = build_full_catalog().bodies
    wanted = _parse_wanted(options, time.time(), bodies)
    heading, form = _choose_form(options["format"], bodies, wanted)
    folder = find_folder(options)
    damages = Damages(folder)
    mark = source = None
    if options["follow"]:
        from sysvitals.report.following import find_source, follow  # noqa: PLC0415  # requests takes a small board a second

        source = find_source(options, wanted)
        with suppress(PermissionError):  # which is said below
            mark = find_last_mark(folder)
    printer = Printer(form, heading)
    for event in read_events(folder, wanted, damages.note):
        printer.show(event)
    if options["format"] == "table":
        printer.explain()
    damages.report()
    if source is not None:
        return follow(source, wanted, printer.show_new, mark, wait)
    if damages.found:
        return 1
    return 0 if printer.has_shown else _explain_nothing(folder, wanted)


def _explain_nothing(folder: str, wanted: Wanted) -> int:
    """Say why nothing was shown. The exit status: 1 where of this time there is nothing at all."""
    anything = next(select_events(folder, Wanted(wanted.begin, wanted.end, readings=True)), None)
    complain(f"{folder}: no {'data of this time' if anything is None else 'such events in this time'}")
    return 1 if anything is None else 0


class Printer:
    """Prints events as they come."""

    def __init__(self, form: Form, heading: list[str]) -> None:
        self._form = form
        self._out = standard_output()
        self._last: dict[str, int] = {}
        self._hows: set[str] = set()
        write_painted(self._out, heading)

    def show(self, event: Found) -> None:
        """Print this one."""
        self._last[event.boot] = event.seq
        self._hows.add(event.how)
        write_painted(self._out, [self._form(event)])

    @property
    def has_shown(self) -> bool:
        """Whether there was any."""
        return bool(self._last)

    def show_new(self, event: Found) -> None:
        """Print this one, unless one of its boot was printed that came with it or later."""
        if event.seq > self._last.get(event.boot, -1):
            self.show(event)

    def explain(self) -> None:
        """Say what the marks mean that were printed."""
        for how in sorted(self._hows & LEGEND.keys()):
            complain(LEGEND[how])


def _parse_limit(text: str) -> int:
    digits = text.lstrip("0")
    if not (digits.isascii() and digits.isdigit()):
        raise argparse.ArgumentTypeError("expected a whole number from 1 on")
    return int(digits) if len(digits) < len(str(sys.maxsize)) else sys.maxsize  # no history has as many


def _parse_wanted(options: Mapping[str, Any], now: float, bodies: Bodies) -> Wanted:
    if options["follow"] and options["between"]:
        raise ConfigError(["--follow goes on after now, and --between ends: leave one of them out"])
    begin, end = parse_times(options, now)
    names, readings, limit = tuple(options["event"]), options["readings"], options["limit"]
    wanted = Wanted(begin, end, names, readings, limit=limit)
    try:
        choose(wanted)
    except ValueError as error:
        raise ConfigError([f"--{error}"]) from None
    try:
        conditions = [parse_condition(text) for text in options["where"]]
        fields = list_fields(bodies.values())
        for condition in conditions:
            check_condition(condition, fields)
    except ValueError as error:
        raise ConfigError([f"--where: {error}"]) from None
    for advice in (*advise_names(names, bodies), *advise_fields(conditions, fields)):
        complain(advice)
    return wanted._replace(accepts=join_conditions(conditions))


def _choose_form(name: str, bodies: Bodies, wanted: Wanted) -> tuple[list[str], Form]:
    """The lines that stand first, and what makes the others."""
    if name == "json":
        return [], form_json
    if name == "csv":
        heading, form = build_csv(bodies, filter(choose(wanted), bodies))
        return [heading], form
    return [], build_table(bodies, colours=has_colours(standard_output()))
