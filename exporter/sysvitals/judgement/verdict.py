"""One honest verdict on this host with its reasons, by the thresholds of the alert rules.

It sees one moment, where a rule sees a stretch of time: what a rule lets pass for some minutes shows here at once.
"""

import json
import os
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from enum import IntEnum
from typing import NamedTuple

from sysvitals.judgement import thresholds
from sysvitals.judgement.heat.limits import find_limits
from sysvitals.model.samples import Sample, Samples


class Level(IntEnum):
    """How bad it is. `NOTE` is good to know and spoils no verdict; `UNKNOWN` is a verdict that cannot be trusted."""

    UNKNOWN = -1
    GOOD = 0
    NOTE = 1
    WARNING = 2
    CRITICAL = 3


LEVELS = ("good", "warning", "critical", "unknown")
"""The names of the levels that a verdict may have; a note is none."""

WORDS: Mapping[Level, str] = {
    Level.GOOD: "All well",
    Level.NOTE: "All well",
    Level.WARNING: "Needs attention",
    Level.CRITICAL: "In trouble",
    Level.UNKNOWN: "Not known yet",
}
"""What a verdict is called on the page and in a terminal."""


class Reason(NamedTuple):
    """Why the verdict is what it is, in words, with the alert that says the same.

    `text` is one sentence without its full stop: in the present tense for a state, with times for what is over.
    `subject` has the label values of what it is about, such as ("/",) or ("eth0",); () is the host. `since` is when it
    began and `last` when it last was so, in Unix seconds; `last` is None for what is so now, `since` where it is not
    known. `remedy` says in one or two sentences what to do.
    """

    level: Level
    alert: str
    text: str
    subject: tuple[str, ...] = ()
    area: str = ""
    since: float | None = None
    last: float | None = None
    remedy: str = ""


class Verdict(NamedTuple):
    """The worst of its reasons, which come worst first, one line for each cause.

    `since` is since when it has this level, in Unix seconds. `now` is a sentence on how it is now, where all reasons
    are past. `unknown` says why the verdict cannot be trusted, else it is empty.
    """

    level: Level
    reasons: tuple[Reason, ...]
    since: float | None = None
    now: str = ""
    unknown: str = ""

    @property
    def name(self) -> str:
        """The name of its level: one of LEVELS."""
        return self.level.name.lower()


def encode_verdict(verdict: Verdict) -> str:
    """The verdict as a JSON object: what its tuples hold, levels by their names in lower case."""
    found = {
        **verdict._asdict(),
        "level": verdict.level.name.lower(),
        "reasons": [{**reason._asdict(), "level": reason.level.name.lower()} for reason in verdict.reasons],
    }
    return json.dumps(found, ensure_ascii=False)


DAY_SECONDS = 86400.0

_Key = tuple[tuple[str, str], ...]
SETTLED_SECONDS = 3600.0
"""A clock may take so long after boot to find a time server."""


def judge(samples: Samples, *, now: float, cpus: int | None = None) -> Verdict:
    """The verdict on these values at this Unix time. `cpus` is how many run; None: as many as are among the values."""
    reasons = [reason for look in _LOOKS for reason in look(samples, now)]
    reasons += _judge_load(samples, cpus)
    reasons.sort(key=lambda reason: (-reason.level, reason.alert, reason.text))
    worst = max((reason.level for reason in reasons), default=Level.GOOD)
    return Verdict(worst if worst > Level.NOTE else Level.GOOD, tuple(reasons))


def _judge_power(samples: Samples, now: float) -> Iterator[Reason]:
    active = {sample.labels["cause"] for sample in samples.get("system_throttled", ()) if sample.value}
    if "undervoltage" in active:
        yield Reason(Level.CRITICAL, "Undervoltage", "The supply voltage is too low right now.")
    elif (ago := _undervoltage_ago(samples, now)) is not None:
        times = _value(samples, "system_throttle_events_total", cause="undervoltage") or 1
        recurs = times >= thresholds.UNDERVOLTAGE_RECURS.value
        text = f"The supply voltage was too low {_times(times)}, last {format_span(ago)} ago."
        yield Reason(Level.WARNING if recurs else Level.NOTE, "UndervoltageRecurring", text)
    if "throttled" in active:
        yield Reason(Level.WARNING, "Throttled", "The firmware slows the processor down.")
    elif "frequency_capped" in active and "undervoltage" not in active:
        yield Reason(Level.WARNING, "FrequencyCapped", "The firmware holds the processor's clock down.")
    if "soft_temperature_limit" in active:
        yield Reason(Level.NOTE, "SoftTemperatureLimit", "Warm: the clock is a little lower on purpose.")
    if _value(samples, "system_undervoltage_detectable") == 0:
        text = "This board cannot tell whether its supply voltage is too low."
        yield Reason(Level.NOTE, "UndervoltageUndetectable", text)
    if _value(samples, "system_power_budget_sufficient") == 0:
        promised = _value(samples, "system_power_budget_amperes")
        what = "less" if promised is None else f"{promised:g} A only"
        text = f"The supply promises {what}: too little for this board with all its ports in use."
        yield Reason(Level.WARNING, "PowerBudgetInsufficient", text)
    volts = _value(samples, "system_board_input_volts")
    if volts is not None and volts < thresholds.INPUT_VOLTS_LOW.value:
        yield Reason(Level.WARNING, "InputVoltsLow", f"The 5 V input has {volts:.2f} V.")
    ended = _value(samples, "system_last_unclean_shutdown_timestamp_seconds")
    if ended is not None and 0 <= now - ended < DAY_SECONDS:
        text = f"It went down without a shutdown {format_span(now - ended)} ago."
        yield Reason(Level.WARNING, "UncleanShutdown", text)


def _undervoltage_ago(samples: Samples, now: float) -> float | None:
    last = _value(samples, "system_throttle_last_timestamp_seconds", cause="undervoltage")
    return now - last if last is not None and 0 <= now - last < DAY_SECONDS else None


def _judge_heat(samples: Samples, _now: float) -> Iterator[Reason]:
    for sample in samples.get("system_temperature_celsius", ()):
        high, critical = find_limits(samples, sample.labels)
        what = f"{sample.labels['chip']} {sample.labels['sensor']}"
        if critical is not None and sample.value >= critical:
            text = f"{what} has {sample.value:.0f} °C; {critical:.0f} °C is critical."
            yield Reason(Level.CRITICAL, "TemperatureHigh", text)
        elif high is not None and sample.value >= high:
            text = f"{what} has {sample.value:.0f} °C; {high:.0f} °C is high."
            yield Reason(Level.WARNING, "TemperatureHigh", text)
    for sample in samples.get("system_fan_stalled", ()):
        if sample.value:
            text = f"{sample.labels['chip']} {sample.labels['fan']} has stalled: it should turn and does not."
            yield Reason(Level.CRITICAL, "FanStalled", text)
    for sample in samples.get("system_heat_limited", ()):
        if sample.value:
            text = f"The kernel slows the {sample.labels['component'].upper()} down for heat."
            yield Reason(Level.WARNING, "HeatLimited", text)


def _judge_filesystems(samples: Samples, _now: float) -> Iterator[Reason]:
    readonly = {_key(sample) for sample in samples.get("system_filesystem_readonly", ()) if sample.value}
    for key in readonly:
        if dict(key)["mountpoint"] == "/":
            yield Reason(Level.CRITICAL, "FilesystemReadOnly", "The root filesystem cannot be written.")
    for sample in samples.get("system_filesystem_device_error", ()):
        if sample.value:
            text = f"{sample.labels['mountpoint']} does not answer."
            yield Reason(Level.WARNING, "FilesystemUnresponsive", text)
    yield from _judge_space(samples, readonly)
    sizes = {_key(sample): sample.value for sample in samples.get("system_filesystem_files", ())}
    for sample in samples.get("system_filesystem_files_free", ()):
        count = sizes.get(_key(sample))
        if count and _key(sample) not in readonly:
            used = 1 - sample.value / count
            level = _grade(used, thresholds.INODES_NEARLY_FULL, thresholds.INODES_FULL)
            if level is not None:
                yield Reason(level, "InodesFull", f"{sample.labels['mountpoint']} is {used:.0%} out of inodes.")


def _judge_space(samples: Samples, readonly: Collection[_Key]) -> Iterator[Reason]:
    sizes = {_key(sample): sample.value for sample in samples.get("system_filesystem_size_bytes", ())}
    for sample in samples.get("system_filesystem_avail_bytes", ()):
        left, size = sample.value, sizes.get(_key(sample), 0.0)
        if size < thresholds.FILESYSTEM_SMALL.value or _key(sample) in readonly:
            continue
        used = 1 - left / size
        is_boot = sample.labels["mountpoint"].startswith(("/boot", "/efi"))
        level = _grade(used, thresholds.FILESYSTEM_NEARLY_FULL, thresholds.FILESYSTEM_FULL)
        if level is Level.CRITICAL and (is_boot or left >= thresholds.FILESYSTEM_LITTLE_ROOM.value):
            level = Level.WARNING
        room = thresholds.BOOT_ROOM if is_boot else thresholds.FILESYSTEM_ROOM
        if level is not None and left < room.value:
            yield Reason(level, "FilesystemFull", f"{sample.labels['mountpoint']} is {used:.0%} full.")


def _judge_memory(samples: Samples, _now: float) -> Iterator[Reason]:
    available, size = _value(samples, "system_memory_available_bytes"), _value(samples, "system_memory_size_bytes")
    if available is None or not size or available >= thresholds.MEMORY_ROOM.value:
        return
    used = 1 - available / size
    level = _grade(used, thresholds.MEMORY_LOW, thresholds.MEMORY_VERY_LOW)
    swap, left = _value(samples, "system_memory_swap_size_bytes"), _value(samples, "system_memory_swap_free_bytes")
    if level is Level.CRITICAL and swap and left is not None and left / swap > thresholds.SWAP_LEFT.value:
        level = Level.WARNING
    if level is not None:
        yield Reason(level, "MemoryLow", f"{used:.0%} of the memory is used.")


def _judge_load(samples: Samples, cpus: int | None) -> Iterator[Reason]:
    load, uptime = _value(samples, "system_load5"), _value(samples, "system_uptime_seconds")
    count = cpus or len({s.labels["cpu"] for s in samples.get("system_cpu_seconds_total", ())}) or os.cpu_count() or 1
    if load is None or load < thresholds.LOAD_LEAST.value:
        return
    is_booting = uptime is not None and uptime < thresholds.BOOT_SETTLED.value
    if load / count > thresholds.LOAD_HIGH.value and not is_booting:
        text = f"{load:.1f} tasks run or wait on {count} CPU{'s' if count > 1 else ''}."
        yield Reason(Level.WARNING, "LoadHigh", text)


def _judge_storage(samples: Samples, _now: float) -> Iterator[Reason]:
    for sample in samples.get("system_storage_life_used_ratio", ()):
        level = _grade(sample.value, thresholds.STORAGE_WORN, thresholds.STORAGE_WORN_OUT)
        if level is not None:
            text = f"{sample.labels['device']} has used {sample.value:.0%} of its life."
            yield Reason(level, "StorageWorn", text)
    for sample in samples.get("system_storage_pre_eol", ()):
        if sample.value and sample.labels["state"] != "normal":
            level = Level.CRITICAL if sample.labels["state"] == "urgent" else Level.WARNING
            yield Reason(level, "StorageWorn", f"The spare blocks of {sample.labels['device']} are nearly used up.")


def _judge_network(samples: Samples, _now: float) -> Iterator[Reason]:
    for sample in samples.get("system_wifi_signal_dbm", ()):
        if sample.value < thresholds.WIFI_WEAK.value:
            text = f"The Wi-Fi signal of {sample.labels['device']} is weak: {sample.value:.0f} dBm."
            yield Reason(Level.WARNING, "WifiWeak", text)


def _judge_clock(samples: Samples, _now: float) -> Iterator[Reason]:
    uptime = _value(samples, "system_uptime_seconds")
    settled = uptime is None or uptime > SETTLED_SECONDS
    if _value(samples, "system_timex_sync_status") == 0 and settled:
        yield Reason(Level.WARNING, "ClockUnsynchronised", "The clock follows no time server.")


def _judge_exporter(samples: Samples, _now: float) -> Iterator[Reason]:
    for sample in samples.get("sysvitals_collector_success", ()):
        if not sample.value:
            text = f"The collector {sample.labels['collector']} fails: what it reads is not known."
            yield Reason(Level.WARNING, "CollectorFailing", text)
    if _value(samples, "sysvitals_history_writable") == 0:
        yield Reason(Level.WARNING, "HistoryNotWritable", "The history cannot be written.")


_LOOKS: tuple[Callable[[Samples, float], Iterable[Reason]], ...] = (
    _judge_power,
    _judge_heat,
    _judge_filesystems,
    _judge_memory,
    _judge_storage,
    _judge_network,
    _judge_clock,
    _judge_exporter,
)


def _value(samples: Samples, name: str, **labels: str) -> float | None:
    for sample in samples.get(name, ()):
        if all(sample.labels.get(label) == text for label, text in labels.items()):
            return sample.value
    return None


def _key(sample: Sample) -> _Key:
    return tuple(sorted(sample.labels.items()))


def _grade(value: float, warning: thresholds.Threshold, critical: thresholds.Threshold) -> Level | None:
    if value >= critical.value:
        return Level.CRITICAL
    return Level.WARNING if value >= warning.value else None


def _times(count: float) -> str:
    return "once" if count == 1 else f"{count:.0f} times"


def format_span(seconds: float) -> str:
    """A stretch of time for people: `a moment`, `12 min`, `3 h`."""
    if seconds < 60:
        return "a moment"
    return f"{seconds / 60:.0f} min" if seconds < 5400 else f"{seconds / 3600:.0f} h"
