import contextlib
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sysvitals.model.collector import Fault
from sysvitals.sources.sys.cpus import Policy, parse_cpu_list, parse_hertz, read_policies, read_present_cpus
from tests.building import build_host
from tests.recorded import HOSTS, RecordedHost

CPU = "sys/devices/system/cpu"
POLICY = f"{CPU}/cpufreq/policy0"
FILES = {
    f"{POLICY}/related_cpus": "0 1 2 3\n",
    f"{POLICY}/scaling_cur_freq": "600000\n",
    f"{POLICY}/cpuinfo_min_freq": "600000\n",
    f"{POLICY}/cpuinfo_max_freq": "1500000\n",
    f"{POLICY}/scaling_max_freq": "1400000\n",
}
ALL = Policy((0, 1, 2, 3), 600_000_000, 600_000_000, 1_500_000_000, 1_400_000_000)


@pytest.mark.parametrize(
    ("text", "cpus"),
    [("", ()), ("0", (0,)), ("0-3", (0, 1, 2, 3)), ("0,2-3,9", (0, 2, 3, 9)), ("1-1", (1,)), ("0-1,1", (0, 1))],
)
def test_a_list_of_cpus_has_ranges(text: str, cpus: tuple[int, ...]) -> None:
    assert parse_cpu_list(text) == cpus


@pytest.mark.parametrize("text", ["garbage", "0-", "-1", "3-1", "0,,1", "0-99999999999", "0 1", "0-1-2", "٣"])
def test_a_list_that_makes_no_sense_is_an_error(text: str) -> None:
    with pytest.raises(ValueError, match=r"."):
        parse_cpu_list(text)


@given(st.sets(st.integers(min_value=0, max_value=300)))
def test_every_cpu_of_a_list_is_found(cpus: set[int]) -> None:
    assert set(parse_cpu_list(",".join(map(str, sorted(cpus))))) == cpus


@given(st.text() | st.text(alphabet="0123456789,- ", max_size=20))
def test_any_text_gives_a_value_or_a_value_error(text: str) -> None:
    with contextlib.suppress(ValueError):
        parse_cpu_list(text)
    with contextlib.suppress(ValueError):
        parse_hertz(text)


@pytest.mark.parametrize(("text", "hertz"), [("1500000", 1_500_000_000), ("<unknown>", None), ("0", None)])
def test_kilohertz_become_hertz_and_what_is_unknown_nothing(text: str, hertz: int | None) -> None:
    assert parse_hertz(text) == hertz


@pytest.mark.parametrize("text", ["-600000", "<unsupported>", "", "1.5e6"])
def test_a_frequency_that_makes_no_sense_is_an_error(text: str) -> None:
    with pytest.raises(ValueError, match=r"."):
        parse_hertz(text)


def test_one_policy_serves_its_cpus(tmp_path: Path) -> None:
    assert list(read_policies(build_host(tmp_path, FILES))) == [ALL]


def test_a_host_that_scales_nothing_has_no_policy(tmp_path: Path) -> None:
    assert list(read_policies(build_host(tmp_path, {f"{CPU}/present": "0\n"}))) == []
    assert list(read_policies(build_host(tmp_path, {f"{CPU}/cpufreq/boost": "1\n"}))) == []


def test_a_policy_whose_cpus_are_offline_is_none_and_no_fault(tmp_path: Path) -> None:
    host = build_host(tmp_path, {f"{file}.ERRNO-EBUSY": "" for file in FILES})
    assert list(read_policies(host)) == []


def test_a_policy_that_goes_offline_while_it_is_read_has_no_frequency(tmp_path: Path) -> None:
    files = {f"{file}.ERRNO-EBUSY": "" for file in FILES if "related" not in file}
    host = build_host(tmp_path, {**files, f"{POLICY}/related_cpus": "0\n"})
    assert list(read_policies(host)) == [Policy((0,), None, None, None, None)]


def test_a_frequency_that_fails_is_a_fault_beside_the_others(tmp_path: Path) -> None:
    files: dict[str, str | bytes] = {**FILES, f"{POLICY}/scaling_max_freq": "fast\n"}
    del files[f"{POLICY}/scaling_cur_freq"]
    host = build_host(tmp_path, {**files, f"{POLICY}/scaling_cur_freq.ERRNO-EIO": ""})
    *faults, policy = read_policies(host)
    assert [(fault.what, fault.error) for fault in faults if isinstance(fault, Fault)] == [
        ("policy0 scaling_cur_freq", "EIO"),
        ("policy0 scaling_max_freq", "garbage"),
    ]
    assert policy == Policy((0, 1, 2, 3), None, 600_000_000, 1_500_000_000, None)


def test_a_policy_that_fails_does_not_hide_the_next(tmp_path: Path) -> None:
    broken: dict[str, str | bytes] = {f"{CPU}/cpufreq/policy4/related_cpus.ERRNO-EACCES": ""}
    found = list(read_policies(build_host(tmp_path, {**FILES, **broken})))
    assert found[0] == ALL
    assert isinstance(found[1], Fault)
    assert (found[1].what, found[1].error) == ("policy4 related_cpus", "EACCES")


def test_present_cpus_that_make_no_sense_are_a_fault(tmp_path: Path) -> None:
    present = read_present_cpus(build_host(tmp_path, {f"{CPU}/present": "garbage\n"}))
    assert isinstance(present, Fault)
    assert present.error == "garbage"


def test_the_frequencies_of_recorded_hosts() -> None:
    assert list(read_policies(RecordedHost(HOSTS / "jetson"))) == [
        Policy((0, 1, 2, 3), 1_510_400_000, 115_200_000, 1_510_400_000, 1_510_400_000),
        Policy((4, 5), 729_600_000, 115_200_000, 1_510_400_000, 1_510_400_000),
    ]
    assert list(read_policies(RecordedHost(HOSTS / "vm"))) == []
    assert read_present_cpus(RecordedHost(HOSTS / "nuc")) == (0, 1, 2, 3, 4, 5, 6, 7)
