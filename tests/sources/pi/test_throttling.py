import errno
import json
import os
from collections.abc import Mapping, Sequence
from itertools import product
from pathlib import Path
from typing import Any

import pytest

from sysvitals.host.host import Host
from sysvitals.model.collector import Watch
from sysvitals.sources.pi.throttle_word import ThrottleWord
from sysvitals.sources.pi.throttling import ThrottlingSources, read_throttling, watch_throttling
from tests.building import build_host
from tests.recorded import RecordedHost

FIRMWARE = "sys/devices/platform/soc/soc:firmware"
CHIP = f"{FIRMWARE}/raspberrypi-hwmon/hwmon/hwmon1"
ALARM = f"{CHIP}/in0_lcrit_alarm"
COPY = f"{FIRMWARE}/get_throttled"
RPI_VOLT: Mapping[str, str] = {
    f"{CHIP}/name": "rpi_volt\n",
    f"{CHIP}/device": "->../../../raspberrypi-hwmon",
    "sys/class/hwmon/hwmon1": "->../../devices/platform/soc/soc:firmware/raspberrypi-hwmon/hwmon/hwmon1",
}
UNDERVOLTAGE_NOW = "throttled=0x50005"


class Board(RecordedHost):
    """A board whose files and firmware answer as a test wants; the program vcgencmd prints `printed`, if anything."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        self.printed: str | None = None
        self.calls = 0

    @property
    def runs_programs(self) -> bool:
        return True

    def exists(self, path: str) -> bool:
        return self.printed is not None if path.endswith("/vcgencmd") else super().exists(path)

    def run_program(self, _path: str, _arguments: Sequence[str], _seconds: float) -> tuple[int, bytes]:
        self.calls += 1
        return 0, f"{self.printed}\n".encode()

    def ioctl(self, path: str, request: int, buffer: bytearray) -> None:
        self.calls += 1
        super().ioctl(path, request, buffer)

    def answer(self, **nodes: Any) -> "Board":
        self.syscalls["ioctl"] = nodes
        return self


def build(folder: Path, files: Mapping[str, str] | None = None, **nodes: Any) -> Board:
    build_host(folder, {"syscalls.json": json.dumps({"ioctl": nodes}), **(files or {})})
    return Board(folder)


def names(found: Sequence[Watch], host: Host) -> list[str]:
    return [watch.name.removeprefix(f"{host.sysfs}/class/hwmon/hwmon1/") for watch in found]


@pytest.mark.parametrize("fails", list(product([False, True], repeat=3)), ids=str)
def test_whichever_sources_fail_the_others_are_heard_and_each_failure_is_told(
    tmp_path: Path, fails: tuple[bool, bool, bool]
) -> None:
    alarm, firmware, copy = fails
    files = {
        **RPI_VOLT,
        ALARM: "maybe\n" if alarm else "1\n",
        **({f"{COPY}.ERRNO-EIO": ""} if copy else {COPY: "40004\n"}),
    }
    node = {"get_throttled": {"errno": "ETIMEDOUT"} if firmware else UNDERVOLTAGE_NOW}
    found = read_throttling(build(tmp_path, files, vcio=node))
    assert found.offered
    assert found.alarm is (None if alarm else True)
    assert found.word == (ThrottleWord(0x50005) if not firmware else None if copy else ThrottleWord(0x40004))
    assert found.answered == tuple(
        name
        for name, answers in (
            ("rpi_volt", not alarm),
            ("vcio", not firmware),
            ("get_throttled", firmware and not copy),
        )
        if answers
    )
    expected = [("rpi_volt in0_lcrit_alarm", "garbage")] if alarm else []
    expected += [("firmware", "ETIMEDOUT")] if firmware else []
    expected += [("get_throttled", "EIO")] if firmware and copy else []
    assert [(fault.what, fault.error) for fault in found.faults] == expected


def test_a_host_with_nothing_to_ask_offers_nothing(tmp_path: Path) -> None:
    found = read_throttling(build(tmp_path))
    assert (found.offered, found.answered, found.alarm, found.word, found.faults) == (False, (), None, None, ())
    assert "raspberrypi_hwmon" in (found.hint or "")


@pytest.mark.parametrize("denied", ["EACCES", "EPERM"])
def test_a_missing_permission_is_a_fault_with_its_remedy_and_the_kernels_copy_serves(
    tmp_path: Path, denied: str
) -> None:
    found = read_throttling(build(tmp_path, {**RPI_VOLT, ALARM: "0\n", COPY: "e0008\n"}, vcio={"errno": denied}))
    [fault] = found.faults
    assert (fault.what, fault.error) == ("firmware", denied)
    for remedy in ("group video", "udev rule", "--device /dev/vcio"):
        assert remedy in fault.message
    assert found.hint == fault.message
    assert (found.alarm, found.word) == (False, ThrottleWord(0xE0008))
    assert found.answered == ("rpi_volt", "get_throttled")
    assert found.firmware is None, "the kernel's copy is no word since boot"


def test_sensors_that_may_not_be_listed_take_nothing_from_the_firmware(tmp_path: Path) -> None:
    class Closed(Board):
        def names(self, path: str) -> list[str]:
            raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), path)

    build(tmp_path, RPI_VOLT)
    host = Closed(tmp_path).answer(vcio={"get_throttled": UNDERVOLTAGE_NOW})
    found = read_throttling(host)
    assert (found.answered, found.word, found.alarm) == (("vcio",), ThrottleWord(0x50005), None)
    assert [(fault.what, fault.error) for fault in found.faults] == [("hwmon", "EACCES")]
    assert "raspberrypi_hwmon" not in (found.hint or "")
    assert names(list(watch_throttling(host)), host) == ["the firmware's throttle word"]


def test_a_firmware_that_does_not_know_the_question_leaves_it_to_the_kernels_copy(tmp_path: Path) -> None:
    found = read_throttling(build(tmp_path, {**RPI_VOLT, ALARM: "0\n", COPY: "20002\n"}, vcio={}))
    assert (found.answered, found.word, found.faults) == (("rpi_volt", "get_throttled"), ThrottleWord(0x20002), ())


def test_the_kernels_copy_is_not_read_where_the_firmware_answers(tmp_path: Path) -> None:
    files = {**RPI_VOLT, ALARM: "0\n", f"{COPY}.ERRNO-EIO": ""}
    found = read_throttling(build(tmp_path, files, vcio={"get_throttled": "throttled=0x0"}))
    assert (found.answered, found.faults) == (("rpi_volt", "vcio"), ())


def test_the_program_alone_tells_all(tmp_path: Path) -> None:
    host = build(tmp_path)
    host.printed = UNDERVOLTAGE_NOW
    found = read_throttling(host)
    assert (found.answered, found.word, found.alarm) == (("vcgencmd",), ThrottleWord(0x50005), None)
    assert found.firmware
    assert found.firmware.sticky_since_boot


def test_what_the_program_said_a_minute_ago_counts_less_than_the_kernels_copy_now(tmp_path: Path) -> None:
    host = build(tmp_path, {**RPI_VOLT, ALARM: "0\n", COPY: "0\n"})
    host.printed = "throttled=0xf000f"
    found = read_throttling(host)
    assert found.word == ThrottleWord(0)
    assert found.answered == ("rpi_volt", "vcgencmd", "get_throttled")
    assert found.firmware
    assert found.firmware.word == ThrottleWord(0xF000F), "since boot it alone can tell"
    (tmp_path / COPY).unlink()
    assert read_throttling(host).word == ThrottleWord(0xF000F)


# whether this board can detect an undervoltage


@pytest.mark.parametrize(
    ("alarm", "word", "seen"),
    [
        ("0", "throttled=0x0", False),
        ("1", "throttled=0x0", True),
        ("0", "throttled=0x1", True),
        ("0", "throttled=0x10000", True),
        ("0", "throttled=0xe000e", False),
    ],
)
def test_an_undervoltage_that_was_seen_proves_the_detector(
    tmp_path: Path, alarm: str, word: str, *, seen: bool
) -> None:
    host = build(tmp_path, {**RPI_VOLT, ALARM: f"{alarm}\n"}, vcio={"get_throttled": word})
    assert read_throttling(host).undervoltage_seen is seen


def test_the_proof_outlasts_the_undervoltage_and_is_of_one_host_only(tmp_path: Path) -> None:
    def read(host: Host, alarm: str) -> ThrottlingSources:
        (tmp_path / ALARM).write_text(f"{alarm}\n")
        return read_throttling(host)

    host = build(tmp_path, {**RPI_VOLT, ALARM: "0\n"})
    assert [read(host, alarm).undervoltage_seen for alarm in "010"] == [False, True, True]
    assert not read(Board(tmp_path), "0").undervoltage_seen


# what to watch


def test_the_alarm_and_the_firmwares_word_are_watched(tmp_path: Path) -> None:
    host = build(tmp_path, {**RPI_VOLT, ALARM: "0\n", COPY: "0\n"}, vcio={"get_throttled": "throttled=0x0"})
    alarm, word = watch_throttling(host)
    assert names([alarm, word], host) == ["in0_lcrit_alarm", "the firmware's throttle word"]
    assert (alarm.seconds, word.seconds) == (1.0, 1.0)
    assert Path(alarm.name).read_text() == "0\n"
    assert word.look
    before = word.look()
    assert word.look() == before
    host.answer(vcio={"get_throttled": "throttled=0x80000"})
    assert word.look() != before, "what happened since boot is an edge too"


@pytest.mark.parametrize(
    "node",
    [{"errno": "EACCES"}, {"get_throttled": {"errno": "ETIMEDOUT"}}, {"get_throttled": "garbage"}, {}, None],
    ids=str,
)
def test_where_the_firmware_does_not_answer_the_kernels_copy_is_watched(
    tmp_path: Path, node: dict[str, Any] | None
) -> None:
    nodes = {} if node is None else {"vcio": node}
    host = build(tmp_path, {**RPI_VOLT, ALARM: "0\n", COPY: "50005\n"}, **nodes)
    alarm, copy = watch_throttling(host)
    assert names([alarm], host) == ["in0_lcrit_alarm"]
    assert Path(copy.name).read_text() == "50005\n"
    assert copy.look is None


def test_without_a_copy_the_alarm_alone_is_watched(tmp_path: Path) -> None:
    host = build(tmp_path, {**RPI_VOLT, ALARM: "0\n"}, vcio={"errno": "EACCES"})
    assert names(list(watch_throttling(host)), host) == ["in0_lcrit_alarm"]


def test_no_program_is_run_again_and_again_to_look(tmp_path: Path) -> None:
    host = build(tmp_path, {**RPI_VOLT, ALARM: "0\n", COPY: "0\n"})
    host.printed = UNDERVOLTAGE_NOW
    assert all(watch.look is None for watch in watch_throttling(host))
    assert host.calls == 0


def test_on_another_host_nothing_is_watched(tmp_path: Path) -> None:
    assert list(watch_throttling(build(tmp_path))) == []
