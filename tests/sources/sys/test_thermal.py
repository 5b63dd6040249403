from pathlib import Path

import pytest

from sysvitals.model.collector import Fault
from sysvitals.sources.sys.thermal import (
    Zone,
    read_critical_point,
    read_zone_temperature,
    read_zones,
)
from tests.building import build_host

ROOT = "sys/class/thermal"


def test_zones_are_listed_in_the_order_of_their_numbers(tmp_path: Path) -> None:
    types = {2: "x86_pkg_temp", 10: "acpitz", 0: "cpu-thermal"}
    files = {f"{ROOT}/thermal_zone{number}/type": f"{kind}\n" for number, kind in types.items()}
    host = build_host(tmp_path, files | {f"{ROOT}/cooling_device0/type": "pwm-fan\n"})
    zones = [zone for zone in read_zones(host) if isinstance(zone, Zone)]
    assert [(zone.name, zone.chip) for zone in zones] == [
        ("thermal_zone0", "cpu_thermal"),
        ("thermal_zone2", "x86_pkg_temp"),
        ("thermal_zone10", "acpitz"),
    ]


def test_a_zone_whose_type_fails_is_a_fault_and_one_without_is_called_as_its_folder(tmp_path: Path) -> None:
    host = build_host(tmp_path, {f"{ROOT}/thermal_zone0/type.ERRNO-EIO": "", f"{ROOT}/thermal_zone1/temp": "1000\n"})
    fault, zone = read_zones(host)
    assert isinstance(fault, Fault)
    assert (fault.what, fault.error) == ("thermal_zone0 type", "EIO")
    assert isinstance(zone, Zone)
    assert zone.type == "thermal_zone1"


@pytest.mark.parametrize("error", ["EINVAL", "EIO"])
def test_a_zone_that_does_not_answer_raises_what_its_driver_says(tmp_path: Path, error: str) -> None:
    host = build_host(tmp_path, {f"{ROOT}/thermal_zone0/temp.ERRNO-{error}": ""})
    zone = Zone(f"{host.sysfs}/class/thermal/thermal_zone0", "thermal_zone0", "cv0-thermal")
    with pytest.raises(OSError, match=r"thermal_zone0/temp"):
        read_zone_temperature(host, zone)


@pytest.mark.parametrize("error", ["ENODATA", "EAGAIN"])
def test_a_zone_without_data_has_no_temperature(tmp_path: Path, error: str) -> None:
    host = build_host(tmp_path, {f"{ROOT}/thermal_zone0/temp.ERRNO-{error}": ""})
    zone = Zone(f"{host.sysfs}/class/thermal/thermal_zone0", "thermal_zone0", "iwlwifi_1")
    assert read_zone_temperature(host, zone) is None


def test_a_zone_that_is_gone_has_no_temperature(tmp_path: Path) -> None:
    host = build_host(tmp_path, {})
    assert read_zone_temperature(host, Zone(str(tmp_path / "gone"), "thermal_zone0", "x")) is None


def test_the_critical_point_is_found_among_the_trip_points(tmp_path: Path) -> None:
    trips = [("passive", 95000), ("active", 50000), ("critical", 104500)]
    files = {}
    for number, (kind, temperature) in enumerate(trips):
        files[f"{ROOT}/thermal_zone0/trip_point_{number}_type"] = f"{kind}\n"
        files[f"{ROOT}/thermal_zone0/trip_point_{number}_temp"] = f"{temperature}\n"
    host = build_host(tmp_path, files | {f"{ROOT}/thermal_zone1/trip_point_0_type": "passive\n"})
    folder = f"{host.sysfs}/class/thermal"
    assert read_critical_point(host, Zone(f"{folder}/thermal_zone0", "thermal_zone0", "x")) == 104500
    assert read_critical_point(host, Zone(f"{folder}/thermal_zone1", "thermal_zone1", "x")) is None
