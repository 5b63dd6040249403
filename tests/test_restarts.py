"""An exporter that is killed, stopped or restarted while the supply of its board is too low."""

import shutil
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.recorded import HOSTS
from tests.test_exporter import Process, samples, stored, wait_for

ALARM = "sys/devices/platform/soc/soc:firmware/raspberrypi-hwmon/hwmon/hwmon1/in0_lcrit_alarm"
UNDERVOLTAGE = 'cause="undervoltage"'


class Board:
    """A Raspberry Pi whose supply is too low until `recover`."""

    def __init__(self, folder: Path) -> None:
        self.root = folder / "board"
        shutil.copytree(HOSTS / "pi-4b-browning-out", self.root, symlinks=True)
        self._folder = folder
        self._running: list[Process] = []
        self.set_boot("2a0b4c1e-0000-4000-8000-000000000001")

    def set_boot(self, boot: str) -> None:
        path = self.root / "proc/sys/kernel/random/boot_id"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(f"{boot}\n")

    def recover(self) -> None:
        (self.root / ALARM).write_text("0\n")

    def export(self) -> Process:
        (self._folder / "run").mkdir(exist_ok=True)
        paths = [f"--path.{kind}={self.root}/{name}" for kind, name in (("procfs", "proc"), ("sysfs", "sys"))]
        process = Process(self._folder / "run", *paths, f"--path.rootfs={self.root}", "--history.flush-interval=50ms")
        self._running.append(process)
        process.wait_until_ready()
        return process

    def close(self) -> None:
        for process in self._running:
            process.kill()


@pytest.fixture
def board(tmp_path: Path) -> Iterator[Board]:
    board = Board(tmp_path)
    yield board
    board.close()


def edges(process: Process) -> list[str]:
    """What the history holds of the beginning and the end of undervoltage."""
    return [
        event["name"].rpartition(".")[2]
        for event in stored(process.storage)
        if event["name"] in {"system.throttling.started", "system.throttling.cleared"}
        and event["data"]["cause"] == "undervoltage"
    ]


def readings(process: Process) -> int:
    return sum(event["name"] == "system.throttling.updated" for event in stored(process.storage))


def counted(process: Process) -> float:
    return samples(process.get()[1])["system_throttle_events_total", UNDERVOLTAGE]


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGKILL])
def test_an_undervoltage_over_a_restart_is_one_that_began_and_ended(board: Board, number: signal.Signals) -> None:
    first = board.export()
    wait_for(lambda: edges(first) == ["started"] and readings(first), "the beginning is on disk")
    first.send(number)
    first.wait()
    before = readings(first)
    second = board.export()
    wait_for(lambda: readings(second) > before, "it is read again")
    assert edges(second) == ["started"]
    assert counted(second) == 1
    board.recover()
    wait_for(lambda: edges(second) == ["started", "cleared"], "its end is on disk")
    assert counted(second) == 1


def test_an_undervoltage_that_ended_while_no_exporter_ran_has_ended(board: Board) -> None:
    first = board.export()
    wait_for(lambda: edges(first) == ["started"] and readings(first), "the beginning is on disk")
    first.kill()
    board.recover()
    second = board.export()
    wait_for(lambda: edges(second) == ["started", "cleared"], "its end is on disk")


def test_an_undervoltage_ends_with_the_boot_and_the_next_boot_has_its_own(board: Board) -> None:
    first = board.export()
    wait_for(lambda: edges(first) == ["started"] and readings(first), "the beginning is on disk")
    first.kill()
    board.set_boot("2a0b4c1e-0000-4000-8000-000000000002")
    second = board.export()
    wait_for(lambda: edges(second) == ["started", "cleared", "started"], "both are on disk")
    assert counted(second) == 1
    second.kill()
    third = board.export()
    wait_for(lambda: readings(third) > 0 and counted(third) == 1, "it is read again")
    assert edges(third) == ["started", "cleared", "started"]
