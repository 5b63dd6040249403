"""What a time amounts to: brownouts, throttling, heat, reboots, gaps, the worst hour and the space that is left. Pure.

Each figure is a section: a sentence that says it, and lines with what it is made of.
"""

from collections import Counter
from collections.abc import Iterator, Sequence
from typing import NamedTuple

from sysvitals.history.causes import find_throttling
from sysvitals.history.episodes import Episode, clip, seconds_between
from sysvitals.history.lanes import find_silence
from sysvitals.history.past import Past, Span, View
from sysvitals.history.starts import CLEAN, UNCLEAN, Start, find_starts
from sysvitals.model.sentence import CAUSES
from sysvitals.model.summary import Series, Stretch
from sysvitals.model.unit import format_duration, format_value
from sysvitals.outputs.event_lines import format_clock

MOST_LINES = 12
"""So many lines a section has; how many more there are is said."""

HOUR, DAY = 3600.0, 86400.0
_TREND_SECONDS = 2 * DAY
"""Shorter than this, what grows by day and falls by night has no trend."""

_FULL_WITHIN = 365 * DAY
_NO_CHANGE_BYTES = 1 << 20
"""Less than 1 MiB a day is no trend."""

WANTED_CLOSELY = frozenset(
    {
        ("system.load.updated", "load1"),
        ("system.temperature.updated", "celsius"),
        ("system.throttling.updated", "active"),
    }
)
"""Events and fields of which it matters what was within an hour."""

WANTED = WANTED_CLOSELY | {
    ("system.disk.usage.updated", "available"),
    ("system.disk.usage.updated", "used_percent"),
}
"""Events and fields that the figures are made of, beside those of the time line."""


class Line(NamedTuple):
    """One line of a section: when or what, and what is said of it."""

    what: str
    said: str


class Section(NamedTuple):
    """One figure. `level` is how bad it is: critical, warning, note or good; empty where nothing is known."""

    title: str
    said: str
    level: str
    lines: Sequence[Line] = ()
    left_out: int = 0


def list_sections(past: Past, view: View) -> list[Section]:
    """All figures of this time. The series of `past` are in hours, at its beginning and its end in minutes."""
    episodes = list(clip(find_throttling(past, view), view.begin, view.end))
    return [
        _sum_brownouts(past, view, episodes),
        _sum_throttling(past, view, episodes),
        _find_heat(past),
        _sum_reboots(past, view),
        _sum_silence(past, view),
        _find_worst_hour(past, view, episodes),
        _find_trends(past),
    ]


def _sum_brownouts(past: Past, view: View, episodes: Sequence[Episode]) -> Section:
    found = [one for one in episodes if one.subject == ("undervoltage",)]
    if not found:
        known = _is_reported(past, "undervoltage")
        said = "None recorded" if known else "No data: this board does not report undervoltage"
        return Section("Brownouts", said, "good" if known else "")
    longest_first = sorted(found, key=lambda one: -_seconds(one, view))
    lines = [Line(_say_begin(one, view), _say_length(one, view)) for one in found]
    longest = format_duration(_seconds(longest_first[0], view))
    total = format_duration(sum(_seconds(one, view) for one in found))
    said = f"{_times(len(found))}, {total} in all" + (f", the longest {longest}" if len(found) > 1 else "")
    return _section("Brownouts", said, "critical", lines)


def _sum_throttling(past: Past, view: View, episodes: Sequence[Episode]) -> Section:
    lines = []
    worst = 0.0
    for cause, name in CAUSES.items():
        found = [one for one in episodes if one.subject == (cause,)]
        seconds = sum(_seconds(one, view) for one in found)
        if found:
            lines.append(Line(name, f"{format_duration(seconds)}, {_times(len(found))}"))
        elif _is_reported(past, cause):
            lines.append(Line(name, "none recorded"))
        worst = max(worst, seconds if cause != "undervoltage" else 0.0)
    if not lines:
        return Section("Throttling", "No data: this board does not report throttling", "")
    said = f"Slowed down for {format_duration(worst)}" if worst else "Never slowed down, as far as was recorded"
    return Section("Throttling", said, "warning" if worst else "good", lines)


def _find_heat(past: Past) -> Section:
    found = past.of("system.temperature.updated", "celsius")
    hottest = sorted(
        ((max(stretches, key=lambda one: one.most), series) for series, stretches in found.items() if stretches),
        key=lambda pair: -pair[0].most,
    )
    if not hottest:
        return Section("Highest temperatures", "No data", "")
    lines = [
        Line(" ".join(series.labels), f"{format_value(one.most, 'celsius')}, {_say_when(one)}")
        for one, series in hottest
    ]
    one, series = hottest[0]
    said = f"{format_value(one.most, 'celsius')} ({' '.join(series.labels)})"
    return _section("Highest temperatures", said, "note", lines)


def _say_when(one: Stretch) -> str:
    return f"{'in the hour from' if one.seconds >= HOUR else 'at'} {format_day(one.begin)}"


def _sum_reboots(past: Past, view: View) -> Section:
    found = [one for one in find_starts(past) if one.is_reboot and view.begin <= one.at <= view.end]
    if not found:
        return Section("Reboots", "None recorded", "good")
    counts = [
        (sum(one.kind == UNCLEAN for one in found), "unclean"),
        (sum(one.kind == CLEAN for one in found), "clean"),
    ]
    counts.append((len(found) - sum(count for count, _ in counts), "not known how"))
    said = ", ".join(f"{count} {kind}" for count, kind in counts if count)
    level = "critical" if counts[0][0] else "note"
    return _section("Reboots", said, level, [Line(format_day(one.at), _say_start(one)) for one in found])


def _say_start(start: Start) -> str:
    kind = {UNCLEAN: "unclean shutdown", CLEAN: "clean shutdown"}.get(start.kind, "how it went down is not known")
    away = start.at - start.before if start.before is not None else 0.0
    return f"{kind}, away for {format_duration(away)}" if away > 0 else kind


def _sum_silence(past: Past, view: View) -> Section:
    gaps = find_silence(past, view)
    if not past.coverage:
        return Section("Gaps", "Nothing was recorded", "warning")
    if not gaps:
        return Section("Gaps", "None", "good")
    total = format_duration(sum(end - begin for begin, end in gaps))
    said = f"{len(gaps)} {'gap' if len(gaps) == 1 else 'gaps'} without data, {total} in all"
    return _section(
        "Gaps", said, "warning", [Line(format_day(begin), format_duration(end - begin)) for begin, end in gaps]
    )


def _find_worst_hour(past: Past, view: View, episodes: Sequence[Episode]) -> Section:
    """The hour with most undervoltage, of like ones that with most throttling."""
    hours: dict[float, Counter[str]] = {}
    for one in episodes:
        for begin, seconds in _cut_by_hours(max(one.begin, view.begin), _end(one, view)):
            hours.setdefault(begin, Counter())[one.subject[0]] += seconds  # type: ignore[assignment]  # seconds
    if not hours:
        return Section("Worst hour", "None: no undervoltage and no throttling was recorded", "good")
    begin, causes = max(hours.items(), key=lambda hour: (hour[1]["undervoltage"], max(hour[1].values()), hour[0]))
    lines = [Line(name, format_duration(causes[cause])) for cause, name in CAUSES.items() if causes[cause]]
    for title, event, field, unit in _OF_AN_HOUR:
        most = _find_most(past, event, field, begin)
        lines += [] if most is None else [Line(title, format_value(most, unit))]
    return Section("Worst hour", f"From {format_day(begin)} to {format_clock(begin + HOUR, '%H:%M')}", "warning", lines)


_OF_AN_HOUR = (
    ("Highest temperature", "system.temperature.updated", "celsius", "celsius"),
    ("Highest load", "system.load.updated", "load1", ""),
)


def _find_trends(past: Past) -> Section:
    """Where space goes, for each filesystem, the fullest first."""
    used = past.of("system.disk.usage.updated", "used_percent")
    available = past.of("system.disk.usage.updated", "available")
    lines = [
        Line(_mountpoint(series), _say_trend(stretches, available.get(series._replace(field="available"), ())))
        for series, stretches in sorted(used.items(), key=lambda pair: -pair[1][-1].last)
    ]
    if not lines:
        return Section("Space", "No data", "")
    fullest = f"{lines[0].what} is {lines[0].said}"
    return _section("Space", fullest, "note", lines if len(lines) > 1 else ())


def _say_trend(used: Sequence[Stretch], available: Sequence[Stretch]) -> str:
    first, last = used[0].mean, used[-1].last
    said = f"{format_value(last, 'percent')} full"
    if round(first) != round(last):
        said += f", from {format_value(first, 'percent')}"
    slope = _find_slope([(one.begin, one.mean) for one in available])
    if slope is None or abs(slope) * DAY < _NO_CHANGE_BYTES or slope * (available[-1].last - available[0].mean) <= 0:
        return said  # what fell and rose again has no trend
    said += f", {'shrinking' if slope > 0 else 'growing'} by {format_value(abs(slope) * DAY, 'bytes')} a day"
    left = available[-1].last / -slope if slope < 0 else _FULL_WITHIN
    return f"{said}, full in {format_duration(left)} at that rate" if left < _FULL_WITHIN else said


def _find_slope(points: Sequence[Span]) -> float | None:
    """By how much the values grow a second, by least squares; None for what is too short to say so."""
    if len(points) < 3 or points[-1][0] - points[0][0] < _TREND_SECONDS:
        return None
    middle = sum(at for at, _ in points) / len(points)
    mean = sum(value for _, value in points) / len(points)
    return sum((at - middle) * (value - mean) for at, value in points) / sum((at - middle) ** 2 for at, _ in points)


def format_length(view: View) -> str:
    """How long the time is. What is not yet written of its last minutes makes seven days no shorter."""
    seconds = view.end - view.begin
    hours = round(seconds / HOUR)
    return format_duration(hours * HOUR if hours * HOUR >= DAY else seconds)


def format_day(at: float) -> str:
    """`Fri 27 Nov 02:10`, in local time."""
    return format_clock(at, "%a %d %b %H:%M")


def _section(title: str, said: str, level: str, lines: Sequence[Line]) -> Section:
    return Section(title, said, level, lines[:MOST_LINES], max(0, len(lines) - MOST_LINES))


def _times(count: int) -> str:
    return "once" if count == 1 else f"{count:,} times"


def _is_reported(past: Past, cause: str) -> bool:
    return any(cause in series.labels for series in past.of("system.throttling.updated", "active"))


def _end(episode: Episode, view: View) -> float:
    return min(view.end, view.now) if episode.end is None else min(episode.end, view.end)


def _seconds(episode: Episode, view: View) -> float:
    """How much of it lies in this time."""
    return seconds_between(episode, view.begin, min(view.end, view.now))


def _say_begin(episode: Episode, view: View) -> str:
    if not episode.changes and episode.begin <= view.begin:
        return f"before {format_day(view.begin)}"
    return f"{'since ' if episode.begin < view.begin else ''}{format_day(episode.begin)}"


def _say_length(episode: Episode, view: View) -> str:
    inside = _seconds(episode, view)
    length = format_duration(inside)
    if episode.end is None:
        return f"{length}, and goes on"
    return f"{length}, of {format_duration(episode.seconds)} in all" if inside < episode.seconds else length


def _cut_by_hours(begin: float, end: float) -> Iterator[Span]:
    """Which hours a time touches, by their beginning, and for how many seconds; at least one."""
    hour = begin // HOUR * HOUR
    while True:
        yield hour, max(0.0, min(end, hour + HOUR) - max(begin, hour))
        hour += HOUR
        if hour >= end:
            return


def _find_most(past: Past, event: str, field: str, begin: float) -> float | None:
    """The highest value of an hour."""
    hours = (one for stretches in past.of(event, field).values() for one in stretches)
    touching = (one.most for one in hours if one.begin < begin + HOUR and one.begin + one.seconds > begin)
    return max(touching, default=None)


def _celsius(value: float) -> str:
    return format_value(value, "celsius")


def _mountpoint(series: Series) -> str:
    """Where it is mounted: the second of device, mountpoint and type."""
    return series.labels[1] if len(series.labels) > 1 else " ".join(series.labels)
