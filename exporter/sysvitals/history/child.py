"""Answers one question about the history in a separate process, which steps back behind everything else.

One question comes as JSON on standard input, the answer goes as JSON to standard output. What cannot be answered is
one line of text there, and status 1. The modules that answer are imported for their question alone.
"""

import contextlib
import fcntl
import json
import os
import resource
from collections.abc import Callable, Iterator
from typing import Any

MOST_BYTES = 160 << 20
"""Of address space, in which the interpreter and its libraries take 20 to 40 MiB. A history that needs more is refused,
before the system's memory or that of the service runs out."""

_INPUT, _OUTPUT = 0, 1
_PIECE = 1 << 16
_FIRST_TO_GO = b"1000"
_GONE = "the history takes too much memory to read"


def main() -> int:
    """Answer the question. Returns the exit status."""
    end_with_reader()
    step_back()
    try:
        question = json.loads(b"".join(_pieces()))
        answer = json.dumps(VERBS[question["verb"]](question), separators=(",", ":"), allow_nan=False)
        status = 0
    except MemoryError:
        answer, status = _GONE, 1
    except OSError as error:
        from sysvitals.host.files import describe_error  # noqa: PLC0415  # for this alone

        answer, status = describe_error(error), 1
    except Exception as error:  # noqa: BLE001  # whatever the history holds, the question is answered
        answer, status = f"{type(error).__name__}: {error}", 1
    outlive_reader()
    with contextlib.suppress(BrokenPipeError):
        _write(answer.encode(errors="backslashreplace"))
    return status


def end_with_reader() -> None:
    """End as soon as nothing reads the output any more: the kernel then sends SIGIO, and that ends a program."""
    fcntl.fcntl(_OUTPUT, fcntl.F_SETOWN, os.getpid())
    _set_flags(lambda flags: flags | os.O_ASYNC)


def outlive_reader() -> None:
    """Get no SIGIO any more: from the first byte of output on, it would come as the reader takes some, too."""
    _set_flags(lambda flags: flags & ~os.O_ASYNC)


def step_back() -> None:
    """Take the CPU and the disk when nothing else needs them, and be the first to go where memory runs out.

    What may not be set here stays as it is: systemd's units forbid SCHED_IDLE. The kernel derives the priority at the
    disk from the one at the CPU (ioprio_set(2)): SCHED_IDLE gives the idle class, 19 the lowest of the usual class.
    """
    resource.setrlimit(resource.RLIMIT_AS, (MOST_BYTES, MOST_BYTES))
    with contextlib.suppress(OSError):
        os.setpriority(os.PRIO_PROCESS, 0, 19)
    with contextlib.suppress(OSError):
        os.sched_setscheduler(0, os.SCHED_IDLE, os.sched_param(0))
    with contextlib.suppress(OSError), open("/proc/self/oom_score_adj", "wb") as file:
        file.write(_FIRST_TO_GO)


def _answer_timeline(question: dict[str, Any]) -> Any:
    from sysvitals.history.timeline import answer_timeline  # noqa: PLC0415

    return answer_timeline(question)


def _answer_recent(question: dict[str, Any]) -> Any:
    from sysvitals.history.recent import add_missing, answer_recent  # noqa: PLC0415

    if question["missing"] is not None:
        add_missing(question, _load_bodies(question["missing"]["catalog"]))
    return answer_recent(question)


def _answer_rebuild(question: dict[str, Any]) -> Any:
    from sysvitals.history.summaries.rebuilding import rebuild  # noqa: PLC0415

    return rebuild(question["history"], question["folder"], _load_bodies(question["catalog"]), skip=question["skip"])


def _load_bodies(catalog: str) -> Any:
    from importlib import import_module  # noqa: PLC0415

    # by its name: the history knows no collector
    return import_module(catalog).build_full_catalog().bodies


VERBS: dict[str, Callable[[dict[str, Any]], Any]] = {
    "rebuild": _answer_rebuild,
    "recent": _answer_recent,
    "timeline": _answer_timeline,
}


def _set_flags(change: Callable[[int], int]) -> None:
    fcntl.fcntl(_OUTPUT, fcntl.F_SETFL, change(fcntl.fcntl(_OUTPUT, fcntl.F_GETFL)))


def _pieces() -> Iterator[bytes]:
    while piece := os.read(_INPUT, _PIECE):
        yield piece


def _write(data: bytes) -> None:
    view = memoryview(data)
    while view:
        view = view[os.write(_OUTPUT, view) :]


if __name__ == "__main__":
    os._exit(main())  # what the interpreter would tidy up goes with the process
