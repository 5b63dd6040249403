"""Lanes of the time line: when the supply was too weak, the processor throttled or hot, the host away."""

from collections.abc import Iterable
from typing import Any

from sysvitals.history.causes import find_throttling
from sysvitals.history.curves import find_hot_sensors, find_limit
from sysvitals.history.episodes import Episode, Occurrence, clip, get_text, seconds_between
from sysvitals.history.past import Past, Span, View, find_gaps, thin_out
from sysvitals.history.starts import find_starts
from sysvitals.model.sentence import CAUSES

MOST_SPANS = 500
"""Of more, those that are nearest to each other are drawn as one."""

_FINEST = 20_000
"""So many parts of the time shown can be distinguished, zoomed in by far."""

_CAUSES = ("undervoltage", "throttled", "frequency_capped")
_LEVELS = {"good": "good", "note": "good", "warning": "warning", "critical": "critical"}


def draw_lanes(past: Past, view: View) -> list[dict[str, Any]]:
    """All lanes that this host can know, the verdict first."""
    causes = find_throttling(past, view)
    throttling = [
        _draw_episodes(cause, CAUSES[cause], [each for each in causes if each.subject == (cause,)], view)
        for cause in _CAUSES
        if _can_know(past, cause, causes)
    ]
    return [
        _draw_verdict(past, view),
        *throttling,
        *_draw_heat(past, view),
        _draw_reboots(past, view),
        _draw_silence(past, view),
    ]


def find_silence(past: Past, view: View) -> list[Span]:
    """Times without readings since the history began."""
    begin = view.begin if past.earliest is None else max(view.begin, past.earliest)
    return find_gaps(past.coverage, begin, min(view.end, view.now)) if past.coverage else []


def _can_know(past: Past, cause: str, causes: Iterable[Episode]) -> bool:
    readings = past.of("system.throttling.updated", "active")
    return any(cause in series.labels for series in readings) or any(cause in each.subject for each in causes)


def _draw_episodes(id_: str, name: str, episodes: Iterable[Episode], view: View) -> dict[str, Any]:
    shown = list(clip(episodes, view.begin, min(view.end, view.now)))
    spans = [_within(each.begin, view.now if each.end is None else each.end, view) for each in shown]
    seconds = sum(seconds_between(each, view.begin, min(view.end, view.now)) for each in shown)
    return _lane(id_, name, spans, view, seconds)


def _draw_heat(past: Past, view: View) -> list[dict[str, Any]]:
    found = past.of("system.temperature.updated", "celsius")
    sensors = find_hot_sensors(found)
    limit = find_limit(sensors, view.limits)
    if limit is None:
        return []
    hot = sorted(
        (one.begin, one.begin + one.seconds)
        for sensor in sensors
        for one in found[sensor]
        if one.most >= view.limits.get(sensor.labels, limit)
    )
    times = thin_out(hot, 1.0)
    shown = [_within(begin, end, view) for begin, end in times if begin < view.end and end > view.begin]
    seconds = sum(end - begin for begin, end in shown)
    return [_lane("heat", f"Over {limit:.0f} °C", shown, view, seconds)]


def _draw_reboots(past: Past, view: View) -> dict[str, Any]:
    reboots = [each for each in find_starts(past) if each.is_reboot and view.begin <= each.at <= view.end]
    spans = [[round(each.at, 3), round(each.at, 3), each.ending] for each in reboots]
    return {"id": "reboots", "name": "Reboots", "spans": spans, "count": len(spans)}


def _draw_silence(past: Past, view: View) -> dict[str, Any]:
    spans = find_silence(past, view)
    seconds = sum(end - begin for begin, end in spans)
    return {**_lane("silence", "Silence", spans, view, seconds), "note": "no data"}


def _draw_verdict(past: Past, view: View) -> dict[str, Any]:
    """Levels from one change to the next. Between runs of the exporter, and before the first, none is known."""
    end = min(view.end, view.now)
    spans: list[list[Any]] = []
    for since, until, level in _levels(past, view):
        begin, stop = max(since, view.begin), min(until, end)
        if stop <= begin:
            continue
        if spans and spans[-1][2] == level and begin - spans[-1][1] < 1:
            spans[-1][1] = stop
        else:
            spans.append([begin, stop, level])
    if spans and end - spans[-1][1] >= 1:  # the next boot has none yet
        spans.append([spans[-1][1], end, "unknown"])
    return {"id": "verdict", "name": "Verdict", "spans": [[*_rounded(one[0], one[1]), one[2]] for one in spans]}


def _levels(past: Past, view: View) -> list[tuple[float, float, str]]:
    """From when to when there was which level."""
    changes = [one for one in past.occurrences if one.name == "sysvitals.verdict.changed"]
    found: list[tuple[float, float, str]] = []
    if not changes:
        since = view.end if view.since is None else view.since
        return [(since, view.now, _level(view.level))]
    first = changes[0]
    found.append((_run_begin(past, first), first.at, _level(get_text(first, "before"))))
    for one, after in zip(changes, [*changes[1:], None], strict=True):
        if after is not None and after.boot == one.boot:
            until = after.at
        elif after is None and one.boot == view.boot:
            until = view.now
        else:
            until = past.last_seen().get(one.boot, one.at)
        found.append((one.at, until, _level(get_text(one, "level"))))
    return found


def _run_begin(past: Past, first: Occurrence) -> float:
    """Since when the boot of the first change has been heard of."""
    return min((piece.begin for piece in past.coverage if piece.boot == first.boot), default=first.at)


def _level(name: str) -> str:
    return _LEVELS.get(name, "unknown")


def _lane(id_: str, name: str, spans: list[Span], view: View, seconds: float) -> dict[str, Any]:
    drawn = sorted(spans)
    distance = (view.end - view.begin) / _FINEST
    while len(drawn) > MOST_SPANS:
        drawn, distance = thin_out(drawn, distance), 2 * distance
    return {
        "id": id_,
        "name": name,
        "spans": [_rounded(begin, end) for begin, end in drawn],
        "count": len(spans),
        "seconds": round(seconds, 3),
    }


def _within(begin: float, end: float, view: View) -> Span:
    return max(begin, view.begin), min(end, view.end, view.now)


def _rounded(begin: float, end: float) -> list[float]:
    return [round(begin, 3), round(end, 3)]
