"""Asking for the time line: of the process that reads the history, and where it cannot answer of what is in memory."""

import json
from collections.abc import Iterable
from typing import Any, NamedTuple

from sysvitals.history.past import View
from sysvitals.history.summaries.reading import Current
from sysvitals.host.side_process import NoAnswerError, SideProcess, Withdrawal
from sysvitals.sources.os.zone import Zone

NOTHING: Current = {"minutes": (), "hours": ()}


class Source(NamedTuple):
    """Where the past is found: the summaries' folder, and the lines of what is in no file yet.

    `missing` says why there is no history at all; empty where there is one.
    """

    folder: str
    current: Current = NOTHING
    missing: str = ""


def ask_timeline(source: Source, view: View, zone: Zone) -> dict[str, Any]:
    """The question for `answer_timeline`."""
    return {
        "verb": "timeline",
        "folder": source.folder,
        "current": {level: [*lines] for level, lines in source.current.items()},
        "zone": zone,
        "view": {**view._asdict(), "limits": [[*sensor, limit] for sensor, limit in view.limits.items()]},
    }


def ask_rebuild(history: str, folder: str, catalog: str, skip: Iterable[str]) -> dict[str, Any]:
    """The question that has all segments in the folder `history` summarised that are not, but those of these stems.

    `catalog` is the module that builds the catalog of events. The answer is how many were summarised.
    """
    return {"verb": "rebuild", "history": history, "folder": folder, "catalog": catalog, "skip": [*skip]}


def read_timeline(
    process: SideProcess, source: Source, view: View, zone: Zone, withdrawal: Withdrawal | None = None
) -> bytes:
    """The time line as JSON. Where the history cannot be read, it says why, and has what is in memory."""
    why = source.missing
    if not why:
        try:
            return process.ask(ask_timeline(source, view, zone), withdrawal)
        except NoAnswerError as error:
            why = f"The history could not be read: {error.strerror}"
    # imported for this alone: else it is for the process that reads the history
    from sysvitals.history.timeline import build_timeline, read_past  # noqa: PLC0415

    past = read_past("", view, source.current)
    return json.dumps(build_timeline(past._replace(partial=why), view, zone.name), separators=(",", ":")).encode()
