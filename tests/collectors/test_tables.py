"""One word of a kernel's table replaced by garbage: only what it alone says goes, and one Fault says so."""

import re
from functools import cache
from itertools import islice
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sysvitals.collectors import boot, cpu, disk, load, memory, network, pressure, wifi
from sysvitals.model.collector import Collector, Fault
from sysvitals.model.event import body_data
from sysvitals.model.reading import Reading, subject_of
from tests.recorded import HOSTS, RecordedHost

TABLES = {
    "uptime": (boot.COLLECTOR, "pi-4b-browning-out"),
    "stat": (cpu.COLLECTOR, "pi-4b-browning-out"),
    "diskstats": (disk.COLLECTOR, "pi-4b-browning-out"),
    "loadavg": (load.COLLECTOR, "pi-4b-browning-out"),
    "meminfo": (memory.COLLECTOR, "pi-4b-browning-out"),
    "vmstat": (memory.COLLECTOR, "pi-4b-browning-out"),
    "net/dev": (network.COLLECTOR, "pi-4b-browning-out"),
    "pressure/io": (pressure.COLLECTOR, "nuc"),
    "net/wireless": (wifi.COLLECTOR, "pi-4b-browning-out"),
}
GARBAGE = [b"x", b"nan", b"0x10", b"99999999999999999999"]
NUMBER = re.compile(rb"(?<![\w.])-?[0-9]+(\.[0-9]+)?(?![\w])")
Values = dict[tuple[Any, ...], Any]


class Garbled(RecordedHost):
    """The recorded host, with one word of one table replaced."""

    def __init__(self, table: str, start: int, end: int, word: bytes) -> None:
        super().__init__(HOSTS / TABLES[table][1])
        self.table = re.compile(rf".*/proc/(1/)?{table}")
        self.start, self.end, self.word = start, end, word

    def read_bytes(self, path: str | bytes, limit: int = 1 << 20) -> bytes:
        text = super().read_bytes(path, limit)
        if isinstance(path, str) and self.table.fullmatch(path):
            return text[: self.start] + self.word + text[self.end :]
        return text


def read(collector: Collector, host: RecordedHost) -> tuple[Values, list[Fault]]:
    found = list(collector.run(host))
    values = {
        (*subject_of(one), name): value
        for one in found
        if isinstance(one, Reading)
        for name, value in body_data(one).items()
    }
    return values, [one for one in found if isinstance(one, Fault)]


@cache
def recorded(table: str) -> tuple[bytes, Values]:
    collector, name = TABLES[table]
    host = RecordedHost(HOSTS / name)
    paths = [f"{host.procfs}/1/{table}", f"{host.procfs}/{table}"]
    text = next(host.read_bytes(path) for path in paths if host.exists(path))
    values, faults = read(collector, host)
    assert values
    assert faults == []
    return text, values


@pytest.mark.parametrize("table", TABLES)
@settings(max_examples=80, deadline=None)
@given(data=st.data())
def test_a_word_of_garbage_takes_nothing_with_it(table: str, data: st.DataObject) -> None:
    text, before = recorded(table)
    # a line of interrupts has a thousand words that are not read
    lines = re.finditer(rb".+", text)
    spans = [found.span() for line in lines for found in islice(NUMBER.finditer(text, *line.span()), 20)]
    start, end = data.draw(st.sampled_from(spans))
    after, faults = read(TABLES[table][0], Garbled(table, start, end, data.draw(st.sampled_from(GARBAGE))))
    lost = before.keys() - after.keys()
    assert {key: before[key] for key in after} == after
    # at most the value, what is worked out from it, and a percentage
    assert len(lost) <= 2
    assert [fault.error for fault in faults] in ([["garbage"]] if lost else [[], ["garbage"]])
