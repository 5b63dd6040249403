"""The history's files: `YYYY-MM-DD/HH-MM-SS.jsonl`, one segment after another; `.jsonl.gz` where compressed."""

import contextlib
import gzip
import json
import os
import re
import stat
from collections.abc import Callable, Iterable, Iterator
from datetime import UTC, datetime
from typing import BinaryIO, NamedTuple

from sysvitals.history.streams import find_end, inflate
from sysvitals.host.storage import UNFINISHED, Folder, NotPlainError, open_folder, require_one_name

PLAIN = ".jsonl"
COMPRESSED = ".jsonl.gz"
LONGEST_LINE_BYTES = 1 << 20
"""No event comes near. What is longer is no line of ours: it is passed over, and not held in memory."""

NO_FOLDER = (FileNotFoundError, NotADirectoryError, NotPlainError)
"""What listing takes for nothing being there: writing says what stands in the way."""

_CURRENT = "current"
_SHOWN_BYTES = 100
_TORN_LINES = 10_000
"""How many lines a torn end has at most: 1 MiB of rubbish has some 4,000 ends of lines."""
_TAIL_BYTES = 1 << 16
_LONGEST_TAIL_BYTES = 1 << 24
_DAY = re.compile(r"\d{4}-\d\d-\d\d", re.ASCII)
_NAME = re.compile(r"(\d{4})-(\d\d)-(\d\d)/(\d\d)-(\d\d)-(\d\d)(?:\.(\d+))?\.jsonl(?:\.gz)?", re.ASCII)


Passed = Callable[[OSError], object]
"""Hears why a day or a file is passed over: one that cannot be looked at is no reason to leave the others out."""


def _ignore(_: OSError) -> None:
    """For those who leave it to the history's thread to say."""


class Segment(NamedTuple):
    """One file of the history. `name` is its path below the history's folder; `began` is in Unix seconds."""

    name: str
    path: str
    began: float
    size: int

    @property
    def folder(self) -> str:
        """The history's folder."""
        return self.path.removesuffix(f"/{self.name}")

    @property
    def stem(self) -> str:
        """Its name, whether it is compressed or not."""
        return self.name.removesuffix(".gz").removesuffix(PLAIN)


def as_compressed(segment: Segment) -> Segment:
    """What a plain segment becomes when it is closed, for readers from whom it went meanwhile."""
    ending = COMPRESSED.removeprefix(PLAIN)
    return segment._replace(name=segment.name + ending, path=segment.path + ending)


def open_history(folder: str, *, make: bool = False) -> Folder:
    """The history's folder, which lies in the storage and is no link. Raises OSError."""
    storage, name = os.path.split(folder)
    return open_folder(storage, name, make=make)


def list_segments(folder: str, passed: Passed = _ignore) -> list[Segment]:
    """All segments, oldest first by name. A folder that is not there has none. Raises OSError."""
    return [segment for _, segment, is_file in sorted(_walk(folder, passed)) if is_file]


def list_strangers(folder: str) -> list[str]:
    """Paths that look like a segment or a day and are none, such as links: neither read nor removed. Raises OSError."""
    strangers = [segment.path for _, segment, is_file in _walk(folder, _ignore) if not is_file]
    with contextlib.suppress(*NO_FOLDER), open_history(folder) as history:
        days = [entry for entry in history.entries() if _DAY.fullmatch(entry.name)]
        strangers += [os.path.join(folder, day.name) for day in days if not day.is_dir(follow_symlinks=False)]
    return sorted(strangers)


def create_segment(folder: str, at: float, kind: str = PLAIN) -> tuple[int, Segment]:
    """A new segment, PLAIN or COMPRESSED, that begins at that Unix time, open for appending. Raises OSError."""
    moment = datetime.fromtimestamp(at, UTC)
    day = moment.strftime("%Y-%m-%d")
    with open_history(folder, make=True) as history, history.folder(day, make=True) as place:
        for attempt in range(1000):
            # the clock may have been set back, or two starts may fall into one second
            stem = moment.strftime("%H-%M-%S") + (f".{attempt}" if attempt else "")
            name = f"{day}/{stem}{kind}"
            if place.has(stem + (PLAIN if kind == COMPRESSED else COMPRESSED)):
                continue
            try:
                descriptor = place.create(stem + kind)
            except FileExistsError:
                continue
            try:
                place.sync()
            except OSError:
                os.close(descriptor)
                with contextlib.suppress(OSError):
                    place.remove(stem + kind)
                raise
            return descriptor, Segment(name, os.path.join(folder, name), at, 0)
    raise FileExistsError(f"{folder}/{day}: a thousand segments began in the same second")


def mark_current(folder: str, segment: Segment) -> None:
    """Let the link `current` in the history's folder lead to this segment. Raises OSError, as where no link can be.

    Then there is none, as far as that can be: one that led to an older segment would hide this one.
    """
    with open_history(folder) as history:
        try:
            history.link(_CURRENT, segment.name)
        except OSError:
            with contextlib.suppress(OSError):
                history.remove(_CURRENT)
            raise


def find_last_segment(folder: str, segments: list[Segment] | None = None) -> Segment | None:
    """The segment that was written last: `current`, compressed since or not; without it the last of `segments`.

    They are listed by name where they are not given. A name has the time of a clock that may have been wrong, and a
    file's own times do so too. Raises OSError.
    """
    if segments is None:
        segments = list_segments(folder)
    current = ""
    with contextlib.suppress(OSError), open_history(folder) as history:
        current = history.read_link(_CURRENT).removesuffix(".gz").removesuffix(PLAIN)
    marked = [segment for segment in segments if segment.stem == current]
    return next(iter([*marked, *reversed(segments)]), None)


def remove_segment(segment: Segment) -> None:
    """Remove a segment, and its day where nothing is left of it. One that is gone is fine. Raises OSError."""
    day, file = os.path.split(segment.name)
    with contextlib.suppress(FileNotFoundError), open_history(segment.folder) as history:
        with history.folder(day) as place:
            place.remove(file)
        with contextlib.suppress(OSError):
            history.remove_folder(day)


def compress_segment(segment: Segment) -> Segment:
    """Replace a closed segment by its compressed form; at every moment one of the two is whole. Raises OSError."""
    with _open_day(segment) as place:
        file = os.path.basename(segment.path)
        target = file.removesuffix(PLAIN) + COMPRESSED
        when = int(segment.began) if 0 <= segment.began < 1 << 32 else 0  # gzip's header has 32 bits; 0 is unknown
        with (
            open(place.open(file), "rb") as plain,
            place.replacing(target) as raw,
            gzip.GzipFile(filename="", fileobj=raw, mode="wb", compresslevel=6, mtime=when) as packed,
        ):
            for piece in _chunks(plain):
                packed.write(piece)
        place.remove(file)
        size = place.look(target).st_size
    return as_compressed(segment)._replace(size=size)


def remove_leftovers(folder: str, passed: Passed = _ignore) -> None:
    """Remove what a power cut left of an unfinished compression. Raises OSError."""
    for day, place in _days(folder, passed):
        files: set[str] = set()
        with _passing(place.path, passed):
            files.update(entry.name for entry in place.entries())
        for file in files:
            unfinished = file.endswith(COMPRESSED + UNFINISHED)
            twice = file.endswith(PLAIN) and file.removesuffix(PLAIN) + COMPRESSED in files
            if (unfinished or twice) and _parse_name(f"{day}/{file.removesuffix(UNFINISHED)}"):
                with _passing(os.path.join(place.path, file), passed):
                    place.remove(file)


def repair_segment(segment: Segment) -> int:
    """Cut off a torn end, so that every line is whole, and end what is compressed.

    Returns how many bytes were cut off. What is longer than any torn end stays: it is for readers to pass over. Raises
    OSError.
    """
    name = os.path.basename(segment.path)
    with _open_day(segment) as place:
        with open(place.open(name), "rb") as file:
            whole, ending = find_end(file) if name.endswith(COMPRESSED) else _find_end(file)
            size = file.seek(0, os.SEEK_END)
        if whole < size or ending:
            with open(place.open(name, os.O_RDWR), "r+b") as file:
                require_one_name(file.fileno())
                file.truncate(whole)
                file.seek(whole)
                file.write(ending)
                file.flush()
                os.fsync(file.fileno())
    return size - whole


def read_lines(segment: Segment) -> Iterator[str]:
    """The segment's lines without their ends; of one that is too long for an event its beginning.

    Raises OSError, or EOFError where a compressed one is cut short.
    """
    with _open_file(segment) as file:
        for line in _split_lines(inflate(file) if segment.path.endswith(COMPRESSED) else _chunks(file)):
            yield line.decode("utf-8", "replace").rstrip("\n")


def find_lines(segment: Segment, pattern: re.Pattern[bytes]) -> Iterator[bytes]:
    """The segment's lines, without their ends, in which this is found; much faster than to look at each line.

    The pattern must not match an end of line. Raises OSError, or EOFError where a compressed segment is cut short.
    """
    with _open_file(segment) as file:
        for block in _join_lines(inflate(file) if segment.path.endswith(COMPRESSED) else _chunks(file)):
            at = 0
            while found := pattern.search(block, at):
                begin = block.rfind(b"\n", at, found.start()) + 1 or at
                at = block.find(b"\n", found.end()) + 1 or len(block)
                yield block[begin:at].rstrip(b"\n")


def read_last_lines(segment: Segment, count: int) -> list[str]:
    """The last lines of a plain segment, at most so many, without reading all of it. Raises OSError."""
    with _open_file(segment) as file:
        size = file.seek(0, os.SEEK_END)
        reach = _TAIL_BYTES
        while True:
            start = max(0, size - reach)
            file.seek(start)
            lines = file.read(size - start).splitlines()[bool(start) :]
            if len(lines) >= count or not start or reach >= _LONGEST_TAIL_BYTES:
                return [line.decode("utf-8", "replace") for line in lines[-count:]]
            reach *= 4


def write_all(descriptor: int, data: bytes) -> None:
    """Write these bytes, however many pieces that takes. Raises OSError."""
    view = memoryview(data)
    while view:
        view = view[os.write(descriptor, view) :]


def _open_day(segment: Segment) -> Folder:
    storage, name = os.path.split(segment.folder)
    return open_folder(storage, name, os.path.dirname(segment.name))


def _open_file(segment: Segment) -> BinaryIO:
    with _open_day(segment) as place:
        return open(place.open(os.path.basename(segment.path)), "rb")


def _chunks(file: BinaryIO) -> Iterator[bytes]:
    while chunk := file.read(_TAIL_BYTES):
        yield chunk


def _split_lines(chunks: Iterable[bytes]) -> Iterator[bytes]:
    """Lines with their ends; the last may lack it. Of one that is too long comes the beginning, and no more is held."""
    rest, is_too_long = b"", False
    for chunk in chunks:
        *lines, rest = (rest + chunk).split(b"\n")
        for line in lines:
            if not is_too_long:
                yield line + b"\n"
            is_too_long = False
        if is_too_long:
            rest = b""
        elif len(rest) > LONGEST_LINE_BYTES:
            yield rest[:_SHOWN_BYTES] + b"\n"
            rest, is_too_long = b"", True
    if rest:
        yield rest


def _join_lines(chunks: Iterable[bytes]) -> Iterator[bytes]:
    """Blocks of whole lines; the last line may lack its end. A line that is too long is left out."""
    rest, is_too_long = b"", False
    for chunk in chunks:
        head, end, tail = chunk.rpartition(b"\n")
        if not end:
            rest = b"" if is_too_long else rest + chunk
        else:
            if is_too_long:
                head = head.partition(b"\n")[2]
            yield (b"" if is_too_long else rest) + head + end
            rest, is_too_long = tail, False
        if len(rest) > LONGEST_LINE_BYTES:
            rest, is_too_long = b"", True
    if rest:
        yield rest


def _find_end(file: BinaryIO) -> tuple[int, bytes]:
    """Where the last whole line ends, and the end of line that it may lack."""
    size = end = file.seek(0, os.SEEK_END)
    reach, left = _TAIL_BYTES, _TORN_LINES
    while end and left:
        start = max(0, end - reach)
        file.seek(start)
        tail = file.read(end - start)
        first = tail.find(b"\n") + 1 if start else 0  # what comes before belongs to a line that begins further up
        if start and first in (0, len(tail)) and reach < LONGEST_LINE_BYTES:
            reach *= 4  # a very long line
            continue
        last = len(tail)
        while last > first and left:
            left -= 1
            begin = max(first, tail.rfind(b"\n", 0, last - 1) + 1)
            if _is_whole(tail[begin:last]):
                return start + last, b"" if tail[last - 1 : last] == b"\n" else b"\n"
            if begin == last - 1:  # of empty lines all in one go: there may be millions
                begin = first + len(tail[first:begin].rstrip(b"\n"))
                begin += begin > first
            last = begin
        # no event is as long as what holds no end of line here
        end = start + first if first < len(tail) else start
    if not end:
        return 0, b""
    file.seek(size - 1)
    return size, b"" if file.read() == b"\n" else b"\n"


def _is_whole(line: bytes) -> bool:
    try:
        return isinstance(json.loads(line.decode("utf-8", "replace")), dict)  # as it is read
    except (ValueError, RecursionError):
        return False


def _walk(folder: str, passed: Passed) -> Iterator[tuple[tuple[float, int], Segment, bool]]:
    """What has a segment's name: its place among the others, the segment, and whether it is a plain file."""
    for day, place in _days(folder, passed):
        with _passing(place.path, passed):
            for entry in place.entries():
                name = f"{day}/{entry.name}"
                at = _parse_name(name)
                if at is not None:
                    with contextlib.suppress(FileNotFoundError):
                        found = entry.stat(follow_symlinks=False)
                        path = os.path.join(folder, name)
                        yield at, Segment(name, path, at[0], found.st_size), stat.S_ISREG(found.st_mode)


def _days(folder: str, passed: Passed) -> Iterator[tuple[str, Folder]]:
    """The folders of days, open one after another. A history that is not there has none."""
    with contextlib.suppress(*NO_FOLDER), open_history(folder) as history:
        days = [entry.name for entry in history.entries() if _DAY.fullmatch(entry.name)]
        for day in days:
            with (
                _passing(os.path.join(folder, day), passed),
                contextlib.suppress(*NO_FOLDER),
                history.folder(day) as place,
            ):
                yield day, place


@contextlib.contextmanager
def _passing(path: str, passed: Passed) -> Iterator[None]:
    """Go on where something at this path fails."""
    try:
        yield
    except OSError as error:
        passed(OSError(error.errno, error.strerror, path))


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
