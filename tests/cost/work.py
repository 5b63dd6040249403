"""The work whose costs are counted, each kind in a separate process: `python -m tests.cost.work KIND` prints JSON.

What is counted depends on no clock and hardly on the machine: bytecodes that Python runs, wake-ups that the scheduler
plans, files that are read, events, blocks of memory, bytes on disk. Bytecodes of the tests' own stand-ins are left out,
and what C does does not show in them.
"""

import gc
import itertools
import json
import logging
import sys
import tempfile
import threading
import tracemalloc
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext, suppress
from pathlib import Path
from types import FrameType
from typing import Any

from sysvitals.collectors import COLLECTORS
from sysvitals.config.load import load_settings
from sysvitals.exporter import Exporter
from sysvitals.history.summaries.writing import Summaries
from sysvitals.model.event import encode_events
from sysvitals.pipeline.clock import Clock
from tests.recorded import HOSTS, FilesOfHost
from tests.simulated_day import PAGE_BYTES, Life, enlarge_host, live_a_day

PI = HOSTS / "pi-4b-fine"
PACE_SECONDS = 15.0
SUMMARISED_ROUNDS = 8  # two minutes
MANY_LINKS = 1000
SETTLE_SECONDS = 130.0
"""Within two minutes of the start everything was found and read more than once."""
FIRST_SECONDS = 65.0
"""The same at least once."""

LINKS_SECONDS = 5.0
"""So long bytecodes are counted of a host with many links, which takes long."""

_NOT_COUNTED = (
    str(Path(__file__).parents[1]),  # stand-ins of the tests
    "<frozen posixpath>",  # how much it takes depends on how deep the checkout lies
)


class Bytecodes:
    """Counts the instructions that Python runs."""

    def __init__(self) -> None:
        self._counter = itertools.count()  # which no two threads can step to the same number
        self._total = 0
        self._is_on = False

    @contextmanager
    def counting(self) -> Iterator[None]:
        """Count what runs meanwhile."""
        before = self._read()
        self._is_on = True
        sys.settrace(self._enter)
        try:
            yield
        finally:
            sys.settrace(None)
            self._is_on = False
            self._total += self._read() - before - 1

    def per(self, times: int) -> float:
        """What one of so many took."""
        return self._total / times

    def watch_threads(self) -> None:
        """Count in threads that begin from now on, too: what they enter while this one counts."""
        threading.settrace(self._enter)

    def _read(self) -> int:
        return next(self._counter)

    def _enter(self, frame: FrameType, _event: str, _argument: object) -> "Callable[..., Any] | None":
        if not self._is_on or frame.f_code.co_filename.startswith(_NOT_COUNTED):
            return None
        frame.f_trace_lines, frame.f_trace_opcodes = False, True
        return self._step

    def _step(self, _frame: FrameType, event: str, _argument: object) -> "Callable[..., Any]":
        if event == "opcode":
            next(self._counter)
        return self._step


def build(host: FilesOfHost, now: Callable[[], float]) -> Exporter:
    """An exporter whose scheduler has no thread of its own, in held time."""
    settings = load_settings(COLLECTORS, flags={"--history": False})
    clock = Clock(wall=lambda: 1.79e9 + now(), uptime=lambda: 1000.0 + now(), monotonic=lambda: 1.0 + now())
    return Exporter(settings, load=lambda: settings, host=host, clock=clock)


def count_scrapes() -> dict[str, float]:
    """Bytecodes of reading, of a whole scrape, with nothing to read, of encoding and summarising a round."""
    host, now, rounds = FilesOfHost(PI), 0.0, 5
    reading, whole, rendering, encoding, summarising = (Bytecodes() for _ in range(5))
    for turn in range(rounds + 1):
        with reading.counting() if turn else nullcontext():
            for collector in COLLECTORS:
                with suppress(Exception):  # what this host does not have
                    list(collector.run(host))
    whole.watch_threads()
    exporter = build(host, lambda: now)
    for turn in range(rounds + 2):
        now += PACE_SECONDS
        exporter.verdict()  # as the heartbeat has judged it
        with whole.counting() if turn > 1 else nullcontext():
            exporter.metrics(None, 9.5)
        with rendering.counting() if turn > 1 else nullcontext():
            exporter.metrics(None, 9.5)
    events = exporter.latest_readings()
    encode_events(events)
    for _ in range(rounds):
        with encoding.counting():
            encode_events(events)
    lines, summaries = encode_events(events), Summaries("unused")
    for turn in range(SUMMARISED_ROUNDS + 4):
        stamp = events[0].stamp._replace(time=1.79e9 + turn * PACE_SECONDS, uptime=1000.0 + turn * PACE_SECONDS)
        round_of_events = tuple(event._replace(stamp=stamp) for event in events)
        with summarising.counting() if turn >= 4 else nullcontext():
            summaries.add(round_of_events, lines)
    return {
        "reading": reading.per(rounds),
        "scrape": whole.per(rounds),
        "rendering": rendering.per(rounds),
        "encoding": encoding.per(rounds),
        "summarising": summarising.per(SUMMARISED_ROUNDS),
    }


def count_judgements() -> dict[str, float]:
    """Bytecodes of judging a host, and how much memory the windows of its values take in the end."""
    now, rounds = 0.0, 20
    exporter = build(FilesOfHost(PI), lambda: now)
    exporter.metrics(None, 9.5)
    judging = Bytecodes()
    for _ in range(5):
        now += PACE_SECONDS
        exporter.verdict()
    for _ in range(rounds):
        now += PACE_SECONDS
        with judging.counting():
            exporter.verdict()
    tracemalloc.start()
    for _ in range(int(26 * 3600 / 60)):
        now += 60
        exporter.verdict()
    gc.collect()
    return {"bytecodes": judging.per(rounds), "memory": tracemalloc.get_traced_memory()[0] / 1024}


def count_idle() -> dict[str, float]:
    """An idle hour."""
    life = Life(PI)
    life.pass_time(SETTLE_SECONDS)
    hour = life.pass_time(3600.0)
    return {"turns": hour.turns, "reads": hour.reads, "events": hour.events}


def count_idle_minutes() -> dict[str, float]:
    """Bytecodes of an idle minute."""
    count = Bytecodes()
    count.watch_threads()
    life = Life(PI)
    life.pass_time(SETTLE_SECONDS)
    with count.counting():
        life.pass_time(300.0)
    return {"bytecodes": count.per(5)}


def count_idle_links() -> dict[str, float]:
    """An idle minute with many links."""
    with tempfile.TemporaryDirectory(prefix="links-") as name:
        host = Path(name) / "host"
        enlarge_host(PI.name, host, links=MANY_LINKS)
        count = Bytecodes()
        count.watch_threads()
        life = Life(host)
        life.pass_time(FIRST_SECONDS)
        minute = life.pass_time(60.0)
        with count.counting():
            life.pass_time(LINKS_SECONDS)
        found = {"turns": minute.turns, "reads": minute.reads, "events": minute.events}
        return {**found, "bytecodes": count.per(1) * 60 / LINKS_SECONDS}


def count_memory() -> dict[str, float]:
    """What a scrape takes while it runs, and what many leave behind."""
    now = 0.0
    exporter = build(FilesOfHost(PI), lambda: now)

    def scrape(times: int) -> None:
        nonlocal now
        for _ in range(times):
            now += PACE_SECONDS
            exporter.metrics(None, 9.5)
        gc.collect()

    scrape(400)  # until caches and free lists are full
    before = sys.getallocatedblocks()
    scrape(200)
    kept = sys.getallocatedblocks() - before
    tracemalloc.start()
    peaks = []
    for _ in range(5):
        gc.collect()
        tracemalloc.reset_peak()
        held, _ = tracemalloc.get_traced_memory()
        scrape(1)
        peaks.append(tracemalloc.get_traced_memory()[1] - held)
    return {"kept": max(0, kept), "peak": sorted(peaks)[2] / 1024}


def count_history() -> dict[str, float]:
    """What a day writes, by half an hour of it."""
    day = live_a_day(PI, 1800.0, PACE_SECONDS)
    return {
        "bytes": day.by_day(day.plain_bytes) / 2**20,
        "pages": day.by_day(day.pages) * PAGE_BYTES / 2**20,
        "syncs": day.by_day(day.syncs),
    }


KINDS: dict[str, Callable[[], dict[str, float]]] = {
    "scrape": count_scrapes,
    "judgement": count_judgements,
    "idle": count_idle,
    "idle-minutes": count_idle_minutes,
    "idle-links": count_idle_links,
    "memory": count_memory,
    "history": count_history,
}


if __name__ == "__main__":
    logging.disable()
    print(json.dumps(KINDS[sys.argv[1]]()))
