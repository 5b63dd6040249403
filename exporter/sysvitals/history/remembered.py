"""What collectors must know of the time before the exporter started: their last readings, from the history."""

from collections.abc import Iterable, Mapping
from typing import NamedTuple

from sysvitals.history.reading import read_last_events
from sysvitals.model.collector import Collector
from sysvitals.model.event import Event
from sysvitals.model.reading import Body, Change, Reading, subject_of

_LAST_EVENTS = 2000
_SEGMENTS = 64
"""Each start begins a segment: where the exporter was killed again and again, the newest hold little else."""


class Remembered(NamedTuple):
    """`readings` are by collector. `ended` is what went on when the boot before this one ended, and ended with it."""

    readings: Mapping[str, list[Reading]]
    ended: list[Change]


def read_remembered(  # noqa: PLR0913  # what a start knows
    folder: str,
    collectors: Iterable[Collector],
    bodies: Mapping[str, type[Body]],
    *,
    host: str,
    boot: str,
    now: float = float("inf"),
) -> Remembered:
    """The last readings of the kinds that these collectors remember, of this host.

    `now` is the wall clock, infinite where it is known to be wrong.
    """
    events = read_last_events(folder, bodies, _LAST_EVENTS, segments=_SEGMENTS, now=now)
    return remember([event for event in events if event.stamp.host == host], collectors, boot=boot)


def remember(events: Iterable[Event], collectors: Iterable[Collector], *, boot: str) -> Remembered:
    """What these events, oldest first, leave to be remembered in this boot."""
    last: dict[tuple[str, ...], Event] = {}
    is_first_start = True
    for event in events:
        last[subject_of(event.body)] = event
        is_first_start = is_first_start and event.stamp.boot != boot
    readings: dict[str, list[Reading]] = {}
    ended: list[Change] = []
    for collector in collectors:
        for event in last.values():
            body = event.body
            if not isinstance(body, collector.remembers):
                continue
            if event.stamp.boot == boot:
                readings.setdefault(collector.name, []).append(body)
            elif collector.after_reboot is not None:
                kept, changes = collector.after_reboot(body)
                if kept is not None:
                    readings.setdefault(collector.name, []).append(kept)
                if is_first_start:  # else it was published when the exporter first started in this boot
                    ended += changes
    return Remembered(readings, ended)
