"""What slow and hanging sensors cost: one-wire sensors that take 0.75 s each, and one whose read never returns."""

# a script that prints

import argparse
import os
import re
import sys
import tempfile
import time
import urllib.request
from pathlib import Path
from threading import Event, Lock, Thread

from measuring import Program, memory, middle, run, show_table

READ_SECONDS = 0.75
"""How long a DS18B20 converts at 12 bits."""

_VALUE = re.compile(rb'^system_temperature_celsius\{chip="([^"]*)".*\} ', re.MULTILINE)


class Bus:
    """A one-wire master in a folder: its sensors are FIFOs that answer one at a time, each after its time."""

    def __init__(self, folder: Path, sensors: int, *, hang: bool) -> None:
        self._stopping = Event()
        self._lock = Lock()
        self._sys = folder / "sys"
        self._add("thermal/thermal_zone0", {"type": "cpu-thermal", "temp": "50000"})
        self._add("hwmon/hwmon0", {"name": "cpu_thermal", "temp1_input": "50000"})
        (folder / "proc").mkdir()
        (folder / "proc/uptime").write_text("100.00 90.00\n")
        for number in range(sensors):
            Thread(target=self._answer, args=(self._add_sensor(f"28-{number:012d}", number + 10),), daemon=True).start()
        if hang:
            self._add_sensor("28-999999999999", 9)

    def stop(self) -> None:
        """Answer no more."""
        self._stopping.set()

    def _add(self, name: str, files: dict[str, str]) -> None:
        folder = self._sys / "class" / name
        folder.mkdir(parents=True)
        for file, text in files.items():
            (folder / file).write_text(f"{text}\n")

    def _add_sensor(self, serial: str, number: int) -> str:
        device = self._sys / "devices/w1_bus_master1" / serial
        chip = device / f"hwmon/hwmon{number}"
        chip.mkdir(parents=True)
        (chip / "name").write_text("w1_slave_temp\n")
        (chip / "device").symlink_to(f"../../../{serial}")
        (self._sys / f"class/hwmon/hwmon{number}").symlink_to(os.path.relpath(chip, self._sys / "class/hwmon"))
        os.mkfifo(chip / "temp1_input")
        return str(chip / "temp1_input")

    def _answer(self, path: str) -> None:
        while not self._stopping.is_set():
            with open(path, "wb") as fifo, self._lock:  # opens when somebody reads; the bus serves one at a time
                self._stopping.wait(READ_SECONDS)
                fifo.write(b"18250\n")
            time.sleep(0.01)  # or the same reader would get a second answer


def main() -> int:
    """Scrape once a second, with more and more sensors, and print a table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=int, default=90, help="of each kind of host (%(default)s)")
    options = parser.parse_args()
    rows = [measure(*kind, options.seconds) for kind in ((0, False), (4, False), (23, False), (23, True))]
    head = ("one-wire sensors", "median ms", "worst ms", "CPU ms", "CPU seen %", "sensors seen %", "threads", "RSS MiB")
    show_table(head, rows)
    return 0


def measure(sensors: int, hang: bool, seconds: int) -> tuple[object, ...]:  # noqa: FBT001  # a row of the table
    """A row: a scrape's time and CPU time, how often the CPU's and the slow sensors' values were there, threads."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        bus = Bus(folder, sensors, hang=hang)
        paths = [f"--path.sysfs={folder}/sys", f"--path.procfs={folder}/proc", f"--path.rootfs={folder}"]
        flags = [*paths, f"--storage.path={folder}/data", "--web.listen-address={address}"]
        with run("sysvitals", [sys.executable, "-m", "sysvitals", "serve", *flags], folder) as program:
            cpus, seen = look(program, seconds, sensors)
            threads = len(os.listdir(f"/proc/{program.pid}/task"))
            resident, _ = memory(program.pid)
        bus.stop()
    return (
        f"{sensors}{', one hangs' if hang else ''}",
        middle(program.seconds, 1e3),
        max(program.seconds) * 1e3,
        middle(program.cpu, 1e3),
        100 * cpus,
        100 * seen,
        threads,
        resident,
    )


def look(program: Program, seconds: int, sensors: int) -> tuple[float, float]:
    """Scrape each second. In which part of the scrapes the CPU was there, and the sensors after half of the time."""
    cpu = slow = 0
    for second in range(seconds):
        began = time.monotonic()
        program.scrape()
        with urllib.request.urlopen(f"http://{program.address}/metrics", timeout=10) as answer:
            chips = _VALUE.findall(answer.read())
        cpu += b"cpu_thermal" in chips
        if second >= seconds // 2:
            slow += len({chip for chip in chips if chip != b"cpu_thermal"})
        time.sleep(max(0.0, began + 1 - time.monotonic()))
    later = seconds - seconds // 2
    return cpu / seconds, slow / (later * sensors) if sensors else 1.0


if __name__ == "__main__":
    sys.exit(main())
