"""The system calls of a scrape of a recorded host that reads everything again: `python -m tests.cost.traced`."""

import json
import sys
import tempfile
import time
from pathlib import Path

from sysvitals.collectors import COLLECTORS
from tests.calls import count_calls, count_kinds, tracing
from tests.test_exporter import BELOW, PROGRAM, Process

SCRAPES = 30


def count_scrapes() -> dict[str, float]:
    """By kind, the calls of one scrape: the mean of many, as threads that meet wait more often or less."""
    with tempfile.TemporaryDirectory(prefix="traced-") as name:
        folder = Path(name)
        log, config = folder / "strace.log", folder / "config.json"
        settings = {collector.name: {"interval": "1d", "max_age": "0s"} for collector in COLLECTORS}
        config.write_text(json.dumps({"collector": settings}), encoding="utf-8")
        program = (*tracing(log), *PROGRAM)
        process = Process(folder, *BELOW, f"--config.file={config}", program=program)
        try:
            process.wait_until_ready()
            for _ in range(5):
                process.get()
            before = _await_silence(log)
            for _ in range(SCRAPES):
                process.get()
            after = _await_silence(log)
        finally:
            process.stop()
        calls = count_calls(log.read_text(encoding="utf-8")[before:after])
        return {kind: count / SCRAPES for kind, count in count_kinds(calls).items()}


def _await_silence(log: Path) -> int:
    """The size of the log when nothing is added any more."""
    size = -1
    while log.stat().st_size != size:
        size = log.stat().st_size
        time.sleep(0.2)
    return size


if __name__ == "__main__":
    json.dump(count_scrapes(), sys.stdout)
