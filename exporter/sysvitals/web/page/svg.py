"""The time line as shapes: spans as boxes, values as paths, times as ticks. Places are in percent, for any width."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import pairwise
from math import ceil, floor, log2
from typing import Any, NamedTuple

from sysvitals.web.page.times import DAY_SECONDS, LocalTime
from sysvitals.web.page.view import Box, Mark, Path, Tick

_STEPS = (1, 5, 10, 30, 60, 300, 600, 900, 1800, 3600, 7200, 10800, 21600, 43200, 86400, 172800, 259200, 604800)
_MOST_TICKS = 13
_LEAST_SPAN = 0.1
"""Percent: 40 ms of a month are still seen."""
_LEAST_GAP = 0.2
_LEAST_SILENCE = 0.4
_LEVELS = {"good": ("l0", 11, 5), "warning": ("l1", 6, 10), "critical": ("l2", 1, 15)}
_TOP, _DEPTH = 2.0, 96.0
_MIDDLE, _HALF = 50.0, 48.0

Spans = Iterable[Sequence[Any]]
Values = Sequence[float | None]


class Window(NamedTuple):
    """The stretch of time that is seen, in Unix seconds."""

    begin: float
    end: float

    def place(self, at: float) -> float:
        """Where a moment is, in percent of the stretch, never outside."""
        return round(min(max(100 * (at - self.begin) / (self.end - self.begin), 0), 100), 2)

    def place_box(self, since: float, until: float, least: float) -> tuple[float, float]:
        """Where a span begins and how wide it is, in percent, at least so wide."""
        left = min(self.place(since), 100 - least)
        return round(left, 2), round(max(least, self.place(until) - left), 2)


def draw_axis(window: Window, zone: LocalTime) -> Iterator[Tick]:
    """Round times of the zone. A narrow page leaves out those that are `odd`."""
    begin, end = window
    step = next((step for step in _STEPS if (end - begin) / step <= _MOST_TICKS), _STEPS[-1])
    ahead = zone.ahead(end)
    for number in range(ceil((begin + ahead) / step), ceil((end + ahead) / step)):
        at = number * step - ahead
        x = 100 * (at - begin) / (end - begin)
        if 1.5 <= x <= 97:
            local = zone.at(at)
            is_day = number * step % DAY_SECONDS == 0
            text = f"{local:%a} {local.day}" if is_day else f"{local:%H:%M:%S}" if step < 60 else f"{local:%H:%M}"
            is_odd = number % 2 if step >= DAY_SECONDS else number % 3 and not is_day
            kinds = ("day" if is_day else "", "odd" if is_odd else "")
            yield Tick(round(x, 1), text, " ".join(filter(None, kinds)))


def draw_silence(gaps: Spans, window: Window) -> Iterator[Box]:
    """Where nothing is known no lane claims peace, and no curve a value."""
    for since, until, *_ in gaps:
        if until > window.begin and since < window.end:
            yield Box("nd", *window.place_box(since, until, _LEAST_GAP))


def draw_spans(lane: str, spans: Spans, window: Window) -> Iterator[Box]:
    """The spans of a lane that lie in this stretch. The verdict's worse levels are higher; not known draws nothing."""
    for since, until, *what in spans:
        if until < window.begin or since > window.end:
            continue
        if lane == "silence":
            yield Box("nd", *window.place_box(since, until, _LEAST_SILENCE))
        elif not what:
            yield Box("on", *window.place_box(since, until, _LEAST_SPAN), 1, 14)
        elif what[0] in _LEVELS:
            kind, y, height = _LEVELS[what[0]]
            yield Box(kind, *window.place_box(since, until, _LEAST_SPAN), y, height)


def draw_marks(spans: Spans, window: Window) -> Iterator[Mark]:
    """Moments, such as reboots."""
    for at, _, kind in spans:
        if window.begin <= at <= window.end:
            yield Mark(kind, window.place(at))


def depth(value: float, low: float, high: float) -> float:
    """How far below the top a value is drawn, in percent of the height."""
    return round(_TOP + _DEPTH * (1 - (value - low) / ((high - low) or 1)), 1)


def draw_curve(curve: Mapping[str, Any], cuts: Sequence[bool], low: float, high: float) -> list[Path]:
    """The mean as a line, between the least and the most as a band. It breaks where nothing is known."""

    def depths(values: Values) -> list[int | None]:
        return [None if value is None else round(depth(value, low, high)) for value in values]

    mean, least, most = depths(curve["mean"]), depths(curve["min"]), depths(curve["max"])
    pieces = list(_pieces(mean, cuts))
    band = "".join(_draw_band(piece, most, least) for piece in pieces)
    return [Path("band", band), Path("mean", "".join(_draw_line(piece, mean) for piece in pieces))]


def draw_mirror(up: Values, down: Values, cuts: Sequence[bool], most: float) -> list[Path]:
    """Two areas, one up from the middle and one down."""
    return [_draw_area("up", up, cuts, -_HALF / most), _draw_area("down", down, cuts, _HALF / most)]


def find_ceiling(values: Iterable[float | None]) -> float:
    """The end of an axis of rates: 1, 1.5 or 2 times a power of two, above all values."""
    most = max((value for value in values if value is not None), default=0.0)
    power = 2.0 ** floor(log2(max(most, 1)))
    return next(end for end in (power, 1.5 * power, 2 * power) if most <= end or end == 2 * power)


def find_cuts(at: Sequence[float], gaps: Spans) -> list[bool]:
    """Of each bucket, whether a silence lies between it and the one before."""
    known = [(since, until) for since, until, *_ in gaps]
    pairs = zip([*at[:1], *at], at, strict=False)
    return [any(since < later and until > earlier for since, until in known) for earlier, later in pairs]


def _pieces(values: Sequence[int | None], cuts: Sequence[bool]) -> Iterator[list[int]]:
    piece: list[int] = []
    for number, value in enumerate(values):
        if piece and (value is None or cuts[number]):
            yield piece
            piece = []
        if value is not None:
            piece.append(number)
    if piece:
        yield piece


def _draw_line(piece: Sequence[int], ys: Sequence[int | None]) -> str:
    if len(piece) == 1:  # a single bucket is drawn as wide as it is
        return f"M{piece[0]} {ys[piece[0]]}h1"
    return f"M{piece[0]}.5 {ys[piece[0]]}{_draw_steps(piece, ys)}"


def _draw_steps(piece: Sequence[int], ys: Sequence[int | None]) -> str:
    rises = ((ys[after] or 0) - (ys[before] or 0) for before, after in pairwise(piece))
    return "".join(f"l1{'' if rise < 0 else ' '}{rise}" for rise in rises)


def _draw_band(piece: Sequence[int], tops: Sequence[int | None], bottoms: Sequence[int | None]) -> str:
    back = "".join(f"L{number}.5 {bottoms[number]}" for number in reversed(piece))
    return f"M{piece[0]}.5 {tops[piece[0]]}{_draw_steps(piece, tops)}{back}z"


def _draw_area(kind: str, values: Values, cuts: Sequence[bool], scale: float) -> Path:
    ys = [None if value is None else round(_MIDDLE + scale * value) for value in values]
    pieces = (f"M{piece[0]} 50V{ys[piece[0]]}h.5{_draw_steps(piece, ys)}h.5V50z" for piece in _pieces(ys, cuts))
    return Path(kind, "".join(pieces))
