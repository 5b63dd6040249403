import json
import math
from pathlib import Path
from typing import Any

import pytest

from sysvitals.collectors import firmware
from sysvitals.collectors.firmware import (
    BoardPower,
    FirmwareClock,
    FirmwareRail,
    FirmwareSource,
    FirmwareTemperature,
)
from sysvitals.model.catalog import build_catalog
from sysvitals.model.collector import Fault, Unavailable
from sysvitals.model.reading import Reading, subject_of
from tests.building import build_host
from tests.recorded import HOSTS, RecordedHost


def read(name: str) -> list[Reading | Fault]:
    return list(firmware.read(RecordedHost(HOSTS / name)))


def build(folder: Path, files: dict[str, str | bytes] | None = None, **nodes: dict[str, Any]) -> RecordedHost:
    uname = {"sysname": "Linux", "nodename": "pi", "release": "6.12", "version": "#1", "machine": "aarch64"}
    syscalls = json.dumps({"uname": uname, "ioctl": nodes})
    return build_host(folder, {"syscalls.json": syscalls, "proc/cpuinfo": "", **(files or {})})


def test_a_board_that_is_held_back_shows_what_its_clock_really_runs_at() -> None:
    assert read("pi-4b-browning-out") == [
        FirmwareSource(source="vcio", age=None, revision=1755709351),
        FirmwareRail(rail="core", volts=0.8068),
        FirmwareRail(rail="sdram_c", volts=1.1),
        FirmwareRail(rail="sdram_i", volts=1.1),
        FirmwareRail(rail="sdram_p", volts=1.1),
        FirmwareClock(clock="arm", hertz=600062464, requested=1500000000),
        FirmwareClock(clock="core", hertz=500000992, requested=500000000),
        FirmwareClock(clock="v3d", hertz=500000992, requested=500000000),
        FirmwareTemperature(sensor="soc", celsius=66.708, limit=85.0, soft_limit=None),
        FirmwareTemperature(sensor="pmic", celsius=61.5, limit=None, soft_limit=None),
    ]


def test_a_raspberry_pi_5_tells_its_rails_and_what_the_board_takes() -> None:
    readings = read("pi-5")
    rails = {r.rail: r for r in readings if isinstance(r, FirmwareRail)}
    assert rails["VDD_CORE"] == FirmwareRail(rail="VDD_CORE", volts=0.7204156, amperes=0.9465799, watts=0.681931)
    assert rails["BATT"] == FirmwareRail(rail="BATT", volts=0.0188034)
    assert "EXT5V" not in rails
    (board,) = (r for r in readings if isinstance(r, BoardPower))
    assert board == BoardPower(watts=1.900551, input_volts=5.11478)
    assert board.watts is not None
    both = [r.volts * r.amperes for r in rails.values() if r.volts is not None and r.amperes is not None]
    assert math.isclose(board.watts, sum(both), abs_tol=1e-5)


def test_a_weak_supply_shows_in_the_input_voltage() -> None:
    (board,) = (r for r in read("pi-5-weak-supply") if isinstance(r, BoardPower))
    assert board.input_volts == 4.8683
    assert board.watts is not None
    assert board.watts > 5.9


def test_a_3b_plus_tells_its_soft_limit() -> None:
    heats = [r for r in read("pi-3b-plus") if isinstance(r, FirmwareTemperature)]
    assert heats == [FirmwareTemperature(sensor="soc", celsius=62.297, limit=85.0, soft_limit=60.0)]


def test_a_board_without_a_power_controller_that_measures_tells_of_none() -> None:
    for name in ("pi-zero-w", "pi-3b-plus", "pi-4b-fine"):
        assert [r for r in read(name) if isinstance(r, BoardPower)] == []


def test_rails_without_an_input_and_an_input_without_rails_invent_nothing(tmp_path: Path) -> None:
    host = build(tmp_path / "a", vcio_gencmd={"pmic_read_adc": "A_V volt(1)=2.0V\n A_A current(2)=3.0A"})
    assert [r for r in firmware.read(host) if isinstance(r, BoardPower)] == [BoardPower(watts=6.0, input_volts=None)]
    host = build(tmp_path / "b", vcio_gencmd={"pmic_read_adc": "EXT5V_V volt(24)=5.1V"})
    assert [r for r in firmware.read(host) if isinstance(r, BoardPower)] == [BoardPower(watts=None, input_volts=5.1)]


def test_a_missing_permission_is_a_failure_that_says_what_to_do() -> None:
    with pytest.raises(PermissionError, match="usermod -aG video"):
        read("pi-cm4-emmc")


@pytest.mark.parametrize("name", ["nuc", "vm", "jetson", "container", "qemu-raspi4b", "hostile"])
def test_without_a_firmware_to_ask_it_is_unavailable(name: str) -> None:
    with pytest.raises(Unavailable, match="--device /dev/vcio_gencmd"):
        read(name)


def test_a_firmware_that_knows_nothing_tells_only_that_it_answers(tmp_path: Path) -> None:
    readings = list(firmware.read(build(tmp_path, vcio={})))
    assert readings == [FirmwareSource(source="vcio", age=None, revision=None)]


def test_a_board_that_cannot_be_told_is_a_fault_and_hides_nothing(tmp_path: Path) -> None:
    files: dict[str, str | bytes] = {"sys/firmware/devicetree/base/system/linux,revision": b"\0\1"}
    readings = list(firmware.read(build(tmp_path, files, vcio={"tags": {"0x00030006": {"0": 47774}}})))
    assert [r.what for r in readings if isinstance(r, Fault)] == ["board"]
    assert FirmwareTemperature(sensor="soc", celsius=47.774, limit=None, soft_limit=None) in readings


def test_a_rail_of_the_power_controller_named_as_another_does_not_come_twice(tmp_path: Path) -> None:
    answers = {"pmic_read_adc": "core_V volt(1)=0.9V", "measure_volts core": "volt=0.8505V"}
    rails = [r for r in firmware.read(build(tmp_path, vcio_gencmd=answers)) if isinstance(r, FirmwareRail)]
    assert rails == [FirmwareRail(rail="core", volts=0.9)]


def test_the_kernels_voltages_are_not_told_twice(tmp_path: Path) -> None:
    files: dict[str, str | bytes] = {
        "sys/class/hwmon/hwmon1/name": "rpi_volt\n",
        "sys/class/hwmon/hwmon1/in0_input": "850\n",
    }
    answers = {"measure_volts core": "volt=0.8505V", "measure_temp": "temp=47.8'C"}
    readings = list(firmware.read(build(tmp_path, files, vcio_gencmd=answers)))
    assert [r for r in readings if isinstance(r, FirmwareRail)] == []
    assert len(readings) == 2


@pytest.mark.parametrize("name", ["pi-5", "pi-5-weak-supply", "pi-4b-fine", "pi-zero-w"])
def test_no_two_readings_share_their_labels(name: str) -> None:
    subjects = [subject_of(r) for r in read(name) if isinstance(r, Reading)]
    assert len(set(subjects)) == len(subjects)


def test_the_declaration_is_sound() -> None:
    assert {name: family.labels for name, family in build_catalog([firmware.COLLECTOR]).families.items()} == {
        "system_board_input_volts": (),
        "system_board_power_watts": (),
        "system_firmware_answer_age_seconds": (),
        "system_firmware_clock_hertz": ("clock",),
        "system_firmware_clock_requested_hertz": ("clock",),
        "system_firmware_rail_amperes": ("rail",),
        "system_firmware_rail_volts": ("rail",),
        "system_firmware_rail_watts": ("rail",),
        "system_firmware_revision_timestamp_seconds": (),
        "system_firmware_source_info": ("source",),
        "system_firmware_temperature_celsius": ("sensor",),
        "system_firmware_temperature_limit_celsius": ("sensor",),
        "system_firmware_temperature_soft_limit_celsius": ("sensor",),
    }
