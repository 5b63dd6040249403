"""Where the CPU time of a scrape goes, by thread and stage.

Two runs: one that reads each thread's CPU clock and is otherwise left alone, which gives the sums; and one in which a
hook at each call notes when a thread goes from one stage to another, which gives the shares. The hook costs most where
functions are small, so that shares of reading and text are rather too large than too small. What a function of
Python's own library takes belongs to the stage that called it.
"""

import argparse
import contextlib
import json
import signal
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from types import CodeType, FrameType

from exporters import Exporter, before, ours
from figures import PI
from measuring import exit_on_signals, run, show_table
from scrape import host_folder

STAGES = (
    ("reading", ("/sysvitals/collectors/", "/sysvitals/sources/", "/sysvitals/host/")),
    ("history", ("/sysvitals/history/",)),
    ("text", ("/sysvitals/outputs/exposition", "/prometheus_client/", "/sysvitals/model/samples")),
    ("gzip", ("/gzip.py",)),
    ("scheduling, hand-over", ("/sysvitals/pipeline/", "/concurrent/futures/")),
    ("state and status", ("/sysvitals/model/", "/sysvitals/exporter.py", "/sysvitals/outputs/")),
    (
        "HTTP",
        (
            "/sysvitals/web/",
            "/uvicorn/",
            "/starlette/",
            "/h11/",
            "/wsproto/",
            "/anyio/",
            "/asyncio/",
            "/sysvitals/serve.py",
        ),
    ),
)
"""By a part of the name of the file that a function stands in."""

WARM_UP = 20
_OUTSIDE = "other"


def stage_of(code: CodeType) -> str | None:
    """The stage that this function belongs to; None: that of its caller."""
    found = (stage for stage, marks in STAGES if any(mark in code.co_filename for mark in marks))
    return next(found, None)


class Account:
    """Nanoseconds of CPU time by thread and stage: written at each SIGUSR1, and begun again."""

    def __init__(self, file: Path, *, by_stage: bool) -> None:
        self._file = file
        self._used: Counter[str] = Counter()
        self._stages: dict[CodeType, str | None] = {}
        self._clocks: dict[int, float] = {}
        signal.signal(signal.SIGUSR1, lambda *_: self._write())
        if by_stage:
            threading.setprofile(lambda *_: sys.setprofile(self._watch_thread()))
            sys.setprofile(self._watch_thread())

    def _watch_thread(self) -> Callable[[FrameType, str, object], None]:
        thread = _name(threading.current_thread().name)
        stack, last = [_OUTSIDE], time.thread_time_ns()
        used, stages = self._used, self._stages

        def hook(frame: FrameType, event: str, _argument: object) -> None:
            nonlocal last
            current = stack[-1]
            if event == "call":
                try:
                    stage = stages[frame.f_code]
                except KeyError:
                    stage = stages[frame.f_code] = stage_of(frame.f_code)
                stack.append(stage or current)
            elif event == "return" and len(stack) > 1:
                stack.pop()
            if stack[-1] != current:
                now = time.thread_time_ns()
                used[f"{thread};{current}"] += now - last
                last = now

        return hook

    def _write(self) -> None:
        used = dict(self._used)
        self._used.clear()
        for thread in threading.enumerate():
            with contextlib.suppress(OSError, TypeError):  # it has just ended
                clock = time.clock_gettime(~(thread.native_id or 0) << 3 | 6)  # how the kernel numbers threads' clocks
                before = self._clocks.get(thread.native_id or 0, 0.0)
                self._clocks[thread.native_id or 0] = clock
                name = f"{_name(thread.name)};"
                used[name] = used.get(name, 0) + round((clock - before) * 1e9)
        draft = self._file.with_suffix(".draft")
        draft.write_text(json.dumps(used), encoding="utf-8")
        draft.replace(self._file)


def _name(thread: str) -> str:
    """Threads of one kind are counted together."""
    return thread.partition(" (")[0].rstrip("0123456789-_")


def measure_stages(exporter: Exporter, host: str, scrapes: int) -> tuple[Counter[str], Counter[tuple[str, str]]]:
    """Nanoseconds of CPU time a scrape: by thread; and by thread and stage."""
    sums = _account(exporter, host, scrapes, by_stage=False)
    shares = _account(exporter, host, scrapes, by_stage=True)
    by_thread: Counter[str] = Counter()
    for key, used in sums.items():
        by_thread[key.removesuffix(";")] += round(used / scrapes)
    hooked: Counter[str] = Counter()
    for key, used in shares.items():
        if not key.endswith(";"):
            hooked[key.partition(";")[0]] += used
    found: Counter[tuple[str, str]] = Counter()
    for key, used in shares.items():
        thread, _, stage = key.partition(";")
        if stage:
            found[thread, stage] += round(by_thread[thread] * used / hooked[thread])
    return by_thread, found


def _account(exporter: Exporter, host: str, scrapes: int, *, by_stage: bool) -> dict[str, int]:
    with tempfile.TemporaryDirectory(prefix="flame-") as name:
        folder = Path(name)
        file = folder / "account.json"
        extra = exporter.reading_at_each_scrape(folder)
        inside = (exporter.command[0], __file__, "--inside", "stages" if by_stage else "threads", str(file))
        # in place of `python -m sysvitals`
        command = [*inside, *exporter.on(host_folder(host), folder / "kept", *extra)[3:]]
        with run("flame", command, folder, tree=exporter.tree) as program:
            for times in (WARM_UP, scrapes):
                for _ in range(times):
                    program.scrape()
                file.unlink(missing_ok=True)
                program.signal(signal.SIGUSR1)
                while not file.exists():
                    time.sleep(0.01)
            found: dict[str, int] = json.loads(file.read_text(encoding="utf-8"))
            return found


def main() -> int:
    """Scrape, and print the table."""
    if sys.argv[1:2] == ["--inside"]:
        from sysvitals.cli import main as serve  # noqa: PLC0415  # only there

        Account(Path(sys.argv[3]), by_stage=sys.argv[2] == "stages")
        return serve(sys.argv[4:])
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--host", default=PI, help="recorded host, or live for this machine (%(default)s)")
    parser.add_argument("--scrapes", type=int, default=500, help="of each run (%(default)s)")
    parser.add_argument("--against", type=Path, metavar="TREE", help="another checkout of sysvitals, too")
    options = parser.parse_args()
    exit_on_signals()
    for exporter in [*([before(options.against)] if options.against else []), ours()]:
        by_thread, found = measure_stages(exporter, options.host, options.scrapes)
        print(f"{exporter.name} {exporter.version}: CPU milliseconds a scrape, by thread")
        show_stages(by_thread, found)
    return 0


def show_stages(by_thread: Counter[str], found: Counter[tuple[str, str]]) -> None:
    """Print them, largest first."""
    by_stage: Counter[str] = Counter()
    for (_, stage), used in found.items():
        by_stage[stage] += used
    threads = [thread for thread, used in by_thread.most_common() if used >= 5000]
    whole = by_thread.total()
    rows: list[tuple[object, ...]] = [
        (stage, *(found[thread, stage] / 1e6 for thread in threads), total / 1e6, 100 * total / whole)
        for stage, total in by_stage.most_common()
    ]
    rows.append(("all", *(by_thread[thread] / 1e6 for thread in threads), whole / 1e6, 100.0))
    show_table(("", *threads, "all", "%"), rows)


if __name__ == "__main__":
    sys.exit(main())
