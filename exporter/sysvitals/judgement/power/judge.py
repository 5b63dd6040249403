"""Undervoltage, throttling, the supply, and what a bad supply ends in, as the host itself judges it."""

from collections.abc import Iterator
from typing import NamedTuple

from sysvitals.judgement.heat.limits import PROCESSOR_HEAT, is_processor_hot
from sysvitals.judgement.judgement import DAY_SECONDS, Facts, Finding, Judgement, Watch
from sysvitals.judgement.moments import format_moment, format_part_of_day, format_times
from sysvitals.judgement.thresholds import (
    INPUT_VOLTS_LOW,
    SOFT_LIMIT_TIME,
    THROTTLED_TIME,
    UNCLEAN_SHUTDOWNS_LOOP,
    UNDERVOLTAGE_RECENT,
    UNDERVOLTAGE_RECURS,
)
from sysvitals.judgement.windows import HOUR
from sysvitals.model.changes import Started, UncleanShutdown
from sysvitals.model.event import Event
from sysvitals.model.unit import format_duration, format_value

_DIP = {"cause": "undervoltage"}
_EVENTS, _SECONDS = "system_throttle_events_total", "system_throttle_seconds_total"
_WEAK_SUPPLY = "undervoltage"
_COUNTED_SECONDS = DAY_SECONDS - HOUR / 2
"""Windows of a day begin at whole hours, half of one earlier or later: none of these begins before the day."""

_STARTED, _CLEARED = "system.throttling.started", "system.throttling.cleared"
_UNCLEAN, _BEGUN = UncleanShutdown.event_name, Started.event_name

_SUPPLY_REMEDY = (
    "Unplug what takes power from the board: USB disks, HATs, dongles. Then try a short, thick cable, and a power "
    "supply made for the board."
)


def _watch(metric: str, cause: str, seconds: float) -> Watch:
    return Watch(metric, seconds, (("cause", cause),))


class _Dips(NamedTuple):
    """The undervoltages of a day: how often, for how many seconds together, and when the last one ended (Unix time)."""

    times: int
    seconds: float
    last: float

    def describe(self, now: float) -> str:
        """`at 03:14 for 4 s`, or `12 times in 24 h, last at 03:14, 41 s in all`."""
        when = format_moment(self.last, now)
        lasted = format_duration(self.seconds) if self.seconds >= 0.1 else ""
        if self.times == 1:
            return f"{when} for {lasted}" if lasted else when
        total = f", {lasted} in all" if lasted else ""
        return f"{format_times(self.times)} in 24 h, last {when}{total}"


def _find_dips(facts: Facts) -> _Dips | None:
    """The dips of the last day: each is an event, and of more than are kept the counters know."""
    started, cleared = (
        [event for event in facts.events(name, DAY_SECONDS) if getattr(event.body, "cause", "") == "undervoltage"]
        for name in (_STARTED, _CLEARED)
    )
    times = [event.stamp.time for event in started]
    times.extend(_end_of(event, started) for event in cleared)
    seen = facts.value("system_throttle_last_timestamp_seconds", **_DIP)
    if seen is not None and not times and 0 <= facts.now - seen < DAY_SECONDS:
        times.append(seen)
    if not times:
        return None
    often = max(len(started), round(facts.growth(_EVENTS, _DIP, _COUNTED_SECONDS) or 0), 1)
    lasted = sum(getattr(event.body, "seconds", 0.0) for event in cleared)
    return _Dips(often, max(lasted, facts.growth(_SECONDS, _DIP, _COUNTED_SECONDS) or 0.0), max(times))


def _end_of(cleared: Event, started: list[Event]) -> float:
    """When a dip ended, in Unix seconds. What a power cut ended is known at the next start, and lasted no longer."""
    at = cleared.stamp.time
    began = max((event.stamp.time for event in started if event.stamp.time <= at), default=None)
    return at if began is None else min(at, began + getattr(cleared.body, "seconds", 0.0))


def _find_undervoltage(facts: Facts) -> Iterator[Finding]:
    dips = _find_dips(facts)
    if facts.value("system_throttled", **_DIP):
        often = f": {dips.describe(facts.now)}" if dips and dips.times > 1 else ""
        yield Finding((), f"The 5 V supply is too low{often}", cause=_WEAK_SUPPLY)
    elif dips is not None and _is_low(facts, dips):
        text = f"The 5 V supply was too low {dips.describe(facts.now)}"
        yield Finding((), text, cause=_WEAK_SUPPLY, now="The voltage is high enough again, but may fall at any moment.")
    elif dips is not None:
        if dips.times < UNDERVOLTAGE_RECURS.value:
            yield _over(dips, facts.now)
    elif facts.growth(_EVENTS, _DIP, _COUNTED_SECONDS):
        began = facts.now - min(facts.uptime, DAY_SECONDS)
        yield Finding((), "Undervoltage while the exporter did not run", cause=_WEAK_SUPPLY, last=began)
    elif facts.value("system_throttled_since_boot", **_DIP) and min(facts.uptime, facts.known) < DAY_SECONDS:
        # it may have been within the day: nothing remembers that there was none
        ago = facts.uptime
        boot = format_moment(facts.now - ago, facts.now) if ago < DAY_SECONDS else f"{format_duration(ago)} ago"
        text = f"Undervoltage since the boot {boot}, time not known"
        yield Finding((), text, cause=_WEAK_SUPPLY, last=facts.now - min(ago, DAY_SECONDS))


def _find_recurring(facts: Facts) -> Iterator[Finding]:
    dips = _find_dips(facts)
    if dips is not None and dips.times >= UNDERVOLTAGE_RECURS.value:
        found = _over(dips, facts.now)
        yield found._replace(last=None) if _is_low(facts, dips) else found


def _over(dips: _Dips, now: float) -> Finding:
    was = f"{format_part_of_day(dips.last, now)} the power supply was too weak."
    return Finding((), f"Undervoltage {dips.describe(now)}", cause=_WEAK_SUPPLY, last=dips.last, now=was)


def _is_low(facts: Facts, dips: _Dips) -> bool:
    """Whether the voltage is too low, or was a while ago: one dip after another is not ten changes of the verdict."""
    return bool(facts.value("system_throttled", **_DIP)) or facts.now - dips.last < UNDERVOLTAGE_RECENT.value


def _find_undetectable(facts: Facts) -> Iterator[Finding]:
    if facts.value("system_undervoltage_detectable") == 0:
        yield Finding((), "Undervoltage cannot be detected on this board")


def _share(facts: Facts, cause: str, seconds: float) -> float:
    return (facts.growth(_SECONDS, {"cause": cause}, seconds) or 0.0) / seconds


def _cause_of_throttling(facts: Facts) -> str:
    if facts.growth(_SECONDS, _DIP, 900):
        return _WEAK_SUPPLY
    return PROCESSOR_HEAT if is_processor_hot(facts.samples) else ""


def _find_throttled(facts: Facts) -> Iterator[Finding]:
    share = _share(facts, "throttled", 300)
    if share > THROTTLED_TIME.value:
        text = f"The firmware throttles the processor, {format_value(min(1.0, share), 'ratio')} of the last 5 min"
        yield Finding((), text, cause=_cause_of_throttling(facts), follows=True)


def _find_capped(facts: Facts) -> Iterator[Finding]:
    share = _share(facts, "frequency_capped", 300)
    if share > THROTTLED_TIME.value and not facts.growth(_SECONDS, {"cause": "throttled"}, 900):
        text = f"The firmware caps the processor's clock, {format_value(min(1.0, share), 'ratio')} of the last 5 min"
        yield Finding((), text, cause=_cause_of_throttling(facts), follows=True)


def _find_soft_limit(facts: Facts) -> Iterator[Finding]:
    share = _share(facts, "soft_temperature_limit", 900)
    if share > SOFT_LIMIT_TIME.value:
        yield Finding((), "Above the soft temperature limit: 1.2 instead of 1.4 GHz, which does no harm")


def _find_budget(facts: Facts) -> Iterator[Finding]:
    if facts.value("system_power_budget_sufficient") == 0:
        amperes = facts.value("system_power_budget_amperes")
        offers = "too little current" if amperes is None else f"{amperes:g} A of the 5 A that the board needs"
        yield Finding((), f"The power supply offers {offers}")


def _find_input_volts(facts: Facts) -> Iterator[Finding]:
    volts = facts.least("system_board_input_volts", {}, 300)
    if volts is not None and volts < INPUT_VOLTS_LOW.value:
        yield Finding((), f"The 5 V input fell to {volts:.2f} V within 5 min", cause=_WEAK_SUPPLY, follows=True)


def _find_unclean(facts: Facts) -> Iterator[Finding]:
    ends = facts.events(_UNCLEAN, DAY_SECONDS)
    if ends:
        often = f"{len(ends)} unclean shutdowns in 24 h, last" if len(ends) > 1 else "Unclean shutdown"
        # it is found out at the next start, so that this is when the host was back
        yield _was_unclean(f"{often} {_describe_end(ends[-1], facts.now)}", ends[-1].stamp.time, facts.now)
        return
    seen = facts.value("system_last_unclean_shutdown_timestamp_seconds")
    if seen is not None and 0 <= facts.now - seen < DAY_SECONDS:
        yield _was_unclean(f"Unclean shutdown {format_moment(seen, facts.now)}", seen, facts.now)


def _was_unclean(text: str, last: float, now: float) -> Finding:
    was = f"{format_part_of_day(last, now)} the host had an unclean shutdown."
    return Finding((), text, last=last, now=was)


def _describe_end(event: Event, now: float) -> str:
    body = event.body
    if not isinstance(body, UncleanShutdown) or body.clock_synced is False or body.last_seen > now:
        return f"before the start {format_moment(event.stamp.time, now)}"
    ago = now - body.last_seen
    return format_moment(body.last_seen, now) if ago < DAY_SECONDS else f"{format_duration(ago)} ago"


def _find_reboot_loop(facts: Facts) -> Iterator[Finding]:
    starts = facts.events(_BEGUN, DAY_SECONDS)
    boots = {event.stamp.boot for event in starts if facts.now - (event.stamp.time - event.stamp.uptime) <= 3600}
    count = max(len(boots), len(facts.events(_UNCLEAN, 3600)))
    if count >= UNCLEAN_SHUTDOWNS_LOOP.value:
        yield Finding((), f"Started {format_times(count)} within an hour")


UNDERVOLTAGE = Judgement(
    alert="Undervoltage",
    severity="critical",
    area="power",
    find=_find_undervoltage,
    watches=(_watch(_EVENTS, "undervoltage", DAY_SECONDS), _watch(_SECONDS, "undervoltage", DAY_SECONDS)),
    events=(_STARTED, _CLEARED),
    remedy=_SUPPLY_REMEDY,
)

RECURRING = Judgement(
    alert="UndervoltageRecurring",
    severity="warning",
    area="power",
    find=_find_recurring,
    keeps=4 * 3600,
    watches=UNDERVOLTAGE.watches,
    events=UNDERVOLTAGE.events,
    remedy=_SUPPLY_REMEDY,
)

UNDETECTABLE = Judgement(
    alert="UndervoltageUndetectable",
    severity="info",
    area="power",
    find=_find_undetectable,
    lasts=900,
    remedy="Choose its power supply with care. `sysvitals collectors` names a permission or module that is missing.",
)

_THROTTLE_REMEDY = (
    "If the voltage is low, replace the supply and its cable. "
    "Else give the processor a heat sink, air or a fan, or less work."
)

THROTTLED = Judgement(
    alert="Throttled",
    severity="warning",
    area="power",
    find=_find_throttled,
    keeps=900,
    watches=(_watch(_SECONDS, "throttled", 300), _watch(_SECONDS, "undervoltage", 900)),
    remedy=_THROTTLE_REMEDY,
)

CAPPED = Judgement(
    alert="FrequencyCapped",
    severity="warning",
    area="power",
    find=_find_capped,
    lasts=60,
    keeps=900,
    watches=(
        _watch(_SECONDS, "frequency_capped", 300),
        _watch(_SECONDS, "throttled", 900),
        _watch(_SECONDS, "undervoltage", 900),
    ),
    remedy=_THROTTLE_REMEDY,
)

SOFT_LIMIT = Judgement(
    alert="SoftTemperatureLimit",
    severity="info",
    area="power",
    find=_find_soft_limit,
    keeps=1800,
    watches=(_watch(_SECONDS, "soft_temperature_limit", 900),),
    remedy="A heat sink helps, and so does temp_soft_limit=70 in config.txt.",
)

BUDGET = Judgement(
    alert="PowerBudgetInsufficient",
    severity="warning",
    area="power",
    find=_find_budget,
    lasts=600,
    remedy="A 27 W supply made for the board gives 5 A. Without USB disks and HATs the board may do well as it is.",
)

INPUT_VOLTS = Judgement(
    alert="InputVoltsLow",
    severity="warning",
    area="power",
    find=_find_input_volts,
    keeps=900,
    watches=(Watch("system_board_input_volts", 300),),
    remedy="Try a shorter, thicker cable first, and USB disks on a powered hub.",
)

UNCLEAN = Judgement(
    alert="UncleanShutdown",
    severity="warning",
    area="power",
    find=_find_unclean,
    events=(_UNCLEAN,),
    remedy="The power failed, or the kernel crashed or hung. Look at `journalctl -b -1 -n 50` and at the power supply.",
)

REBOOT_LOOP = Judgement(
    alert="RebootLoop",
    severity="critical",
    area="power",
    find=_find_reboot_loop,
    keeps=1800,
    events=(_BEGUN, _UNCLEAN),
    remedy="Unplug USB devices and HATs; if it stays up then, it is the supply. Else look at `journalctl -b -1 -n 50`.",
)

JUDGEMENTS = (
    UNDERVOLTAGE,
    RECURRING,
    UNDETECTABLE,
    THROTTLED,
    CAPPED,
    SOFT_LIMIT,
    BUDGET,
    INPUT_VOLTS,
    UNCLEAN,
    REBOOT_LOOP,
)
