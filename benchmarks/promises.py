"""Whether promised times are kept: a brownout on the live page, an edge on the disk, and the end by a signal.

The real exporter watches a recorded Pi 4, whose undervoltage alarm is written here at random moments; all its intervals
are an hour. The kernel gives no notice of such a file: each edge waits for a look. Use a quiet machine. The tests run
on busy ones, and wait for the same without a clock.
"""

# a script that prints

import argparse
import asyncio
import json
import os
import select
import signal
import statistics
import sys
import tempfile
import time
from functools import partial
from pathlib import Path

import httpx
from measuring import Program, run, show_table
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed

from sysvitals.collectors import COLLECTORS
from sysvitals.simulation.randomness import seeded
from tests.stack.running import answers, join_silently, run_board, wait_until, write_in_place

PAGE_SECONDS = 2.0
"""From a brownout to the verdict on the page: exporter/LIVE.md."""

DISK_SECONDS = 3.0
"""From an edge to the event on the disk: a look each second, and some for the disk."""

END_SECONDS = 1.0
"""From SIGTERM to the end of a process with viewers of all kinds, one of which never reads."""

INTERVALS = [f"--collector.{collector.name}.interval=1h" for collector in COLLECTORS]


def main() -> int:
    """Measure, and print the table. The exit status: 1 where a promise was broken."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        "--edges", type=int, default=30, help="brownouts, each on the page and on the disk (%(default)s)"
    )
    parser.add_argument("--ends", type=int, default=10, help="how often it is ended (%(default)s)")
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    measured = {
        "a brownout on the live page": (asyncio.run(measure_page(options.edges, options.seed)), PAGE_SECONDS),
        "an edge on the disk": (measure_disk(options.edges, options.seed), DISK_SECONDS),
        "the end by SIGTERM, without history": (measure_ends(options.ends, "--no-history"), END_SECONDS),
        "the end by SIGTERM, with history": (measure_ends(options.ends), END_SECONDS),
    }
    rows = [
        (name, len(seconds), min(seconds), statistics.median(seconds), max(seconds), bar, is_kept(seconds, bar))
        for name, (seconds, bar) in measured.items()
    ]
    show_table(["seconds", "times", "least", "median", "worst", "promised", ""], rows)
    return int(any(max(seconds) >= bar for seconds, bar in measured.values()))


def is_kept(seconds: list[float], bar: float) -> str:
    """In words."""
    broken = sum(one >= bar for one in seconds)
    return f"broken {broken} times" if broken else "kept"


async def measure_page(times: int, seed: int) -> list[float]:
    """From the write of the alarm to the verdict, as a viewer gets it."""
    found = []
    chance = seeded(seed, "page")
    with tempfile.TemporaryDirectory() as folder, run_board(Path(folder), *INTERVALS) as (address, alarm):
        async with connect(f"ws://{address}/api/v1/live", max_size=None) as viewer:
            for _ in range(times):
                await asyncio.sleep(chance.uniform(0, 2))
                found.append(await _time_verdict(viewer, alarm, active=True))
                await asyncio.sleep(chance.uniform(0, 2))
                await _time_verdict(viewer, alarm, active=False)
    return found


async def _time_verdict(viewer: ClientConnection, alarm: Path, *, active: bool) -> float:
    onset = time.monotonic()
    write_in_place(alarm, f"{int(active)}\n")
    while True:
        reasons = json.loads(await viewer.recv()).get("verdict", {}).get("reasons")
        if reasons is not None and active == any(reason["alert"] == "Undervoltage" for reason in reasons):
            return time.monotonic() - onset


def measure_disk(times: int, seed: int) -> list[float]:
    """From the write of the alarm to the event in the history, while no one looks."""
    found = []
    chance = seeded(seed, "disk")
    with tempfile.TemporaryDirectory() as folder, run_board(Path(folder), *INTERVALS) as (_, alarm):
        current = Path(folder, "kept/history/current")
        for count in range(1, times + 1):
            time.sleep(chance.uniform(0, 2))
            for name, text in (("started", "1\n"), ("cleared", "0\n")):
                onset = time.monotonic()
                write_in_place(alarm, text)
                while current.read_bytes().count(b'"name":"system.throttling.%s"' % name.encode()) < count:
                    time.sleep(0.005)
                found.append(time.monotonic() - onset)
    return found


def measure_ends(times: int, *flags: str) -> list[float]:
    """From SIGTERM to the end of the process, with viewers."""
    found = []
    for _ in range(times):
        with tempfile.TemporaryDirectory() as folder:
            serve = [sys.executable, "-m", "sysvitals", "serve", "--web.listen-address={address}", *flags]
            with run("ends", [*serve, f"--storage.path={folder}/kept"], Path(folder)) as program:
                wait_until(partial(answers, f"http://{program.address}/-/ready"), "it is ready")
                with join_silently(program.address), httpx.stream("GET", f"http://{program.address}/api/v1/events"):
                    found.append(asyncio.run(_time_end(program)))
    return found


async def _time_end(program: Program) -> float:
    async with connect(f"ws://{program.address}/api/v1/live", max_size=None) as viewer:
        await viewer.recv()
        end = os.pidfd_open(program.pid)
        onset = time.monotonic()
        program.signal(signal.SIGTERM)
        try:
            while True:
                await viewer.recv()
        except ConnectionClosed:
            await asyncio.to_thread(select.select, [end], [], [])
            return time.monotonic() - onset
        finally:
            os.close(end)


if __name__ == "__main__":
    sys.exit(main())
