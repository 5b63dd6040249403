"""What a kernel, a driver or the firmware says: readings, faults and absence come of it, whatever it is."""

import os
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from functools import cache
from typing import Any

from prometheus_client.parser import text_string_to_metric_families

from sysvitals.collectors import COLLECTORS
from sysvitals.collectors.catalog import build_full_catalog
from sysvitals.model.collector import Collector, Fault, Probe, Unavailable
from sysvitals.model.reading import Reading
from sysvitals.outputs.exposition import Exposition
from sysvitals.pipeline.interpret import Known, Span, Subject, interpret, validate_values
from tests.recorded import HOSTS, RecordedHost, recorded_hosts

_BEFORE = Span(at=100.0, before=None, watched_since=0.0)
_NOW = Span(at=115.0, before=100.0, watched_since=0.0)

Item = Reading | Fault | Unavailable


class AlteredHost(RecordedHost):
    """A recorded host of which one file, or one answer of the firmware, is another. Notes what is read."""

    def __init__(self, name: str, path: str = "", content: bytes = b"") -> None:
        super().__init__(HOSTS / name)
        self.path = os.path.join(str(self.folder), path) if path else ""
        self.content = content
        self.read: dict[str, bytes] = {}

    def read_bytes(self, path: str | bytes, limit: int = 1 << 20) -> bytes:
        if path == self.path:
            return self.content[:limit]
        found = super().read_bytes(path, limit)
        self.read[os.fsdecode(path)] = found
        return found

    def ioctl(self, path: str, request: int, buffer: bytearray) -> None:
        if path == self.path:
            buffer[:] = self.content[: len(buffer)].ljust(len(buffer), b"\0")
            return
        super().ioctl(path, request, buffer)
        self.read[path] = bytes(buffer).rstrip(b"\0")


def recorded_cases() -> list[bytes]:
    """Each different file of the recorded hosts that a collector reads, below a line with its host and path."""
    cases: dict[bytes, bytes] = {}
    for name in recorded_hosts():
        for path, content in _read_by(name)[1].items():
            cases.setdefault(content + path.rpartition("/")[2].encode(), f"{name} {path}\n".encode() + content)
    return [*cases.values()]


@contextmanager
def open_kernel() -> Iterator[Callable[[bytes], None]]:
    """A file of a recorded host: the first line names both."""
    exposition = Exposition(build_full_catalog())

    def check(case: bytes) -> None:
        head, _, content = case.partition(b"\n")
        name, path = os.fsdecode(head).split(" ", 1)
        readings: list[Reading] = []
        for collector in _read_by(name)[0].get(path, ()):
            concluded = interpret(
                collector, _read(collector, AlteredHost(name, path, content)), None, _known(collector, name), _NOW
            )
            # a comparison that fails is as broken as a reading that does
            assert [fault for fault in concluded.faults if fault.error.endswith("Error")] == []
            readings += concluded.readings
        text, _ = exposition.render(readings)
        list(text_string_to_metric_families(text.decode()))

    yield check


def _read(collector: Collector, host: RecordedHost) -> list[Item]:
    """As the pipeline does: each thing by itself, and what is broken hurts no other."""
    table = collector.table(host)
    found = [*([table] if table else ()), *_take(lambda: collector.things(host))]
    items = [item for one in found for item in (_take(one.read) if isinstance(one, Probe) else [one])]
    validate_values(item for item in items if isinstance(item, Reading))
    return items


def _take(read: Callable[[], Iterable[Any]]) -> list[Any]:
    """All that comes before a failure."""
    items = []
    with suppress(OSError, ValueError, Unavailable):
        for item in read():
            items.append(item)  # noqa: PERF402  # what came before a failure counts
    return items


@cache
def _known(collector: Collector, name: str) -> Mapping[Subject, Known]:
    return interpret(collector, _read(collector, AlteredHost(name)), None, {}, _BEFORE).known


@cache
def _read_by(name: str) -> tuple[dict[str, list[Collector]], dict[str, bytes]]:
    """By path, which collectors read a file of this host; and what is in it."""
    readers: dict[str, list[Collector]] = {}
    contents: dict[str, bytes] = {}
    for collector in COLLECTORS:
        host = AlteredHost(name)
        _read(collector, host)
        for path, content in host.read.items():
            inside = path.removeprefix(f"{host.folder}/")
            readers.setdefault(inside, []).append(collector)
            contents[inside] = content
    return readers, contents
