"""One history, one writer."""

import fcntl
import os
import re
import signal
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from sysvitals.history.lock import Claim


def test_a_second_one_is_told_who_holds_the_folder_and_what_to_do(tmp_path: Path) -> None:
    words = (
        f"process {os.getpid()} keeps its history in {tmp_path}: end it, or give this one a --storage.path of its own"
    )
    with Claim(str(tmp_path)), pytest.raises(OSError, match=re.escape(words)), Claim(str(tmp_path)):
        pass


def test_who_holds_it_is_not_named_by_the_number_of_a_process_that_has_ended(tmp_path: Path) -> None:
    ended = subprocess.Popen([sys.executable, "-c", ""])
    ended.wait()
    (tmp_path / "lock").write_text(f"{ended.pid}\n")
    with (tmp_path / "lock").open() as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        with pytest.raises(OSError, match="another process keeps its history"), Claim(str(tmp_path)):
            pass


def test_the_folder_is_free_again_afterwards(tmp_path: Path) -> None:
    for _ in range(2):
        with Claim(str(tmp_path / "made/for/it")):
            assert (tmp_path / "made/for/it/lock").read_text() == f"{os.getpid()}\n"


@pytest.mark.parametrize("mode", [None, 0o640, 0o666])
def test_only_its_owner_may_read_the_lock_and_so_hold_it(tmp_path: Path, mode: int | None) -> None:
    lock = tmp_path / "lock"
    if mode is not None:
        lock.touch()
        lock.chmod(mode)
    with Claim(str(tmp_path)):
        assert stat.S_IMODE(lock.stat().st_mode) == 0o600


def test_the_folder_of_one_that_was_killed_is_free(tmp_path: Path) -> None:
    code = (
        "import sys, time; from sysvitals.history.lock import Claim\n"
        f"with Claim({str(tmp_path)!r}): print('held', flush=True); time.sleep(60)"
    )
    with subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "held\n"
        with pytest.raises(OSError, match=f"process {process.pid} keeps"), Claim(str(tmp_path)):
            pass
        process.send_signal(signal.SIGKILL)
        process.wait()
    with Claim(str(tmp_path)):
        pass


@pytest.mark.fault(
    "storage",
    "a storage folder that cannot be made",
    seen="one line in the log from the history",
    heals="by itself, when it can be",
)
def test_a_folder_that_cannot_be_made_is_no_reason_not_to_run(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with Claim(str(tmp_path / "file/below")):
        pass


@pytest.mark.fault(
    "storage",
    "a filesystem without locks",
    seen="nothing",
    heals="it runs without: take care that one exporter writes there",
)
def test_a_filesystem_without_locks_is_no_reason_not_to_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(_descriptor: int, _how: int) -> None:
        raise OSError(37, "No locks available")

    monkeypatch.setattr(fcntl, "flock", refuse)
    with Claim(str(tmp_path)), Claim(str(tmp_path)):
        pass
