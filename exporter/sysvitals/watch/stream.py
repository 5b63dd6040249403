"""Server-Sent Events as a client reads them."""

from collections.abc import Iterable, Iterator
from typing import NamedTuple


class Message(NamedTuple):
    """One message of the stream. `id` is the last that was given, by this message or one before."""

    id: str
    event: str
    data: str


def split_lines(chunks: Iterable[bytes]) -> Iterator[str]:
    """The lines of these chunks, without their ends. Only a line feed ends a line: others may be within a name."""
    rest = b""
    for chunk in chunks:
        *lines, rest = (rest + chunk).split(b"\n")
        yield from (line.decode(errors="replace") for line in lines)


def parse_stream(lines: Iterable[str]) -> Iterator[Message]:
    """The messages of these lines, each without its end. A message that was cut off is none."""
    data: list[str] = []
    last = event = ""
    for line in lines:
        if not line:
            if data:
                yield Message(last, event or "message", "\n".join(data))
            event, data = "", []
            continue
        name, _, value = line.partition(":")
        value = value.removeprefix(" ")
        if name == "id" and "\0" not in value:
            last = value
        elif name == "event":
            event = value
        elif name == "data":
            data.append(value)
