"""The verdict as the page shows it."""

from collections.abc import Iterator
from typing import NamedTuple

from sysvitals.judgement.verdict import WORDS, Level, Reason, Verdict
from sysvitals.model.unit import format_duration
from sysvitals.web.page.bounds import Bound, measure_texts
from sysvitals.web.page.panels import find_sensor_limits, keep_judged, say_mounts
from sysvitals.web.page.supply import say_undervoltage
from sysvitals.web.page.times import say_time
from sysvitals.web.page.values import Look, number_of, show, text_of
from sysvitals.web.page.view import Area, Judged, Why

SEEN_REASONS = 4
"""As many reasons are seen; more than these unfold."""

REASONS = Bound(100, 30_000)
"""What is beyond is counted."""

_REASON_CHARACTERS = 500


def build_verdict(verdict: Verdict, look: Look) -> Judged:
    """The verdict with its reasons and areas."""
    whole = [
        Why(level_of(reason.level), reason.alert.lower(), reason.text, reason.remedy, _key(reason))
        for reason in verdict.reasons
    ]
    reasons, left_out = REASONS.keep(whole, _measure_reason)
    seen = SEEN_REASONS if len(reasons) <= SEEN_REASONS else SEEN_REASONS - 1
    return Judged(
        level=level_of(verdict.level) if verdict.level is not Level.NOTE else "good",
        words=WORDS[verdict.level],
        since=_say_since(verdict, look),
        now=verdict.unknown or verdict.now,
        reasons=reasons[:seen],
        folded=reasons[seen:],
        left_out=left_out,
        areas=list(_find_areas(verdict, look)),
    )


def _measure_reason(why: Why) -> int:
    return _REASON_CHARACTERS + measure_texts(why.text, why.remedy, why.key)


def _key(reason: Reason) -> str:
    return "\n".join((reason.alert, *reason.subject))


def level_of(level: Level) -> str:
    """The level's name, as the style knows it."""
    return level.name.lower()


def _say_since(verdict: Verdict, look: Look) -> str:
    if verdict.since is None or verdict.level is Level.UNKNOWN:
        return ""
    lasted = format_duration(max(0, round(look.now - verdict.since)))
    is_well = verdict.level <= Level.NOTE
    return f"for {lasted}" if is_well else f"since {say_time(verdict.since, look.now, look.zone)}, {lasted}"


class _Subject(NamedTuple):
    area: str
    title: str
    target: str


_AREAS = (
    _Subject("power", "Power", "power"),
    _Subject("heat", "Heat", "sensors"),
    _Subject("storage", "Storage", "filesystems"),
    _Subject("memory", "Memory", "load"),
    _Subject("cpu", "CPU", "load"),
    _Subject("network", "Network", "network"),
    _Subject("clock", "Clock", "machine"),
    _Subject("exporter", "Exporter", "exporter"),
)


class _Fact(NamedTuple):
    """What is known of an area, and how well that is while no reason speaks of it."""

    text: str = ""
    level: Level = Level.GOOD


def _find_areas(verdict: Verdict, look: Look) -> Iterator[Area]:
    """What is judged on this host, each with the worst level found and a fact. Nothing is well that is not known."""
    for area, title, target in _AREAS:
        fact = _FACTS[area](look)
        levels = [reason.level for reason in verdict.reasons if reason.area == area]
        if fact.text or levels:
            least = Level.UNKNOWN if verdict.level is Level.UNKNOWN else fact.level
            worst = max((level for level in levels if level > Level.NOTE), default=least)
            yield Area(area, title, target, level_of(worst), level_of(fact.level), fact.text)


def _know(text: str, *needed: float | None) -> _Fact:
    """This text, where the values that it needs are known."""
    return _Fact("no data", Level.UNKNOWN) if None in needed else _Fact(text)


def _power_fact(look: Look) -> _Fact:
    if text := say_undervoltage(look):
        return _Fact(text)
    board = look.one("power.board")
    return _Fact(show(board, "input_volts").text) if number_of(board, "input_volts") is not None else _Fact()


def _heat_fact(look: Look) -> _Fact:
    known = [event for event in look.all("temperature") if number_of(event, "celsius") is not None]
    if not known:
        return _Fact()
    hottest = max(keep_judged(known, "left_alone"), key=lambda event: number_of(event, "celsius") or 0)
    high, _ = find_sensor_limits(look, hottest)
    limit = f", high from {high:.0f} °C" if high is not None else ""
    return _Fact(f"at most {show(hottest, 'celsius').text}{limit}")


def _storage_fact(look: Look) -> _Fact:
    events = look.all("disk.usage")
    if any(number_of(event, "device_error") for event in events):
        return _Fact(say_mounts(events), Level.UNKNOWN)
    known = [
        event for event in events if number_of(event, "used_percent") is not None and not number_of(event, "read_only")
    ]
    if not known:
        return _Fact()
    fullest = max(keep_judged(known, "full_expected"), key=lambda event: number_of(event, "used_percent") or 0)
    return _Fact(f"fullest is {text_of(fullest, 'mountpoint')} with {show(fullest, 'used_percent').text}")


def _memory_fact(look: Look) -> _Fact:
    usage = look.one("memory.usage")
    if usage is None:
        return _Fact()
    text = f"{show(usage, 'available').text} of {show(usage, 'total').text} available"
    return _know(text, number_of(usage, "available"))


def _cpu_fact(look: Look) -> _Fact:
    load = look.one("load")
    if load is None:
        return _Fact()
    return _know(f"load {show(load, 'load5').text} over 5 min", number_of(load, "load5"))


def _network_fact(look: Look) -> _Fact:
    up = [text_of(event, "device") for event in look.all("network.link") if number_of(event, "up")]
    if not up:
        return _Fact()
    return _Fact(f"{', '.join(up)} up" if len(up) <= 2 else f"{len(up)} links up")


def _clock_fact(look: Look) -> _Fact:
    clock = look.one("clock")
    if clock is None:
        return _Fact()
    if not number_of(clock, "synchronised"):
        return _Fact("not synchronised (no NTP)", Level.NOTE)
    return _Fact(f"synchronised, off by at most {show(clock, 'maximum_error').text}")


def _no_fact(_look: Look) -> _Fact:
    return _Fact()


_FACTS = {
    "power": _power_fact,
    "heat": _heat_fact,
    "storage": _storage_fact,
    "memory": _memory_fact,
    "cpu": _cpu_fact,
    "network": _network_fact,
    "clock": _clock_fact,
    "exporter": _no_fact,
}
