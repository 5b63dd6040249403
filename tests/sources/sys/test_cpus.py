import contextlib
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sysvitals.sources.sys.cpus import (
    Frequencies,
    Policy,
    list_policies,
    parse_cpu_list,
    parse_hertz,
    read_frequencies,
    read_offline_cpus,
    read_online_cpus,
)
from tests.building import build_host
from tests.recorded import HOSTS, RecordedHost

CPU = "sys/devices/system/cpu"
POLICY = f"{CPU}/cpufreq/policy0"
FILES = {
    f"{POLICY}/affected_cpus": "0 1 2 3\n",
    f"{POLICY}/scaling_cur_freq": "600000\n",
    f"{POLICY}/cpuinfo_min_freq": "600000\n",
    f"{POLICY}/cpuinfo_max_freq": "1500000\n",
    f"{POLICY}/scaling_max_freq": "1400000\n",
}
ALL = Frequencies((0, 1, 2, 3), 600_000_000, 600_000_000, 1_500_000_000, 1_400_000_000)


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


@pytest.mark.parametrize("text", ["-600000", "<unsupported>", "", "1.5e6", "4294967295", "18446744073709551615"])
def test_a_frequency_that_makes_no_sense_is_an_error(text: str) -> None:
    with pytest.raises(ValueError, match=r"."):
        parse_hertz(text)


def read(host: RecordedHost) -> list[Frequencies]:
    return [read_frequencies(host, policy, {}) for policy in list_policies(host)]


def test_one_policy_serves_its_cpus(tmp_path: Path) -> None:
    assert read(build_host(tmp_path, FILES)) == [ALL]


def test_of_the_cpus_that_share_a_clock_those_online_are_told(tmp_path: Path) -> None:
    files: dict[str, str | bytes] = {**FILES, f"{POLICY}/affected_cpus": "0 2\n", f"{POLICY}/related_cpus": "0 1 2 3\n"}
    assert read(build_host(tmp_path, files)) == [ALL._replace(cpus=(0, 2))]


def test_a_host_that_scales_nothing_has_no_policy(tmp_path: Path) -> None:
    assert list_policies(build_host(tmp_path, {f"{CPU}/present": "0\n"})) == []
    assert list_policies(build_host(tmp_path, {f"{CPU}/cpufreq/boost": "1\n"})) == []


def test_the_policies_are_found_without_a_word_from_their_drivers(tmp_path: Path) -> None:
    host = build_host(tmp_path, {f"{CPU}/cpufreq/policy{number}/related_cpus.ERRNO-EIO": "" for number in (0, 4, 10)})
    assert [policy.name for policy in list_policies(host)] == ["policy0", "policy4", "policy10"]


def test_before_linux_4_3_each_cpu_has_its_own_folder(tmp_path: Path) -> None:
    files: dict[str, str | bytes] = {
        name.replace("cpufreq/policy0", "cpu0/cpufreq"): text for name, text in FILES.items()
    }
    host = build_host(tmp_path, {**files, f"{CPU}/cpu1/cpufreq": "-> ../cpu0/cpufreq", f"{CPU}/cpu2/online": "0\n"})
    assert [policy.name for policy in list_policies(host)] == ["cpu0", "cpu1"]
    assert read(host) == [ALL._replace(cpus=(0,)), ALL._replace(cpus=(1,))]


def test_a_policy_whose_cpus_are_offline_is_unknown_and_no_fault(tmp_path: Path) -> None:
    host = build_host(tmp_path, {f"{file}.ERRNO-EBUSY": "" for file in FILES})
    assert read(host) == [Frequencies(())]


def test_a_policy_that_goes_offline_while_it_is_read_has_no_frequency(tmp_path: Path) -> None:
    files = {f"{file}.ERRNO-EBUSY": "" for file in FILES if "affected" not in file}
    host = build_host(tmp_path, {**files, f"{POLICY}/affected_cpus": "0\n"})
    assert read(host) == [Frequencies((0,))]


def test_a_frequency_that_fails_is_a_fault_beside_the_others(tmp_path: Path) -> None:
    files: dict[str, str | bytes] = {**FILES, f"{POLICY}/scaling_max_freq": "fast\n"}
    del files[f"{POLICY}/scaling_cur_freq"]
    (found,) = read(build_host(tmp_path, {**files, f"{POLICY}/scaling_cur_freq.ERRNO-EIO": ""}))
    assert [(fault.what, fault.error) for fault in found.faults] == [
        ("policy0 scaling_cur_freq", "EIO"),
        ("policy0 scaling_max_freq", "garbage"),
    ]
    assert found._replace(faults=()) == ALL._replace(current=None, limit=None)


def test_a_policy_that_does_not_say_whose_it_is_says_why(tmp_path: Path) -> None:
    (found,) = read(build_host(tmp_path, {f"{CPU}/cpufreq/policy4/affected_cpus.ERRNO-EACCES": ""}))
    assert found.cpus == ()
    assert [(fault.what, fault.error) for fault in found.faults] == [("policy4 affected_cpus", "EACCES")]


def test_a_cpu_is_offline_where_it_is_there_and_the_kernel_says_so(tmp_path: Path) -> None:
    plugs = build_host(tmp_path, {f"{CPU}/present": "0-3\n", f"{CPU}/online": "0\n", f"{CPU}/offline": "3-7\n"})
    assert read_offline_cpus(plugs) == (3,)
    assert read_offline_cpus(RecordedHost(HOSTS / "nuc")) == (7,)


def test_without_sysfs_no_cpu_is_known_to_be_on_or_off(tmp_path: Path) -> None:
    host = build_host(tmp_path, {"proc/uptime": "1 1\n"})
    assert (read_offline_cpus(host), read_online_cpus(host)) == ((), None)


def test_a_list_of_cpus_that_makes_no_sense_is_no_list(tmp_path: Path) -> None:
    host = build_host(tmp_path, {f"{CPU}/{name}": "garbage\n" for name in ("present", "offline", "online")})
    for look in (read_offline_cpus, read_online_cpus):
        with pytest.raises(ValueError, match="not a whole number"):
            look(host)


def test_the_frequencies_of_recorded_hosts() -> None:
    assert read(RecordedHost(HOSTS / "jetson")) == [
        Frequencies((0, 1, 2, 3), 1_510_400_000, 115_200_000, 1_510_400_000, 1_510_400_000),
        Frequencies((4, 5), 729_600_000, 115_200_000, 1_510_400_000, 1_510_400_000),
    ]
    assert list_policies(RecordedHost(HOSTS / "vm")) == []
    assert list_policies(RecordedHost(HOSTS / "pi-zero-w"))[0] == Policy(
        "policy0", str(HOSTS / "pi-zero-w" / CPU / "cpufreq/policy0")
    )


def test_what_the_hardware_can_do_is_read_once_and_the_rest_each_time(tmp_path: Path) -> None:
    host = build_host(tmp_path, FILES)
    (policy,) = list_policies(host)
    hardware: dict[str, int] = {}
    assert read_frequencies(host, policy, hardware) == ALL
    for file in ("cpuinfo_min_freq", "cpuinfo_max_freq"):
        (tmp_path / POLICY / file).unlink()
    (tmp_path / POLICY / "scaling_cur_freq").write_text("700000\n")
    assert read_frequencies(host, policy, hardware) == ALL._replace(current=700_000_000)


def test_what_could_not_be_read_of_the_hardware_is_read_again(tmp_path: Path) -> None:
    host = build_host(tmp_path, FILES | {f"{POLICY}/cpuinfo_max_freq": "garbage\n"})
    (policy,) = list_policies(host)
    hardware: dict[str, int] = {}
    assert read_frequencies(host, policy, hardware).highest is None
    (tmp_path / POLICY / "cpuinfo_max_freq").write_text("1500000\n")
    assert read_frequencies(host, policy, hardware) == ALL
