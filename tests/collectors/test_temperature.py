import errno
import json
import shutil
from pathlib import Path
from typing import Any

import pytest

from sysvitals.collectors import temperature
from sysvitals.collectors.temperature import Options, Temperature
from sysvitals.host.files import NO_DATA
from sysvitals.model.catalog import build_catalog
from sysvitals.model.collector import Fault, Probe, Unavailable
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
        json.dumps(vars(reading), allow_nan=False)
        assert (reading.chip + reading.sensor).isprintable()
    assert {error for _, error in faults("hostile")} >= {"EIO", "EINVAL", "EACCES", "garbage"}


def probes(host: RecordedHost) -> dict[str, Probe]:
    return {probe.name: probe for probe in temperature.find(host, Options()) if isinstance(probe, Probe)}


def test_each_chip_and_each_zone_that_no_chip_shows_is_a_probe_of_its_own() -> None:
    assert list(probes(RecordedHost(HOSTS / "nuc"))) == [
        "acpitz", "iwlwifi", "pch_skylake", *DRIVES, "coretemp", "amdgpu_0000:01:00.0", "thermal_zone1"
    ]  # fmt: skip


def build_chip(device: str, number: int = 0, **files: str) -> dict[str, str]:
    folder = f"sys/devices/{device}/hwmon/hwmon{number}"
    files = {"name": "x", "temp1_input": "21000"} | files
    return {
        f"sys/class/hwmon/hwmon{number}": f"->../../devices/{device}/hwmon/hwmon{number}",
        f"{folder}/device": "->../../../" + device.rpartition("/")[2],
        **{f"{folder}/{name}": f"{text}\n" for name, text in files.items()},
    }


def test_a_sensor_to_leave_alone_is_shown_as_such_beside_those_that_are_judged(tmp_path: Path) -> None:
    host = build_host(tmp_path, build_chip("platform/x.0", temp2_input="90000"))
    (probe,) = (one for one in temperature.find(host, Options(leave_alone="x temp2")) if isinstance(one, Probe))
    found = [one for one in probe.read() if isinstance(one, Temperature)]
    assert [(one.sensor, one.celsius, one.left_alone) for one in found] == [
        ("temp1", 21.0, False),
        ("temp2", 90.0, True),
    ]


@pytest.mark.parametrize(
    ("device", "bus"),
    [
        ("w1_bus_master1/28-000005e2fdc3", "w1_bus_master1"),
        ("platform/soc/3f804000.i2c/i2c-1/1-0048", "i2c-1"),
        ("platform/coretemp.0", ""),
    ],
)
def test_things_behind_one_bus_say_so(tmp_path: Path, device: str, bus: str) -> None:
    (probe,) = probes(build_host(tmp_path, build_chip(device))).values()
    assert probe.bus == bus


def test_to_find_sensors_asks_no_hardware(tmp_path: Path) -> None:
    files = {"temp1_input.ERRNO-EIO": "", "temp1_crit.ERRNO-EIO": "", "temp1_max.ERRNO-EIO": "", "temp1_label": "a"}
    host = build_host(tmp_path, {f"sys/class/hwmon/hwmon0/{name}": text for name, text in files.items()})
    assert [type(thing) for thing in temperature.find(host, Options())] == [Probe]


def test_a_chip_that_is_unplugged_after_it_was_found_gives_nothing_and_no_error(tmp_path: Path) -> None:
    host = build_host(tmp_path, build_chip("platform/x.0"))
    (probe,) = probes(host).values()
    assert len(list(probe.read())) == 1
    shutil.rmtree(tmp_path / "sys/devices/platform/x.0")
    assert list(probe.read()) == []


def test_limits_are_read_when_a_chip_is_found_and_not_again_at_each_run(tmp_path: Path) -> None:
    host = build_host(tmp_path, build_chip("platform/x.0", temp1_max="60000"))
    (probe,) = probes(host).values()

    def maximum(probe: Probe) -> list[Any]:
        return [item.maximum for item in probe.read() if isinstance(item, Temperature)]

    assert maximum(probe) == [60.0]
    (tmp_path / "sys/devices/platform/x.0/hwmon/hwmon0/temp1_max").write_text("70000\n")
    assert maximum(probe) == [60.0]
    assert maximum(*probes(host).values()) == [70.0]


def test_a_limit_that_fails_is_counted_once_for_each_time_that_the_chip_is_found(tmp_path: Path) -> None:
    files = build_chip("platform/x.0") | {"sys/devices/platform/x.0/hwmon/hwmon0/temp1_max.ERRNO-EIO": ""}
    (probe,) = probes(build_host(tmp_path, files)).values()
    assert [type(item) for item in probe.read()] == [Fault, Temperature]
    assert [type(item) for item in probe.read()] == [Temperature]


def test_a_graphics_card_that_sleeps_is_not_woken(tmp_path: Path) -> None:
    card = "pci0000:00/0000:01:00.0"
    files = build_chip(card) | {
        f"sys/devices/{card}/subsystem": "->../../../bus/pci",
        f"sys/devices/{card}/power/runtime_status": "suspended\n",
    }
    (probe,) = probes(build_host(tmp_path, files)).values()
    assert list(probe.read()) == []
    (tmp_path / f"sys/devices/{card}/power/runtime_status").write_text("active\n")
    assert len(list(probe.read())) == 1


@pytest.mark.parametrize("error", sorted(errno.errorcode[number] for number in NO_DATA))
def test_a_sensor_without_data_is_absent_and_no_error(tmp_path: Path, error: str) -> None:
    name = "EOPNOTSUPP" if error == "ENOTSUP" else error
    files = {f"{folder}.ERRNO-{name}": "" for folder in ("hwmon/hwmon0/temp1_input", "thermal/thermal_zone0/temp")}
    host = build_host(tmp_path, {f"sys/class/{file}": text for file, text in files.items()})
    assert list(probes(host)) == ["hwmon0", "thermal_zone0"]
    assert list(temperature.COLLECTOR.run(host)) == []


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
        "system_temperature_left_alone",
        "system_temperature_max_celsius",
    ]
