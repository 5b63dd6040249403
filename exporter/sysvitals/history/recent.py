"""Answers what the history knows of the last day. Imports little: it runs in a separate process."""

from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from sysvitals.history.summaries.files import CLOCKS, day_of, parse_json, read_clocks
from sysvitals.history.summaries.placing import Present, find_origins, place_parts
from sysvitals.history.summaries.reading import Part, changes_of, find_parts, is_change, join_lines, offsets_of

if TYPE_CHECKING:
    from sysvitals.model.reading import Body

_END = float("inf")
_SECONDS = {"minutes": 2.1 * 3600, "hours": 26 * 3600.0}
"""How far back each level is taken up."""

_CHANGES_SECONDS = 8 * 86400.0
"""Changes of the verdict say since when it holds, which may be days."""

_SEGMENT_SECONDS = 3600.0 * 24
"""A segment may have begun so long before what it holds."""

_UNCLEAN = "system.shutdown.unclean"


def add_missing(question: dict[str, Any], bodies: "Mapping[str, type[Body]]") -> None:
    """Read segments of the last day that have no summary, and could not get one. Raises OSError."""
    # for this alone
    from sysvitals.history.summaries.rebuilding import read_missing  # noqa: PLC0415

    missing, current = question["missing"], question["current"] or {}
    since = question["now"] - _SECONDS["hours"] - _SEGMENT_SECONDS if question["synced"] is not False else 0.0
    found = read_missing(
        missing["history"],
        question["folder"],
        bodies,
        wants=lambda segment: segment.began >= since and segment.stem not in missing["skip"],
    )
    question["current"] = {level: [*lines, *current.get(level, ())] for level, lines in found.items()}


def answer_recent(question: Mapping[str, Any]) -> dict[str, Any]:
    """The stretches and changes that are asked for, each at its Unix time by the clock of now. Raises OSError.

    Of a boot of which it is not known how long ago it was there are no minutes: they are asked for the last few.
    """
    folder, current = question["folder"], question["current"]
    present = Present(question["now"], question["boot"], question["uptime"], question["synced"] is not False)
    offsets = offsets_of(read_clocks(folder, (current or {}).get(CLOCKS, ())))
    known = [*find_parts(folder, "hours", _is_ending, offsets, current=current)]
    origins = find_origins(known, present, _find_successors(known))
    whole = [*place_parts(known, origins)]
    keys = {f'["{event}","{field}"'.encode() for event, field in question["fields"]}

    def read(level: str, seconds: float) -> list[Part]:
        begin = present.time - seconds
        days = {day_of(part.head["from"]) for part in whole if part.end >= begin}
        found = find_parts(folder, level, lambda line: _is_wanted(line, keys), offsets, days.__contains__, current)
        parts = [part for part in place_parts(found, origins) if part.end >= begin]
        return sorted(parts, key=lambda part: part.begin)

    hours = read("hours", _CHANGES_SECONDS)
    minutes = [part for part in read("minutes", _SECONDS["minutes"]) if not origins[part.head["boot"]].moved]
    rows = [*_rows(minutes, "minutes", present.time), *_rows(hours, "hours", present.time)]
    names = set(question["changes"])
    changes = changes_of(hours, present.time - _CHANGES_SECONDS, _END)
    return {"rows": rows, "changes": [change for change in changes if change["name"] in names]}


def _rows(parts: Iterable[Part], level: str, now: float) -> Iterator[list[Any]]:
    begin = now - _SECONDS[level]
    near = [
        part._replace(lines=[line for line in part.lines if not is_change(line)]) for part in parts if part.end >= begin
    ]
    for series, line in join_lines(near, level).items():
        if stretches := line.between(begin, _END):
            yield [*series, stretches]


def _is_wanted(line: bytes, keys: set[bytes]) -> bool:
    return is_change(line) or line[: line.find(b",[")] in keys


def _is_ending(line: bytes) -> bool:
    return is_change(line) and _UNCLEAN.encode() in line


def _find_successors(parts: Iterable[Part]) -> dict[str, str]:
    """Which boot came after one that ended without a shutdown, which it reports."""
    found: dict[str, str] = {}
    for part in parts:
        for line in part.lines:
            with suppress(ValueError, KeyError, TypeError, RecursionError):
                report = parse_json(line)
                if report["name"] == _UNCLEAN:
                    found[str(report["data"]["ended_boot"])] = str(report["boot"])
    return found
