"""The parts of a day, made one where they follow each other: pure."""

import json
from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from typing import Any

from sysvitals.history.summaries.files import SECONDS
from sysvitals.history.summaries.reading import (
    SILENCE_SECONDS,
    Line,
    Part,
    join_lines,
    split_parts,
    without_twins,
)
from sysvitals.model.summary import Series

_HOUR = int(SECONDS["hours"])
_SAME = ("version", "host", "boot", "synced", "shift")
_dump = json.JSONEncoder(ensure_ascii=False, separators=(",", ":"), allow_nan=False).encode


def compact_lines(lines: Iterable[bytes]) -> list[str]:
    """The lines of a day's hours with as few parts as can be; empty where there is nothing to join.

    A hole stays: it may be filled when what is missing is made again.
    """
    found = list(split_parts(lines, bool, {}))
    groups: list[list[Part]] = []
    for part in sorted(without_twins(found), key=lambda part: part.begin):
        if groups and _follows(groups[-1][-1], part):
            groups[-1].append(part)
        else:
            groups.append([part])
    if len(groups) == len(found):
        return []
    return [line for group in groups for line in (_join(group) if len(group) > 1 else _keep(group[0]))]


def _follows(before: Part, part: Part) -> bool:
    return (
        all(before.head.get(key) == part.head.get(key) for key in _SAME)
        and 0 <= part.head["uptime"] - before.head["until"] <= SILENCE_SECONDS
        and 0 <= part.begin - before.end <= SILENCE_SECONDS  # the clock was not set in between
        # a segment of which only a part is summarised is known by that part alone
        and all(one.head.get("segments") == one.head.get("closed") for one in (before, part))
    )


def _keep(part: Part) -> Iterator[str]:
    yield _dump(part.head)
    yield from _decode(part.lines)


def _join(parts: Sequence[Part]) -> Iterator[str]:
    origin = parts[0].head["origin"]
    yield _dump(_join_heads([part.head for part in parts]))
    changes = _decode(line for part in parts for line in part.lines if line.startswith(b"{"))
    series = [part._replace(lines=[line for line in part.lines if line.startswith(b"[")]) for part in parts]
    for name, line in join_lines(series, "hours").items():
        yield _encode(name, line, origin)
    yield from changes


def _decode(lines: Iterable[bytes]) -> Iterator[str]:
    for line in lines:
        with suppress(UnicodeDecodeError):  # it is none of ours
            yield line.decode()


def _join_heads(heads: Sequence[dict[str, Any]]) -> dict[str, Any]:
    first, last = heads[0], heads[-1]
    joined = {**first, "to": last["to"], "until": last["until"]}
    for key in ("segments", "closed", "silent"):
        if found := [entry for head in heads for entry in head.get(key, ())]:
            joined[key] = [entry for number, entry in enumerate(found) if entry not in found[:number]]
    for key in ("left_out", "unkept"):
        counts: dict[str, int] = {}
        for head in heads:
            for name, count in head.get(key, {}).items():
                counts[name] = counts.get(name, 0) + count
        if counts:
            joined[key] = counts
    return joined


def _encode(series: Series, line: Line, origin: int) -> str:
    stretches = line.between(float("-inf"), float("inf"))
    rows: list[list[float | None]] = [[one.readings for one in stretches]]
    fields = {"gauge": ("least", "mean", "most", "last"), "flag": ("mean", "last"), "counter": ("growth", "last")}
    rows += [[getattr(one, field) for one in stretches] for field in fields[line.kind]]
    cells: list[Any] = [row[0] if row.count(row[0]) == len(row) else row for row in rows]
    at = [round((one.begin - origin) / _HOUR) for one in stretches]
    base = [line.base] if line.kind == "counter" else []
    return _dump([series.event, series.field, series.labels, line.kind, at, *cells, *base])
