"""What happened, in one sentence each: the same on the page, in a terminal and in reports.

Sentences are made of a stored line's name and data, so that reading a history loads nothing that makes events. A line
may come from another version, so that a field may be missing, or from a hostile program, so that it may be anything: it
then stands as its text.
"""

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple, TypeGuard

from sysvitals.model.unit import UNKNOWN, format_duration, format_moment, format_value

Data = Mapping[str, Any]

CAUSES: Mapping[str, str] = {
    "undervoltage": "Undervoltage",
    "frequency_capped": "Frequency cap",
    "throttled": "Throttling",
    "soft_temperature_limit": "Soft temperature limit",
}
"""What the causes of throttling are called."""

VERDICTS: Mapping[str, str] = {
    "unknown": "Not known yet",
    "good": "All well",
    "note": "All well",
    "warning": "Needs attention",
    "critical": "In trouble",
}
"""What the levels of the verdict are called."""


class Sentence(NamedTuple):
    """One sentence without full stop, and how bad what it says is: critical, warning, note or good (an end of bad)."""

    text: str
    level: str


def describe_change(name: str, data: Data) -> Sentence:
    """What this change says, in the past tense. One that this version does not know is given by its name and fields."""
    say = SENTENCES.get(name)
    return say(data) if say else Sentence(_describe_unknown(name, data), "note")


def describe_reading(name: str, data: Data, units: Mapping[str, str]) -> str:
    """The event's name, and each field with its value in its unit."""
    values = "  ".join(f"{field}={_quote(_show(value, units.get(field, '')))}" for field, value in data.items())
    return f"{name}  {values}"


def _began(data: Data) -> Sentence:
    return Sentence(f"{_cause(data)} began", "critical" if data.get("cause") == "undervoltage" else "warning")


def _ended(data: Data) -> Sentence:
    return Sentence(f"{_cause(data)} ended{_after(data.get('seconds'))}", "good")


def _link(data: Data) -> Sentence:
    carrier, changes = data.get("carrier"), data.get("changes")
    state = "is switched off" if carrier is None else "link up" if carrier else "link down"
    count = f" ({changes} changes)" if isinstance(changes, int) and changes > 1 else ""
    level = "note" if carrier is None else "good" if carrier else "warning"
    return Sentence(f"{_text(data, 'device')} {state}{count}", level)


def _remounted(data: Data) -> Sentence:
    if data.get("read_only"):
        return Sentence(f"{_text(data, 'mountpoint')} became read-only", "critical")
    return Sentence(f"{_text(data, 'mountpoint')} became writable", "good")


def _unclean(data: Data) -> Sentence:
    what = "Unclean shutdown" if data.get("certain", True) else "Probably an unclean shutdown"
    clock = " by a clock that was not set" if data.get("clock_synced") is False else ""
    facts = [
        f"last seen {_moment(data.get('last_seen'))}{clock}",
        f"up {_duration(data.get('uptime'))}",
        _show(data["celsius"], "celsius") if "celsius" in data else "",
        f"load {_show(data['load1'])}" if "load1" in data else "",
        ", ".join(CAUSES.get(cause, cause).lower() for cause in f"{data.get('throttling') or ''}".split(", ") if cause),
    ]
    return Sentence(f"{what}: {', '.join(filter(None, facts))}", "critical")


def _failed(data: Data) -> Sentence:
    reason = data.get("message") or data.get("error") or UNKNOWN
    return Sentence(f"Cannot read {_source(data)}: {reason}", "warning")


def _recovered(data: Data) -> Sentence:
    failures = data.get("failures", 1)
    count = f", {failures} failures" if isinstance(failures, int) and failures > 1 else ""
    return Sentence(f"Reading {_source(data)} works again{_after(data.get('seconds'))}{count}", "good")


def _unavailable(data: Data) -> Sentence:
    return Sentence(f"No {_source(data)}: {_text(data, 'reason')}", "note")


def _dropped(data: Data) -> Sentence:
    return Sentence(f"{_text(data, 'sink')} lost {_events(data)}: {_text(data, 'reason')}", "warning")


def _repaired(data: Data) -> Sentence:
    cut = _show(data.get("bytes"), "bytes")
    return Sentence(f"History repaired: torn end of {_text(data, 'segment')} removed ({cut})", "note")


def _thinned(data: Data) -> Sentence:
    source = _text(data, "collector")
    return Sentence(f"History left out {_events(data)} of {source} to stay within its size limit", "note")


def _started(data: Data) -> Sentence:
    return Sentence(f"sysvitals {_text(data, 'version')} started", "note")


def _stopped(data: Data) -> Sentence:
    return Sentence(f"sysvitals stopped ({_text(data, 'reason')})", "note")


def _reloaded(data: Data) -> Sentence:
    changed, off = data.get("changed"), data.get("switched_off")
    what = f"changed {changed}" if changed else "nothing changed"
    return Sentence(f"Configuration reloaded: {what}{f', switched off {off}' if off else ''}", "note")


def _verdict(data: Data) -> Sentence:
    level, reasons = f"{data.get('level', 'unknown')}", data.get("reasons")
    text = f"Verdict: {VERDICTS.get(level, level)}{f' ({reasons})' if reasons else ''}"
    return Sentence(text, "note" if level == "unknown" or level not in VERDICTS else level)


def _fired(data: Data) -> Sentence:
    return Sentence(_text(data, "text"), "critical" if data.get("severity") == "critical" else "warning")


def _alert_ended(data: Data) -> Sentence:
    return Sentence(f"Over{_after(data.get('seconds'))}: {_text(data, 'text')}", "good")


def _describe_unknown(name: str, data: Data) -> str:
    words = name.removeprefix("system.").replace(".", " ").replace("_", " ")
    fields = ", ".join(f"{field.replace('_', ' ')} {_show(value)}" for field, value in data.items())
    return f"{words[:1].upper()}{words[1:]}{f': {fields}' if fields else ''}"


def _cause(data: Data) -> str:
    cause = _text(data, "cause")
    return CAUSES.get(cause, cause)


def _source(data: Data) -> str:
    thing = data.get("thing")
    return f"{_text(data, 'collector')} data{f' of {thing}' if thing else ''}"


def _events(data: Data) -> str:
    count = data.get("events")
    return "1 event" if count == 1 else f"{_show(count)} events"


def _after(seconds: object) -> str:
    return f" after {format_duration(seconds)}" if _is_number(seconds) else ""


def _duration(seconds: object) -> str:
    return format_duration(seconds) if _is_number(seconds) else UNKNOWN


def _moment(seconds: object) -> str:
    return format_moment(seconds) if _is_number(seconds) else UNKNOWN


def _is_number(value: object) -> TypeGuard[float]:
    return isinstance(value, int | float) and not isinstance(value, bool) and abs(value) < 1e15


def _text(data: Data, field: str) -> str:
    value = data.get(field)
    return UNKNOWN if value is None else f"{value}"


def _show(value: object, unit: str = "") -> str:
    if value is None or isinstance(value, str | bool) or _is_number(value):
        return format_value(value, unit)
    return f"{value}"


def _quote(text: str) -> str:
    return text if text and text.isprintable() else repr(text)


SENTENCES: Mapping[str, Callable[[Data], Sentence]] = {
    "collector.failed": _failed,
    "collector.recovered": _recovered,
    "collector.unavailable": _unavailable,
    "history.repaired": _repaired,
    "history.thinned": _thinned,
    "sink.dropped": _dropped,
    "system.disk.remounted": _remounted,
    "system.network.link.changed": _link,
    "system.shutdown.unclean": _unclean,
    "system.throttling.cleared": _ended,
    "system.throttling.started": _began,
    "sysvitals.alert.ended": _alert_ended,
    "sysvitals.alert.fired": _fired,
    "sysvitals.reloaded": _reloaded,
    "sysvitals.started": _started,
    "sysvitals.stopped": _stopped,
    "sysvitals.verdict.changed": _verdict,
}
"""By the name of the change."""
