"""What the exporter remembers of how this host's boots ended: one small file in its own storage."""

import json
import math
import os
from typing import Any, NamedTuple

from sysvitals.host.files import optional, shorten
from sysvitals.host.host import Host


class ShutdownRecord(NamedTuple):
    """How many boots ended without a shutdown, all up to the one before `boot`.

    `last_seen` is when the last of them was last heard of, in Unix time; None where its clock could not be trusted, and
    where there was none.
    """

    boot: str
    unclean: int
    last_seen: float | None = None


def shutdown_record_path(host: Host) -> str:
    """Where the record is kept."""
    return os.path.join(host.storage, "shutdowns.json")


def read_shutdown_record(host: Host) -> ShutdownRecord | None:
    """The record, or None where there is none yet. Raises OSError, or ValueError for a file that is no record."""
    return optional(_read_record, host, shutdown_record_path(host)) if host.storage else None


def parse_shutdown_record(text: str) -> ShutdownRecord:
    """From `{"boot": "…", "unclean": 4, "last_seen": 1789905600.0}`."""
    try:
        content: dict[str, Any] = json.loads(text)
        boot, unclean, last_seen = content["boot"], content["unclean"], content["last_seen"]
    except (ValueError, KeyError, TypeError, RecursionError) as error:
        raise ValueError(f"no record of shutdowns: {shorten(text)!r}") from error
    is_counted = isinstance(boot, str) and type(unclean) is int and unclean >= 0
    if not is_counted or not (last_seen is None or (isinstance(last_seen, float) and math.isfinite(last_seen))):
        raise ValueError(f"no record of shutdowns: {shorten(text)!r}")
    return ShutdownRecord(boot=boot, unclean=unclean, last_seen=last_seen)


def _read_record(host: Host, path: str) -> ShutdownRecord:
    return parse_shutdown_record(host.read_text(path))
