from pathlib import Path

import pytest

from sysvitals.model.collector import Fault
from sysvitals.sources.sys.fans import Fan, FanChip, find_fans, parse_duty, read_fans
from tests.building import build_host
from tests.recorded import RecordedHost

CHIP = "sys/class/hwmon/hwmon0"
COOLING = "sys/class/thermal/cooling_device"


def chip(driver: str, **files: str) -> dict[str, str]:
    return {f"{CHIP}/{name}": f"{text}\n" for name, text in {"name": driver, **files}.items()}


def cooling_device(number: int, state: int) -> dict[str, str]:
    files = {"type": "pwm-fan", "cur_state": str(state), "max_state": "4"}
    return {f"{COOLING}{number}/{name}": f"{text}\n" for name, text in files.items()}


def find(host: RecordedHost) -> FanChip:
    (found,) = find_fans(host)
    assert isinstance(found, FanChip)
    return found


def read(host: RecordedHost) -> list[Fan | Fault]:
    return list(read_fans(host, find(host)))


def test_a_fan_has_its_speed_its_duty_and_what_the_thermal_control_asks(tmp_path: Path) -> None:
    host = build_host(tmp_path, chip("pwmfan", fan1_input="2871", pwm1="51", pwm1_enable="1") | cooling_device(0, 2))
    assert read(host) == [Fan("fan1", speed=2871, duty=0.2, state=2, max_state=4)]


def test_which_of_two_cooling_devices_is_the_fan_is_not_guessed(tmp_path: Path) -> None:
    host = build_host(tmp_path, chip("pwmfan", pwm1="255") | cooling_device(0, 2) | cooling_device(1, 3))
    assert read(host) == [Fan("fan1", duty=1.0)]


def test_a_cooling_device_that_fails_does_not_hide_the_fan(tmp_path: Path) -> None:
    files = {f"{COOLING}0/type": "pwm-fan\n", f"{COOLING}0/cur_state.ERRNO-EIO": ""}
    fault, fan = read(build_host(tmp_path, chip("pwmfan", pwm1="0") | files))
    assert isinstance(fault, Fault)
    assert fault.error == "EIO"
    assert fan == Fan("fan1", duty=0.0)


def test_fans_have_the_labels_of_their_driver(tmp_path: Path) -> None:
    host = build_host(
        tmp_path, chip("dell_smm", fan1_input="0", fan1_label="CPU Fan", fan2_input="900", fan10_input="1", pwm2="255")
    )
    assert read(host) == [Fan("CPU Fan", speed=0), Fan("fan2", speed=900, duty=1.0), Fan("fan10", speed=1)]


def test_the_tachometer_of_nvidia_is_a_fan(tmp_path: Path) -> None:
    assert read(build_host(tmp_path, chip("pwm_tach", rpm="2214"))) == [Fan("fan1", speed=2214)]


def test_a_speed_that_fails_does_not_hide_the_duty_nor_the_next_fan(tmp_path: Path) -> None:
    files = chip("pwmfan", pwm1="255", fan2_input="1200") | {f"{CHIP}/fan1_input.ERRNO-EIO": ""}
    fault, fan, sibling = read(build_host(tmp_path, files))
    assert isinstance(fault, Fault)
    assert (fault.what, fault.error) == ("pwmfan fan1_input", "EIO")
    assert (fan, sibling) == (Fan("fan1", duty=1.0), Fan("fan2", speed=1200))


@pytest.mark.parametrize(("text", "fault"), [("1", True), ("0", False)])
def test_the_chips_word_that_a_fan_has_failed_stands_beside_its_speed(tmp_path: Path, text: str, fault: bool) -> None:
    host = build_host(tmp_path, chip("x", fan1_input="0", fan1_fault=text))
    assert read(host) == [Fan("fan1", speed=0, fault=fault)]


def test_a_fan_without_control_runs_at_full_speed_whatever_its_duty_was(tmp_path: Path) -> None:
    host = build_host(tmp_path, chip("it8728", fan1_input="900", pwm1="60", pwm1_enable="0"))
    assert read(host) == [Fan("fan1", speed=900, duty=1.0)]


def test_a_fan_of_pwm_fan_without_control_is_off(tmp_path: Path) -> None:
    host = build_host(tmp_path, chip("pwmfan", fan1_input="0", pwm1="0", pwm1_enable="0"))
    assert read(host) == [Fan("fan1", speed=0, duty=0.0)]


def test_a_fan_that_is_switched_off_has_no_speed_and_that_is_no_error(tmp_path: Path) -> None:
    files = chip("nct6798", fan1_enable="0", pwm1="51") | {f"{CHIP}/fan1_input.ERRNO-ENODATA": ""}
    assert read(build_host(tmp_path, files)) == [Fan("fan1", duty=0.2)]


def test_a_fan_that_vanishes_between_two_runs_is_gone(tmp_path: Path) -> None:
    host = build_host(tmp_path, chip("x", fan1_input="800", fan2_input="900"))
    found = find(host)
    (tmp_path / CHIP / "fan1_input").unlink()
    assert list(read_fans(host, found)) == [Fan("fan2", speed=900)]


@pytest.mark.parametrize(
    ("driver", "device", "own"),
    [("pwmfan", "cooling_fan", True), ("pwmfan", "pwm-fan", False), ("nct6798", "cooling_fan", False)],
)
def test_a_raspberry_pis_own_fan_is_known_by_its_driver_and_device(
    tmp_path: Path, driver: str, device: str, own: bool
) -> None:
    folder = f"sys/devices/platform/{device}"
    files = chip(driver, fan1_input="0", pwm1="75") | {f"{folder}/x": "", f"{CHIP}/device": f"-> ../../../../{folder}"}
    assert find(build_host(tmp_path, files)).is_own is own


@pytest.mark.parametrize(("driver", "comparable"), [("nct6798", True), ("gpio_fan", False), ("amdgpu", False)])
def test_speed_and_duty_are_not_compared_where_one_of_them_is_made_up(
    tmp_path: Path, driver: str, comparable: bool
) -> None:
    assert find(build_host(tmp_path, chip(driver, fan1_input="0", pwm1="9"))).is_comparable is comparable


@pytest.mark.parametrize("value", ["-1", "60001", "65534", "4294967295"])
def test_what_no_fan_does_is_no_speed(tmp_path: Path, value: str) -> None:
    fault, fan = read(build_host(tmp_path, chip("max31785", fan1_input=value, pwm1="51")))
    assert isinstance(fault, Fault)
    assert (fault.what, fault.error) == ("max31785 fan1_input", "garbage")
    assert fan == Fan("fan1", duty=0.2)


def test_a_graphics_card_that_sleeps_is_not_woken_for_its_fan(tmp_path: Path) -> None:
    folder = "sys/devices/pci0000:00/0000:03:00.0"
    files = {
        f"{CHIP}/device": f"-> ../../../../{folder}",
        f"{folder}/subsystem": "-> /sys/bus/pci",
        f"{folder}/power/runtime_status": "suspended\n",
    }
    assert read(build_host(tmp_path, chip("amdgpu", fan1_input="900") | files)) == []


def test_a_speed_by_which_a_driver_says_that_it_hears_no_fan_is_none_and_no_error(tmp_path: Path) -> None:
    host = build_host(tmp_path, chip("max31785", fan1_input="65535", pwm1="51", fan2_input="65535"))
    assert read(host) == [Fan("fan1", duty=0.2)]


def test_a_switched_off_fan_has_no_speed_whatever_its_register_holds(tmp_path: Path) -> None:
    files = chip("x", fan1_enable="0", fan1_input="1350", fan1_fault="1", fan2_input="900", fan2_enable="1")
    assert read(build_host(tmp_path, files)) == [Fan("fan2", speed=900)]


def test_what_is_labelled_in_another_unit_is_no_fan(tmp_path: Path) -> None:
    labels = ("Pump speed", "Flow speed [dL/h]", "Water quality [%]", "Pressure [µbar]", "Pump [RPM]")
    files = {f"fan{number}_label": label for number, label in enumerate(labels, 1)}
    files |= {f"fan{number}_input": "800" for number in range(1, 6)}
    assert read(build_host(tmp_path, chip("quadro", **files))) == [
        Fan("Pump speed", speed=800),
        Fan("Pump [RPM]", speed=800),
    ]


def test_a_chip_with_nothing_but_other_units_has_no_fans(tmp_path: Path) -> None:
    files = chip("highflownext", fan1_label="Flow [dL/h]", fan1_input="801")
    assert list(find_fans(build_host(tmp_path, files))) == []


@pytest.mark.parametrize("value", [-1, 256])
def test_a_duty_cycle_is_at_most_whole(value: int) -> None:
    assert (parse_duty(0), parse_duty(255)) == (0.0, 1.0)
    with pytest.raises(ValueError, match=str(value)):
        parse_duty(value)
