from pathlib import Path

import pytest

from sysvitals.model.collector import Fault
from sysvitals.sources.sys.fans import Fan, parse_duty, parse_speed, read_fans
from tests.building import build_host

CHIP = "sys/class/hwmon/hwmon0"
COOLING = "sys/class/thermal/cooling_device"


def chip(driver: str, **files: str) -> dict[str, str]:
    return {f"{CHIP}/{name}": f"{text}\n" for name, text in {"name": driver, **files}.items()}


def cooling_device(number: int, state: int) -> dict[str, str]:
    files = {"type": "pwm-fan", "cur_state": str(state), "max_state": "4"}
    return {f"{COOLING}{number}/{name}": f"{text}\n" for name, text in files.items()}


def test_a_fan_has_its_speed_its_duty_and_what_the_thermal_control_asks(tmp_path: Path) -> None:
    host = build_host(tmp_path, chip("pwmfan", fan1_input="2871", pwm1="51", pwm1_enable="1") | cooling_device(0, 2))
    assert read_fans(host) == [Fan("pwmfan", "fan1", 2871, 0.2, state=2, max_state=4)]


def test_which_of_two_cooling_devices_is_the_fan_is_not_guessed(tmp_path: Path) -> None:
    host = build_host(tmp_path, chip("pwmfan", pwm1="255") | cooling_device(0, 2) | cooling_device(1, 3))
    assert read_fans(host) == [Fan("pwmfan", "fan1", None, 1.0)]


def test_a_cooling_device_that_fails_does_not_hide_the_fan(tmp_path: Path) -> None:
    files = {f"{COOLING}0/type": "pwm-fan\n", f"{COOLING}0/cur_state.ERRNO-EINVAL": ""}
    fault, fan = read_fans(build_host(tmp_path, chip("pwmfan", pwm1="0") | files))
    assert isinstance(fault, Fault)
    assert fault.error == "EINVAL"
    assert fan == Fan("pwmfan", "fan1", None, 0.0)


def test_fans_have_the_labels_of_their_driver(tmp_path: Path) -> None:
    host = build_host(
        tmp_path, chip("dell_smm", fan1_input="0", fan1_label="CPU Fan", fan2_input="900", fan10_input="1", pwm2="255")
    )
    assert read_fans(host) == [
        Fan("dell_smm", "CPU Fan", 0),
        Fan("dell_smm", "fan2", 900, 1.0),
        Fan("dell_smm", "fan10", 1),
    ]


def test_the_tachometer_of_nvidia_is_a_fan(tmp_path: Path) -> None:
    assert read_fans(build_host(tmp_path, chip("pwm_tach", rpm="2214"))) == [Fan("pwm_tach", "fan1", 2214)]


def test_a_speed_that_fails_does_not_hide_the_duty_nor_the_next_fan(tmp_path: Path) -> None:
    files = chip("pwmfan", pwm1="255", fan2_input="1200") | {f"{CHIP}/fan1_input.ERRNO-EIO": ""}
    found = read_fans(build_host(tmp_path, files))
    assert [f for f in found if isinstance(f, Fan)] == [Fan("pwmfan", "fan1", None, 1.0), Fan("pwmfan", "fan2", 1200)]
    assert [(f.what, f.error) for f in found if isinstance(f, Fault)] == [("pwmfan fan1_input", "EIO")]


def test_a_fan_that_its_chip_calls_faulty_gives_no_value(tmp_path: Path) -> None:
    (fault,) = read_fans(build_host(tmp_path, chip("x", fan1_input="0", fan1_fault="1")))
    assert isinstance(fault, Fault)
    assert (fault.what, fault.error) == ("x fan1", "sensor_fault")


def test_a_fan_that_vanishes_between_two_runs_is_gone(tmp_path: Path) -> None:
    host = build_host(tmp_path, chip("x", fan1_input="800", fan2_input="900"))
    assert len(read_fans(host)) == 2
    (tmp_path / CHIP / "fan1_input").unlink()
    assert read_fans(host) == [Fan("x", "fan2", 900)]


@pytest.mark.parametrize("value", [-1, 1_000_000, 4294967295])
def test_what_no_fan_does_is_no_speed(value: int) -> None:
    with pytest.raises(ValueError, match=str(value)):
        parse_speed(value)


@pytest.mark.parametrize("value", [-1, 256])
def test_a_duty_cycle_is_at_most_whole(value: int) -> None:
    assert (parse_duty(0), parse_duty(255)) == (0.0, 1.0)
    with pytest.raises(ValueError, match=str(value)):
        parse_duty(value)
