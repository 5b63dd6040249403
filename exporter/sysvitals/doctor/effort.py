"""A limit on the CPU time that an answer takes to be understood: it may be made to take for ever."""

import contextlib
import signal
import threading
import time
from collections.abc import Iterator

CPU_SECONDS = 60.0
"""For one finding. A Pi Zero takes some 10 s for the configuration and rules of a large site."""

_AGAIN_SECONDS = 1.0
"""After so much more it is raised again, should it have been lost: Python ignores what a finalizer raises."""

_SOON_SECONDS = 1e-6


class TooMuchError(Exception):
    """It takes too long to be understood. No ValueError, which those catch who understand something else instead."""


@contextlib.contextmanager
def limited_effort(seconds: float, error: Exception | None = None) -> Iterator[None]:
    """Within it, `error` is raised after so much CPU time, TooMuchError where none is given.

    In the main thread alone: others get no signals. Within another limit it takes of that one's time, and where no more
    than that is left, it is that one's error that is raised.
    """
    began = time.process_time()
    outer, _ = signal.getitimer(signal.ITIMER_PROF)
    if threading.current_thread() is not threading.main_thread() or 0 < outer <= seconds:
        yield
        return

    def give_up(_number: int, _frame: object) -> None:
        raise error or TooMuchError("takes too long to be understood")

    handler = signal.signal(signal.SIGPROF, give_up)
    signal.setitimer(signal.ITIMER_PROF, seconds, _AGAIN_SECONDS)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_PROF, 0.0)
        signal.signal(signal.SIGPROF, handler)
        if outer:
            left = outer - (time.process_time() - began)
            signal.setitimer(signal.ITIMER_PROF, max(left, _SOON_SECONDS), _AGAIN_SECONDS)
