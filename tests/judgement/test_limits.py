"""Where heat begins: at a sensor's own limits, or where a board throttles."""

import pytest

from sysvitals.judgement.heat.limits import PROCESSOR_HEAT, cause_of_heat, find_limits, part_of
from sysvitals.model.samples import Sample

CPU = {"chip": "cpu_thermal", "sensor": "temp1"}
CORE = {"chip": "coretemp", "sensor": "Package id 0"}
NVME = {"chip": "nvme0", "sensor": "Composite"}
DDR5 = {"chip": "spd5118_1", "sensor": "temp1"}


def values(*rows: tuple[str, dict[str, str], float]) -> dict[str, list[Sample]]:
    found: dict[str, list[Sample]] = {}
    for name, labels, value in rows:
        found.setdefault(name, []).append(Sample(labels, value))
    return found


@pytest.mark.parametrize(
    ("rows", "sensor", "limits"),
    [
        ([("system_board_memory_bytes", {}, 1.0), ("system_temperature_critical_celsius", CPU, 110.0)], CPU, (80, 85)),
        (
            [
                ("system_board_memory_bytes", {}, 1.0),
                ("system_firmware_temperature_limit_celsius", {"sensor": "soc"}, 75.0),
            ],
            CPU,
            (70, 75),
        ),
        (
            [("system_temperature_max_celsius", NVME, 70.0), ("system_temperature_critical_celsius", NVME, 85.0)],
            NVME,
            (70, 80),
        ),
        (
            [("system_temperature_max_celsius", NVME, 81.0), ("system_temperature_critical_celsius", NVME, 85.0)],
            NVME,
            (81, 83),
        ),
        (
            [("system_undervoltage_detectable", {}, 0.0), ("system_temperature_critical_celsius", CPU, 110.0)],
            CPU,
            (80, 85),
        ),
        (
            [("system_temperature_max_celsius", NVME, 100.0), ("system_temperature_critical_celsius", NVME, 100.0)],
            NVME,
            (85, 95),
        ),
        ([("system_temperature_critical_celsius", CPU, 115.0)], CPU, (110, 113)),
        ([("system_temperature_critical_celsius", NVME, 85.0)], NVME, (70, 80)),
        (
            [("system_temperature_max_celsius", CORE, 80.0), ("system_temperature_critical_celsius", CORE, 100.0)],
            CORE,
            (95, 98),
        ),
        (
            [("system_temperature_max_celsius", DDR5, 55.0), ("system_temperature_critical_celsius", DDR5, 85.0)],
            DDR5,
            (70, 80),
        ),
        ([("system_temperature_max_celsius", CORE, 70.0)], CORE, (96, None)),
        ([("system_temperature_critical_celsius", CORE, 20.8)], CORE, (96, None)),
        ([("system_temperature_max_celsius", NVME, 70.0)], NVME, (70, None)),
        ([], NVME, (96, None)),
        ([], {"chip": "nct6798", "sensor": "AUXTIN0"}, (None, None)),
        (
            [("system_temperature_critical_celsius", NVME, 85.0), ("system_temperature_left_alone", NVME, 1.0)],
            NVME,
            (None, None),
        ),
        (
            [("system_temperature_critical_celsius", NVME, 85.0), ("system_temperature_left_alone", NVME, 0.0)],
            NVME,
            (70, 80),
        ),
    ],
)
def test_a_sensors_limits_are_its_own_or_where_the_board_throttles(
    rows: list[tuple[str, dict[str, str], float]], sensor: dict[str, str], limits: tuple[float | None, float | None]
) -> None:
    assert find_limits(values(*rows), sensor) == limits


@pytest.mark.parametrize("chip", ["cpu_thermal", "coretemp", "k10temp", "soc_thermal", "acpitz", "tj_thermal"])
def test_what_a_processor_reports_has_one_cause(chip: str) -> None:
    assert cause_of_heat(chip) == PROCESSOR_HEAT
    assert cause_of_heat("nvme0") != PROCESSOR_HEAT


def test_sensors_of_a_processor_are_one_part_and_those_of_another_chip_are_another() -> None:
    assert {part_of(chip) for chip in ("coretemp", "acpitz", "x86_pkg_temp")} == {"cpu"}
    assert part_of("nvme0") == "nvme0"
