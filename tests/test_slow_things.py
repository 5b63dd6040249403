"""Whole hosts with slow and hanging things: a scrape has all that is quick before any slow read has returned."""

import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from os import fsdecode, statvfs_result
from pathlib import Path

import pytest

from sysvitals.collectors import COLLECTORS
from sysvitals.config.load import load_settings
from sysvitals.exporter import Exporter
from sysvitals.pipeline.clock import Clock
from tests.building import build_host
from tests.patience import PATIENCE
from tests.recorded import RecordedHost

SPACE = statvfs_result([4096, 4096, 1000, 500, 400, 100, 50, 50, 0, 255])


class GatedHost(RecordedHost):
    """A host whose reads at some paths return only when they may. `waiting` counts those that wait."""

    def __init__(self, root: Path, is_slow: Callable[[str], bool]) -> None:
        super().__init__(root)
        self.go = threading.Event()
        self.waiting = 0
        self._is_slow = is_slow

    def read_bytes(self, path: str | bytes, limit: int = 1 << 20) -> bytes:
        self._pass(fsdecode(path))
        return super().read_bytes(path, limit)

    def statvfs(self, path: str | bytes) -> statvfs_result:
        self._pass(fsdecode(path))
        return SPACE

    def _pass(self, path: str) -> None:
        if self._is_slow(path):
            self.waiting += 1
            self.go.wait()


@contextmanager
def exporting(
    folder: Path, files: Mapping[str, str | bytes], is_slow: Callable[[str], bool]
) -> Iterator[tuple[GatedHost, Callable[[], str]]]:
    """A host, and a scrape of its exporter, which must answer by itself."""
    build_host(folder, files)
    host = GatedHost(folder, is_slow)
    settings = load_settings(COLLECTORS, flags={"--history": False})
    exporter = Exporter(settings, load=lambda: settings, host=host, clock=Clock())
    exporter.start()

    def scrape() -> str:
        answers: list[bytes] = []
        thread = threading.Thread(target=lambda: answers.append(exporter.metrics(None, PATIENCE)[0]), daemon=True)
        thread.start()
        thread.join(PATIENCE)
        assert answers, "the scrape did not answer"
        return answers[0].decode()

    try:
        yield host, scrape
    finally:
        host.go.set()
        exporter.stop("the end of the test")


def await_scrape(scrape: Callable[[], str], is_so: Callable[[str], bool]) -> str:
    """The first scrape of which this is so."""
    deadline = time.monotonic() + PATIENCE
    while not is_so(text := scrape()):
        assert time.monotonic() < deadline, text
    return text


def rows(text: str, metric: str, having: str = "") -> list[str]:
    return [line for line in text.splitlines() if line.startswith(metric + "{") and having in line]


def wire(sensors: int) -> dict[str, str | bytes]:
    """A CPU with its temperature, and so many one-wire sensors on one master."""
    files: dict[str, str | bytes] = {
        "sys/class/thermal/thermal_zone0/type": "cpu-thermal\n",
        "sys/class/thermal/thermal_zone0/temp": "50000\n",
        "proc/loadavg": "0.10 0.20 0.30 1/100 1000\n",
    }
    for number in range(sensors):
        device = f"sys/devices/w1_bus_master1/28-{number:012x}"
        files |= {
            f"{device}/hwmon/hwmon{number}/name": "w1_slave_temp\n",
            f"{device}/hwmon/hwmon{number}/temp1_input": "18250\n",
            f"{device}/hwmon/hwmon{number}/device": f"->../../../28-{number:012x}",
            f"sys/class/hwmon/hwmon{number}": f"->../../devices/w1_bus_master1/28-{number:012x}/hwmon/hwmon{number}",
        }
    return files


@pytest.mark.parametrize("sensors", [4, 23])
def test_one_wire_sensors_hold_up_no_scrape_and_hide_no_other_temperature(tmp_path: Path, sensors: int) -> None:
    with exporting(tmp_path, wire(sensors), lambda path: path.endswith("temp1_input")) as (
        host,
        scrape,
    ):
        for _ in range(3):
            text = scrape()
            assert len(rows(text, "system_temperature_celsius", "cpu")) == 1
            assert rows(text, "system_temperature_celsius", "28-") == []
            assert "system_load1 0.1" in text
        assert host.waiting == 1, "the kernel serves one of a bus at a time"
        host.go.set()
        await_scrape(scrape, lambda text: len(rows(text, "system_temperature_celsius", "28-")) == sensors)


def test_one_sensor_that_never_returns_hides_none_of_the_others_on_its_wire(tmp_path: Path) -> None:
    def hangs(path: str) -> bool:
        return path.endswith("hwmon0/temp1_input")

    with exporting(tmp_path, wire(24), hangs) as (host, scrape):
        text = await_scrape(scrape, lambda text: len(rows(text, "system_temperature_celsius", "28-")) == 23)
        assert len(rows(text, "system_temperature_celsius", "cpu")) == 1
        assert host.waiting == 1


def test_of_thirty_disks_one_that_hangs_hides_no_other(tmp_path: Path) -> None:
    table = "".join(f"{40 + n} 1 8:{n} / /disk{n} rw - ext4 /dev/sd{n} rw\n" for n in range(30))
    files = {"proc/1/mountinfo": f"1 0 0:1 / / rw - ext4 /dev/root rw\n{table}", "proc/uptime": "10.00 9.00\n"}
    with exporting(tmp_path, files, lambda path: path.endswith("/disk7")) as (host, scrape):
        for _ in range(3):
            text = scrape()
            sizes = rows(text, "system_filesystem_size_bytes", "/disk")
            assert len(sizes) == 29
            assert rows(text, "system_filesystem_size_bytes", '"/disk7"') == []
            assert "system_uptime_seconds 10.0" in text
        assert host.waiting == 1
        text = await_scrape(scrape, lambda text: bool(rows(text, "system_filesystem_device_error", '"/disk7"')))
        assert rows(text, "system_filesystem_device_error", '"/disk7"')[0].endswith(" 1.0")


def test_a_slow_frequency_does_not_hide_the_times_of_its_cpu(tmp_path: Path) -> None:
    files = {"proc/stat": "cpu  30 0 30 300 0 0 0 0 0 0\n"}
    for cpu in range(4):
        files["proc/stat"] += f"cpu{cpu} 10 0 10 100 0 0 0 0 0 0\n"
        policy = f"sys/devices/system/cpu/cpufreq/policy{cpu}"
        files |= {f"{policy}/related_cpus": f"{cpu}\n", f"{policy}/affected_cpus": f"{cpu}\n"}
        files |= {f"{policy}/scaling_cur_freq": "1500000\n", f"{policy}/cpuinfo_max_freq": "1800000\n"}
    with exporting(tmp_path, files, lambda path: "policy2" in path and path.endswith("_freq")) as (host, scrape):
        for _ in range(3):
            text = scrape()
            assert len(rows(text, "system_cpu_seconds_total", 'mode="idle"')) == 4
            assert len(rows(text, "system_cpu_scaling_frequency_hertz")) == 3
        assert host.waiting == 1
