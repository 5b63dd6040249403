"""A running exporter that gets no more descriptors, next to no CPU, or more bytes than any kernel has to say."""

import contextlib
import os
import re
import resource
import select
import shutil
import signal
import socket
import time
from collections.abc import Iterator
from http.client import HTTPConnection
from pathlib import Path

import pytest

from tests.patience import PATIENCE
from tests.test_exporter import BELOW, HOST, Process, samples, stored, wait_for

HEALTHY = (200, "sysvitals is healthy.\n")


@pytest.fixture
def process(tmp_path: Path) -> Iterator[Process]:
    """An exporter of a whole recorded host that reads at each scrape."""
    process = Process(tmp_path, *BELOW, *(f"--collector.{name}.max-age=0" for name in ("load", "memory")))
    process.wait_until_ready()
    yield process
    process.kill()


class Scraper:
    """A scraper that keeps its connection."""

    def __init__(self, process: Process) -> None:
        self._connection = HTTPConnection("127.0.0.1", process.ports()[0], timeout=PATIENCE)

    def get(self, path: str) -> tuple[int, str]:
        self._connection.request("GET", path)
        answer = self._connection.getresponse()
        return answer.status, answer.read().decode()

    def scrape(self) -> dict[tuple[str, str], float]:
        status, text = self.get("/metrics")
        assert status == 200
        return samples(text)

    def close(self) -> None:
        self._connection.close()


def succeeds(found: dict[tuple[str, str], float], collector: str) -> float:
    return found["sysvitals_collector_success", f'collector="{collector}"']


@pytest.mark.fault(
    "resources",
    "no more descriptors (EMFILE)",
    seen="`sysvitals_collector_success` is 0, `sysvitals_read_errors_total` rises, one error that none is accepted",
    heals="by itself, when there are some",
)
def test_without_descriptors_values_are_absent_and_all_comes_back_with_them(process: Process) -> None:
    limits = resource.prlimit(process.pid, resource.RLIMIT_NOFILE)
    with contextlib.closing(Scraper(process)) as scraper:
        before = scraper.scrape()
        assert succeeds(before, "load") == 1
        logged = len(process.log)
        resource.prlimit(process.pid, resource.RLIMIT_NOFILE, (3, limits[1]))
        for _ in range(100):
            found = scraper.scrape()
        assert scraper.get("/-/healthy") == HEALTHY
    assert (succeeds(found, "load"), succeeds(found, "memory")) == (0, 0)
    assert [name for name, _ in found if name in {"system_load1", "system_memory_free_bytes"}] == []
    with socket.create_connection(("127.0.0.1", process.ports()[0]), PATIENCE) as newcomer:
        newcomer.sendall(b"GET /-/healthy HTTP/1.0\r\nHost: localhost\r\n\r\n")
        wait_for(lambda: "cannot accept connections" in process.log, "an error")
        resource.prlimit(process.pid, resource.RLIMIT_NOFILE, limits)
        assert b" 200 " in newcomer.recv(99)
    assert len(process.log) - logged < 10_000
    assert "Traceback" not in process.log
    wait_for(lambda: samples(process.get()[1]).keys() >= before.keys(), "all that was there before")
    process.stop()
    assert stored(process.storage)[-1]["name"] == "sysvitals.stopped"


@pytest.mark.fault(
    "resources",
    "next to no CPU (2 %)",
    seen="scrapes take long; a line for what seems slow",
    heals="by itself",
)
def test_with_next_to_no_cpu_scrapes_are_answered_and_nothing_counts_as_failed(process: Process) -> None:
    before = samples(process.get()[1])
    for _ in range(3):
        with contextlib.closing(process.ask("/metrics")) as asked:
            starve(process, until_readable=asked.sock)
            found = samples(asked.getresponse().read().decode())
        assert found.keys() >= before.keys()
        failures = {key for key, value in found.items() if key[0] == "sysvitals_collector_success" and not value}
        assert failures == set()
        assert [labels for name, labels in found if name == "sysvitals_read_errors_total" and "timeout" in labels] == []
    assert process.get("/-/healthy") == HEALTHY
    assert "failed" not in process.log
    process.stop()


def starve(process: Process, until_readable: socket.socket) -> None:
    """Let it run for 2 ms in 100 until it answers."""

    def look() -> bool:
        process.send(signal.SIGCONT)
        if select.select([until_readable], [], [], 0.002)[0]:
            return True
        process.send(signal.SIGSTOP)
        time.sleep(0.09)
        return False

    wait_for(look, "an answer")


@pytest.mark.fault(
    "resources",
    "a megabyte of garbage in place of a kernel's file, read again and again",
    seen="`sysvitals_read_errors_total` rises",
    heals="by itself: the memory that it took is given back",
)
def test_memory_that_a_burst_took_is_given_back(tmp_path: Path) -> None:
    host = tmp_path / "host"
    shutil.copytree(HOST, host, symlinks=True)
    process = Process(tmp_path, *(flag.replace(str(HOST), str(host)) for flag in BELOW), "--collector.memory.max-age=0")
    try:
        process.wait_until_ready()
        with contextlib.closing(Scraper(process)) as scraper:
            for _ in range(5):
                scraper.scrape()
            before = resident_bytes(process.pid)
            figures = (host / "proc/meminfo").read_bytes()
            (host / "proc/meminfo").write_bytes(os.urandom(1 << 20))
            for _ in range(40):
                found = scraper.scrape()
            assert succeeds(found, "memory") == 0
            (host / "proc/meminfo").write_bytes(figures)
            wait_for(lambda: succeeds(scraper.scrape(), "memory"), "the memory's figures")

            def look() -> bool:
                scraper.scrape()  # what the last read of garbage took goes with the next read
                return resident_bytes(process.pid) - before < 16 << 20

            wait_for(look, "the memory that it took")
    finally:
        process.kill()


def resident_bytes(pid: int) -> int:
    found = re.search(r"^VmRSS:\s+(\d+) kB$", Path(f"/proc/{pid}/status").read_text(), re.MULTILINE)
    assert found is not None
    return int(found[1]) << 10
