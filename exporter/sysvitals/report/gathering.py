"""What a report is made of: the summaries of the history, and the segments that have none."""

import os
from collections.abc import Callable
from functools import partial
from typing import Any, NamedTuple

from sysvitals.collectors.catalog import build_full_catalog
from sysvitals.history.clocks import Passed, order_segments
from sysvitals.history.past import Found, Past, Span, View
from sysvitals.history.reading import read_last_events
from sysvitals.history.summaries.reading import SILENCE_SECONDS, read_coverage, read_stretches
from sysvitals.history.summaries.rebuilding import read_missing
from sysvitals.history.timeline import build_timeline, read_past
from sysvitals.judgement.heat.limits import list_high_limits
from sysvitals.model.samples import sample_bodies
from sysvitals.report.figures import WANTED

POINTS = 288
"""Buckets of a curve."""

_LAST_EVENTS = 1000
"""Enough for the limits of all sensors, also on a host with many disks."""

_BEHIND_SECONDS = SILENCE_SECONDS
"""An exporter that runs wrote within this time: each minute."""


class Gathered(NamedTuple):
    """What is known of a time: `past` holds hours, `timeline` what is drawn."""

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
    inside = (one for one in stretches if (one.begin < end and one.end >= begin) or one.undated)
    stems = {one.segment.stem for one in inside}
    current = read_missing(folder, summaries, bodies, wants=lambda one: one.stem in stems, progress=progress)
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
    hours = read_stretches(summaries, view.begin, end, "hours", WANTED, current=current)
    return Gathered(
        known[-1].host,
        view,
        past._replace(of=partial(_choose, hours)),
        build_timeline(past, view, zone=""),
    )


def _choose(hours: Found, event: str, field: str) -> Found:
    """The series of one field."""
    return {series: stretches for series, stretches in hours.items() if (series.event, series.field) == (event, field)}
