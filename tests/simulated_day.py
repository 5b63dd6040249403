"""A recorded host that lives through simulated time: no real time passes, and the same happens on each run.

Counters grow at the rate of their time since boot, gauges wander by a percent. The exporter's clock is driven, the disk
is counted. Used by the benchmarks and by the tests that hold costs within their budgets.
"""

import gzip
import os
import random
import re
import shutil
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from threading import Condition
from typing import Any

from sysvitals.collectors import COLLECTORS
from sysvitals.config.load import load_settings
from sysvitals.exporter import Exporter
from sysvitals.model.event import Event
from sysvitals.pipeline.clock import Clock
from tests.patience import PATIENCE
from tests.recorded import HOSTS, RecordedHost

NOON = 1_789_905_600.0  # 2026-09-20 12:00 UTC
DAY_SECONDS = 86400.0
PAGE_BYTES = 4096
WRITEBACK_SECONDS = 30.0
"""The kernel writes a page by itself when it has been dirty for so long (vm.dirty_expire_centisecs)."""

"""Real seconds within which a simulated step must come to rest."""

COUNTERS = ("/stat", "/net/dev", "/diskstats", "/vmstat", "/pressure/cpu", "/pressure/io", "/pressure/memory")
GAUGES = ("/meminfo", "/loadavg", "_input", "/temp", "/scaling_cur_freq", "/net/wireless")
NUMBER = re.compile(rb"(?<![\w.:-])\d{2,}(?![\w:])")

_LINE = re.compile(rb'^.*?"name":"(?P<name>[^"]+)".*?"seq":(?P<seq>\d+).*$', re.MULTILINE)


class LivingHost(RecordedHost):
    """A recorded host whose numbers move with the time. `reads` counts the files that were read."""

    def __init__(self, folder: Path, now: Callable[[], float]) -> None:
        super().__init__(folder)
        self._now = now
        self._random = random.Random(4711)  # noqa: S311  # the same day each time
        self._files: dict[str, bytes] = {}
        self._grown: dict[str, tuple[float, list[float]]] = {}
        self.uptime = float(super().read_bytes(f"{self.procfs}/uptime").split()[0])
        self.reads = 0

    def read_bytes(self, path: str | bytes, limit: int = 1 << 20) -> bytes:
        """The recorded file as it would be by now."""
        self.reads += 1
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


def enlarge_host(name: str, folder: Path, *, links: int = 0, cpus: int = 0) -> None:
    """Copy a recorded host into this folder, with so many more links like its eth0, or so many CPUs like its cpu0."""
    shutil.copytree(HOSTS / name, folder, symlinks=True)
    net, rows = folder / "sys/class/net", (folder / "proc/net/dev").read_text().splitlines()
    eth0 = next(row for row in rows if row.lstrip().startswith("eth0:")).partition(":")[2]
    for number in range(links):
        link = f"eth{number + 1}"
        target = folder / "sys/devices/virtual/net" / link
        target.mkdir()
        for file in (net / "eth0").iterdir():
            if file.is_file() and not file.is_symlink():
                shutil.copy(file, target / file.name)
        (net / link).symlink_to(f"../../devices/virtual/net/{link}")
        rows.append(f"{link}:{eth0}")
    (folder / "proc/net/dev").write_text("\n".join(rows) + "\n")
    if cpus:
        _add_cpus(folder, cpus)


def _add_cpus(folder: Path, cpus: int) -> None:
    stat = (folder / "proc/stat").read_text().splitlines()
    cpu0 = stat[1].partition(" ")[2]
    others = [row for row in stat if not row.startswith("cpu")]
    stat = [stat[0], *(f"cpu{number} {cpu0}" for number in range(cpus)), *others]
    (folder / "proc/stat").write_text("\n".join(stat) + "\n")
    root = folder / "sys/devices/system/cpu"
    for name in ("online", "possible", "present"):
        (root / name).write_text(f"0-{cpus - 1}\n")
    for number in range(cpus):
        if not (root / f"cpu{number}").exists():
            shutil.copytree(root / "cpu0", root / f"cpu{number}", symlinks=True)


class SteppedCondition(Condition):
    """What the history's writer waits at: it is woken as ever, but seconds pass when simulated time has come."""

    def __init__(self, now: Callable[[], float]) -> None:
        super().__init__()
        self._now = now
        self._predicate: Callable[[], object] = lambda: True
        self._until = float("inf")
        self._waits = self._elapsed = False

    def wait_for(self, predicate: Callable[[], Any], timeout: float | None = None) -> Any:
        """Wait until this is true, or until `elapse` says that so many seconds are over."""
        self._predicate, self._until = predicate, self._now() + (float("inf") if timeout is None else timeout)
        self._waits, self._elapsed = True, False
        self.notify_all()
        while not (predicate() or self._elapsed):
            self.wait()
        self._waits = False
        return predicate()

    def notify(self, n: int = 1) -> None:  # noqa: ARG002
        """Wake both, the writer and the driver that waits for it."""
        super().notify(2)

    def await_idle(self) -> float:
        """Wait until the writer has done what it can. Returns until when it wants to wait."""
        with self:
            while not self._waits or self._predicate():
                if not self.wait(PATIENCE):
                    raise RuntimeError("the history's writer does not come to rest")
            return self._until

    def elapse(self) -> None:
        """The seconds that the writer wanted to wait are over."""
        with self:
            self._waits, self._elapsed = False, True
            self.notify_all()


@dataclass
class Disk:
    """Counts what is forced to the disk, and the pages that this writes; forces nothing."""

    syncs: int = 0
    pages: int = 0
    _written: dict[int, int] = field(default_factory=dict)
    _dirty: dict[int, float] = field(default_factory=dict)

    @contextmanager
    def counting(self) -> Iterator[None]:
        """Replace the system calls in the meantime."""
        real = os.fsync, os.fdatasync
        os.fsync = os.fdatasync = self._sync  # type: ignore[assignment]
        try:
            yield
        finally:
            os.fsync, os.fdatasync = real

    def look(self, path: str, now: float) -> None:
        """The time passes: what has been dirty for long in this file, the kernel writes by itself."""
        try:
            status = os.stat(path)
        except FileNotFoundError:
            return
        if status.st_size <= self._written.get(status.st_ino, 0):
            self._dirty.pop(status.st_ino, None)
        elif now - self._dirty.setdefault(status.st_ino, now) >= WRITEBACK_SECONDS:
            self._write(status)

    def _sync(self, descriptor: int) -> None:
        self.syncs += 1
        self._write(os.fstat(descriptor))

    def _write(self, status: os.stat_result) -> None:
        """Files only grow, so what was not written before is at their end."""
        before = self._written.get(status.st_ino, 0)
        if status.st_size < before:  # another file with the number of one that is gone
            before = 0
        if status.st_size > before:
            self.pages += (status.st_size - 1) // PAGE_BYTES - before // PAGE_BYTES + 1
        self._written[status.st_ino] = status.st_size
        self._dirty.pop(status.st_ino, None)


@dataclass
class Day:
    """What happened within `seconds` of simulated time."""

    seconds: float
    turns: int = 0
    """How often the scheduler planned to wake up."""
    reads: int = 0
    events: int = 0
    plain_bytes: int = 0
    kept_bytes: int = 0
    syncs: int = 0
    pages: int = 0
    cpu_seconds: float = 0.0
    by_event: dict[str, int] = field(default_factory=dict)

    def by_day(self, count: float) -> float:
        """This many, by the day."""
        return count * DAY_SECONDS / self.seconds


class Life:
    """An exporter and its host in simulated time. The history is written where a folder for it is given."""

    def __init__(self, host: Path, folder: str = "", **flags: Any) -> None:
        self.now = 0.0
        self.host = LivingHost(host, lambda: self.now)
        self._clock = Clock(
            wall=lambda: NOON + self.now,
            uptime=lambda: self.host.uptime + self.now,
            monotonic=lambda: 1.0 + self.now,
            synced=lambda: True,
        )
        chosen = {"--history": bool(folder), "--storage.path": folder or "unused"}
        chosen |= {f"--{name.replace('_', '.')}": value for name, value in flags.items()}
        settings = load_settings(COLLECTORS, flags=chosen)
        self.exporter = Exporter(settings, load=lambda: settings, host=self.host, clock=self._clock)
        self._scheduler, self._history = self.exporter._scheduler, self.exporter._history
        self._folder = f"{folder}/history"
        self._events = _EventCount()
        self.exporter._bus.subscribe(self._events)
        self._writer: SteppedCondition | None = None
        if self._history is not None:
            self._writer = self._history._inbox._changed = SteppedCondition(lambda: self.now)

    def pass_time(self, seconds: float, scrape_seconds: float = 0.0) -> Day:
        """Live for so long; without a scrape where `scrape_seconds` is 0."""
        day, disk, began, cpu = Day(seconds), Disk(), self.now, time.process_time()
        reads, events = self.host.reads, self._events.total
        end, next_scrape = began + seconds, began + (scrape_seconds or float("inf"))
        writer, next_write = self._writer, float("inf")
        if self._history is not None and self._history.thread.ident is None:
            self._history.start()
        with disk.counting():
            while self.now < end:
                if writer and self.now >= next_write:
                    writer.elapse()
                self._scheduler.settle(10)
                if self.now >= next_scrape:
                    self.exporter.metrics(None, 9.5)
                    next_scrape += scrape_seconds
                if writer:
                    next_write = writer.await_idle()
                    disk.look(f"{self._folder}/current", self.now)
                next_run = self._scheduler._plan.next_time(self._clock.monotonic()) - 1.0
                day.turns += next_run < min(end, next_scrape)
                self.now = min(next_write, next_scrape, next_run)
        day.reads, day.events = self.host.reads - reads, self._events.total - events
        day.syncs, day.pages = disk.syncs, disk.pages
        day.cpu_seconds = time.process_time() - cpu
        return day

    def end(self) -> None:
        """Write the rest of the history."""
        if self._history is not None:
            self._history.stop(PATIENCE)


class _EventCount:
    def __init__(self) -> None:
        self.total = 0

    def offer(self, events: tuple[Event, ...]) -> None:
        self.total += len(events)


def live_a_day(host: Path, seconds: float, scrape_seconds: float, *, settle_seconds: float = 0.0, **flags: Any) -> Day:
    """The history's costs of a host that lives for so long, after what it does at first has settled."""
    with tempfile.TemporaryDirectory(prefix="day-") as folder:
        memory = Path(folder, "memory")  # as a service manager lends it
        memory.mkdir()
        life = Life(host, folder, **{"history_buffer": f"{memory}", **flags})
        if settle_seconds:
            life.pass_time(settle_seconds, scrape_seconds)
        first = life.exporter._bus.last_seq + 1
        day = life.pass_time(seconds, scrape_seconds)
        life.end()
        sizes: Counter[str] = Counter()
        packed = unpacked = 0
        for path in Path(folder, "history").glob("*/*"):
            content = path.read_bytes()
            if path.suffix == ".gz":
                packed += len(content)
                content = gzip.decompress(content)
                unpacked += len(content)
            for line in _LINE.finditer(content):
                if int(line["seq"]) >= first:
                    sizes[line["name"].decode()] += len(line[0]) + 1
        day.by_event, day.plain_bytes = dict(sizes.most_common()), sizes.total()
        # the last segment would be packed, too, if the day went on
        day.kept_bytes = round(day.plain_bytes * packed / unpacked) if packed else day.plain_bytes
        return day
