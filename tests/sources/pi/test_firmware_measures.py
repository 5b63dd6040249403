import json
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from sysvitals.host.host import Host
from sysvitals.sources.pi.board import Board, read_board
from sysvitals.sources.pi.firmware import Firmware, find_firmware
from sysvitals.sources.pi.firmware_measures import (
    Clock,
    Heat,
    Measures,
    has_soft_limit,
    kernel_tells_volts,
    read_measures,
)
from sysvitals.sources.pi.gencmd import Adc
from sysvitals.sources.pi.revision import decode_revision
from tests.building import build_host
from tests.recorded import HOSTS, RecordedHost

TAGS = {
    "0x00000001": 1755709351,
    "0x00030002": {"3": 1500000000, "4": 500000000, "5": 500000000},
    "0x00030003": {"1": 850500, "2": 1100000, "3": 1100001, "4": 1100002},
    "0x00030006": {"0": 47774},
    "0x0003000a": {"0": 85000},
    "0x00030047": {"3": 600062464, "4": 500000992, "5": 500000993},
}
TEXTS = {
    "measure_clock arm": "frequency(48)=600062464",
    "measure_clock core": "frequency(1)=500000992",
    "measure_clock v3d": "frequency(46)=0",
    "measure_temp": "temp=47.8'C",
    "measure_volts core": "volt=0.8505V",
    "measure_volts sdram_c": "volt=1.1000V",
    "measure_volts sdram_i": "volt=1.1000V",
    "measure_volts sdram_p": "volt=0.0000V",
    "get_config temp_limit": "temp_limit=85",
    "get_config temp_soft_limit": "temp_soft_limit=60",
}


class CountingHost(RecordedHost):
    """Remembers which nodes were called."""

    calls: list[str]

    def ioctl(self, path: str, request: int, buffer: bytearray) -> None:
        self.calls.append(os.path.basename(path))
        super().ioctl(path, request, buffer)


def build(folder: Path, **nodes: dict[str, Any]) -> CountingHost:
    build_host(folder, {"syscalls.json": json.dumps({"ioctl": nodes})})
    host = CountingHost(folder)
    host.calls = []
    return host


def measure(host: Host, *, with_soft_limit: bool = False, with_volts: bool = True) -> Measures:
    firmware = find_firmware(host)
    assert firmware is not None
    return read_measures(firmware, with_soft_limit=with_soft_limit, with_volts=with_volts)


def test_all_that_tags_tell_takes_one_call_and_commands_not_known_are_not_tried_twice(tmp_path: Path) -> None:
    host = build(tmp_path, vcio={"tags": TAGS})
    measures = measure(host)
    assert measures == Measures(
        adc=[],
        clocks=[
            Clock("arm", 600062464, 1500000000),
            Clock("core", 500000992, 500000000),
            Clock("v3d", 500000993, 500000000),
        ],
        heats=[Heat("soc", 47.774, 85.0)],
        volts={"core": 0.8505, "sdram_c": 1.1, "sdram_i": 1.100002, "sdram_p": 1.100001},
        revision=1755709351,
        faults=[],
    )
    assert len(host.calls) == 3  # the tags, measure_temp pmic, pmic_read_adc
    host.calls.clear()
    assert measure(host) == measures
    assert len(host.calls) == 1


def test_commands_alone_tell_nearly_as_much(tmp_path: Path) -> None:
    assert measure(build(tmp_path, vcio_gencmd=TEXTS), with_soft_limit=True) == Measures(
        clocks=[Clock("arm", 600062464), Clock("core", 500000992)],
        heats=[Heat("soc", 47.8, 85.0, 60.0)],
        volts={"core": 0.8505, "sdram_c": 1.1, "sdram_i": 1.1},
    )


def test_commands_serve_where_tags_are_not_for_us(tmp_path: Path) -> None:
    measures = measure(build(tmp_path, vcio={"errno": "EACCES"}, vcio_gencmd=TEXTS))
    assert measures.clocks == [Clock("arm", 600062464), Clock("core", 500000992)]
    assert measures.faults == []


def test_a_tag_that_is_refused_is_asked_for_by_a_command(tmp_path: Path) -> None:
    tags = TAGS | {"0x00030006": {"errno": "EINVAL"}, "0x0003000a": {"errno": "EINVAL"}}
    measures = measure(build(tmp_path, vcio={"tags": tags, **TEXTS}))
    assert measures.heats == [Heat("soc", 47.8, 85.0)]
    assert measures.clocks[0] == Clock("arm", 600062464, 1500000000)


def test_a_soft_limit_is_asked_for_only_where_the_board_can_have_one(tmp_path: Path) -> None:
    host = build(tmp_path, vcio={"tags": TAGS, **TEXTS})
    assert measure(host).heats == [Heat("soc", 47.774, 85.0)]
    assert measure(host, with_soft_limit=True).heats == [Heat("soc", 47.774, 85.0, 60.0)]


@pytest.mark.parametrize("text", ["temp_soft_limit=0", "temp_soft_limit is unknown"])
def test_a_limit_that_is_none_is_left_out(tmp_path: Path, text: str) -> None:
    host = build(tmp_path, vcio={"tags": TAGS, "get_config temp_soft_limit": text})
    assert measure(host, with_soft_limit=True).heats == [Heat("soc", 47.774, 85.0)]


def test_a_temperature_below_zero_is_below_zero(tmp_path: Path) -> None:
    tags = TAGS | {"0x00030006": {"0": 2**32 - 12500}}
    assert measure(build(tmp_path, vcio={"tags": tags})).heats == [Heat("soc", -12.5, 85.0)]


def test_a_clock_that_stands_still_counts_where_it_was_asked_to_run(tmp_path: Path) -> None:
    tags = TAGS | {"0x00030047": {"3": 0, "4": 0, "5": 0}, "0x00030002": {"3": 1500000000, "4": 0}}
    assert measure(build(tmp_path, vcio={"tags": tags})).clocks == [Clock("arm", 0, 1500000000)]


def test_voltages_are_not_asked_for_where_the_kernel_tells_them(tmp_path: Path) -> None:
    assert measure(build(tmp_path, vcio={"tags": TAGS, **TEXTS}), with_volts=False).volts == {}


def test_what_makes_no_sense_is_a_fault_and_hides_nothing_else(tmp_path: Path) -> None:
    texts = TEXTS | {
        "measure_temp": "temp=hot",
        "measure_clock core": "?",
        "measure_volts sdram_c": {"errno": "EIO"},
        "pmic_read_adc": "EXT5V_V volt(24)=?",
        "measure_temp pmic": "temp=49.7'C",
    }
    measures = measure(build(tmp_path, vcio_gencmd=texts))
    assert [(fault.what, fault.error) for fault in measures.faults] == [
        ("measure_clock core", "garbage"),
        ("measure_temp", "garbage"),
        ("measure_volts sdram_c", "EIO"),
        ("pmic_read_adc", "garbage"),
    ]
    assert measures.clocks == [Clock("arm", 600062464)]
    assert measures.heats == [Heat("pmic", 49.7)]
    assert measures.volts == {"core": 0.8505, "sdram_i": 1.1}


def test_what_nothing_can_measure_is_garbage_and_hides_nothing_else(tmp_path: Path) -> None:
    tags = TAGS | {"0x00030006": {"0": 511_000}, "0x00030003": {"1": 2**32 - 1, "2": 1100000}}
    tags |= {"0x00030047": {"3": 2**32 - 1, "4": 500000992}}
    rails = "VDD_CORE_A current(7)=99999.0A\nVDD_CORE_V volt(15)=0.72V\nEXT5V_V volt(24)=5000.0V"
    measures = measure(build(tmp_path, vcio={"tags": tags, "pmic_read_adc": rails}))
    assert [(fault.what, fault.error) for fault in measures.faults] == [
        ("soc", "garbage"),
        ("volts core", "garbage"),
        ("VDD_CORE amperes", "garbage"),
        ("EXT5V volts", "garbage"),
    ]
    assert measures.clocks[0] == Clock("arm", 2**32 - 1, 1500000000)  # 4.3 GHz are possible
    assert measures.volts["sdram_c"] == 1.1
    assert measures.adc == [Adc("VDD_CORE", volts=0.72)]


def test_a_silent_firmware_is_raised_at_once(tmp_path: Path) -> None:
    host = build(tmp_path, vcio={"tags": {"0x00030006": {"errno": "ETIMEDOUT"}}})
    with pytest.raises(TimeoutError):
        measure(host)
    assert len(host.calls) == 1


def test_a_missing_permission_is_raised_at_once(tmp_path: Path) -> None:
    host = build(tmp_path, vcio={"errno": "EACCES"})
    with pytest.raises(PermissionError):
        measure(host)
    assert len(host.calls) == 1


def test_the_power_controllers_rails_are_those_of_a_raspberry_pi_5() -> None:
    measures = measure(RecordedHost(HOSTS / "pi-5"))
    assert len(measures.adc) == 14
    assert Adc("EXT5V", 5.11478) in measures.adc
    assert measures.heats[-1] == Heat("pmic", 49.7)


def test_little_is_asked_where_each_question_takes_a_process() -> None:
    asked: list[str] = []

    class Own(Host):
        def run_program(self, path: str, arguments: Sequence[str], seconds: float) -> tuple[int, bytes]:
            assert (path, seconds) == ("/usr/bin/vcgencmd", 2.0)
            command = " ".join(arguments)
            asked.append(command)
            return (
                (0, TEXTS[command].encode())
                if command in TEXTS
                else (255, b'error=1 error_msg="Command not registered"')
            )

    measures = read_measures(Firmware(Own(), (), "/usr/bin/vcgencmd"), with_soft_limit=True, with_volts=True)
    assert asked == ["measure_clock arm", "measure_temp", "measure_volts core", "pmic_read_adc"]
    assert measures == Measures(clocks=[Clock("arm", 600062464)], heats=[Heat("soc", 47.8)], volts={"core": 0.8505})


@pytest.mark.parametrize(
    ("board", "has"),
    [
        (Board("Raspberry Pi 3 Model B Plus Rev 1.3", decode_revision(0xA020D3)), True),
        (Board("Raspberry Pi 3 Model A Plus Rev 1.0", decode_revision(0x9020E0)), True),
        (Board("Raspberry Pi 3 Model B Plus Rev 1.3"), True),
        (Board("Raspberry Pi 3 Model B Rev 1.2", decode_revision(0xA02082)), False),
        (Board("Raspberry Pi 3 Model B Rev 1.2"), False),
        (Board("Raspberry Pi 4 Model B Rev 1.5", decode_revision(0xC03115)), False),
        (Board(), False),
    ],
)
def test_only_the_3b_plus_and_the_3a_plus_have_a_soft_limit(board: Board, has: bool) -> None:
    assert has_soft_limit(board) is has


def test_the_recorded_3b_plus_has_a_soft_limit() -> None:
    assert has_soft_limit(read_board(RecordedHost(HOSTS / "pi-3b-plus")))


@pytest.mark.parametrize(("name", "tells"), [("qemu-raspi3b-bpo", True), ("pi-5", False), ("nuc", False)])
def test_newer_kernels_tell_voltages_themselves(name: str, tells: bool) -> None:
    assert kernel_tells_volts(RecordedHost(HOSTS / name)) is tells
