"""Reads a history as any program can that goes by HISTORY.md."""

import contextlib
import json
from collections.abc import Iterator
from pathlib import Path

from sysvitals.collectors.catalog import build_full_catalog
from sysvitals.history.segments import Segment, list_segments, read_lines
from sysvitals.model.event import Event, decode_event

BODIES = build_full_catalog().bodies


def read_events(folder: str | Path) -> Iterator[Event]:
    """All stored events in the order in which they were published; what is no event is passed over.

    One that was stored twice, as after trouble with the disk, is given once.
    """
    last: dict[str, tuple[int, float]] = {}
    for segment in _in_order(list_segments(str(folder))):
        for line in _lines(segment):
            with contextlib.suppress(ValueError):
                event = decode_event(line, BODIES)
                if event is None:
                    continue
                seq, uptime = last.get(event.stamp.boot, (-1, -1.0))
                if event.seq > seq or event.stamp.uptime > uptime:  # early versions gave numbers again after a kill
                    last[event.stamp.boot] = event.seq, event.stamp.uptime
                    yield event


def _in_order(segments: list[Segment]) -> list[Segment]:
    """These segments as they were written, whatever the clock said: by number within a boot.

    Boots follow each other by the newest segment of each, since a board without a clock of its own begins in the past.
    """
    heads = {segment: _head(segment) for segment in segments}
    newest = {boot: segment.began for segment, (boot, _) in heads.items()}  # segments come sorted by time
    return sorted(segments, key=lambda segment: (newest[heads[segment][0]], *heads[segment]))


def _head(segment: Segment) -> tuple[str, int]:
    """Boot and number of the first event; of one in which nothing is whole its name, so that it stays in its place."""
    with contextlib.suppress(OSError, EOFError):
        for line in read_lines(segment):
            with contextlib.suppress(ValueError, KeyError, TypeError, OverflowError, RecursionError):
                envelope = json.loads(line)
                return str(envelope["boot"]), int(envelope["seq"])
    return segment.name, 0


def _lines(segment: Segment) -> Iterator[str]:
    with contextlib.suppress(OSError, EOFError):
        yield from read_lines(segment)
