from pathlib import Path

import pytest

from sysvitals.collectors import load
from sysvitals.model.collector import Fault, Unavailable
from tests.building import build_host, lxcfs_mounts
from tests.recorded import RecordedHost


def test_load_is_as_the_kernel_prints_it(tmp_path: Path) -> None:
    host = build_host(tmp_path, {"proc/loadavg": "0.20 0.18 0.12 3/180 11206\n"})
    assert list(load.read(host)) == [load.Load(load1=0.20, load5=0.18, load15=0.12, running=3, tasks=180)]


@pytest.mark.parametrize("text", ["", "0.20 0.18\n", "nan inf\n"])
def test_text_without_a_load_is_an_error(tmp_path: Path, text: str) -> None:
    host = build_host(tmp_path, {"proc/loadavg": text})
    with pytest.raises(ValueError, match="not load averages"):
        list(load.read(host))


@pytest.mark.parametrize("word", ["nan", "-0.01", "x", "42949672.94", "18446744073709551615"])
def test_a_load_that_makes_no_sense_is_absent_and_takes_no_other(tmp_path: Path, word: str) -> None:
    fault, reading = load.read(build_host(tmp_path, {"proc/loadavg": f"0.20 {word} 0.12 3/180 11206\n"}))
    assert isinstance(fault, Fault)
    assert (fault.what, fault.error) == ("loadavg five", "garbage")
    assert reading == load.Load(load1=0.20, load15=0.12, running=3, tasks=180)


def test_where_nothing_makes_sense_there_is_no_reading(tmp_path: Path) -> None:
    found = list(load.read(build_host(tmp_path, {"proc/loadavg": "a b c d/e 1\n"})))
    assert {type(one) for one in found} == {Fault}


# containers


def container(folder: Path, tasks: int, *, own: str = "40\n", cgroup: str = "cgroup") -> RecordedHost:
    """A container of 40 tasks, whose load counts that many."""
    files = {
        "proc/1/mountinfo": lxcfs_mounts("loadavg", "uptime"),
        "proc/loadavg": f"9.20 8.18 7.12 3/{tasks} 11206\n",
        f"sys/fs/{cgroup}/pids.current": own,
    }
    return build_host(folder, {name: text for name, text in files.items() if text})


@pytest.mark.parametrize("cgroup", ["cgroup", "cgroup/pids"])
def test_the_load_of_a_containers_host_is_not_the_containers(tmp_path: Path, cgroup: str) -> None:
    with pytest.raises(Unavailable, match="--enable-loadavg"):
        list(load.read(container(tmp_path, 812, cgroup=cgroup)))


@pytest.mark.parametrize("tasks", [38, 40, 60])
def test_a_load_that_counts_the_containers_tasks_is_the_containers(tmp_path: Path, tasks: int) -> None:
    (reading,) = load.read(container(tmp_path, tasks))
    assert reading == load.Load(load1=9.20, load5=8.18, load15=7.12, running=3, tasks=tasks)


def test_whose_load_it_is_cannot_be_known_without_a_count_of_the_containers_tasks(tmp_path: Path) -> None:
    with pytest.raises(Unavailable):
        list(load.read(container(tmp_path, 40, own="")))


def test_a_host_that_serves_containers_has_its_own_load(tmp_path: Path) -> None:
    mounts = "31 1 0:39 / /var/lib/lxcfs rw,nosuid - fuse.lxcfs lxcfs rw,user_id=0,allow_other\n"
    host = build_host(tmp_path, {"proc/1/mountinfo": mounts, "proc/loadavg": "0.20 0.18 0.12 3/812 11206\n"})
    assert [reading.tasks for reading in load.read(host) if isinstance(reading, load.Load)] == [812]
