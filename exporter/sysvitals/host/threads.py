"""Starting a thread, which limits of the system may refuse."""

import errno
from threading import Thread


class NoThreadError(OSError):
    """The system has no room for another thread. Its words are for people."""

    def __init__(self) -> None:
        super().__init__(
            errno.EAGAIN,
            "no room for another thread: raise the limit of tasks (TasksMax=, ulimit -u) or of memory (MemoryMax=, "
            "ulimit -v)",
        )


def start_thread(thread: Thread) -> None:
    """Start this thread. Raises NoThreadError where there is no room for it."""
    try:
        thread.start()
    except (RuntimeError, MemoryError) as error:
        raise NoThreadError from error
