"""When it really happened: the order of segments, and the times of a board that had no clock yet.

A board without a battery begins each boot with a wrong clock. Once it is set, the uptime of that boot says when all
before it was.
"""

import contextlib
import re
from collections.abc import Callable, Iterator, Mapping
from itertools import pairwise, zip_longest
from typing import Any, NamedTuple

from sysvitals.history.segments import (
    PLAIN,
    Segment,
    as_compressed,
    find_last_segment,
    find_lines,
    list_segments,
    read_lines,
)
from sysvitals.model.event import EARLIEST, LATEST, load_line, parse_time

SLACK_SECONDS = 1.0
"""A time that is put right by less is as good as right."""

_SYNCED = re.compile(rb'"synced": ?true')
_END = float("inf")
_STEP_SECONDS = 60.0


Passed = Callable[[str, Exception], object]
"""Hears which file, or part of one, could not be read."""


class Moment(NamedTuple):
    """When a line was written, by its envelope: Unix seconds, and seconds since the start of that boot."""

    time: float
    boot: str
    uptime: float
    synced: bool | None


class Placed(NamedTuple):
    """Unix seconds, and how they are known: `` by the clock, `placed` by the uptime, `unset` by a clock never set."""

    time: float
    how: str


class Stretch(NamedTuple):
    """A segment, and between which Unix times its events lie.

    `undated`: it is of the last boot, whose clock was never set and began before the boot before it, so that its events
    are of some time until now.
    """

    segment: Segment
    begin: float
    end: float
    undated: bool = False


class Clocks:
    """By how much the wall clock was ahead of the uptime, for each boot whose clock was set."""

    def __init__(self, offsets: Mapping[str, float]) -> None:
        self._offsets = offsets

    def place(self, moment: Moment) -> Placed:
        """When that was."""
        if moment.synced is not False:
            return Placed(moment.time, "")
        offset = self._offsets.get(moment.boot)
        if offset is None:
            return Placed(moment.time, "unset")
        time = offset + moment.uptime
        if not EARLIEST <= time <= LATEST:  # no uptime is that long
            return Placed(moment.time, "unset")
        return Placed(time, "placed") if abs(time - moment.time) >= SLACK_SECONDS else Placed(moment.time, "")


def parse_moment(envelope: Any) -> Moment:
    """When a stored line was written. Raises ValueError for what is no event."""
    try:
        synced = envelope["synced"]
        moment = Moment(
            parse_time(envelope["time"]),
            str(envelope["boot"]),
            float(envelope["uptime"]),
            synced if isinstance(synced, bool) else None,
        )
    except (KeyError, TypeError, OverflowError) as error:
        raise ValueError(f"no event: {error!r}") from error
    if not (0 <= moment.uptime < _END and EARLIEST <= moment.time <= LATEST):
        raise ValueError(f"no event: uptime {moment.uptime}, time {moment.time}")
    return moment


def order_segments(folder: str, passed: Passed) -> tuple[list[Stretch], Clocks]:
    """The segments in this folder in the order in which they were written, and the clocks of their boots.

    Within a boot they follow each other by uptime; boots by their newest segment, that of the segment which was written
    last at the end. One in which nothing is whole is left out. `passed` hears which cannot be read. Raises OSError.
    """
    segments = list_segments(folder, lambda error: passed(str(error.filename), error))
    last = find_last_segment(folder, segments)
    heads = [found for segment in segments if (found := _read_head(segment, passed)) is not None]
    boots: dict[str, list[tuple[Moment, Segment]]] = {}
    for head, segment in heads:
        boots.setdefault(head.boot, []).append((head, segment))
    offsets: dict[str, float] = {}
    for boot, segments_of_boot in boots.items():
        segments_of_boot.sort(key=lambda one: one[0].uptime)
        offset = _find_offset(segments_of_boot)
        if offset is not None:
            offsets[boot] = offset
    clocks = Clocks(offsets)

    def when(found: list[tuple[Moment, Segment]]) -> tuple[bool, float]:
        # what a clock says that was never set is no better than the segment's name, which comes from it
        newest = max(clocks.place(head).time for head, _ in found)
        return any(last is not None and segment.stem == last.stem for _, segment in found), newest

    return list(_spread(sorted(boots.values(), key=when), clocks)), clocks


def _spread(boots: list[list[tuple[Moment, Segment]]], clocks: Clocks) -> Iterator[Stretch]:
    before = -_END
    for found, next_boot in zip_longest(boots, boots[1:]):
        begins = [clocks.place(head) for head, _ in found]
        after = clocks.place(next_boot[0][0]) if next_boot else None
        end = _END if after is None or after.how == "unset" else after.time
        undated = next_boot is None and begins[0].how == "unset" and begins[0].time < before
        for (_, segment), (begin, until) in zip(found, pairwise([*(one.time for one in begins), end]), strict=True):
            # while a segment is written, its clock may be set back or ahead by up to a minute
            yield Stretch(segment, begin - _STEP_SECONDS, max(until, begin) + _STEP_SECONDS, undated)
        before = begins[-1].time


def _find_offset(found: list[tuple[Moment, Segment]]) -> float | None:
    """Wall time less uptime once the clock of a boot was set; None where it never was."""
    for head, _ in found:
        if head.synced is not False:
            return head.time - head.uptime
    # it may have been set by less than what begins a new segment
    for _, segment in reversed(found):
        with contextlib.suppress(OSError, EOFError):
            for line in find_lines(segment, _SYNCED):
                with contextlib.suppress(ValueError, RecursionError):
                    moment = parse_moment(load_line(line.decode("utf-8", "replace")))
                    return moment.time - moment.uptime
    return None


def _read_head(segment: Segment, passed: Passed) -> tuple[Moment, Segment] | None:
    try:
        for line in read_lines(segment):
            with contextlib.suppress(ValueError, RecursionError):
                return parse_moment(load_line(line)), segment
    except FileNotFoundError:
        # it was compressed meanwhile, or removed
        return _read_head(as_compressed(segment), passed) if segment.path.endswith(PLAIN) else None
    except (OSError, EOFError) as error:
        passed(segment.path, error)
    return None
