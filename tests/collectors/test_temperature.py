import dataclasses
import json
from pathlib import Path

import pytest

from sysvitals.collectors import temperature
from sysvitals.collectors.temperature import Temperature
from sysvitals.model.catalog import build_catalog
from sysvitals.model.collector import Fault, Unavailable
from sysvitals.model.reading import subject_of
from tests.building import build_host
from tests.recorded import HOSTS, RecordedHost, recorded_hosts

DRIVES = ("nvme_MADE-UP-NVME-1TB-90923336", "nvme_MADE-UP-NVME-1TB-a8d8e637")


def readings(name: str) -> list[Temperature]:
    return [r for r in temperature.COLLECTOR.run(RecordedHost(HOSTS / name)) if isinstance(r, Temperature)]


def faults(name: str) -> list[tuple[str, str]]:
    return [(f.what, f.error) for f in temperature.COLLECTOR.run(RecordedHost(HOSTS / name)) if isinstance(f, Fault)]


def test_a_raspberry_pi_5_has_its_processor_drive_and_io_chip() -> None:
    assert readings("pi-5") == [
        Temperature(chip="cpu_thermal", sensor="temp1", celsius=52.35, critical=110.0),
        Temperature(chip="nvme0", sensor="Composite", celsius=43.85, critical=84.85, maximum=81.85),
        Temperature(chip="nvme0", sensor="Sensor 1", celsius=48.85),
        Temperature(chip="rp1_adc", sensor="temp1", celsius=50.414),
    ]


def test_an_old_raspberry_pi_has_one_sensor() -> None:
    assert readings("qemu-raspi0") == [Temperature(chip="cpu_thermal", sensor="temp1", celsius=20.178, critical=90.0)]


def test_a_jetsons_zones_that_are_off_hide_no_other() -> None:
    assert [r.chip for r in readings("jetson")] == [
        "nvme0", "cpu_thermal", "gpu_thermal", "soc0_thermal", "soc1_thermal", "soc2_thermal", "tj_thermal"
    ]  # fmt: skip
    assert {r.critical for r in readings("jetson")[1:]} == {104.5}
    assert faults("jetson") == [(f"cv{number}_thermal temp1_input", "EINVAL") for number in range(3)]


def test_a_pc_has_its_cores_two_drives_and_the_zone_without_a_twin() -> None:
    found = readings("nuc")
    assert [(r.chip, r.sensor) for r in found] == [
        ("acpitz", "temp1"),
        ("pch_skylake", "temp1"),
        *((drive, sensor) for drive in DRIVES for sensor in ("Composite", "Sensor 1", "Sensor 2")),
        ("coretemp", "Package id 0"),
        *(("coretemp", f"Core {number}") for number in range(4)),
        ("amdgpu_0000:01:00.0", "edge"),
        ("x86_pkg_temp", "temp1"),
    ]
    assert faults("nuc") == []  # its Wi-Fi card is switched off, and has no temperature


def test_hostile_files_give_readings_that_are_fit_to_tell() -> None:
    found = readings("hostile")
    assert ("values", "temp5", -40.0) in [(r.chip, r.sensor, r.celsius) for r in found]
    for reading in found:
        json.dumps(dataclasses.asdict(reading), allow_nan=False)
        assert (reading.chip + reading.sensor).isprintable()
    assert {error for _, error in faults("hostile")} >= {"EIO", "EINVAL", "EACCES", "garbage"}


@pytest.mark.parametrize("name", ["container", "vm", "qemu-raspi4b"])
def test_a_host_without_sensors_says_so(name: str) -> None:
    with pytest.raises(Unavailable, match="no temperature sensor"):
        readings(name)


def test_a_host_whose_only_sensor_fails_has_sensors(tmp_path: Path) -> None:
    host = build_host(tmp_path, {"sys/class/thermal/thermal_zone0/temp.ERRNO-EIO": ""})
    (fault,) = temperature.COLLECTOR.run(host)
    assert isinstance(fault, Fault)


@pytest.mark.parametrize("name", recorded_hosts())
def test_no_two_readings_have_one_subject(name: str) -> None:
    try:
        found = readings(name)
    except Unavailable:
        return
    assert len({subject_of(reading) for reading in found}) == len(found)


def test_its_families_are_named_as_users_know_them() -> None:
    assert list(build_catalog([temperature.COLLECTOR]).families) == [
        "system_temperature_celsius",
        "system_temperature_critical_celsius",
        "system_temperature_max_celsius",
    ]
