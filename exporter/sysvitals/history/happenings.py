"""What happened, in lines for people: a dip with its duration, like dips as one, a power cut with the last reading.

Each entry is one thing that happened; like entries that follow each other are folded into one line. Times are written
in the zone of this process.
"""

import time
from bisect import bisect_right
from collections.abc import Iterable, Iterator, Sequence
from typing import Any, NamedTuple

from sysvitals.history.causes import find_throttling
from sysvitals.history.episodes import (
    Episode,
    Occurrence,
    RemountEdges,
    failure_edge,
    find_episodes,
    get_flag,
    get_number,
    get_text,
    link_edge,
)
from sysvitals.history.past import BRIEF_SECONDS, Past, View, find_gaps, thin_out
from sysvitals.history.starts import CLEAN, EXPORTER, FIRST, UNCLEAN, Start, find_starts
from sysvitals.history.summaries.reading import SILENCE_SECONDS
from sysvitals.model.sentence import CAUSES, describe_change
from sysvitals.model.unit import format_duration
from sysvitals.model.visible import visible

FOLD_SECONDS = 1800.0
"""Like entries are folded where each begins within this time of the end of the one before."""

FOLD_LEAST = 3
MOST_LINES = 300
"""The newest; how many older ones there are is said. Those of a worse level stay longer than notes."""

MOST_PARTS = 100
"""How many of the folded ones are listed one by one."""

_NEAR_SECONDS = 2.0
"""Causes of throttling are read one after the other, so that what began together may differ by as much."""

_LONGEST_TEXT = 200
_LEVELS = ("critical", "warning", "note", "good")
_BROUGHT = ("Throttled", "FrequencyCapped")
"""Alerts of what undervoltage brings with it."""


class Kind(NamedTuple):
    """Like entries: what they are about, how bad that is, and the alert that says so. `name` is their noun."""

    kind: str
    level: str
    alert: str
    name: str


class Entry(NamedTuple):
    """Something that happened from `begin` to `end`, in Unix seconds; `end` is None while it goes on.

    `seconds` is how long it lasted. `once` is what is said of one alone, where it is not `name` and the duration.
    `meanwhile` is what came with it and is said in its small line.
    """

    what: Kind
    begin: float
    end: float | None
    seconds: float = 0.0
    once: str = ""
    small: str = ""
    placed: bool = False
    meanwhile: tuple["Entry", ...] = ()


_THROTTLING = {
    "undervoltage": Kind("power", "critical", "Undervoltage", CAUSES["undervoltage"]),
    "throttled": Kind("heat", "warning", "Throttled", CAUSES["throttled"]),
    "frequency_capped": Kind("power", "warning", "FrequencyCapped", CAUSES["frequency_capped"]),
    "soft_temperature_limit": Kind("heat", "note", "SoftTemperatureLimit", CAUSES["soft_temperature_limit"]),
}
_UNSYNCHRONISED = Kind("clock", "note", "ClockUnsynchronised", "Clock not synchronised (no NTP)")
_OUT_OF_MEMORY = Kind("memory", "warning", "OutOfMemory", "Out of memory")
_UNCLEAN = Kind("restart", "warning", "UncleanShutdown", "Unclean shutdown")
_CLEAN = Kind("restart", "note", "", "Restarted")
_EXPORTER = Kind("software", "note", "", "sysvitals restarted")
_KILLED = Kind("software", "warning", "", "sysvitals restarted without being stopped")
_STARTED = Kind("software", "note", "", "sysvitals started")
_STOPPED = Kind("software", "note", "", "sysvitals stopped")
_SILENT = Kind("software", "note", "", "No readings")

_ALONE = {
    "history.repaired": ("storage", "History repaired", ""),
    "history.thinned": ("storage", "Readings left out of the history", "collector"),
    "sink.dropped": ("software", "Events lost", "sink"),
    "sysvitals.reloaded": ("software", "Configuration reloaded", ""),
}
"""Changes that stand for themselves: what they are about, what several are called, and the field with their subject."""

_IN_LANES = {"sysvitals.verdict.changed", "sysvitals.alert.fired", "sysvitals.alert.ended"}
_TOGETHER = {
    "system.throttling.started",
    "system.throttling.cleared",
    "collector.failed",
    "collector.recovered",
    "collector.unavailable",
    "system.network.link.changed",
    "system.disk.remounted",
    "system.shutdown.unclean",
    "sysvitals.started",
    "sysvitals.stopped",
}
"""Changes of which several together make an entry."""


def list_happenings(past: Past, view: View) -> tuple[list[dict[str, Any]], int]:
    """Return the lines of this time, newest first, and how many were left out."""
    end = min(view.end, view.now)
    entries = [
        one
        for one in _find_entries(past, view)
        if one.begin <= end and (view.now if one.end is None else one.end) >= view.begin
    ]
    lines = [_write(group, view.now) for group in fold(_join_overlapping(entries))]
    worst_first = sorted(lines, key=lambda line: (_LEVELS.index(line["level"]) >= 2, -line["from"]))
    shown = sorted(worst_first[:MOST_LINES], key=lambda line: (-line["from"], line["text"]))
    return shown, len(lines) - len(shown)


def fold(entries: Iterable[Entry]) -> list[list[Entry]]:
    """Groups of like entries, each near the one before; groups too small to be folded, and what goes on, one by one."""
    groups: dict[Kind, list[list[Entry]]] = {}
    for entry in sorted(entries, key=lambda one: one.begin):
        like = groups.setdefault(entry.what, [])
        before = like[-1][-1] if like else None
        if before is None or before.end is None or entry.end is None or entry.begin - before.end > FOLD_SECONDS:
            like.append([entry])
        else:
            like[-1].append(entry)
    found: list[list[Entry]] = []
    for like in groups.values():
        for group in like:
            found += [group] if len(group) >= FOLD_LEAST else [[entry] for entry in group]
    return found


def _write(group: Sequence[Entry], now: float) -> dict[str, Any]:
    what, first, last = group[0].what, group[0], group[-1]
    end = now if last.end is None else last.end
    line: dict[str, Any] = {
        "from": round(first.begin, 3),
        "to": round(end, 3),
        "kind": what.kind,
        "level": what.level,
        "alert": what.alert,
        "text": _write_one(first, now) if len(group) == 1 else _write_many(group),
        "small": _write_small(group),
        "placed": any(one.placed for one in group),
    }
    if len(group) > 1:
        line["count"] = len(group)
        line["parts"] = [[round(one.begin, 3), round(one.end or end, 3)] for one in group[-MOST_PARTS:]]
    return line


def _write_one(entry: Entry, now: float) -> str:
    if entry.end is None:
        return f"{entry.what.name} since {format_moment(entry.begin, now)}"
    return entry.once or f"{entry.what.name} for {format_duration(entry.seconds)}"


def _write_many(group: Sequence[Entry]) -> str:
    begin, end = format_clock(group[0].begin), format_clock(group[-1].end or group[-1].begin)
    when = f"at {begin}" if begin == end else f"between {begin} and {end}"
    seconds = sum(one.seconds for one in group)
    total = f", {format_duration(seconds)} in all" if seconds else ""
    return f"{group[0].what.name} {len(group)} times {when}{total}"


def _write_small(group: Sequence[Entry]) -> str:
    """What came with it, or what is the same of all, or that of the last."""
    if meanwhile := [entry for one in group for entry in one.meanwhile]:
        names = sorted({entry.what.name for entry in meanwhile}, reverse=True)
        said = (_write_meanwhile([entry for entry in meanwhile if entry.what.name == name]) for name in names)
        return f"Meanwhile {', '.join(said)}"
    known = [one.small for one in group if one.small]
    if not known:
        return ""
    return known[-1] if len({*known}) == 1 else f"Last: {known[-1]}"


def _write_meanwhile(entries: Sequence[Entry]) -> str:
    name = entries[0].what.name.lower()
    seconds = format_duration(sum(entry.seconds for entry in entries))
    return f"{name} {len(entries)} times, {seconds} in all" if len(entries) > 1 else f"{name} for {seconds}"


def format_clock(at: float) -> str:
    """`02:10`."""
    return time.strftime("%H:%M", time.localtime(at))


def format_moment(at: float, now: float) -> str:
    """`02:10`, of another day than that of `now` `Thu 26 Nov 02:10`."""
    moment, today = time.localtime(at), time.localtime(now)
    is_today = (moment.tm_year, moment.tm_yday) == (today.tm_year, today.tm_yday)
    day = f"{time.strftime('%a', moment)} {moment.tm_mday} {time.strftime('%b', moment)}"
    return format_clock(at) if is_today else f"{day} {format_clock(at)}"


def shorten(text: str) -> str:
    """Text from outside for a line: in one line, and cut where it is long."""
    seen = visible(text[: _LONGEST_TEXT + 1])
    return seen if len(seen) <= _LONGEST_TEXT else f"{seen[: _LONGEST_TEXT - 1]}…"


def _find_entries(past: Past, view: View) -> Iterator[Entry]:
    last_seen = past.last_seen()
    for each in find_throttling(past, view):
        if what := _THROTTLING.get(each.subject[0]):
            once = "" if each.changes else f"{what.name} for at least {format_duration(each.seconds)}"
            yield _entry(what, each, once=once)
    for each in find_episodes(past.occurrences, link_edge, last_seen, view.boot):
        yield _describe_link(each)
    for each in find_episodes(past.occurrences, RemountEdges(), last_seen, view.boot):
        yield _describe_mount(each)
    for each in find_episodes(past.occurrences, failure_edge, last_seen, view.boot):
        yield _describe_failure(each)
    starts = find_starts(past)
    for start in starts:
        yield _describe_start(start)
    yield from _find_stops(past, starts)
    yield from _find_silence(past, starts)
    yield from _find_memory(past)
    yield from _find_clock(past, view)
    for one in past.occurrences:
        if one.name not in _TOGETHER and one.name not in _IN_LANES:
            yield _describe_change(one)


def _entry(what: Kind, episode: Episode, *, once: str = "", small: str = "") -> Entry:
    return Entry(what, episode.begin, episode.end, episode.seconds, once, small, episode.placed)


def _describe_link(episode: Episode) -> Entry:
    device = shorten(episode.subject[0])
    is_off = get_flag(episode.changes[0], "carrier") is None
    name = f"{device} switched off" if is_off else f"{device} link down"
    level = "warning" if episode.end is None else "note"
    alert = "LinkDown" if episode.end is None else ""
    changes = get_number(episode.changes[-1], "changes")
    if len(episode.changes) == 1 and episode.end is not None and not episode.seconds:
        once = f"{device} link lost and back" if changes and changes > 1 else f"{device} link up"
        small = f"{changes:.0f} changes between two looks" if changes and changes > 1 else ""
        return _entry(Kind("network", "note", "", f"{device} link up"), episode, once=once, small=small)
    return _entry(Kind("network", level, alert, name), episode)


def _describe_mount(episode: Episode) -> Entry:
    mount, state = shorten(episode.subject[0]), episode.subject[1]
    is_bad = state == "read-only"
    what = Kind(
        "storage",
        "critical" if is_bad else "note",
        "FilesystemReadOnly" if is_bad else "",
        f"{mount} {state}",
    )
    device = shorten(get_text(episode.changes[0], "device"))
    return _entry(what, episode, small=f"Device {device}" if device and is_bad else "")


def _describe_failure(episode: Episode) -> Entry:
    collector, thing = episode.subject
    name = shorten(f"{collector} {thing}".strip())
    message = shorten(get_text(episode.changes[0], "message"))
    return _entry(Kind("software", "warning", "CollectorFailing", f"{name} not readable"), episode, small=message)


def _describe_start(start: Start) -> Entry:
    away = 0.0 if start.before is None else max(0.0, start.at - start.before)
    lasted = f", away for {format_duration(away)}" if away else ""
    begin = start.at if start.before is None else start.before
    version = shorten(get_text(start.started, "version"))
    placed = start.started.placed
    if start.kind == FIRST:
        return Entry(_STARTED, start.at, start.at, 0.0, "sysvitals started", _say_version(version), placed)
    if start.kind == UNCLEAN:
        small = _describe_last_reading(start.unclean) if start.unclean else ""
        return Entry(_UNCLEAN, begin, start.at, away, f"{_UNCLEAN.name}{lasted}", small, placed)
    if start.kind == EXPORTER:
        what = _KILLED if start.stop is None else _EXPORTER
        is_new = start.earlier_version not in ("", get_text(start.started, "version"))
        small = f"Updated from {shorten(start.earlier_version)} to {version}" if is_new else ""
        return Entry(what, begin, start.at, away, f"{what.name}{lasted}", small, placed)
    once = "Restarted cleanly" if start.kind == CLEAN else "Restarted"
    small = "" if start.kind == CLEAN else "How the boot before ended is not known"
    return Entry(_CLEAN, begin, start.at, away, f"{once}{lasted}", small, placed)


def _say_version(version: str) -> str:
    return f"Version {version}" if version else ""


def _describe_last_reading(report: Occurrence) -> str:
    celsius, load = get_number(report, "celsius"), get_number(report, "load1")
    said = [
        f"{celsius:.1f} °C" if celsius is not None else "",
        f"load {load:g}" if load is not None else "",
        "undervoltage" if get_flag(report, "undervoltage") else "",
    ]
    known = ", ".join(word for word in said if word)
    last = f"Last reading before: {known}" if known else ""
    doubt = "" if get_flag(report, "certain") is not False else "No system log to compare with"
    return ". ".join(part for part in (last, doubt) if part)


def _find_stops(past: Past, starts: Iterable[Start]) -> Iterator[Entry]:
    """Stops after which nothing was started in the time that was read."""
    stops = [one for one in past.occurrences if one.name == "sysvitals.stopped"]
    last_start = max((start.at for start in starts), default=0.0)
    if stops and stops[-1].at > last_start:
        last = stops[-1]
        reason = shorten(get_text(last, "reason"))
        small = f"Reason: {reason}" if reason else ""
        yield Entry(_STOPPED, last.at, last.at, 0.0, "sysvitals stopped", small, last.placed)


def _find_silence(past: Past, starts: Sequence[Start]) -> Iterator[Entry]:
    """Silence that no restart explains, from a board that was suspended or a history that could not be written."""
    if not past.coverage:
        return
    explained = sorted((start.before, start.at) for start in starts if start.before is not None)
    for begin, end in find_gaps(past.coverage, past.coverage[0].begin, past.coverage[-1].end):
        near = bisect_right(explained, (begin + BRIEF_SECONDS, 0.0)) - 1
        if near < 0 or end > explained[near][1] + BRIEF_SECONDS:
            yield Entry(_SILENT, begin, end, end - begin)


def _find_memory(past: Past) -> Iterator[Entry]:
    for stretches in past.of("system.memory.usage.updated", "oom_kills").values():
        for one in stretches:
            if one.growth:
                killed = "1 process" if one.growth == 1 else f"{one.growth:.0f} processes"
                once = f"Out of memory: the kernel killed {killed}"
                yield Entry(_OUT_OF_MEMORY, one.begin, one.begin + one.seconds, 0.0, once)


def _find_clock(past: Past, view: View) -> Iterator[Entry]:
    for stretches in past.of("system.clock.updated", "synchronised").values():
        wrong = [(one.begin, one.begin + one.seconds) for one in stretches if one.mean < 1]
        last = stretches[-1]
        for begin, end in thin_out(wrong, SILENCE_SECONDS):  # it is read once a minute, or more rarely
            right = sum(one.mean * one.seconds for one in stretches if begin <= one.begin < end)
            seconds = end - begin - right
            goes_on = not last.last and last.begin < end and view.now - end < SILENCE_SECONDS
            yield Entry(_UNSYNCHRONISED, begin, None if goes_on else end, seconds)


def _describe_change(one: Occurrence) -> Entry:
    """A change that stands for itself; those of one name and subject are folded."""
    sentence = describe_change(one.name, one.data)
    kind, name, field = _ALONE.get(one.name, ("software", "", ""))
    subject = get_text(one, field)
    what = Kind(kind, sentence.level, "", shorten(f"{name} ({subject})" if subject else name or sentence.text))
    return Entry(what, one.at, one.at, once=shorten(sentence.text), placed=one.placed)


def _join_overlapping(entries: Sequence[Entry]) -> list[Entry]:
    """Let undervoltage say what came with it."""
    dips = sorted((one for one in entries if one.what.alert == "Undervoltage"), key=lambda one: one.begin)
    begins = [dip.begin for dip in dips]
    kept: list[Entry] = []
    brought: list[list[Entry]] = [[] for _ in dips]
    for entry in entries:
        if entry.what.alert == "Undervoltage":
            continue
        near = bisect_right(begins, (entry.end or entry.begin) + _NEAR_SECONDS) - 1
        if entry.what.alert in _BROUGHT and entry.end is not None and near >= 0 and _overlap(entry, dips[near]):
            brought[near].append(entry)
        else:
            kept.append(entry)
    return [*kept, *(dip._replace(meanwhile=tuple(some)) for dip, some in zip(dips, brought, strict=True))]


def _overlap(entry: Entry, dip: Entry) -> bool:
    return dip.end is None or entry.begin - _NEAR_SECONDS <= dip.end
