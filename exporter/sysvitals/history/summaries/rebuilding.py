"""Missing summaries, made again from the segments: after a kill, of an older version, or where they were removed."""

import contextlib
import errno
import json
import logging
import os
from collections.abc import Callable, Collection, Iterator, Mapping
from math import isfinite
from typing import Any, NamedTuple

from sysvitals.history.clocks import Passed
from sysvitals.history.segments import COMPRESSED, Segment, list_segments, read_lines
from sysvitals.history.summaries.files import CLOCKS, LEVELS, day_of, list_files, members, parse_head, read_file
from sysvitals.history.summaries.folding import Fold
from sysvitals.history.summaries.plans import Plan, plan_of
from sysvitals.history.summaries.storing import SAME_CLOCK_SECONDS, Files, encode, shift_of
from sysvitals.model.changes import CollectorUnavailable
from sysvitals.model.event import Stamp, load_line, parse_time
from sysvitals.model.reading import Body, Change

_log = logging.getLogger(__name__)

ROOM_BYTES = 64 << 20
"""So much must be free: on a disk that is nearly full, summaries were given up for events."""


class _Kept(NamedTuple):
    """What summaries hold by now, at each level."""

    closed: Mapping[str, set[str]]
    """Stems of the segments that are summarised as a whole."""
    until: Mapping[tuple[str, str, str], float]
    """By level, stem and boot: up to which uptime a segment is summarised that went on."""
    clocks: dict[str, float]
    """Unix time less uptime of each boot whose clock was right."""
    unset: Mapping[tuple[str, str], float]
    """The same by a clock that was not set, of each boot and day whose summaries have their times from it."""

    def list_wrong(self) -> list[dict[str, Any]]:
        """What the list of wrong clocks has to say of these summaries."""
        found: list[dict[str, Any]] = []
        for (boot, day), offset in self.unset.items():
            right = self.clocks.get(boot)
            if right is None or abs(right - offset) > SAME_CLOCK_SECONDS:
                found.append({"boot": boot, "day": day})
                found += [] if right is None else [{"boot": boot, "offset": right, "at": right}]
        return found


def rebuild(
    history: str,
    folder: str,
    bodies: Mapping[str, type[Body]],
    *,
    skip: Collection[str] = (),
) -> int:
    """Summarise all segments in the folder `history` that have no summary in `folder`, the newest first.

    `skip` are the stems of segments that are not closed. It may be broken off at any time, and goes on there later.
    Returns how many were summarised. Raises OSError where what is missing cannot be written, or finds too little room.
    """
    # segments first: what is closed meanwhile is among those to skip
    segments = {segment.stem: segment for segment in list_segments(history) if segment.stem not in skip}
    kept = _read_kept(folder)
    missing = {stem: [level for level in LEVELS if stem not in kept.closed[level]] for stem in segments}
    wanted = [stem for stem in reversed(segments) if missing[stem]]
    files = Files(folder)
    files.list_clocks(kept.list_wrong())
    done = 0
    days: set[str] = set()
    full: OSError | None = None
    for stem in wanted:
        if not _has_room(history):
            full = OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), folder)
            break
        levels = missing[stem]
        fold = _fold_segment(segments[stem], bodies, lambda boot: _reached(kept, levels, stem, boot), _warn)  # noqa: B023
        if fold is not None:
            kept.clocks.update({boot: offset for boot, offset in fold.set.items() if boot not in kept.clocks})
            try:
                files.append(fold.ended, kept.clocks, segments=[stem], levels=levels)
                days.update(day_of(part.first + shift_of(part, kept.clocks)) for part in fold.ended)
                done += 1
            except BlockingIOError:  # the exporter writes there just now
                _log.info("history: %s is summarised later: its file is being written", stem)
    with contextlib.suppress(BlockingIOError):
        for day in sorted(days):
            files.compact(day)
    if full is not None:
        raise full
    return done


def read_missing(  # noqa: PLR0913  # a question has that many sides
    history: str,
    folder: str,
    bodies: Mapping[str, type[Body]],
    *,
    wants: Callable[[Segment], bool] = lambda _: True,
    passed: Passed = lambda *_: None,
    progress: Callable[[float], object] = lambda _: None,
) -> dict[str, list[str]]:
    """Summarise what no summary in `folder` holds, without writing: the segment that goes on, and what is missing.

    Returns the lines by level, and of wrong clocks, as `current` of `reading` takes them. `wants` chooses segments of
    the folder `history`; `passed` hears which of them could not be read as a whole, and `progress` which part was read.
    Raises OSError.
    """
    kept = _read_kept(folder)
    missing = [
        (segment, levels)
        for segment in filter(wants, list_segments(history))
        if (levels := [level for level in LEVELS if segment.stem not in kept.closed[level]])
    ]
    folds = []
    total, done = sum(segment.size for segment, _ in missing) or 1, 0
    for segment, levels in missing:
        progress(done / total)
        fold = _fold_segment(segment, bodies, lambda boot: _reached(kept, levels, segment.stem, boot), passed)  # noqa: B023
        if fold is not None:
            kept.clocks.update({boot: offset for boot, offset in fold.set.items() if boot not in kept.clocks})
            folds.append((fold, levels))
        done += segment.size
    return {
        **{
            level: [
                line for fold, levels in folds if level in levels for line in encode(fold.ended, level, kept.clocks)
            ]
            for level in LEVELS
        },
        CLOCKS: [json.dumps(entry) for entry in kept.list_wrong()],
    }


def _read_kept(folder: str) -> _Kept:
    closed: dict[str, set[str]] = {level: set() for level in LEVELS}
    until: dict[tuple[str, str, str], float] = {}
    clocks: dict[str, float] = {}
    unset: dict[tuple[str, str], float] = {}
    for file in list_files(folder):
        for head in _heads(folder, file.name):
            closed[file.level].update(head.get("closed", ()))
            for stem in set(head.get("segments", ())) - closed[file.level]:
                key = file.level, stem, head["boot"]
                until[key] = max(until.get(key, 0.0), head["until"])
            if head["synced"] is not False:
                clocks.setdefault(head["boot"], head["from"] - head["uptime"])
            elif not head.get("shift"):
                unset[head["boot"], file.day] = head["from"] - head["uptime"]
    return _Kept(closed, until, clocks, unset)


def _heads(folder: str, name: str) -> Iterator[dict[str, Any]]:
    with contextlib.suppress(OSError):
        for member, _ in members(read_file(folder, name)):
            for line in member.split(b"\n"):
                if line.startswith(b'{"version":'):
                    head = parse_head(line)
                    if head is not None:
                        yield head


def _reached(kept: _Kept, levels: Collection[str], stem: str, boot: str) -> float:
    return min(kept.until.get((level, stem, boot), -1.0) for level in levels)


def _warn(path: str, error: Exception) -> None:
    _log.warning("history: %s cannot be summarised as a whole: %s", path, error)


def _fold_segment(
    segment: Segment, bodies: Mapping[str, type[Body]], reached: Callable[[str], float], passed: Passed
) -> Fold | None:
    """What the segment holds, up to a damage. None where it is not there any more, or cannot be read."""
    fold = Fold()
    try:
        for line in _lines(segment):
            with contextlib.suppress(ValueError, KeyError, TypeError, AttributeError, OverflowError, RecursionError):
                _add_line(fold, line, bodies, reached)
    except FileNotFoundError:  # removed meanwhile
        return None
    except (OSError, EOFError) as error:
        passed(segment.path, error)
        if isinstance(error, OSError) and error.errno != errno.EIO:
            return None
    fold.end()
    return fold


def _lines(segment: Segment) -> Iterator[str]:
    try:
        yield from read_lines(segment)
    except FileNotFoundError:  # compressed meanwhile
        if segment.name.endswith(COMPRESSED):
            raise
        suffix = COMPRESSED.removeprefix(".jsonl")
        yield from read_lines(segment._replace(name=segment.name + suffix, path=segment.path + suffix))


def _add_line(fold: Fold, line: str, bodies: Mapping[str, type[Body]], reached: Callable[[str], float]) -> None:
    envelope = load_line(line)
    body = bodies.get(envelope["name"])
    if body is None:
        return
    stamp = Stamp(
        time=parse_time(envelope["time"]),
        host=str(envelope["host"]),
        boot=str(envelope["boot"]),
        uptime=float(envelope["uptime"]),
        synced=envelope["synced"],
    )
    if not isfinite(stamp.uptime) or stamp.uptime <= reached(stamp.boot):
        return
    plan = plan_of(body)  # type: ignore[arg-type]  # mypy takes the hash of instances for that of the class
    if plan is not None:
        key, values = _read(plan, envelope["data"])
        fold.add(fold.move(stamp), plan, key, values)
        return
    part = fold.move(stamp)
    if issubclass(body, Change) and not issubclass(body, CollectorUnavailable):
        fold.note(part, body.event_name, line)


def _read(plan: Plan, data: Mapping[str, Any]) -> tuple[tuple[str, ...], tuple[Any, ...]]:
    """The subject and the values of a stored reading. Raises TypeError where a value is none."""
    key = plan.event, *(str(data.get(label, "")) for label in plan.labels)
    values = tuple(data.get(name) for name in plan.fields)
    for value in values:
        if value is not None and (not isinstance(value, int | float) or not isfinite(value)):
            raise TypeError(f"{value!r} is no number")
    return key, values


def _has_room(folder: str) -> bool:
    found = os.statvfs(folder)
    return found.f_bavail * found.f_frsize >= ROOM_BYTES
