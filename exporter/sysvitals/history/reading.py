"""Stored events, read back: where the last run ended, and everything for a replay."""

import contextlib
import json
import logging
from collections import deque
from collections.abc import Iterable, Iterator, Mapping
from typing import NamedTuple

from sysvitals.history.segments import PLAIN, Segment, find_last_segment, list_segments, read_last_lines, read_lines
from sysvitals.model.event import Event, decode_event
from sysvitals.model.reading import Body

_log = logging.getLogger(__name__)


class Mark(NamedTuple):
    """How far a boot's events had come: the boot id and the last sequence number stored."""

    boot: str
    seq: int


def read_last_mark(folder: str, boot: str) -> Mark | None:
    """The last stored event of this boot, or None.

    The last run left its last segment uncompressed, wherever its name falls: the clock may have been set. Else it is
    among the newest.
    """
    try:
        segments = list_segments(folder)
    except OSError as error:
        _log.warning("history: %s cannot be looked through: %s", folder, error)
        return None
    plain = [segment for segment in segments if segment.path.endswith(PLAIN)]
    newest = [segment for segment in reversed(segments[-_SEGMENTS_TO_ASK:]) if segment not in plain]
    marks = [mark for segment in plain if (mark := _last_mark(segment, boot))]
    marks += next(([mark] for segment in newest if (mark := _last_mark(segment, boot))), [])
    return max(marks, key=lambda mark: mark.seq, default=None)


def read_last_events(folder: str, bodies: Mapping[str, type[Body]], count: int, *, segments: int = 1) -> list[Event]:
    """The last events that were stored, at most about so many, from as many of the segments that were written last.

    Lines that are no events are passed over: where the power failed, the last is torn.
    """
    try:
        last = find_last_segment(folder)
        others = [segment for segment in list_segments(folder) if last and segment.path != last.path]
    except OSError as error:
        _log.warning("history: %s cannot be looked through: %s", folder, error)
        return []
    events: list[Event] = []
    for segment in [last, *reversed(others)][:segments] if last else ():
        found = []
        for line in _last_lines(segment, count - len(events)):
            with contextlib.suppress(ValueError):
                if event := decode_event(line, bodies):
                    found.append(event)
        events = found + events
        if len(events) >= count:
            break
    return events


def read_events(folder: str, bodies: Mapping[str, type[Body]]) -> Iterator[Event]:
    """All stored events whose name this version knows, in the order they were stored.

    A line that is no event is passed over and logged with its file and number: one bad line takes no other with it.
    """
    for segment in list_segments(folder):
        for number, line in enumerate(_tolerant_lines(segment), 1):
            try:
                event = decode_event(line, bodies)
            except ValueError as error:
                _log.warning("history: %s line %d: %s", segment.name, number, error)
                continue
            if event is not None:
                yield event


_SEGMENTS_TO_ASK = 5
_LINES_TO_ASK = 8  # the last may be torn


def _tolerant_lines(segment: Segment) -> Iterator[str]:
    try:
        yield from read_lines(segment)
    except (OSError, EOFError) as error:
        _log.warning("history: %s cannot be read to its end: %s", segment.name, error)


def _last_mark(segment: Segment, boot: str) -> Mark | None:
    first = next((mark for line in _tolerant_lines(segment) if (mark := _parse_mark(line))), None)
    if first is None or first.boot != boot:  # a segment holds one run's events
        return None
    for lines in (_last_lines(segment), _tolerant_lines(segment)):  # all of them only where the end is damaged
        marks = (mark for line in lines if (mark := _parse_mark(line)) and mark.boot == boot)
        last = max(marks, key=lambda mark: mark.seq, default=None)
        if last is not None:
            return last
    return None


def _last_lines(segment: Segment, count: int = _LINES_TO_ASK) -> Iterable[str]:
    if not segment.path.endswith(PLAIN):
        return deque(_tolerant_lines(segment), maxlen=count)
    try:
        return read_last_lines(segment, count)
    except OSError as error:
        _log.warning("history: %s cannot be read at its end: %s", segment.name, error)
        return ()


def _parse_mark(line: str) -> Mark | None:
    try:
        envelope = json.loads(line)
        return Mark(str(envelope["boot"]), int(envelope["seq"]))
    except (ValueError, KeyError, TypeError, OverflowError, RecursionError):
        return None
