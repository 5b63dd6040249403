"""One folder has one writer: two exporters in one history would number their events alike and tidy up each other's."""

import contextlib
import errno
import fcntl
import os
from collections.abc import Iterator


@contextlib.contextmanager
def claim_folder(folder: str) -> Iterator[None]:
    """Hold the folder as long as this lasts. The lock goes with the process, however it ends.

    Raises OSError (EBUSY) where another process holds it. A folder that cannot be written to, or a filesystem without
    locks, is no reason not to run: the history itself tells of the first, and the second has always been so.
    """
    descriptor = None
    with contextlib.suppress(OSError):
        os.makedirs(folder, exist_ok=True)
        descriptor = os.open(os.path.join(folder, "lock"), os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
    try:
        if descriptor is not None:
            _lock(descriptor, folder)
        yield
    finally:
        if descriptor is not None:
            os.close(descriptor)


def _lock(descriptor: int, folder: str) -> None:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        holder = os.pread(descriptor, 32, 0).decode("ascii", "replace").strip()
        who = f"process {holder}" if holder.isdigit() else "another process"
        where = os.path.abspath(folder)
        words = f"{who} keeps its history in {where}: end it, or give this one a --storage.path of its own"
        raise OSError(errno.EBUSY, words) from None
    except OSError:  # no locks on this filesystem
        return
    with contextlib.suppress(OSError):  # a full disk: then it is not told who holds it
        os.ftruncate(descriptor, 0)
        os.pwrite(descriptor, b"%d\n" % os.getpid(), 0)
