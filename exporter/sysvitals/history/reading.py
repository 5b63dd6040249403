"""Stored events, read back: the last ones."""

import contextlib
import logging
from collections import deque
from collections.abc import Iterable, Mapping

from sysvitals.history.retention import in_order
from sysvitals.history.segments import PLAIN, Segment, find_last_segment, list_segments, read_last_lines, read_lines
from sysvitals.host.files import describe_error
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
        _log.warning("history: cannot list %s", describe_error(error, folder))
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


def _last_lines(segment: Segment, count: int) -> Iterable[str]:
    """Its last lines, up to a damage: it is for the repair to say, which comes after the start has read these."""
    lines: deque[str] = deque(maxlen=count)
    with contextlib.suppress(OSError, EOFError):
        lines.extend(read_last_lines(segment, count) if segment.path.endswith(PLAIN) else read_lines(segment))
    return lines
