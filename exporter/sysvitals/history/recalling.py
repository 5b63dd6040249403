"""Asking what the history knows of the last day, for the verdict of an exporter that starts."""

import json
from collections.abc import Collection, Iterator, Mapping
from typing import Any, NamedTuple

from sysvitals.history.summaries.reading import Current
from sysvitals.host.side_process import SideProcess
from sysvitals.model.event import Event, Stamp, decode_event
from sysvitals.model.reading import Body
from sysvitals.model.summary import Series, Stretch


class Wanted(NamedTuple):
    """What is asked for: fields of events, and names of changes."""

    fields: Collection[tuple[str, str]]
    changes: Collection[str]


class Missing(NamedTuple):
    """The folder of segments, the module that builds the catalog of events, and the stems of those not to be read."""

    history: str
    catalog: str
    skip: list[str]


class Recent(NamedTuple):
    """Stretches of each series, those of minutes and of hours, and changes, oldest first, by the clock of who asked."""

    rows: list[tuple[Series, list[Stretch]]]
    changes: list[Event]


def ask_recent(
    folder: str, wanted: Wanted, *, now: Stamp, current: Current | None = None, missing: Missing | None = None
) -> dict[str, Any]:
    """The question for `answer_recent`. `current` are the lines of what is in no file yet.

    `missing` says where segments may lack a summary; None: none does.
    """
    return {
        "verb": "recent",
        "folder": folder,
        "fields": sorted(map(list, wanted.fields)),
        "changes": sorted(wanted.changes),
        "now": now.time,
        "boot": now.boot,
        "uptime": now.uptime,
        "synced": now.synced,
        "current": current,
        "missing": missing._asdict() if missing is not None else None,
    }


def read_recent(process: SideProcess, question: Mapping[str, Any], bodies: Mapping[str, type[Body]]) -> Recent:
    """What this process answers. A change that this version does not understand is left out. Raises NoAnswerError."""
    answer = json.loads(process.ask(question))
    rows: dict[Series, list[Stretch]] = {}
    for event, labels, field, stretches in answer["rows"]:
        rows.setdefault(Series(event, tuple(labels), field), []).extend(map(Stretch._make, stretches))
    return Recent(list(rows.items()), list(_decode(answer["changes"], bodies)))


def _decode(changes: Collection[dict[str, Any]], bodies: Mapping[str, type[Body]]) -> Iterator[Event]:
    for change in changes:
        try:
            event = decode_event(json.dumps(change), bodies)
        except ValueError:
            continue
        if event is not None:
            yield event
