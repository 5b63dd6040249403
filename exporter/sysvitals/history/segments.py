"""The history's files: `YYYY-MM-DD/HH-MM-SS.jsonl`, one segment after another; `.jsonl.gz` where compressed."""

import contextlib
import errno
import gzip
import json
import os
import re
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime
from typing import BinaryIO, NamedTuple

from sysvitals.history.streams import end_stream, inflate

PLAIN = ".jsonl"
COMPRESSED = ".jsonl.gz"
_UNFINISHED = ".part"
_CURRENT = "current"
_TAIL_BYTES = 1 << 16
_NAME = re.compile(r"(\d{4})-(\d\d)-(\d\d)/(\d\d)-(\d\d)-(\d\d)(?:\.(\d+))?\.jsonl(?:\.gz)?", re.ASCII)


class Segment(NamedTuple):
    """One file of the history. `name` is its path below the history's folder; `began` is in Unix seconds."""

    name: str
    path: str
    began: float
    size: int


def list_segments(folder: str) -> list[Segment]:
    """All segments, oldest first by name. A folder that is not there has none. Raises OSError."""
    segments = []
    for day in _names(folder):
        for file in _names(os.path.join(folder, day)):
            name = f"{day}/{file}"
            place = _parse_name(name)
            if place is not None:
                path = os.path.join(folder, name)
                with contextlib.suppress(FileNotFoundError):
                    segments.append((place, Segment(name, path, place[0], os.stat(path).st_size)))
    return [segment for _, segment in sorted(segments)]


def create_segment(folder: str, at: float, kind: str = PLAIN) -> tuple[int, Segment]:
    """A new segment, PLAIN or COMPRESSED, that begins at that Unix time, open for appending. Raises OSError."""
    moment = datetime.fromtimestamp(at, UTC)
    day = moment.strftime("%Y-%m-%d")
    if not os.path.isdir(os.path.join(folder, day)):
        os.makedirs(os.path.join(folder, day), exist_ok=True)
        sync_folder(folder)
    for attempt in range(1000):
        # the clock may have been set back, or two starts may fall into one second
        stem = f"{day}/{moment.strftime('%H-%M-%S')}{f'.{attempt}' if attempt else ''}"
        name = stem + kind
        path = os.path.join(folder, name)
        if os.path.exists(os.path.join(folder, stem + (PLAIN if kind == COMPRESSED else COMPRESSED))):
            continue
        try:
            descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_APPEND | os.O_CLOEXEC, 0o644)
        except FileExistsError:
            continue
        try:
            sync_folder(os.path.dirname(path))
        except OSError:
            os.close(descriptor)
            with contextlib.suppress(OSError):
                os.unlink(path)
            raise
        return descriptor, Segment(name, path, at, 0)
    raise FileExistsError(f"{folder}/{day}: a thousand segments began in the same second")


def mark_current(folder: str, segment: Segment) -> None:
    """Let the link `current` in the history's folder lead to this segment. Raises OSError, as where no link can be."""
    link = os.path.join(folder, _CURRENT)
    unfinished = link + _UNFINISHED
    with contextlib.suppress(FileNotFoundError):
        os.unlink(unfinished)
    os.symlink(segment.name, unfinished)
    os.rename(unfinished, link)
    sync_folder(folder)


def find_last_segment(folder: str) -> Segment | None:
    """The segment that was written last: `current`, compressed since or not; without it the newest by name.

    A name tells the time by a clock that may have been wrong, and a file's own times do so too. Raises OSError.
    """
    segments = list_segments(folder)
    try:
        current = os.readlink(os.path.join(folder, _CURRENT)).removesuffix(".gz").removesuffix(PLAIN)
    except OSError:
        current = ""
    marked = [segment for segment in segments if segment.name in (current + PLAIN, current + COMPRESSED)]
    return next(iter([*marked, *reversed(segments)]), None)


def remove_segment(segment: Segment) -> None:
    """Remove a segment, and its day where nothing is left of it. One that is gone is fine. Raises OSError."""
    with contextlib.suppress(FileNotFoundError):
        os.unlink(segment.path)
    with contextlib.suppress(OSError):
        os.rmdir(os.path.dirname(segment.path))


def compress_segment(segment: Segment) -> Segment:
    """Replace a closed segment by its compressed form; at every moment one of the two is whole. Raises OSError."""
    target = segment.path.removesuffix(PLAIN) + COMPRESSED
    unfinished = target + _UNFINISHED
    try:
        with open(segment.path, "rb") as plain, open(unfinished, "wb") as raw:
            with gzip.GzipFile(fileobj=raw, mode="wb", compresslevel=6, mtime=int(max(0, segment.began))) as packed:
                while piece := plain.read(1 << 16):
                    packed.write(piece)
            raw.flush()
            os.fsync(raw.fileno())
        os.replace(unfinished, target)
    except OSError:
        # on a full disk it would take the room that the events need
        with contextlib.suppress(OSError):
            os.unlink(unfinished)
        raise
    sync_folder(os.path.dirname(target))  # before the other goes
    os.unlink(segment.path)
    name = segment.name.removesuffix(PLAIN) + COMPRESSED
    return Segment(name, target, segment.began, os.stat(target).st_size)


def remove_leftovers(folder: str) -> None:
    """Remove what a power cut left of an unfinished compression. Raises OSError."""
    for day in _names(folder):
        files = set(_names(os.path.join(folder, day)))
        for file in files:
            unfinished = file.endswith(COMPRESSED + _UNFINISHED)
            twice = file.endswith(PLAIN) and file.removesuffix(PLAIN) + COMPRESSED in files
            if (unfinished or twice) and _parse_name(f"{day}/{file.removesuffix(_UNFINISHED)}"):
                os.unlink(os.path.join(folder, day, file))


def repair_segment(segment: Segment) -> int:
    """Cut off a torn end, so that every line is whole, and end what is compressed.

    Returns how many bytes were cut off. Raises OSError.
    """
    with open(segment.path, "r+b") as file:
        if segment.path.endswith(COMPRESSED):
            return end_stream(file)
        size = file.seek(0, os.SEEK_END)
        whole = _whole_bytes(file, size)
        if whole < size:
            file.truncate(whole)
            os.fsync(file.fileno())
        elif whole:
            file.seek(whole - 1)
            if file.read() != b"\n":
                file.write(b"\n")  # the last line lacks nothing else
    return size - whole


def read_lines(segment: Segment) -> Iterator[str]:
    """The segment's lines without their ends. Raises OSError, or EOFError where a compressed one is cut short."""
    with open(segment.path, "rb") as file:
        lines: Iterable[bytes] = _split_lines(inflate(file)) if segment.path.endswith(COMPRESSED) else file
        for line in lines:
            yield line.decode("utf-8", "replace").rstrip("\n")


def read_last_lines(segment: Segment, count: int) -> list[str]:
    """The last lines of a plain segment, at most so many, without reading all of it. Raises OSError."""
    with open(segment.path, "rb") as file:
        size = file.seek(0, os.SEEK_END)
        reach = _TAIL_BYTES
        while True:
            start = max(0, size - reach)
            file.seek(start)
            lines = file.read(size - start).splitlines()[bool(start) :]
            if len(lines) >= count or not start:
                return [line.decode("utf-8", "replace") for line in lines[-count:]]
            reach *= 4


def write_all(descriptor: int, data: bytes) -> None:
    """Write these bytes, however many pieces that takes. Raises OSError."""
    view = memoryview(data)
    while view:
        view = view[os.write(descriptor, view) :]


def sync_folder(path: str) -> None:
    """Make the names in a folder reach the disk. Raises OSError."""
    descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    except OSError as error:
        if error.errno not in (errno.EINVAL, errno.ENOTSUP):  # some network file systems cannot
            raise
    finally:
        os.close(descriptor)


def _split_lines(chunks: Iterable[bytes]) -> Iterator[bytes]:
    """Lines with their ends; the last may lack it."""
    rest = b""
    for chunk in chunks:
        *lines, rest = (rest + chunk).split(b"\n")
        for line in lines:
            yield line + b"\n"
    if rest:
        yield rest


def _whole_bytes(file: BinaryIO, size: int) -> int:
    """How many bytes there are up to the end of the last whole line, which may lack the end of line itself."""
    end, reach = size, _TAIL_BYTES
    while end:
        start = max(0, end - reach)
        file.seek(start)
        tail = file.read(end - start)
        first = tail.find(b"\n") + 1 if start else 0  # what comes before belongs to a line that begins further up
        if start and first in (0, len(tail)):
            reach *= 4  # a very long line
            continue
        last = len(tail)
        while last > first:
            begin = max(first, tail.rfind(b"\n", 0, last - 1) + 1)
            if _is_whole(tail[begin:last]):
                return start + last
            last = begin
        end = start + first
    return 0


def _is_whole(line: bytes) -> bool:
    try:
        return isinstance(json.loads(line.decode()), dict)
    except (ValueError, RecursionError):
        return False


def _names(folder: str) -> list[str]:
    try:
        return sorted(os.listdir(folder))
    except (FileNotFoundError, NotADirectoryError):
        return []


def _parse_name(name: str) -> tuple[float, int] | None:
    """When a segment of this name began, and which it is of those that began in the same second."""
    found = _NAME.fullmatch(name)
    if found is None:
        return None
    *moment, attempt = (int(number or 0) for number in found.groups())
    year, month, day, hour, minute, second = moment
    try:
        return datetime(year, month, day, hour, minute, second, tzinfo=UTC).timestamp(), attempt
    except ValueError:
        return None
