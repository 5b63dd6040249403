"""A long mix of everything: attacks in turns, reloads, changes of the web file, faults of sources and of the storage.

sysvitals reads a simulated Raspberry Pi. Each turn has another attack, another web file, a SIGHUP and another fault.
What it takes is shown each half minute; the verdict compares the first third with the last. As root the storage is a
tmpfs of 24 MiB, which only the exporter sees and which is filled up at times; else the disk is never full.
"""

# a script that runs programs, and prints

import argparse
import contextlib
import itertools
import json
import os
import signal
import statistics
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import NamedTuple

from attacks import ATTACKS
from doors import USER, Door, build_door, hash_password, write
from exporters import Exporter, ours
from measuring import environment, exit_on_signals, show_table
from victims import DESCRIPTORS, Victim, attacking, limited, run_victim, sum_up

LEFT_OUT = {"slow-handshakes", "idle-few", "viewers"}
"""They take another door or limit; viewers are there all along."""

MIXED = [name for name in ATTACKS if name not in LEFT_OUT]
ATTACK_SECONDS = 12.0
REST_SECONDS = 3.0
"""After each attack: what is taken then is compared."""

ROW_TURNS = 2
FIRST_SECONDS = 3.0
"""For first readings."""

STORAGE_MIB = 24
KEPT_MIB = 12


class Growth(NamedTuple):
    """The median of the last third may be `times` that of the first, and `more`."""

    times: float
    more: float


ALLOWED = {
    "resident": Growth(1.15, 4.0),
    "peak": Growth(1.25, 8.0),
    "descriptors": Growth(1.0, 8.0),
    "most_descriptors": Growth(1.0, DESCRIPTORS / 4),
    "threads": Growth(1.0, 2.0),
    "history": Growth(1.0, KEPT_MIB),
    "log": Growth(1.5, 8.0),
    "p99": Growth(2.0, 20.0),
}


@dataclass(frozen=True)
class Row:
    """Half a minute. Memory, descriptors, threads and history are those at its end, at rest."""

    minute: float
    resident: float
    """MiB."""
    peak: float
    descriptors: int
    most_descriptors: int
    threads: int
    history: float
    """MiB."""
    log: float
    """KiB written in it."""
    cpu: float
    """Percent of one core."""
    p50: float
    p99: float
    """Milliseconds of a scrape."""
    asked: int
    missed: Mapping[str, int]
    what: str


@dataclass
class Scene:
    """What is done to the exporter, turn by turn. `board` is the simulation's folder and `simulator` its process."""

    victim: Victim
    exporter: Exporter
    door: Door
    board: Path
    simulator: int

    @property
    def storage(self) -> Path:
        """The storage folder as the exporter sees it, in its own mount namespace."""
        return Path(f"/proc/{self.victim.program.pid}/root{self.door.folder}/kept")

    @contextmanager
    def nothing(self) -> Iterator[None]:
        """No fault."""
        yield

    @contextmanager
    def firmware_hangs(self) -> Iterator[None]:
        """The simulation stands still: calls of the firmware get no answer."""
        os.kill(self.simulator, signal.SIGSTOP)
        try:
            yield
        finally:
            os.kill(self.simulator, signal.SIGCONT)

    @contextmanager
    def sources_vanish(self) -> Iterator[None]:
        """All chips with sensors are gone, and the memory's figures are garbage."""
        with self.firmware_hangs(), moved(self.board / "sys/class/hwmon"), moved(self.board / "proc/meminfo") as memory:
            memory.write_bytes(os.urandom(1 << 20))
            yield

    @contextmanager
    def disk_full(self) -> Iterator[None]:
        """No room for the history."""
        ballast = self.storage / "ballast"
        with contextlib.suppress(OSError), ballast.open("wb", buffering=0) as file:
            while True:
                file.write(bytes(1 << 20))
        try:
            yield
        finally:
            ballast.unlink()


Fault = Callable[[Scene], AbstractContextManager[None]]
FAULTS: tuple[Fault, ...] = (Scene.nothing, Scene.firmware_hangs, Scene.sources_vanish, Scene.disk_full)


@contextmanager
def moved(path: Path) -> Iterator[Path]:
    """Take this away, for another to be in its place."""
    away = path.with_name(f"{path.name}-away")
    path.rename(away)
    try:
        yield path
    finally:
        path.unlink(missing_ok=True)
        away.rename(path)


def main() -> int:
    """Go on for so many minutes, and judge."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--minutes", type=float, default=30.0, help="(%(default)s)")
    parser.add_argument("--python", default=sys.executable, help="the Python that runs sysvitals")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the rows there")
    options = parser.parse_args()
    exit_on_signals()
    rows = soak(ours(options.python), options.minutes)
    grown = judge(rows)
    print("; ".join(grown) if grown else "flat")
    if options.json:
        listed = [asdict(row) for row in rows]
        options.json.write_text(json.dumps({"rows": listed, "grown": grown}, indent=1) + "\n", encoding="utf-8")
    return 1 if grown else 0


def soak(exporter: Exporter, minutes: float) -> list[Row]:
    """Let it run, and do all that to it."""
    with tempfile.TemporaryDirectory(prefix="soak-") as name, contextlib.ExitStack() as stack:
        folder = Path(name)
        (folder / "kept").mkdir()
        board = folder / "board"
        simulator = stack.enter_context(simulate(exporter, board))
        door = build_door("passwords-10", folder)
        below = [*mounting(folder / "kept"), *limited(DESCRIPTORS)]
        flags = (f"--history.keep-size={KEPT_MIB}MiB", "--history.rotate-size=1MiB")
        victim = stack.enter_context(run_victim(exporter, door, board, below, *flags))
        return list(go_on(Scene(victim, exporter, door, board, simulator), minutes))


@contextmanager
def simulate(exporter: Exporter, board: Path) -> Iterator[int]:
    """A Raspberry Pi 4 whose supply gives way, in this folder. Yields the simulation's process."""
    command = [exporter.command[0], "-m", "sysvitals", "simulate", "--scenario=brownout", str(board)]
    with subprocess.Popen(command, env=environment(exporter.tree), stdout=subprocess.DEVNULL) as process:
        try:
            while not (board / "proc/stat").exists():
                if process.poll() is not None:
                    raise RuntimeError("the simulation does not run")
                time.sleep(0.1)
            yield process.pid
        finally:
            process.terminate()


def mounting(folder: Path) -> list[str]:
    """The command below which a program has a small filesystem there, in a mount namespace that ends with it."""
    if os.geteuid() != 0:
        return []
    mount = f'mount -t tmpfs -o size={STORAGE_MIB}m tmpfs "$0" && exec "$@"'
    return ["unshare", "--mount", "--propagation=private", "sh", "-c", mount, str(folder)]


def list_web_files() -> list[str]:
    """What the web file holds in turn; the last one is broken off, and must not open anything."""
    passwords = json.dumps({"basic_auth_users": {USER: hash_password(10)}})
    headers = json.dumps({"http_server_config": {"headers": {"X-Frame-Options": "deny"}}})
    return ["{}", passwords, headers, passwords, passwords[:-2]]


def go_on(scene: Scene, minutes: float) -> Iterator[Row]:
    """Turn after turn; a row each half minute."""
    faults = [fault for fault in FAULTS if fault is not Scene.disk_full or os.geteuid() == 0]
    turns = zip(itertools.cycle(MIXED), itertools.cycle(faults), itertools.cycle(list_web_files()), strict=True)
    scene.victim.watch(FIRST_SECONDS)
    began = time.monotonic()
    while time.monotonic() < began + 60 * minutes:
        start = time.monotonic()
        done = [take_turn(scene, *next(turns)) for _ in range(ROW_TURNS)]
        row = make_row(scene, start, (start - began) / 60, ", ".join(done))
        print(json.dumps(asdict(row)), file=sys.stderr, flush=True)
        yield row


def take_turn(scene: Scene, attack: str, fault: Fault, web_file: str) -> str:
    """One attack, one fault, one web file and one reload."""
    write(scene.door.folder, web_file)
    program = scene.victim.program
    program.signal(signal.SIGHUP)
    victim, exporter = scene.victim, scene.exporter
    known = f"--authorization={scene.door.headers['Authorization']}"
    with (
        fault(scene),
        attacking("viewers", exporter, program, ATTACK_SECONDS, 0, known),
        attacking(attack, exporter, program, ATTACK_SECONDS, 1),
    ):
        victim.watch(ATTACK_SECONDS, 0.5)
    victim.watch(REST_SECONDS, 0.5)
    return f"{attack} ({fault.__name__.replace('_', ' ')})"


def make_row(scene: Scene, start: float, minute: float, what: str) -> Row:
    """What was seen since `start`."""
    phase, rest = sum_up(scene.victim, start, time.monotonic()), scene.victim.samples[-1]
    files = [path.stat().st_size for path in (scene.storage / "history").iterdir()]
    missed = Counter(phase.metrics.faults) + Counter(phase.health.faults)
    return Row(
        minute=round(minute, 1),
        resident=round(rest.resident, 1),
        peak=round(phase.resident, 1),
        descriptors=rest.descriptors,
        most_descriptors=phase.descriptors,
        threads=rest.threads,
        history=round(sum(files) / 2**20, 2),
        log=round(phase.log / 1024, 1),
        cpu=round(100 * phase.cpu),
        p50=round(phase.metrics.p50, 1),
        p99=round(phase.metrics.p99, 1),
        asked=phase.metrics.count + phase.health.count,
        missed=dict(missed),
        what=what,
    )


def judge(rows: Sequence[Row]) -> list[str]:
    """Print the first third beside the last, and list what has grown and how many answers were missed."""
    third = max(1, len(rows) // 3)
    table, grown = [], []
    for name, allowed in ALLOWED.items():
        first, last = (statistics.median(getattr(row, name) for row in part) for part in (rows[:third], rows[-third:]))
        is_flat = last <= allowed.times * first + allowed.more
        grown += [] if is_flat else [f"{name} has grown"]
        table.append((name, first, last, max(getattr(row, name) for row in rows), "flat" if is_flat else "grown"))
    show_table(("", "first third", "last third", "most", ""), table)
    asked, missed = sum(row.asked for row in rows), sum((Counter(row.missed) for row in rows), Counter[str]())
    print(f"{asked} polite requests, {missed.total()} not answered {dict(missed) or ''}")
    return grown + ([f"{missed.total()} polite requests not answered"] if missed else [])


if __name__ == "__main__":
    sys.exit(main())
