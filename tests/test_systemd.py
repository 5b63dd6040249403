"""What the service manager is told, read off a socket that stands for systemd's."""

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from threading import Thread

import pytest

from sysvitals.systemd import Supervisor, describe_collectors
from tests.history.writing import wait_until
from tests.patience import PATIENCE
from tests.test_exporter import BELOW, ONLY_LOAD, build, only_load

Told = dict[str, str]


class Manager:
    """A service manager: what it hears, in order."""

    def __init__(self, address: str) -> None:
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self._socket.settimeout(PATIENCE)
        self._socket.bind(address)

    def hear(self) -> Told:
        lines = self._socket.recv(4096).decode().split("\n")
        return dict(line.split("=", 1) for line in lines)

    def hear_until(self, field: str) -> Told:
        while field not in (told := self.hear()):
            pass
        return told

    def hears_nothing(self, seconds: float) -> bool:
        self._socket.settimeout(seconds)
        try:
            self.hear()
        except TimeoutError:
            return True
        finally:
            self._socket.settimeout(PATIENCE)
        return False

    def close(self) -> None:
        self._socket.close()


@pytest.fixture
def manager(tmp_path: Path) -> Iterator[Manager]:
    manager = Manager(str(tmp_path / "notify"))
    yield manager
    manager.close()


def at(folder: Path, **more: str) -> Supervisor:
    return Supervisor({"NOTIFY_SOCKET": str(folder / "notify"), **more}, process=7)


def test_without_a_service_manager_nothing_is_told() -> None:
    for environment in ({}, {"NOTIFY_SOCKET": ""}, {"NOTIFY_SOCKET": "vsock:2:1234"}):
        supervisor = Supervisor(environment, process=7)
        assert not supervisor.is_there
        supervisor.ready("fine")


def test_an_abstract_socket_is_found_too() -> None:
    name = f"sysvitals-test-{os.getpid()}-{time.monotonic_ns()}"
    manager = Manager("\0" + name)
    Supervisor({"NOTIFY_SOCKET": "@" + name}, process=7).ready("fine")
    assert manager.hear() == {"READY": "1", "STATUS": "fine"}
    manager.close()


def test_a_status_is_one_line_whatever_it_says(manager: Manager, tmp_path: Path) -> None:
    at(tmp_path).alive("broken\nMAINPID=1\n ä \udce4")
    assert manager.hear() == {"WATCHDOG": "1", "STATUS": "broken MAINPID=1 ä \\udce4"}


def test_a_service_manager_that_is_gone_or_does_not_read_hurts_nobody(manager: Manager, tmp_path: Path) -> None:
    supervisor = at(tmp_path)

    def report() -> None:
        for _ in range(1000):  # more than any socket holds
            supervisor.alive("x" * 100)
        manager.close()
        supervisor.stopping()
        (tmp_path / "notify").unlink()
        supervisor.stopping()

    thread = Thread(target=report, daemon=True)
    thread.start()
    thread.join(PATIENCE)
    assert not thread.is_alive(), "it waits"


@pytest.mark.parametrize(
    ("environment", "seconds"),
    [
        ({}, 30.0),
        ({"WATCHDOG_USEC": "10000000"}, 5.0),
        ({"WATCHDOG_USEC": "10000000", "WATCHDOG_PID": "7"}, 5.0),
        ({"WATCHDOG_USEC": "10000000", "WATCHDOG_PID": "8"}, 30.0),
        ({"WATCHDOG_USEC": "600000000"}, 30.0),
        ({"WATCHDOG_USEC": "0"}, 30.0),
        ({"WATCHDOG_USEC": "soon"}, 30.0),
    ],
)
def test_life_is_told_twice_in_the_time_of_ones_own_watchdog(environment: dict[str, str], seconds: float) -> None:
    assert Supervisor(environment, process=7).interval_seconds == seconds


def test_a_reload_says_when_it_began_by_the_clock_that_never_jumps(manager: Manager, tmp_path: Path) -> None:
    before = time.monotonic_ns() // 1000
    at(tmp_path).reloading()
    told = manager.hear()
    assert told["RELOADING"] == "1"
    assert before <= int(told["MONOTONIC_USEC"]) <= time.monotonic_ns() // 1000


def test_the_collectors_are_one_line() -> None:
    words = {"load": "ok", "fan": "unavailable", "wifi": "unavailable", "disk": "failed", "cpu": "ok"}
    expected = "2 collectors read, 2 have nothing to read on this host, FAILING: disk"
    assert describe_collectors(words) == expected
    assert describe_collectors({"load": "ok"}) == "1 collectors read"


def test_a_console_that_nobody_reads_any_more_is_no_fault(monkeypatch: pytest.MonkeyPatch) -> None:
    reader, writer = os.pipe()
    os.close(reader)
    monkeypatch.setattr("sysvitals.exporter.STANDARD_OUTPUT", writer)
    exporter = build(only_load(console=True))
    [inbox] = exporter._inboxes
    exporter.start()
    try:
        wait_until(lambda: inbox.dropped > 0)
        assert exporter.faults() == []
    finally:
        exporter.stop("the end of the test")
        os.close(writer)


@pytest.fixture
def service(manager: Manager, tmp_path: Path) -> Iterator[subprocess.Popen[bytes]]:
    """The exporter as systemd starts it, with a watchdog of a second. Who hears of it has to want `manager`."""
    (tmp_path / "sysvitals.yml").write_text("log: {level: info}\n")
    flags = [*BELOW, *ONLY_LOAD, "--web.listen-address=127.0.0.1:0", f"--config.file={tmp_path}/sysvitals.yml"]
    with (tmp_path / "log").open("wb") as log:
        process = subprocess.Popen(
            [sys.executable, "-m", "sysvitals", "serve", *flags, f"--storage.path={tmp_path}/data"],
            stderr=log,
            env=os.environ | {"NOTIFY_SOCKET": str(tmp_path / "notify"), "WATCHDOG_USEC": "1000000"},
        )
    yield process
    process.kill()
    process.wait()


def test_a_service_tells_its_whole_life(service: subprocess.Popen[bytes], manager: Manager, tmp_path: Path) -> None:
    assert manager.hear() == {"READY": "1", "STATUS": "1 collectors read"}
    for _ in range(3):
        assert manager.hear() == {"WATCHDOG": "1", "STATUS": "1 collectors read"}

    service.send_signal(signal.SIGHUP)
    assert "MONOTONIC_USEC" in manager.hear_until("RELOADING")
    assert manager.hear_until("READY")["STATUS"] == "1 collectors read"

    (tmp_path / "sysvitals.yml").write_text("log: {levle: info}\n")
    service.send_signal(signal.SIGHUP)
    manager.hear_until("RELOADING")
    refused = manager.hear_until("READY")["STATUS"]
    assert refused.startswith("the new configuration was refused, the old one is in force: ")
    assert "log.levle: unknown key" in refused
    assert manager.hear_until("WATCHDOG")["STATUS"] == refused  # it does not pass with the next word

    service.terminate()
    manager.hear_until("STOPPING")
    assert service.wait(PATIENCE) == 0
    assert "though it should not have" not in (tmp_path / "log").read_text()


@pytest.mark.fault(
    "process",
    "a hang of the whole process",
    seen="where each thread stood, in the journal",
    heals="systemd kills it after a minute and starts it again",
)
def test_a_service_that_hangs_falls_silent_and_says_where_it_hung(
    service: subprocess.Popen[bytes], manager: Manager, tmp_path: Path
) -> None:
    manager.hear_until("WATCHDOG")
    service.send_signal(signal.SIGSTOP)
    os.waitid(os.P_PID, service.pid, os.WSTOPPED)
    while not manager.hears_nothing(1.5):  # what it said before is still to be heard
        pass
    # what systemd does then
    service.send_signal(signal.SIGABRT)
    service.send_signal(signal.SIGCONT)
    assert service.wait(PATIENCE) == -signal.SIGABRT
    log = (tmp_path / "log").read_text()
    assert "Fatal Python error: Aborted" in log
    assert "pipeline/scheduler.py" in log
