from pathlib import Path

import pytest

from sysvitals.collectors import memory
from sysvitals.collectors.memory import MemoryUsage
from sysvitals.model.catalog import build_catalog
from sysvitals.model.collector import Fault
from tests.building import build_host
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
        (101, (8, 9), 0.0, 0.0),
    ],
)
def test_what_is_used_is_what_is_not_left(
    tmp_path: Path, available: int, swap: tuple[int, int], used: float, swap_used: float | None
) -> None:
    text = f"MemTotal: 100 kB\nMemAvailable: {available} kB\nSwapTotal: {swap[0]} kB\nSwapFree: {swap[1]} kB\n"
    (usage,) = memory.read(build_host(tmp_path, {"proc/meminfo": text}))
    assert isinstance(usage, MemoryUsage)
    assert (usage.used_percent, usage.swap_used_percent) == (used, swap_used)


@pytest.mark.parametrize("text", ["", "MemTotal:", "MemFree: 1 kB"])
def test_memory_that_makes_no_sense_is_an_error_and_no_number(tmp_path: Path, text: str) -> None:
    with pytest.raises(ValueError, match=r"."):
        list(memory.read(build_host(tmp_path, {"proc/meminfo": text})))


def test_the_metrics_are_these() -> None:
    families = build_catalog([memory.COLLECTOR]).families
    assert {family.labels for family in families.values()} == {()}
    assert {"system_memory_available_bytes", "system_memory_oom_kills_total"} < set(families)
    assert len(families) == 16
