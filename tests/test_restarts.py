"""An exporter that is killed, stopped or restarted while the supply of its board is too low."""

import contextlib
import json
import re
import shutil
import signal
import socket
import sys
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from tests.recorded import HOSTS
from tests.test_exporter import BELOW, ONLY_LOAD, Process, samples, stored, wait_for

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
@pytest.mark.fault(
    "process",
    "a restart or a kill -9 during an undervoltage",
    seen="one event when it began and one when it ended",
    heals="at the next start",
)
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


@pytest.mark.fault(
    "process",
    "a kill -9 during an undervoltage that ends before the next start",
    seen="its end is dated at the next start",
    heals="at the next start",
)
def test_an_undervoltage_that_ended_while_no_exporter_ran_has_ended(board: Board) -> None:
    first = board.export()
    wait_for(lambda: edges(first) == ["started"] and readings(first), "the beginning is on disk")
    first.kill()
    board.recover()
    second = board.export()
    wait_for(lambda: edges(second) == ["started", "cleared"], "its end is on disk")


@pytest.mark.fault(
    "time",
    "a new boot id: the host has started again during an undervoltage",
    seen="the end of the first and the beginning of another; counts begin again",
    heals="at the next start",
)
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


def whole_events(out: str) -> Iterator[dict[str, Any]]:
    """What was printed, but for lines that a kill cut off."""
    for line in out.splitlines():
        with contextlib.suppress(ValueError):
            yield json.loads(line)


STARTS = 50
KILLED_AGAIN_AND_AGAIN = f"""
import os, random, signal, sys, time
import sysvitals.exporter, sysvitals.serve, sysvitals.web.http.server, sysvitals.web.routes
from sysvitals.cli import main

sysvitals.exporter._SETTLE_SECONDS = 20.0  # however busy this machine is, what is shown is on the disk before

def run(until):
    child = os.fork()  # quicker than starting Python
    if not child:
        sys.exit(main())
    began = time.monotonic()
    while not until(time.monotonic() - began):
        time.sleep(0.001)
    os.kill(child, signal.SIGKILL)
    os.waitpid(child, 0)
    os.write(2, b"killed again\\n")
    return time.monotonic() - began

takes = run(lambda _: os.fstat(1).st_size)  # until it shows something
moments = random.Random(14)
for _ in range({STARTS} - 1):
    moment = moments.uniform(0, 2 * takes)
    run(lambda seconds: seconds > moment)
"""


def has_killed(process: Process, times: int) -> bool:
    return process.log.count("killed again\n") >= times


@pytest.mark.fault(
    "process",
    "a loop of 50 restarts, each cut off by kill -9",
    seen="a line for each torn end that was cut off",
    heals="by itself, when it is left to run",
)
def test_restarts_in_a_loop_lose_nothing_that_was_shown_and_leave_no_rubbish(tmp_path: Path) -> None:
    flags = [*BELOW, *ONLY_LOAD, "--console", "--console.format=json"]
    killed = Process(tmp_path, *flags, program=(sys.executable, "-c", KILLED_AGAIN_AND_AGAIN))
    try:
        for start in range(1, STARTS + 1):  # each may take as long as it takes
            wait_for(partial(has_killed, killed, start), f"the end of start {start}")
        assert killed.wait() == 0
    finally:
        killed.kill()
    shown = list(whole_events(killed.out))
    last = Process(tmp_path, *flags)
    try:
        last.wait_until_ready()
        last.stop()
    finally:
        last.kill()
    events = stored(last.storage)
    assert shown
    assert [event for event in shown if event not in events] == []
    assert len({event["seq"] for event in events}) == len(events)
    assert "Traceback" not in killed.log + last.log
    files = {str(path.relative_to(last.storage)) for path in last.storage.rglob("*") if path.is_file()}
    segments = {file for file in files if re.fullmatch(r"history/[0-9-]+/[0-9.-]+\.jsonl(\.gz)?", file)}
    kinds = re.compile(r"summaries/([0-9-]+\.(minutes|hours)\.jsonl\.gz|clocks\.jsonl)")
    summaries = set(filter(kinds.fullmatch, files))
    # `verdict.json` is there where something stood
    assert files - segments - summaries - {"verdict.json"} == {"lock", "shutdowns.json", "history/current"}
    assert len(segments) <= STARTS + 1


@pytest.mark.fault(
    "process",
    "kill -9 while connections are open, and a start at the same port",
    seen="nothing",
    heals="at the next start, the port is free immediately",
)
def test_the_port_of_one_that_was_killed_is_free_though_connections_were_open(tmp_path: Path) -> None:
    flags = [*BELOW, *ONLY_LOAD, "--no-history"]
    first = Process(tmp_path, *flags)
    try:
        first.wait_until_ready()
        (port,) = first.ports()
        with socket.create_connection(("127.0.0.1", port)):
            first.kill()
            second = Process(tmp_path, *flags, addresses=(f"127.0.0.1:{port}",))
            second.wait_until_ready()
            second.stop()
    finally:
        first.kill()


def happened(process: Process) -> list[str]:
    status, body = process.get("/api/v1/timeline?range=1h")
    assert status == 200
    return [line["text"].partition(",")[0] for line in json.loads(body)["happened"]]


@pytest.mark.fault(
    "process",
    "a kill -9 before what happened was summarised",
    seen="it is on the time line within a minute of the next start, made from the history itself",
    heals="at the next start",
)
def test_what_happened_before_a_kill_is_on_the_time_line_after_the_next_start(board: Board) -> None:
    first = board.export()
    wait_for(lambda: edges(first) == ["started"] and readings(first), "the beginning is on disk")
    board.recover()
    wait_for(lambda: edges(first) == ["started", "cleared"], "its end is on disk")
    wait_for(lambda: any("Undervoltage for" in line for line in happened(first)), "it is on the time line")
    first.kill()
    second = board.export()
    samples(second.get()[1])  # the first scrape comes first
    wait_for(lambda: any("Undervoltage for" in line for line in happened(second)), "it is on the time line again")
    assert "sysvitals restarted without being stopped" in happened(second)
