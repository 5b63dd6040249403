"""`api/v1/timeline`: a part of the history as lanes, curves and what happened, for the page and for programs.

The history is read in a separate process, for one question at a time. Equal questions that come meanwhile, or within
seconds, share the answer; beyond a few that wait, there is none.
"""

import asyncio
import io
import json
import math
import re
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import partial
from typing import Any, NamedTuple

from sysvitals.host.files import shorten
from sysvitals.host.side_process import Withdrawal
from sysvitals.model.event import format_time
from sysvitals.web.http.messages import Answer, Request, Response, respond_text
from sysvitals.web.http.pool import Pool

QUESTIONS = 8
"""How many different questions may wait or be under way at a time, all from one thread."""

QUESTIONS_OF_A_CLIENT = 4

FRESH_SECONDS = 5.0
"""An answer may be so old: a page that was drawn and its script ask the same within seconds."""

MOST_POINTS = 360
DEFAULT_POINTS = 300
DEFAULT_RANGE = "24h"
PAGE_POINTS = 144
"""As many a page draws by itself; its script asks for as many as its width has room for."""

_SHORTEST_SECONDS, _LONGEST_SECONDS = 1.0, 400 * 86400.0
_UNITS = {"m": 60, "h": 3600, "d": 86400, "w": 604800}
_RANGE = re.compile(r"([1-9]\d{0,5})([mhdw])", re.ASCII)
_NUMBER = re.compile(r"\d{1,15}(\.\d{0,15})?(e\+?\d{1,2})?", re.ASCII | re.IGNORECASE)
_FORMATS = ("csv", "json")
_LATEST = 9_999_999_999.0
"""The year 2286: what is later is milliseconds for seconds."""

_ROUNDING = 0.01
"""Times are rounded to milliseconds."""

_HEADERS = {"cache-control": "no-store", "x-content-type-options": "nosniff"}
_JSON = {"content-type": "application/json", **_HEADERS}


class Window(NamedTuple):
    """Which time is asked for, in Unix seconds, or `seconds` up to now, and in how many points."""

    points: int = DEFAULT_POINTS
    seconds: float | None = None
    begin: float = 0.0
    end: float = 0.0

    def span(self, now: float) -> tuple[float, float]:
        """Return begin and end in Unix seconds."""
        return (self.begin, self.end) if self.seconds is None else (now - self.seconds, now)


Read = Callable[[Window, Withdrawal], bytes]
"""Reads the time line of this window as JSON, in a thread. Takes as long as it takes, unless it is withdrawn."""


class _Shared:
    """One question under way, or just answered, and how many wait for it."""

    def __init__(self, task: "asyncio.Task[bytes]", withdrawal: Withdrawal) -> None:
        self.task = task
        self.withdrawal = withdrawal
        self.waiting = 0
        self.answered: float | None = None


class Timelines:
    """Answers questions after the time line. Use it in the event loop only."""

    def __init__(self, read: Read, clock: Callable[[], float] = time.monotonic) -> None:
        self._read = read
        self._clock = clock
        self._pool = Pool("history", threads=1, most=QUESTIONS, most_of_client=QUESTIONS_OF_A_CLIENT)
        self._shared: dict[Window, _Shared] = {}

    async def ask(self, client: str, window: Window) -> bytes:
        """Return the time line as JSON. Raises BusyError."""
        self._forget()
        shared = self._shared.get(window)
        if shared is None:
            withdrawal = Withdrawal()
            task = asyncio.create_task(self._pool.run(client, partial(self._read, window, withdrawal)))
            shared = self._shared[window] = _Shared(task, withdrawal)
            task.add_done_callback(partial(self._note_end, window, shared))
        shared.waiting += 1
        try:
            return await asyncio.shield(shared.task)
        finally:
            shared.waiting -= 1
            if not shared.waiting and shared.answered is None:
                # all who asked have gone
                self._drop(window, shared)
                shared.withdrawal.withdraw()

    async def answer(self, request: Request) -> Answer:
        """Answer a request."""
        try:
            window, form = parse_query(request.query)
        except ValueError as error:
            return respond_text(400, f"{error}\n")
        text = await self.ask(request.client, window)
        if not form:
            return Response(200, _JSON, text)
        timeline = json.loads(text)
        name = f"sysvitals-{format_time(timeline['from'])[:16]}-{format_time(timeline['to'])[:16]}".replace(":", "")
        headers = {"content-disposition": f'attachment; filename="{name}.{form}"', **_HEADERS}
        if form == "json":
            return Response(200, {**_JSON, **headers}, text)
        return Response(200, {"content-type": "text/csv; charset=utf-8", **headers}, write_csv(timeline).encode())

    def _note_end(self, window: Window, shared: _Shared, task: "asyncio.Task[bytes]") -> None:
        shared.answered = self._clock()
        if task.cancelled() or task.exception() is not None:
            self._drop(window, shared)

    def _drop(self, window: Window, shared: _Shared) -> None:
        if self._shared.get(window) is shared:
            del self._shared[window]

    def _forget(self) -> None:
        """Forget answers that are too old."""
        now = self._clock()
        for window, shared in [*self._shared.items()]:
            if shared.answered is not None and now - shared.answered >= FRESH_SECONDS:
                del self._shared[window]


def parse_query(query: Mapping[str, list[str]]) -> tuple[Window, str]:
    """Return the window that a query asks for, and `csv`, `json` or nothing. Raises ValueError: what is wrong."""
    form = _one(query, "format")
    if form and form not in _FORMATS:
        raise ValueError(f"format {_quote(form)} is not known: expected csv or json")
    points = _parse_points(_one(query, "points"))
    begin, end, range_ = (_one(query, name) for name in ("from", "to", "range"))
    if not begin and not end:
        return Window(points, seconds=_parse_range(range_ or DEFAULT_RANGE)), form
    if range_:
        raise ValueError("range does not go together with from and to: leave one out")
    if not begin or not end:
        raise ValueError("from and to go together: both in Unix seconds")
    since, until = _parse_time("from", begin), _parse_time("to", end)
    if until <= since:
        raise ValueError("from must be before to")
    return Window(points, begin=since, end=_check_length(since, until)), form


def choose_window(range_: str, begin: float | None, end: float | None) -> Window:
    """Return the window of a page, which shows a range, or the time between two moments. Raises ValueError."""
    if begin is None or end is None:
        return Window(PAGE_POINTS, seconds=_parse_range(range_))
    return Window(PAGE_POINTS, begin=begin, end=_check_length(begin, end))


def _one(query: Mapping[str, list[str]], name: str) -> str:
    values = query.get(name, [""])
    if len(values) > 1:
        raise ValueError(f"{name} is given {len(values)} times: once is enough")
    return values[0]


def _quote(text: str) -> str:
    return ascii(shorten(text))


def _parse_points(text: str) -> int:
    if not text:
        return DEFAULT_POINTS
    if not (text.isascii() and text.isdigit() and len(text) < 5 and 1 <= int(text) <= MOST_POINTS):
        raise ValueError(f"points {_quote(text)} is not valid: expected a number from 1 to {MOST_POINTS}")
    return int(text)


def _parse_range(text: str) -> float:
    found = _RANGE.fullmatch(text)
    seconds = int(found[1]) * _UNITS[found[2]] if found else 0
    if not _SHORTEST_SECONDS <= seconds <= _LONGEST_SECONDS:
        raise ValueError(f"range {_quote(text)} is not valid: expected a time such as 1h, 24h, 7d or 30d, up to 400d")
    return float(seconds)


def _parse_time(name: str, text: str) -> float:
    seconds = float(text) if _NUMBER.fullmatch(text) else math.nan
    if not 0 <= seconds <= _LATEST:
        raise ValueError(f"{name} {_quote(text)} is not valid: expected Unix seconds, such as 1767225600")
    return seconds


def _check_length(since: float, until: float) -> float:
    if not _SHORTEST_SECONDS <= until - since <= _LONGEST_SECONDS:
        raise ValueError(f"from and to are {until - since:g} s apart: expected 1 s to 400 days")
    return until


def write_csv(timeline: Mapping[str, Any]) -> str:
    """The curves and lanes as CSV (RFC 4180): a row for each bucket, times in UTC, seconds of each lane in it.

    What is not known is empty.
    """
    import csv  # noqa: PLC0415  # for those few who ask for it

    begins = timeline["at"]
    columns = [
        ("time", [format_time(at) for at in begins]),
        *_curve_columns(timeline["curves"]),
        *_lane_columns(timeline["lanes"], timeline["gaps"], [*begins, timeline["to"]]),
    ]
    text = io.StringIO()
    rows = csv.writer(text)
    rows.writerow([name for name, _ in columns])
    rows.writerows(zip(*(values for _, values in columns), strict=True))
    return text.getvalue()


def _curve_columns(curves: Iterable[Mapping[str, Any]]) -> Iterator[tuple[str, list[Any]]]:
    for curve in curves:
        unit = curve["unit"].replace(" ", "_")
        name = f"{curve['id']}_{unit}" if unit else curve["id"]
        if curve.get("mirror"):
            for way, kind in zip(curve["ways"], ("mean", "down"), strict=True):
                yield f"{curve['id']}_{way}_{unit}", curve[kind]
        else:
            for kind in ("min", "mean", "max"):
                yield f"{name}_{kind}", curve[kind]


def _lane_columns(
    lanes: Iterable[Mapping[str, Any]], gaps: Iterable[Sequence[float]], edges: Sequence[float]
) -> Iterator[tuple[str, list[float | None]]]:
    width = (edges[-1] - edges[0]) / (len(edges) - 1)
    unknown = _seconds_in(gaps, edges)
    for lane in lanes:
        if "seconds" in lane:
            seconds = _seconds_in(lane["spans"], edges)
            known = (one or lacks < width - _ROUNDING for one, lacks in zip(seconds, unknown, strict=True))
            values = [one if is_known else None for one, is_known in zip(seconds, known, strict=True)]
            yield f"{lane['id']}_seconds", values


def _seconds_in(spans: Iterable[Sequence[float]], edges: Sequence[float]) -> list[float]:
    """How many seconds of these spans are in each bucket, which ends where the next begins."""
    found = [0.0] * (len(edges) - 1)
    width = (edges[-1] - edges[0]) / len(found)
    for begin, end in spans:
        first, last = (int((at - edges[0]) / width) for at in (begin, end))
        for i in range(max(0, first), min(len(found) - 1, last) + 1):
            found[i] += max(0.0, min(end, edges[i + 1]) - max(begin, edges[i]))
    return [round(seconds, 3) for seconds in found]
