"""Stored events, read back: the last ones, in all and of each boot."""

import contextlib
import logging
from collections import deque
from collections.abc import Iterable, Iterator, Mapping

from sysvitals.history.retention import in_order
from sysvitals.history.segments import PLAIN, Segment, find_last_segment, list_segments, read_last_lines, read_lines
from sysvitals.host.files import describe_error
from sysvitals.model.changes import Started
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
    events: list[Event] = []
    for segment in _last_segments(folder, segments, now):
        events = _last_events(segment, bodies, count - len(events)) + events
        if len(events) >= count:
            break
    boots = {event.stamp.boot: at for at, event in enumerate(events)}  # by the last event of each
    return sorted(events, key=lambda event: (boots[event.stamp.boot], event.stamp.uptime, event.seq))


def read_last_boots(
    folder: str, bodies: Mapping[str, type[Body]], count: int, *, since: str, segments: int = 64
) -> list[list[Event]]:
    """The last events of the boot with this id, and of each that was stored after it: oldest boot first.

    At most about `count` of each boot. As a rule one segment is read; where its last one is empty, as after a power
    cut, or holds little, some more, but no more than `segments`. Where that boot is not among them there are none:
    which boots came after it is not known.
    """
    boots: dict[str, list[Event]] = {}
    for segment in _last_segments(folder, segments, float("inf")):
        older: dict[str, list[Event]] = {}
        for event in _last_events(segment, bodies, count):
            older.setdefault(event.stamp.boot, []).append(event)
        for boot, events in reversed(older.items()):
            boots[boot] = (events + boots.get(boot, []))[-count:]
        oldest = boots.get(since, [])
        if len(oldest) >= count or any(isinstance(event.body, Started) for event in oldest):
            break
    if since not in boots:
        return []
    return [sorted(events, key=lambda event: (event.stamp.uptime, event.seq)) for events in reversed(boots.values())]


def _last_segments(folder: str, count: int, now: float) -> Iterator[Segment]:
    """The segments that were written last, the last one first."""
    try:
        found = in_order(list_segments(folder), now)
        last = find_last_segment(folder, found)
    except OSError as error:
        _log.warning("history: cannot list %s", describe_error(error, folder))
        return
    if last is not None:
        newest = [segment for segment in reversed(found) if segment != last]
        yield from [last, *newest][:count]


def _last_events(segment: Segment, bodies: Mapping[str, type[Body]], count: int) -> list[Event]:
    events = []
    for line in _last_lines(segment, count):
        with contextlib.suppress(ValueError):
            if event := decode_event(line, bodies):
                events.append(event)
    return events


def _last_lines(segment: Segment, count: int) -> Iterable[str]:
    """Its last lines, up to a damage: it is for the repair to say, which comes after the start has read these."""
    lines: deque[str] = deque(maxlen=count)
    with contextlib.suppress(OSError, EOFError):
        lines.extend(read_last_lines(segment, count) if segment.path.endswith(PLAIN) else read_lines(segment))
    return lines
