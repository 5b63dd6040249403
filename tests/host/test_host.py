import os
import threading
from pathlib import Path

import pytest

from sysvitals.host.host import Host
from sysvitals.sources.os.timekeeping import read_clock


class PiecemealPipe:
    """A file that gives what it has in pieces shorter than what was asked for, as tables in /proc do."""

    def __init__(self, path: Path, pieces: list[bytes]) -> None:
        os.mkfifo(path)
        self.path = str(path)
        self.thread = threading.Thread(target=self._feed, args=(pieces,), daemon=True)
        self.thread.start()

    def _feed(self, pieces: list[bytes]) -> None:
        with open(self.path, "wb", buffering=0) as pipe:
            pipe.writelines(pieces)


def test_a_table_of_proc_is_read_to_its_end_though_it_comes_in_pieces(tmp_path: Path) -> None:
    pipe = PiecemealPipe(tmp_path / "mountinfo", [b"first line\n" * 90, b"second line\n" * 90, b"third line\n"])
    text = Host().read_bytes(pipe.path)
    pipe.thread.join(5)
    assert text.count(b"line\n") == 181


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


def test_the_live_clock_answers_with_sane_values() -> None:
    try:
        clock = read_clock(Host())
    except PermissionError:
        pytest.skip("this container may not ask for the clock's state")
    assert abs(clock.frequency - 1) < 0.001
    assert 0 <= clock.maximum_error <= 16
