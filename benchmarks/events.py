"""What an event costs, from the kernel's files to the disk, and which part of the way costs how much."""

# ruff: noqa: SLF001  # a script that prints, and looks into single parts

import argparse
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path

from measuring import show_table

from sysvitals.collectors import COLLECTORS
from sysvitals.history.writer import HistoryRules, JsonlSink
from sysvitals.host.host import Host
from sysvitals.model.catalog import build_catalog
from sysvitals.model.changes import CHANGES
from sysvitals.model.collector import Collector, Fault, Unavailable
from sysvitals.model.event import Event, encode_events
from sysvitals.model.reading import Reading, subject_of
from sysvitals.model.state import State
from sysvitals.pipeline.bus import Bus
from sysvitals.pipeline.clock import Clock
from sysvitals.pipeline.inbox import Inbox
from sysvitals.pipeline.scheduler import Scheduler
from tests.recorded import HOSTS, FilesOfHost

FORERUNNER_MICROSECONDS = 31.5
"""CPU time per event of bussdcc-system 0.44 from emitting it to its JSONL file, without what it takes to read it."""

FORERUNNER_READING_MICROSECONDS = 90.0
"""The same with the reading, by psutil. Its events have half as many values as these."""

INBOX_EVENTS = 1 << 20


class _Fold:
    def __init__(self, state: State) -> None:
        self._state = state

    def offer(self, events: tuple[Event, ...]) -> None:
        self._state.apply(events)


class _Keep:
    def __init__(self) -> None:
        self.batches: list[tuple[Event, ...]] = []

    def offer(self, events: tuple[Event, ...]) -> None:
        self.batches.append(events)


def main() -> int:
    """Measure, and print tables."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--host", default="pi-4b-fine", help="recorded host, or live for this machine (%(default)s)")
    parser.add_argument("--rounds", type=int, default=1000, help="runs of every collector (%(default)s)")
    options = parser.parse_args()
    host = Host() if options.host == "live" else FilesOfHost(HOSTS / options.host)
    able, batches = _able_collectors(host)
    events = sum(map(len, batches))
    print(f"{options.host}: {len(able)} collectors, {events} events a round, {options.rounds} rounds\n")

    rows = []
    for name, collectors, forerunner in (
        ("with reading the host", able, FORERUNNER_READING_MICROSECONDS),
        ("readings at hand", _replaying(able, host), FORERUNNER_MICROSECONDS),
    ):
        cpu, wall, count = _run_pipeline(collectors, host, options.rounds)
        each = cpu / count * 1e6
        rows.append((name, count, count / wall, each, forerunner, forerunner / each))
    print("scheduler, bus, fold, history on disk")
    show_table(("", "events", "events/s", "CPU us/event", "forerunner", "forerunner : this"), rows)

    stages = _stages(able, host, batches)
    rounds = max(20, options.rounds // 10)
    costs = {name: _cost(stage, rounds) * 1e6 for name, stage in stages.items()}
    whole = sum(costs.values())
    print("one round, by stage")
    shares = [(name, cost, cost / events, cost / whole * 100) for name, cost in costs.items()]
    show_table(("", "CPU us/round", "CPU us/event", "%"), shares)

    print("one run, by collector")
    runs: list[tuple[str, int, float, float]] = []
    for collector in able:
        count = len(list(collector.run(host)))
        cost = _cost(partial(_read, [collector], host), rounds) * 1e6
        runs.append((collector.name, count, cost, cost / count if count else cost))
    runs.sort(key=lambda run: -run[2])
    show_table(("", "events", "CPU us/run", "CPU us/event"), runs)
    return 0


def _read(collectors: list[Collector], host: Host) -> None:
    for collector in collectors:
        for _ in collector.run(host):
            pass


def _able_collectors(host: Host) -> tuple[list[Collector], list[tuple[Event, ...]]]:
    """The collectors that this host has something for, as if always due, and a batch of events of each."""
    able, batches = [], []
    for collector in COLLECTORS:
        keep = _Keep()
        bus = Bus(clock=Clock(), host="pi", boot="0a1b2c3d-0000-4000-8000-000000000000")
        bus.subscribe(keep)
        try:
            readings = _readings(collector, host)
        except (Unavailable, OSError):
            continue
        bus.publish(readings)
        batches += keep.batches
        able.append(replace(collector, max_age=0.0))
    return able, batches


def _readings(collector: Collector, host: Host) -> list[Reading]:
    return [item for item in collector.run(host) if isinstance(item, Reading)]


def _replaying(collectors: list[Collector], host: Host) -> list[Collector]:
    """The same collectors, but what they read is at hand: what is left is the way of the events."""

    def at_hand(collector: Collector) -> Collector:
        readings = tuple(collector.run(host))

        def read(_host: Host) -> tuple[Reading | Fault | Unavailable, ...]:
            return readings

        return replace(collector, read=read, find=None, watch=None, options=None, compare=None)

    return [at_hand(collector) for collector in collectors]


def _run_pipeline(collectors: list[Collector], host: Host, rounds: int) -> tuple[float, float, int]:
    """CPU and wall seconds of the whole process, and how many events it took them for."""
    with tempfile.TemporaryDirectory(dir=Path.cwd()) as folder:  # /tmp may be memory
        clock = Clock()
        bus = Bus(clock=clock, host="pi", boot="0a1b2c3d-0000-4000-8000-000000000000")
        owners = build_catalog(collectors, CHANGES).owners
        bus.subscribe(_Fold(State(owners)))
        inbox = Inbox("history", limit=INBOX_EVENTS)
        bus.subscribe(inbox)
        rules = HistoryRules(flush_seconds=1.0)
        sink = JsonlSink(folder, inbox=inbox, rules=rules, clock=clock, publish=bus.publish, owners=owners)
        scheduler = Scheduler(collectors, host=host, bus=bus, clock=clock)
        sink.start()
        for _ in range(20):
            scheduler.refresh(seconds=10)
        before, began, cpu = bus._seq, time.perf_counter(), time.process_time()
        for _ in range(rounds):
            scheduler.refresh(seconds=10)
        scheduler.stop()
        sink.stop(60)
        cpu, wall = time.process_time() - cpu, time.perf_counter() - began
        if inbox.dropped:
            raise RuntimeError("events were lost: fewer rounds, please")
        return cpu, wall, bus._seq - before


def _stages(  # noqa: C901  # one small function for each stage
    collectors: list[Collector], host: Host, batches: list[tuple[Event, ...]]
) -> dict[str, Callable[[], object]]:
    runs = [_readings(collector, host) for collector in collectors]
    bare = Bus(clock=Clock(), host="pi", boot="0a1b2c3d-0000-4000-8000-000000000000")
    state = State(build_catalog(collectors, CHANGES).owners)
    inbox = Inbox("history", limit=INBOX_EVENTS)
    everything = tuple(event for batch in batches for event in batch)
    lines = ("\n".join(encode_events(everything)) + "\n").encode()

    def know_again() -> None:
        for run in runs:
            _ = {subject_of(reading) for reading in run}

    def compare() -> None:
        for collector, run in zip(collectors, runs, strict=True):
            if collector.compare is not None:
                for reading in run:
                    collector.compare(reading, reading, 5.0)

    def publish() -> None:
        for run in runs:
            bare.publish(run)

    def fold() -> None:
        for batch in batches:
            state.apply(batch)

    def pass_inbox() -> None:
        for batch in batches:
            inbox.offer(batch)
        inbox.take(0)

    def encode() -> bytes:
        return "\n".join(encode_events(everything)).encode()

    def write() -> None:
        with open("/dev/null", "wb", buffering=0) as file:  # the kernel's side depends on the disk
            file.write(lines)

    return {
        "read the host (collectors)": partial(_read, collectors, host),
        "know again (subjects)": know_again,
        "compare": compare,
        "stamp (bus)": publish,
        "fold (state)": fold,
        "inbox": pass_inbox,
        "encode (JSON)": encode,
        "write": write,
    }


def _cost(stage: Callable[[], object], rounds: int) -> float:
    """CPU seconds of one call: the median of some dozen batches."""
    costs = []
    for _ in range(15):
        began = time.process_time_ns()
        for _ in range(max(1, rounds // 15)):
            stage()
        costs.append((time.process_time_ns() - began) / 1e9 / max(1, rounds // 15))
    return sorted(costs)[len(costs) // 2]


if __name__ == "__main__":
    sys.exit(main())
