"""The process that reads the history, and the one that asks it."""

import contextlib
import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest

import sysvitals
from sysvitals.history import child
from sysvitals.history.asking import NOTHING, Source, ask_timeline, read_timeline
from sysvitals.host.side_process import NoAnswerError, SideProcess, Withdrawal
from sysvitals.sources.os.zone import UTC
from tests.history.past_made import DAY, NOON, view
from tests.patience import PATIENCE

MODULE = "sysvitals.history.child"


@pytest.fixture
def stand_in(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[str], SideProcess]:
    """Gives a process that runs this code in place of the module."""

    def make(code: str, seconds: float = PATIENCE) -> SideProcess:
        (tmp_path / "stand_in.py").write_text(f"import os, sys, time, signal\n{code}")
        monkeypatch.setattr("sysvitals.host.side_process._PACKAGES", str(tmp_path))
        return SideProcess("stand_in", seconds=seconds)

    return make


def wait_for(is_so: Callable[[], bool]) -> None:
    deadline = time.monotonic() + PATIENCE
    while not is_so():
        assert time.monotonic() < deadline, "waited in vain"
        time.sleep(0.01)


def is_gone(pid: int) -> bool:
    try:
        with open(f"/proc/{pid}/stat") as file:
            return file.read().rpartition(")")[2].split()[0] == "Z"
    except FileNotFoundError:
        return True


def is_stand_in(process: psutil.Process) -> bool:
    with contextlib.suppress(psutil.Error):  # gone, or about to be
        return "stand_in" in process.cmdline()
    return False


def test_a_question_is_answered_from_an_empty_history(tmp_path: Path) -> None:
    answer = json.loads(SideProcess(MODULE).ask(ask_timeline(Source(str(tmp_path / "summaries")), view(), UTC)))
    assert (answer["from"], answer["to"], answer["tz"]) == (NOON - DAY, NOON, "UTC")
    assert (answer["earliest"], answer["partial"], answer["happened"]) == (None, "", [])
    assert answer["gaps"] == [[NOON - DAY, NOON]]


def test_what_is_wrong_with_the_history_is_said_and_the_rest_is_answered(
    stand_in: Callable[[str], SideProcess],
) -> None:
    process = stand_in("print('/x/summaries: input/output error', end='')\nsys.exit(1)")
    answer = json.loads(read_timeline(process, Source("/x/summaries"), view(), UTC))
    assert answer["partial"] == "The history could not be read: /x/summaries: input/output error"
    assert [lane["id"] for lane in answer["lanes"]] == ["verdict", "reboots", "silence"]


def test_without_a_history_the_answer_says_so_and_no_process_is_started() -> None:
    process = SideProcess("sysvitals.no_such_module")
    answer = json.loads(read_timeline(process, Source("", NOTHING, "There is no history"), view(), UTC))
    assert answer["partial"] == "There is no history"


@pytest.mark.parametrize("question", ["", "[]", "{}", '{"verb":"dance"}', '{"verb":"timeline","view":{}}', "\xff"])
def test_a_question_that_makes_no_sense_is_one_line_and_status_1(question: str) -> None:
    command = [sys.executable, "-m", MODULE]
    done = subprocess.run(command, input=question, capture_output=True, text=True, timeout=PATIENCE, check=False)
    assert (done.returncode, len(done.stdout.splitlines()), done.stderr) == (1, 1, "")


@pytest.mark.fault(
    "resources",
    "a history so large that reading it takes more than 160 MiB",
    seen="the time line has what is in memory, and says that the history takes too much memory to read",
    heals="a smaller history.keep_age",
)
def test_a_history_that_takes_too_much_memory_is_refused(stand_in: Callable[[str], SideProcess]) -> None:
    process = stand_in(
        "sys.path.append(os.environ['PYTHONPATH'].replace(os.environ['PYTHONPATH'], " + repr(_packages()) + "))\n"
        "from sysvitals.history import child\n"
        "child.VERBS['timeline'] = lambda _: ['x' * 1000 for _ in range(10**9)]\n"
        "os._exit(child.main())\n"
    )
    with pytest.raises(NoAnswerError, match="the history takes too much memory to read"):
        process.ask({"verb": "timeline"})


def _packages() -> str:
    return str(Path(child.__file__).parents[2])


@pytest.mark.fault(
    "storage",
    "reading the history hangs",
    seen="after 60 s the process that reads it is ended; the time line has what is in memory, and says so",
    heals="with the disk",
)
def test_a_process_that_hangs_is_ended(stand_in: Callable[..., SideProcess]) -> None:
    process = stand_in("time.sleep(1000)", seconds=2.0)
    with pytest.raises(NoAnswerError, match="not done after 2 s"):
        process.ask({})
    # whether it had come to its own code by then depends on the machine
    started = [child for child in psutil.Process().children() if is_stand_in(child)]
    wait_for(lambda: all(is_gone(child.pid) for child in started))


@pytest.mark.fault(
    "resources",
    "memory runs out while the history is read",
    seen="the kernel ends the process that reads it first; the exporter goes on, and the time line says so",
    heals="by itself",
)
def test_a_process_that_is_killed_is_said_to_have_been_killed(stand_in: Callable[[str], SideProcess]) -> None:
    with pytest.raises(NoAnswerError, match="killed"):
        stand_in("os.kill(os.getpid(), signal.SIGKILL)").ask({})


def test_one_that_ends_without_an_answer_is_said_to_have_ended(stand_in: Callable[[str], SideProcess]) -> None:
    with pytest.raises(NoAnswerError, match="ended with status 3"):
        stand_in("sys.exit(3)").ask({})


def test_one_that_reads_no_question_does_no_harm(stand_in: Callable[[str], SideProcess]) -> None:
    assert stand_in("print('{}')").ask({"much": "x" * 1_000_000}) == b"{}\n"


def test_a_program_that_cannot_be_started_is_an_error_in_words(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "executable", "/no/such/python")
    with pytest.raises(NoAnswerError, match="no process could be started"):
        SideProcess(MODULE).ask({})


def test_only_one_question_is_worked_on_at_a_time(stand_in: Callable[[str], SideProcess], tmp_path: Path) -> None:
    lock = tmp_path / "lock"
    process = stand_in(
        f"os.close(os.open({str(lock)!r}, os.O_CREAT | os.O_EXCL))\ntime.sleep(0.2)\nos.unlink({str(lock)!r})\nprint(1)"
    )
    answers: list[bytes] = []
    threads = [threading.Thread(target=lambda: answers.append(process.ask({}))) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert answers == [b"1\n"] * 3


def test_a_question_that_is_withdrawn_ends_the_process_that_works_on_it(
    stand_in: Callable[[str], SideProcess], tmp_path: Path
) -> None:
    pid = tmp_path / "pid"
    process = stand_in(f"open({str(pid)!r}, 'w').write(str(os.getpid()) + ' ')\ntime.sleep(1000)")
    withdrawal = Withdrawal()

    def ask() -> None:
        with pytest.raises(NoAnswerError):
            process.ask({}, withdrawal)

    thread = threading.Thread(target=ask)
    thread.start()
    wait_for(lambda: pid.exists() and pid.read_text().endswith(" "))
    withdrawal.withdraw()
    thread.join()
    assert is_gone(int(pid.read_text()))


def test_a_question_that_was_withdrawn_before_its_turn_is_not_worked_on(stand_in: Callable[[str], SideProcess]) -> None:
    withdrawal = Withdrawal()
    withdrawal.withdraw()
    with pytest.raises(NoAnswerError):
        stand_in("time.sleep(1000)").ask({}, withdrawal)


@pytest.fixture
def busy_child() -> Iterator[subprocess.Popen[bytes]]:
    """A process that goes on computing, as the module does, until something ends it."""
    code = (
        "import os\n"
        "from sysvitals.history import child\n"
        "child.VERBS['timeline'] = lambda _: sum(range(10**12))\n"
        "child.step_back = lambda: os.write(2, b'ready\\n')\n"
        "child.main()"
    )
    pipe = subprocess.PIPE
    process = subprocess.Popen([sys.executable, "-c", code], stdin=pipe, stdout=pipe, stderr=pipe)
    yield process
    process.kill()
    process.wait()
    for end in (process.stdin, process.stdout, process.stderr):
        assert end is not None
        end.close()


@pytest.mark.fault(
    "process",
    "the exporter is killed while its history is read",
    seen="the process that reads it ends with it",
    heals="by itself",
)
def test_the_process_ends_as_soon_as_nothing_reads_its_answer(busy_child: subprocess.Popen[bytes]) -> None:
    assert busy_child.stdin is not None
    assert busy_child.stdout is not None
    assert busy_child.stderr is not None
    assert busy_child.stderr.readline() == b"ready\n"
    busy_child.stdin.write(b'{"verb":"timeline"}')
    busy_child.stdin.close()
    busy_child.stdout.close()
    assert busy_child.wait(PATIENCE) == -signal.SIGIO


def run_child(code: str) -> Any:
    """What this code prints as JSON, after the process has stepped back."""
    text = (
        f"import json, os, resource\nfrom sysvitals.history import child\nchild.step_back()\nprint(json.dumps({code}))"
    )
    done = subprocess.run([sys.executable, "-c", text], capture_output=True, text=True, timeout=PATIENCE, check=True)
    return json.loads(done.stdout)


def test_the_process_takes_what_others_leave_and_is_the_first_to_go() -> None:
    found = run_child("[os.getpriority(0, 0), os.sched_getscheduler(0), open('/proc/self/oom_score_adj').read()]")
    assert found == [19, os.SCHED_IDLE, "1000\n"]


def test_a_process_that_may_change_nothing_answers_all_the_same() -> None:
    text = (
        "import os\n"
        "from sysvitals.history import child\n"
        "def refuse(*_): raise PermissionError(1, 'not permitted')\n"
        "os.setpriority = os.sched_setscheduler = refuse\n"
        "child.step_back()\n"
    )
    done = subprocess.run([sys.executable, "-c", text], capture_output=True, text=True, timeout=PATIENCE, check=True)
    assert (done.stdout, done.stderr) == ("", "")


def test_it_imports_next_to_nothing() -> None:
    code = "import sys, sysvitals.history.child, sysvitals.history.timeline; print(*sys.modules)"
    done = subprocess.run(
        [sys.executable, "-S", "-c", code],
        env={"PYTHONPATH": str(Path(sysvitals.__file__).parents[1])},
        capture_output=True,
        text=True,
        timeout=PATIENCE,
        check=True,
    )
    imported = {*done.stdout.split()}
    assert not imported & {
        "asyncio",
        "ctypes",
        "dataclasses",
        "inspect",
        "logging",
        "subprocess",
        "threading",
        "zoneinfo",
    }
    assert not any(
        name.startswith(("sysvitals.collectors", "sysvitals.web", "sysvitals.pipeline")) for name in imported
    )


def test_nothing_is_imported_from_where_it_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "json.py").write_text("raise SystemExit(9)")
    monkeypatch.chdir(tmp_path)
    assert json.loads(SideProcess(MODULE).ask(ask_timeline(Source(str(tmp_path)), view(), UTC)))["partial"] == ""
