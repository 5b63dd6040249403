"""No thing hurts another: each collector, with one of its things slow, hanging, gone or lying.

Which files a thing alone reads is found out by reading a recorded host once. Then those files misbehave, and every
series but the thing's own must be as before.
"""

import errno
import os
import threading
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from functools import cache
from math import isfinite

import pytest

from sysvitals.collectors import COLLECTORS
from sysvitals.collectors.catalog import build_full_catalog
from sysvitals.collectors.network import COLLECTOR as NETWORK
from sysvitals.host.host import Timex
from sysvitals.model.collector import Fault, Probe, Unavailable
from sysvitals.model.event import Event
from sysvitals.model.reading import Reading
from sysvitals.model.samples import sample_bodies
from sysvitals.model.state import State
from sysvitals.model.status import CollectorStatus
from sysvitals.pipeline.bus import Bus
from sysvitals.pipeline.clock import Clock
from sysvitals.pipeline.limits import most_of_each_kind
from sysvitals.pipeline.scheduler import Scheduler
from tests.patience import PATIENCE
from tests.recorded import HOSTS, NOW, RecordedHost

ON = ("pi-5", "nuc", "jetson", "qemu-raspi3b-emmc-fan")
"""Hosts with many kinds of things."""

Thing = tuple[str, str]
Item = Reading | Fault | Unavailable | Probe
Series = dict[tuple[str, tuple[tuple[str, str], ...]], float]


class TouchyHost(RecordedHost):
    """Notes which files are touched, and lets a test decide what becomes of a read."""

    def __init__(self, name: str) -> None:
        super().__init__(HOSTS / name)
        self.touched: set[str] = set()
        self.meddle: Callable[[str], bytes | None] = lambda _: None

    def read_bytes(self, path: str | bytes, limit: int = 1 << 20) -> bytes:
        self.touched.add(os.fsdecode(path))
        answer = self.meddle(os.fsdecode(path))
        return super().read_bytes(path, limit) if answer is None else answer[:limit]

    def statvfs(self, path: str | bytes) -> os.statvfs_result:
        self.touched.add(f"statvfs {os.fsdecode(path)}")
        if self.meddle(f"statvfs {os.fsdecode(path)}") is not None:
            return os.statvfs_result([0] * 11)
        return super().statvfs(path)

    def ioctl(self, path: str, request: int, buffer: bytearray) -> None:
        question = f"ioctl {path} {bytes(buffer)!r}"
        self.touched.add(question)
        if self.meddle(question) is None:
            super().ioctl(path, request, buffer)

    def adjtimex(self) -> Timex:
        self.touched.add("adjtimex")
        return super().adjtimex() if self.meddle("adjtimex") is None else Timex(*[-1] * 7)


@cache
def things_of(name: str) -> dict[Thing, frozenset[str]]:
    """The things of a recorded host, each with the files that it alone reads."""
    host = TouchyHost(name)
    touched: dict[Thing, set[str]] = defaultdict(set)

    def note(thing: Thing, call: Callable[[], Iterable[Item]]) -> list[Item]:
        host.touched = set()
        try:
            return list(call())
        except (OSError, ValueError, Unavailable):
            return []
        finally:
            touched[thing] |= host.touched

    for collector in COLLECTORS:
        if (table := collector.table(host)) is not None:
            note((collector.name, ""), table.read)
        for thing in note((collector.name, "?"), lambda one=collector: one.things(host)):  # type: ignore[misc]
            if isinstance(thing, Probe):
                note((collector.name, thing.name), thing.read)
    return {
        thing: frozenset(mine.difference(*(others for other, others in touched.items() if other != thing)))
        for thing, mine in touched.items()
        if thing[1] != "?"
    }


def cases() -> Iterator[tuple[str, Thing]]:
    """Of each collector and host the first thing and the last, and each table."""
    for name in ON:
        by_collector: dict[str, list[Thing]] = defaultdict(list)
        for thing, files in things_of(name).items():
            if files:
                by_collector[thing[0]].append(thing)
        for mine in by_collector.values():
            yield from ((name, thing) for thing in dict.fromkeys((mine[0], mine[-1])))


class Board:
    """The real collectors on a recorded host, scheduled as they are; where it is `patient`, no slow read hangs."""

    def __init__(self, name: str, *, patient: bool) -> None:
        self.host = TouchyHost(name)
        self.state = State(build_full_catalog().owners)
        self.scraped = threading.Event()
        clock = Clock(wall=lambda: NOW)
        bus = Bus(clock=clock, host="host", boot="boot")
        bus.subscribe(self)
        # nothing is read but by a scrape
        collectors = [replace(collector, watch=None, interval=1000.0, max_age=0.0) for collector in COLLECTORS]
        if patient:
            collectors = [replace(collector, timeout=PATIENCE) for collector in collectors]
        self.scheduler = Scheduler(collectors, host=self.host, bus=bus, clock=clock)

    def offer(self, events: tuple[Event, ...]) -> None:
        self.state.apply(events)

    def scrape(self) -> dict[Thing, Series]:
        """All series, by the thing that they are of."""
        assert self.scheduler.refresh(seconds=PATIENCE)
        found: dict[Thing, Series] = {}
        for thing, run in self.state.snapshot().runs.items():
            samples = sample_bodies(event.body for event in run)
            series = {
                (metric, tuple(sorted(sample.labels.items()))): sample.value
                for metric, many in samples.items()
                for sample in many
            }
            if series:
                found[thing] = series
        return found


@contextmanager
def board(name: str, *, patient: bool = False) -> Iterator[Board]:
    one = Board(name, patient=patient)
    one.scheduler.start()
    try:
        yield one
    finally:
        one.scraped.set()
        one.scheduler.stop()


def without(found: dict[Thing, Series], thing: Thing) -> dict[Thing, Series]:
    return {other: series for other, series in found.items() if other != thing}


CASES = [pytest.param(name, thing, id=f"{name} {' '.join(thing)}".strip()) for name, thing in cases()]


def test_every_collector_is_among_the_cases() -> None:
    tried = {thing[0] for name, thing in cases()}
    assert tried >= {collector.name for collector in COLLECTORS} - NOT_TRIED


NOT_TRIED = {"shutdown"}
"""Its record is a file of the exporter's own."""


@pytest.mark.fault(
    "sources",
    "a sensor, disk, mount, link or table that hangs or is slow",
    seen="its values go, all others stay; one line in the log; `sysvitals_read_errors_total` (`timeout`, `slow`) rises",
    heals="by itself, when it answers: it is read again immediately",
)
@pytest.mark.parametrize(("name", "thing"), CASES)
def test_a_thing_that_hangs_or_is_slow_hides_no_other_and_no_scrape_waits_for_it(name: str, thing: Thing) -> None:
    files = things_of(name)[thing]
    with board(name) as one:
        expected = one.scrape()

        def hang(path: str) -> bytes | None:
            if path in files:
                assert one.scraped.wait(PATIENCE)
            return None

        one.host.meddle = hang
        # it answers although what hangs is let go only afterwards
        assert without(one.scrape(), thing) == without(expected, thing)


@pytest.mark.parametrize("name", ON)
def test_a_thing_that_hangs_from_the_start_hides_no_other(name: str) -> None:
    with board(name) as one:
        expected = one.scrape()
    thing = ("temperature", min(thing for collector, thing in expected if collector == "temperature"))
    files = things_of(name)[thing]
    with board(name) as one:
        one.host.meddle = lambda path: None if path not in files or one.scraped.wait(PATIENCE) else b""
        assert without(one.scrape(), thing) == without(expected, thing)


def test_mounts_that_hang_from_the_start_hide_at_most_one_thing_besides_themselves() -> None:
    with board("nuc") as one:
        expected = one.scrape()
    with board("nuc") as one:
        one.host.meddle = lambda path: None if not path.endswith("/mountinfo") or one.scraped.wait(PATIENCE) else b""
        found = one.scrape()
        missing = {thing for thing in expected if found.get(thing) != expected[thing]}
        # the one that asked first what lxcfs serves, unless that was the search for mounts
        assert len({thing for thing in missing if thing[0] != "filesystem"}) <= 1, missing


ERRORS = {
    "gone": OSError(errno.ENODEV, os.strerror(errno.ENODEV)),
    "broken": OSError(errno.EIO, os.strerror(errno.EIO)),
    "a folder in its place": OSError(errno.EISDIR, os.strerror(errno.EISDIR)),
    "without memory": MemoryError(),
}


@pytest.mark.fault(
    "sources",
    "a sensor, disk, mount, link or table that is gone, broken or of another type, or a read without memory",
    seen="its values go, all others stay; one line in the log; `sysvitals_read_errors_total` rises unless it is gone",
    heals="by itself, when it can be read; what is gone is looked for each minute, and at the kernel's notice",
)
@pytest.mark.parametrize(("name", "thing"), CASES)
@pytest.mark.parametrize("error", ERRORS.values(), ids=list(ERRORS))
def test_a_thing_that_is_gone_or_broken_hides_no_other(name: str, thing: Thing, error: Exception) -> None:
    files = things_of(name)[thing]

    def fail(path: str) -> bytes | None:
        if path in files:
            raise error
        return None

    with board(name) as one:
        expected = one.scrape()
        one.host.meddle = fail
        assert without(one.scrape(), thing) == without(expected, thing)


LIES = {
    "nothing": b"",
    "below zero": b"-1\n",
    "2^64-1": b"18446744073709551615\n",
    "not a number": b"nan\n",
    "binary": b"\xff\x00nonsense 1 2 3\n",
    "a line of 1 MB": b"1" * (1 << 20),
}


@pytest.mark.fault(
    "sources",
    "a sensor, disk, link or table that lies: NaN, below zero, beyond 64 bits, text, binary, nothing, a line of 1 MB",
    seen="its values go, and are never 0 instead; `sysvitals_read_errors_total` (`garbage`) rises",
    heals="by itself, with the next value that can be",
)
@pytest.mark.parametrize(("name", "thing"), CASES)
@pytest.mark.parametrize("lie", LIES.values(), ids=list(LIES))
def test_impossible_values_are_dropped_and_all_other_readings_stay(name: str, thing: Thing, lie: bytes) -> None:
    files = things_of(name)[thing]
    with board(name) as one:
        expected = one.scrape()
        one.host.meddle = lambda path: lie if path in files else None
        found = one.scrape()
        assert without(found, thing) == without(expected, thing)
        assert all(isfinite(value) for value in found.get(thing, {}).values())


TABLES = [pytest.param(name, thing, id=f"{name} {thing[0]}") for name, thing in cases() if not thing[1]]
MANY_LINES = 50_000
SAID_BYTES = 20_000


@pytest.mark.fault(
    "sources",
    "a table of the kernel of many megabytes, most of whose lines make no sense",
    seen="one line in the log for each of the first, and one for all others; events and the page say no more",
    heals="by itself, when the table is as usual",
)
@pytest.mark.parametrize(("name", "thing"), TABLES)
def test_a_table_of_any_length_hides_no_other_and_fills_no_log(
    name: str, thing: Thing, caplog: pytest.LogCaptureFixture
) -> None:
    files = things_of(name)[thing]
    nonsense = b"".join(b"odd%d: 1 2\n" % number for number in range(MANY_LINES))
    with board(name, patient=True) as one:
        expected = one.scrape()

        def lengthen(path: str) -> bytes | None:
            if path not in files or not path.startswith("/"):
                return None
            try:
                content = RecordedHost.read_bytes(one.host, path)
            except OSError:
                content = b""
            return content + nonsense

        one.host.meddle = lengthen
        assert one.scheduler.refresh(seconds=PATIENCE, slow=True)
        found = one.scrape()
        assert without(found, thing) == without(expected, thing)
        outcome = one.scheduler.outcomes()[thing[0]]
        assert outcome is not None
        assert len(outcome.message) < SAID_BYTES
    assert sum(len(record.getMessage()) for record in caplog.records) < SAID_BYTES


def test_a_table_of_many_devices_shows_and_keeps_no_more_than_the_limit_lets() -> None:
    row = b"%s: 1 1 0 0 0 0 0 0 1 1 0 0 0 0 0 0\n"
    names = [b"eth0", *(b"ppp%d" % number for number in range(5000))]
    table = b"\n\n" + b"".join(row % name for name in names)
    with board("pi-5", patient=True) as one:
        one.host.meddle = lambda path: table if path.endswith("/net/dev") else None
        assert one.scheduler.refresh(seconds=PATIENCE, slow=True)
        found = one.scrape()["network", ""]
        assert len(found) <= NETWORK.max_series
        assert any(("device", "eth0") in labels for _, labels in found)
        [left_out] = [
            status.left_out
            for status in one.scheduler.statuses(frozenset({"network"}))
            if isinstance(status, CollectorStatus)
        ]
        assert left_out == len(names) - (most_of_each_kind(NETWORK) or 0)
