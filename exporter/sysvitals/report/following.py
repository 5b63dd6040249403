"""On from where the history on disk ends, with the events of the running exporter."""

from collections.abc import Callable, Mapping
from typing import Any

from sysvitals.client.access import NO_ACCESS, load_access
from sysvitals.client.address import parse_address
from sysvitals.client.following import DEFAULT_URL, FollowError, Source, follow_events
from sysvitals.client.stream import Message
from sysvitals.config.errors import ConfigError
from sysvitals.history.clocks import Clocks
from sysvitals.history.selection import Found, Mark, Wanted, choose, decode_line
from sysvitals.outputs.terminal import complain


def find_source(options: Mapping[str, Any], wanted: Wanted) -> Source:
    """The exporter to go on from. Raises ConfigError."""
    access = load_access(options["http_config"]) if options["http_config"] is not None else NO_ACCESS
    try:
        address = parse_address(options["exporter"] or DEFAULT_URL)
    except ValueError as error:
        raise ConfigError([f"--exporter: {error}"]) from None
    return Source(address, access, wanted.names, changes_only=not wanted.readings)


def follow(
    source: Source,
    wanted: Wanted,
    show: Callable[[Found], None],
    mark: Mark | None,
    wait: Callable[[float], None],
) -> int:
    """Show what comes behind this mark until interrupted. The exit status."""
    is_wanted, clocks, url = choose(wanted), Clocks({}), source.address.url

    def take(message: Message) -> None:
        if message.event == "sink.dropped" and not message.id:
            complain(f"{url}: events were lost on the way: {message.data}")
        elif (event := decode_line(message.data, is_wanted, clocks)) and wanted.accepts(event):
            show(event)

    try:
        follow_events(source, take, seen=f"{mark.boot}/{mark.seq}" if mark else "", wait=wait)
    except FollowError as error:
        complain(f"{url}: {error}")
        return 1
    except KeyboardInterrupt:
        return 0
