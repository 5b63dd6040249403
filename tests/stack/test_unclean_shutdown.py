"""The real exporter on a board whose power fails: killed without notice, then started again with another boot id."""

import json
import os
import re
import shutil
import subprocess
import sys
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.patience import PATIENCE
from tests.recorded import HOSTS
from tests.stack.running import free_port, wait_until

TOTAL = "system_unclean_shutdowns_total"
EVENTS = 'sysvitals_events_total{event="system.shutdown.unclean"}'
AVAILABLE = 'sysvitals_collector_available{collector="shutdown"}'
LAST_SEEN = "system_last_unclean_shutdown_timestamp_seconds"


class Board:
    """A recorded board whose power can fail."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.host = folder / "host"
        self.kept = folder / "kept"
        shutil.copytree(HOSTS / "pi-4b-browning-out", self.host, symlinks=True)
        self.boot()

    def boot(self) -> str:
        boot = str(uuid.uuid4())
        (self.host / "proc/sys/kernel/random/boot_id").write_text(f"{boot}\n")
        return boot

    @contextmanager
    def run(self, *flags: str) -> Iterator["Run"]:
        """The exporter once its first round of readings is stored. At the end it is killed, unless it was stopped."""
        address = f"127.0.0.1:{free_port()}"
        own = [f"--web.listen-address={address}", f"--storage.path={self.kept}"]
        own += ["--history.flush-interval=20ms", "--history.compress=off"]
        own += [f"--path.{name}fs={self.host / name}" for name in ("proc", "sys")]
        own += [f"--path.devfs={self.host / 'dev'}", f"--path.rootfs={self.host}"]
        log = self.folder / "log"
        with log.open("ab") as output:
            process = subprocess.Popen(
                [sys.executable, "-m", "sysvitals", "serve", *own, *flags],
                cwd=self.folder,
                stdout=output,
                stderr=output,
            )
        run = Run(process, f"http://{address}")
        try:
            wait_until(run.is_ready, f"it is ready: {log}")
            wait_until(lambda: "--no-history" in flags or has_read(self.events()), "it has written what it read")
            yield run
        finally:
            if process.poll() is None:
                process.kill()
            process.wait()

    def segments(self) -> list[Path]:
        return sorted((self.kept / "history").glob("*/*.jsonl"), key=lambda path: path.stat().st_mtime_ns)

    def events(self) -> list[dict[str, Any]]:
        """All whole lines, in the order of their segments' last writes."""
        lines = [line for path in self.segments() for line in path.read_bytes().split(b"\n")[:-1]]
        return [json.loads(line) for line in lines]

    def shutdowns(self) -> list[dict[str, Any]]:
        return [event for event in self.events() if event["name"] == "system.shutdown.unclean"]


class Run:
    def __init__(self, process: subprocess.Popen[bytes], url: str) -> None:
        self.process = process
        self.url = url

    def is_ready(self) -> bool:
        assert self.process.poll() is None, "it ended by itself"
        try:
            return httpx.get(f"{self.url}/-/ready", timeout=PATIENCE).status_code == 200
        except httpx.TransportError:
            return False

    def values(self, name: str) -> list[float]:
        text = httpx.get(f"{self.url}/metrics", timeout=PATIENCE).text
        return [float(value) for value in re.findall(rf"^{re.escape(name)} (\S+)$", text, re.MULTILINE)]

    def stop(self) -> None:
        self.process.terminate()
        assert self.process.wait(timeout=PATIENCE) == 0


def has_read(events: list[dict[str, Any]]) -> bool:
    """Whether the last run has stored what last words are made of."""
    start = max((number for number, event in enumerate(events) if event["name"] == "sysvitals.started"), default=0)
    names = {event["name"] for event in events[start:]}
    return names >= {"system.temperature.updated", "system.load.updated", "system.throttling.updated"}


@pytest.fixture
def board(tmp_path: Path) -> Board:
    return Board(tmp_path)


def test_a_power_cut_is_told_with_its_last_words_and_counted_on_across_reboots(board: Board) -> None:
    first = board.boot()
    with board.run() as run:
        assert run.values(TOTAL) == [0]  # it is there from the first start on, or increase() would miss the first
        assert run.values(LAST_SEEN) == []
    last = board.events()[-1]

    second = board.boot()
    with board.run() as run:
        (told,) = board.shutdowns()
        data = told["data"]
        assert told["boot"] == second
        assert (data["ended_boot"], data["uptime"]) == (first, last["uptime"])
        assert data["clock_synced"] == last["synced"] if last["synced"] is not None else "clock_synced" not in data
        assert (data["undervoltage"], data["certain"]) == (True, False)
        assert "undervoltage" in data["throttling"]
        assert data["hottest"] == "cpu_thermal temp1"
        assert data["celsius"] > 0
        assert data["load1"] > 0
        names = [event["name"] for event in board.events() if event["boot"] == second]
        assert names[:2] == ["sysvitals.started", "system.shutdown.unclean"]
        assert run.values(TOTAL) == [1]
        assert run.values(LAST_SEEN) == ([data["last_seen"]] if last["synced"] is not False else [])
        assert run.values(EVENTS) == [1]
        run.stop()

    with board.run() as run:  # a restart in the same boot
        assert run.values(TOTAL) == [1]

    board.boot()
    with board.run() as run:
        assert run.values(TOTAL) == [2]
        assert len(board.shutdowns()) == 2


def test_a_restart_of_the_exporter_and_a_kill_of_it_alone_are_no_reboot(board: Board) -> None:
    with board.run():
        pass  # killed
    with board.run() as run:
        assert run.values(TOTAL) == [0]
        run.stop()
    with board.run() as run:
        assert run.values(TOTAL) == [0]
    assert board.shutdowns() == []


def test_a_shutdown_with_notice_is_clean(board: Board) -> None:
    with board.run() as run:
        run.stop()
    board.boot()
    with board.run() as run:
        assert run.values(TOTAL) == [0]
    assert board.shutdowns() == []


def test_a_torn_last_line_hides_no_power_cut(board: Board) -> None:
    with board.run():
        pass
    segment = board.segments()[-1]
    os.truncate(segment, segment.stat().st_size - 30)
    last = board.events()[-1]
    board.boot()
    with board.run() as run:
        assert run.values(TOTAL) == [1]
    (told,) = board.shutdowns()
    assert told["data"]["uptime"] == last["uptime"]


def test_a_clock_set_back_fools_it_neither_way(board: Board) -> None:
    with board.run() as run:
        run.stop()
    (day,) = {segment.parent for segment in board.segments()}
    day.rename(day.with_name("2099-01-01"))  # as if the clock had been far ahead then
    board.boot()
    with board.run() as run:
        assert run.values(TOTAL) == [0]
    board.boot()
    with board.run() as run:
        assert run.values(TOTAL) == [1]
        run.stop()
    board.boot()
    with board.run() as run:
        assert run.values(TOTAL) == [1]


def test_without_a_history_nothing_is_known_which_is_not_zero(board: Board) -> None:
    with board.run("--no-history") as run:
        assert run.values(TOTAL) == []
        assert run.values(AVAILABLE) == [0]
    assert not board.kept.exists()
