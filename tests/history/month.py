"""Thirty simulated days of a board, written as its history within seconds, and what is true of them.

The night before the end its supply was too weak; on the twelfth day its power was cut, and it came back without knowing
the time. `python -m tests.history.month FOLDER` leaves such a storage folder behind, which ends now.
"""

import math
import os
import random
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import NamedTuple

from sysvitals.collectors.boot import Boot
from sysvitals.collectors.clock import Clock
from sysvitals.collectors.cpu import CpuUsage
from sysvitals.collectors.disk import Disk
from sysvitals.collectors.filesystem import Filesystem
from sysvitals.collectors.load import Load
from sysvitals.collectors.memory import MemoryUsage
from sysvitals.collectors.network import Link, Network
from sysvitals.collectors.temperature import Temperature
from sysvitals.collectors.throttling import Throttling, ThrottlingCleared, ThrottlingSource, ThrottlingStarted
from sysvitals.history.segments import COMPRESSED, create_segment, write_all
from sysvitals.history.streams import Packer
from sysvitals.history.summaries.writing import Summaries
from sysvitals.model.changes import Started, Stopped, UncleanShutdown, VerdictChanged
from sysvitals.model.event import Event, Stamp, encode_events
from sysvitals.model.reading import Body
from sysvitals.pipeline.bus import first_seq

DAY = 86400.0
HOUR = 3600.0
DAYS = 30
CALM_SECONDS = 120.0
"""How often ordinary days are read: often enough that nothing is silent, and a month takes seconds."""

FINE_SECONDS = 15.0
"""How often the last day is read, as it is by default."""

WRONG_TIME = 1_735_689_600.0  # 2025-01-01: where the clock of a board without a battery begins
CLOCK_SET_SECONDS = 400.0
"""Uptime at which a time server sets it."""

DIPPED_SECONDS = 41.0
"""How long the dips of the night last, all together."""

DIPS = 12
CAUSES = ("undervoltage", "throttled")


class Span(NamedTuple):
    """From when to when, in Unix seconds."""

    begin: float
    end: float

    @property
    def seconds(self) -> float:
        return self.end - self.begin


class Run(NamedTuple):
    """A run of the exporter. `boot_began` is in Unix seconds; `ends` is how it ended: stop, kill, reboot or cut."""

    boot: str
    boot_began: float
    span: Span
    ends: str
    knows_time: bool = True


@dataclass
class Month:
    """What is true of it. Times are true Unix seconds, whatever the board's clock said."""

    begin: float
    end: float
    runs: list[Run] = field(default_factory=list)
    dips: list[Span] = field(default_factory=list)
    hottest: tuple[float, float] = (0.0, 0.0)
    """When the processor was hottest, and how hot (celsius)."""
    available: tuple[float, float] = (0.0, 0.0)
    """Free bytes of / at the beginning and at the end."""
    written_bytes: int = 0
    """What was written to the card while the exporter looked."""
    readings: int = 0

    @property
    def night(self) -> Span:
        """From the first dip to the end of the last."""
        return Span(self.dips[0].begin, self.dips[-1].end)

    @property
    def cut_at(self) -> float:
        """When the power was cut."""
        return next(run.span.end for run in self.runs if run.ends == "cut")

    @property
    def gaps(self) -> list[Span]:
        """When nothing was recorded."""
        return [Span(a.span.end, b.span.begin) for a, b in zip(self.runs, self.runs[1:], strict=False)]


def plan_month(end: float, days: float = DAYS) -> Month:
    """What happens in the days before `end`, a Unix time. In fewer than thirty, the same happens faster."""
    begin, thirtieth = end - days * DAY, days * DAY / DAYS
    month = Month(begin, end)
    cut, reboot = begin + 11.6 * thirtieth, begin + 20.25 * thirtieth
    boots = [("boot-a", begin - 5 * DAY), ("boot-b", cut + 180.0), ("boot-c", reboot + 45.0)]
    (a, a_began), (b, b_began), (c, c_began) = boots
    stop, kill = begin + 5.3 * thirtieth, begin + 25.5 * thirtieth
    month.runs = [
        Run(a, a_began, Span(begin, stop), "stop"),
        Run(a, a_began, Span(stop + thirtieth / 4, cut), "cut"),
        Run(b, b_began, Span(b_began + 12.0, reboot), "reboot", knows_time=False),
        Run(c, c_began, Span(c_began + 12.0, kill), "kill"),
        Run(c, c_began, Span(kill + thirtieth / 12, end), ""),
    ]
    last = (end - 3 * HOUR - 2400) // DAY * DAY + 3 * HOUR + 2400  # 03:40
    first = last - 1.5 * HOUR
    lasts = [2.0 + 0.25 * (number % 6) for number in range(DIPS)]
    lasts[-1] += DIPPED_SECONDS - sum(lasts)
    step = (last - first - lasts[-1]) / (DIPS - 1)
    month.dips = [Span(first + number * step, first + number * step + seconds) for number, seconds in enumerate(lasts)]
    return month


def write_month(storage: str, end: float, *, days: float = DAYS, summaries: bool = True) -> Month:
    """Write the history of the month, and its summaries, below the storage folder. Returns what is true of it."""
    month = plan_month(end, days)
    board = _Board(month)
    for number, run in enumerate(month.runs):
        writer = _Writer(storage, summaries=summaries)
        for moment, bodies in board.live(run, number):
            stamp = _stamp(run, moment)
            writer.write(stamp, bodies)
        if run.ends in ("kill", "cut"):
            writer.die()
        else:
            writer.close()
    return month


def _stamp(run: Run, at: float) -> Stamp:
    uptime = at - run.boot_began
    is_right = run.knows_time or uptime >= CLOCK_SET_SECONDS
    return Stamp(at if is_right else WRONG_TIME + uptime, "attic", run.boot, uptime, is_right)


class _Writer:
    """Segments of an hour, or until the clock is set, as the exporter writes them."""

    def __init__(self, storage: str, *, summaries: bool) -> None:
        self._folder = os.path.join(storage, "history")
        self._summaries = Summaries(os.path.join(storage, "summaries")) if summaries else None
        self._descriptor: int | None = None
        self._packer = Packer()
        self._stem = ""
        self._began = Stamp(0.0, "", "", 0.0, None)
        self._seq = -1
        self._lines: list[str] = []

    def write(self, stamp: Stamp, bodies: list[Body]) -> None:
        """Add a round of events."""
        if self._descriptor is not None and self._is_over(stamp):
            self.close()
        if self._descriptor is None:
            self._descriptor, segment = create_segment(self._folder, stamp.time, COMPRESSED)
            self._stem, self._packer, self._began = segment.stem, Packer(), stamp
        if self._seq < 0:
            self._seq = first_seq(stamp.uptime)
        events = tuple(Event(stamp, self._seq + number, body) for number, body in enumerate(bodies))
        self._seq += len(events)
        lines = encode_events(events)
        self._lines += lines
        if self._summaries is not None:
            self._summaries.add(events, lines)

    def close(self) -> None:
        """End the segment, and summarise it."""
        if self._descriptor is None:
            return
        self._flush(self._descriptor)
        write_all(self._descriptor, self._packer.end())
        os.close(self._descriptor)
        self._descriptor = None
        if self._summaries is not None:
            self._summaries.end_segment(self._stem)
            self._summaries.write()

    def die(self) -> None:
        """Leave the segment as it is: it has no end and no summary."""
        if self._descriptor is not None:
            self._flush(self._descriptor)
            os.close(self._descriptor)

    def _flush(self, descriptor: int) -> None:
        write_all(descriptor, self._packer.pack("".join(f"{line}\n" for line in self._lines).encode()))
        self._lines = []

    def _is_over(self, stamp: Stamp) -> bool:
        age = stamp.uptime - self._began.uptime
        return age >= HOUR or abs(stamp.time - self._began.time - age) > 60


class _Board:
    """Plausible curves, the same each time."""

    def __init__(self, month: Month) -> None:
        self._month = month
        self._random = random.Random(4711)  # noqa: S311  # the same month each time
        self._written = 3_000_000_000
        self._received = 900_000_000
        self._boot = ""
        self._is_weak = False
        self._events = dict.fromkeys(CAUSES, 0)
        self._seconds = dict.fromkeys(CAUSES, 0.0)

    def live(self, run: Run, number: int) -> Iterator[tuple[float, list[Body]]]:
        """What is published in this run, and when."""
        month = self._month
        if run.boot != self._boot:
            self._boot = run.boot
            self._written, self._received = 200_000_000, 5_000_000
            self._events, self._seconds = dict.fromkeys(CAUSES, 0), dict.fromkeys(CAUSES, 0.0)
        beginning: list[Body] = [Started(version="1", schema=1, pid=700 + number)]
        before = month.runs[number - 1] if number else None
        if before is not None and before.ends == "cut":
            beginning.append(_tell_cut(before))
        beginning.append(_verdict("good", "unknown"))
        yield run.span.begin, beginning
        edges = sorted(
            moment
            for dip in month.dips
            for moment in ((dip.begin, True), (dip.end, False))
            if run.span.begin < moment[0] < run.span.end
        )
        at = run.span.begin + 1.0
        before_at = at
        while at < run.span.end:
            while edges and edges[0][0] <= at:
                moment, begins = edges.pop(0)
                yield moment, self._edge(begins)
            yield at, self._round(at, at - before_at, run)
            before_at = at
            at += FINE_SECONDS if month.end - at <= DAY else CALM_SECONDS
        if run.ends in ("stop", "reboot"):
            yield run.span.end, [Stopped(reason="SIGTERM")]
        month.available = (month.available[0] or _available(month.begin, month), _available(before_at, month))

    def _edge(self, begins: bool) -> list[Body]:
        dip = self._month.dips[self._events["undervoltage"] - (not begins)]
        for cause in CAUSES:
            if begins:
                self._events[cause] += 1
            else:
                self._seconds[cause] += dip.seconds
        self._is_weak = begins
        changes: list[Body] = [
            ThrottlingStarted(cause=cause) if begins else ThrottlingCleared(cause=cause, seconds=dip.seconds)
            for cause in CAUSES
        ]
        if begins and self._events["undervoltage"] == 1:
            changes.append(_verdict("warning", "good", "Undervoltage", "The power supply is too weak"))
        return changes + self._throttling(active=begins)

    def _throttling(self, *, active: bool) -> list[Body]:
        return [
            Throttling(cause=cause, active=active, events=self._events[cause], seconds=self._seconds[cause])
            for cause in CAUSES
        ]

    def _round(self, at: float, seconds: float, run: Run) -> list[Body]:
        month, rnd = self._month, self._random
        month.readings += 1
        busy = 8.0 + 6.0 * math.sin(at / DAY * math.tau) + rnd.expovariate(0.3)
        celsius = round(46.0 + 4.0 * math.sin(at / DAY * math.tau) + 0.25 * busy + rnd.gauss(0, 0.4), 1)
        if celsius > month.hottest[1]:
            month.hottest = at, celsius
        written, received = int(rnd.expovariate(1 / 20_000) * seconds), int(rnd.expovariate(1 / 8_000) * seconds)
        self._written += written
        self._received += received
        month.written_bytes += written
        available = _available(at, month)
        rate = seconds or 1.0
        return [
            Load(load1=round(busy / 25, 2), load5=0.4, load15=0.4, running=1, tasks=180),
            CpuUsage(busy_percent=round(min(busy, 100.0), 2), iowait_percent=0.3, blocked=0),
            MemoryUsage(used_percent=round(31 + rnd.gauss(0, 1), 1), available=2_700_000_000, oom_kills=0),
            Temperature(chip="cpu_thermal", sensor="temp1", celsius=celsius),
            Disk(device="mmcblk0", written_bytes=self._written, written_bytes_per_second=written / rate,
                 read_bytes_per_second=0.0, busy_seconds=self._written / 2e7),
            Filesystem(device="/dev/mmcblk0p2", mountpoint="/", fstype="ext4", size=31_000_000_000, available=available,
                       used_percent=round(100 - available / 3.1e8, 1), read_only=False, device_error=False),
            Network(device="eth0", receive_bytes=self._received, receive_bytes_per_second=received / rate,
                    transmit_bytes_per_second=received / rate / 4),
            Link(device="eth0", up=True, carrier=True, carrier_changes=2),
            Clock(synchronised=_stamp(run, at).synced is True, offset=0.0, maximum_error=0.01, estimated_error=0.001,
                  frequency_adjustment=1.0),
            Boot(uptime=at - run.boot_began, boot_id=run.boot),
            ThrottlingSource(undervoltage_detectable=True, source="vcio"),
            *self._throttling(active=self._is_weak),
        ]  # fmt: skip


def _available(at: float, month: Month) -> int:
    return round(20_000_000_000 - 4_000_000_000 * (at - month.begin) / (month.end - month.begin))


def _tell_cut(run: Run) -> UncleanShutdown:
    uptime = run.span.end - run.boot_began
    return UncleanShutdown(ended_boot=run.boot, last_seen=run.span.end, clock_synced=True, uptime=uptime, certain=True)


def _verdict(level: str, before: str, alerts: str = "", reasons: str = "") -> VerdictChanged:
    return VerdictChanged(level=level, before=before, alerts=alerts, reasons=reasons)


if __name__ == "__main__":
    print(write_month(sys.argv[1], time.time()))  # noqa: T201
