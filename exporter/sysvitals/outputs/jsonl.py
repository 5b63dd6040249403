"""The history on disk: one event a line, in segments. Written in batches, which spares an SD card."""

import contextlib
import logging
import os
from collections.abc import Callable
from dataclasses import dataclass
from threading import Event as Flag
from threading import Thread

from sysvitals.model.changes import HistoryRepaired
from sysvitals.model.event import Event, encode_events
from sysvitals.model.reading import Change
from sysvitals.model.status import HistoryStatus
from sysvitals.outputs.segments import (
    PLAIN,
    Segment,
    compress_segment,
    create_segment,
    list_segments,
    remove_leftovers,
    remove_segment,
    repair_segment,
)
from sysvitals.pipeline.clock import Clock
from sysvitals.pipeline.inbox import Inbox

_log = logging.getLogger(__name__)

_CLOCK_JUMP_SECONDS = 60.0


@dataclass(frozen=True, slots=True, kw_only=True)
class HistoryRules:
    """How the history is kept. Durations in seconds, sizes in bytes; 0 means no such limit.

    What is written since the last flush is what a power cut can take: at most `flush_seconds`. An urgent event is
    written and forced to the disk at once.
    """

    flush_seconds: float = 10.0
    fsync: bool = True
    rotate_seconds: float = 600.0
    rotate_bytes: int = 16 << 20
    keep_seconds: float = 30 * 86400.0
    keep_bytes: int = 512 << 20
    compress: bool = True


class JsonlSink:
    """Writes what its inbox holds into segments below `folder`, in a thread of its own.

    Where the disk refuses, the events wait and are tried again; what does not fit into the inbox meanwhile is lost and
    counted there. Losing the disk and finding it again are logged once each.
    """

    def __init__(
        self, folder: str, *, inbox: Inbox, rules: HistoryRules, clock: Clock, publish: Callable[[list[Change]], object]
    ) -> None:
        self.folder = folder
        self.rules = rules
        self._inbox = inbox
        self._clock = clock
        self._publish = publish
        self._waiting: tuple[Event, ...] = ()
        self._descriptor: int | None = None
        self._segment: Segment | None = None
        self._opened_at = 0.0
        self._offset = 0
        self._kept_bytes = 0
        self._kept_segments = 0
        self._written = 0
        self._syncs = 0
        self._errors = 0
        self._trouble = ""
        self._stopping = Flag()
        self._thread = Thread(target=self._run, name="history", daemon=True)

    def start(self) -> None:
        """Mend what the last run left behind, then begin to write."""
        self._thread.start()

    def stop(self, seconds: float) -> None:
        """Write what waits, and end. Waits for it up to so many seconds."""
        self._inbox.close()
        self._stopping.set()
        self._thread.join(seconds)

    def status(self) -> HistoryStatus:
        """How the history fares."""
        return HistoryStatus(
            size=self._kept_bytes + self._offset,
            segments=self._kept_segments + (self._segment is not None),
            written=self._written,
            syncs=self._syncs,
            errors=self._errors,
            writable=not self._trouble,
        )

    def _run(self) -> None:
        self._tend(self._mend)
        while True:
            if self._waiting:
                # the disk refused these: they come first, what came since waits in its bounded place
                self._stopping.wait(self.rules.flush_seconds)
                events = self._waiting
            else:
                events = self._inbox.take(self.rules.flush_seconds)
            self._waiting = () if self._write(events) else events
            if self._segment is not None and self._is_full():
                self._close_segment(compress=self.rules.compress)
                self._tend(self._prune)
            if self._inbox.closed and (self._waiting or not self._inbox.waiting):
                break
        self._close_segment(compress=False)

    def _write(self, events: tuple[Event, ...]) -> bool:
        if not events:
            return True
        data = ("\n".join(encode_events(events)) + "\n").encode()
        try:
            if self._descriptor is None or self._segment is None:
                self._open_segment()
            assert self._descriptor is not None  # noqa: S101  # just opened
            _write_all(self._descriptor, data)
            if self.rules.fsync or any(event.body.urgent for event in events):
                os.fdatasync(self._descriptor)
                self._syncs += 1
        except OSError as error:
            self._fail(error)
            return False
        self._offset += len(data)
        self._written += len(data)
        if self._trouble:
            _log.warning("history: written again; %d events were lost in all", self._inbox.dropped)
            self._trouble = ""
        return True

    def _open_segment(self) -> None:
        self._descriptor, self._segment = create_segment(self.folder, self._clock.wall())
        self._opened_at = self._clock.monotonic()
        self._offset = 0

    def _fail(self, error: OSError) -> None:
        self._errors += 1
        if not self._trouble:
            _log.error("history: cannot write below %s: %s; tried again until it can be", self.folder, error)
        self._trouble = str(error)
        if self._descriptor is not None and self._segment is not None:
            with contextlib.suppress(OSError):
                # what was torn goes; what was whole stays
                os.ftruncate(self._descriptor, self._offset)
            if not self._offset:
                with contextlib.suppress(OSError):
                    remove_segment(self._segment)
        self._close_segment(compress=False)

    def _is_full(self) -> bool:
        rules = self.rules
        age = self._clock.monotonic() - self._opened_at
        began = self._segment.began if self._segment else 0.0
        return (
            (rules.rotate_seconds > 0 and age >= rules.rotate_seconds)
            or (rules.rotate_bytes > 0 and self._offset >= rules.rotate_bytes)
            # a board without a clock of its own begins in the past: the next segment gets the right name
            or abs(self._clock.wall() - began - age) > _CLOCK_JUMP_SECONDS
        )

    def _close_segment(self, *, compress: bool) -> None:
        segment, self._segment = self._segment, None
        descriptor, self._descriptor = self._descriptor, None
        if descriptor is None or segment is None:
            return
        self._kept_bytes += self._offset
        self._kept_segments += self._offset > 0
        self._offset = 0
        with contextlib.suppress(OSError):
            os.close(descriptor)
        if compress:
            self._tend(lambda: compress_segment(segment))

    def _mend(self) -> None:
        """What a power cut or a kill left behind: torn ends, half-done compressions, plain segments."""
        remove_leftovers(self.folder)
        for segment in list_segments(self.folder):
            if segment.path.endswith(PLAIN):
                torn = repair_segment(segment)
                if torn:
                    _log.warning("history: %s had a torn end, %d bytes were cut off", segment.name, torn)
                    self._publish([HistoryRepaired(segment=segment.name, bytes=torn)])
                if segment.size == torn:
                    remove_segment(segment)
                elif self.rules.compress:
                    compress_segment(segment)
        self._prune()

    def _prune(self) -> None:
        """Remove what is too old or too much, never the segment being written."""
        rules = self.rules
        segments = list_segments(self.folder)
        total = sum(segment.size for segment in segments)
        # by a clock that is known to be wrong, nothing is old
        oldest = self._clock.wall() - rules.keep_seconds if self._clock.synced() is not False else float("-inf")
        kept = list(segments)
        for segment in segments:
            too_old = rules.keep_seconds > 0 and segment.began < oldest
            too_much = rules.keep_bytes > 0 and total > rules.keep_bytes
            if (too_old or too_much) and segment != self._segment:
                remove_segment(segment)
                kept.remove(segment)
                total -= segment.size
        self._kept_bytes, self._kept_segments = total, len(kept)

    def _tend(self, duty: Callable[[], object]) -> None:
        try:
            duty()
        except OSError as error:
            if not self._trouble:
                _log.error("history: cannot tidy up below %s: %s", self.folder, error)  # the words say it
            self._errors += 1


def _write_all(descriptor: int, data: bytes) -> None:
    view = memoryview(data)
    while view:
        view = view[os.write(descriptor, view) :]
