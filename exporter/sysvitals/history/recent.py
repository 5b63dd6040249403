"""What the history knows of the last day: what the verdict takes up when the exporter starts."""

import json
from collections.abc import Collection, Iterator, Mapping
from typing import Any, NamedTuple

from sysvitals.history.summaries.files import list_files, start_of
from sysvitals.history.summaries.reading import Current, read_changes, read_coverage, read_stretches
from sysvitals.model.event import Event, decode_event
from sysvitals.model.reading import Body
from sysvitals.model.summary import Series, Stretch

_DAY_SECONDS = 86400.0
_MINUTES_SECONDS = 2.1 * 3600
_HOURS_SECONDS = 26 * 3600.0
_CHANGES_SECONDS = 8 * 86400.0
"""Changes of the verdict say since when it holds, which may be days."""


class Recent(NamedTuple):
    """Stretches of each series, oldest first, and changes. `now` is the Unix time until which they were read.

    That is the end of the history, where the clock is wrong and says less.
    """

    rows: list[tuple[Series, list[Stretch]]]
    changes: list[Event]
    now: float


def ask_recent(  # noqa: PLR0913  # a question has that many sides
    folder: str,
    *,
    fields: Collection[tuple[str, str]],
    changes: Collection[str],
    now: float,
    synced: bool | None,
    current: Current | None = None,
) -> dict[str, Any]:
    """The question for `answer_recent`: of these fields of events, and these names of changes, until now."""
    return {
        "verb": "recent",
        "folder": folder,
        "fields": sorted(map(list, fields)),
        "changes": sorted(changes),
        "now": now,
        "synced": synced,
        "current": current,
    }


def answer_recent(question: Mapping[str, Any]) -> dict[str, Any]:
    """What is known, as JSON can have it. Raises OSError."""
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


def decode_recent(answer: Mapping[str, Any], bodies: Mapping[str, type[Body]]) -> Recent:
    """The answer as values. A change that this version does not understand is left out."""
    rows: dict[Series, list[Stretch]] = {}
    for event, labels, field, stretches in answer["rows"]:
        rows.setdefault(Series(event, tuple(labels), field), []).extend(map(Stretch._make, stretches))
    return Recent(list(rows.items()), list(_decode_changes(answer["changes"], bodies)), answer["now"])


def _decode_changes(changes: Collection[dict[str, Any]], bodies: Mapping[str, type[Body]]) -> Iterator[Event]:
    for change in changes:
        try:
            event = decode_event(json.dumps(change), bodies)
        except ValueError:
            continue
        if event is not None:
            yield event


def _end_of(folder: str) -> float:
    """When the last was heard of this host, in Unix seconds; 0 where that is not known. Raises OSError."""
    files = list_files(folder)
    if not files:
        return 0.0
    begin = start_of(files[-1].day)
    return max((piece.end for piece in read_coverage(folder, begin, begin + 2 * _DAY_SECONDS)), default=0.0)
