"""What the tests of the history share: clocks held in the hand, events, and sinks that are surely ended."""

import json
import os
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from sysvitals.collectors.load import Load
from sysvitals.history.buffer import Buffer
from sysvitals.history.lock import Claim
from sysvitals.history.segments import create_segment, list_segments, read_lines
from sysvitals.history.summaries.writing import Summaries
from sysvitals.history.writer import HistoryRules, JsonlSink
from sysvitals.model.changes import CollectorFailed, Reloaded, Started
from sysvitals.model.reading import Body, Change
from sysvitals.pipeline.bus import Bus
from sysvitals.pipeline.clock import Clock
from sysvitals.pipeline.inbox import Inbox
from tests.patience import PATIENCE

OWNERS = {Load.event_name: "load"}
NOON = 1_789_905_600.0  # 2026-09-20 12:00 UTC
LOAD = Load(load1=0.2, load5=0.18, load15=0.12, running=3, tasks=180)
URGENT = Started(version="1", schema=1, pid=7)
RELOADED = Reloaded(changed="")
EAGER = HistoryRules(flush_seconds=0.005, rotate_seconds=600, compress="off", keep_seconds=0, keep_bytes=0)
"""Looks at its segment often, and does nothing else unasked."""


@dataclass
class Hands:
    """The hands of a clock, to be set."""

    wall: float = NOON
    monotonic: float = 1000.0
    synced: bool | None = True

    def clock(self) -> Clock:
        return Clock(
            wall=lambda: self.wall,
            uptime=lambda: self.monotonic,
            monotonic=lambda: self.monotonic,
            synced=lambda: self.synced,
        )

    def pass_by(self, seconds: float) -> None:
        self.wall += seconds
        self.monotonic += seconds


@dataclass
class Writer:
    """A bus with a history listening to it."""

    bus: Bus
    inbox: Inbox
    sink: JsonlSink
    hands: Hands

    def write(self, *bodies: Body) -> None:
        """Publish these, and return once they are in a file, and forced where that is due."""
        before = self.sink.status().written
        last = self.bus.publish(bodies)[-1]
        wait_until(lambda: self.sink.status().written > before)
        self.sink.settle(last.seq, PATIENCE)


@contextmanager
def writer(
    folder: Path,
    rules: HistoryRules = EAGER,
    *,
    hands: Hands | None = None,
    limit: int = 10_000,
    next_seq: int = 0,
    start: bool = True,
    buffer: Buffer | None = None,
    claim: Claim | None = None,
    summaries: Summaries | None = None,
) -> Iterator[Writer]:
    hands = hands or Hands()
    clock = hands.clock()
    inbox = Inbox("history", limit=limit)
    bus = Bus(clock=clock, host="pi4", boot="boot-1", next_seq=next_seq)
    bus.subscribe(inbox)
    publish: Callable[[list[Change]], object] = bus.publish
    sink = JsonlSink(
        str(folder),
        inbox=inbox,
        rules=rules,
        clock=clock,
        publish=publish,
        owners=OWNERS,
        buffer=buffer,
        claim=claim,
        summaries=summaries,
    )
    if start:
        sink.start()
    try:
        yield Writer(bus, inbox, sink, hands)
    finally:
        if start:
            sink.stop(PATIENCE)
            assert not sink.thread.is_alive()


def wait_until(condition: Callable[[], bool]) -> None:
    """Return as soon as it holds; fail where it does not by then."""
    deadline = time.monotonic() + PATIENCE
    while not condition():
        assert time.monotonic() < deadline, "it did not come about in time"
        time.sleep(0.001)


def long_event(size: int) -> CollectorFailed:
    return CollectorFailed(collector="load", error="EIO", message="x" * size)


def names(folder: Path) -> list[str]:
    """Names of all files below, whatever they are, without the link to the current one."""
    # os.walk is not put out by what goes while it looks
    paths = [os.path.join(place, file) for place, _, files in os.walk(folder) for file in files]
    return sorted(os.path.relpath(path, folder) for path in paths if not os.path.islink(path))


def stored(folder: Path) -> list[dict[str, Any]]:
    """All stored lines in their order; each must be whole."""
    return [json.loads(line) for segment in list_segments(str(folder)) for line in read_lines(segment)]


def seqs(folder: Path) -> list[int]:
    return [line["seq"] for line in stored(folder)]


def plant(folder: Path, content: bytes, at: float = NOON - 600) -> str:
    """A segment that an earlier run left behind."""
    descriptor, segment = create_segment(str(folder), at)
    with open(descriptor, "wb") as file:
        file.write(content)
    return segment.name


def line_of(seq: int, *, synced: bool | None = True) -> bytes:
    envelope = {
        "time": "2026-09-20T11:50:00.000Z", "name": "sysvitals.reloaded", "host": "pi4", "boot": "boot-1", "seq": seq,
        "uptime": 1.0, "synced": synced, "data": {"changed": ""},
    }  # fmt: skip
    return json.dumps(envelope).encode() + b"\n"


class Gate:
    """Holds up one call of the history's thread until it is opened."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, place: Any, call: str) -> None:
        self.reached = threading.Event()
        self._open = threading.Event()
        real = getattr(place, call)

        def held(*arguments: Any) -> Any:
            if threading.current_thread().name == "history":
                self.reached.set()
                assert self._open.wait(PATIENCE)
            return real(*arguments)

        monkeypatch.setattr(place, call, held)

    def open(self) -> None:
        self._open.set()


@contextmanager
def mounted(folder: Path, *arguments: str) -> Iterator[None]:
    """Another filesystem. Skipped, with the reason, where the tests may not mount one."""
    folder.mkdir(exist_ok=True)
    done = subprocess.run(["mount", *arguments, str(folder)], capture_output=True, text=True, check=False)
    if done.returncode:
        pytest.skip(f"NOT TESTED, this needs the right to mount a filesystem: {done.stderr.strip()}")
    try:
        yield
    finally:
        subprocess.run(["umount", "--lazy", str(folder)], check=True)
