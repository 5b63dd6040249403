import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from sysvitals.host.host import Host
from sysvitals.model.collector import Fault
from sysvitals.sources.pi import vcio
from sysvitals.sources.pi.firmware import Firmware, FirmwareThrottling, find_firmware
from sysvitals.sources.pi.gencmd import parse_adc, parse_rsts, parse_temperature
from sysvitals.sources.pi.throttle_word import ThrottleWord
from sysvitals.sources.pi.vcgencmd import Answer
from sysvitals.sources.pi.vcio import Question, Tag
from tests.building import build_host
from tests.recorded import HOSTS, RecordedHost

TEMPERATURE = Question(Tag.TEMPERATURE)
DENIED = {"errno": "EACCES"}


def build(folder: Path, **nodes: dict[str, Any]) -> RecordedHost:
    return build_host(folder, {"syscalls.json": json.dumps({"ioctl": nodes})})


def find(host: Host) -> Firmware:
    firmware = find_firmware(host)
    assert firmware is not None
    return firmware


def recorded(name: str) -> Firmware:
    return find(RecordedHost(HOSTS / name))


class HostWithProgram(Host):
    """A host of our own that has vcgencmd, and no device node."""

    def __init__(self, answers: dict[str, tuple[int, bytes]]) -> None:
        super().__init__()
        self.answers = answers

    def exists(self, path: str) -> bool:
        return path == "/usr/bin/vcgencmd"

    def run_program(self, path: str, arguments: Sequence[str], seconds: float) -> tuple[int, bytes]:
        assert (path, seconds) == ("/usr/bin/vcgencmd", 2.0)
        return self.answers[" ".join(arguments)]


@pytest.mark.parametrize("name", ["nuc", "vm", "container", "jetson", "qemu-raspi3b"])
def test_a_host_without_a_way_to_ask_has_none(name: str) -> None:
    assert find_firmware(RecordedHost(HOSTS / name)) is None


def test_the_node_that_can_do_less_is_asked_first(tmp_path: Path) -> None:
    firmware = find(
        build(tmp_path, vcio={"get_throttled": "throttled=0x1"}, vcio_gencmd={"get_throttled": "throttled=0x2"})
    )
    assert firmware.source == "none"
    assert firmware.ask("get_throttled") == Answer("throttled=0x2")
    assert firmware.source == "vcio_gencmd"


def test_the_other_node_serves_where_that_is_missing(tmp_path: Path) -> None:
    firmware = find(build(tmp_path, vcio={"get_throttled": "throttled=0x1"}))
    assert firmware.ask("get_throttled") == Answer("throttled=0x1")
    assert firmware.source == "vcio"


@pytest.mark.parametrize(
    "trouble", [DENIED, {"errno": "EPERM"}, {"errno": "ENXIO"}, {"get_throttled": {"errno": "EINVAL"}}]
)
def test_the_other_node_serves_where_that_one_is_not_for_us(tmp_path: Path, trouble: dict[str, Any]) -> None:
    firmware = find(build(tmp_path, vcio={"get_throttled": "throttled=0x1"}, vcio_gencmd=trouble))
    assert firmware.ask("get_throttled") == Answer("throttled=0x1")
    assert firmware.source == "vcio"


def test_all_that_answered_are_named(tmp_path: Path) -> None:
    vcio_node = {"tags": {"0x00030006": {"0": 47774}}}
    firmware = find(build(tmp_path, vcio=vcio_node, vcio_gencmd={"get_throttled": "throttled=0x0"}))
    assert firmware.properties([TEMPERATURE]) == {TEMPERATURE: 47774}
    assert firmware.ask("get_throttled") == Answer("throttled=0x0")
    assert firmware.source == "vcio+vcio_gencmd"


def test_a_missing_permission_is_raised_where_no_node_answers(tmp_path: Path) -> None:
    firmware = find(build(tmp_path, vcio=DENIED, vcio_gencmd=DENIED))
    with pytest.raises(PermissionError, match=r'KERNEL=="vcio_gencmd"'):
        firmware.ask("get_throttled")
    with pytest.raises(PermissionError, match="group video"):
        firmware.ask_for("measure_temp", parse_temperature)
    with pytest.raises(PermissionError, match="group video"):
        firmware.throttling()


def test_a_missing_permission_for_tags_alone_is_none(tmp_path: Path) -> None:
    firmware = find(build(tmp_path, vcio=DENIED, vcio_gencmd={"get_throttled": "throttled=0x0"}))
    assert firmware.properties([TEMPERATURE]) == {}
    assert firmware.ask("get_throttled") == Answer("throttled=0x0")


def test_a_missing_permission_for_the_only_node_is_raised_for_tags() -> None:
    with pytest.raises(PermissionError, match="group video"):
        recorded("pi-cm4-emmc").properties([TEMPERATURE])


def test_there_are_no_tags_without_their_node(tmp_path: Path) -> None:
    assert find(build(tmp_path, vcio_gencmd={})).properties([TEMPERATURE]) == {}


def test_what_the_firmware_does_not_know_has_no_answer() -> None:
    firmware = recorded("pi-4b-fine")
    assert firmware.ask("pmic_read_adc") is None
    assert firmware.ask_for("pmic_read_adc", parse_adc) is None


def test_what_makes_no_sense_is_a_fault_of_its_own(tmp_path: Path) -> None:
    firmware = find(build(tmp_path, vcio={"measure_temp": "temp=hot", "get_rsts": {"errno": "EIO"}}))
    fault = firmware.ask_for("measure_temp", parse_temperature)
    assert isinstance(fault, Fault)
    assert (fault.what, fault.error) == ("measure_temp", "garbage")
    fault = firmware.ask_for("get_rsts", parse_rsts)
    assert isinstance(fault, Fault)
    assert (fault.what, fault.error) == ("get_rsts", "EIO")


def test_a_firmware_that_is_silent_is_not_asked_again_in_the_same_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    host = build(tmp_path, vcio={"get_throttled": {"errno": "ETIMEDOUT"}, "tags": {"0x00030006": {"0": 1}}})
    calls: list[str] = []
    really = host.ioctl

    def count(path: str, request: int, buffer: bytearray) -> None:
        calls.append(path)
        really(path, request, buffer)

    monkeypatch.setattr(host, "ioctl", count)
    firmware = find(host)
    with pytest.raises(TimeoutError):
        firmware.ask("get_throttled")
    with pytest.raises(TimeoutError, match="not asked"):
        firmware.ask("measure_temp")
    with pytest.raises(TimeoutError, match="not asked"):
        firmware.ask_for("measure_temp", parse_temperature)
    with pytest.raises(TimeoutError, match="not asked"):
        firmware.properties([TEMPERATURE])
    assert len(calls) == 1
    assert find(host).properties([TEMPERATURE]) == {TEMPERATURE: 1}


@pytest.mark.parametrize(
    ("name", "word"),
    [
        ("pi-4b-browning-out", 0x50005),
        ("pi-4b-browned-out-earlier", 0x50000),
        ("pi-3b-plus", 0xE0008),
        ("pi-5", 0),
        ("pi-5-weak-supply", 0),
        ("pi-zero-w", 0),
        ("pi-4b-fine", 0),
    ],
)
def test_the_throttle_word_of_a_board_is_that_since_boot(name: str, word: int) -> None:
    assert recorded(name).throttling() == FirmwareThrottling(ThrottleWord(word), sticky_since_boot=True)


def test_a_word_by_tag_does_not_claim_to_be_since_boot(tmp_path: Path) -> None:
    firmware = find(build(tmp_path, vcio={"tags": {"0x00030046": 0x50005}}))
    assert firmware.throttling() == FirmwareThrottling(ThrottleWord(0x50005), sticky_since_boot=False)


def test_a_firmware_without_a_throttle_word_has_none(tmp_path: Path) -> None:
    assert find(build(tmp_path, vcio={})).throttling() is None


def test_a_throttle_word_that_makes_no_sense_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="not a throttle word"):
        find(build(tmp_path, vcio={"get_throttled": "throttled=0x"})).throttling()


def test_the_program_is_the_last_resort_and_tells_the_age_of_what_it_said(monkeypatch: pytest.MonkeyPatch) -> None:
    now = [1000.0]
    monkeypatch.setattr("sysvitals.sources.pi.vcgencmd.time.monotonic", lambda: now[0])
    host = HostWithProgram({"get_throttled": (0, b"throttled=0x50000\n")})
    first, second = find(host), find(host)
    assert first.is_costly
    assert first.throttling() == FirmwareThrottling(ThrottleWord(0x50000), sticky_since_boot=True, age_seconds=0.0)
    assert first.source == "vcgencmd"
    host.answers = {"measure_temp": (0, b"temp=47.8'C")}
    now[0] += 42.0
    assert second.throttling() == FirmwareThrottling(ThrottleWord(0x50000), sticky_since_boot=True, age_seconds=42.0)
    assert second.ask("measure_temp") == Answer("temp=47.8'C", 0.0)
    assert second.age_seconds == 42.0
    assert second.properties([TEMPERATURE]) == {}


def test_the_program_is_not_looked_for_where_a_node_is_there(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sysvitals.sources.pi.firmware.find_vcgencmd", lambda _: pytest.fail("looked for"))
    assert find(RecordedHost(HOSTS / "pi-5")).is_costly is False


def test_all_commands_that_are_asked_for_are_in_the_closed_set() -> None:
    firmware = recorded("pi-5")
    for command in vcio.COMMANDS:
        firmware.ask(command)
    with pytest.raises(ValueError, match="not a command"):
        firmware.ask("get_throttled 0xf")
