"""The time line and what happened, from what `api/v1/timeline` answers."""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from math import floor
from typing import Any, NamedTuple

from sysvitals.judgement.verdict import WORDS, Level
from sysvitals.model.unit import format_duration, format_value
from sysvitals.web.page import svg
from sysvitals.web.page.bounds import Bound, measure_texts
from sysvitals.web.page.times import LocalTime, say_day, say_range, say_time
from sysvitals.web.page.view import Curve, Day, Happening, Kind, Lane, Range, TimeLine

RANGES: Mapping[str, tuple[str, float]] = {
    "1h": ("1 h", 3600.0),
    "24h": ("24 h", 86400.0),
    "7d": ("7 d", 7 * 86400.0),
    "30d": ("30 d", 30 * 86400.0),
}
"""The stretches that end now: title and seconds."""

DEFAULT_RANGE = "24h"
NO_RANGE = "none"
"""The script asks for the other parts of the page again, without the cost of its history."""

_LATEST = 1e11
_INVALID = "Last 24 h: the time in this page's address is not valid"

HAPPENED = Bound(100, 30_000)
"""The newest are on the page."""

MOST_BOXES = 100
"""As many spans a lane has on the page, the newest; all are in its sum."""

_HAPPENED_CHARACTERS = 300

_ABOVE_LIMIT = 6
"""Degrees Celsius that are seen above a limit."""

_ENDINGS = {"unclean": "unclean", "clean": "clean", "unknown": "not known how"}
"""How boots ended, the worst first."""

_KINDS = {
    "power": "Power",
    "heat": "Heat",
    "restart": "Restarts",
    "software": "Software",
    "network": "Network",
    "storage": "Storage",
    "memory": "Memory",
    "clock": "Clock",
}


class Asked(NamedTuple):
    """Which stretch of time was asked for: a range that ends now, or two moments in Unix seconds.

    `problem` is what is wrong with the address; the last day is shown then.
    """

    range: str
    begin: float | None = None
    end: float | None = None
    problem: str = ""


def read_asked(query: Mapping[str, Sequence[str]]) -> Asked:
    """What the page's address asks for; the last day where that is not valid."""
    if "from" not in query and "to" not in query:
        name = query.get("range", [DEFAULT_RANGE])[0]
        is_valid = name in RANGES or name == NO_RANGE
        return Asked(name) if is_valid else Asked(DEFAULT_RANGE, problem=f"{_INVALID}: expected {', '.join(RANGES)}")
    with suppress(KeyError, ValueError):
        begin, end = float(query["from"][0]), float(query["to"][0])
        if 0 < begin < end < _LATEST:
            return Asked("", begin, end)
    return Asked(DEFAULT_RANGE, problem=f"{_INVALID}: expected from and to in Unix seconds, the earlier first")


def build_time_line(answer: Mapping[str, Any], asked: Asked, zone: LocalTime) -> TimeLine:
    """What is drawn of an answer. One without values says in `partial` why there are none."""
    ranges = [Range(name, title, name == asked.range) for name, (title, _) in RANGES.items()]
    if "at" not in answer:
        return TimeLine(
            ranges=ranges,
            problem=asked.problem,
            missing=answer.get("partial") or "There is no time line.",
            begin=round(answer.get("from", 0)),
            end=round(answer.get("to", 0)),
            range=asked.range if asked.range in RANGES else "",
            zone=zone.name,
        )
    window, gaps = svg.Window(answer["from"], answer["to"]), answer["gaps"]
    newest_first = sorted(answer["happened"], key=lambda one: -one["from"])
    shown, left_out = HAPPENED.keep(newest_first, _measure_happened)
    return TimeLine(
        ranges=ranges,
        span=say_range(*window, zone),
        begin=round(window.begin),
        end=round(window.end),
        now=answer["now"],
        range=asked.range,
        zone=zone.name,
        gaps=list(svg.draw_silence(gaps, window))[-MOST_BOXES:],
        ticks=list(svg.draw_axis(window, zone)),
        lanes=[_build_lane(lane, window) for lane in answer["lanes"]],
        curves=[curve for one in answer["curves"] if (curve := _build_curve(one, answer)) is not None],
        days=list(_group_by_day(shown, answer["now"], zone)),
        latest=_build_latest(find_latest(shown), answer["now"], zone) if shown else None,
        kinds=[Kind(kind, _KINDS.get(kind, kind)) for kind in dict.fromkeys(one["kind"] for one in shown)],
        left_out=answer.get("left_out", 0) + left_out,
        problem=asked.problem,
        partial=answer.get("partial", ""),
    )


def _build_lane(lane: Mapping[str, Any], window: svg.Window) -> Lane:
    spans = lane["spans"]
    are_marks = lane["id"] == "reboots"
    return Lane(
        id=lane["id"],
        title=lane["name"],
        note=lane.get("note", ""),
        boxes=[] if are_marks else list(svg.draw_spans(lane["id"], spans, window))[-MOST_BOXES:],
        marks=list(svg.draw_marks(spans, window))[-MOST_BOXES:] if are_marks else [],
        sum=_sum_up(lane),
    )


def _sum_up(lane: Mapping[str, Any]) -> str:
    spans = lane["spans"]
    if lane["id"] == "verdict":
        return WORDS[Level[spans[-1][2].upper()]] if spans else WORDS[Level.UNKNOWN]
    if not spans:
        return "no data" if lane.get("blank") else "none"
    if lane["id"] == "reboots":
        counts = Counter(what for *_, what in spans)
        return ", ".join(f"{counts[what]} {said}" for what, said in _ENDINGS.items() if counts[what])
    seconds = lane["seconds"] if "seconds" in lane else sum(until - since for since, until, *_ in spans)
    count = lane.get("count", len(spans))
    lasted = format_duration(seconds)
    return lasted if count == 1 else f"{count:,} times, {lasted}"


def _build_curve(curve: Mapping[str, Any], answer: Mapping[str, Any]) -> Curve | None:
    at = answer["at"]
    means, down = curve["mean"], curve.get("down", ())
    if not any(value is not None for value in (*means, *down)):
        return None
    cuts = svg.find_cuts(at, answer["gaps"])
    limit, is_mirror = curve.get("limit"), curve.get("mirror", False)
    if is_mirror:
        most = svg.find_ceiling([*means, *down])
        paths, top = svg.draw_mirror(means, down, cuts, most), format_value(most, curve["unit"])
    else:
        low, high = find_axis(curve)
        paths, top = svg.draw_curve(curve, cuts, low, high), format_value(high, curve["unit"])
    return Curve(
        id=curve["id"],
        title=curve["name"],
        note=curve.get("note", ""),
        buckets=len(at),
        base=50 if is_mirror else 99,
        paths=[path for path in paths if path.d],
        limit=None if limit is None else svg.depth(limit, low, high),
        top=top if limit is None else f"limit {limit:.0f} °C",
        last=_say_last(curve),
    )


def find_axis(curve: Mapping[str, Any]) -> tuple[float, float]:
    """Where the axis of a curve begins and ends: parts of a whole from 0 to 100, temperatures around their limit."""
    low, high = curve["low"], curve["high"]
    if curve["unit"] == "percent":
        return 0, 100
    if curve["unit"] == "celsius":
        limit = curve.get("limit")
        return 10 * floor(low / 10), max(high, high if limit is None else limit + _ABOVE_LIMIT)
    return min(0, low), svg.find_ceiling([high])


def _say_last(curve: Mapping[str, Any]) -> list[str]:
    """The last value, and below it the highest; of two ways the last value of each."""
    unit, last = curve["unit"], curve["mean"][-1]
    if curve.get("mirror"):
        flows = zip((last, curve["down"][-1]), curve["ways"], strict=True)
        return [f"{format_value(value, unit)} {way}" for value, way in flows if value is not None] or ["no data"]
    return ["no data" if last is None else format_value(last, unit), f"highest {format_value(curve['high'], unit)}"]


def _group_by_day(happened: Iterable[Mapping[str, Any]], now: float, zone: LocalTime) -> Iterator[Day]:
    days: dict[str, list[Happening]] = {}
    for one in happened:
        days.setdefault(say_day(one["from"], now, zone), []).append(_build_happening(one, now, zone))
    return (Day(title, lines) for title, lines in days.items())


def _measure_happened(one: Mapping[str, Any]) -> int:
    return _HAPPENED_CHARACTERS + measure_texts(one["text"], one.get("small", ""))


def _build_happening(one: Mapping[str, Any], now: float, zone: LocalTime) -> Happening:
    begin, end = one["from"], one["to"]
    small = [one.get("small", ""), "Time corrected: the clock was not yet set" if one.get("placed") else ""]
    return Happening(
        begin,
        now if end is None else end,
        _say_when(begin, end, now, zone),
        one["kind"],
        one["level"],
        one["text"],
        ". ".join(filter(None, small)),
    )


def find_latest(newest_first: Sequence[Mapping[str, Any]]) -> Mapping[str, Any]:
    """What was last wrong; where nothing was, what happened last."""
    return next((one for one in newest_first if one["level"] in ("critical", "warning")), newest_first[0])


def _build_latest(one: Mapping[str, Any], now: float, zone: LocalTime) -> Happening:
    """By itself, without the day above it."""
    return _build_happening(one, now, zone)._replace(when=say_time(one["from"], now, zone))


def _say_when(begin: float, end: float | None, now: float, zone: LocalTime) -> str:
    since = f"{zone.at(begin):%H:%M}"
    if end is None or end >= now > begin:
        return f"since {since}"
    until = f"{zone.at(end):%H:%M}" if zone.at(begin).date() == zone.at(end).date() else f"{zone.at(end):%a %H:%M}"
    return since if until == since else f"{since}\N{EN DASH}{until}"
