"""Where heat begins, for each sensor, and which part of the host each sensor is in: as the recorded limits have it."""

from collections.abc import Mapping
from typing import TYPE_CHECKING

from sysvitals.judgement.left_alone import SENSOR
from sysvitals.judgement.thresholds import (
    CRITICAL_MARGIN,
    HIGH_MARGIN,
    LIMIT_LEAST,
    PROCESSOR_CRITICAL_MARGIN,
    PROCESSOR_MARGIN,
    THROTTLE_LIMIT,
    THROTTLE_MARGIN,
    UNLIMITED_HIGH,
)

if TYPE_CHECKING:
    from sysvitals.model.samples import Samples  # not at run time: a reader of the history asks for the processor alone

PROCESSOR_HEAT = "heat of the processor"
"""The cause of all that a hot processor brings about."""

PROCESSOR = "cpu"
"""The part that all sensors of the processor are in."""

PROCESSORS = (
    *("cpu", "core", "k10temp", "zenpower", "x86_pkg_temp", "acpitz", "B0D4", "TCPU"),
    *("soc", "tj", "package", "bigcore", "littlecore", "center", "gpu_thermal", "npu_thermal"),
)
"""How the names of chips begin whose sensors are in or at the processor, and of zones that show it once more.

First those of PCs, then those of boards, where graphics are in the same chip.
"""

GRAPHICS = ("amdgpu", "radeon", "nouveau", "i915", "xe", "gpu")
"""Of those that are in a graphics chip."""

MEMORY = ("spd5118",)
"""Of those on memory modules: DDR5."""

WITHOUT_MOST = (*PROCESSORS, *GRAPHICS, *MEMORY)
"""Of those whose `max` is no limit.

At that of processors and of graphics fans run full. That of a DDR5 module is the 55 degrees with which each such chip
starts and which no firmware sets: the memory itself works up to 85, which its critical point says.
"""

BOARD_MONITORS = ("nct", "it8", "w83", "f71", "f8", "sch", "lm", "adm", "adt", "asus", "gigabyte", "dell", "thinkpad")
"""Of those that have inputs for sensors elsewhere on a board: one that nothing is connected to shows anything."""

_IS_PI = ("system_board_memory_bytes", "system_undervoltage_detectable")
"""Only a Raspberry Pi has a revision code, or firmware to ask about its supply."""


def part_of(chip: str) -> str:
    """The part that the sensors of this chip are in: the processor, however many chips show it, or the chip itself."""
    return PROCESSOR if is_processor(chip) else chip


def cause_of_heat(chip: str) -> str:
    """What makes the sensors of this chip hot."""
    return PROCESSOR_HEAT if is_processor(chip) else f"heat of {chip}"


def is_processor(chip: str) -> bool:
    """Whether the sensors of this chip are in the processor."""
    return chip.startswith(PROCESSORS)


def find_limits(samples: "Samples", sensor: Mapping[str, str]) -> tuple[float | None, float | None]:
    """Where this sensor's temperature is high and where it is critical, in degrees Celsius.

    The processor of a Raspberry Pi is throttled far below the critical point that it reports. A sensor that the user
    leaves alone has no limits.
    """
    if SENSOR.has(samples, sensor):
        return None, None
    chip = sensor["chip"]
    if chip == "cpu_thermal" and any(samples.get(metric) for metric in _IS_PI):
        limit = _limit(_find(samples, "system_firmware_temperature_limit_celsius", {"sensor": "soc"}))
        limit = THROTTLE_LIMIT.value if limit is None else limit
        return limit - THROTTLE_MARGIN.value, limit
    end = _limit(_find(samples, "system_temperature_critical_celsius", sensor))
    most = None
    if not chip.startswith(WITHOUT_MOST):
        most = _limit(_find(samples, "system_temperature_max_celsius", sensor))
    margins = HIGH_MARGIN.value, CRITICAL_MARGIN.value
    if chip.startswith(PROCESSORS + GRAPHICS):
        margins = PROCESSOR_MARGIN.value, PROCESSOR_CRITICAL_MARGIN.value
    if end is None:
        unlimited = None if chip.startswith(BOARD_MONITORS) else UNLIMITED_HIGH.value
        return (unlimited if most is None else most), None
    high, critical = (end - margin for margin in margins)
    if most is not None and most < end:
        return most, max(critical, (most + end) / 2)
    return high, critical


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
