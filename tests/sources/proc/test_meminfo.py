import contextlib

import psutil
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sysvitals.host.host import Host
from sysvitals.sources.proc.meminfo import Meminfo, parse_meminfo, read_meminfo
from tests.recorded import HOSTS, RecordedHost

words = st.one_of(st.text(max_size=8), st.integers().map(str), st.integers(0, 1 << 40).map(lambda n: f"  {n} kB"))
keys = st.sampled_from(["MemTotal", "MemFree", "Shmem", "no colon", "HugePages_Total"]) | st.text(max_size=5)
texts = st.text() | st.lists(st.builds("{}:{}".format, keys, words), max_size=6).map("\n".join)


def test_kilobytes_of_a_recorded_host_become_bytes() -> None:
    assert read_meminfo(RecordedHost(HOSTS / "jetson")) == Meminfo(
        total=7802656 * 1024,
        free=1587136 * 1024,
        available=5364336 * 1024,
        buffers=241220 * 1024,
        cached=3521688 * 1024,
        swap_total=3901304 * 1024,
        swap_free=3880824 * 1024,
        slab_reclaimable=260112 * 1024,
        slab_unreclaimable=202200 * 1024,
        shmem=60812 * 1024,
        dirty=148 * 1024,
        writeback=0,
    )


def test_what_an_old_kernel_does_not_print_is_unknown() -> None:
    assert parse_meminfo("MemTotal: 1024 kB\nMemFree: 1 kB\n") == Meminfo(total=1 << 20, free=1024)


def test_lines_that_nobody_asked_for_are_passed_over() -> None:
    text = "MemTotal: 1 kB\nno colon 12 kB\nCommitted_AS: 18446744073709551612 kB\nSwapCached: x\n"
    assert parse_meminfo(text) == Meminfo(total=1024)


@pytest.mark.parametrize("text", ["", "MemTot", "Committed_AS: 1 kB"])
def test_text_without_a_size_is_an_error(text: str) -> None:
    with pytest.raises(ValueError, match="no sizes"):
        parse_meminfo(text)


@pytest.mark.parametrize(
    "line",
    ["MemTotal:", "MemTotal: 12", "MemTotal: 12 MB", "MemTotal: -12 kB", "MemTotal: 12 kB 3", "MemTotal: 0 kB",
     "MemTotal: 99999999999999999999 kB", "MemTotal: 18446744073709551612 kB", "MemTotal: 4398046511105 kB"],
)  # fmt: skip
def test_a_size_that_makes_no_sense_is_absent(line: str) -> None:
    found = parse_meminfo(f"{line}\nMemFree: 1 kB\n")
    assert (found.total, found.free) == (None, 1024)
    assert [(fault.what, fault.error) for fault in found.faults] == [("meminfo total", "garbage")]


@pytest.mark.parametrize("key", ["MemFree", "MemAvailable", "Cached", "SwapFree"])
def test_a_part_that_is_larger_than_its_whole_is_absent(key: str) -> None:
    found = parse_meminfo(f"MemTotal: 100 kB\nSwapTotal: 100 kB\n{key}: 101 kB\nDirty: 100 kB\n")
    assert found._replace(faults=()) == Meminfo(total=102400, swap_total=102400, dirty=102400)
    assert [fault.error for fault in found.faults] == ["garbage"]


@given(texts)
def test_any_text_gives_a_value_or_a_value_error(text: str) -> None:
    with contextlib.suppress(ValueError):
        parse_meminfo(text)


def test_this_machine_says_the_same_to_psutil() -> None:
    ours, theirs, swap = read_meminfo(Host()), psutil.virtual_memory(), psutil.swap_memory()
    assert (ours.total, ours.swap_total) == (theirs.total, swap.total)
    assert ours.faults == ()
    assert ours.available == pytest.approx(theirs.available, rel=0.2)
    assert ours.buffers == pytest.approx(theirs.buffers, abs=256 << 20)
