"""Summaries on the disk: appended, pruned, and given up first where there is no room."""

import contextlib
import errno
import fcntl
import gzip
import json
import os
from collections.abc import Collection, Iterable, Mapping, Sequence
from io import FileIO
from typing import Any

from sysvitals.history.retention import DAY_SECONDS, find_leap
from sysvitals.history.segments import write_all
from sysvitals.history.summaries.compacting import compact_lines
from sysvitals.history.summaries.files import (
    CLOCKS,
    LEVELS,
    NO_FOLDER,
    SummaryFile,
    day_of,
    file_name,
    list_files,
    members,
    read_clocks,
    start_of,
)
from sysvitals.history.summaries.folding import Part
from sysvitals.history.summaries.format import encode_part
from sysvitals.host.storage import Folder, open_folder, require_one_name

SAME_CLOCK_SECONDS = 1.0


class Files:
    """The files in `folder`, for writing. Its methods raise OSError."""

    def __init__(self, folder: str) -> None:
        self.folder = folder
        self._sound: dict[str, int] = {}
        """How long the files were that end with a whole member, by their names."""
        self._wrong: set[tuple[str, str]] | None = None
        """Boots and days that the list of wrong clocks has; an empty day says that the boot's clock was set."""

    def append(
        self,
        parts: Sequence[Part],
        clocks: Mapping[str, float],
        *,
        segments: Sequence[str] = (),
        going_on: str = "",
        levels: Collection[str] = LEVELS,
    ) -> int:
        """Add these parts, each to the files of its day, at these levels. Returns how many bytes that took.

        `segments` are the stems of those closed that hold them, `going_on` of one that is not. `clocks` has Unix time
        less uptime of boots whose clock was set.
        """
        days: dict[str, list[Part]] = {}
        for part in parts:
            days.setdefault(day_of(part.first + shift_of(part, clocks)), []).append(part)
        if not days:
            return 0
        added = 0
        stems = [*segments, *([going_on] if going_on else [])]
        with open_folder(*os.path.split(self.folder), make=True) as place:
            self._note_clocks(place, parts, clocks)
            for day, mine in days.items():
                closed = segments if mine is days[[*days][-1]] else ()  # with the last of them all is there
                for level in levels:
                    lines = encode(mine, level, clocks, stems, closed)
                    added += self._append(place, file_name(day, level), lines)
        return added

    def compact(self, day: str) -> None:
        """Write the hours of a day that is over as one part: thirty days are then read five times as fast."""
        name = file_name(day, "hours")
        with (
            contextlib.suppress(*NO_FOLDER),
            open_folder(*os.path.split(self.folder)) as place,
            open(place.open(name, os.O_RDWR), "r+b", buffering=0) as file,
        ):
            _lock(file, place, name)
            lines = compact_lines(b"".join(member for member, _ in members(file.readall())).split(b"\n"))
            if lines:
                with place.replacing(name) as fresh:
                    fresh.write(_pack(lines))

    def compact_before(self, day: str) -> None:
        """The same of the last day before this one."""
        before = [file.day for file in list_files(self.folder) if file.level == "hours" and file.day < day]
        if before:
            self.compact(before[-1])

    def prune(self, now: float, keep_seconds: float, keep_bytes: int) -> int:
        """Remove days that are older than this, and the oldest beyond so many bytes; 0: no such limit.

        Returns how many bytes are left.
        """
        files = list_files(self.folder)
        total = sum(file.size for file in files)
        if not files:
            return 0
        ages = self._ages(files, now)
        leap = find_leap(ages.values(), now, keep_seconds) if now < float("inf") else (0.0, 0.0)
        with open_folder(*os.path.split(self.folder)) as place:
            for file in sorted(files, key=lambda file: (ages[file.day], file.level == "hours")):
                is_old = leap is None and 0 < keep_seconds < now - ages[file.day] - DAY_SECONDS
                if is_old or 0 < keep_bytes < total:
                    place.remove(file.name)
                    total -= file.size
            self._tidy_clocks(place)
        return total

    def remove_oldest_minutes(self) -> int:
        """Remove the oldest file of minutes. Returns how large it was."""
        oldest = next((file for file in list_files(self.folder) if file.level == "minutes"), None)
        if oldest is None:
            return 0
        with open_folder(*os.path.split(self.folder)) as place:
            place.remove(oldest.name)
        return oldest.size

    def _ages(self, files: Iterable[SummaryFile], now: float) -> dict[str, float]:
        """When each day began. One of a wrong clock is as old as when that was set, or new until then."""
        clocks = read_clocks(self.folder)
        set_at = {entry["boot"]: entry["at"] for entry in clocks if isinstance(entry.get("at"), float)}
        wrong = {entry["day"]: set_at.get(entry["boot"], now) for entry in clocks if "day" in entry}
        return {file.day: wrong.get(file.day, start_of(file.day)) for file in files}

    def list_clocks(self, entries: Iterable[Mapping[str, Any]]) -> None:
        """Add what the list of wrong clocks lacks of these, as where it was removed."""
        found = {(entry["boot"], entry.get("day", "")): entry for entry in entries}
        if found:
            with open_folder(*os.path.split(self.folder), make=True) as place:
                self._list_clocks(place, found)

    def _append(self, place: Folder, name: str, lines: Iterable[str]) -> int:
        data = _pack(lines)
        with open(place.open(name, os.O_RDWR | os.O_CREAT), "r+b", buffering=0) as file:
            require_one_name(file.fileno())
            # two may write here: the exporter, and what makes missing summaries again. Neither waits for the other
            _lock(file, place, name)
            end = self._cut_torn_end(file, name)
            try:
                write_all(file.fileno(), data)
            except OSError:
                file.truncate(end)
                raise
        self._sound[name] = end + len(data)
        return len(data)

    def _cut_torn_end(self, file: FileIO, name: str) -> int:
        """Go to the end of the file, behind its last whole member, and return where that is."""
        size = file.seek(0, os.SEEK_END)
        if self._sound.get(name) != size:  # another has written, or a power cut left less
            file.seek(0)
            ends = [end for _, end in members(file.readall())]
            size = ends[-1] if ends else 0
            file.truncate(size)
            file.seek(size)
        return size

    def _note_clocks(self, place: Folder, parts: Iterable[Part], clocks: Mapping[str, float]) -> None:
        """List which parts are written with a wrong time, and by how much it was wrong once that is known."""
        found: dict[tuple[str, str], Mapping[str, Any]] = {}
        for part in parts:
            if part.boot not in clocks:
                day = day_of(part.first)
                found[part.boot, day] = {"boot": part.boot, "day": day}
            elif any(boot == part.boot for boot, _ in self._find_wrong()):
                found[part.boot, ""] = {"boot": part.boot, "offset": clocks[part.boot], "at": part.last}
        self._list_clocks(place, found)

    def _list_clocks(self, place: Folder, found: Mapping[tuple[str, str], Mapping[str, Any]]) -> None:
        wrong = self._find_wrong()
        fresh = {key: entry for key, entry in found.items() if key not in wrong}
        if fresh:
            with open(place.open(CLOCKS, os.O_WRONLY | os.O_CREAT | os.O_APPEND), "ab") as file:
                require_one_name(file.fileno())
                # a separate line, though the last may be torn
                file.write("".join(f"\n{json.dumps(entry)}\n" for entry in fresh.values()).encode())
            wrong.update(fresh)

    def _find_wrong(self) -> set[tuple[str, str]]:
        if self._wrong is None:
            self._wrong = {(entry["boot"], str(entry.get("day", ""))) for entry in read_clocks(self.folder)}
        return self._wrong

    def _tidy_clocks(self, place: Folder) -> None:
        """Leave out of the list what is in no file any more."""
        entries = read_clocks(self.folder)
        days = {file.day for file in list_files(self.folder)}
        boots = {entry["boot"] for entry in entries if entry.get("day") in days}
        kept = [entry for entry in entries if entry["boot"] in boots and entry.get("day", "") in {"", *days}]
        if len(kept) < len(entries):
            with place.replacing(CLOCKS) as file:
                file.write("".join(f"{json.dumps(entry)}\n" for entry in kept).encode())
            self._wrong = None


def _lock(file: FileIO, place: Folder, name: str) -> None:
    """Claim the file for a moment. Raises BlockingIOError where another has it, or has replaced it meanwhile."""
    fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    if not os.path.samestat(os.fstat(file.fileno()), place.look(name)):
        raise BlockingIOError(errno.EAGAIN, "the file is being replaced", name)


def _pack(lines: Iterable[str]) -> bytes:
    return gzip.compress("".join(f"{line}\n" for line in lines).encode(), 6, mtime=0)


def encode(
    parts: Iterable[Part],
    level: str,
    clocks: Mapping[str, float],
    segments: Sequence[str] = (),
    closed: Sequence[str] = (),
) -> list[str]:
    """The lines of these parts at this level, their times put right by `clocks`."""
    return [
        line
        for part in parts
        for line in encode_part(part, level, segments=segments, closed=closed, shift=shift_of(part, clocks))
    ]


def shift_of(part: Part, clocks: Mapping[str, float]) -> float:
    """By how many seconds the clock of the part was wrong, as far as that is known."""
    shift = clocks.get(part.boot, part.offset) - part.offset if part.synced is False else 0.0
    return shift if abs(shift) > SAME_CLOCK_SECONDS else 0.0
