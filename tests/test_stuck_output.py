"""The exporter while what it prints is not read: readings go on, and it ends."""

import contextlib
import json
import signal
import sys
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from pathlib import Path

import pytest

from tests.stack.running import free_port
from tests.stuck import full_pipe, stopped_terminal, stuck_journal
from tests.test_exporter import BELOW, ONLY_LOAD, Process, hanging, program_that_hangs_at, samples, stored, wait_for

LOST = ("sysvitals_log_messages_dropped_total", "")

Place = Callable[[], AbstractContextManager[tuple[int, int]]]


@contextlib.contextmanager
def serving(folder: Path, *flags: str, **more: object) -> Iterator[Process]:
    """The exporter at a port that does not have to be read off its log."""
    folder.mkdir(exist_ok=True)
    process = Process(folder, *BELOW, *ONLY_LOAD, *flags, addresses=(f"127.0.0.1:{free_port()}",), **more)  # type: ignore[arg-type]
    try:
        process.wait_until_ready()
        yield process
    finally:
        process.kill()


def history_bytes(process: Process) -> int:
    return sum(file.stat().st_size for file in process.storage.rglob("*.jsonl"))


@pytest.mark.parametrize("place", [full_pipe, stopped_terminal, stuck_journal])
@pytest.mark.parametrize("streams", [("stderr",), ("stdout",), ("stdout", "stderr")], ids="+".join)
@pytest.mark.fault(
    "resources",
    "a log or a console that is stuck: a journal or a pipe that is not read, a terminal that is stopped",
    seen="`sysvitals_log_messages_dropped_total` rises",
    heals="by itself, when it is read again; a line says how much was lost",
)
def test_readings_go_on_and_it_ends_while_what_it_prints_is_not_read(
    place: Place, streams: tuple[str, ...], tmp_path: Path
) -> None:
    file = tmp_path / "sysvitals.yml"
    file.write_text("log: {level: debug}\n")
    flags = [
        f"--config.file={file}",
        "--web.enable-lifecycle",
        "--console",
        "--collector.load.max-age=0",
        "--history.flush-interval=50ms",
    ]
    with place() as (_, writing), serving(tmp_path / "run", *flags, **dict.fromkeys(streams, writing)) as process:
        file.write_text("".join(f"nonsense-{number}: 1\n" for number in range(1500)))  # an error in the log for each
        assert process.get("/-/reload", method="POST")[0] == 400
        before = history_bytes(process)
        found = samples(process.get()[1])
        assert ("system_load1", "") in found
        if "stderr" in streams:
            assert found[LOST] >= 400
        wait_for(lambda: history_bytes(process) > before, "the event of the scrape")
        assert process.get("/")[0] == 200
        assert process.get("/-/healthy")[0] == 200
        process.stop()
        assert stored(process.storage)[-1]["data"] == {"reason": "SIGTERM"}


@pytest.mark.fault(
    "resources",
    "a crash while the log is stuck",
    seen="it is gone with SIGABRT",
    heals="its supervisor starts it again",
)
def test_a_crash_ends_it_while_its_log_is_not_read(tmp_path: Path) -> None:
    with full_pipe() as (_, writing), serving(tmp_path / "run", stderr=writing) as process:
        process.send(signal.SIGABRT)
        assert process.wait() == -signal.SIGABRT


def test_a_crash_says_where_each_thread_stood(tmp_path: Path) -> None:
    with serving(tmp_path / "run") as process:
        process.send(signal.SIGABRT)
        assert process.wait() == -signal.SIGABRT
        assert "Fatal Python error: Aborted" in process.log
        assert "config/log_thread.py" in process.log
        assert "INFO    page    http" in process.log  # what stood there before is not overwritten


def test_a_request_that_hangs_does_not_keep_it(tmp_path: Path) -> None:
    file = tmp_path / "sysvitals.yml"
    file.write_text("log: {level: info}\n")
    flags = [f"--config.file={file}", "--web.enable-lifecycle"]
    with (
        serving(tmp_path / "run", *flags, program=program_that_hangs_at(file)) as process,
        hanging(file) as wait_until_it_is_read,
        contextlib.closing(process.ask("/-/reload", method="POST")),
    ):
        wait_until_it_is_read()
        process.stop()
        assert stored(process.storage)[-1]["name"] == "sysvitals.stopped"


END_HANGS = """
import sys, threading
import sysvitals.serve
from sysvitals.exporter import Exporter
from sysvitals.cli import main
sysvitals.serve._END_SECONDS = 0.5
Exporter.stop_reading = lambda _: threading.Event().wait()
sys.exit(main())
"""


@pytest.mark.fault(
    "process",
    "an end that hangs",
    seen="where each thread stood, in the log; exit status 1 after 9 s",
    heals="at the next start",
)
def test_an_end_that_hangs_is_cut_short_and_says_where_it_hung(tmp_path: Path) -> None:
    with serving(tmp_path / "run", program=(sys.executable, "-c", END_HANGS)) as process:
        process.send(signal.SIGTERM)
        assert process.wait() == 1
        assert "Timeout (0:00:00.500000)!" in process.log
        assert "line 7 in <lambda>" in process.log


@pytest.mark.parametrize("place", [full_pipe, stopped_terminal, stuck_journal])
@pytest.mark.fault(
    "resources",
    "an end that hangs while the log is stuck",
    seen="exit status 1 after 9 s",
    heals="at the next start",
)
def test_an_end_that_hangs_is_cut_short_though_its_log_is_not_read(place: Place, tmp_path: Path) -> None:
    with (
        place() as (_, writing),
        serving(tmp_path / "run", program=(sys.executable, "-c", END_HANGS), stderr=writing) as process,
    ):
        process.send(signal.SIGTERM)
        assert process.wait() == 1


THREAD_IS_LOST = """
import sys
import sysvitals.serve
from sysvitals.exporter import Exporter
from sysvitals.cli import main
sysvitals.serve._TEND_SECONDS = 0.05
Exporter.tend = lambda _: ["scheduler"]
sys.exit(main())
"""


@pytest.mark.fault(
    "resources",
    "no more threads: a thread that died cannot be started again",
    seen="a critical line, exit status 1",
    heals="its supervisor starts it again",
)
def test_a_thread_that_cannot_be_started_again_ends_it_with_a_status_that_its_supervisor_heeds(tmp_path: Path) -> None:
    folder = tmp_path / "run"
    folder.mkdir()
    process = Process(folder, *BELOW, *ONLY_LOAD, program=(sys.executable, "-c", THREAD_IS_LOST))
    try:
        assert process.wait() == 1
    finally:
        process.kill()
    reason = "thread died and cannot be started again: scheduler"
    assert f"CRITICAL the exporter ends, so that its supervisor starts it again: {reason}" in process.log
    assert stored(process.storage)[-1]["data"] == {"reason": reason}


SERVER_FAILS = """
import sys
import sysvitals.serve
from sysvitals.web.http.server import Server
from sysvitals.cli import main
async def fail(_server):
    raise RuntimeError("no more descriptors")
Server.wait_for_end = fail
sys.exit(main())
"""


@pytest.mark.fault(
    "process",
    "a server that fails",
    seen="an error with a traceback, exit status 1",
    heals="its supervisor starts it again",
)
def test_a_server_that_fails_ends_it_with_its_reason_in_the_log(tmp_path: Path) -> None:
    folder = tmp_path / "run"
    folder.mkdir()
    process = Process(folder, *BELOW, *ONLY_LOAD, program=(sys.executable, "-c", SERVER_FAILS))
    try:
        assert process.wait() == 1
    finally:
        process.kill()
    assert "ERROR   the exporter ends because of an error\n  Traceback" in process.log
    assert "RuntimeError: no more descriptors" in process.log
    assert stored(process.storage)[-1]["data"] == {"reason": "the server ended"}


THREAD_FAILS = """
import sys, threading, warnings
import sysvitals.serve
from sysvitals.cli import main
announce = sysvitals.serve._announce
def fail():
    raise RuntimeError("a bug")
def announce_and_fail(*arguments):
    threading.Thread(target=fail, name="worker").start()
    warnings.warn("soon to go")
    announce(*arguments)
sysvitals.serve._announce = announce_and_fail
sys.exit(main())
"""


def test_what_python_itself_prints_goes_the_way_of_the_log(tmp_path: Path) -> None:
    with serving(tmp_path / "run", "--log.format=json", program=(sys.executable, "-c", THREAD_FAILS)) as process:
        process.stop()
        lines = [json.loads(line) for line in process.log.splitlines()]
    by_message = {line["message"]: line for line in lines}
    assert "RuntimeError: a bug" in by_message["thread worker failed"]["exception"]
    assert [line for line in lines if line["logger"] == "py.warnings" and "soon to go" in line["message"]]


@pytest.mark.fault(
    "resources",
    "standard input, output and error that are closed",
    seen="no log",
    heals="at the next start, with streams that are open",
)
def test_streams_that_are_closed_are_no_reason_not_to_serve(tmp_path: Path) -> None:
    closed = ("/bin/sh", "-c", 'exec "$@" <&- >&- 2>&-', "sh", sys.executable, "-m", "sysvitals")
    with serving(tmp_path / "run", "--console", program=closed) as process:
        assert ("system_load1", "") in samples(process.get()[1])
        process.stop()
        assert stored(process.storage)[-1]["name"] == "sysvitals.stopped"


@pytest.mark.parametrize("stream", ["stdout", "stderr"])
@pytest.mark.fault(
    "resources",
    "a full disk below standard output or error",
    seen="of the console one error in the log; lost lines are counted in `sysvitals_events_dropped_total` and "
    "`sysvitals_log_messages_dropped_total`",
    heals="by itself, when there is room; a line that was torn is ended before the next one",
)
def test_readings_go_on_while_what_it_prints_finds_no_room(stream: str, tmp_path: Path) -> None:
    with open("/dev/full", "wb") as full, serving(tmp_path / "run", "--console", **{stream: full.fileno()}) as process:
        found = samples(process.get()[1])
        assert ("system_load1", "") in found
        if stream == "stderr":
            assert found[LOST] > 0
        assert process.get("/-/healthy")[0] == 200
        process.stop()
        assert stored(process.storage)[-1]["name"] == "sysvitals.stopped"
        assert process.log.count("ERROR") == (stream == "stdout")
