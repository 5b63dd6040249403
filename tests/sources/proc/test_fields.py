"""In every table the field is the unit of failure: one that makes no sense is absent, and its siblings stay."""

from collections.abc import Callable
from typing import Any, NamedTuple

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sysvitals.model.collector import Fault
from sysvitals.sources.proc.diskstats import parse_diskstats
from sysvitals.sources.proc.loadavg import parse_loadavg
from sysvitals.sources.proc.meminfo import parse_meminfo
from sysvitals.sources.proc.netdev import parse_netdev
from sysvitals.sources.proc.pressure import parse_pressure
from sysvitals.sources.proc.stat import parse_stat
from sysvitals.sources.proc.vmstat import parse_vmstat
from sysvitals.sources.proc.wireless import parse_wireless

Found = tuple[dict[str, Any], list[Fault]]


class Table(NamedTuple):
    """A table's text with a place for each field, as the kernel prints it when all is well."""

    text: str
    parse: Callable[[str], Found]
    garbage: tuple[str, ...] = (
        "-1",
        "x",
        "nan",
        "1_0",
        "0x10",
        "\u0663",
        "18446744073709551612",
        "99999999999999999999",
    )


def whole(found: Any) -> Found:
    values = found._asdict()
    return values, list(values.pop("faults"))


def row(found: list[Any]) -> Found:
    faults = [one for one in found if isinstance(one, Fault)]
    (read,) = (one for one in found if not isinstance(one, Fault))
    return read._asdict(), faults


def stat(text: str) -> Found:
    found = parse_stat(text)
    times, total = found.cpus[0], found.total
    assert total is not None
    values = {name: value for name, value in found._asdict().items() if name not in ("faults", "cpus", "total")}
    values |= {f"cpu_{name}": value for name, value in times._asdict().items()}
    values |= {f"all_{name}": value for name, value in total._asdict().items()}
    return values, list(found.faults)


def pressure(text: str) -> Found:
    found = parse_pressure("io", text)
    assert found.some is not None
    assert found.full is not None
    some, full = found.some._asdict(), found.full._asdict()
    values = {f"some_{name}": value for name, value in some.items()}
    return values | {f"full_{name}": value for name, value in full.items()}, list(found.faults)


MODES = ("user", "nice", "system", "idle", "iowait", "irq", "softirq", "steal", "guest", "guest_nice")
WAYS = [f"{way}_{what}" for way in ("receive", "transmit") for what in ("bytes", "packets", "errs", "drop")]
TABLES = {
    "meminfo": Table(
        "MemTotal: {total} kB\nMemFree: {free} kB\nMemAvailable: {available} kB\nBuffers: {buffers} kB\n"
        "Cached: {cached} kB\nSwapTotal: {swap_total} kB\nSwapFree: {swap_free} kB\nDirty: {dirty} kB\n"
        "SReclaimable: {slab_reclaimable} kB\nSUnreclaim: {slab_unreclaimable} kB\nShmem: {shmem} kB\n"
        "Writeback: {writeback} kB\n",
        lambda text: whole(parse_meminfo(text)),
    ),
    "vmstat": Table(
        "pswpin {pages_swapped_in}\npswpout {pages_swapped_out}\npgmajfault {major_page_faults}\n"
        "oom_kill {oom_kills}\n",
        lambda text: whole(parse_vmstat(text)),
    ),
    "loadavg": Table("{one} {five} {fifteen} {running}/{tasks} 4711\n", lambda text: whole(parse_loadavg(text))),
    "stat": Table(
        f"cpu  {' '.join(f'{{all_{mode}}}' for mode in MODES)}\ncpu0 {' '.join(f'{{cpu_{mode}}}' for mode in MODES)}\n"
        "intr {interrupts} 0 0\nctxt {context_switches}\nprocesses {forks}\nprocs_blocked {blocked}\n",
        stat,
    ),
    "diskstats": Table(
        " 8 0 sda {reads} 0 {read_sectors} {read_ms} {writes} 0 {written_sectors} {write_ms} {in_progress} {busy_ms}"
        " {weighted_ms} 0 0 0 0 {flushes} {flush_ms}\n",
        lambda text: row(parse_diskstats(text)),
    ),
    "net/dev": Table(
        f"one\ntwo\n eth0: {' '.join(f'{{{name}}}' for name in WAYS[:4])} 0 0 0 0"
        f" {' '.join(f'{{{name}}}' for name in WAYS[4:])} 0 0 0 0\n",
        lambda text: row(parse_netdev(text)),
    ),
    "pressure": Table(
        "some avg10={some_average10} avg60={some_average60} avg300={some_average300} total={some_total}\n"
        "full avg10={full_average10} avg60={full_average60} avg300={full_average300} total={full_total}\n",
        pressure,
    ),
    "net/wireless": Table(
        "one\ntwo\n wlan0: 0000 {link}. {level}. {noise}. 0 0 0 {retry} {misc} 0\n",
        lambda text: row(parse_wireless(text)),
        garbage=("x", "nan", "1_0", "0x10", "\u0663", "99999999999999999999"),  # signed where it is, and wrapped
    ),
}


def names(text: str) -> list[str]:
    return [part.partition("}")[0] for part in text.split("{")[1:]]


@pytest.mark.parametrize("table", TABLES.values(), ids=TABLES)
@settings(max_examples=60, deadline=None)
@given(data=st.data())
def test_a_field_that_makes_no_sense_is_absent_and_its_siblings_stay(table: Table, data: st.DataObject) -> None:
    good = dict.fromkeys(names(table.text), "1")
    expected, faults = table.parse(table.text.format(**good))
    assert faults == []
    assert None not in expected.values()
    name = data.draw(st.sampled_from(sorted(good)))
    found, faults = table.parse(table.text.format(**good | {name: data.draw(st.sampled_from(table.garbage))}))
    assert found == expected | {name: None}
    assert [fault.error for fault in faults] == ["garbage"]
    assert faults[0].what.endswith(name.rpartition("_")[2])


@pytest.mark.parametrize("table", TABLES.values(), ids=TABLES)
@settings(max_examples=60, deadline=None)
@given(data=st.data())
def test_any_number_of_fields_may_be_garbage(table: Table, data: st.DataObject) -> None:
    words = st.just("1") | st.sampled_from(table.garbage)
    texts = {name: data.draw(words) for name in names(table.text)}
    found, faults = table.parse(table.text.format(**texts))
    assert {name for name in texts if found[name] is None} == {name for name, text in texts.items() if text != "1"}
    assert len(faults) == sum(text != "1" for text in texts.values())
