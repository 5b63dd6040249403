"""The history's files: `YYYY-MM-DD/HH-MM-SS.jsonl`, one segment after another, closed ones compressed."""

import contextlib
import gzip
import json
import os
import shutil
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import NamedTuple

PLAIN = ".jsonl"
COMPRESSED = ".jsonl.gz"
_UNFINISHED = ".part"
_TAIL_BYTES = 1 << 20


class Segment(NamedTuple):
    """One file of the history. `name` is its path below the history's folder; `began` is in Unix seconds."""

    name: str
    path: str
    began: float
    size: int


def list_segments(folder: str) -> list[Segment]:
    """All segments, oldest first by name. A folder that is not there has none."""
    segments = []
    for day in _names(folder):
        for name in _names(os.path.join(folder, day)):
            began = _parse_name(day, name)
            if began is not None:
                path = os.path.join(folder, day, name)
                with contextlib.suppress(FileNotFoundError):
                    segments.append(Segment(f"{day}/{name}", path, began, os.stat(path).st_size))
    return sorted(segments, key=lambda segment: (segment.began, segment.name))


def create_segment(folder: str, at: float) -> tuple[int, Segment]:
    """A new segment that begins at that Unix time, open for appending. Raises OSError."""
    moment = datetime.fromtimestamp(at, UTC)
    day = moment.strftime("%Y-%m-%d")
    os.makedirs(os.path.join(folder, day), exist_ok=True)
    for attempt in range(1000):
        # the clock may have been set back, or two starts may fall into one second
        name = f"{day}/{moment.strftime('%H-%M-%S')}{f'.{attempt}' if attempt else ''}{PLAIN}"
        path = os.path.join(folder, name)
        if os.path.exists(path.removesuffix(PLAIN) + COMPRESSED):
            continue
        with contextlib.suppress(FileExistsError):
            descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_APPEND | os.O_CLOEXEC, 0o644)
            sync_folder(os.path.dirname(path))
            return descriptor, Segment(name, path, at, 0)
    raise FileExistsError(f"{folder}/{day}: a thousand segments began in the same second")


def remove_segment(segment: Segment) -> None:
    """Remove a segment, and its day where nothing is left of it. Raises OSError."""
    os.unlink(segment.path)
    with contextlib.suppress(OSError):
        os.rmdir(os.path.dirname(segment.path))


def compress_segment(segment: Segment) -> Segment:
    """Replace a closed segment by its compressed form; at every moment one of the two is whole. Raises OSError."""
    target = segment.path.removesuffix(PLAIN) + COMPRESSED
    unfinished = target + _UNFINISHED
    with open(segment.path, "rb") as plain, open(unfinished, "wb") as raw:
        with gzip.GzipFile(fileobj=raw, mode="wb", compresslevel=6, mtime=int(max(0, segment.began))) as packed:
            shutil.copyfileobj(plain, packed, 1 << 16)
        raw.flush()
        os.fsync(raw.fileno())
    os.replace(unfinished, target)
    os.unlink(segment.path)
    sync_folder(os.path.dirname(target))
    name = segment.name.removesuffix(PLAIN) + COMPRESSED
    return Segment(name, target, segment.began, os.stat(target).st_size)


def remove_leftovers(folder: str) -> None:
    """Remove what a power cut left of an unfinished compression. Raises OSError."""
    for day in _names(folder):
        names = _names(os.path.join(folder, day))
        for name in names:
            path = os.path.join(folder, day, name)
            if name.endswith(_UNFINISHED) or (name.endswith(PLAIN) and name.removesuffix(PLAIN) + COMPRESSED in names):
                os.unlink(path)


def repair_segment(segment: Segment) -> int:
    """Cut off a torn end, so that every line is whole. Returns how many bytes were cut off. Raises OSError."""
    size = os.stat(segment.path).st_size
    with open(segment.path, "r+b") as file:
        file.seek(max(0, size - _TAIL_BYTES))
        tail = file.read()
        whole = len(tail)
        while whole and not _ends_whole(tail[:whole]):
            whole = tail.rfind(b"\n", 0, whole - 1) + 1
        torn = len(tail) - whole
        if torn:
            file.truncate(size - torn)
            os.fsync(file.fileno())
    return torn


def read_lines(segment: Segment) -> Iterator[str]:
    """The segment's lines without their ends. Raises OSError, or EOFError where a compressed one is cut short."""
    if segment.path.endswith(COMPRESSED):
        with gzip.open(segment.path, "rt", encoding="utf-8", errors="replace", newline="\n") as file:
            for line in file:
                yield line.rstrip("\n")
    else:
        with open(segment.path, encoding="utf-8", errors="replace", newline="\n") as file:
            for line in file:
                yield line.rstrip("\n")


def sync_folder(path: str) -> None:
    """Make the names in a folder reach the disk. Raises OSError."""
    descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _ends_whole(tail: bytes) -> bool:
    if not tail.endswith(b"\n"):
        return False
    line = tail[tail.rfind(b"\n", 0, len(tail) - 1) + 1 :]
    try:
        return isinstance(json.loads(line), dict)
    except ValueError:
        return False


def _names(folder: str) -> list[str]:
    try:
        return sorted(os.listdir(folder))
    except (FileNotFoundError, NotADirectoryError):
        return []


def _parse_name(day: str, name: str) -> float | None:
    stem = name.removesuffix(COMPRESSED) if name.endswith(COMPRESSED) else name.removesuffix(PLAIN)
    if stem == name:
        return None
    try:
        return datetime.strptime(f"{day} {stem.partition('.')[0]}", "%Y-%m-%d %H-%M-%S").replace(tzinfo=UTC).timestamp()
    except ValueError:
        return None
