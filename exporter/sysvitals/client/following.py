"""The events of a running exporter as they happen, over connections that may break."""

import time
from collections.abc import Callable, Collection, Iterator
from typing import NamedTuple, NoReturn

import requests
import urllib3

from sysvitals.client.access import FLAG, Access
from sysvitals.client.address import Address
from sysvitals.client.failures import GIVE_CERTIFICATE, explain_client_certificate, read_words
from sysvitals.client.session import Session, read_parts, speaks_tls
from sysvitals.client.stream import LONGEST_BYTES, Message, TooLongError, parse_stream, split_lines
from sysvitals.outputs.terminal import complain

DEFAULT_URL = "http://127.0.0.1:9877"
CONNECT_SECONDS = 5.0
SILENCE_SECONDS = 40.0
"""A stream says every 15 s that it is there; one that is silent for longer is gone."""
_LONGEST_WAIT_SECONDS = 30.0
_LONGEST_MARK = 200
"""How long the mark may be that a server gives to go on from: a boot id and a number have less than 60 letters."""


class FollowError(Exception):
    """What cannot be followed, however often it is tried."""


class Source(NamedTuple):
    """An exporter, and which of its events are wanted: by `names` (patterns), without which all are.

    With `changes_only` readings come only if a name asks for them.
    """

    address: Address
    access: Access
    names: Collection[str] = ()
    changes_only: bool = False


def follow_events(
    source: Source, show: Callable[[Message], None], *, seen: str = "", wait: Callable[[float], None] = time.sleep
) -> NoReturn:
    """Show messages as they come, from the mark `seen` on, and connect again when a stream ends. Raises FollowError."""
    address = source.address
    session = Session(address, source.access, program="sysvitals-watch")
    session.headers["Accept"] = "text/event-stream"
    query = [("event", name) for name in source.names] + ([("changes", "only")] if source.changes_only else [])
    pause = 1.0
    while True:
        try:
            for message in _messages(session, address, query, seen):
                pause = 1.0
                seen = message.id if _is_mark(message.id) else ""
                show(message)
            reason = "the exporter ended the stream"
        except (requests.RequestException, urllib3.exceptions.HTTPError) as error:
            reason = describe_failure(error, address)
        complain(f"{address.url}: {reason}; trying again in {pause:g} s")
        wait(pause)
        pause = min(2 * pause, _LONGEST_WAIT_SECONDS)


def describe_failure(error: Exception, address: Address) -> str:
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


def _messages(session: Session, address: Address, query: list[tuple[str, str]], seen: str) -> Iterator[Message]:
    """The messages of one connection. Raises FollowError, and what `requests` and urllib3 raise."""
    with session.get(
        f"{address.url}/api/v1/events",
        params=query,
        headers={"Last-Event-ID": seen} if seen else {},
        stream=True,
        timeout=(CONNECT_SECONDS, SILENCE_SECONDS),
    ) as answer:
        if answer.status_code == 401:
            if "Authorization" in answer.request.headers:
                raise FollowError("wrong user or password")
            raise FollowError(f"it requires a user and a password: {FLAG}=FILE, with basic_auth: username and password")
        if answer.status_code == 503:
            answer.raise_for_status()
        if answer.is_redirect:
            target = answer.headers["Location"][:200]
            raise FollowError(f"it redirects to {target}: if that is right, give that address")
        if not answer.headers.get("content-type", "").startswith("text/event-stream"):
            raise FollowError(_advise_tls(address) or _explain_answer(answer))
        try:
            yield from parse_stream(split_lines(read_parts(answer)))
        except TooLongError:
            raise FollowError(
                f"no exporter of sysvitals: it sends a line or an event of more than {LONGEST_BYTES:,} bytes"
            ) from None


def _explain_answer(answer: requests.Response) -> str:
    """Why there are no events: what a server says that refuses, as far as it says it."""
    said = "" if answer.ok else read_words(next(read_parts(answer), b""))
    if said:
        return f"it answers {answer.status_code}: {said}"
    return f"no exporter of sysvitals: it answers {answer.status_code} without events"
