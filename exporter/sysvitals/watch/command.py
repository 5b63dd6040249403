"""`sysvitals watch`: the events of a running exporter, as they happen."""

import argparse
import difflib
import time
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from typing import Any

import requests
import urllib3

from sysvitals.client.access import FLAG, HELP, NO_ACCESS, advise, load_access
from sysvitals.client.address import Address, parse_address
from sysvitals.client.failures import GIVE_CERTIFICATE, explain_client_certificate, read_words
from sysvitals.client.session import Session, read_parts, speaks_tls
from sysvitals.collectors.catalog import build_full_catalog
from sysvitals.model.choice import choose_names
from sysvitals.model.event import decode_event
from sysvitals.model.reading import Body
from sysvitals.outputs.console import describe_event
from sysvitals.outputs.terminal import complain, say
from sysvitals.watch.stream import LONGEST_BYTES, Message, TooLongError, parse_stream, split_lines

DEFAULT_URL = "http://127.0.0.1:9877"
CONNECT_SECONDS = 5.0
SILENCE_SECONDS = 40.0
"""A stream says every 15 s that it is there; one that is silent for longer is gone."""
_LONGEST_WAIT_SECONDS = 30.0
_LONGEST_MARK = 200
"""How long the mark may be that a server gives to go on from: a boot id and a number have less than 60 letters."""


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
    parser.add_argument(FLAG, dest="http_config", metavar="FILE", help=HELP)
    parser.add_argument("--json", action="store_true", help="Print the events as JSON, one a line.")


def run(options: Mapping[str, Any], *, wait: Callable[[float], None] = time.sleep) -> int:
    """Run until interrupted. The exit status: 1 if there is nothing to watch there, 2 if asked wrongly.

    Raises ConfigError for a wrong file.
    """
    access = load_access(options["http_config"]) if options["http_config"] is not None else NO_ACCESS
    try:
        address = parse_address(options["url"])
    except ValueError as error:
        complain(f"URL: what was given {error}")
        return 2
    try:
        choose_names(options["event"])
    except ValueError as error:
        complain(f"--{error}")
        return 2
    bodies = build_full_catalog().bodies
    for advice in (*advise([address], access), *advise_names(options["event"], bodies)):
        complain(advice)
    session = Session(address, access, program="sysvitals-watch")
    session.headers["Accept"] = "text/event-stream"
    show = _show_json if options["json"] else _show_text(bodies)
    seen, pause = "", 1.0
    try:
        while True:
            try:
                for message in _messages(session, address, options["event"], seen):
                    pause = 1.0
                    seen = message.id if _is_mark(message.id) else ""
                    show(message)
                reason = "the exporter ended the stream"
            except (requests.RequestException, urllib3.exceptions.HTTPError) as error:
                reason = describe(error, address)
            complain(f"{address.url}: {reason}; trying again in {pause:g} s")
            wait(pause)
            pause = min(2 * pause, _LONGEST_WAIT_SECONDS)
    except WatchError as error:
        complain(f"{address.url}: {error}")
        return 1
    except KeyboardInterrupt:
        return 0


def advise_names(patterns: Iterable[str], known: Collection[str]) -> Iterator[str]:
    """What to say of names that no event has: only an exporter that is newer than this program could send some."""
    for pattern in patterns:
        if not any(map(choose_names([pattern]), known)):
            close = difflib.get_close_matches(pattern, known) or sorted(known)
            yield f"--event={pattern}: no event has this name; there are: {', '.join(close)}"


def describe(error: Exception, address: Address) -> str:
    """Why there are no events, in a few words."""
    if why := explain_client_certificate(address, error):
        return f"it {why}; {GIVE_CERTIFICATE}"
    if isinstance(error, requests.exceptions.SSLError):
        return f"its certificate is not trusted; if it is your own, name it in a file: {FLAG}=FILE, tls_config: ca_file"
    if isinstance(error, requests.Timeout | urllib3.exceptions.TimeoutError):
        return "no answer"
    if isinstance(error, requests.HTTPError):
        return f"it answers {error.response.status_code}: it is busy, starting or ending"
    if isinstance(error, urllib3.exceptions.HTTPError):
        return "the connection broke off"
    return _advise_tls(address) or "no connection"


def _is_mark(text: str) -> bool:
    """Whether it can be sent back in a header."""
    return len(text) <= _LONGEST_MARK and text.isascii() and text.isprintable()


def _advise_tls(address: Address) -> str:
    """What to try where it speaks TLS and was not asked so; empty where it does not."""
    if address.url.startswith("http://") and speaks_tls(address):
        return f"it speaks TLS: try https://{address.url.removeprefix('http://')}"
    return ""


def _messages(session: Session, address: Address, names: list[str], seen: str) -> Iterator[Message]:
    """The messages of one connection. Raises WatchError, and what `requests` and urllib3 raise."""
    with session.get(
        f"{address.url}/api/v1/events",
        params=[("event", name) for name in names],
        headers={"Last-Event-ID": seen} if seen else {},
        stream=True,
        timeout=(CONNECT_SECONDS, SILENCE_SECONDS),
    ) as answer:
        if answer.status_code == 401:
            if "Authorization" in answer.request.headers:
                raise WatchError("wrong user or password")
            raise WatchError(f"it requires a user and a password: {FLAG}=FILE, with basic_auth: username and password")
        if answer.status_code == 503:
            answer.raise_for_status()
        if answer.is_redirect:
            raise WatchError(f"it redirects to {answer.headers['Location'][:200]}: if that is right, give that address")
        if not answer.headers.get("content-type", "").startswith("text/event-stream"):
            raise WatchError(_advise_tls(address) or _explain_answer(answer))
        try:
            yield from parse_stream(split_lines(read_parts(answer)))
        except TooLongError:
            raise WatchError(
                f"no exporter of sysvitals: it sends a line or an event of more than {LONGEST_BYTES:,} bytes"
            ) from None


def _explain_answer(answer: requests.Response) -> str:
    """Why there are no events: what a server says that refuses, as far as it says it."""
    said = "" if answer.ok else read_words(next(read_parts(answer), b""))
    if said:
        return f"it answers {answer.status_code}: {said}"
    return f"no exporter of sysvitals: it answers {answer.status_code} without events"


def _show_json(message: Message) -> None:
    say(message.data)


def _show_text(bodies: Mapping[str, type[Body]]) -> Callable[[Message], None]:
    def show(message: Message) -> None:
        try:
            event = decode_event(message.data, bodies)
        except ValueError:
            event = None
        # an exporter that is newer than this program tells of things that it does not know
        say(describe_event(event) if event else f"{message.event} {message.data}")

    return show
