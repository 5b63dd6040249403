from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sysvitals.collectors import cpu
from sysvitals.collectors.cpu import CpuFrequency, CpuTime, CpuUsage
from sysvitals.host.host import Host
from sysvitals.model.catalog import build_catalog
from sysvitals.model.collector import Fault, Probe, Unavailable
from sysvitals.model.reading import amend
from sysvitals.sources.sys.cpus import parse_cpu_list
from tests.building import build_host, lxcfs_mounts
from tests.recorded import HOSTS, RecordedHost, recorded_hosts

CPU = "sys/devices/system/cpu"
STAT = "cpu  300 0 100 600 0 0 0 0 0 0\ncpu0 100 0 50 350 0 0 0 0 0 0\ncpu1 200 0 50 250 0 0 0 0 0 0\nctxt 7\n"
BEFORE = CpuUsage(
    user_seconds=100.0, nice_seconds=10.0, system_seconds=50.0, idle_seconds=1000.0, iowait_seconds=20.0,
    irq_seconds=1.0, softirq_seconds=2.0, steal_seconds=3.0,
)  # fmt: skip
MODES = ("user", "nice", "system", "idle", "iowait", "irq", "softirq", "steal")


def read(host: Host) -> tuple[dict[str, CpuTime], CpuUsage, list[Fault]]:
    found = list(cpu.read(host))
    cpus = {reading.cpu: reading for reading in found if isinstance(reading, CpuTime)}
    (usage,) = (reading for reading in found if isinstance(reading, CpuUsage))
    return cpus, usage, [fault for fault in found if isinstance(fault, Fault)]


def frequencies(host: Host) -> dict[str, CpuFrequency]:
    found = [reading for thing in cpu.find(host) if isinstance(thing, Probe) for reading in thing.read()]
    return {reading.cpu: reading for reading in found if isinstance(reading, CpuFrequency)}


def compare(now: CpuUsage, before: CpuUsage) -> CpuUsage:
    usage = cpu.compare(now, before, 5.0)
    assert isinstance(usage, CpuUsage)
    return usage


def test_a_cpu_of_a_recorded_host_is_told_whole() -> None:
    cpus, usage, faults = read(RecordedHost(HOSTS / "nuc"))
    assert cpus["2"] == CpuTime(
        cpu="2",
        online=True,
        user_seconds=403125.94,
        nice_seconds=17171.27,
        system_seconds=137996.45,
        idle_seconds=3437384.84,
        iowait_seconds=12930.92,
        irq_seconds=0.0,
        softirq_seconds=3423.03,
        steal_seconds=0.0,
        guest_seconds=95724.34,
        guest_nice_seconds=0.0,
    )
    assert frequencies(RecordedHost(HOSTS / "nuc"))["2"] == CpuFrequency(
        cpu="2",
        frequency=3_104_556_000,
        frequency_limit=4_200_000_000,
        frequency_minimum=800_000_000,
        frequency_maximum=4_200_000_000,
    )
    assert usage == CpuUsage(
        user_seconds=3102507.54,
        nice_seconds=104769.2,
        system_seconds=1024688.73,
        idle_seconds=23737381.64,
        iowait_seconds=85964.14,
        irq_seconds=0.0,
        softirq_seconds=28916.8,
        steal_seconds=0.0,
        context_switches=3028991082,
        interrupts=1109622348,
        forks=444395,
        blocked=0,
    )
    assert faults == []


def test_an_offline_cpu_has_neither_time_nor_frequency() -> None:
    cpus, _, _ = read(RecordedHost(HOSTS / "nuc"))
    assert cpus["7"] == CpuTime(cpu="7", online=False)
    assert "7" not in frequencies(RecordedHost(HOSTS / "nuc"))


@pytest.mark.parametrize("name", [name for name in recorded_hosts() if name not in ("hostile", "lxc")])
def test_the_cpus_online_are_those_that_sysfs_names(name: str) -> None:
    host = RecordedHost(HOSTS / name)
    cpus, _, faults = read(host)
    online = parse_cpu_list(host.read_text(f"{host.sysfs}/devices/system/cpu/online"))
    assert {int(number) for number, reading in cpus.items() if reading.online} == set(online)
    assert faults == []


def test_cpus_that_share_a_clock_have_the_same_frequency() -> None:
    found = frequencies(RecordedHost(HOSTS / "jetson"))
    assert [reading.frequency for reading in found.values()] == [1_510_400_000] * 4 + [729_600_000] * 2


def test_each_policy_is_a_thing_of_its_own_and_the_times_are_none_of_it() -> None:
    host = RecordedHost(HOSTS / "nuc")
    things = [thing for thing in cpu.find(host) if isinstance(thing, Probe)]
    assert [thing.name for thing in things] == [f"policy{number}" for number in range(8)]
    assert {type(reading) for thing in things for reading in thing.read()} == {CpuFrequency}
    assert {type(reading) for reading in cpu.read(host)} == {CpuTime, CpuUsage}


def test_a_driver_that_fails_takes_no_other_policy_and_no_time_away(tmp_path: Path) -> None:
    files = {
        "proc/stat": STAT,
        f"{CPU}/cpufreq/policy0/affected_cpus": "0\n",
        f"{CPU}/cpufreq/policy0/scaling_cur_freq.ERRNO-EIO": "",
        f"{CPU}/cpufreq/policy1/affected_cpus": "1\n",
        f"{CPU}/cpufreq/policy1/scaling_cur_freq": "600000\n",
    }
    found = list(cpu.COLLECTOR.run(build_host(tmp_path, files)))
    assert [(fault.what, fault.error) for fault in found if isinstance(fault, Fault)] == [
        ("policy0 scaling_cur_freq", "EIO")
    ]
    assert [reading for reading in found if isinstance(reading, CpuFrequency)] == [
        CpuFrequency(cpu="1", frequency=600_000_000)
    ]
    assert len([reading for reading in found if isinstance(reading, CpuTime)]) == 2


def test_an_offline_cpu_of_a_policy_that_others_keep_alive_has_no_frequency(tmp_path: Path) -> None:
    policy = f"{CPU}/cpufreq/policy0"
    host = build_host(
        tmp_path,
        {
            "proc/stat": STAT,
            f"{CPU}/present": "0-2\n",
            f"{CPU}/online": "0-1\n",
            f"{CPU}/offline": "2\n",
            f"{policy}/affected_cpus": "0 1\n",
            f"{policy}/related_cpus": "0 1 2\n",
            f"{policy}/scaling_cur_freq": "600000\n",
        },
    )
    cpus, _, _ = read(host)
    assert [reading.online for reading in cpus.values()] == [True, True, False]
    assert list(frequencies(host)) == ["0", "1"]


def test_a_time_that_makes_no_sense_takes_no_other_away(tmp_path: Path) -> None:
    host = build_host(tmp_path, {"proc/stat": STAT.replace("200", "x"), f"{CPU}/present": "0-1\n"})
    cpus, usage, faults = read(host)
    assert (cpus["1"].online, cpus["1"].user_seconds, cpus["1"].idle_seconds) == (True, None, 2.5)
    assert (cpus["0"].user_seconds, usage.context_switches) == (1.0, 7)
    assert [(fault.what, fault.error) for fault in faults] == [("cpu1 user", "garbage")]


def test_without_sysfs_the_cpus_online_are_told(tmp_path: Path) -> None:
    cpus, _, faults = read(build_host(tmp_path, {"proc/stat": STAT}))
    assert [(reading.cpu, reading.online, reading.user_seconds) for reading in cpus.values()] == [
        ("0", True, 1.0),
        ("1", True, 2.0),
    ]
    assert faults == []


def test_lists_of_cpus_that_fail_hide_nothing_else(tmp_path: Path) -> None:
    files = {
        "proc/stat": STAT,
        "proc/1/mountinfo": lxcfs_mounts("stat"),
        f"{CPU}/offline.ERRNO-EIO": "",
        f"{CPU}/online": "x\n",
        f"{CPU}/cpufreq/policy0/affected_cpus": "0\n",
        f"{CPU}/cpufreq/policy0/scaling_cur_freq": "600000\n",
    }
    host = build_host(tmp_path, files)
    cpus, _, faults = read(host)
    assert list(cpus) == ["0", "1"]
    assert [(fault.what, fault.error) for fault in faults] == [("offline CPUs", "EIO")]
    assert [(fault.what, fault.error) for fault in cpu.find(host) if isinstance(fault, Fault)] == [
        ("online CPUs", "garbage")
    ]
    assert list(frequencies(host)) == ["0"]


def test_the_hostile_host_breaks_no_more_than_its_own_fields() -> None:
    cpus, usage, faults = read(RecordedHost(HOSTS / "hostile"))
    assert sorted(cpus) == ["0", "5", "6", "7"]
    assert cpus["6"] == CpuTime(cpu="6", online=True, nice_seconds=0.01, system_seconds=0.02, idle_seconds=0.03)
    assert usage == CpuUsage(user_seconds=1.0, nice_seconds=0.02, system_seconds=0.3, idle_seconds=40.0)
    assert {fault.error for fault in faults} == {"garbage"}


# containers


def test_cpus_that_a_container_does_not_have_are_not_shown(tmp_path: Path) -> None:
    # a host of 32 CPUs of which this container has two: only /proc/stat is the container's
    files = {f"{CPU}/present": "0-31\n", f"{CPU}/online": "0-31\n", f"{CPU}/offline": "\n"}
    cpus, _, faults = read(build_host(tmp_path, {"proc/stat": STAT, **files}))
    assert {number: reading.online for number, reading in cpus.items()} == {"0": True, "1": True}
    assert faults == []


def test_a_container_of_lxc_has_its_two_cpus_and_no_frequency() -> None:
    cpus, _, faults = read(RecordedHost(HOSTS / "lxc"))
    assert (list(cpus), faults) == (["0", "1"], [])
    assert frequencies(RecordedHost(HOSTS / "lxc")) == {}


def test_cpus_that_lxcfs_alone_calls_online_are_not_offline_elsewhere(tmp_path: Path) -> None:
    files = {f"{CPU}/present": "0-31\n", f"{CPU}/online": "2,5\n", f"{CPU}/offline": "\n"}
    cpus, _, _ = read(build_host(tmp_path, {"proc/stat": STAT, **files}))
    assert list(cpus) == ["0", "1"]


def test_a_line_of_zeros_is_a_cpu_of_somebody_else(tmp_path: Path) -> None:
    zeros = STAT.replace("cpu1 200 0 50 250", "cpu1 0 0 0 0")
    cpus, _, faults = read(build_host(tmp_path, {"proc/stat": zeros}))
    assert (list(cpus), faults) == (["0"], [])


def test_where_a_container_numbers_its_cpus_itself_their_frequency_is_not_known(tmp_path: Path) -> None:
    policy = {f"{CPU}/cpufreq/policy0/affected_cpus": "0\n", f"{CPU}/cpufreq/policy0/scaling_cur_freq": "600000\n"}
    files = {"proc/stat": STAT, "proc/1/mountinfo": lxcfs_mounts("stat"), f"{CPU}/online": "2,5\n"}
    (reason,) = cpu.find(build_host(tmp_path, {**files, **policy}))
    assert isinstance(reason, Unavailable)
    assert "container" in reason.reason


def test_where_the_numbers_are_the_same_a_container_has_the_frequencies_of_its_own_cpus(tmp_path: Path) -> None:
    files: dict[str, str | bytes] = {
        "proc/stat": STAT,
        "proc/1/mountinfo": lxcfs_mounts("stat"),
        f"{CPU}/online": "0-1\n",
    }
    for number in range(3):
        files[f"{CPU}/cpufreq/policy{number}/affected_cpus"] = f"{number}\n"
        files[f"{CPU}/cpufreq/policy{number}/scaling_cur_freq"] = "600000\n"
    assert list(frequencies(build_host(tmp_path, files))) == ["0", "1"]


def test_what_the_kernel_counted_for_the_whole_host_is_left_out_of_its_container(tmp_path: Path) -> None:
    found = list(cpu.read(build_host(tmp_path, {"proc/stat": STAT, "proc/1/mountinfo": lxcfs_mounts("stat")})))
    (usage,) = (reading for reading in found if isinstance(reading, CpuUsage))
    assert (usage.user_seconds, usage.context_switches) == (3.0, None)
    assert [one.reason for one in found if isinstance(one, Unavailable)]


def test_a_stat_that_cannot_be_read_fails_the_collector(tmp_path: Path) -> None:
    with pytest.raises(PermissionError):
        list(cpu.read(build_host(tmp_path, {"proc/stat.ERRNO-EACCES": ""})))


def test_percentages_are_of_the_time_since_the_reading_before() -> None:
    now = CpuUsage(
        user_seconds=104.0, nice_seconds=11.0, system_seconds=52.0, idle_seconds=1010.0, iowait_seconds=21.0,
        irq_seconds=1.5, softirq_seconds=2.5, steal_seconds=4.0, forks=5,
    )  # fmt: skip
    assert compare(now, BEFORE) == amend(
        now, busy_percent=45.0, user_percent=20.0, nice_percent=5.0, system_percent=10.0, idle_percent=50.0,
        iowait_percent=5.0, irq_percent=2.5, softirq_percent=2.5, steal_percent=5.0,
    )  # fmt: skip


def test_one_cpu_is_told_how_busy_it_was() -> None:
    before = CpuTime(
        cpu="0", online=True, user_seconds=1.0, nice_seconds=0.0, system_seconds=0.0, idle_seconds=1.0,
        iowait_seconds=0.0,
    )  # fmt: skip
    now = amend(before, user_seconds=2.0, idle_seconds=3.0, iowait_seconds=1.0)
    assert cpu.compare(now, before, 5.0) == amend(now, busy_percent=25.0)


@pytest.mark.parametrize("mode", MODES[:-1])
def test_a_time_that_is_not_known_makes_no_cpu_look_busy_or_idle(mode: str) -> None:
    now = amend(BEFORE, user_seconds=101.0, idle_seconds=1003.0)
    unknown: dict[str, None] = {f"{mode}_seconds": None}
    for new, old in ((amend(now, **unknown), BEFORE), (now, amend(BEFORE, **unknown))):
        assert compare(new, old) == new


def test_time_that_went_back_counts_as_none() -> None:
    now = amend(BEFORE, user_seconds=101.0, idle_seconds=999.0, iowait_seconds=0.0, system_seconds=53.0)
    usage = compare(now, BEFORE)
    assert (usage.user_percent, usage.system_percent) == (25.0, 75.0)
    assert (usage.idle_percent, usage.iowait_percent) == (0.0, 0.0)
    # a step back by itself is no restart, for which rate() would take it; a longer one is
    assert (usage.idle_seconds, usage.iowait_seconds) == (BEFORE.idle_seconds, 0.0)


def test_where_no_time_passed_there_is_no_percentage() -> None:
    assert compare(BEFORE, BEFORE) == BEFORE
    assert compare(amend(BEFORE, idle_seconds=1.0), BEFORE).busy_percent is None


def test_a_cpu_that_was_offline_has_no_percentage() -> None:
    online = CpuTime(cpu="0", online=True, user_seconds=1.0, idle_seconds=1.0)
    offline = CpuTime(cpu="0", online=False)
    assert cpu.compare(online, offline, 5.0) == online
    assert cpu.compare(offline, online, 5.0) == offline


seconds = st.none() | st.floats(min_value=0, max_value=1e15)
usages = st.builds(CpuUsage, **{f"{mode}_seconds": seconds for mode in MODES})


def test_a_frequency_needs_no_reading_before() -> None:
    now = CpuFrequency(cpu="0", frequency=1)
    assert cpu.compare(now, amend(now, frequency=2), 5.0) == now


@settings(max_examples=100)
@given(usages, usages)
def test_percentages_stay_within_bounds_whatever_the_counters_do(now: CpuUsage, before: CpuUsage) -> None:
    usage = compare(now, before)
    shares = [getattr(usage, f"{mode}_percent") for mode in MODES]
    known = [share for share in shares if share is not None]
    assert all(0 <= share <= 100 for share in known)
    assert not known or sum(known) == pytest.approx(100, abs=0.05)
    assert usage.busy_percent is None or 0 <= usage.busy_percent <= 100


def test_the_names_of_the_metrics_are_those_of_node_exporter_with_our_prefix() -> None:
    families = build_catalog([cpu.COLLECTOR]).families
    assert families["system_cpu_seconds_total"].labels == ("cpu", "mode")
    assert [dict(sample.labels)["mode"] for sample in families["system_cpu_seconds_total"].samples] == list(MODES)
    assert set(families) == {
        "system_context_switches_total",
        "system_cpu_scaling_frequency_hertz",
        "system_cpu_frequency_max_hertz",
        "system_cpu_frequency_min_hertz",
        "system_cpu_guest_seconds_total",
        "system_cpu_online",
        "system_cpu_scaling_frequency_max_hertz",
        "system_cpu_seconds_total",
        "system_forks_total",
        "system_intr_total",
        "system_procs_blocked",
    }
