"""The time line of a part of the history: lanes, curves and what happened, as JSON has it."""

import os
import time
from collections.abc import Iterable, Iterator, Mapping
from math import inf
from typing import Any

from sysvitals.history.curves import draw_curves, make_buckets
from sysvitals.history.episodes import Occurrence
from sysvitals.history.happenings import list_happenings
from sysvitals.history.lanes import draw_lanes, find_silence
from sysvitals.history.past import BRIEF_SECONDS, Found, Losses, Past, View
from sysvitals.history.summaries.files import list_files, start_of
from sysvitals.history.summaries.reading import (
    Coverage,
    Current,
    Newest,
    Part,
    changes_of,
    coverage_of,
    is_change,
    join_lines,
    read_coverage,
    read_parts,
    read_stretches,
)
from sysvitals.model.summary import Series, Stretch

HOUR_SECONDS, MINUTE_SECONDS = 3600.0, 60.0
_DAY_SECONDS = 86400.0
AROUND_SECONDS = 26 * 3600.0
"""What began so long before the time shown, or ends so long after it, is whole."""

MOST_CHANGES = 10_000
"""So many of one name are shown, the newest: a board that browns out all the time has as many in two days."""

_MOST_DAYS = 8
"""So many days are read more closely, or looked at for the beginning."""

_WANTED = frozenset(
    {
        ("system.clock.updated", "synchronised"),
        ("system.cpu.usage.updated", "busy_percent"),
        ("system.disk.io.updated", "read_bytes_per_second"),
        ("system.disk.io.updated", "written_bytes_per_second"),
        ("system.load.updated", "load1"),
        ("system.memory.usage.updated", "oom_kills"),
        ("system.memory.usage.updated", "used_percent"),
        ("system.network.usage.updated", "receive_bytes_per_second"),
        ("system.network.usage.updated", "transmit_bytes_per_second"),
        ("system.temperature.updated", "celsius"),
        ("system.throttling.updated", "active"),
    }
)
"""Events and fields that the time line is made of."""

_FINE_BUCKETS_SECONDS = 1200.0
"""Buckets shorter than this are made of minutes, others of hours."""


def answer_timeline(question: Mapping[str, Any]) -> dict[str, Any]:
    """Answer the question of `ask_timeline`, in a process that is for it alone: its time zone becomes the board's.

    Raises OSError.
    """
    zone, os.environ["TZ"] = question["zone"]
    time.tzset()
    asked = question["view"]
    view = View(**{**asked, "limits": {tuple(sensor): limit for *sensor, limit in asked["limits"]}})
    return build_timeline(read_past(question["folder"], view, question["current"]), view, zone)


def read_past(folder: str, view: View, current: Current) -> Past:
    """Read what this view shows of the summaries in this folder. `current` is what is not in a file yet.

    Raises OSError.
    """
    begin, end = view.begin - AROUND_SECONDS, view.end + AROUND_SECONDS
    level, _ = choose_level(view)
    keys = {f'["{event}","{field}"'.encode() for event, field in _WANTED}
    losses, newest = Losses(), Newest(MOST_CHANGES)
    hours = read_parts(
        folder, begin, end, "hours", lambda line: is_change(line) or _key(line) in keys, current, losses.note, newest
    )
    if newest.left_out:
        losses.note("older changes", f"{newest.left_out:,} are too many to show")
    parts = hours
    if level == "minutes":
        parts = read_parts(folder, view.begin, view.end, level, lambda line: _key(line) in keys, current, losses.note)
    coverage = coverage_of(hours, begin, end)
    return Past(
        of=_Rows(folder, view, parts, current, losses),
        occurrences=list(_read_occurrences(changes_of(hours, begin, end))),
        coverage=coverage,
        earliest=_find_earliest(folder, coverage, losses),
        missing=losses.describe,
    )


def _key(line: bytes) -> bytes:
    """What a line of a series begins with: its event and field."""
    return line[: line.find(b",[")]


class _Rows:
    """The stretches of one field after another, made of the lines of these parts when they are asked for."""

    def __init__(self, folder: str, view: View, parts: Iterable[Part], current: Current, losses: Losses) -> None:
        self._folder = folder
        self._view = view
        self._current = current
        self._losses = losses
        self._level, _ = choose_level(view)
        self._parts: dict[bytes, list[Part]] = {}
        self._last: tuple[bytes, Found] = b"", {}
        for part in parts:
            lines: dict[bytes, list[bytes]] = {}
            for line in part.lines:
                lines.setdefault(_key(line), []).append(line)
            for key, mine in lines.items():
                self._parts.setdefault(key, []).append(part._replace(lines=mine))

    def __call__(self, event: str, field: str) -> Found:
        """The series of this field."""
        key = f'["{event}","{field}"'.encode()
        if self._last[0] != key:
            self._last = b"", {}  # before others take its place
            self._last = key, self._read(key, (event, field))
        return self._last[1]

    def _read(self, key: bytes, field: tuple[str, str]) -> Found:
        lines = join_lines(self._parts.get(key, ()), self._level)
        chosen = {series: line.between(self._view.begin, self._view.end) for series, line in lines.items()}
        found = {series: stretches for series, stretches in chosen.items() if stretches}
        if self._level == "hours":
            self._look_closer(found, field)
        return found

    def _look_closer(self, found: dict[Series, list[Stretch]], field: tuple[str, str]) -> None:
        """Replace hours in which something was not as it should be by their minutes, on the newest such days."""
        bad = [(series, one) for series, known in found.items() for one in known if _is_bad(series, one, self._view)]
        for day in sorted({one.begin // _DAY_SECONDS * _DAY_SECONDS for _, one in bad})[-_MOST_DAYS:]:
            until = day + _DAY_SECONDS
            closer = read_stretches(
                self._folder,
                day,
                until + HOUR_SECONDS,
                "minutes",
                {field},
                current=self._current,
                lose=self._losses.note,
            )
            for series, hour in bad:
                if day <= hour.begin < until:
                    end = hour.begin + hour.seconds
                    minutes = [one for one in closer.get(series, ()) if hour.begin <= one.begin < end]
                    at = found[series].index(hour)
                    found[series][at : at + 1] = minutes or [hour]


def _is_bad(series: Series, one: Stretch, view: View) -> bool:
    """Whether it is worth to know when exactly: heat, a clock without a server, processes killed for memory."""
    if series.field == "celsius":
        return one.most >= view.limits.get(series.labels, inf)
    return one.mean < 1 if series.field == "synchronised" else series.field == "oom_kills" and bool(one.growth)


def _read_occurrences(changes: Iterable[Mapping[str, Any]]) -> Iterator[Occurrence]:
    for line in changes:
        data = line.get("data")
        if isinstance(data, dict):
            uptime = line.get("uptime")
            yield Occurrence(
                at=line["at"],
                name=str(line.get("name", "")),
                boot=str(line["boot"]),
                uptime=float(uptime) if isinstance(uptime, int | float) else 0.0,
                data=data,
                placed=line.get("placed") is True,
            )


def _find_earliest(folder: str, coverage: list[Coverage], losses: Losses) -> float | None:
    """When the history begins. What was recorded by a wrong clock stands elsewhere than in the file of its day."""
    begins = [one.begin for one in coverage[:1]]
    for day in sorted({start_of(file.day) for file in list_files(folder)})[:_MOST_DAYS]:
        if found := read_coverage(folder, day, day + _DAY_SECONDS, lose=losses.note):
            return min(*begins, found[0].begin) if begins else found[0].begin
    return min(begins, default=None)


def choose_level(view: View) -> tuple[str, float]:
    """Return of which summaries the curves are made, `minutes` or `hours`, and how long these are in seconds."""
    if (view.end - view.begin) / view.points < _FINE_BUCKETS_SECONDS:
        return "minutes", MINUTE_SECONDS
    return "hours", HOUR_SECONDS


def build_timeline(past: Past, view: View, zone: str) -> dict[str, Any]:
    """All that is shown of this part. `zone` is the board's time zone, which is that of this process."""
    buckets = make_buckets(view, choose_level(view)[1])
    silence = find_silence(past, view)
    begun = min(view.end, view.now if past.earliest is None else past.earliest)
    gaps = [*([(view.begin, begun)] if begun > view.begin else []), *silence]
    if view.end - view.now >= BRIEF_SECONDS:  # what is to come is not known either
        gaps.append((max(view.begin, view.now), view.end))
    is_blank = view.end - view.begin - sum(end - begin for begin, end in gaps) < 1
    happened, left_out = list_happenings(past, view)
    lanes, curves = draw_lanes(past, view), draw_curves(past, view, buckets, gaps)
    return {
        "from": round(view.begin, 3),
        "to": round(view.end, 3),
        "now": round(view.now, 3),
        "tz": zone,
        "gaps": [[round(begin, 3), round(end, 3)] for begin, end in gaps],
        "lanes": [{**lane, "blank": True} for lane in lanes] if is_blank else lanes,
        "curves": curves,
        "at": buckets.begins(),
        "happened": happened,
        "left_out": left_out,
        "earliest": past.earliest,
        "partial": past.partial or past.missing(),
    }
