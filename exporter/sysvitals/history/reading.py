"""Stored events, read back: the last ones, and everything for a replay."""

import contextlib
import json
import logging
from collections import deque
from collections.abc import Iterable, Iterator, Mapping

from sysvitals.history.retention import in_order
from sysvitals.history.segments import PLAIN, Segment, find_last_segment, list_segments, read_last_lines, read_lines
from sysvitals.model.event import Event, decode_event
from sysvitals.model.reading import Body

_log = logging.getLogger(__name__)


def read_last_events(
    folder: str, bodies: Mapping[str, type[Body]], count: int, *, segments: int = 1, now: float = float("inf")
) -> list[Event]:
    """The last events that were stored, at most about so many, from as many of the segments that were written last.

    Those from the future of `now` hide no other.

    Within a boot they are in the order in which they were published, whichever segment holds them: what is rescued
    from memory may be older than what is on the disk. Lines that are no events are passed over: where the power failed,
    the last is torn.
    """
    try:
        found = in_order(list_segments(folder), now)
        last = find_last_segment(folder, found)
    except OSError as error:
        _log.warning("history: %s cannot be looked through: %s", folder, error)
        return []
    events: list[Event] = []
    newest = [segment for segment in reversed(found) if segment != last]
    for segment in [last, *newest][:segments] if last else ():
        before = []
        for line in _last_lines(segment, count - len(events)):
            with contextlib.suppress(ValueError):
                if event := decode_event(line, bodies):
                    before.append(event)
        events = before + events
        if len(events) >= count:
            break
    boots = {event.stamp.boot: at for at, event in enumerate(events)}  # by the last event of each
    return sorted(events, key=lambda event: (boots[event.stamp.boot], event.stamp.uptime, event.seq))


def read_events(folder: str, bodies: Mapping[str, type[Body]]) -> Iterator[Event]:
    """All stored events whose name this version knows, in the order in which they were published.

    A line that is no event is passed over and logged with its file and number: one bad line takes no other with it. An
    event that was stored twice, as after trouble with the disk, is given once. Raises OSError where the folder cannot
    be looked through.
    """
    last: dict[str, tuple[int, float]] = {}
    for segment in _in_order(list_segments(folder)):
        for number, line in enumerate(_tolerant_lines(segment), 1):
            try:
                event = decode_event(line, bodies)
            except ValueError as error:
                _log.warning("history: %s line %d: %s", segment.name, number, error)
                continue
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


def _tolerant_lines(segment: Segment) -> Iterator[str]:
    try:
        yield from read_lines(segment)
    except (OSError, EOFError) as error:
        _log.warning("history: %s cannot be read to its end: %s", segment.name, error)


def _last_lines(segment: Segment, count: int) -> Iterable[str]:
    """Its last lines, up to a damage: it is for the repair to say, which comes after the start has read these."""
    lines: deque[str] = deque(maxlen=count)
    with contextlib.suppress(OSError, EOFError):
        lines.extend(read_last_lines(segment, count) if segment.path.endswith(PLAIN) else read_lines(segment))
    return lines
