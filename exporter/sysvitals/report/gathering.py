"""What a report is made of: the summaries of the history, and the segments that have none."""

import os
from collections.abc import Callable
from functools import partial
from typing import Any, NamedTuple

from sysvitals.collectors.catalog import build_full_catalog
from sysvitals.history.clocks import Passed, order_segments
from sysvitals.history.past import Found, Past, Span, View
from sysvitals.history.reading import read_last_events
from sysvitals.history.summaries.reading import SILENCE_SECONDS, Current, read_coverage, read_stretches
from sysvitals.history.summaries.rebuilding import read_missing
from sysvitals.history.timeline import AROUND_SECONDS, HOUR_SECONDS, build_timeline, read_past
from sysvitals.judgement.heat.limits import list_high_limits
from sysvitals.model.samples import sample_bodies
from sysvitals.report.figures import WANTED, WANTED_CLOSELY

POINTS = 288
"""Buckets of a curve."""

_LAST_EVENTS = 1000
"""Enough for the limits of all sensors, also on a host with many disks."""

_BEHIND_SECONDS = SILENCE_SECONDS
"""An exporter that runs wrote within this time: each minute."""


class Gathered(NamedTuple):
    """What is known of a time: `past` holds hours, minutes of those that it cuts; `timeline` is what is drawn."""

    host: str
    view: View
    past: Past
    timeline: dict[str, Any]


def gather(
    folder: str, times: Span, now: float, *, passed: Passed, progress: Callable[[float], object]
) -> Gathered | None:
    """What the history in this folder knows of the time between these Unix times; None where it is nothing.

    Raises OSError.
    """
    begin, end = times[0], min(times[1], now)
    bodies = build_full_catalog().bodies
    summaries = os.path.join(os.path.dirname(folder), "summaries")
    stretches, _ = order_segments(folder, passed)
    first, last_one = begin - AROUND_SECONDS, end + AROUND_SECONDS  # as `read_past` looks around
    near = (one for one in stretches if (one.begin < last_one and one.end >= first) or one.undated)
    stems = {one.segment.stem for one in near}
    current = read_missing(
        folder, summaries, bodies, wants=lambda one: one.stem in stems, passed=passed, progress=progress
    )
    last = read_last_events(folder, bodies, _LAST_EVENTS)
    known = read_coverage(summaries, max(begin, 0.0), end, current=current)
    if not known:
        return None
    lives = now - known[-1].end < _BEHIND_SECONDS
    end = known[-1].end if lives else end  # what is not written yet is no gap
    view = View(
        begin=max(begin, known[0].begin),
        end=end,
        now=end,
        boot=known[-1].boot if lives else "",  # what has no end there goes on
        points=POINTS,
        limits=list_high_limits(sample_bodies(event.body for event in last)),
    )
    past = read_past(summaries, view, current)
    hours = _read_hours(summaries, view, current)
    return Gathered(
        known[-1].host,
        view,
        past._replace(of=partial(_choose, hours)),
        build_timeline(past, view, zone=""),
    )


def _read_hours(summaries: str, view: View, current: Current) -> Found:
    """The hours of this time. Of those that it cuts, the minutes that lie in it: an hour says what was before, too."""
    hours = read_stretches(summaries, view.begin, view.end, "hours", WANTED, current=current)
    found = {series: [one for one in known if one.begin < view.end] for series, known in hours.items()}
    for hour in {at // HOUR_SECONDS * HOUR_SECONDS for at in (view.begin, view.end) if at % HOUR_SECONDS}:
        begin, end = max(view.begin, hour), min(view.end, hour + HOUR_SECONDS)
        minutes = read_stretches(summaries, begin, end, "minutes", WANTED_CLOSELY, current=current)
        for series, inside in minutes.items():
            others = [one for one in found.get(series, ()) if one.begin != hour]
            found[series] = sorted([*others, *(one for one in inside if one.begin < end)])
    return found


def _choose(hours: Found, event: str, field: str) -> Found:
    """The series of one field."""
    return {series: stretches for series, stretches in hours.items() if (series.event, series.field) == (event, field)}
