"""The summaries of a running exporter: folded as events are written, and appended as segments are closed."""

from collections.abc import Sequence
from threading import Lock

from sysvitals.history.summaries.files import LEVELS, day_of
from sysvitals.history.summaries.folding import LONGEST_SECONDS, Fold
from sysvitals.history.summaries.plans import plan_of
from sysvitals.history.summaries.storing import Files, encode, shift_of
from sysvitals.model.changes import CollectorUnavailable
from sysvitals.model.event import Event, Stamp
from sysvitals.model.reading import Change

_HELD_SECONDS = 2 * LONGEST_SECONDS
"""So much is held while the disk refuses; beyond, it is made again from the segments."""

_SHARE = 8


class Summaries:
    """The summaries in `folder`. All methods but `snapshot` are the history thread's.

    What is written names the segments that it is of. What could not be written is tried again with the next segment.
    """

    def __init__(self, folder: str) -> None:
        self.folder = folder
        self.size = 0
        self._files = Files(folder)
        self._fold = Fold()
        self._lock = Lock()  # held for a batch of events, or for a copy
        self._segments: list[str] = []
        self._day = ""
        """The day of what was written last."""

    @property
    def is_long(self) -> bool:
        """Whether so much was folded that it must be written though the segment goes on: it takes memory."""
        return self._fold.seconds >= LONGEST_SECONDS

    def add(self, events: Sequence[Event], lines: Sequence[str]) -> None:
        """Fold these events, whose lines these are."""
        with self._lock:
            fold = self._fold
            stamp: Stamp | None = None
            for event, line in zip(events, lines, strict=True):
                body = event.body
                if event.stamp is not stamp:
                    stamp = event.stamp
                    part = fold.move(stamp)
                plan = plan_of(type(body))  # type: ignore[arg-type]  # mypy takes the hash of instances for that of the class
                if plan is not None:
                    fold.add(part, plan, plan.subject(body), plan.values(body))
                elif isinstance(body, Change) and not isinstance(body, CollectorUnavailable):
                    fold.note(part, body.event_name, line)

    def end_segment(self, stem: str) -> None:
        """Note that what was folded since the last write is in this segment too, which is closed."""
        self._segments.append(stem)

    def write(self, going_on: str = "") -> None:
        """Write what was folded. Raises OSError, and then keeps it.

        `going_on` is the stem of the segment that it is in too, and that is not closed.
        """
        with self._lock:
            self._fold.end()
            parts = self._fold.ended
        try:
            self.size += self._files.append(parts, self._fold.set, segments=self._segments, going_on=going_on)
        except OSError:
            if self._fold.seconds > _HELD_SECONDS:
                self._drop()
            raise
        self._drop()
        day = max((day_of(part.last + shift_of(part, self._fold.set)) for part in parts), default=self._day)
        if day != self._day:
            self._day = day
            self._files.compact_before(day)

    def snapshot(self) -> dict[str, list[str]]:
        """The lines of what is in no file yet, by level. For any thread."""
        with self._lock:
            parts = [*self._fold.peek()]
        return {level: encode(parts, level, self._fold.set) for level in LEVELS}

    def prune(self, now: float, keep_seconds: float, keep_bytes: int) -> None:
        """Remove what is too old or too much. Raises OSError.

        `now` is infinite where the clock is known to be wrong. All together may take an eighth of `keep_bytes`.
        """
        self.size = self._files.prune(now, keep_seconds, keep_bytes // _SHARE)

    def give_way(self) -> None:
        """Remove the oldest minutes: the disk is full, and events weigh more. Raises OSError."""
        self.size -= self._files.remove_oldest_minutes()

    def _drop(self) -> None:
        with self._lock:
            self._fold.ended = []
        self._segments = []
