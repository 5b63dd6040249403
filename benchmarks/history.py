"""What a day of history takes on disk: a recorded host lives through a simulated day and is scraped.

The day's values move as a host's do: counters grow at the rate of their time since boot, gauges wander.
"""

# ruff: noqa: INP001, SLF001, T201  # a script that prints; the schedule is driven from outside instead of by its thread

import argparse
import gzip
import os
import random
import re
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from threading import Semaphore

from measuring import show_table

from sysvitals.collectors import COLLECTORS
from sysvitals.config.load import load_settings
from sysvitals.exporter import Exporter, history_rules
from sysvitals.history.writer import JsonlSink
from sysvitals.model.event import Event
from sysvitals.pipeline.clock import Clock
from sysvitals.pipeline.inbox import Inbox
from tests.recorded import HOSTS, RecordedHost

NOON = 1_789_905_600.0  # 2026-09-20 12:00 UTC
DAY_SECONDS = 86400.0
PAGE_BYTES = 4096
COUNTERS = ("/stat", "/net/dev", "/diskstats", "/vmstat", "/pressure/cpu", "/pressure/io", "/pressure/memory")
GAUGES = ("/meminfo", "/loadavg", "_input", "/temp", "/scaling_cur_freq", "/net/wireless")
NUMBER = re.compile(rb"(?<![\w.:-])\d{2,}(?![\w:])")


class LivingHost(RecordedHost):
    """A recorded host whose numbers move with the time."""

    def __init__(self, folder: Path, now: Callable[[], float]) -> None:
        super().__init__(folder)
        self._now = now
        self._random = random.Random(4711)  # noqa: S311  # the same day each time
        self._files: dict[str, bytes] = {}
        self._grown: dict[str, tuple[float, list[float]]] = {}
        self.uptime = float(super().read_bytes(f"{self.procfs}/uptime").split()[0])

    def read_bytes(self, path: str | bytes, limit: int = 1 << 20) -> bytes:
        """The recorded file as it would be by now."""
        name = os.fsdecode(path)
        known = self._files.get(name)
        if known is None:
            known = self._files[name] = super().read_bytes(path, limit)
        if name.endswith("/uptime"):
            return b"%.2f %.2f\n" % (self.uptime + self._now(), self.uptime)
        if name.endswith(COUNTERS):
            return self._grow(name, known)
        if name.endswith(GAUGES):
            return NUMBER.sub(self._wander, known)
        return known

    def _grow(self, name: str, content: bytes) -> bytes:
        then, grown = self._grown.get(name, (0.0, [0.0] * len(NUMBER.findall(content))))
        now, position = self._now(), 0

        def grow(match: re.Match[bytes]) -> bytes:
            nonlocal position
            value, mine = int(match[0]), position
            position += 1
            if value < 1000 or content[: match.start()].endswith(b"btime "):
                return match[0]
            grown[mine] += value / self.uptime * (now - then) * self._random.expovariate(1.0)
            return b"%d" % (value + int(grown[mine]))

        text = NUMBER.sub(grow, content)
        self._grown[name] = (now, grown)
        return text

    def _wander(self, match: re.Match[bytes]) -> bytes:
        value = int(match[0])
        return b"%d" % round(value * (1 + 0.01 * self._random.gauss(0, 1))) if value > 10 else match[0]


class SteppedInbox(Inbox):
    """The writer gets what waits when it is told to, not when real time has passed."""

    def __init__(self, name: str, *, limit: int) -> None:
        super().__init__(name, limit=limit, eager=False)
        self._go, self._asked = Semaphore(0), Semaphore(0)

    def take(self, seconds: float | None = None) -> tuple[Event, ...]:  # noqa: ARG002
        """What waits once it is time."""
        self._asked.release()
        self._go.acquire()
        return super().take(0)

    def await_writer(self) -> None:
        """Wait until the writer has written and asks for more."""
        self._asked.acquire()

    def go(self) -> None:
        """Let the writer have what waits."""
        self._go.release()


class Disk:
    """Counts what is forced to the disk, and forces nothing."""

    def __init__(self) -> None:
        self.syncs = 0
        os.fsync = os.fdatasync = self._sync  # type: ignore[assignment]

    def _sync(self, _descriptor: int) -> None:
        self.syncs += 1


def main() -> int:
    """Live through the day, and print tables."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("hosts", nargs="*", default=["pi-4b-fine", "pi-zero-w"], help="recorded hosts")
    parser.add_argument("--hours", type=float, default=24.0, help="how long to live (%(default)s)")
    parser.add_argument("--scrape-seconds", type=float, default=15.0, help="0: never scraped (%(default)s)")
    options = parser.parse_args()
    disk = Disk()
    rows, shares = [], []
    for name in options.hosts:
        row, by_event = live(name, options.hours * 3600, options.scrape_seconds, disk)
        rows.append(row)
        shares.append((name, by_event))
    print(f"{options.hours:g} simulated hours, a scrape each {options.scrape_seconds:g} s; by the day")
    head = ("", "events", "MiB plain", "MiB gzip", "30 days MiB", "MiB in pages", "syncs", "bytes/event", "CPU s")
    show_table(head, rows)
    for name, by_event in shares:
        print(f"{name}: plain bytes by event")
        whole = sum(by_event.values())
        show_table(("", "MiB/day", "%"), [(e, b / 2**20, b / whole * 100) for e, b in by_event.most_common()])
    return 0


def live(name: str, length: float, scrape_seconds: float, disk: Disk) -> tuple[tuple[object, ...], Counter[str]]:
    """A row of figures by the day, and the plain bytes of each event."""
    now = 0.0
    host = LivingHost(HOSTS / name, lambda: now)
    clock = Clock(
        wall=lambda: NOON + now, uptime=lambda: host.uptime + now, monotonic=lambda: 1.0 + now, synced=lambda: True
    )
    settings = load_settings(COLLECTORS, flags={"--history": False})
    exporter = Exporter(settings, load=lambda: settings, host=host, clock=clock)
    scheduler, bus = exporter._scheduler, exporter._bus
    disk.syncs, pages, events, cpu = 0, 0, 0, time.process_time()
    by_event: Counter[str] = Counter()
    scale = DAY_SECONDS / length
    with tempfile.TemporaryDirectory() as folder:
        inbox = SteppedInbox("history", limit=8192)
        rules = history_rules(settings)
        sink = JsonlSink(folder, inbox=inbox, rules=rules, clock=clock, publish=bus.publish)
        bus.subscribe(inbox)
        sink.start()
        inbox.await_writer()
        next_flush, next_scrape = rules.flush_seconds, scrape_seconds or float("inf")
        while now < length:
            scheduler.settle(10)
            if now >= next_scrape:
                exporter.metrics(None, 9.5)
                next_scrape += scrape_seconds
            if now >= next_flush:
                offset = sink._offset
                inbox.go()
                inbox.await_writer()
                if sink._offset > offset:
                    pages += sink._offset // PAGE_BYTES - offset // PAGE_BYTES + 1
                next_flush += rules.flush_seconds
            now = min(next_flush, next_scrape, scheduler._plan.next_time(clock.monotonic()) - 1.0)
        inbox.close()
        inbox.go()
        sink.stop(60)
        status = sink.status()
        segments = list(Path(folder).glob("*/*"))
        packed = [path.stat().st_size for path in segments if path.suffix == ".gz"]
        share = sum(packed) / max(1, status.written - sum(p.stat().st_size for p in segments if p.suffix != ".gz"))
        events = bus._seq
        by_event.update(_bytes_by_event(segments))
    for event in by_event:
        by_event[event] = round(by_event[event] * scale)
    plain, mib = status.written * scale, 2**20
    row = (
        name,
        round(events * scale),
        plain / mib,
        plain * share / mib,
        min(30 * plain * share, rules.keep_bytes) / mib,
        pages * PAGE_BYTES * scale / mib,
        round(disk.syncs * scale),
        status.written / events,
        (time.process_time() - cpu) * scale,
    )
    return row, by_event


def _bytes_by_event(segments: list[Path]) -> Counter[str]:
    found: Counter[str] = Counter()
    for path in segments:
        content = gzip.decompress(path.read_bytes()) if path.suffix == ".gz" else path.read_bytes()
        for line in content.splitlines():
            found[line.split(b'"name":"', 1)[1].split(b'"', 1)[0].decode()] += len(line) + 1
    return found


if __name__ == "__main__":
    sys.exit(main())
