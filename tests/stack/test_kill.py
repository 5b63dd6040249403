"""The real exporter is killed while it writes its history, and the power fails while it does."""

import gzip
import json
import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from tests.patience import PATIENCE
from tests.stack.running import free_port, wait_until

SCHEMA = Path(__file__).parents[2] / "exporter/event.schema.json"
BUSY = (
    "--history.flush-interval=20ms",
    "--no-history.fsync",
    *(f"--collector.{name}.interval=300ms" for name in ("cpu", "load", "memory", "network", "disk")),
)


@contextmanager
def run_writing(folder: Path) -> Iterator[subprocess.Popen[bytes]]:
    """The exporter once it has begun to write, with a log beside its folder."""
    flags = [f"--web.listen-address=127.0.0.1:{free_port()}", f"--storage.path={folder}", *BUSY]
    known = set(list_files(folder))
    with (folder.parent / "exporter.log").open("ab") as log:
        process = subprocess.Popen(
            [sys.executable, "-m", "sysvitals", "serve", *flags], cwd=folder.parent, stdout=log, stderr=log
        )
    try:
        wait_until(lambda: any(path.stat().st_size > 20_000 for path in new_files(folder, known)), "it writes")
        yield process
    finally:
        if process.poll() is None:
            process.kill()
        process.wait()


def new_files(folder: Path, known: set[Path]) -> list[Path]:
    return [path for path in list_files(folder) if path not in known and path.suffix == ".jsonl"]


def list_files(folder: Path) -> list[Path]:
    # names begin with date and time; the number of one that began in the same second comes before its ending
    return sorted(folder.glob("history/*/*.jsonl*"), key=lambda path: re.split(r"(\d+)", str(path)))


def read_lines(path: Path) -> list[bytes]:
    content = gzip.decompress(path.read_bytes()) if path.suffix == ".gz" else path.read_bytes()
    assert content.endswith(b"\n"), path
    return content.splitlines()


def read_events(folder: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for path in list_files(folder) for line in read_lines(path)]


def kill(process: subprocess.Popen[bytes]) -> None:
    os.kill(process.pid, signal.SIGKILL)
    process.wait()


def stop(process: subprocess.Popen[bytes]) -> None:
    process.terminate()
    assert process.wait(timeout=PATIENCE) == 0


def tear(folder: Path) -> tuple[str, int]:
    """Leave half of the last line, as a power cut does; the segment's name and the size of the half."""
    segment = max(folder.glob("history/*/*.jsonl"), key=lambda path: path.stat().st_mtime_ns)
    content = segment.read_bytes()
    whole = content.rfind(b"\n", 0, -1) + 1
    half = (len(content) - whole) // 2
    os.truncate(segment, whole + half)
    return str(segment.relative_to(folder / "history")), half


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "kept"


def test_nothing_but_a_torn_end_is_lost_however_often_it_is_killed_while_it_writes(folder: Path) -> None:
    torn = []
    for _ in range(2):
        with run_writing(folder) as process:
            kill(process)
        torn.append(tear(folder))
        with run_writing(folder) as process:
            kill(process)
    with run_writing(folder) as process:
        stop(process)

    events = read_events(folder)  # each line is whole: none raises
    repairs = [event["data"] for event in events if event["name"] == "history.repaired"]
    told = [(data["segment"], data["bytes"]) for data in repairs]
    assert [repair for repair in told if repair in torn] == torn
    assert {event["boot"] for event in events} == {Path("/proc/sys/kernel/random/boot_id").read_text().strip()}
    # each run begins with a number that was not given before, and leaves none out
    numbers = [event["seq"] for event in events]
    starts = [event["seq"] for event in events if event["name"] == "sysvitals.started"]
    assert numbers == sorted(set(numbers))
    assert {number for number, before in zip(numbers[1:], numbers, strict=False) if number != before + 1} <= {*starts}
    assert [event["uptime"] for event in events] == sorted(event["uptime"] for event in events)
    assert len(starts) == 5
    assert events[-1]["name"] == "sysvitals.stopped"

    validator = jsonschema.Draft202012Validator(json.loads(SCHEMA.read_text(encoding="utf-8")))
    wrong = [(event, error.message) for event in events for error in validator.iter_errors(event)]
    assert wrong == []
