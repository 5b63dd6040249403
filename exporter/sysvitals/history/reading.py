"""Stored events, read back: where the last run ended, and everything for a replay."""

import json
import logging
from collections import deque
from collections.abc import Iterator, Mapping
from typing import NamedTuple

from sysvitals.model.event import Event, decode_event
from sysvitals.model.reading import Body
from sysvitals.outputs.segments import Segment, list_segments, read_lines

_log = logging.getLogger(__name__)


class Mark(NamedTuple):
    """How far a boot's events had come: the boot id and the last sequence number stored."""

    boot: str
    seq: int


def read_last_mark(folder: str, boot: str) -> Mark | None:
    """The last stored event of this boot, or None. Looks at the newest segments only: a boot's events lie together."""
    for segment in reversed(list_segments(folder)[-_SEGMENTS_TO_ASK:]):
        lines = deque(_tolerant_lines(segment), maxlen=_LINES_TO_ASK)
        marks = [mark for line in lines if (mark := _parse_mark(line)) and mark.boot == boot]
        if marks:
            return max(marks, key=lambda mark: mark.seq)
    return None


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


def _parse_mark(line: str) -> Mark | None:
    try:
        envelope = json.loads(line)
        return Mark(str(envelope["boot"]), int(envelope["seq"]))
    except (ValueError, KeyError, TypeError):
        return None
