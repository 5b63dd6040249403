import threading
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sysvitals.sources.proc.lxcfs import AGAIN_SECONDS, parse_lxcfs, read_lxcfs, read_own_tasks
from tests.building import build_host, lxcfs_mounts
from tests.patience import PATIENCE
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


class MountsHost(RecordedHost):
    """Counts how often its mounts are read; a test may hold the first of them up, and set the clock."""

    def __init__(self, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        super().__init__(folder)
        self.now = 0.0
        self.reads = 0
        self.reading = threading.Event()
        self.go_on = threading.Event()
        self.go_on.set()
        monkeypatch.setattr("sysvitals.sources.proc.lxcfs.monotonic", lambda: self.now)

    def read_bytes(self, path: str | bytes, limit: int = 1 << 20) -> bytes:
        self.reads += 1
        self.reading.set()
        assert self.go_on.wait(PATIENCE)
        return super().read_bytes(path, limit)


@contextmanager
def slow_reader(host: MountsHost) -> Iterator[Future[frozenset[str]]]:
    """One that is in the midst of reading the mounts."""
    host.go_on.clear()
    with ThreadPoolExecutor(1) as pool:
        answer = pool.submit(read_lxcfs, host)
        try:
            assert host.reading.wait(PATIENCE)
            yield answer
        finally:
            host.go_on.set()


def test_the_mounts_are_read_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    build_host(tmp_path, {"proc/1/mountinfo": lxcfs_mounts("stat")})
    host = MountsHost(tmp_path, monkeypatch)
    assert [read_lxcfs(host), read_lxcfs(host)] == [{"stat"}, {"stat"}]
    host.now = 1e6
    assert read_lxcfs(host) == {"stat"}
    assert host.reads == 1


def test_mounts_that_cannot_be_read_are_read_again_after_a_while(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    build_host(tmp_path, {"proc/1/mountinfo.ERRNO-EIO": ""})
    host = MountsHost(tmp_path, monkeypatch)
    assert read_lxcfs(host) == frozenset()
    (tmp_path / "proc/1/mountinfo").write_text(lxcfs_mounts("stat"))
    host.now = AGAIN_SECONDS - 1
    assert read_lxcfs(host) == frozenset()
    assert host.reads == 1
    host.now = AGAIN_SECONDS
    assert read_lxcfs(host) == {"stat"}


def test_mounts_that_hang_hold_up_only_the_first_that_reads_them(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    build_host(tmp_path, {"proc/1/mountinfo": lxcfs_mounts("stat")})
    host = MountsHost(tmp_path, monkeypatch)
    with slow_reader(host) as answer:
        host.now = AGAIN_SECONDS
        assert read_lxcfs(host) == frozenset()
        assert not answer.done()
        host.go_on.set()
        assert answer.result(PATIENCE) == {"stat"}
    assert read_lxcfs(host) == {"stat"}
    assert host.reads == 1


def test_mounts_that_are_slow_are_waited_for(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    build_host(tmp_path, {"proc/1/mountinfo": lxcfs_mounts("stat")})
    host = MountsHost(tmp_path, monkeypatch)
    monkeypatch.setattr("sysvitals.sources.proc.lxcfs.PATIENCE_SECONDS", PATIENCE)
    with slow_reader(host) as answer, ThreadPoolExecutor(1) as pool:
        other = pool.submit(read_lxcfs, host)
        host.go_on.set()
        assert other.result(PATIENCE) == answer.result(PATIENCE) == {"stat"}
    assert host.reads == 1


@given(st.text() | st.builds("{} - fuse.lxcfs lxcfs {}".format, st.text(), st.text()))
def test_any_text_gives_names(text: str) -> None:
    assert all(isinstance(name, str) for name in parse_lxcfs(text))


def test_the_tasks_of_a_container_are_those_of_its_control_group(tmp_path: Path) -> None:
    assert read_own_tasks(build_host(tmp_path / "2", {"sys/fs/cgroup/pids.current": "12\n"})) == 12
    assert read_own_tasks(build_host(tmp_path / "1", {"sys/fs/cgroup/pids/pids.current": "13\n"})) == 13
    assert read_own_tasks(build_host(tmp_path / "0", {"proc/uptime": "1 1\n"})) is None
