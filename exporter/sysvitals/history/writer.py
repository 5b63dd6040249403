"""The history on disk: one event a line, in segments. Written in batches, which spares an SD card."""

import contextlib
import errno
import json
import logging
import os
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from threading import Event as Flag
from threading import Thread

from sysvitals.history.segments import (
    PLAIN,
    Segment,
    compress_segment,
    create_segment,
    list_segments,
    mark_current,
    read_lines,
    remove_leftovers,
    remove_segment,
    repair_segment,
)
from sysvitals.model.changes import HistoryRepaired
from sysvitals.model.event import Event, encode_events
from sysvitals.model.reading import Change
from sysvitals.model.status import HistoryStatus
from sysvitals.pipeline.clock import Clock
from sysvitals.pipeline.inbox import Inbox

_log = logging.getLogger(__name__)

_CLOCK_JUMP_SECONDS = 60.0
_RETRY_SECONDS = 10.0


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
        self._batch: tuple[Event, ...] = ()
        self._descriptor: int | None = None
        self._segment: Segment | None = None
        self._opened_at = 0.0
        self._offset = 0
        self._kept_bytes = 0
        self._kept_segments = 0
        self._written = 0
        self._syncs = 0
        self._errors = 0
        self._in_trouble = False
        self._uncompressed: deque[Segment] = deque()
        self._stopping = Flag()
        self.thread = Thread(target=self._run, name="history", daemon=True)

    def start(self) -> None:
        """Mend what the last run left behind, then begin to write."""
        self.thread.start()

    def restart(self) -> None:
        """Go on in another thread after this one has died. The batch that it died of is lost, and counted.

        Raises RuntimeError or MemoryError where no thread can be started.
        """
        self._inbox.lose(len(self._batch), "the thread that writes it died")
        self._batch = self._waiting = ()
        self._cut_torn_end()
        self._close_segment(compress=False)
        thread = Thread(target=self._run, name="history", daemon=True)
        thread.start()  # where it cannot be started, the dead one stays and shows
        self.thread = thread

    def stop(self, seconds: float) -> None:
        """Write what waits, and end. Waits for it up to so many seconds."""
        self._inbox.close()
        self._stopping.set()
        self.thread.join(seconds)

    def status(self) -> HistoryStatus:
        """How the history fares."""
        return HistoryStatus(
            size=self._kept_bytes + self._offset,
            segments=self._kept_segments + (self._segment is not None),
            written=self._written,
            syncs=self._syncs,
            errors=self._errors,
            writable=not self._in_trouble and not self._has_died,
        )

    @property
    def _has_died(self) -> bool:
        return self.thread.ident is not None and not self.thread.is_alive() and not self._stopping.is_set()

    def _run(self) -> None:
        self._mend()
        while True:
            if self._waiting:
                # the disk refused these: they come first, what came since waits in its bounded place
                self._stopping.wait(min(self.rules.flush_seconds, _RETRY_SECONDS))
                events = self._waiting
            else:
                events = self._inbox.take(self.rules.flush_seconds)
            is_last_try = self._inbox.closed
            self._batch = events
            self._waiting = () if self._write(events) else events
            self._batch = ()
            if self._segment is not None and self._is_full():
                self._close_segment(compress=self.rules.compress)
                self._tend(self._prune)
            if self._uncompressed and not self._in_trouble and not self._inbox.closed:
                self._tend(self._compress_one)
            if is_last_try and (self._waiting or not self._inbox.waiting):
                break
        self._close_segment(compress=False)

    def _write(self, events: tuple[Event, ...]) -> bool:
        if not events:
            return True
        data = ("\n".join(encode_events(events)) + "\n").encode()
        try:
            if self._segment is not None and not os.path.exists(self._segment.path):
                self._leave_segment(self._segment)
            if self._descriptor is None:
                self._open_segment()
            assert self._descriptor is not None  # noqa: S101  # just opened
            _write_all(self._descriptor, data)
            if self._segment is not None and not self._offset:
                with contextlib.suppress(OSError):  # where no link can be, the newest name has to do
                    mark_current(self.folder, self._segment)
            if self.rules.fsync or any(event.body.urgent for event in events):
                os.fdatasync(self._descriptor)
                self._syncs += 1
        except OSError as error:
            self._fail(error)
            return False
        self._offset += len(data)
        self._written += len(data)
        if self._in_trouble:
            _log.warning("history: written again; %d events were lost in all", self._inbox.dropped)
            self._in_trouble = False
        return True

    def _leave_segment(self, segment: Segment) -> None:
        _log.warning("history: %s was taken away while it was written; a new segment begins", segment.path)
        self._offset = 0
        self._close_segment(compress=False)

    def _open_segment(self) -> None:
        self._descriptor, self._segment = create_segment(self.folder, self._clock.wall())
        self._opened_at = self._clock.monotonic()
        self._offset = 0

    def _fail(self, error: OSError) -> None:
        self._errors += 1
        if not self._in_trouble:
            _log.error("history: cannot write below %s: %s; tried again until it can be", self.folder, error)
        self._in_trouble = True
        self._cut_torn_end()
        self._close_segment(compress=False)
        if error.errno in (errno.ENOSPC, errno.EDQUOT):
            # what is too old or too much may be just what fills the disk
            self._tend(self._prune)

    def _cut_torn_end(self) -> None:
        if self._descriptor is None or self._segment is None:
            return
        with contextlib.suppress(OSError):
            # what was torn goes; what was whole stays
            os.ftruncate(self._descriptor, self._offset)
        if not self._offset:
            with contextlib.suppress(OSError):
                remove_segment(self._segment)

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
        self._tend(lambda: remove_leftovers(self.folder))
        self._tend(self._repair)
        self._tend(self._prune)

    def _repair(self) -> None:
        for segment in list_segments(self.folder):
            if segment.path.endswith(PLAIN):
                self._tend(partial(self._repair_one, segment))

    def _repair_one(self, segment: Segment) -> None:
        torn = repair_segment(segment)
        if torn:
            _log.warning("history: %s had a torn end, %d bytes were cut off", segment.name, torn)
            self._publish([HistoryRepaired(segment=segment.name, bytes=torn)])
        if segment.size == torn:
            remove_segment(segment)
        elif self.rules.compress:
            # that takes its time: one after each flush, so that events need not wait for all of them
            self._uncompressed.append(segment)

    def _compress_one(self) -> None:
        segment = self._uncompressed.popleft()
        if os.path.exists(segment.path):
            plain = os.stat(segment.path).st_size
            self._kept_bytes += compress_segment(segment).size - plain

    def _prune(self) -> None:
        """Remove what is too old or too much, never the segment being written."""
        rules = self.rules
        current = self._segment.path if self._segment else ""
        segments = [segment for segment in list_segments(self.folder) if segment.path != current]
        total = sum(segment.size for segment in segments)
        # by a clock that is known to be wrong, nothing is old
        oldest = self._clock.wall() - rules.keep_seconds if self._clock.synced() is not False else float("-inf")
        kept = len(segments)
        for segment in segments:
            too_old = rules.keep_seconds > 0 and segment.began < oldest and not _began_unsynced(segment)
            too_much = rules.keep_bytes > 0 and total > rules.keep_bytes
            if too_old or too_much:
                remove_segment(segment)
                kept -= 1
                total -= segment.size
        self._kept_bytes, self._kept_segments = total, kept

    def _tend(self, duty: Callable[[], object]) -> None:
        try:
            duty()
        except OSError as error:
            if not self._in_trouble:
                _log.error("history: cannot tidy up below %s: %s", self.folder, error)  # the words say it
            self._errors += 1


def _write_all(descriptor: int, data: bytes) -> None:
    view = memoryview(data)
    while view:
        view = view[os.write(descriptor, view) :]


def _began_unsynced(segment: Segment) -> bool:
    """Whether the segment is named by a clock that was known to be wrong, as that of a board without its own is."""
    with contextlib.suppress(OSError, EOFError, ValueError, RecursionError):
        first = json.loads(next(read_lines(segment), ""))
        return isinstance(first, dict) and first.get("synced") is False
    return False
