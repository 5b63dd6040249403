from pathlib import Path

import pytest

from sysvitals.sources.pi.rpi_volt import find_rpi_volt, parse_alarm, read_undervoltage_alarm
from tests.building import build_host

CHIP = "sys/class/hwmon/hwmon3"


@pytest.mark.parametrize(("text", "alarm"), [("0\n", False), ("1\n", True)])
def test_the_alarm_is_read_from_the_chip_of_that_name(tmp_path: Path, text: str, alarm: bool) -> None:
    files = {f"{CHIP}/name": "rpi_volt\n", f"{CHIP}/in0_lcrit_alarm": text, f"{CHIP}/in0_input": "875\n"}
    host = build_host(tmp_path, files | {"sys/class/hwmon/hwmon0/name": "cpu_thermal\n"})
    folder = find_rpi_volt(host)
    assert folder == f"{host.sysfs}/class/hwmon/hwmon3"
    assert read_undervoltage_alarm(host, folder) is alarm


def test_without_the_chip_or_its_file_there_is_no_alarm(tmp_path: Path) -> None:
    host = build_host(tmp_path, {f"{CHIP}/name": "rpi_volt\n"})
    assert read_undervoltage_alarm(host, f"{host.sysfs}/class/hwmon/hwmon3") is None
    assert find_rpi_volt(build_host(tmp_path / "other", {})) is None


@pytest.mark.parametrize("text", ["", "yes", "2", "-1", "00", "\uff11"])
def test_an_alarm_is_nought_or_one(text: str) -> None:
    with pytest.raises(ValueError, match="neither 0 nor 1"):
        parse_alarm(text)
