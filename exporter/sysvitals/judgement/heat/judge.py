"""Temperatures against their limits, fans, and what heat slows down, as the host itself judges it."""

from collections.abc import Iterable, Iterator, Mapping
from functools import partial
from typing import NamedTuple

from sysvitals.judgement.heat.limits import PROCESSOR_HEAT, cause_of_heat, find_limits, is_processor, part_of
from sysvitals.judgement.judgement import Facts, Finding, Judgement, Watch
from sysvitals.judgement.thresholds import HEAT_PREDICTED, HEAT_RISING, THROTTLED_TIME
from sysvitals.model.unit import format_value

_TEMPERATURE = "system_temperature_celsius"
_AVERAGE_SECONDS = 300.0
_RISE_SECONDS = 600.0
_STEPS = round(HEAT_PREDICTED.value / _RISE_SECONDS)


def _name(sensor: Mapping[str, str]) -> str:
    if sensor["chip"] == "cpu_thermal":
        return "The processor"
    return f"{sensor['chip']} {sensor['sensor']}{' (processor)' if is_processor(sensor['chip']) else ''}"


class _Heat(NamedTuple):
    """How far a sensor is above a limit, and what is to be said of that."""

    excess: float
    chip: str
    text: str
    celsius: float


def _find_hot(facts: Facts, *, is_critical: bool) -> Iterator[Finding]:
    word = "critical" if is_critical else "high"
    found = []
    for sample in facts.all(_TEMPERATURE):
        high, critical = find_limits(facts.samples, sample.labels)
        limit = critical if is_critical else high
        celsius = facts.average(_TEMPERATURE, sample.labels, _AVERAGE_SECONDS)
        if limit is not None and celsius is not None and celsius >= limit:
            text = f"{_name(sample.labels)} is at {celsius:.0f} °C ({word} from {limit:.0f} °C)"
            found.append(_Heat(celsius - limit, sample.labels["chip"], text, celsius))
    return _find_worst(found)


def _find_rising(facts: Facts) -> Iterator[Finding]:
    found = []
    minutes = HEAT_PREDICTED.value / 60
    hot = {finding.subject for finding in _find_hot(facts, is_critical=False)}
    for sample in facts.all(_TEMPERATURE):
        high, _ = find_limits(facts.samples, sample.labels)
        if high is None or (part_of(sample.labels["chip"]),) in hot:
            continue
        ahead = _predict(facts, sample.labels)
        if ahead is not None and ahead[1] >= high:
            text = (
                f"{_name(sample.labels)} is at {ahead[0]:.0f} °C and rising: {ahead[1]:.0f} °C in {minutes:.0f} min "
                f"(high from {high:.0f} °C)"
            )
            found.append(_Heat(ahead[1] - high, sample.labels["chip"], text, ahead[1]))
    return _find_worst(found)


def _find_worst(found: Iterable[_Heat]) -> Iterator[Finding]:
    """One finding a part of the host: on the sensor that is furthest above its limit."""
    worst: dict[str, _Heat] = {}
    for heat in sorted(found, reverse=True):
        worst.setdefault(part_of(heat.chip), heat)
    for part, heat in worst.items():
        yield Finding((part,), heat.text, heat.celsius, cause_of_heat(heat.chip))


def _predict(facts: Facts, sensor: Mapping[str, str]) -> tuple[float, float] | None:
    """The temperature now, and where it will be if each ten minutes it rises by the same part of the ten before.

    A straight line would take each new job for the end.
    """
    now, before, first = (
        facts.average(_TEMPERATURE, sensor, _AVERAGE_SECONDS, ago=steps * _RISE_SECONDS) for steps in range(3)
    )
    if now is None or before is None or first is None:
        return None
    rise, rise_before = now - before, before - first
    if rise < HEAT_RISING.value or rise_before < HEAT_RISING.value:
        return None
    ratio = min(1.0, rise / rise_before)
    return now, now + rise * sum(ratio**step for step in range(1, _STEPS + 1))


def _find_stalled_fans(facts: Facts) -> Iterator[Finding]:
    for sample in facts.all("system_fan_stalled"):
        if sample.value:
            text = f"{sample.labels['chip']} {sample.labels['fan']} should be spinning but is not"
            yield Finding(tuple(sample.labels.values()), text)


def _find_limited(facts: Facts) -> Iterator[Finding]:
    shares: dict[str, float] = {}
    for sample in facts.all("system_heat_limited"):
        shares[sample.labels["component"]] = facts.average("system_heat_limited", sample.labels, 900) or 0.0
    for counter in ("system_cpu_package_throttle_seconds_total", "system_cpu_core_throttle_seconds_total"):
        for sample in facts.all(counter):
            share = facts.rate(counter, sample.labels, 900) or 0.0
            shares["cpu"] = max(share, shares.get("cpu", 0.0))
    for component, share in shares.items():
        if share > THROTTLED_TIME.value:
            part = format_value(min(1.0, share), "ratio")
            text = f"Heat slowed the {component.upper()} down {part} of the last 15 min"
            cause = PROCESSOR_HEAT if component == "cpu" else f"heat of {component}"
            yield Finding((component,), text, cause=cause, follows=True)


HIGH = Judgement(
    alert="TemperatureHigh",
    severity="warning",
    area="heat",
    find=partial(_find_hot, is_critical=False),
    lasts=300,
    keeps=600,
    watches=(Watch(_TEMPERATURE, _AVERAGE_SECONDS),),
    remedy="Look at the fan, at dust in it, and at the air that the case gets. Then less work, a heat sink or a fan.",
)

CRITICAL = Judgement(
    alert="TemperatureHigh",
    severity="critical",
    area="heat",
    find=partial(_find_hot, is_critical=True),
    lasts=120,
    keeps=900,
    watches=HIGH.watches,
    remedy="Stop what works hard and give it air now. Then look at fan, dust and heat sink.",
)

RISING = Judgement(
    alert="TemperatureRising",
    severity="warning",
    area="heat",
    find=_find_rising,
    lasts=600,
    keeps=600,
    watches=(Watch(_TEMPERATURE, 2 * _RISE_SECONDS + _AVERAGE_SECONDS),),
    remedy="Has the fan stopped, does the sun shine on it, is the case closed? Or let the job that heats it wait.",
)

FAN = Judgement(
    alert="FanStalled",
    severity="critical",
    area="heat",
    find=_find_stalled_fans,
    lasts=180,
    keeps=900,
    remedy=(
        "Look for a cable in it, dust or a loose plug; else it is broken. "
        "If you took it out, set `--collector.fan.exclude-fans`."
    ),
)

LIMITED = Judgement(
    alert="HeatLimited",
    severity="warning",
    area="heat",
    find=_find_limited,
    lasts=300,
    keeps=900,
    watches=(
        Watch("system_heat_limited", 900),
        Watch("system_cpu_package_throttle_seconds_total", 900),
        Watch("system_cpu_core_throttle_seconds_total", 900),
    ),
    remedy="Look for dust, a fan that stands still, a case without air, dried thermal paste. Then less work.",
)

JUDGEMENTS = (HIGH, CRITICAL, RISING, FAN, LIMITED)
