"""The lines of a summary, as they are written. HISTORY.md has the format; `reading` reads it."""

import json
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from itertools import groupby
from math import fsum
from operator import itemgetter

from sysvitals.history.summaries.files import SECONDS, VERSION
from sysvitals.history.summaries.folding import Column, CounterColumn, Part
from sysvitals.history.summaries.plans import COUNTER, FLAG, GAUGE

_dump = json.JSONEncoder(ensure_ascii=False, separators=(",", ":"), allow_nan=False).encode


def encode_part(
    part: Part, level: str, *, segments: Sequence[str] = (), closed: Sequence[str] = (), shift: float = 0.0
) -> Iterator[str]:
    """The lines of a part at this level.

    `segments` are the stems of those that hold it, `closed` of those that are summarised with it. `shift` (seconds) is
    by how much its times are put right.
    """
    seconds = SECONDS[level]
    minutes = round(shift / SECONDS["minutes"])
    origin = int((part.first + shift) // seconds)
    header = {
        "version": VERSION,
        "segments": segments,
        "closed": closed,
        "host": part.host,
        "boot": part.boot,
        "synced": part.synced,
        "from": round(part.first + shift, 3),
        "to": round(part.last + shift, 3),
        "uptime": round(part.uptime, 3),
        "until": round(part.until, 3),
        "shift": round(shift, 3),
        "origin": origin * int(seconds),
        "silent": [[round(begin + shift, 3), round(end + shift, 3)] for begin, end in part.silent],
        "left_out": part.left_out,
        "unkept": part.unkept,
    }
    yield _dump({key: value for key, value in header.items() if value or key in _ALWAYS})
    for rows in part.rows:
        for name, column in zip(rows.plan.fields, rows.columns, strict=True):
            if column.at:
                head = f'["{rows.plan.event}","{name}",{_dump(rows.labels)},"{column.kind}"'
                at = [minute + minutes for minute in column.at]
                encode = _encode_hours if level == "hours" else _encode
                yield f"{head},{encode(column, at, origin)}]"
    if level == "hours":
        yield from part.changes


_ALWAYS = ("version", "host", "boot", "synced", "from", "to", "uptime", "until", "origin")


def _encode(column: Column, at: Sequence[int], origin: int) -> str:
    return _cells(column, [moment - origin for moment in at], column.count, column.parts)


def _encode_hours(column: Column, at: Sequence[int], origin: int) -> str:
    hours: list[int] = []
    counts: list[int] = []
    parts: list[list[float]] = [[] for _ in column.parts]
    for hour, group in groupby(range(len(at)), key=lambda position: at[position] // 60):
        positions = list(group)
        hours.append(hour - origin)
        counts.append(sum(column.count[position] for position in positions))
        for merge, part, merged in zip(_MERGERS[column.kind], column.parts, parts, strict=True):
            merged.append(merge([part[position] for position in positions]))
    return _cells(column, hours, counts, parts)


def _mean(values: Sequence[float]) -> float:
    return fsum(values) / len(values)


_MERGERS: Mapping[str, tuple[Callable[[Sequence[float]], float], ...]] = {
    GAUGE: (min, _mean, max, itemgetter(-1)),
    FLAG: (_mean, itemgetter(-1)),
    COUNTER: (fsum, itemgetter(-1)),
}


def _cells(column: Column, at: Sequence[int], count: Sequence[int], parts: Iterable[Sequence[float]]) -> str:
    form = "%.15g" if column.kind == COUNTER else "%.5g"
    cells = [f"[{','.join(map(str, at))}]", _join(count, "%d")]
    cells += [_join(part, form) for part in parts]
    if isinstance(column, CounterColumn):
        cells.append(form % column.base)
    return ",".join(cells)


def _join(values: Sequence[float], form: str) -> str:
    """The values as a list; where all are the same, that one alone."""
    if values.count(values[0]) == len(values):
        return form % values[0]
    return f"[{','.join(map(form.__mod__, values))}]"
