import contextlib
from functools import partial
from pathlib import Path

import psutil
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sysvitals.host.host import Host
from sysvitals.sources.proc.stat import (
    CpuTimes,
    Stat,
    parse_boot_time,
    parse_cpu_times,
    parse_stat,
    read_boot_time,
    read_stat,
)
from tests.building import build_host, known
from tests.recorded import RecordedHost

TEXT = """\
cpu  55062 9577 19842 386182 1026 7 173 19 44 5
cpu0 3353 4604 3354 224515 93 3 17 7 40 5
cpu1 51708 4973 16487 161666 933 4 156 11 4 0
intr 1104480 0 0 0 14 1 0
ctxt 2454474
btime 1795356413
processes 17740
procs_running 2
procs_blocked 3
softirq 384823 0 43402 4 24060 150478 0 14 97272 0 69593
"""

counts = st.integers(min_value=0, max_value=(1 << 64) - 1)
words = st.one_of(st.text(max_size=8), counts.map(str), st.sampled_from(["-1", "1e3", "0x1", "٣", "1_0", "nan"]))
keys = st.sampled_from(["cpu", "cpu ", "cpu0", "cpu12", "cpuX", "cpu-1", "intr", "ctxt", "btime", "processes", "x"])
lines = st.builds(lambda key, rest: " ".join([key, *rest]), keys, st.lists(words, max_size=12))
texts = st.one_of(st.text(), st.lists(lines, max_size=8).map("\n".join))


def test_ticks_become_seconds() -> None:
    assert parse_stat(TEXT) == Stat(
        cpus={
            0: CpuTimes(33.53, 46.04, 33.54, 2245.15, 0.93, 0.03, 0.17, 0.07, 0.4, 0.05),
            1: CpuTimes(517.08, 49.73, 164.87, 1616.66, 9.33, 0.04, 1.56, 0.11, 0.04, 0.0),
        },
        total=CpuTimes(550.62, 95.77, 198.42, 3861.82, 10.26, 0.07, 1.73, 0.19, 0.44, 0.05),
        interrupts=1104480,
        context_switches=2454474,
        forks=17740,
        blocked=3,
        faults=(),
    )


def test_columns_of_old_kernels_are_few_and_of_new_ones_many() -> None:
    assert parse_cpu_times("cpu0", "100 2 30 4000") == (CpuTimes(1.0, 0.02, 0.3, 40.0), [])
    assert parse_cpu_times("cpu0", "1 2 3 4 5 6 7") == (CpuTimes(0.01, 0.02, 0.03, 0.04, 0.05, 0.06, 0.07), [])
    times, faults = parse_cpu_times("cpu0", "1 2 3 4 5 6 7 8 9 10 11 word")
    assert (times.guest_nice, faults) == (0.1, [])


def test_a_time_that_makes_no_sense_is_absent_and_hides_no_other() -> None:
    stat = parse_stat("cpu  1 2 3 4\ncpu0 1 2 3\ncpu1 5 6 7 8\ncpu2 1 2 -3 4\ncpu3 99999999999999999999 1 1 1")
    assert stat.cpus == {
        0: CpuTimes(0.01, 0.02, 0.03, None),
        1: CpuTimes(0.05, 0.06, 0.07, 0.08),
        2: CpuTimes(0.01, 0.02, None, 0.04),
        3: CpuTimes(None, 0.01, 0.01, 0.01),
    }
    assert [fault.what for fault in stat.faults] == ["cpu0 idle", "cpu2 system", "cpu3 user"]


@pytest.mark.parametrize("wrapped", ["18446744073709551000", "8317131874320235395", "1844674407370"])
def test_a_time_beyond_all_ages_is_one_below_zero_without_its_sign(wrapped: str) -> None:
    times, (fault,) = parse_cpu_times("cpu0", f"1 2 3 {wrapped}")
    assert times == CpuTimes(0.01, 0.02, 0.03, None)
    assert (fault.what, fault.error) == ("cpu0 idle", "garbage")


def test_numbers_that_make_no_sense_are_faults_and_leave_no_value() -> None:
    stat = parse_stat("cpu  1 2\ncpu0 1 2 3 4\ncpuX 1 2 3 4\nintr\nctxt 18446744073709551616\nprocesses -1\n")
    assert [(fault.what, fault.error) for fault in stat.faults] == [
        ("all CPUs system", "garbage"),
        ("all CPUs idle", "garbage"),
        ("line cpuX", "garbage"),
        ("stat interrupts", "garbage"),
        ("stat context_switches", "garbage"),
        ("stat forks", "garbage"),
    ]
    assert (stat.interrupts, stat.context_switches, stat.forks, stat.blocked) == (None,) * 4
    assert stat.total == CpuTimes(0.01, 0.02)


@pytest.mark.parametrize("text", ["", "ctxt 1\n", "cp"])
def test_text_without_a_cpu_is_an_error(text: str) -> None:
    with pytest.raises(ValueError, match="no CPU"):
        parse_stat(text)


@given(texts)
def test_any_text_gives_a_value_or_a_value_error(text: str) -> None:
    with contextlib.suppress(ValueError):
        parse_stat(text)
    with contextlib.suppress(ValueError):
        parse_boot_time(text)


@settings(max_examples=50)
@given(st.lists(st.integers(min_value=0, max_value=1 << 38), min_size=10, max_size=10))
def test_no_tick_is_lost(ticks: list[int]) -> None:
    times, _ = parse_cpu_times("cpu0", " ".join(map(str, ticks)))
    assert [round(getattr(times, name) * 100) for name in CpuTimes._fields] == ticks


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (TEXT, 1795356413),
        ("btime 12", 12),
        ("cpu 1 2 3 4\nbtime 0\nx", None),
        ("cpu 1 2 3 4", None),
        ("xbtime 3", None),
    ],
)
def test_boot_time_is_absent_where_no_clock_was_set(text: str, expected: int | None) -> None:
    assert parse_boot_time(text) == expected


@pytest.mark.parametrize("word", ["", "garbage", "-1", "1.5", "18446744073709551615"])
def test_a_boot_time_that_is_no_number_is_an_error(word: str) -> None:
    with pytest.raises(ValueError, match=r"."):
        parse_boot_time(f"btime {word}\n")


def test_a_stat_that_may_not_be_read_is_an_error(tmp_path: Path) -> None:
    host = build_host(tmp_path, {"proc/stat.ERRNO-EACCES": ""})
    for read in (read_stat, partial(read_boot_time, uptime=None)):
        with pytest.raises(PermissionError):
            read(host)


def test_this_machine_says_the_same_to_psutil() -> None:
    before = psutil.cpu_times(percpu=True)
    switches = psutil.cpu_stats().ctx_switches
    stat = read_stat(Host())
    after = psutil.cpu_times(percpu=True)
    assert len(stat.cpus) == len(before)
    for old, (_, ours), new in zip(before, sorted(stat.cpus.items()), after, strict=True):
        assert old.user <= known(ours.user) <= new.user
        assert old.system <= known(ours.system) <= new.system
        assert ours.idle == pytest.approx(new.idle, abs=5)
    assert switches <= known(stat.context_switches) <= psutil.cpu_stats().ctx_switches
    assert read_boot_time(Host(), None) == pytest.approx(psutil.boot_time(), abs=1)


def test_the_boot_time_is_read_again_only_when_the_clock_was_set(tmp_path: Path) -> None:
    class SetHost(RecordedHost):
        now = 1_000_000.0

        def time(self) -> float:
            return self.now

    build_host(tmp_path, {"proc/stat": "btime 999000\n"})
    host = SetHost(tmp_path)
    assert read_boot_time(host, 1000.0) == 999_000
    (tmp_path / "proc/stat").write_text("btime 1999000\n")
    host.now += 5.0
    assert read_boot_time(host, 1005.02) == 999_000
    host.now += 1_000_000.0
    assert read_boot_time(host, 1005.03) == 1_999_000


def test_without_an_uptime_the_boot_time_is_read_each_time(tmp_path: Path) -> None:
    host = build_host(tmp_path, {"proc/stat": "btime 999000\n"})
    assert read_boot_time(host, None) == 999_000
    (tmp_path / "proc/stat").write_text("btime 1999000\n")
    assert read_boot_time(host, None) == 1_999_000
