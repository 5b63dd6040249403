"""Summaries, read back: what series did, what happened and when something was recorded. Imports little and is fast.

What was recorded while a board's clock was wrong stands where it belongs once that boot's clock was set.
"""

from collections import Counter
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from itertools import repeat
from typing import Any, NamedTuple

from sysvitals.history.summaries.files import (
    CLOCKS,
    SECONDS,
    list_files,
    members,
    parse_head,
    parse_json,
    read_clocks,
    read_file,
    start_of,
)
from sysvitals.model.summary import Series, Stretch

SILENCE_SECONDS = 150.0
"""Readings come each 15 s. So long without any event nothing was recorded, and nothing is known."""

_DAY_SECONDS = 86400.0
_LARGEST = 1e100
_LEAST_SECONDS = 1e-3
_REACH_SECONDS = 6 * 3600.0
"""A part stands in the file of the day on which it began, and is shorter than this."""
_SAME_CLOCK_SECONDS = 1.0
_NAME = b',"name":"'

Current = Mapping[str, Iterable[str]]
"""The lines of what is in no file yet, by level: what `Summaries.snapshot` returns.

`clocks.jsonl` has lines that the list of wrong clocks lacks.
"""


Lose = Callable[[str, str], object]
"""Notes that a file cannot be read, or not as a whole, and why."""


class Coverage(NamedTuple):
    """A time, in Unix seconds, in which events were recorded. What is not covered is silence.

    `synced` is False where the clock was wrong, and it is not known by how much. `placed`: by which time was put right.
    """

    begin: float
    end: float
    boot: str
    synced: bool | None
    placed: bool = False
    host: str = ""


class Part(NamedTuple):
    """What one boot recorded while its clock was not set. `shift` are seconds to be added to what its lines say."""

    begin: float
    end: float
    shift: float
    head: dict[str, Any]
    lines: list[bytes]


class Newest:
    """Keeps the newest changes of each name, at most so many: they come file by file, the newest first.

    `left_out` is how many older ones there are.
    """

    def __init__(self, most: int) -> None:
        self._most = most
        self._kept: Counter[bytes] = Counter()
        self.left_out = 0

    def keep(self, parts: Sequence[Part]) -> None:
        """Leave out of these parts, oldest first, what is too much."""
        for part in reversed(parts):
            part.lines[:] = reversed([line for line in reversed(part.lines) if self._has_room(line)])

    def _has_room(self, line: bytes) -> bool:
        if not is_change(line):
            return True
        name = line.partition(_NAME)[2].partition(b'"')[0]
        if self._kept[name] >= self._most:
            self.left_out += 1
            return False
        self._kept[name] += 1
        return True


class Line:
    """What is known of a series: its stretches, as they come, and of a counter where it began (`base`)."""

    __slots__ = ("_boot", "_covered", "_end", "_until", "base", "kind", "stretches")

    def __init__(self, kind: str, base: float) -> None:
        self.kind = kind
        self.base = base
        self.stretches: list[Stretch] = []
        self._boot = ""
        self._until = 0.0
        self._end = 0.0
        self._covered: list[float] = []
        """Seconds of each stretch that its part covers: the first and the last may be cut."""

    def add(self, stretches: list[Stretch], base: float, part: Part) -> None:
        """Add those of the next part."""
        head = part.head
        if self.kind == "counter":
            gap = self._gap(base, head)
            if gap:
                stretches[0] = stretches[0]._replace(growth=(stretches[0].growth or 0.0) + gap)
        # what follows without a silence goes on from where the part before ended
        follows = self._boot == head["boot"] and 0 <= part.begin - self._end <= SILENCE_SECONDS
        begin = self._end if follows else part.begin
        covered = [one.seconds for one in stretches]
        for place in {0, len(stretches) - 1}:
            one = stretches[place]
            inside = min(one.begin + one.seconds, part.end) - max(one.begin, begin)
            covered[place] = max(inside, _LEAST_SECONDS)
        self._boot, self._until, self._end = head["boot"], head["until"], part.end
        self._covered += covered
        self.stretches += stretches

    def _gap(self, base: float, head: Mapping[str, Any]) -> float:
        """By how much the counter grew since the part before, where that was not recorded."""
        if not self.stretches:
            return 0.0
        if self._boot != head["boot"]:
            return base
        if head["uptime"] <= self._until:  # some of it is there twice
            return 0.0
        last = self.stretches[-1].last
        return base - last if base >= last else base

    def between(self, begin: float, end: float) -> list[Stretch]:
        """Those that touch these times, oldest first; what two parts have of one minute is one stretch."""
        found: list[Stretch] = []
        weight = 0.0
        for one, covered in sorted(zip(self.stretches, self._covered, strict=True), key=lambda pair: pair[0].begin):
            if one.begin + one.seconds > begin and one.begin <= end:
                if found and found[-1].begin == one.begin:
                    found[-1] = _merge(found[-1], one, covered / (weight + covered))
                    weight += covered
                else:
                    found.append(one)
                    weight = covered
        return found


def read_stretches(  # noqa: PLR0913  # a question has that many sides
    folder: str,
    begin: float,
    end: float,
    level: str = "minutes",
    wanted: Collection[tuple[str, str]] | None = None,
    *,
    current: Current | None = None,
    lose: Lose | None = None,
) -> dict[Series, list[Stretch]]:
    """The stretches of each series between these Unix times, oldest first.

    `level` is minutes or hours. `wanted` are events and fields, as `("system.load.updated", "load1")`; None: all of
    them, which takes ten times as long. Raises OSError, as `read_parts` does.
    """
    keys = None if wanted is None else {f'["{event}","{name}"'.encode() for event, name in wanted}

    def is_wanted(line: bytes) -> bool:
        return line.startswith(b"[") and (keys is None or line[: line.find(b",[")] in keys)

    parts = read_parts(folder, begin, end, level, is_wanted, current, lose)
    chosen = ((series, line.between(begin, end)) for series, line in join_lines(parts, level).items())
    return {series: stretches for series, stretches in chosen if stretches}


def read_changes(folder: str, begin: float, end: float, *, current: Current | None = None) -> list[dict[str, Any]]:
    """What happened between these Unix times, oldest first, as the events' lines were.

    Each has `at`, its Unix time, and `placed` where that, and its `time`, were put right. Raises OSError.
    """
    return changes_of(read_parts(folder, begin, end, "hours", is_change, current), begin, end)


def is_change(line: bytes) -> bool:
    """Whether a line of a part is that of a change."""
    return line.startswith(b"{")


def changes_of(parts: Iterable[Part], begin: float, end: float) -> list[dict[str, Any]]:
    """As `read_changes`, of parts of hours that were read."""
    found: dict[tuple[str, int], dict[str, Any]] = {}
    for part in parts:
        shift = part.head.get("shift", 0.0) + part.shift
        for line in filter(is_change, part.lines):
            with suppress(ValueError, KeyError, TypeError, OverflowError, OSError, RecursionError):
                change = parse_json(line)
                key = str(change["boot"]), int(change["seq"])
                at = change["at"] = datetime.fromisoformat(change["time"]).timestamp() + shift
                if abs(shift) > _SAME_CLOCK_SECONDS:
                    change["placed"], change["time"] = True, _format(at)
                if begin <= at <= end:
                    found[key] = change
    return [change for _, change in sorted(found.items(), key=lambda item: (item[1]["at"], item[0][1]))]


def read_coverage(
    folder: str, begin: float, end: float, *, current: Current | None = None, lose: Lose | None = None
) -> list[Coverage]:
    """When something was recorded between these Unix times, oldest first. Raises OSError, as `read_parts` does."""
    return coverage_of(read_parts(folder, begin, end, "hours", lambda _: False, current, lose), begin, end)


def coverage_of(parts: Iterable[Part], begin: float, end: float) -> list[Coverage]:
    """As `read_coverage`, of parts that were read."""
    found: list[Coverage] = []
    for part in parts:
        for piece in _cover(part):
            last = found[-1] if found else None
            # the next segment, or an exporter that was started again within that time
            if last and last.boot == piece.boot and piece.begin - last.end <= SILENCE_SECONDS:
                found[-1] = last._replace(end=max(last.end, piece.end), placed=last.placed or piece.placed)
            else:
                found.append(piece)
    inside = (piece for piece in found if piece.end >= begin and piece.begin <= end)
    return [piece._replace(begin=max(piece.begin, begin), end=min(piece.end, end)) for piece in inside]


def read_parts(  # noqa: PLR0913, PLR0917  # as above
    folder: str,
    begin: float,
    end: float,
    level: str,
    wants: Callable[[bytes], bool],
    current: Current | None = None,
    lose: Lose | None = None,
    newest: Newest | None = None,
) -> list[Part]:
    """The parts that touch these Unix times, in time, with those of their lines that are wanted.

    Raises OSError where a file cannot be read; with `lose`, that is noted, and the others are read. `newest` bounds the
    changes.
    """
    clocks: list[dict[str, Any]] = []
    with _passing_over(CLOCKS, lose):
        clocks = read_clocks(folder, (current or {}).get(CLOCKS, ()))
    offsets = offsets_of(clocks)
    wrong = {entry.get("day") for entry in clocks if entry["boot"] in offsets}

    def may_touch(day: str) -> bool:
        began = start_of(day)
        return (began <= end and began + _DAY_SECONDS + _REACH_SECONDS >= begin) or day in wrong

    def trim(found: Iterable[Part]) -> list[Part]:
        touching = [part for part in found if part.end >= begin and part.begin <= end]
        if newest is not None:
            newest.keep(touching)
        return touching

    parts = find_parts(folder, level, wants, offsets, may_touch, current, lose, trim)
    return sorted(parts, key=lambda part: part.begin)


def find_parts(  # noqa: PLR0913, PLR0917  # as above
    folder: str,
    level: str,
    wants: Callable[[bytes], bool],
    offsets: Mapping[str, float],
    is_chosen: Callable[[str], bool] = lambda _: True,
    current: Current | None = None,
    lose: Lose | None = None,
    trim: Callable[[Iterable[Part]], list[Part]] = list,
) -> Iterator[Part]:
    """The parts in the files of the days that are chosen, and the current ones, each once. Raises OSError, as above.

    `trim` takes those of one file after the other, the newest first, and gives those that are kept.
    """
    parts: list[Part] = []
    if current is not None:
        parts += trim(split_parts([line.encode() for line in current[level]], wants, offsets))
    for file in reversed(list_files(folder)):
        if file.level == level and is_chosen(file.day):
            with _passing_over(file.name, lose):
                unpacked = _read_members(folder, file.name, lose)
                parts += trim(part for member in unpacked for part in split_parts(member.split(b"\n"), wants, offsets))
    return without_twins(parts)


def offsets_of(clocks: Iterable[Mapping[str, Any]]) -> dict[str, float]:
    """Unix time less uptime of boots whose wrong clock was set later, by the list of wrong clocks."""
    return {entry["boot"]: entry["offset"] for entry in clocks if isinstance(entry.get("offset"), float)}


def _read_members(folder: str, name: str, lose: Lose | None) -> Iterator[bytes]:
    damage: list[str] = []
    for member, _ in members(read_file(folder, name), lambda: damage.append("damaged")):
        yield member
    if damage and lose is not None:
        lose(name, damage[0])


@contextmanager
def _passing_over(name: str, lose: Lose | None) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        if lose is None:
            raise
        lose(name, error.strerror or str(error))


def join_lines(parts: Iterable[Part], level: str) -> dict[Series, Line]:
    """All series of these parts, which are in the order of time."""
    found: dict[Series, Line] = {}
    for part in parts:
        for text in part.lines:
            with suppress(ValueError, KeyError, TypeError, IndexError, OverflowError, RecursionError):
                event, name, labels, kind, at, *cells = parse_json(text)
                _require_sound((event, name, kind, *labels), at, cells)
                series = Series(event, tuple(labels), name)
                stretches = _stretches(kind, _begins(part, at, SECONDS[level]), cells, SECONDS[level])
                line = found.get(series)
                if line is None:
                    line = found[series] = Line(kind, cells[-1])
                line.add(stretches, cells[-1], part)
    return found


def split_parts(lines: Iterable[bytes], wants: Callable[[bytes], bool], offsets: Mapping[str, float]) -> Iterator[Part]:
    """The parts in these lines, with those of their lines that are wanted."""
    part: Part | None = None
    for line in lines:
        if line.startswith(b'{"version":'):
            if part is not None:
                yield part
            part = None
            head = parse_head(line)
            if head is not None:
                part = _begin(head, offsets)
        elif part is not None and wants(line):
            part.lines.append(line)
    if part is not None:
        yield part


def _begin(head: dict[str, Any], offsets: Mapping[str, float]) -> Part:
    begin, end = float(head["from"]), float(head["to"])
    shift = 0.0
    if head["synced"] is False and not head.get("shift") and head["boot"] in offsets:
        shift = offsets[head["boot"]] - (begin - head["uptime"])
    if abs(shift) <= _SAME_CLOCK_SECONDS:
        shift = 0.0
    return Part(begin + shift, end + shift, shift, head, [])


def without_twins(parts: Iterable[Part]) -> Iterator[Part]:
    """These parts without those that are there twice, as a summary is that was made again."""
    reached: dict[str, float] = {}
    for part in sorted(parts, key=lambda part: (part.head["uptime"], -part.head["until"])):
        boot, until = part.head["boot"], part.head["until"]
        if until > reached.get(boot, -1.0):
            reached[boot] = until
            yield part


def _cover(part: Part) -> Iterator[Coverage]:
    head = part.head
    placed = abs(head.get("shift", 0.0) + part.shift) > _SAME_CLOCK_SECONDS
    synced = None if placed else head["synced"]
    begin = part.begin
    for start, stop in [*head.get("silent", ()), (part.end - part.shift, 0.0)]:
        yield Coverage(begin, start + part.shift, head["boot"], synced, placed, head["host"])
        begin = stop + part.shift


def _require_sound(texts: Iterable[Any], at: list[Any], cells: Sequence[Any]) -> None:
    """Raise TypeError or ValueError for what is no line of ours."""
    if not {*map(type, texts)} <= {str} or {*map(type, at)} != {int}:
        raise TypeError("no names, or no moments")
    columns = [cell if isinstance(cell, list) else [cell] for cell in cells]
    for column in columns:
        if not {*map(type, column)} <= {int, float}:
            raise TypeError("no numbers")
        if not (max(column) < _LARGEST and min(column) > -_LARGEST):
            raise ValueError("no number that anything measures")
    if min(columns[0]) < 1:
        raise ValueError("no readings")


def _begins(part: Part, at: Sequence[int], seconds: float) -> list[float]:
    """When these stretches begin. What a wrong clock cut is in the minute or hour in which it really began."""
    begins = [part.head["origin"] + seconds * moment for moment in at]
    if part.shift:
        begins = [max(begin + part.shift, part.begin) // seconds * seconds for begin in begins]
    return begins


def _stretches(kind: str, begins: Sequence[float], cells: Sequence[Any], seconds: float) -> list[Stretch]:
    count, *columns = (cell if isinstance(cell, list) else repeat(cell, len(begins)) for cell in cells[: _CELLS[kind]])
    growth: Iterable[float | None] = repeat(None)
    if kind == "gauge":
        least, mean, most, last = columns
    elif kind == "flag":
        mean, last = map(list, columns)
        least = [float(value >= 1) for value in mean]
        most = [float(value > 0) for value in mean]
    else:
        growth, last = map(list, columns)
        least = mean = most = last
    rows = zip(begins, repeat(seconds), count, least, mean, most, last, growth, strict=False)
    return list(map(Stretch._make, rows))


_CELLS = {"gauge": 5, "flag": 3, "counter": 3}


def _merge(one: Stretch, other: Stretch, share: float) -> Stretch:
    """What two parts have of one minute or hour, of which the other has this share of the time."""
    readings = one.readings + other.readings
    if one.growth is not None:
        growth = one.growth + (other.growth or 0.0)
        return other._replace(readings=readings, growth=growth)
    return Stretch(
        begin=one.begin,
        seconds=one.seconds,
        readings=readings,
        least=min(one.least, other.least),
        mean=one.mean + (other.mean - one.mean) * share,
        most=max(one.most, other.most),
        last=other.last,
    )


def _format(at: float) -> str:
    return datetime.fromtimestamp(at, UTC).isoformat(timespec="milliseconds").removesuffix("+00:00") + "Z"
