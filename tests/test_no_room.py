"""Where the system gives no more threads or memory: one line that says so, no traceback, and a status that fits."""

import subprocess
import sys
from pathlib import Path

import pytest

from tests.patience import PATIENCE
from tests.recorded import HOSTS

FEW_THREADS = """
import sys, threading

most, threading_start, started = int(sys.argv.pop(1)), threading._start_new_thread, []

def start(*arguments):
    if len(started) >= most:
        raise RuntimeError("can't start new thread")
    started.append(arguments)
    return threading_start(*arguments)

threading._start_new_thread = start
from sysvitals.cli import main
sys.exit(main())
"""
"""The program as it is where the system gives it so many threads, as with a cgroup's pids.max."""

PI = HOSTS / "pi-4b-fine"
HOST = [f"--path.{name}={PI / folder}" for name, folder in (("procfs", "proc"), ("sysfs", "sys"), ("rootfs", ""))]


def run(
    arguments: list[str], *, kilobytes: int | None = None, files: int | None = None
) -> subprocess.CompletedProcess[str]:
    """Run Python with these arguments to its end, and with at most so much memory and so many open files."""
    limit = "" if kilobytes is None else f"ulimit -v {kilobytes}; "
    limit += "" if files is None else f"ulimit -n {files}; "
    command = ["sh", "-c", f'{limit}exec "$0" "$@"', sys.executable, *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=False, timeout=PATIENCE)


@pytest.fixture
def serving(tmp_path: Path) -> list[str]:
    return [
        "serve",
        *HOST,
        f"--path.devfs={tmp_path}",
        f"--storage.path={tmp_path}",
        "--web.listen-address=127.0.0.1:0",
    ]


@pytest.mark.fault(
    "resources",
    "a limit of tasks (TasksMax=) that leaves no room for the threads of the log, the history or the schedule",
    seen="one line on standard error that names the limit; exit status 1",
    heals="when the limit is raised: the service manager starts it again",
)
@pytest.mark.parametrize("threads", [0, 1, 2])
def test_without_room_for_its_threads_the_exporter_ends_with_one_line(serving: list[str], threads: int) -> None:
    done = run(["-c", FEW_THREADS, str(threads), *serving])
    assert done.returncode == 1
    [line] = [line for line in done.stderr.splitlines() if " INFO " not in line]
    assert "no room for another thread: raise the limit of tasks (TasksMax=, ulimit -u)" in line


@pytest.mark.fault(
    "resources",
    "a limit of open files (LimitNOFILE=, ulimit -n) that leaves no room for the event loop",
    seen="one line on standard error that names the limit; exit status 1",
    heals="when the limit is raised: the service manager starts it again",
)
def test_without_room_for_open_files_the_exporter_ends_with_one_line(serving: list[str]) -> None:
    ended = 0
    for most in range(6, 11):  # with fewer, libraries cannot be loaded; with more, it may run
        done = run(["-m", "sysvitals", *serving], files=most)
        assert done.returncode == 1
        assert "Traceback" not in done.stderr
        ended += done.stderr.count("the exporter ends: too many open files: raise the limit (LimitNOFILE=, ulimit -n)")
    assert ended


OUT_OF_MEMORY = """
import sys, asyncio

def refuse():
    raise MemoryError

asyncio.new_event_loop = refuse
from sysvitals.cli import main
sys.exit(main())
"""


def test_without_memory_the_exporter_ends_with_one_line(serving: list[str]) -> None:
    done = run(["-c", OUT_OF_MEMORY, *serving])
    assert done.returncode == 1
    [line] = [line for line in done.stderr.splitlines() if " INFO " not in line]
    assert "the exporter ends: out of memory: raise the limit of memory (MemoryMax=, ulimit -v)" in line


def test_a_single_look_without_room_for_a_thread_says_so_and_does_not_wait() -> None:
    done = run(["-c", FEW_THREADS, "0", "once", *HOST])
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.count("\n") == 1
    assert "no room for another thread" in done.stderr


def test_one_thread_is_enough_for_a_single_look(tmp_path: Path) -> None:
    done = run(["-c", FEW_THREADS, "1", "once", *HOST, f"--path.devfs={tmp_path}"])
    assert "\nsystem_memory_" in done.stdout
    assert "Traceback" not in done.stderr


@pytest.mark.fault(
    "resources",
    "a limit of memory (MemoryMax=, ulimit -v) below what the exporter needs",
    seen="one line on standard error that names the limit; exit status 1",
    heals="when the limit is raised: the service manager starts it again",
)
def test_a_single_look_without_memory_ends_with_one_line(tmp_path: Path) -> None:
    starved = 0
    for megabytes in range(20, 48, 4):  # what the exporter needs differs between machines
        done = run(["-m", "sysvitals", "once", *HOST, f"--path.devfs={tmp_path}"], kilobytes=megabytes << 10)
        assert "Traceback" not in done.stderr
        if not done.stdout:
            starved += 1
            assert done.returncode == 1
            assert done.stderr.count("\n") == 1, done.stderr
    assert starved
