"""What exporters cost as they are used: scraped each 15 s, or idle; CPU an hour, wake-ups and memory.

All run side by side for the same minutes, at their default intervals, with the history and all watching on. Each
minute is a measurement. Then pages and streams are used once, and memory is measured again.
"""

# a script that runs programs, and prints

import argparse
import contextlib
import http.client
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from exporters import Exporter, node_exporters, ours
from figures import LINKS, LIVE, PI, SIMULATED, Figure, figure
from measuring import TREE, Program, cpu_seconds, environment, exit_on_signals, memory, wakeups
from scrape import host_folder, show_figures
from viewers import join_live

from tests.simulated_day import enlarge_host

PACE_SECONDS = 15.0
SETTLE_SECONDS = 65.0
"""The first minute finds and reads everything, and looks for what came with the start."""

PAGES = ("/", "/static/page.js", "/static/style.css", "/api/v1/state", "/-/healthy", "/-/ready", "/report", "/history")
"""What a person and a dashboard may open; what an exporter does not have, it refuses."""


@dataclass
class _Watched:
    """A program that is watched: its CPU time and wake-ups of each minute."""

    host: str
    program: Program
    is_paced: bool
    cpu: list[float] = field(default_factory=list)
    wakes: list[float] = field(default_factory=list)

    def figures(self) -> Iterator[Figure]:
        name = self.program.name
        yield figure("paced" if self.is_paced else "idle", self.host, name, "s", self.cpu)
        if not self.is_paced:
            yield figure("wakeups", self.host, name, "/s", self.wakes)
        if self.is_paced or not self.program.path:
            yield from self.memory("")

    def memory(self, when: str) -> Iterator[Figure]:
        resident, private = memory(self.program.pid)
        for name, value in (("resident", resident), ("private", private)):
            yield figure(name + when, self.host, self.program.name, "MiB", [value])


def measure_pace(exporters: Sequence[Exporter], minutes: int, *, links: int = 1000) -> list[Figure]:
    """Watch them all for so many minutes, at most one of which is spent before on letting them settle."""
    with tempfile.TemporaryDirectory(prefix="pace-") as name, ExitStack() as stack:
        folder = Path(name)
        for exporter in exporters:
            if exporter.is_ours:
                _compile(exporter, folder)
        watched = list(_start(exporters, folder, stack, links))
        _scrape_for(watched, min(SETTLE_SECONDS, 60.0 * minutes))
        for _ in range(minutes):
            before = [(cpu_seconds(one.program.pid), wakeups(one.program.pid), time.monotonic()) for one in watched]
            _scrape_for(watched, 60.0)
            for one, (cpu, wakes, began) in zip(watched, before, strict=True):
                elapsed = time.monotonic() - began
                one.cpu.append((cpu_seconds(one.program.pid) - cpu) * 3600 / elapsed)
                one.wakes.append((wakeups(one.program.pid) - wakes) / elapsed)
        figures = [found for one in watched for found in one.figures()]
        for one in watched:
            if one.is_paced and one.program.path == "/metrics":
                use_once(one.program)
                figures += one.memory(" after use")
        return figures


def use_once(program: Program) -> None:
    """Open each page, and both streams for a moment."""
    for path in PAGES:
        connection = http.client.HTTPConnection(program.address, timeout=10)
        connection.request("GET", path)
        connection.getresponse().read()
        connection.close()
    connection = http.client.HTTPConnection(program.address, timeout=10)
    connection.request("GET", "/api/v1/events")
    answer = connection.getresponse()
    with contextlib.suppress(OSError), join_live(program.address) as viewer:
        viewer.settimeout(5)
        viewer.recv(1 << 16)
        program.scrape()  # which gives the streams something to send
        viewer.recv(1 << 20)
        answer.readline()
    connection.close()
    program.scrape()


def _compile(exporter: Exporter, folder: Path) -> None:
    """Run everything once, or what Python's compiler leaves behind would be taken for the exporter's memory."""
    with exporter.running(None, folder / "compiling") as program:
        program.scrape()
        use_once(program)


def _start(exporters: Sequence[Exporter], folder: Path, stack: ExitStack, links: int) -> Iterator[_Watched]:
    enlarged = folder / "links"
    enlarge_host(PI, enlarged, links=links)
    board = stack.enter_context(simulate(folder / "board"))
    hosts = {PI: host_folder(PI), LIVE: None, SIMULATED: board, LINKS: enlarged}
    number = 0
    for host, path in hosts.items():
        for exporter in exporters:
            if not exporter.reads_other_hosts and host != LIVE:
                continue
            for is_paced in (True, False):
                if is_paced and (host not in (PI, LIVE) or not exporter.path):
                    continue
                number += 1
                program = stack.enter_context(exporter.running(path, folder / f"{number}"))
                yield _Watched(host, program, is_paced)


def _scrape_for(watched: Sequence[_Watched], seconds: float) -> None:
    """Scrape those that are to be, each 15 s, one after the other."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        began = time.monotonic()
        for one in watched:
            if one.is_paced:
                one.program.scrape()
        time.sleep(max(0.0, min(began + PACE_SECONDS, end) - time.monotonic()))


@contextmanager
def simulate(folder: Path) -> Iterator[Path]:
    """A simulated Pi 4 in this folder, whose firmware answers."""
    process = subprocess.Popen(
        [sys.executable, "-m", "sysvitals", "simulate", "--board=pi4", "--scenario=idle", str(folder)],
        env=environment(TREE),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        start_new_session=True,
    )
    try:
        deadline = time.monotonic() + 30
        while not (folder / "proc/stat").exists():
            if process.poll() is not None or time.monotonic() > deadline:
                raise RuntimeError("the simulated board does not run")
            time.sleep(0.05)
        yield folder
    finally:
        process.terminate()
        process.wait(timeout=10)


def main() -> int:
    """Watch them, and print a table."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--minutes", type=int, default=10, help="how long to watch (%(default)s)")
    parser.add_argument("--links", type=int, default=1000, help="interfaces of the large host (%(default)s)")
    parser.add_argument("--python", default=sys.executable, help="the Python that runs sysvitals")
    parser.add_argument("--node-exporter", action="append", default=[], metavar="PATH", help="may be given repeatedly")
    options = parser.parse_args()
    exit_on_signals()
    exporters = [ours(options.python), *node_exporters(options.node_exporter)]
    print(f"a scrape each {PACE_SECONDS:g} s or none, for {options.minutes} min")
    show_figures(measure_pace(exporters, options.minutes, links=options.links))
    return 0


if __name__ == "__main__":
    sys.exit(main())
