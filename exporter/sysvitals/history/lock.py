"""One folder has one writer: two exporters in one history would number their events alike and tidy up each other's."""

import contextlib
import errno
import fcntl
import logging
import os
from typing import Self

from sysvitals.host.files import describe_error
from sysvitals.host.storage import NotPlainError, open_folder, require_one_name

_log = logging.getLogger(__name__)

_NAME = "lock"
_MODE = 0o600
"""Who may read a file may lock it, and so keep the exporter from starting."""


class Claim:
    """The claim on the folder at a path, held by a lock on a file in it. It goes with the process, however it ends.

    A folder that cannot be written to, or a filesystem without locks, is no reason not to run: the history itself says
    the first, and the second has always been so.
    """

    def __init__(self, folder: str) -> None:
        self._folder = folder
        self._descriptor: int | None = None
        self._said = False

    def renew(self) -> None:
        """Claim what is at the path, unless it is what is held: a folder that is moved away takes its lock with it.

        Raises OSError (EBUSY) where another process holds it.
        """
        if self._is_in_place():
            return
        self.drop()
        try:
            with open_folder(self._folder, make=True) as folder:
                descriptor = folder.open(_NAME, os.O_RDWR | os.O_CREAT, _MODE)
        except NotPlainError as error:
            if not self._said:
                words = "storage: cannot lock %s. Until then another exporter can write here"
                _log.error(words, describe_error(error))
            self._said = True
            return
        except OSError:
            return
        try:
            _lock(descriptor, self._folder)
        except OSError:
            os.close(descriptor)
            raise
        self._descriptor = descriptor

    def drop(self) -> None:
        """Let others have it."""
        descriptor, self._descriptor = self._descriptor, None
        if descriptor is not None:
            os.close(descriptor)

    def __enter__(self) -> Self:
        self.renew()
        return self

    def __exit__(self, *_: object) -> None:
        self.drop()

    def _is_in_place(self) -> bool:
        with contextlib.suppress(OSError):
            if self._descriptor is not None:
                path = os.path.join(self._folder, _NAME)
                return os.path.samestat(os.fstat(self._descriptor), os.lstat(path))
        return False


def _lock(descriptor: int, folder: str) -> None:
    with contextlib.suppress(OSError):  # of another owner, or with a second name elsewhere
        require_one_name(descriptor)
        os.fchmod(descriptor, _MODE)  # versions before 1.0 let the group read it
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        who = _read_holder(descriptor)
        where = os.path.abspath(folder)
        words = f"{who} keeps its history in {where}: end it, or give this one a --storage.path of its own"
        raise OSError(errno.EBUSY, words) from None
    except OSError:  # no locks on this filesystem
        return
    with contextlib.suppress(OSError):  # a full disk, a second name: then the holder is not named
        require_one_name(descriptor)
        os.ftruncate(descriptor, 0)
        os.pwrite(descriptor, b"%d\n" % os.getpid(), 0)


def _read_holder(descriptor: int) -> str:
    with contextlib.suppress(OSError):
        require_one_name(descriptor)  # else its number was not written either, and this is an earlier one's
        holder = os.pread(descriptor, 32, 0).decode("ascii", "replace").strip()
        if holder.isdigit() and os.path.exists(f"/proc/{holder}"):  # another one may hold it, and write nothing
            return f"process {holder}"
    return "another process"
