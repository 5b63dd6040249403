import shutil
from pathlib import Path
from typing import Any

import pytest

from sysvitals.collectors import power_supply
from sysvitals.collectors.power_supply import Power
from sysvitals.model.catalog import build_catalog
from sysvitals.model.collector import Fault, Probe, Unavailable
from tests.building import build_host
from tests.recorded import HOSTS, RecordedHost


def read(name: str) -> list[Power | Fault]:
    found: list[Any] = list(power_supply.COLLECTOR.run(RecordedHost(HOSTS / name)))
    return found


def power(chip: str, sensor: str, **values: Any) -> Power:
    return Power(**{"chip": chip, "sensor": sensor, "volts": None, "amperes": None, "watts": None, **values})


def test_a_raspberry_pi_5_tells_the_pins_of_its_converter() -> None:
    assert read("pi-5") == [
        power("rp1_adc", "in1", volts=1.48),
        power("rp1_adc", "in2", volts=2.542),
        power("rp1_adc", "in3", volts=1.407),
        power("rp1_adc", "in4", volts=1.388),
    ]


def test_newer_kernels_tell_the_rails_of_a_raspberry_pi() -> None:
    # what the chip reports in an emulation, which has no rails
    assert read("qemu-raspi3b-bpo") == [
        power("rpi_volt", rail, volts=0.0) for rail in ("core", "sdram_c", "sdram_i", "sdram_p")
    ]


def test_a_jetson_tells_voltage_and_current_of_its_rails_together() -> None:
    first = read("jetson")[0]
    assert first == power(
        "ina3221_1-0040", "VDD_IN", volts=5.056, amperes=1.096, amperes_max=32.76, amperes_critical=32.76
    )


def test_a_graphics_card_tells_its_voltage_and_its_average_power() -> None:
    assert read("nuc") == [
        power("amdgpu_0000:01:00.0", "vddgfx", volts=0.75),
        power("amdgpu_0000:01:00.0", "slowPPT", watts=9.0),
    ]


def test_what_is_no_measurement_is_a_fault_and_hides_no_sibling() -> None:
    found = read("hostile")
    assert [(p.sensor, p.volts) for p in found if isinstance(p, Power)] == [("in0", -12.0)]
    assert {f.what for f in found if isinstance(f, Fault)} == {"values curr1_input", "values power1_average"}


def test_each_chip_is_a_probe_of_its_own_and_names_its_bus() -> None:
    found = list(power_supply.find(RecordedHost(HOSTS / "jetson")))
    assert [(probe.name, probe.bus) for probe in found if isinstance(probe, Probe)] == [("ina3221_1-0040", "i2c-1")]


def test_a_chip_that_is_unplugged_after_it_was_found_gives_nothing_and_no_error(tmp_path: Path) -> None:
    folder = "sys/class/hwmon/hwmon0"
    host = build_host(tmp_path, {f"{folder}/name": "x\n", f"{folder}/in1_input": "5000\n"})
    (probe,) = power_supply.find(host)
    assert isinstance(probe, Probe)
    assert list(probe.read()) == [power("x", "in1", volts=5.0)]
    shutil.rmtree(tmp_path / folder)
    assert list(probe.read()) == []


@pytest.mark.parametrize("name", ["pi-4b-browning-out", "vm", "container"])
def test_a_host_without_such_a_chip_says_so(name: str) -> None:
    with pytest.raises(Unavailable, match="no chip that measures"):
        read(name)


def test_its_families_are_named_as_users_know_them() -> None:
    assert list(build_catalog([power_supply.COLLECTOR]).families) == [
        "system_power_supply_amperes",
        "system_power_supply_volts",
        "system_power_supply_watts",
    ]
