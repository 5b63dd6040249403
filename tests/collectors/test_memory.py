from pathlib import Path

import pytest

from sysvitals.collectors import memory
from sysvitals.collectors.memory import MemoryUsage
from sysvitals.model.catalog import build_catalog
from sysvitals.model.collector import Fault, Unavailable
from tests.building import build_host, lxcfs_mounts
from tests.recorded import HOSTS, RecordedHost


def test_memory_of_a_recorded_host_is_told_whole() -> None:
    assert list(memory.read(RecordedHost(HOSTS / "nuc"))) == [
        MemoryUsage(
            used_percent=40.86,
            swap_used_percent=0.49,
            total=32765204 * 1024,
            available=19378456 * 1024,
            free=6600356 * 1024,
            buffers=341220 * 1024,
            cached=12761412 * 1024,
            shmem=402812 * 1024,
            slab_reclaimable=860112 * 1024,
            slab_unreclaimable=5402200 * 1024,
            dirty=148 * 1024,
            writeback=0,
            swap_total=8388604 * 1024,
            swap_free=8347644 * 1024,
            oom_kills=1,
            major_page_faults=7178,
            pages_swapped_in=1201,
            pages_swapped_out=10240,
        )
    ]


def test_counts_that_may_not_be_read_leave_the_sizes() -> None:
    fault, usage = memory.read(RecordedHost(HOSTS / "container"))
    assert isinstance(fault, Fault)
    assert (fault.what, fault.error) == ("vmstat", "EACCES")
    assert isinstance(usage, MemoryUsage)
    assert (usage.total, usage.oom_kills, usage.major_page_faults) == (3884344 * 1024, None, None)


def test_what_an_old_kernel_does_not_know_is_absent(tmp_path: Path) -> None:
    host = build_host(tmp_path, {"proc/meminfo": "MemTotal: 100 kB\nMemFree: 25 kB\n"})
    assert list(memory.read(host)) == [MemoryUsage(total=100 * 1024, free=25 * 1024)]


@pytest.mark.parametrize(
    ("available", "swap", "used", "swap_used"),
    [
        (25, (0, 0), 75.0, None),
        (100, (8, 8), 0.0, 0.0),
        (0, (8, 2), 100.0, 75.0),
    ],
)
def test_what_is_used_is_what_is_not_left(
    tmp_path: Path, available: int, swap: tuple[int, int], used: float, swap_used: float | None
) -> None:
    text = f"MemTotal: 100 kB\nMemAvailable: {available} kB\nSwapTotal: {swap[0]} kB\nSwapFree: {swap[1]} kB\n"
    (usage,) = memory.read(build_host(tmp_path, {"proc/meminfo": text}))
    assert isinstance(usage, MemoryUsage)
    assert (usage.used_percent, usage.swap_used_percent) == (used, swap_used)


def test_text_without_a_size_is_an_error_and_no_number(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="no sizes"):
        list(memory.read(build_host(tmp_path, {"proc/meminfo": "x"})))


@pytest.mark.parametrize("line", ["MemAvailable: -1 kB", "MemAvailable: 101 kB", "SwapFree: 18446744073709551612 kB"])
def test_a_size_that_makes_no_sense_is_absent_and_takes_no_other(tmp_path: Path, line: str) -> None:
    text = f"MemTotal: 100 kB\nMemFree: 25 kB\nSwapTotal: 8 kB\n{line}\n"
    fault, usage = memory.read(build_host(tmp_path, {"proc/meminfo": text, "proc/vmstat": "oom_kill 3\n"}))
    assert isinstance(fault, Fault)
    assert fault.error == "garbage"
    assert usage == MemoryUsage(total=100 * 1024, free=25 * 1024, swap_total=8 * 1024, oom_kills=3)


def test_where_nothing_makes_sense_there_is_no_reading(tmp_path: Path) -> None:
    found = list(memory.read(build_host(tmp_path, {"proc/meminfo": "MemTotal:\n"})))
    assert {type(one) for one in found} == {Fault}


def test_a_count_that_makes_no_sense_takes_no_other(tmp_path: Path) -> None:
    files = {"proc/meminfo": "MemTotal: 100 kB\n", "proc/vmstat": "pswpin -1\noom_kill 3\n"}
    fault, usage = memory.read(build_host(tmp_path, files))
    assert isinstance(fault, Fault)
    assert (fault.what, fault.error) == ("vmstat pages_swapped_in", "garbage")
    assert usage == MemoryUsage(total=100 * 1024, oom_kills=3)


CONTAINER = """\
MemTotal: 1000 kB
MemFree: 400 kB
MemAvailable: 600 kB
Buffers: 0 kB
Cached: 200 kB
SwapTotal: {swap} kB
SwapFree: {swap} kB
Dirty: 0 kB
Writeback: 0 kB
SReclaimable: 0 kB
SUnreclaim: 0 kB
Shmem: 0 kB
"""


@pytest.mark.parametrize(("swap", "known"), [(0, None), (8, 8 * 1024)])
def test_a_container_has_its_own_memory_and_nothing_that_lxcfs_makes_up(
    tmp_path: Path, swap: int, known: int | None
) -> None:
    files = {
        "proc/1/mountinfo": lxcfs_mounts("meminfo"),
        "proc/meminfo": CONTAINER.format(swap=swap),
        "proc/vmstat": "oom_kill 7\n",
    }
    reason, usage = memory.read(build_host(tmp_path, files))
    assert isinstance(reason, Unavailable)
    assert "OOM kills" in reason.reason
    assert usage == MemoryUsage(
        used_percent=40.0,
        total=1000 * 1024,
        available=600 * 1024,
        free=400 * 1024,
        cached=200 * 1024,
        shmem=0,
        swap_total=known,
        swap_free=known,
        swap_used_percent=0.0 if swap else None,
    )


def test_the_metrics_are_these() -> None:
    families = build_catalog([memory.COLLECTOR]).families
    assert {family.labels for family in families.values()} == {()}
    assert {"system_memory_available_bytes", "system_memory_oom_kills_total"} < set(families)
    assert len(families) == 16
