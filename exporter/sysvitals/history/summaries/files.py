"""The files of the summaries: which there are, and the gzip members in them. Imports little: readers need it too."""

import contextlib
import json
import os
import re
import zlib
from collections.abc import Callable, Iterable, Iterator, Mapping
from datetime import UTC, datetime
from typing import Any, NamedTuple

from sysvitals.host.storage import Folder, NotPlainError, open_folder

VERSION = 1
"""Grows when a line could no longer be read as before: what an older version wrote is then written again."""

SECONDS: Mapping[str, float] = {"hours": 3600.0, "minutes": 60.0}
"""The levels, and how long a stretch of each is."""

LEVELS = tuple(SECONDS)
CLOCKS = "clocks.jsonl"
"""Which boots had a wrong clock, on which days their summaries stand, and Unix time less uptime once it was set."""

_NAME = re.compile(r"(\d{4}-\d\d-\d\d)\.(minutes|hours)\.jsonl\.gz", re.ASCII)
_GZIP = 16 + zlib.MAX_WBITS
_GZIP_HEADER = b"\x1f\x8b\x08\x00"
"""What each member begins with. Where it stands by chance, nothing whole follows."""

_LONGEST_MEMBER_BYTES = 1 << 25
"""What is longer when it is unpacked is none of ours: 64 subjects of each event come to a tenth of it."""
_MOST_BYTES = 1 << 26
_LARGEST = 1e11
"""No time comes near, nor a number of readings."""

NO_FOLDER = (FileNotFoundError, NotADirectoryError, NotPlainError)


class SummaryFile(NamedTuple):
    """One file. `day` is UTC's, as `2026-01-01`."""

    name: str
    day: str
    level: str
    size: int


def day_of(seconds: float) -> str:
    """The UTC day of a Unix time."""
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%d")


def start_of(day: str) -> float:
    """When a UTC day begins, in Unix seconds. ValueError where there is no such day."""
    return datetime.fromisoformat(f"{day}T00:00:00+00:00").timestamp()


def file_name(day: str, level: str) -> str:
    """The name of the file of a day."""
    return f"{day}.{level}.jsonl.gz"


def list_files(folder: str) -> list[SummaryFile]:
    """All files, oldest day first. A folder that is not there has none. Raises OSError."""
    found = []
    with contextlib.suppress(*NO_FOLDER), _open(folder) as place:
        for entry in place.entries():
            name = _NAME.fullmatch(entry.name)
            if name and entry.is_file(follow_symlinks=False):
                with contextlib.suppress(FileNotFoundError, ValueError):
                    start_of(name[1])
                    found.append(SummaryFile(entry.name, name[1], name[2], entry.stat(follow_symlinks=False).st_size))
    return sorted(found, key=lambda file: (file.day, file.level))


def read_file(folder: str, name: str) -> bytes:
    """The content of a file; empty where there is none. Raises OSError."""
    with contextlib.suppress(*NO_FOLDER), _open(folder) as place, open(place.open(name), "rb") as file:
        return file.read(_MOST_BYTES)
    return b""


def read_clocks(folder: str, more: Iterable[str] = ()) -> list[dict[str, Any]]:
    """The lines of the list of wrong clocks, and `more`. What is no line of it is passed over. Raises OSError."""
    found = []
    for line in [*read_file(folder, CLOCKS).splitlines(), *(line.encode() for line in more)]:
        with contextlib.suppress(ValueError, RecursionError):
            entry = parse_json(line)
            if isinstance(entry, dict) and _is_clock(entry):
                found.append(entry)
    return found


def _is_clock(entry: dict[str, Any]) -> bool:
    return (
        isinstance(entry.get("boot"), str)
        and isinstance(entry.get("day", ""), str)
        and all(_is_sound(entry.get(key, 0.0)) for key in ("offset", "at"))
    )


def parse_head(line: bytes) -> dict[str, Any] | None:
    """The header of a part of this version; None for whatever else it is."""
    with contextlib.suppress(ValueError, KeyError, TypeError, AttributeError, RecursionError):
        head: dict[str, Any] = parse_json(line)
        numbers = [head[key] for key in ("from", "to", "uptime", "until", "origin")]
        numbers += [edge for begin, end in head.get("silent", ()) for edge in (begin, end)]
        numbers += [*head.get("left_out", {}).values(), *head.get("unkept", {}).values(), head.get("shift", 0.0)]
        texts = [head["host"], head["boot"], *head.get("segments", ()), *head.get("closed", ())]
        is_sound = all(isinstance(text, str) for text in texts) and all(map(_is_sound, numbers))
        is_sound = is_sound and head["from"] <= head["to"] and head["uptime"] <= head["until"]
        if head["version"] == VERSION and is_sound and (head["synced"] is None or isinstance(head["synced"], bool)):
            return head
    return None


def _is_sound(number: Any) -> bool:
    return isinstance(number, int | float) and -_LARGEST < number < _LARGEST


def _refuse(constant: str) -> float:
    raise ValueError(f"{constant} is no number")


_decode = json.JSONDecoder(parse_constant=_refuse).decode


def parse_json(line: bytes) -> Any:
    """What a line holds. Raises ValueError or RecursionError."""
    return _decode(line.decode())


def members(content: bytes, note_damage: Callable[[], object] = lambda: None) -> Iterator[tuple[bytes, int]]:
    """What each whole gzip member holds, and where it ends. What is damaged is passed over and noted.

    A last one that is torn, as power cuts leave it, is no damage: it is cut off with the next write.
    """
    at = 0
    while 0 <= at < len(content):
        member = zlib.decompressobj(_GZIP)
        try:
            found = member.decompress(memoryview(content)[at:], _LONGEST_MEMBER_BYTES)
        except zlib.error:
            note_damage()
        if member.eof:
            at = len(content) - len(member.unused_data)
            yield found, at
        else:
            at = content.find(_GZIP_HEADER, at + 1)


def _open(folder: str) -> Folder:
    storage, name = os.path.split(folder)
    return open_folder(storage, name)
