import os
import socket
from collections.abc import Callable
from pathlib import Path

import pytest

from sysvitals.host.host import Host
from sysvitals.sources.os.timekeeping import read_clock


def test_a_table_of_proc_is_read_to_its_end_though_it_comes_in_pieces(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "mountinfo").write_bytes(b"a line\n" * 181)
    really = os.read
    monkeypatch.setattr(os, "read", lambda descriptor, length: really(descriptor, min(length, 100)))
    assert Host(procfs=str(tmp_path)).read_bytes(f"{tmp_path}/mountinfo").count(b"line\n") == 181


@pytest.mark.skipif(not os.path.exists("/proc/kallsyms"), reason="this kernel has no /proc/kallsyms")
def test_a_long_table_of_the_live_kernel_is_whole() -> None:
    with open("/proc/kallsyms", "rb") as file:
        whole = file.read(1 << 16)
    assert Host().read_bytes("/proc/kallsyms", limit=1 << 16) == whole[: 1 << 16]


def test_a_sysfs_attribute_is_asked_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "temp1_input").write_text("47000\n")
    reads: list[int] = []
    really = os.read

    def read(descriptor: int, length: int) -> bytes:
        reads.append(descriptor)
        return really(descriptor, length)

    monkeypatch.setattr(os, "read", read)
    assert Host(sysfs=str(tmp_path)).read_text(f"{tmp_path}/temp1_input") == "47000"
    assert len(reads) == 1


def test_no_more_is_read_than_asked_for(tmp_path: Path) -> None:
    (tmp_path / "big").write_bytes(b"x" * 100_000)
    assert len(Host().read_bytes(str(tmp_path / "big"), limit=20_000)) == 20_000


def test_bytes_that_are_no_text_are_shown_and_do_not_fail(tmp_path: Path) -> None:
    (tmp_path / "label").write_bytes(b"caf\xe9\n")
    assert Host().read_text(str(tmp_path / "label")) == "caf\\xe9"


def make_fifo(path: Path) -> None:
    os.mkfifo(path)


def make_socket(path: Path) -> None:
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(path))


def link_to_a_device(path: Path) -> None:
    path.symlink_to("/dev/zero")


SPECIAL = pytest.mark.parametrize("make", [make_fifo, make_socket, link_to_a_device, Path.mkdir])


@pytest.mark.fault(
    "sources",
    "a FIFO, socket, device or folder where a file of the host should be, such as etc/hostname",
    seen="one line in the log; what the file would say is missing",
    heals="by itself, when a plain file is there",
)
@SPECIAL
@pytest.mark.parametrize("place", ["etc", "proc/sys/kernel"])
def test_no_read_at_the_start_waits_for_what_is_no_plain_file(
    tmp_path: Path, make: Callable[[Path], None], place: str
) -> None:
    host = Host(procfs=f"{tmp_path}/proc", sysfs=f"{tmp_path}/sys")
    (tmp_path / place).mkdir(parents=True)
    make(tmp_path / place / "file")
    with pytest.raises(OSError, match="not a plain file"):
        host.read_plain_bytes(f"{tmp_path}/{place}/file")


def test_links_below_the_hosts_root_are_followed_as_the_host_itself_would(tmp_path: Path) -> None:
    etc, run = tmp_path / "host/etc", tmp_path / "host/run"
    etc.mkdir(parents=True)
    run.mkdir()
    (run / "name").write_text("the host's")
    (tmp_path / "name").write_text("ours")
    for link, target in {"absolute": "/run/name", "relative": "../run/name", "out": "../../../run/name"}.items():
        (etc / link).symlink_to(target)
    (etc / "folder").symlink_to("/run")
    host = Host(rootfs=f"{tmp_path}/host")
    assert [host.read_plain_text(f"{etc}/{name}") for name in ("absolute", "relative", "out", "folder/name")] == [
        "the host's"
    ] * 4
    (etc / "stranger").symlink_to(tmp_path / "name")
    with pytest.raises(FileNotFoundError):
        host.read_plain_text(f"{etc}/stranger")
    (etc / "loop").symlink_to("loop")
    with pytest.raises(OSError, match="symbolic links"):
        host.read_plain_text(f"{etc}/loop")


def test_the_live_clock_answers_with_sane_values() -> None:
    try:
        clock = read_clock(Host())
    except PermissionError:
        pytest.skip("this container may not ask for the clock's state")
    assert abs(clock.frequency - 1) < 0.001
    assert 0 <= clock.maximum_error <= 16
