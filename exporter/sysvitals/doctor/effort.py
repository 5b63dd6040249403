"""A limit on the CPU time that an answer takes to be understood: it may be made to take for ever."""

import contextlib
import signal
import threading
from collections.abc import Iterator

CPU_SECONDS = 60.0
"""For one finding. A Pi Zero takes some 10 s for the configuration and rules of a large site."""


class TooMuchError(ValueError):
    """It takes too long to be understood."""


@contextlib.contextmanager
def limited_effort(seconds: float) -> Iterator[None]:
    """Within it, TooMuchError is raised after so much CPU time. In the main thread alone: others get no signals."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    handler = signal.signal(signal.SIGVTALRM, _give_up)
    left, _ = signal.setitimer(signal.ITIMER_VIRTUAL, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_VIRTUAL, left)
        signal.signal(signal.SIGVTALRM, handler)


def _give_up(_number: int, _frame: object) -> None:
    raise TooMuchError("takes too long to be understood")
