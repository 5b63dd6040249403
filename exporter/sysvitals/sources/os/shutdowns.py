"""What the exporter remembers of how this host's boots ended: one small file in its own storage."""

import json
import math
from typing import Any, NamedTuple, cast

from sysvitals.host.files import shorten
from sysvitals.host.host import Host
from sysvitals.host.storage import NotPlainError, open_folder
from sysvitals.model.collector import Unavailable

SHUTDOWN_RECORD = "shutdowns.json"
_LONGEST_BYTES = 4096
_MOST = 1 << 53
"""A counter beyond is no longer exact."""


class ShutdownRecord(NamedTuple):
    """How many boots ended without a shutdown, all up to the one before `boot`.

    `last_seen` is when the last of them was last heard of, in Unix time; None where its clock could not be trusted, and
    where there was none. `judged` are the ids of the last of them, since the names of their segments may mislead.
    """

    boot: str
    unclean: int
    last_seen: float | None = None
    judged: tuple[str, ...] = ()


def read_shutdown_record(host: Host) -> ShutdownRecord | None:
    """The record, or None where there is none yet: what could not be written yet counts before what is on the disk.

    Raises OSError, ValueError for a file that is no record, and Unavailable for a link or a special file.
    """
    if not host.storage:
        return None
    if (unwritten := host.kept.get(SHUTDOWN_RECORD)) is not None:
        return cast("ShutdownRecord", unwritten)
    try:
        with open_folder(host.storage) as folder:
            content = folder.read(SHUTDOWN_RECORD, _LONGEST_BYTES)
    except (FileNotFoundError, NotADirectoryError):
        return None
    except NotPlainError as error:
        raise Unavailable(f"{error.filename}: {error.strerror}") from None
    return parse_shutdown_record(content.decode("utf-8", "backslashreplace"))


def parse_shutdown_record(text: str) -> ShutdownRecord:
    """From `{"boot": "…", "unclean": 4, "last_seen": 1789905600.0, "judged": ["…"]}`."""
    try:
        content: dict[str, Any] = json.loads(text)
        boot, unclean, last_seen = content["boot"], content["unclean"], content["last_seen"]
        judged = tuple(str(one) for one in content.get("judged", ()))  # versions before 1.0 have none
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise ValueError(f"no record of shutdowns: {shorten(text)!r}") from error
    is_counted = isinstance(boot, str) and type(unclean) is int and 0 <= unclean < _MOST
    if not is_counted or not (last_seen is None or (isinstance(last_seen, float) and math.isfinite(last_seen))):
        raise ValueError(f"no record of shutdowns: {shorten(text)!r}")
    return ShutdownRecord(boot=boot, unclean=unclean, last_seen=last_seen, judged=judged)
