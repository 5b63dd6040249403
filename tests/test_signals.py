"""Signals that reach the exporter at each stage of its life: before it serves, while it does, and while it ends."""

import re
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.patience import PATIENCE
from tests.test_exporter import (
    BELOW,
    ONLY_LOAD,
    Process,
    hanging,
    program_that_hangs_at,
    stored,
    wait_for,
)

Launch = Callable[..., Process]

STORM = 5000
BEGINNING = ["sysvitals.started", "system.load.updated"]

ENDS = (signal.SIGTERM, signal.SIGINT)


@pytest.fixture
def launch(tmp_path: Path) -> Iterator[Launch]:
    """Start an exporter that reads a recorded host's load once, in `tmp_path / "run"`."""
    running: list[Process] = []

    def launch(*flags: str, **more: Any) -> Process:
        (tmp_path / "run").mkdir(exist_ok=True)
        process = Process(tmp_path / "run", *BELOW, *ONLY_LOAD, "--collector.load.interval=1h", *flags, **more)
        running.append(process)
        return process

    yield launch
    for process in running:
        process.kill()


def names(process: Process) -> list[str]:
    """What the history holds but for readings."""
    return [event["name"] for event in stored(process.storage) if not event["name"].endswith(".updated")]


def wait_until_stored(process: Process) -> None:
    """Wait until the history holds what was read."""
    wait_for(lambda: [event["name"] for event in stored(process.storage)] == BEGINNING, "the first readings on disk")


STOPPED = ["sysvitals.started", "sysvitals.stopped"]


@pytest.mark.parametrize("number", ENDS)
@pytest.mark.fault(
    "process",
    "a stop signal before it listens",
    seen="exit status 0, an empty log",
    heals="at the next start",
)
def test_a_stop_before_it_listens_ends_it_in_silence(number: signal.Signals, launch: Launch, tmp_path: Path) -> None:
    file = tmp_path / "slow.yml"
    with hanging(file) as wait_until_it_is_read:
        process = launch(f"--config.file={file}", program=program_that_hangs_at(file))
        wait_until_it_is_read()
        process.stop(number)
    assert (process.log, process.storage.exists()) == ("", False)


@pytest.mark.fault(
    "process",
    "SIGHUP before it listens",
    seen="the line `reloaded` in the log",
    heals="by itself, it is obeyed once the exporter serves",
)
def test_a_reload_that_is_asked_for_before_it_listens_comes_when_it_does(launch: Launch, tmp_path: Path) -> None:
    file = tmp_path / "slow.yml"
    file.write_text("log: {level: info}\n")
    with hanging(file) as wait_until_it_is_read:
        process = launch(f"--config.file={file}", program=program_that_hangs_at(file))
        wait_until_it_is_read()
        process.send(signal.SIGHUP)
    process.ports()
    wait_for(lambda: "reloaded: nothing changed" in process.log, "the reload")
    process.stop()
    assert names(process) == STOPPED


END_WAITS = """
import pathlib, sys, time
from sysvitals.exporter import Exporter
from sysvitals.cli import main
stop = Exporter.stop
def wait_and_stop(exporter, reason):
    pathlib.Path("ending").touch()
    while not pathlib.Path("go").exists():
        time.sleep(0.01)
    stop(exporter, reason)
Exporter.stop = wait_and_stop
sys.exit(main())
"""


def launch_and_begin_to_end(launch: Launch, folder: Path) -> Process:
    """An exporter that is ending until there is a file `go` in this folder."""
    process = launch(program=(sys.executable, "-c", END_WAITS))
    process.wait_until_ready()
    wait_until_stored(process)
    process.send(signal.SIGTERM)
    wait_for((folder / "ending").exists, "the end to begin")
    return process


@pytest.mark.fault(
    "process",
    "further signals while it ends",
    seen="nothing of them",
    heals="-",
)
def test_an_end_that_was_begun_is_finished_whatever_signals_follow(launch: Launch, tmp_path: Path) -> None:
    process = launch_and_begin_to_end(launch, tmp_path / "run")
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGPIPE, signal.SIGSTOP, signal.SIGCONT):
        process.send(number)
    (tmp_path / "run/go").touch()
    assert process.wait() == 0
    assert names(process) == STOPPED
    assert stored(process.storage)[-1]["data"] == {"reason": "SIGTERM"}
    assert "Traceback" not in process.log
    assert "reload" not in process.log


@pytest.mark.fault(
    "process",
    "kill -9 while it ends",
    seen="nothing, or one line on a torn end that was cut off",
    heals="at the next start",
)
def test_a_kill_while_it_ends_loses_nothing_of_the_history(launch: Launch, tmp_path: Path) -> None:
    process = launch_and_begin_to_end(launch, tmp_path / "run")
    process.kill()
    before = stored(process.storage)
    again = launch()
    again.wait_until_ready()
    again.stop()
    assert stored(again.storage)[:2] == before
    assert names(again) == ["sysvitals.started", *STOPPED]


@pytest.mark.parametrize("number", [signal.SIGUSR1, signal.SIGQUIT])
@pytest.mark.fault(
    "process",
    "a signal that it does not handle, such as SIGUSR1 or SIGQUIT",
    seen="it is gone with this signal",
    heals="its supervisor starts it again",
)
def test_a_signal_that_it_does_not_handle_ends_it_and_costs_nothing_of_the_history(
    number: signal.Signals, launch: Launch
) -> None:
    process = launch()
    process.wait_until_ready()
    wait_until_stored(process)
    process.send(number)
    assert process.wait() == -number
    before = stored(process.storage)
    again = launch()
    again.wait_until_ready()
    again.stop()
    assert stored(again.storage)[:2] == before


@pytest.mark.fault(
    "process",
    "signals that mean nothing to it, such as SIGPIPE",
    seen="nothing",
    heals="-",
)
def test_signals_without_a_meaning_change_nothing(launch: Launch) -> None:
    process = launch()
    process.wait_until_ready()
    before = process.log
    for number in (signal.SIGPIPE, signal.SIGWINCH, signal.SIGURG, signal.SIGCHLD):
        process.send(number)
    assert process.get("/-/healthy")[0] == 200
    assert process.log == before
    process.stop()
    assert names(process) == STOPPED


@pytest.mark.fault(
    "process",
    "a storm of SIGHUPs",
    seen="a line `reloaded` for each reload that was done, fewer than were asked for",
    heals="by itself, what is asked for during a reload is done as one after it",
)
def test_a_storm_of_reloads_ends_with_the_last_settings_in_force(launch: Launch, tmp_path: Path) -> None:
    file = tmp_path / "sysvitals.yml"
    file.write_text("")
    process = launch(f"--config.file={file}")
    process.wait_until_ready()
    for number in range(STORM):
        if number % 1000 == 0:
            file.write_text(f"history: {{keep_age: {number + 1}d}}\n")
        process.send(signal.SIGHUP)
    assert process.get("/-/healthy")[0] == 200
    file.write_text("log: {level: debug}\n")
    process.send(signal.SIGHUP)
    wait_for(lambda: re.search("reloaded: .*log.level", process.log), "the last reload")
    process.stop()
    assert names(process)[-1] == "sysvitals.stopped"
    assert "ignored" not in process.log


@pytest.mark.fault(
    "process",
    "a stop signal in a storm of SIGHUPs",
    seen="the event `sysvitals.stopped`",
    heals="at the next start",
)
def test_a_stop_is_heard_in_a_storm_of_reloads(launch: Launch) -> None:
    process = launch()
    process.wait_until_ready()
    for _ in range(STORM):
        process.send(signal.SIGHUP)
    process.send(signal.SIGTERM)
    for _ in range(STORM):
        process.send(signal.SIGHUP)
    assert process.wait() == 0
    assert names(process) == STOPPED
    assert "ignored" not in process.log


@pytest.mark.fault(
    "process",
    "Ctrl-C during `sysvitals once`",
    seen="exit status 130",
    heals="-",
)
def test_a_look_that_is_interrupted_ends_in_silence(tmp_path: Path) -> None:
    load = tmp_path / "proc/loadavg"
    load.parent.mkdir()
    with hanging(load) as wait_until_it_is_read:
        command = [*program_that_hangs_at(load), "once", *ONLY_LOAD, f"--path.procfs={tmp_path}/proc"]
        with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as look:
            wait_until_it_is_read()
            look.send_signal(signal.SIGINT)
            assert look.communicate(timeout=PATIENCE) == ("", "")
            assert look.returncode == 130


def test_a_stop_that_loses_events_says_so_and_ends_with_status_1(launch: Launch, tmp_path: Path) -> None:
    (tmp_path / "run/data").mkdir(parents=True)
    (tmp_path / "run/data/history").write_text("")
    process = launch()
    process.wait_until_ready()
    process.send(signal.SIGTERM)
    assert process.wait() == 1
    assert re.search(r"history: [1-9]\d* events are lost: the disk refuses", process.log)
