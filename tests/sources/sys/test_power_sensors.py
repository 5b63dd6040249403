from pathlib import Path

from sysvitals.host.host import Host
from sysvitals.model.collector import Fault
from sysvitals.sources.sys import power_sensors
from sysvitals.sources.sys.power_sensors import Measure, Rail, find_power_chips
from tests.building import build_host

CHIP = "sys/class/hwmon/hwmon0"


def chip(driver: str, **files: str) -> dict[str, str]:
    return {f"{CHIP}/{name}": f"{text}\n" for name, text in {"name": driver, **files}.items()}


def read_rails(host: Host) -> list[Rail | Fault]:
    """What a first look at the host gives."""
    found: list[Rail | Fault] = []
    for thing in find_power_chips(host):
        found += [thing] if isinstance(thing, Fault) else power_sensors.read_rails(host, thing, {})
    return found


def test_the_kernels_thousandths_and_millionths_become_whole_units(tmp_path: Path) -> None:
    host = build_host(
        tmp_path, chip("ina226", in0_input="12", in1_input="5118", curr1_input="-1096", power1_input="5611200")
    )
    assert read_rails(host) == [
        Rail("ina226", "in0", volts=Measure(0.012)),
        Rail("ina226", "in1", volts=Measure(5.118)),
        Rail("ina226", "curr1", amperes=Measure(-1.096)),
        Rail("ina226", "power1", watts=Measure(5.6112)),
    ]


def test_measurements_of_one_label_are_one_rail(tmp_path: Path) -> None:
    host = build_host(
        tmp_path,
        chip("x", in1_input="5000", in1_label="VDD", curr1_input="2000", curr1_label="VDD", power1_input="10000000"),
    )
    assert read_rails(host) == [
        Rail("x", "VDD", volts=Measure(5.0), amperes=Measure(2.0)),
        Rail("x", "power1", watts=Measure(10.0)),
    ]


def test_limits_come_along(tmp_path: Path) -> None:
    host = build_host(
        tmp_path,
        chip("x", in1_input="5000", in1_min="4500", in1_max="5500", curr1_input="1000", curr1_crit="3000"),
    )
    assert read_rails(host) == [
        Rail("x", "in1", volts=Measure(5.0, 4.5, 5.5)),
        Rail("x", "curr1", amperes=Measure(1.0, critical=3.0)),
    ]


def test_average_power_serves_where_there_is_no_other(tmp_path: Path) -> None:
    files = chip("amdgpu", power1_average="9000000", power1_cap="65000000", power2_input="1000000", power2_average="2")
    assert read_rails(build_host(tmp_path, files)) == [
        Rail("amdgpu", "power2", watts=Measure(1.0)),
        Rail("amdgpu", "power1", watts=Measure(9.0)),
    ]


def test_the_alarm_of_rpi_volt_is_no_voltage(tmp_path: Path) -> None:
    assert read_rails(build_host(tmp_path, chip("rpi_volt", in0_lcrit_alarm="1"))) == []


def test_the_newer_rpi_volt_has_rails(tmp_path: Path) -> None:
    files = chip(
        "rpi_volt", in0_lcrit_alarm="1", in0_input="875", in0_label="core", in1_input="1100", in1_label="sdram_c"
    )
    assert read_rails(build_host(tmp_path, files)) == [
        Rail("rpi_volt", "core", volts=Measure(0.875)),
        Rail("rpi_volt", "sdram_c", volts=Measure(1.1)),
    ]


def test_a_jetsons_currents_belong_to_the_labelled_voltages_of_the_same_number(tmp_path: Path) -> None:
    files = chip("ina3221", in1_input="5056", in1_label="VDD_IN", curr1_input="1096", in4_input="5", curr4_input="1592")
    assert read_rails(build_host(tmp_path, files)) == [
        Rail("ina3221", "VDD_IN", volts=Measure(5.056), amperes=Measure(1.096)),
        Rail("ina3221", "in4", volts=Measure(0.005)),
        Rail("ina3221", "curr4", amperes=Measure(1.592)),
    ]


def test_a_sensor_that_its_chip_has_switched_off_is_none_whatever_its_register_holds(tmp_path: Path) -> None:
    files = chip("x", in1_enable="0", in1_input="5000", in1_fault="1", in2_enable="1", in2_input="3300")
    assert read_rails(build_host(tmp_path, files)) == [Rail("x", "in2", volts=Measure(3.3))]


def test_a_power_meter_that_has_no_value_is_none_and_no_error(tmp_path: Path) -> None:
    assert read_rails(build_host(tmp_path, chip("power_meter", power1_average="4294967295000"))) == []


def test_a_measurement_that_fails_does_not_hide_its_siblings(tmp_path: Path) -> None:
    files = chip("rp1_adc", in2_input="2542", in3_input="x") | {f"{CHIP}/in1_input.ERRNO-EIO": ""}
    found = read_rails(build_host(tmp_path, files))
    assert [r for r in found if isinstance(r, Rail)] == [Rail("rp1_adc", "in2", volts=Measure(2.542))]
    assert [(f.what, f.error) for f in found if isinstance(f, Fault)] == [
        ("rp1_adc in1_input", "EIO"),
        ("rp1_adc in3_input", "garbage"),
    ]


def test_a_sensor_that_its_chip_calls_faulty_gives_no_value(tmp_path: Path) -> None:
    (fault,) = read_rails(build_host(tmp_path, chip("x", curr1_input="0", curr1_fault="1")))
    assert isinstance(fault, Fault)
    assert (fault.what, fault.error) == ("x curr1", "sensor_fault")


def test_a_rail_that_vanishes_between_two_runs_is_gone(tmp_path: Path) -> None:
    host = build_host(tmp_path, chip("x", in0_input="1000", in1_input="2000"))
    assert len(read_rails(host)) == 2
    (tmp_path / CHIP / "in0_input").unlink()
    assert read_rails(host) == [Rail("x", "in1", volts=Measure(2.0))]
