"""The history on disk: one event a line, in segments. Kept as events come, forced to the disk in batches."""

import contextlib
import errno
import json
import logging
import os
import time
from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from threading import Condition, Thread
from threading import Event as Flag

from sysvitals.history.budget import Budget
from sysvitals.history.buffer import Buffer
from sysvitals.history.forcing import Forcing
from sysvitals.history.lock import Claim
from sysvitals.history.retention import find_leap, in_order, is_from_the_future
from sysvitals.history.segments import (
    COMPRESSED,
    NO_FOLDER,
    PLAIN,
    Segment,
    compress_segment,
    create_segment,
    find_last_segment,
    list_segments,
    list_strangers,
    mark_current,
    open_history,
    read_lines,
    remove_leftovers,
    remove_segment,
    repair_segment,
    write_all,
)
from sysvitals.history.streams import Packer
from sysvitals.history.summaries.writing import Summaries
from sysvitals.host.files import describe_error
from sysvitals.host.threads import start_thread
from sysvitals.model.changes import HistoryRepaired
from sysvitals.model.event import Event, encode_events, format_time
from sysvitals.model.reading import Change
from sysvitals.model.status import HistoryStatus
from sysvitals.pipeline.clock import Clock
from sysvitals.pipeline.inbox import Inbox

_log = logging.getLogger(__name__)

_CLOCK_JUMP_SECONDS = 60.0
_NO_LINKS = (errno.EPERM, errno.ENOTSUP, errno.ENOSYS)
"""How file systems without symbolic links refuse one."""
_RETRY_SECONDS = 10.0


@dataclass(frozen=True, slots=True, kw_only=True)
class HistoryRules:
    """How the history is kept. Durations in seconds, sizes in bytes; 0 means no such limit.

    What was written since the last forced write is what a power cut can take: at most `flush_seconds`. `compress` is
    segments, stream or off. `collector_bytes` is what one collector may write a day.
    """

    flush_seconds: float = 60.0
    fsync: bool = True
    rotate_seconds: float = 3600.0
    rotate_bytes: int = 16 << 20
    keep_seconds: float = 30 * 86400.0
    keep_bytes: int = 512 << 20
    compress: str = "segments"
    collector_bytes: int = 48 << 20


class JsonlSink:
    """Writes what its inbox holds into segments below `folder`, in a thread of its own.

    What came outlives the process: it goes into the `buffer` immediately, and into the segment when it is forced;
    without a buffer into the segment immediately. What is forced outlives the power. Lines are kept until the disk has
    confirmed them. Where it refuses, the segment is cut back to what was confirmed, and the rest goes into the next
    one; what does not fit into the inbox meanwhile is lost and counted there. Losing the disk and finding it again are
    logged once each. `owners` name the collector of each reading's event. With the `claim` on the storage, nothing is
    written where another process has claimed what lies at its path now. `summaries` are written as segments are closed;
    what fails of them hurts no event.
    """

    def __init__(  # noqa: PLR0913  # it stands between all of these
        self,
        folder: str,
        *,
        inbox: Inbox,
        rules: HistoryRules,
        clock: Clock,
        publish: Callable[[list[Change]], object],
        owners: Mapping[str, str],
        buffer: Buffer | None = None,
        claim: Claim | None = None,
        summaries: Summaries | None = None,
    ) -> None:
        self.folder = folder
        self.rules = rules
        self._inbox = inbox
        self._clock = clock
        self._publish = publish
        self._budget = Budget(owners)
        self._buffer = buffer
        self._claim = claim
        self._summaries = summaries
        self._is_kept = buffer is not None
        """Whether what came is in the buffer. One that failed is not added to any more, but still cleared."""
        self._forcing = Forcing()
        self._batch: tuple[Event, ...] = ()
        self._unwritten: list[bytes] = []
        self._unforced: list[bytes] = []
        with contextlib.suppress(OSError):
            if buffer is not None and (left := buffer.read()):  # the disk refused it until now
                self._unwritten.append(left)
        self._since = clock.wall(), clock.monotonic()
        """When the first of the unwritten lines came."""
        self._descriptor: int | None = None
        self._segment: Segment | None = None
        self._packer: Packer | None = None
        self._opened_at = 0.0
        self._offset = 0
        self._confirmed = 0
        self._kept_bytes = 0
        self._kept_segments = 0
        self._written = 0
        self._syncs = 0
        self._errors = 0
        self._in_trouble = False
        self._said: set[object] = set()
        self._untidy: dict[tuple[int | None, str], str] = {}
        """What could not be tidied up, by errno and day. Said after the next write: a disk that refuses that, too, is
        said once, by the write."""
        self._untidy_at = 0
        """How many bytes were written when the last of that failed."""
        self._closed: dict[str, float] = {}
        """When each segment of this run began, by the monotonic clock and its stem."""
        self._repairs: deque[Callable[[], object]] = deque()
        self._uncompressed: deque[Segment] = deque()
        self._taken_seq = self._stored_seq = -1
        self._turned = Condition()
        self._stopping = Flag()
        self.thread = Thread(target=self._run, name="history", daemon=True)

    def start(self) -> None:
        """Mend what the last run left behind, then begin to write."""
        start_thread(self.thread)

    def restart(self) -> None:
        """Go on in another thread after this one has died. The batch that it died of is lost, and counted.

        Raises NoThreadError where there is no room for one.
        """
        self._inbox.lose(len(self._batch), "the thread that writes it died")
        self._batch = ()
        self._cut_back(doubtful=False)
        thread = Thread(target=self._run, name="history", daemon=True)
        start_thread(thread)  # where it cannot be started, the dead one stays and shows
        self.thread = thread

    def stop(self, seconds: float) -> int:
        """Write what waits, and end. Waits for it up to so many seconds.

        Returns how many events are lost: neither written nor in the buffer by then.
        """
        self._inbox.close()
        self._stopping.set()
        self.thread.join(seconds)
        lost = self._inbox.waiting + len(self._batch)
        lost += 0 if self._is_kept else sum(lines.count(b"\n") for lines in self._unwritten)
        if lost:
            why = f"the disk did not take them within {seconds:g} s" if self.thread.is_alive() else "the disk refuses"
            _log.error("history: %d events are lost: %s", lost, why)
        return lost

    def settle(self, seq: int, seconds: float) -> None:
        """Wait until the event of this number is written, up to so many seconds.

        Not for a disk that refuses, unless the buffer still takes it. What is shown only after that outlives
        the process.
        """
        with self._turned:
            self._turned.wait_for(lambda: self._stored_seq >= seq or (self._in_trouble and not self._has_room), seconds)

    @property
    def stems(self) -> list[str]:
        """Stems of the segments of this run, which it summarises itself. For any thread."""
        segment = self._segment
        return [*self._closed, *([segment.stem] if segment else [])]

    def status(self) -> HistoryStatus:
        """How the history fares."""
        return HistoryStatus(
            size=self._kept_bytes + self._offset + (self._summaries.size if self._summaries else 0),
            segments=self._kept_segments + (self._segment is not None),
            written=self._written,
            syncs=self._syncs,
            left_out=self._budget.left_out,
            errors=self._errors,
            writable=not self._in_trouble and not self._has_died,
        )

    @property
    def _has_died(self) -> bool:
        return self.thread.ident is not None and not self.thread.is_alive() and not self._stopping.is_set()

    def _run(self) -> None:
        self._prepare()
        while True:
            if self._in_trouble:
                self._sit_out(min(self.rules.flush_seconds, _RETRY_SECONDS))
            else:
                self._take(self._inbox.take(0.0 if self._repairs else self._idle_seconds()))
            closed = self._inbox.closed
            stored = self._store()
            self._note_stored(stored=stored)
            if stored and self._segment is not None and self._is_full():
                stored = self._end_segment(compress=self.rules.compress == "segments")
                if stored:
                    self._tend(self._prune)
            if self._repairs and not closed:
                self._tend(self._repairs.popleft())
            elif self._uncompressed and not self._in_trouble and not closed:
                self._tend(self._compress_one)
            if closed and not ((stored or self._has_room) and self._inbox.waiting):
                break
        if stored and self._end_segment(compress=False):
            self._say_untidy()

    def _sit_out(self, seconds: float) -> None:
        """Wait before the disk that refused is tried again.

        What comes meanwhile is kept in the buffer, as much as fits into the inbox; the rest waits there.
        """
        until = time.monotonic() + seconds
        while True:
            left = 0.0 if self._inbox.closed else max(0.0, until - time.monotonic())
            if self._has_room:
                self._take(self._inbox.take(left))
                self._note_stored(stored=False)
            else:
                self._stopping.wait(left)
            if not left:
                return

    @property
    def _has_room(self) -> bool:
        """Whether the buffer takes more, though the disk refuses."""
        return self._is_kept and sum(lines.count(b"\n") for lines in self._unwritten) < self._inbox.limit

    def _note_stored(self, *, stored: bool) -> None:
        with self._turned:
            if stored or self._is_kept:  # in the segment or in the buffer
                self._stored_seq = self._taken_seq
            self._turned.notify_all()

    @property
    def _is_due(self) -> bool:
        return self._in_trouble or self._clock.monotonic() >= self._forcing.due

    def _idle_seconds(self) -> float:
        return max(0.0, min(self._forcing.due - self._clock.monotonic(), self.rules.flush_seconds))

    def _take(self, events: tuple[Event, ...]) -> None:
        """Turn these into lines, and note when they must be on the disk."""
        if not events:
            return
        self._batch = events
        events = self._budget.sift(events, self.rules.collector_bytes)
        lines = encode_events(events)
        self._budget.spend(events, lines)
        now = self._clock.monotonic()
        if not self._unwritten:
            self._since = self._clock.wall(), now
        if lines:
            data = ("\n".join(lines) + "\n").encode()
            self._unwritten.append(data)
            self._keep(data)
            self._summarise(lambda summaries: summaries.add(events, lines))
        self._taken_seq = self._batch[-1].seq
        self._batch = ()
        self._forcing.note(
            now,
            within=self.rules.flush_seconds,
            urgent=any(event.body.urgent for event in events),
            waiting=sum(map(len, self._unforced)) + sum(map(len, self._unwritten)),
        )
        if reports := self._budget.take_reports():
            self._publish([*reports])

    def _keep(self, data: bytes) -> None:
        if self._buffer is None or not self._is_kept:
            return
        try:
            self._buffer.add(data)
        except OSError as error:
            words = "history: no buffer in memory any more, events are written to the disk as they come: %s"
            _log.warning(words, describe_error(error))
            self._is_kept = False
            # what the buffer holds must not become older than the disk: write and clear now
            self._forcing.note(self._clock.monotonic(), within=0.0, urgent=False, waiting=0)

    def _store(self) -> bool:
        """Write the lines that wait, and force them where it is time. False where the disk refuses."""
        try:
            if self._is_due or not self._is_kept:
                self._write()
        except OSError as error:
            self._fail(error)
            return False
        try:
            if self._is_due:
                self._force()
        except OSError as error:
            self._fail(error, doubtful=True)
            return False
        if self._in_trouble:
            lost = f"{self._inbox.dropped} events lost in all" if self._inbox.dropped else "no events lost"
            _log.warning("history: writing again; %s", lost)
            self._in_trouble = False
            self._said.clear()
        return True

    def _keep_place(self) -> None:
        """Leave a segment that was taken away, and claim what lies at the path now. Raises OSError (EBUSY)."""
        if self._segment is not None and not self._is_in_place(self._segment):
            self._leave_segment(self._segment)
        if self._claim is not None:
            self._claim.renew()

    def _is_in_place(self, segment: Segment) -> bool:
        """Whether the segment's path still leads to what is written."""
        with contextlib.suppress(FileNotFoundError, NotADirectoryError):
            return self._descriptor is not None and os.path.samestat(os.fstat(self._descriptor), os.lstat(segment.path))
        return False

    def _write(self) -> None:
        if not self._unwritten:
            return
        self._keep_place()
        if self._descriptor is None:
            self._open_segment()
        assert self._descriptor is not None  # noqa: S101  # just opened
        assert self._segment is not None  # noqa: S101
        lines = b"".join(self._unwritten)
        data = self._packer.pack(lines) if self._packer else lines
        write_all(self._descriptor, data)
        if not self._offset:
            self._mark(self._segment)
        self._unforced += self._unwritten
        self._unwritten = []
        self._offset += len(data)
        self._written += len(data)

    def _mark(self, segment: Segment) -> None:
        try:
            mark_current(self.folder, segment)
        except OSError as error:
            if error.errno not in _NO_LINKS:
                words = "history: `current` cannot lead to the segment being written, so the newest name counts: %s"
                self._say_once("current", words, describe_error(error))

    def _force(self) -> None:
        if self._descriptor is not None and (self.rules.fsync or self._forcing.has_edge):
            os.fdatasync(self._descriptor)
            self._syncs += 1
        self._forcing.note_forced(self._clock.monotonic())
        self._confirm()
        if self._summaries is not None and self._summaries.is_long and self._segment is not None:
            stem = self._segment.stem
            self._summarise(lambda summaries: summaries.write(stem))

    def _confirm(self) -> None:
        self._unforced = []
        self._confirmed = self._offset
        if self._buffer is not None and not self._unwritten:
            with contextlib.suppress(OSError):  # what is there twice is read once
                self._buffer.clear()
        if self._written > self._untidy_at:
            self._say_untidy()

    def _leave_segment(self, segment: Segment) -> None:
        _log.warning("history: %s was taken away while it was written; a new segment begins", segment.path)
        self._unforced, self._offset, self._confirmed = [], 0, 0
        self._close_segment()

    def _open_segment(self) -> None:
        stream = self.rules.compress == "stream"
        kind = COMPRESSED if stream else PLAIN
        began, self._opened_at = self._since
        self._descriptor, self._segment = create_segment(self.folder, began, kind)
        self._packer = Packer() if stream else None
        self._offset = self._confirmed = 0
        # forced with its first lines: after a power cut the current segment is never an empty one
        self._forcing.note(self._clock.monotonic(), within=0.0, urgent=False, waiting=0)

    def _fail(self, error: OSError, *, doubtful: bool = False) -> None:
        self._errors += 1
        if not self._in_trouble:
            _log.error("history: cannot write to %s; trying again", describe_error(error, self.folder))
        self._in_trouble = True
        self._untidy.clear()  # for the same reason
        self._cut_back(doubtful=doubtful)
        if error.errno in (errno.ENOSPC, errno.EDQUOT):
            self._summarise(Summaries.give_way)
            # what is too old or too much may be just what fills the disk
            self._tend(self._prune)

    def _cut_back(self, *, doubtful: bool) -> None:
        """End the segment behind what the disk confirms; the rest is written into the next one.

        After a forced write that failed, another one may succeed though the data was lost: what is `doubtful` goes.
        """
        segment = self._segment
        with contextlib.suppress(OSError):
            if self._descriptor is not None and not doubtful:
                os.ftruncate(self._descriptor, self._offset)
                os.fdatasync(self._descriptor)
                self._unforced, self._confirmed = [], self._offset
        self._unwritten = [*self._unforced, *self._unwritten]
        self._unforced = []
        self._offset = self._confirmed
        with contextlib.suppress(OSError):
            if self._descriptor is not None and segment is not None:
                os.ftruncate(self._descriptor, self._offset)
                if not self._is_in_place(segment):  # what has its name now is another's
                    pass
                elif not self._offset:
                    remove_segment(segment)
                elif self._packer:
                    repair_segment(segment)
                    self._offset = os.fstat(self._descriptor).st_size
        self._close_segment()

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

    def _end_segment(self, *, compress: bool) -> bool:
        """Close the segment once all that came is on the disk. False where the disk refuses."""
        try:
            self._keep_place()
            self._write()
            segment = self._segment
            if self._packer and self._descriptor is not None:
                ending = self._packer.end()
                write_all(self._descriptor, ending)
                self._offset += len(ending)
            if self._unforced or self._packer:
                self._force()
        except OSError as error:
            self._fail(error, doubtful=True)
            return False
        self._close_segment()
        self._summarise(Summaries.write)
        if compress and segment is not None and segment.path.endswith(PLAIN):
            self._tend(lambda: self._compress(segment))
        return True

    def _close_segment(self) -> None:
        descriptor, self._descriptor = self._descriptor, None
        segment, self._segment = self._segment, None
        self._packer = None
        if segment is not None:
            self._closed[segment.stem] = self._opened_at
            self._summarise(lambda summaries: summaries.end_segment(segment.stem))
        self._kept_bytes += self._offset
        self._kept_segments += self._offset > 0
        self._offset = self._confirmed = 0
        if descriptor is not None:
            with contextlib.suppress(OSError):
                os.close(descriptor)

    def _prepare(self) -> None:
        """Mend what must be mended before anything is written, and plan the rest, one piece after each write."""
        self._tend(self._look_around)
        self._tend(lambda: remove_leftovers(self.folder, self._pass_over))
        self._repairs.clear()
        self._tend(self._plan_repairs)
        self._repairs.append(self._prune)

    def _look_around(self) -> None:
        """Say what looks like the history's and is not, and close the folder to other users."""
        strangers = list_strangers(self.folder)
        if strangers:
            more = f" and {len(strangers) - 1} more" if len(strangers) > 1 else ""
            words = "history: %s%s: ignored: a link or special file; remove it or replace it with a regular file"
            _log.warning(words, strangers[0], more)
        # where there is no such folder, or a link in its place, the next write says so
        with contextlib.suppress(*NO_FOLDER), open_history(self.folder) as history:
            if history.close_to_others():
                _log.warning("history: %s was open to all users; now only to its owner and group", self.folder)

    def _plan_repairs(self) -> None:
        segments = list_segments(self.folder, self._pass_over)
        last = find_last_segment(self.folder, segments)
        # of the compressed ones only that which was written last can be torn; what was rescued may have come after it.
        # By the next start, others will be the last
        packed = [segment for segment in segments if segment.path.endswith(COMPRESSED)]
        first = {segment.path for segment in (*packed[-1:], *([last] if last else []))}
        for segment in segments:
            if segment.path in first:
                self._tend(partial(self._repair_one, segment))
            elif segment.path.endswith(PLAIN):
                self._repairs.append(partial(self._repair_one, segment))

    def _repair_one(self, segment: Segment) -> None:
        try:
            torn = repair_segment(segment)
        except FileNotFoundError:  # too old meanwhile
            return
        if torn:
            _log.warning("history: %s had a torn end, %d bytes were cut off", segment.name, torn)
            self._publish([HistoryRepaired(segment=segment.name, bytes=torn)])
        if segment.size == torn:
            remove_segment(segment)
        elif self.rules.compress != "off" and segment.path.endswith(PLAIN):
            # that takes its time: one after each flush, so that events need not wait for all of them
            self._uncompressed.append(segment)

    def _compress_one(self) -> None:
        with contextlib.suppress(FileNotFoundError):  # too old meanwhile
            self._compress(self._uncompressed.popleft())

    def _compress(self, segment: Segment) -> None:
        plain = os.lstat(segment.path).st_size
        self._kept_bytes += compress_segment(segment).size - plain

    def _prune(self) -> None:
        """Remove what is too old or too much, never the segment being written, and for its size not the last one."""
        rules = self.rules
        current = self._segment.path if self._segment else ""
        segments = [segment for segment in list_segments(self.folder, self._pass_over) if segment.path != current]
        now = self._clock.wall() if self._clock.synced() is not False else float("inf")
        self._closed = {one.stem: self._closed[one.stem] for one in segments if one.stem in self._closed}
        is_old = self._age_rule(segments, now)
        total = sum(segment.size for segment in segments)
        kept = len(segments)
        ordered = in_order(segments, now, self._closed)
        is_large = 0 < rules.keep_bytes < total
        last = find_last_segment(self.folder, ordered) if is_large and not current else None
        for segment in ordered:
            too_much = rules.keep_bytes > 0 and total > rules.keep_bytes and segment != last
            if too_much or (rules.keep_seconds > 0 and is_old(segment)):
                if is_from_the_future(segment, now):
                    words = (
                        "history: %s is dated in the future: such segments count as the oldest and are removed first"
                    )
                    self._say_once("future", words, segment.name)
                if self._tend(partial(remove_segment, segment)):
                    kept -= 1
                    total -= segment.size
        self._kept_bytes, self._kept_segments = total, kept
        self._summarise(lambda summaries: summaries.prune(now, rules.keep_seconds, rules.keep_bytes))

    def _age_rule(self, segments: list[Segment], now: float) -> Callable[[Segment], bool]:
        """Which of these are too old: those of this run by the monotonic clock, others by a clock that can be right."""
        seconds = self.rules.keep_seconds
        monotonic = self._clock.monotonic()
        is_known = now < float("inf")
        leap = find_leap((segment.began for segment in segments), now, seconds) if is_known else None

        def is_old(segment: Segment) -> bool:
            if (began := self._closed.get(segment.stem)) is not None:
                return monotonic - began > seconds
            if not is_known or segment.began >= now - seconds or _began_unsynced(segment):
                return False
            if leap:
                words = (
                    "history: the clock went from %s to %s: what is older goes by age once it has stayed so for a day"
                )
                self._say_once("leap", words, *map(format_time, leap))
            return not leap

        return is_old

    def _summarise(self, duty: Callable[[Summaries], object]) -> None:
        """Do this with the summaries, and let nothing that goes wrong with them keep events from being written."""
        if self._summaries is None:
            return
        try:
            duty(self._summaries)
        except OSError as error:
            if not self._in_trouble and error.errno not in (errno.EROFS, errno.EAGAIN):
                words = "history: summaries cannot be written, they are made later: %s"
                self._say_once("summaries", words, describe_error(error, self._summaries.folder))
        except Exception:  # noqa: BLE001  # whatever it is, events go on
            _log.exception("history: no more summaries until the next start")
            self._summaries = None

    def _tend(self, duty: Callable[[], object]) -> bool:
        """Do this. False where the disk refuses."""
        try:
            duty()
        except OSError as error:
            self._pass_over(error)
            return False
        return True

    def _pass_over(self, error: OSError) -> None:
        """Note what cannot be tidied up. It is said once for each day, unless the disk refuses the next write, too."""
        self._errors += 1
        if not self._in_trouble:
            day = str(error.filename).removeprefix(f"{self.folder}/").partition("/")[0]
            self._untidy[error.errno, day] = describe_error(error, self.folder)
            self._untidy_at = self._written

    def _say_untidy(self) -> None:
        for what, words in self._untidy.items():
            self._say_once(what, "history: cannot tidy up below %s", words)
        self._untidy.clear()

    def _say_once(self, what: object, words: str, *values: object) -> None:
        if what not in self._said:
            _log.warning(words, *values)
        self._said.add(what)


def _began_unsynced(segment: Segment) -> bool:
    """Whether the segment is named by a clock that was known to be wrong, as that of a board without its own is."""
    with contextlib.suppress(OSError, EOFError, ValueError, RecursionError):
        first = json.loads(next(read_lines(segment), ""))
        return isinstance(first, dict) and first.get("synced") is False
    return False
