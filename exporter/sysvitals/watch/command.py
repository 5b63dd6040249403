"""`sysvitals watch`: the events of a running exporter, as they happen."""

import argparse
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from typing import Any
from urllib.parse import urlsplit

import requests

from sysvitals.collectors.catalog import build_full_catalog
from sysvitals.model.event import decode_event
from sysvitals.outputs.console import describe_event
from sysvitals.watch.stream import Message, parse_stream, split_lines

DEFAULT_URL = "http://127.0.0.1:9877"
CONNECT_SECONDS = 5.0
SILENCE_SECONDS = 40.0
"""A stream says every 15 s that it is there; one that is silent for longer is gone."""
_LONGEST_WAIT_SECONDS = 30.0


class WatchError(Exception):
    """What cannot be watched, however often one tries."""


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
        help="Only events of this name, such as 'system.throttling.*'; give it again for more.",
    )
    parser.add_argument("--json", action="store_true", help="Print the events as JSON, one a line.")


def run(options: Mapping[str, Any], *, wait: Callable[[float], None] = time.sleep) -> int:
    """Run until interrupted. The exit status: 1 if there is nothing to watch there, 2 if asked wrongly."""
    try:
        url = read_url(options["url"])
    except WatchError as error:
        sys.stderr.write(f"sysvitals: {error}\n")
        return 2
    session = requests.Session()
    session.headers["accept"] = "text/event-stream"
    show = _show_json if options["json"] else _show_text()
    place = hide_password(url)
    seen, pause = "", 1.0
    try:
        while True:
            try:
                for message in _messages(session, url, options["event"], seen):
                    pause = 1.0
                    seen = message.id
                    show(message)
                reason = "the exporter ended the stream"
            except requests.RequestException as error:
                reason = describe(error)
            sys.stderr.write(f"sysvitals: {place}: {reason}; trying again in {pause:g} s\n")
            wait(pause)
            pause = min(2 * pause, _LONGEST_WAIT_SECONDS)
    except WatchError as error:
        sys.stderr.write(f"sysvitals: {place}: {error}\n")
        return 1
    except KeyboardInterrupt:
        return 0


def read_url(text: str) -> str:
    """The address of an exporter, however short it was written. Raises WatchError."""
    url = text if "://" in text else f"http://{text}"
    parts = urlsplit(url)
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise WatchError(f"{text}: no address of an exporter, such as {DEFAULT_URL}")
    return url.rstrip("/")


def hide_password(url: str) -> str:
    """The address as it may be shown."""
    parts = urlsplit(url)
    return parts._replace(netloc=parts.netloc.rpartition("@")[2]).geturl()


def describe(error: requests.RequestException) -> str:
    """Why there is no connection, in a few words."""
    if isinstance(error, requests.exceptions.SSLError):
        return "its certificate is not trusted; REQUESTS_CA_BUNDLE names a file with those that are"
    if isinstance(error, requests.Timeout):
        return "no answer"
    return "no connection"


def _messages(session: requests.Session, url: str, names: list[str], seen: str) -> Iterator[Message]:

    with session.get(
        f"{url}/api/v1/events",
        params=[("event", name) for name in names],
        headers={"last-event-id": seen} if seen else {},
        stream=True,
        timeout=(CONNECT_SECONDS, SILENCE_SECONDS),
    ) as answer:
        if answer.status_code == 401:
            raise WatchError("it asks for a user and a password: http://USER:PASSWORD@HOST:PORT")
        if answer.status_code == 503:
            answer.raise_for_status()
        if not answer.headers.get("content-type", "").startswith("text/event-stream"):
            raise WatchError(f"no exporter of sysvitals: it answers {answer.status_code} without events")
        yield from parse_stream(split_lines(answer.iter_content(chunk_size=None)))


def _show_json(message: Message) -> None:
    sys.stdout.write(f"{message.data}\n")
    sys.stdout.flush()


def _show_text() -> Callable[[Message], None]:

    bodies = build_full_catalog().bodies

    def show(message: Message) -> None:
        try:
            event = decode_event(message.data, bodies)
        except ValueError:
            event = None
        # an exporter that is newer than this program tells of things that it does not know
        sys.stdout.write(f"{describe_event(event) if event else f'{message.event} {message.data}'}\n")
        sys.stdout.flush()

    return show
