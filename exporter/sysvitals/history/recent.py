"""Answers what the history knows of the last day. Imports little: it runs in a process of its own."""

from collections.abc import Mapping
from typing import Any

from sysvitals.history.summaries.files import list_files, start_of
from sysvitals.history.summaries.reading import read_changes, read_coverage, read_stretches

_DAY_SECONDS = 86400.0
_MINUTES_SECONDS = 2.1 * 3600
_HOURS_SECONDS = 26 * 3600.0
_CHANGES_SECONDS = 8 * _DAY_SECONDS
"""Changes of the verdict say since when it holds, which may be days."""


def answer_recent(question: Mapping[str, Any]) -> dict[str, Any]:
    """The stretches and changes that are asked for, and the Unix time until which they were read. Raises OSError.

    Where the clock is wrong and says less, that is the end of the history.
    """
    folder, current = question["folder"], question["current"]
    now = question["now"] if question["synced"] is not False else max(question["now"], _end_of(folder))
    wanted = {(event, field) for event, field in question["fields"]}
    rows = [
        [*series, stretches]
        for level, seconds in (("minutes", _MINUTES_SECONDS), ("hours", _HOURS_SECONDS))
        for series, stretches in read_stretches(folder, now - seconds, now, level, wanted, current=current).items()
    ]
    names = set(question["changes"])
    found = read_changes(folder, now - _CHANGES_SECONDS, now, current=current)
    return {"rows": rows, "changes": [change for change in found if change["name"] in names], "now": now}


def _end_of(folder: str) -> float:
    """When the last was heard of this host, in Unix seconds; 0 where that is not known. Raises OSError."""
    files = list_files(folder)
    if not files:
        return 0.0
    begin = start_of(files[-1].day)
    return max((piece.end for piece in read_coverage(folder, begin, begin + 2 * _DAY_SECONDS)), default=0.0)
