from pathlib import Path

import pytest

from sysvitals.collectors import fan
from sysvitals.collectors.fan import Fan
from sysvitals.model.catalog import build_catalog
from sysvitals.model.collector import Fault, Unavailable
from tests.building import build_host
from tests.recorded import HOSTS, RecordedHost


def read(name: str) -> list[Fan | Fault]:
    return list(fan.read(RecordedHost(HOSTS / name)))


def test_a_raspberry_pi_5_has_a_fan() -> None:
    assert read("pi-5") == [
        Fan(chip="pwmfan", fan="fan1", speed=2871, duty=75 / 255, stalled=False, state=1, max_state=4)
    ]


def test_a_fan_that_is_driven_and_stands_still_is_stalled() -> None:
    assert read("pi-5-weak-supply") == [
        Fan(chip="pwmfan", fan="fan1", speed=0, duty=125 / 255, stalled=True, state=2, max_state=4)
    ]


@pytest.mark.parametrize(
    ("pwm", "rpm", "stalled"), [("0\n", "0\n", False), ("1\n", "0\n", True), ("9\n", "800\n", False)]
)
def test_a_fan_that_is_not_driven_may_stand_still(tmp_path: Path, pwm: str, rpm: str, stalled: bool) -> None:
    folder = "sys/class/hwmon/hwmon0"
    host = build_host(tmp_path, {f"{folder}/name": "pwmfan\n", f"{folder}/pwm1": pwm, f"{folder}/fan1_input": rpm})
    assert [reading.stalled for reading in fan.read(host) if isinstance(reading, Fan)] == [stalled]


def test_a_fan_without_tachometer_has_no_speed() -> None:
    assert read("qemu-raspi3b-emmc-fan") == [
        Fan(chip="pwmfan", fan="fan1", speed=None, duty=250 / 255, state=4, max_state=4)
    ]


def test_a_jetsons_tachometer_is_a_chip_of_its_own() -> None:
    assert read("jetson") == [
        Fan(chip="pwm_tach", fan="fan1", speed=2214, duty=None),
        Fan(chip="pwmfan", fan="fan1", speed=None, duty=88 / 255, state=1, max_state=10),
    ]


def test_what_is_no_speed_and_no_duty_is_a_fault() -> None:
    assert {f.error for f in read("hostile") if isinstance(f, Fault)} == {"garbage"}
    assert not [f for f in read("hostile") if isinstance(f, Fan)]


@pytest.mark.parametrize("name", ["pi-4b-fine", "vm", "container"])
def test_a_host_without_a_fan_says_so(name: str) -> None:
    with pytest.raises(Unavailable, match="no fan"):
        read(name)


def test_its_families_are_named_as_users_know_them() -> None:
    assert list(build_catalog([fan.COLLECTOR]).families) == [
        "system_fan_duty_ratio",
        "system_fan_speed_rpm",
        "system_fan_stalled",
    ]
