from pathlib import Path

import psutil
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sysvitals.host.host import Host
from sysvitals.model.collector import Fault
from sysvitals.sources.proc.vmstat import Vmstat, parse_vmstat, read_vmstat
from tests.building import build_host
from tests.recorded import HOSTS, RecordedHost

keys = st.sampled_from(["oom_kill", "pgmajfault", "pswpin", "pswpout", "xpswpin"])
texts = st.text() | st.lists(
    st.builds("{} {}".format, keys, st.integers().map(str) | st.text(max_size=5)), max_size=6
).map("\n".join)


def test_counts_are_found_among_all_the_others() -> None:
    text = "nr_free_pages 6076166\npswpin 12\npswpout 34\npgfault 99\npgmajfault 56\noom_kill_disable 1\noom_kill 7"
    assert parse_vmstat(text) == Vmstat(7, 56, 12, 34)
    assert parse_vmstat("pswpin 5") == Vmstat(None, None, 5, None)


@pytest.mark.parametrize("text", ["", "oom_kill", "xoom_kill 3\n", "pgmajfaul"])
def test_what_is_not_there_is_unknown(text: str) -> None:
    assert parse_vmstat(text) == Vmstat(None, None, None, None)


@pytest.mark.parametrize("text", ["oom_kill ", "oom_kill x", "oom_kill -1", "oom_kill 1 2", "oom_kill 1_0"])
def test_a_count_that_makes_no_sense_is_absent(text: str) -> None:
    found = parse_vmstat(f"{text}\npswpin 5\n")
    assert (found.oom_kills, found.pages_swapped_in) == (None, 5)
    assert [(fault.what, fault.error) for fault in found.faults] == [("vmstat oom_kills", "garbage")]


@given(texts)
def test_any_text_gives_counts_or_faults(text: str) -> None:
    found = parse_vmstat(text)
    assert all(fault.error == "garbage" for fault in found.faults)


def test_counts_that_may_not_be_read_are_a_fault_and_missing_ones_are_none(tmp_path: Path) -> None:
    denied = read_vmstat(RecordedHost(HOSTS / "container"))
    assert isinstance(denied, Fault)
    assert (denied.what, denied.error) == ("vmstat", "EACCES")
    assert read_vmstat(build_host(tmp_path, {})) is None
    assert read_vmstat(RecordedHost(HOSTS / "nuc")) == Vmstat(1, 7178, 1201, 10240)


def test_this_machine_says_the_same_to_psutil() -> None:
    ours, swap = read_vmstat(Host()), psutil.swap_memory()
    assert isinstance(ours, Vmstat)
    assert ours.pages_swapped_in is not None
    assert ours.pages_swapped_in * 4096 <= swap.sin  # psutil takes every page for 4 KiB
    assert ours.major_page_faults
