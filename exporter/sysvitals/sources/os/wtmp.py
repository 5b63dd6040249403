"""The system's own log of boots and shutdowns: /var/log/wtmp, as systemd and sysvinit write it with glibc.

Everyone may read it. Debian 13 and Alpine keep none; containers mostly have an empty one of their own.
"""

import struct
from typing import NamedTuple

from sysvitals.host.files import optional
from sysvitals.host.host import Host

_LIMIT = 8 << 20
_RUN_LEVEL, _BOOT_TIME, _LAST_TYPE = 1, 2, 9
# struct utmp: type, pid, line, id, user, host, exit status, session, seconds. Most 64-bit machines keep the times of
# 32-bit ones; arm64 has its own.
_LAYOUTS = {384: struct.Struct("=hxxi32s4s32s256s4xii"), 400: struct.Struct("=hxxi32s4s32s256s4xqq")}


class LoggedEnd(NamedTuple):
    """How the boot before this one ended: shut down at that Unix time, or None: it went down without."""

    shutdown_at: float | None


def read_logged_end(host: Host) -> LoggedEnd | None:
    """None where the log does not tell. Raises OSError, or ValueError for a file that is no such log."""
    content = optional(_read_log, host, f"{host.rootfs}/var/log/wtmp")
    return parse_logged_end(content) if content and len(content) < _LIMIT else None


def parse_logged_end(content: bytes) -> LoggedEnd | None:
    """From the records as they lie in the file, in whose order they were written, whatever the clock said."""
    for size, layout in _LAYOUTS.items():
        # some lengths are multiples of both sizes: then the types tell
        if not len(content) % size:
            records = [layout.unpack_from(content, start) for start in range(0, len(content), size)]
            if all(0 < record[0] <= _LAST_TYPE for record in records):
                return _find_end(records)
    raise ValueError(f"{len(content)} bytes that are no log of boots")


def _find_end(records: list[tuple[int, int, bytes, bytes, bytes, bytes, int, int]]) -> LoggedEnd | None:
    marks = [
        (kind, float(seconds))
        for kind, _, _, _, user, _, _, seconds in records
        if kind == _BOOT_TIME or (kind == _RUN_LEVEL and user.rstrip(b"\0") == b"shutdown")
    ]
    if marks and marks[-1][0] == _BOOT_TIME:
        marks.pop()  # that of the boot we are in
    if not marks:
        return None
    kind, seconds = marks[-1]
    return LoggedEnd(seconds if kind == _RUN_LEVEL else None)


def _read_log(host: Host, path: str) -> bytes:
    return host.read_plain_bytes(path, _LIMIT)
