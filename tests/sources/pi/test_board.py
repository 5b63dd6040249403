import contextlib
import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sysvitals.sources.pi.board import Board, parse_cpuinfo, read_board, read_serial
from sysvitals.sources.pi.revision import parse_revision
from tests.building import build_host
from tests.recorded import HOSTS, RecordedHost

BASE = "sys/firmware/devicetree/base"
CPUINFO = """processor\t: 0
BogoMIPS\t: 108.00

Hardware\t: BCM2835
Revision\t: c03112
Serial\t\t: 10000000c0ffee42
Model\t\t: Raspberry Pi 4 Model B Rev 1.2
"""


def uname(machine: str) -> dict[str, str]:
    answer = {"sysname": "Linux", "nodename": "pi", "release": "6.12", "version": "#1", "machine": machine}
    return {"syscalls.json": json.dumps({"uname": answer})}


def test_the_device_tree_tells_the_board(tmp_path: Path) -> None:
    files: dict[str, str | bytes] = {
        f"{BASE}/model": b"Raspberry Pi 5 Model B Rev 1.0\0",
        f"{BASE}/system/linux,revision": b"\x00\xd0\x41\x70",
    }
    assert read_board(build_host(tmp_path, files)) == Board("Raspberry Pi 5 Model B Rev 1.0", parse_revision("d04170"))


def test_where_the_device_tree_is_hidden_cpuinfo_tells_it(tmp_path: Path) -> None:
    host = build_host(tmp_path, {"proc/cpuinfo": CPUINFO} | uname("aarch64"))
    assert read_board(host) == Board("Raspberry Pi 4 Model B Rev 1.2", parse_revision("c03112"))
    assert read_serial(host) == "10000000c0ffee42"


def test_a_pc_is_no_board_and_its_long_cpuinfo_is_not_read(tmp_path: Path) -> None:
    host = build_host(tmp_path, {"proc/cpuinfo.ERRNO-EIO": ""} | uname("x86_64"))
    assert read_board(host) == Board()
    assert read_serial(host) is None
    assert not read_board(host).is_raspberry_pi


def test_a_revision_means_something_on_raspberry_pis_only() -> None:
    assert parse_cpuinfo("Hardware\t: Allwinner sun8i Family\nRevision\t: 0010\n") == Board()
    assert parse_cpuinfo("Hardware\t: BCM2708\nRevision\t: 0010\n") == Board(None, parse_revision("0010"))
    assert parse_cpuinfo("Hardware\t: BCM2835\nRevision\t: 0000\n") == Board()


def test_a_board_of_another_maker_has_a_model_only(tmp_path: Path) -> None:
    files: dict[str, str | bytes] = {f"{BASE}/model": b"Xunlong Orange Pi Zero\0", "proc/cpuinfo": "Revision\t: 0010\n"}
    board = read_board(build_host(tmp_path, files | uname("armv7l")))
    assert board == Board("Xunlong Orange Pi Zero")
    assert not board.is_raspberry_pi


def test_a_serial_number_of_noughts_is_none(tmp_path: Path) -> None:
    host = build_host(tmp_path, {"proc/cpuinfo": "Serial\t\t: 0000000000000000\n"} | uname("armv6l"))
    assert read_serial(host) is None


def test_a_revision_that_is_none_is_an_error() -> None:
    with pytest.raises(ValueError, match="not a revision code"):
        parse_cpuinfo("Model\t: Raspberry Pi\nRevision\t: new\n")


@given(st.text(), st.sampled_from(["", "Model: Raspberry Pi\n", "Hardware: BCM2835\n"]))
def test_any_text_is_a_board_or_refused(text: str, start: str) -> None:
    with contextlib.suppress(ValueError):
        parse_cpuinfo(f"{start}Revision: {text}")


def test_recorded_serials_are_those_of_the_device_tree() -> None:
    assert read_serial(RecordedHost(HOSTS / "pi-5")) == "c0ffee0500000001"
    assert read_serial(RecordedHost(HOSTS / "qemu-raspi0")) is None


def test_a_board_that_was_recognised_stays_the_same_and_one_that_was_not_is_looked_for_again(tmp_path: Path) -> None:
    host = build_host(tmp_path, uname("x86_64"))
    assert read_board(host) == Board()
    build_host(tmp_path, {f"{BASE}/model": b"Raspberry Pi 5 Model B Rev 1.0\0"})
    board = read_board(host)
    assert board.is_raspberry_pi
    (tmp_path / BASE / "model").unlink()
    assert read_board(host) is board
