"""The record of what stands, `verdict.json` in the storage folder: written where it changes, read by the next start."""

import logging
import os
from contextlib import suppress

from sysvitals.host.storage import open_folder
from sysvitals.judgement.kept import MOST_BYTES, Kept, decode_kept, encode_kept

_log = logging.getLogger(__name__)

RECORD = "verdict.json"
LEAST_SECONDS = 60.0
"""Not more often is it written: what a kill then takes is a minute of a duration."""


class Record:
    """The record in this folder; an empty one keeps nothing."""

    def __init__(self, storage: str) -> None:
        self._storage = storage
        self._written: tuple[object, ...] | None = ()
        self._at = float("-inf")

    def read(self, boot: str) -> Kept | None:
        """What stood in this boot. None where that is not known."""
        try:
            with open_folder(self._storage) as folder:
                kept = decode_kept(folder.read(RECORD, MOST_BYTES).decode("utf-8", "backslashreplace"))
        except FileNotFoundError:
            return None
        except (OSError, ValueError) as error:
            self._written = None  # it is replaced
            _log.warning("%s: %s; what lasts begins again", os.path.join(self._storage, RECORD), error)
            return None
        self._written = None
        return kept if kept.boot == boot else None

    def write(self, kept: Kept, *, is_last: bool = False) -> None:
        """Replace the record, where that says something else. What cannot be written is tried again."""
        essence = kept.essence
        is_due = is_last or kept.at - self._at >= LEAST_SECONDS
        if is_due and essence != self._written:
            self._at = kept.at
            with suppress(OSError):
                with open_folder(self._storage, make=True) as folder, folder.replacing(RECORD) as file:
                    file.write(f"{encode_kept(kept)}\n".encode())
                self._written = essence
