"""Server-Sent Events as a client reads them."""

from collections.abc import Iterable, Iterator
from typing import NamedTuple

LONGEST_BYTES = 1 << 20
"""How long a line may be, and how long a message: an event of an exporter has less than 64 KiB."""


class Message(NamedTuple):
    """One message of the stream. `id` is the last that was given, by this message or one before."""

    id: str
    event: str
    data: str


class TooLongError(Exception):
    """A line or a message is longer than any of an exporter's."""


def split_lines(chunks: Iterable[bytes]) -> Iterator[str]:
    """The lines of these chunks, without their ends. Only a line feed ends a line: others may be within a name.

    Raises TooLongError.
    """
    rest = bytearray()
    for chunk in chunks:
        start = len(rest)
        rest += chunk
        if b"\n" in chunk:
            end = rest.rindex(b"\n", start)
            yield from (line.decode(errors="replace") for line in bytes(rest[:end]).split(b"\n"))
            del rest[: end + 1]
        if len(rest) > LONGEST_BYTES:
            raise TooLongError


def parse_stream(lines: Iterable[str]) -> Iterator[Message]:
    """The messages of these lines, each without its end. A message that was cut off is none. Raises TooLongError."""
    data: list[str] = []
    size = 0
    last = event = ""
    for line in lines:
        if not line:
            if data:
                yield Message(last, event or "message", "\n".join(data))
            event, data, size = "", [], 0
            continue
        name, _, value = line.partition(":")
        value = value.removeprefix(" ")
        if name == "id" and "\0" not in value:
            last = value
        elif name == "event":
            event = value
        elif name == "data":
            data.append(value)
            size += len(value) + 1
            if size > LONGEST_BYTES:
                raise TooLongError
