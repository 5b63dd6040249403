from pathlib import Path

import pytest

from sysvitals.host.host import Host
from sysvitals.model.collector import Fault
from sysvitals.sources.sys.temperatures import ChipSensors, Temperature, find_sensors, read_chip, read_zone
from tests.building import build_host
from tests.recorded import HOSTS, RecordedHost, recorded_hosts

HWMON = "sys/class/hwmon"
THERMAL = "sys/class/thermal"


def build_zone(number: int, kind: str, temperature: int, critical: int | None = None) -> dict[str, str]:
    folder = f"sys/devices/virtual/thermal/thermal_zone{number}"
    files = {
        f"{THERMAL}/thermal_zone{number}": f"->../../devices/virtual/thermal/thermal_zone{number}",
        f"{folder}/type": f"{kind}\n",
        f"{folder}/temp": f"{temperature}\n",
    }
    if critical is not None:
        files |= {f"{folder}/trip_point_0_type": "critical\n", f"{folder}/trip_point_0_temp": f"{critical}\n"}
    return files


def build_twin(number: int, driver: str, zone: int | None, *temperatures: int) -> dict[str, str]:
    """The hwmon chip of one type of zones; without `zone`, as kernels before 5.x made it."""
    folder = f"{HWMON}/hwmon{number}"
    files = {f"{folder}/name": f"{driver}\n"}
    files |= {f"{folder}/temp{i}_input": f"{t}\n" for i, t in enumerate(temperatures, 1)}
    if zone is not None:
        files[f"{folder}/device"] = f"->../../../devices/virtual/thermal/thermal_zone{zone}"
    return files


def read_temperatures(host: Host) -> list[Temperature | Fault]:
    """What a first look at the host gives."""
    found: list[Temperature | Fault] = []
    for thing in find_sensors(host):
        if isinstance(thing, Fault):
            found.append(thing)
        else:
            found += read_chip(host, thing, {}) if isinstance(thing, ChipSensors) else read_zone(host, thing, {})
    return found


@pytest.mark.parametrize("zone", [0, None])
def test_a_zone_and_its_twin_are_one_sensor_with_the_critical_point_of_the_zone(
    tmp_path: Path, zone: int | None
) -> None:
    host = build_host(tmp_path, build_zone(0, "cpu-thermal", 48312, 110000) | build_twin(0, "cpu_thermal", zone, 48312))
    assert read_temperatures(host) == [Temperature("cpu_thermal", "temp1", 48.312, critical=110.0)]


def test_the_link_between_twin_and_zone_counts_more_than_names(tmp_path: Path) -> None:
    host = build_host(tmp_path, build_zone(0, "soc-max", 50000, 100000) | build_twin(0, "soc", 0, 50000))
    assert read_temperatures(host) == [Temperature("soc", "temp1", 50.0, critical=100.0)]


def test_zones_that_share_a_type_are_sensors_of_one_twin(tmp_path: Path) -> None:
    host = build_host(
        tmp_path,
        build_zone(0, "acpitz", 30000, 100000)
        | build_zone(1, "other", 20000)
        | build_zone(2, "acpitz", 40000, 120000)
        | build_twin(0, "acpitz", 0, 30000, 40000),
    )
    assert read_temperatures(host) == [
        Temperature("acpitz", "temp1", 30.0, critical=100.0),
        Temperature("acpitz", "temp2", 40.0, critical=120.0),
        Temperature("other", "temp1", 20.0),
    ]


def test_zones_without_a_twin_are_numbered_within_their_type(tmp_path: Path) -> None:
    host = build_host(tmp_path, build_zone(3, "x86_pkg_temp", 61000) | build_zone(1, "x86_pkg_temp", 58000, 105000))
    assert read_temperatures(host) == [
        Temperature("x86_pkg_temp", "temp1", 58.0, critical=105.0),
        Temperature("x86_pkg_temp", "temp2", 61.0),
    ]


def test_a_zone_beyond_its_twins_sensors_is_read_by_itself(tmp_path: Path) -> None:
    host = build_host(
        tmp_path, build_zone(0, "acpitz", 30000) | build_zone(1, "acpitz", 40000) | build_twin(0, "acpitz", 0, 30000)
    )
    assert read_temperatures(host) == [Temperature("acpitz", "temp1", 30.0), Temperature("acpitz", "temp2", 40.0)]


def test_the_chips_own_limits_count(tmp_path: Path) -> None:
    files = {"temp1_input": "41850", "temp1_crit": "84850", "temp1_max": "81850", "temp1_label": "Composite"}
    host = build_host(
        tmp_path,
        {f"{HWMON}/hwmon0/name": "nvme\n"} | {f"{HWMON}/hwmon0/{name}": f"{text}\n" for name, text in files.items()},
    )
    assert read_temperatures(host) == [Temperature("nvme", "Composite", 41.85, critical=84.85, maximum=81.85)]


@pytest.mark.parametrize("limit", ["65261850", "0", "-273150"])
def test_a_limit_that_was_never_set_is_none(tmp_path: Path, limit: str) -> None:
    files = {"name": "nvme", "temp1_input": "41850", "temp1_crit": limit, "temp1_max": limit}
    host = build_host(tmp_path, {f"{HWMON}/hwmon0/{name}": f"{text}\n" for name, text in files.items()})
    assert read_temperatures(host) == [Temperature("nvme", "temp1", 41.85)]


@pytest.mark.parametrize("value", ["-128000", "127500", "-273150", "-263200"])
def test_an_input_with_nothing_connected_is_no_sensor(tmp_path: Path, value: str) -> None:
    files = {"name": "it87", "temp1_input": value, "temp2_input": "38000"}
    host = build_host(tmp_path, {f"{HWMON}/hwmon0/{name}": f"{text}\n" for name, text in files.items()})
    assert read_temperatures(host) == [Temperature("it87", "temp2", 38.0)]


@pytest.mark.parametrize(("value", "errors"), [("-273150", []), ("-216150", ["garbage"])])
def test_a_sensor_without_a_temperature_is_not_asked_for_its_limits(
    tmp_path: Path, value: str, errors: list[str]
) -> None:
    files = {f"{HWMON}/hwmon0/name": "nvme\n", f"{HWMON}/hwmon0/temp2_input": f"{value}\n"}
    found = read_temperatures(build_host(tmp_path, files | {f"{HWMON}/hwmon0/temp2_max.ERRNO-EIO": ""}))
    assert [fault.error for fault in found if isinstance(fault, Fault)] == errors


def test_a_sensor_that_its_chip_calls_faulty_gives_no_value(tmp_path: Path) -> None:
    files = {"name": "emc1413", "temp1_input": "25000", "temp2_input": "0", "temp2_fault": "1", "temp3_fault": "0"}
    files |= {"temp3_input": "-5000"}
    host = build_host(tmp_path, {f"{HWMON}/hwmon0/{name}": f"{text}\n" for name, text in files.items()})
    first, fault, third = read_temperatures(host)
    assert (first, third) == (Temperature("emc1413", "temp1", 25.0), Temperature("emc1413", "temp3", -5.0))
    assert isinstance(fault, Fault)
    assert (fault.what, fault.error) == ("emc1413 temp2", "sensor_fault")


@pytest.mark.parametrize("error", ["EINVAL", "EIO", "EACCES", "ETIMEDOUT"])
def test_a_sensor_that_fails_does_not_hide_its_siblings(tmp_path: Path, error: str) -> None:
    host = build_host(
        tmp_path,
        build_twin(0, "cpu_thermal", None, 48000)
        | {f"{HWMON}/hwmon0/temp2_input.ERRNO-{error}": "", f"{THERMAL}/thermal_zone5/temp.ERRNO-{error}": ""}
        | {f"{THERMAL}/thermal_zone5/type": "gpu\n"}
        | build_zone(6, "soc", 50000),
    )
    found = read_temperatures(host)
    assert [t.celsius for t in found if isinstance(t, Temperature)] == [48.0, 50.0]
    assert [(f.what, f.error) for f in found if isinstance(f, Fault)] == [
        ("cpu_thermal temp2_input", error),
        ("thermal_zone5 temp", error),
    ]


def test_a_critical_point_that_fails_does_not_hide_the_temperature(tmp_path: Path) -> None:
    files = build_zone(0, "cpu-thermal", 48000) | build_twin(0, "cpu_thermal", 0, 48000) | build_zone(1, "soc", 50000)
    for number in (0, 1):
        files[f"sys/devices/virtual/thermal/thermal_zone{number}/trip_point_0_type.ERRNO-EIO"] = ""
    found = read_temperatures(build_host(tmp_path, files))
    assert [t for t in found if isinstance(t, Temperature)] == [
        Temperature("cpu_thermal", "temp1", 48.0),
        Temperature("soc", "temp1", 50.0),
    ]
    assert {f.what for f in found if isinstance(f, Fault)} == {"thermal_zone0 trip_point", "thermal_zone1 trip_point"}


@pytest.mark.parametrize("switch", ["temp1_type", "temp1_enable"])
def test_a_sensor_that_its_chip_has_switched_off_is_none_whatever_its_register_holds(
    tmp_path: Path, switch: str
) -> None:
    files = {"name": "it8620", "temp1_input": "53000", "temp1_fault": "1", switch: "0"}
    files |= {"temp2_input": "37000", switch.replace("1", "2"): "1"}
    host = build_host(tmp_path, {f"{HWMON}/hwmon0/{name}": f"{text}\n" for name, text in files.items()})
    assert read_temperatures(host) == [Temperature("it8620", "temp2", 37.0)]


def test_a_sensor_that_is_switched_off_and_does_not_answer_is_no_fault(tmp_path: Path) -> None:
    files = {f"{HWMON}/hwmon0/name": "tmp421\n", f"{HWMON}/hwmon0/temp1_enable": "0\n"}
    assert read_temperatures(build_host(tmp_path, files | {f"{HWMON}/hwmon0/temp1_input.ERRNO-EIO": ""})) == []


@pytest.mark.parametrize("twin", [True, False])
@pytest.mark.parametrize(
    ("mode", "error", "faults"), [("disabled", "EINVAL", 0), ("disabled", "EIO", 1), ("enabled", "EINVAL", 1)]
)
def test_a_zone_that_is_switched_off_and_refuses_is_no_fault(
    tmp_path: Path, mode: str, error: str, faults: int, *, twin: bool
) -> None:
    folder = "sys/devices/virtual/thermal/thermal_zone0"
    files = build_zone(0, "aux", 0) | {f"{folder}/mode": f"{mode}\n", f"{folder}/temp.ERRNO-{error}": ""}
    del files[f"{folder}/temp"]
    if twin:
        files |= build_twin(0, "aux", 0) | {f"{HWMON}/hwmon0/temp1_input.ERRNO-{error}": ""}
    assert [type(found) for found in read_temperatures(build_host(tmp_path, files))] == [Fault] * faults


@pytest.mark.parametrize("twin", [True, False])
def test_a_zone_that_is_switched_off_and_measures_all_the_same_is_a_temperature(tmp_path: Path, *, twin: bool) -> None:
    files = build_zone(0, "aux", 41000) | {"sys/devices/virtual/thermal/thermal_zone0/mode": "disabled\n"}
    files |= build_twin(0, "aux", 0, 41000) if twin else {}
    assert read_temperatures(build_host(tmp_path, files)) == [Temperature("aux", "temp1", 41.0)]


def test_nothing_is_colder_than_absolute_zero(tmp_path: Path) -> None:
    found = read_temperatures(
        build_host(tmp_path, build_zone(0, "soc", -300000) | build_twin(0, "nvme", None, -273151))
    )
    assert [(f.what, f.error) for f in found if isinstance(f, Fault)] == [
        ("nvme temp1", "garbage"),
        ("thermal_zone0 temp", "garbage"),
    ]
    assert len(found) == 2


def test_a_sensor_that_disappears_between_two_runs_is_gone_without_a_fault(tmp_path: Path) -> None:
    host = build_host(tmp_path, build_twin(0, "a", None, 1000) | build_twin(1, "b", None, 2000))
    assert len(read_temperatures(host)) == 2
    for file in (tmp_path / HWMON / "hwmon0").iterdir():
        file.unlink()
    assert read_temperatures(host) == [Temperature("b", "temp1", 2.0)]


@pytest.mark.parametrize("name", recorded_hosts())
def test_no_two_sensors_of_a_recorded_host_are_called_the_same(name: str) -> None:
    found = [t for t in read_temperatures(RecordedHost(HOSTS / name)) if isinstance(t, Temperature)]
    assert len({(t.chip, t.sensor) for t in found}) == len(found)
