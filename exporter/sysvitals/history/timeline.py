"""The time line of a part of the history: lanes, curves and what happened, as JSON has it."""

import os
import time
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from sysvitals.history.curves import draw_curves, make_buckets
from sysvitals.history.episodes import Occurrence
from sysvitals.history.happenings import list_happenings
from sysvitals.history.lanes import draw_lanes, find_silence
from sysvitals.history.past import Past, View
from sysvitals.history.summaries.files import list_files, start_of
from sysvitals.history.summaries.reading import (
    Coverage,
    Current,
    changes_of,
    coverage_of,
    is_change,
    read_coverage,
    read_parts,
    read_stretches,
)

HOUR_SECONDS, MINUTE_SECONDS = 3600.0, 60.0
_DAY_SECONDS = 86400.0
_AROUND_SECONDS = 26 * 3600.0
"""What began so long before the time shown, or ends so long after it, is whole."""

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
    begin, end = view.begin - _AROUND_SECONDS, view.end + _AROUND_SECONDS
    level, _ = choose_level(view)
    hours = read_parts(folder, begin, end, "hours", is_change, current)
    coverage = coverage_of(hours, begin, end)
    return Past(
        stretches=read_stretches(folder, view.begin, view.end, level, _WANTED, current=current),
        occurrences=list(_read_occurrences(changes_of(hours, begin, end))),
        coverage=coverage,
        earliest=_find_earliest(folder, coverage),
    )


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


def _find_earliest(folder: str, coverage: list[Coverage]) -> float | None:
    """When the history begins."""
    begins = [one.begin for one in coverage[:1]]
    for file in list_files(folder)[:1]:
        day = start_of(file.day)
        begins += [one.begin for one in read_coverage(folder, day, day + _DAY_SECONDS)[:1]]
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
    before = [(view.begin, begun)] if begun > view.begin else []
    happened, left_out = list_happenings(past, view)
    return {
        "from": round(view.begin, 3),
        "to": round(view.end, 3),
        "now": round(view.now, 3),
        "tz": zone,
        "gaps": [[round(begin, 3), round(end, 3)] for begin, end in (*before, *silence)],
        "lanes": draw_lanes(past, view),
        "curves": draw_curves(past, view, buckets),
        "at": buckets.begins(),
        "happened": happened,
        "left_out": left_out,
        "earliest": past.earliest,
        "partial": past.partial,
    }
