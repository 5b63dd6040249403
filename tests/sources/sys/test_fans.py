from pathlib import Path

import pytest

from sysvitals.model.collector import Fault
from sysvitals.sources.sys.fans import Fan, FanChip, FanFiles, find_fans, parse_duty, parse_speed, read_fan
from tests.building import build_host
from tests.recorded import RecordedHost

CHIP = "sys/class/hwmon/hwmon0"
COOLING = "sys/class/thermal/cooling_device"


def chip(driver: str, **files: str) -> dict[str, str]:
    return {f"{CHIP}/{name}": f"{text}\n" for name, text in {"name": driver, **files}.items()}


def cooling_device(number: int, state: int) -> dict[str, str]:
    files = {"type": "pwm-fan", "cur_state": str(state), "max_state": "4"}
    return {f"{COOLING}{number}/{name}": f"{text}\n" for name, text in files.items()}


def find(host: RecordedHost) -> dict[str, FanFiles]:
    (found,) = find_fans(host)
    assert isinstance(found, FanChip)
    return {files.fan: files for files in found.fans}


def read(host: RecordedHost) -> dict[str, list[Fan | Fault]]:
    return {fan: list(read_fan(host, "chip", files)) for fan, files in find(host).items()}


def test_a_fan_has_its_speed_its_duty_and_what_the_thermal_control_asks(tmp_path: Path) -> None:
    host = build_host(tmp_path, chip("pwmfan", fan1_input="2871", pwm1="51", pwm1_enable="1") | cooling_device(0, 2))
    assert read(host) == {"fan1": [Fan(speed=2871, duty=0.2, state=2, max_state=4)]}


def test_which_of_two_cooling_devices_is_the_fan_is_not_guessed(tmp_path: Path) -> None:
    host = build_host(tmp_path, chip("pwmfan", pwm1="255") | cooling_device(0, 2) | cooling_device(1, 3))
    assert read(host) == {"fan1": [Fan(duty=1.0)]}


def test_a_cooling_device_that_fails_does_not_hide_the_fan(tmp_path: Path) -> None:
    files = {f"{COOLING}0/type": "pwm-fan\n", f"{COOLING}0/cur_state.ERRNO-EIO": ""}
    fault, fan = read(build_host(tmp_path, chip("pwmfan", pwm1="0") | files))["fan1"]
    assert isinstance(fault, Fault)
    assert fault.error == "EIO"
    assert fan == Fan(duty=0.0)


def test_fans_have_the_labels_of_their_driver(tmp_path: Path) -> None:
    host = build_host(
        tmp_path, chip("dell_smm", fan1_input="0", fan1_label="CPU Fan", fan2_input="900", fan10_input="1", pwm2="255")
    )
    assert read(host) == {"CPU Fan": [Fan(speed=0)], "fan2": [Fan(speed=900, duty=1.0)], "fan10": [Fan(speed=1)]}


def test_the_tachometer_of_nvidia_is_a_fan(tmp_path: Path) -> None:
    assert read(build_host(tmp_path, chip("pwm_tach", rpm="2214"))) == {"fan1": [Fan(speed=2214)]}


def test_a_speed_that_fails_does_not_hide_the_duty_nor_the_next_fan(tmp_path: Path) -> None:
    files = chip("pwmfan", pwm1="255", fan2_input="1200") | {f"{CHIP}/fan1_input.ERRNO-EIO": ""}
    found = read(build_host(tmp_path, files))
    fault, fan = found["fan1"]
    assert isinstance(fault, Fault)
    assert (fault.what, fault.error) == ("chip fan1 speed", "EIO")
    assert fan == Fan(duty=1.0)
    assert found["fan2"] == [Fan(speed=1200)]


@pytest.mark.parametrize(("text", "fault"), [("1", True), ("0", False)])
def test_the_chips_word_that_a_fan_has_failed_stands_beside_its_speed(tmp_path: Path, text: str, fault: bool) -> None:
    host = build_host(tmp_path, chip("x", fan1_input="0", fan1_fault=text))
    assert read(host) == {"fan1": [Fan(speed=0, fault=fault)]}


def test_a_fan_without_control_runs_at_full_speed_whatever_its_duty_was(tmp_path: Path) -> None:
    host = build_host(tmp_path, chip("it8728", fan1_input="900", pwm1="60", pwm1_enable="0"))
    assert read(host) == {"fan1": [Fan(speed=900, duty=1.0)]}


def test_a_fan_of_pwm_fan_without_control_is_off(tmp_path: Path) -> None:
    host = build_host(tmp_path, chip("pwmfan", fan1_input="0", pwm1="0", pwm1_enable="0"))
    assert read(host) == {"fan1": [Fan(speed=0, duty=0.0)]}


def test_a_fan_that_vanishes_between_two_runs_is_gone(tmp_path: Path) -> None:
    host = build_host(tmp_path, chip("x", fan1_input="800", fan2_input="900"))
    found = find(host)
    (tmp_path / CHIP / "fan1_input").unlink()
    assert [list(read_fan(host, "x", files)) for files in found.values()] == [[], [Fan(speed=900)]]


@pytest.mark.parametrize(
    ("driver", "device", "own"),
    [("pwmfan", "cooling_fan", True), ("pwmfan", "pwm-fan", False), ("nct6798", "cooling_fan", False)],
)
def test_a_raspberry_pis_own_fan_is_known_by_its_driver_and_device(
    tmp_path: Path, driver: str, device: str, own: bool
) -> None:
    folder = f"sys/devices/platform/{device}"
    files = chip(driver, fan1_input="0", pwm1="75") | {f"{folder}/x": "", f"{CHIP}/device": f"-> ../../../../{folder}"}
    assert find(build_host(tmp_path, files))["fan1"].own is own


@pytest.mark.parametrize(("driver", "comparable"), [("nct6798", True), ("gpio_fan", False), ("amdgpu", False)])
def test_speed_and_duty_are_not_compared_where_one_of_them_is_made_up(
    tmp_path: Path, driver: str, comparable: bool
) -> None:
    assert find(build_host(tmp_path, chip(driver, fan1_input="0", pwm1="9")))["fan1"].comparable is comparable


@pytest.mark.parametrize("value", [-1, -19, 60_001, 65535, 675_000, 4294967295])
def test_what_no_fan_does_is_no_speed(value: int) -> None:
    assert (parse_speed(0), parse_speed(60_000)) == (0, 60_000)
    with pytest.raises(ValueError, match=str(value)):
        parse_speed(value)


@pytest.mark.parametrize("value", [-1, 256])
def test_a_duty_cycle_is_at_most_whole(value: int) -> None:
    assert (parse_duty(0), parse_duty(255)) == (0.0, 1.0)
    with pytest.raises(ValueError, match=str(value)):
        parse_duty(value)
