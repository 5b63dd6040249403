"""`sysvitals watch`: the events of a running exporter, as they happen."""

import argparse
import time
from collections.abc import Callable, Mapping
from typing import Any

from sysvitals.client.access import FLAG, HELP, NO_ACCESS, advise, load_access
from sysvitals.client.address import parse_address
from sysvitals.client.following import DEFAULT_URL, FollowError, Source, follow_events
from sysvitals.client.stream import Message
from sysvitals.collectors.catalog import build_full_catalog
from sysvitals.model.choice import advise_names, choose_changes, choose_names, is_reading
from sysvitals.model.event import decode_event
from sysvitals.model.reading import Body
from sysvitals.model.visible import visible
from sysvitals.outputs.event_lines import describe_event
from sysvitals.outputs.terminal import complain, has_colours, standard_output, write_painted


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the command's arguments; what they give is for `run`."""
    parser.description = f"{parser.description} It comes back by itself when the connection breaks."
    parser.add_argument(
        "url", metavar="URL", nargs="?", default=DEFAULT_URL, help=f"Where the exporter is. (default: {DEFAULT_URL})"
    )
    parser.add_argument(
        "--event",
        action="append",
        default=[],
        metavar="NAME",
        help="Only events of this name, such as 'system.throttling.*'; give it again for more. Readings are"
        " shown if a name ends with .updated.",
    )
    parser.add_argument(FLAG, dest="http_config", metavar="FILE", help=HELP)
    parser.add_argument("--readings", action="store_true", help="Show readings too, not only what happens.")
    parser.add_argument("--json", action="store_true", help="Print the events as JSON, one a line.")


def run(options: Mapping[str, Any], *, wait: Callable[[float], None] = time.sleep) -> int:
    """Run until interrupted. The exit status: 1 if there is nothing to watch there, 2 if asked wrongly.

    Raises ConfigError for a wrong file.
    """
    access = load_access(options["http_config"]) if options["http_config"] is not None else NO_ACCESS
    try:
        address = parse_address(options["url"])
    except ValueError as error:
        complain(f"URL: {error}")
        return 2
    try:
        choose_names(options["event"])
    except ValueError as error:
        complain(f"--{error}")
        return 2
    bodies = build_full_catalog().bodies
    for advice in (*advise([address], access), *advise_names(options["event"], bodies)):
        complain(advice)
    source = Source(address, access, options["event"], changes_only=not options["readings"])
    is_wanted = choose_changes(options["event"]) if source.changes_only else choose_names(options["event"])
    describe = _describe_json if options["json"] else build_describer(bodies)

    def show(message: Message) -> None:
        # an older exporter sends readings unasked
        if is_wanted(message.event) or not is_reading(message.event):
            write_painted(standard_output(), [describe(message)])

    try:
        follow_events(source, show, wait=wait)
    except FollowError as error:
        complain(f"{address.url}: {error}")
        return 1
    except KeyboardInterrupt:
        return 0


def _describe_json(message: Message) -> str:
    return visible(message.data)


def build_describer(bodies: Mapping[str, type[Body]]) -> Callable[[Message], str]:
    """Return what makes a line for people of a message."""
    colours = has_colours(standard_output())

    def describe(message: Message) -> str:
        try:
            event = decode_event(message.data, bodies)
        except ValueError:
            event = None
        # an exporter that is newer than this program sends events that it does not know
        return describe_event(event, colours=colours) if event else visible(f"{message.event} {message.data}")

    return describe
