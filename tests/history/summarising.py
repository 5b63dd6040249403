"""What the tests of the summaries share: a board that publishes, and its summaries."""

from collections.abc import Iterable
from pathlib import Path

from sysvitals.collectors.load import Load
from sysvitals.history.summaries.reading import read_stretches
from sysvitals.history.summaries.writing import Summaries
from sysvitals.model.event import Event, Stamp, encode_events
from sysvitals.model.reading import Body
from sysvitals.model.summary import Series, Stretch
from tests.history.writing import NOON

FAR = 1e9
"""Seconds around noon within which all of a test lies."""


class Board:
    """Publishes into summaries. `wall` is what its clock says at boot."""

    def __init__(self, folder: Path, *, boot: str = "boot-1", wall: float = NOON, uptime: float = 1000.0) -> None:
        self.folder = str(folder)
        self.summaries = Summaries(self.folder)
        self.boot = boot
        self.offset = wall - uptime
        self.uptime = uptime
        self.synced: bool | None = True
        self.seq = 0
        self.segments = 0

    def publish(self, *bodies: Body) -> None:
        stamp = Stamp(self.offset + self.uptime, "pi4", self.boot, self.uptime, self.synced)
        events = tuple(Event(stamp, self.seq + number, body) for number, body in enumerate(bodies))
        self.seq += len(events)
        self.summaries.add(events, encode_events(events))

    def pass_by(self, seconds: float) -> None:
        self.uptime += seconds

    def read(self, bodies: Iterable[Body], every: float = 15.0) -> None:
        """Publish these one after another, so many seconds apart."""
        for body in bodies:
            self.publish(body)
            self.pass_by(every)

    def close(self) -> str:
        """End the segment, and write its summary."""
        self.segments += 1
        stem = f"segment-{self.boot}-{self.segments}"
        self.summaries.end_segment(stem)
        self.summaries.write()
        return stem

    def stretches(self, level: str = "minutes") -> dict[Series, list[Stretch]]:
        """All that is known: on the disk, and not yet."""
        current = self.summaries.snapshot()
        return read_stretches(self.folder, NOON - FAR, NOON + FAR, level, current=current)

    def one(self, field: str, level: str = "minutes") -> list[Stretch]:
        """The stretches of the only series of this field."""
        [found] = [stretches for series, stretches in self.stretches(level).items() if series.field == field]
        return found


def load(value: float | None) -> Load:
    return Load(load1=value, load5=0.1, load15=0.1, running=1, tasks=100)
