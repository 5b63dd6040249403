from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sysvitals.sources.proc.lxcfs import parse_lxcfs, read_lxcfs, read_own_tasks
from tests.building import build_host, lxcfs_mounts
from tests.recorded import HOSTS, RecordedHost, recorded_hosts

HOST = "41 29 0:39 / /var/lib/lxcfs rw,nosuid,nodev,relatime shared:21 - fuse.lxcfs lxcfs rw,user_id=0,allow_other\n"


def test_a_container_names_the_files_that_lxcfs_serves(tmp_path: Path) -> None:
    host = build_host(tmp_path, {"proc/1/mountinfo": HOST + lxcfs_mounts("uptime", "pressure/io")})
    assert read_lxcfs(host) == {"uptime", "pressure/io"}


def test_a_host_that_serves_containers_is_none_itself() -> None:
    assert parse_lxcfs(HOST) == frozenset()


@pytest.mark.parametrize("name", recorded_hosts())
def test_of_the_recorded_hosts_one_is_such_a_container(name: str) -> None:
    assert bool(read_lxcfs(RecordedHost(HOSTS / name))) is (name == "lxc")


def test_where_the_first_process_is_hidden_the_readers_own_mounts_serve(tmp_path: Path) -> None:
    host = build_host(tmp_path, {"proc/1/mountinfo.ERRNO-EACCES": "", "proc/self/mountinfo": lxcfs_mounts("stat")})
    assert read_lxcfs(host) == {"stat"}
    assert read_lxcfs(build_host(tmp_path / "none", {"proc/uptime": "1 1\n"})) == frozenset()


def test_where_the_mounts_cannot_be_read_it_is_asked_again(tmp_path: Path) -> None:
    host = build_host(tmp_path, {"proc/1/mountinfo.ERRNO-EIO": ""})
    assert read_lxcfs(host) == frozenset()
    (tmp_path / "proc/1/mountinfo").write_text(lxcfs_mounts("stat"))
    assert read_lxcfs(host) == {"stat"}


@given(st.text() | st.builds("{} - fuse.lxcfs lxcfs {}".format, st.text(), st.text()))
def test_any_text_gives_names(text: str) -> None:
    assert all(isinstance(name, str) for name in parse_lxcfs(text))


def test_the_tasks_of_a_container_are_those_of_its_control_group(tmp_path: Path) -> None:
    assert read_own_tasks(build_host(tmp_path / "2", {"sys/fs/cgroup/pids.current": "12\n"})) == 12
    assert read_own_tasks(build_host(tmp_path / "1", {"sys/fs/cgroup/pids/pids.current": "13\n"})) == 13
    assert read_own_tasks(build_host(tmp_path / "0", {"proc/uptime": "1 1\n"})) is None
