"""Histories written by hand: boots, clocks and damages as a test wants them."""

import gzip
import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from sysvitals.history.segments import COMPRESSED, PLAIN, create_segment
from sysvitals.model.event import format_time
from tests.history.writing import NOON

BEGAN, ENDED = "system.throttling.started", "system.throttling.cleared"


def line_of(
    name: str = "sysvitals.reloaded",
    *,
    at: float = NOON,
    boot: str = "boot-1",
    seq: int = 0,
    up: float | None = None,
    synced: bool | None = True,
    **data: Any,
) -> str:
    """One stored line. The boot began at noon less 1,000 s, unless `up` (s) is given."""
    envelope = {
        "time": format_time(at), "name": name, "host": "pi4", "boot": boot, "seq": seq,
        "uptime": at - NOON + 1000.0 if up is None else up, "synced": synced, "data": data,
    }  # fmt: skip
    return json.dumps(envelope, ensure_ascii=False, separators=(",", ":"))


def store(folder: Path, lines: Iterable[str], at: float = NOON, *, compress: bool = False, tail: bytes = b"") -> Path:
    """A segment of these lines that began at that time, with what a power cut left behind them."""
    content = "".join(f"{line}\n" for line in lines).encode(errors="surrogateescape")
    descriptor, segment = create_segment(str(folder), at, COMPRESSED if compress else PLAIN)
    with open(descriptor, "wb") as file:
        file.write((gzip.compress(content) if compress else content) + tail)
    return Path(segment.path)
