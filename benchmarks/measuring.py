"""What the benchmarks share: programs under test, their CPU time, memory and wake-ups, and tables."""

# it runs programs, and prints

import contextlib
import http.client
import os
import signal
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path

HERE = Path(__file__).resolve().parent
REPOSITORY = HERE.parent
TREE = Path(os.environ.get("SYSVITALS_TREE", REPOSITORY)).resolve()
"""The checkout whose sysvitals is measured. Recorded hosts and these scripts are always this repository's."""

sys.path[:0] = [str(TREE / "exporter"), str(REPOSITORY)]

PROMETHEUS_HEADERS = {
    "Accept": "application/openmetrics-text;version=1.0.0,application/openmetrics-text;version=0.0.1;q=0.75,"
    "text/plain;version=0.0.4;q=0.5,*/*;q=0.1",
    "Accept-Encoding": "gzip",
    "X-Prometheus-Scrape-Timeout-Seconds": "10",
}


@dataclass
class Program:
    """A running exporter. `scrape` keeps its connection, as Prometheus does."""

    name: str
    pid: int
    address: str
    log: Path = Path(os.devnull)
    seconds: list[float] = field(default_factory=list)
    cpu: list[float] = field(default_factory=list)
    size: int = 0
    path: str = "/metrics"
    _connection: http.client.HTTPConnection | None = None

    def scrape(self) -> None:
        """One scrape, timed by the wall clock and by the CPU clock of the other process."""
        cpu, began = cpu_seconds(self.pid), time.perf_counter()
        try:
            answer = self._ask()
        except http.client.RemoteDisconnected:  # it did not keep the connection for so long
            self._connection = None
            answer = self._ask()
        body = answer.read()
        self.seconds.append(time.perf_counter() - began)
        self.cpu.append(cpu_seconds(self.pid) - cpu)
        self.size = len(body)
        if answer.status != 200:
            raise RuntimeError(f"{self.name}: HTTP {answer.status}: {body[:200]!r}")

    def _ask(self) -> http.client.HTTPResponse:
        if self._connection is None:
            self._connection = http.client.HTTPConnection(self.address, timeout=10)
        self._connection.request("GET", self.path, headers=PROMETHEUS_HEADERS)
        return self._connection.getresponse()

    def signal(self, number: signal.Signals) -> None:
        """Send it this signal."""
        os.kill(self.pid, number)

    def forget(self) -> None:
        """Drop what was measured so far: it was the warm-up."""
        self.seconds.clear()
        self.cpu.clear()


def cpu_seconds(pid: int) -> float:
    """CPU time of a process with all its threads, to the nanosecond: /proc/PID/stat counts hundredths only."""
    return time.clock_gettime(~pid << 3 | 2)  # how the kernel numbers the CPU clocks of processes


def memory(pid: int) -> tuple[float, float]:
    """Resident memory, and the part that is this process's own, in MiB."""
    lines = Path(f"/proc/{pid}/smaps_rollup").read_text(encoding="ascii").splitlines()
    kib = {line.split(":")[0]: int(line.split()[1]) for line in lines[1:]}
    return kib["Rss"] / 1024, (kib["Private_Clean"] + kib["Private_Dirty"]) / 1024


def wakeups(pid: int) -> int:
    """How often the threads of a process have waited for something: voluntary context switches of those that live."""
    total = 0
    for status in Path(f"/proc/{pid}/task").glob("*/status"):
        with contextlib.suppress(FileNotFoundError, ProcessLookupError):  # a thread that has just ended
            total += int(status.read_text(encoding="ascii").partition("\nvoluntary_ctxt_switches:")[2].split()[0])
    return total


def environment(tree: Path) -> dict[str, str]:
    """What a program finds, whatever is set for Python around here: this tree, and room for compiled modules."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("PYTHON")}
    found = {"PYTHONPATH": str(tree / "exporter"), "SYSVITALS_TREE": str(tree)}
    return {**kept, **found, "PYTHONPYCACHEPREFIX": _compiled().name}


@cache
def _compiled() -> "tempfile.TemporaryDirectory[str]":
    """Removed when the benchmark ends."""
    return tempfile.TemporaryDirectory(prefix="compiled-")


def exit_on_signals() -> None:
    """Let SIGTERM end a benchmark as Ctrl-C does: what it started is ended, its folders are removed."""
    signal.signal(signal.SIGTERM, lambda number, _frame: sys.exit(128 + number))


@contextmanager
def run(name: str, arguments: Sequence[str], folder: Path, *, tree: Path = TREE) -> Iterator[Program]:
    """A program while it runs; `{address}` in its arguments is where it is to listen, `{port}` the port alone.

    `tree` is the checkout whose sysvitals it finds. It listens when this returns.
    """
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
    address = f"127.0.0.1:{port}"
    with (folder / f"{name.replace(' ', '-').replace('/', '-')}.log").open("wb") as log:
        process = subprocess.Popen(
            [argument.replace("{address}", address).replace("{port}", f"{port}") for argument in arguments],
            cwd=folder,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            env=environment(tree),
            start_new_session=True,  # Ctrl-C is for the benchmark, which then ends it
        )
    try:
        yield _wait(Program(name, process.pid, address, Path(log.name)), process)
    finally:
        process.terminate()
        try:
            process.wait(timeout=10)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def _wait(program: Program, process: subprocess.Popen[bytes]) -> Program:
    host, _, port = program.address.partition(":")
    deadline = time.monotonic() + 60
    while True:
        try:
            socket.create_connection((host, int(port)), timeout=1).close()
        except OSError:
            if process.poll() is not None or time.monotonic() > deadline:
                raise RuntimeError(f"{program.name} does not run: {program.log.read_text()}") from None
            time.sleep(0.005)
        else:
            return program


def middle(values: Iterable[float], scale: float = 1.0) -> float:
    """The median, scaled."""
    return statistics.median(values) * scale


def show_table(head: Sequence[str], rows: Iterable[Sequence[object]]) -> None:
    """Print rows below their heads: text to the left, numbers to the right."""
    texts = [[f"{cell:,.2f}" if isinstance(cell, float) else str(cell) for cell in row] for row in rows]
    widths = [max(len(row[column]) for row in [list(head), *texts]) for column in range(len(head))]
    for row in [list(head), ["-" * width for width in widths], *texts]:
        first, *rest = (
            cell.rjust(width) if column else cell.ljust(width)
            for column, (cell, width) in enumerate(zip(row, widths, strict=True))
        )
        print("  ".join([first, *rest]))
    print(flush=True)
