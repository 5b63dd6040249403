"""Where heat begins, for each sensor, and which sensors are the processor's: as the recorded limits have it."""

from collections.abc import Mapping
from typing import TYPE_CHECKING

from sysvitals.judgement.left_alone import SENSOR
from sysvitals.judgement.thresholds import CRITICAL_MARGIN, HIGH_MARGIN, LIMIT_LEAST, THROTTLE_LIMIT, THROTTLE_MARGIN

if TYPE_CHECKING:
    from sysvitals.model.samples import Samples  # not at run time: a reader of the history asks for the processor alone

PROCESSOR_HEAT = "heat of the processor"
"""The cause of all that a hot processor brings about."""

_PROCESSORS = ("cpu", "coretemp", "k10temp", "zenpower", "soc")
_IS_PI = ("system_board_memory_bytes", "system_undervoltage_detectable")
"""Only a Raspberry Pi has a revision code, or firmware to ask about its supply."""


def cause_of_heat(chip: str) -> str:
    """What makes the sensors of this chip hot: six of one processor are one cause."""
    return PROCESSOR_HEAT if is_processor(chip) else f"heat of {chip}"


def is_processor(chip: str) -> bool:
    """Whether the sensors of this chip are in the processor."""
    return chip.startswith(_PROCESSORS)


def find_limits(samples: "Samples", sensor: Mapping[str, str]) -> tuple[float | None, float | None]:
    """Where this sensor's temperature is high and where it is critical, in degrees Celsius.

    The processor of a Raspberry Pi is throttled far below the critical point that it reports. A sensor that the user
    leaves alone has no limits.
    """
    if SENSOR.has(samples, sensor):
        return None, None
    if sensor["chip"] == "cpu_thermal" and any(samples.get(metric) for metric in _IS_PI):
        limit = _limit(_find(samples, "system_firmware_temperature_limit_celsius", {"sensor": "soc"}))
        limit = THROTTLE_LIMIT.value if limit is None else limit
        return limit - THROTTLE_MARGIN.value, limit
    most = _limit(_find(samples, "system_temperature_max_celsius", sensor))
    end = _limit(_find(samples, "system_temperature_critical_celsius", sensor))
    if end is None:
        return most, None
    critical = end - CRITICAL_MARGIN.value
    if most is not None and most < end:
        return most, max(critical, (most + end) / 2)
    return end - HIGH_MARGIN.value, critical


def list_high_limits(samples: "Samples") -> dict[tuple[str, ...], float]:
    """From how many degrees Celsius on each sensor, by chip and sensor, is hot; those without a limit are left out."""
    sensors = [sample.labels for sample in samples.get("system_temperature_celsius", ())]
    limits = {(labels["chip"], labels["sensor"]): find_limits(samples, labels)[0] for labels in sensors}
    return {sensor: limit for sensor, limit in limits.items() if limit is not None}


def is_processor_hot(samples: "Samples") -> bool:
    """Whether a sensor of the processor is at its high limit."""
    for sample in samples.get("system_temperature_celsius", ()):
        if is_processor(sample.labels["chip"]):
            high, _ = find_limits(samples, sample.labels)
            if high is not None and sample.value >= high:
                return True
    return False


def _find(samples: "Samples", metric: str, labels: Mapping[str, str]) -> float | None:
    return next((sample.value for sample in samples.get(metric, ()) if sample.labels == labels), None)


def _limit(celsius: float | None) -> float | None:
    return celsius if celsius is not None and celsius > LIMIT_LEAST.value else None
