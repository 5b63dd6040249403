"""Folders in which nothing is followed."""

import errno
import os
import socket
import stat
from collections.abc import Callable
from pathlib import Path

import pytest

from sysvitals.host.storage import NotPlainError, open_folder, require_one_name


def descriptors() -> int:
    return len(os.listdir("/proc/self/fd"))


def put_link(path: Path) -> None:
    path.symlink_to("/etc/hostname")


def put_socket(path: Path) -> None:
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(str(path))


KINDS: dict[str, Callable[[Path], None]] = {
    "a link": put_link,
    "a FIFO": os.mkfifo,
    "a socket": put_socket,
    "a folder": Path.mkdir,
}


@pytest.mark.parametrize("kind", KINDS)
def test_what_is_no_plain_file_is_not_opened_and_named_with_what_to_do(tmp_path: Path, kind: str) -> None:
    KINDS[kind](tmp_path / "lock")
    before = descriptors()
    with open_folder(str(tmp_path)) as folder, pytest.raises(NotPlainError) as raised:
        folder.open("lock", os.O_RDWR | os.O_CREAT)
    assert f"this is {kind}" in str(raised.value)
    assert "remove it, or put a file in its place" in str(raised.value)
    assert str(tmp_path / "lock") in str(raised.value)
    assert descriptors() == before


def test_what_becomes_a_link_while_it_is_opened_is_not_followed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "victim").write_bytes(b"not ours")
    (tmp_path / "lock").write_bytes(b"")
    real = os.open

    def swap(path: str, flags: int, mode: int = 0o777, *, dir_fd: int | None = None) -> int:
        if path == "lock":
            (tmp_path / "lock").unlink()
            (tmp_path / "lock").symlink_to("victim")
        return real(path, flags, mode, dir_fd=dir_fd)

    monkeypatch.setattr(os, "open", swap)
    with open_folder(str(tmp_path)) as folder, pytest.raises(OSError, match=os.strerror(errno.ELOOP)):
        folder.open("lock", os.O_RDWR | os.O_TRUNC)
    assert (tmp_path / "victim").read_bytes() == b"not ours"


@pytest.mark.parametrize("kind", ["a FIFO", "a folder"])
def test_what_becomes_something_else_while_it_is_opened_is_not_given(
    kind: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "lock").write_bytes(b"")
    real = os.open

    def swap(path: str, flags: int, mode: int = 0o777, *, dir_fd: int | None = None) -> int:
        if path == "lock":
            (tmp_path / "lock").unlink()
            KINDS[kind](tmp_path / "lock")
        return real(path, flags, mode, dir_fd=dir_fd)

    before = descriptors()
    monkeypatch.setattr(os, "open", swap)
    with open_folder(str(tmp_path)) as folder, pytest.raises(NotPlainError, match=f"this is {kind}"):
        folder.open("lock")
    assert descriptors() == before


def test_only_the_folder_itself_may_be_a_link(tmp_path: Path) -> None:
    (tmp_path / "real/below").mkdir(parents=True)
    (tmp_path / "link").symlink_to("real")
    (tmp_path / "real/other").symlink_to("below")
    before = descriptors()
    with open_folder(str(tmp_path / "link"), "below"):
        pass
    with pytest.raises(NotPlainError, match=r"a link, and links are not followed here.*put a folder in its place"):
        open_folder(str(tmp_path / "link"), "other")
    assert descriptors() == before


def test_what_is_made_is_closed_to_other_users(tmp_path: Path) -> None:
    before = os.umask(0)
    try:
        with open_folder(str(tmp_path / "storage"), "history", make=True) as folder:
            os.close(folder.create("new"))
            os.close(folder.open("lock", os.O_RDWR | os.O_CREAT))
            with folder.replacing("record") as file:
                file.write(b"1")
    finally:
        os.umask(before)
    modes = {path.name: stat.S_IMODE(path.stat().st_mode) for path in (tmp_path / "storage").rglob("*")}
    assert modes == {"history": 0o750, "new": 0o640, "lock": 0o640, "record": 0o640}
    assert stat.S_IMODE((tmp_path / "storage").stat().st_mode) == 0o750


def test_what_cannot_be_written_whole_leaves_the_old_content_and_nothing_else(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(_descriptor: int) -> None:
        raise OSError(errno.ENOSPC, "full")

    (tmp_path / "record").write_bytes(b"old")
    monkeypatch.setattr(os, "fsync", fail)
    with open_folder(str(tmp_path)) as folder:
        with pytest.raises(OSError, match="full"), folder.replacing("record") as file:
            file.write(b"new")
        assert folder.read("record", 2) == b"ol", "no more than was asked for"
    assert os.listdir(tmp_path) == ["record"]


def test_a_file_with_a_second_name_is_not_for_us_to_change(tmp_path: Path) -> None:
    (tmp_path / "one").write_bytes(b"")
    with open(tmp_path / "one", "rb") as file:
        require_one_name(file.fileno())
        os.link(tmp_path / "one", tmp_path / "two")
        with pytest.raises(OSError, match="a hard link"):
            require_one_name(file.fileno())
