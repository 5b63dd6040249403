"""Memory that runs out, as the host judges it."""

import math
from collections.abc import Iterator
from itertools import pairwise

from sysvitals.judgement.judgement import Facts, Finding, Judgement, Watch
from sysvitals.judgement.thresholds import (
    MEMORY_FILLS_SOON,
    MEMORY_LOW,
    MEMORY_MOSTLY_USED,
    MEMORY_ROOM,
    MEMORY_STALLED,
    MEMORY_STEADY,
    MEMORY_VERY_LOW,
    SWAP_LEFT,
)
from sysvitals.model.unit import format_value

_AVAILABLE, _SIZE = "system_memory_available_bytes", "system_memory_size_bytes"
_STALLED, _KILLS = "system_pressure_stalled_seconds_total", "system_memory_oom_kills_total"
_TOO_LITTLE = "memory"
_OF_MEMORY = {"resource": "memory"}
_RATE_SECONDS, _HOUR = 600.0, 3600.0

PIECE_SECONDS, PIECES = 300, 3
"""The loss of memory is looked at in so many pieces of so many seconds."""


def _find_low(facts: Facts) -> Iterator[Finding]:
    used, left = _measure(facts)
    if used > MEMORY_LOW.value:
        yield Finding((), f"{format_value(used, 'ratio')} of the memory is used ({left} left)", cause=_TOO_LITTLE)


def _find_very_low(facts: Facts) -> Iterator[Finding]:
    used, left = _measure(facts)
    swap = facts.value("system_memory_swap_size_bytes")
    swap_left = facts.value("system_memory_swap_free_bytes")
    if swap and swap_left is not None and swap_left / swap > SWAP_LEFT.value:
        return
    if used > MEMORY_VERY_LOW.value:
        text = f"{format_value(used, 'ratio')} of the memory is used ({left} left), and no swap is left"
        yield Finding((), text, cause=_TOO_LITTLE)


def _measure(facts: Facts) -> tuple[float, str]:
    """The used part, and what is left in words. The used part is 0 where much is left, or nothing is known."""
    available, size = facts.value(_AVAILABLE), facts.value(_SIZE)
    if available is None or not size or available >= MEMORY_ROOM.value:
        return 0.0, ""
    return 1 - available / size, format_value(available, "bytes")


def _find_filling(facts: Facts) -> Iterator[Finding]:
    available, size = facts.value(_AVAILABLE), facts.value(_SIZE)
    if available is None or not size or 1 - available / size <= MEMORY_MOSTLY_USED.value:
        return
    means = [facts.average(_AVAILABLE, {}, PIECE_SECONDS, ago=n * PIECE_SECONDS) for n in range(PIECES, -1, -1)]
    known = [mean for mean in means if mean is not None]
    if len(known) < len(means):
        return
    lost = known[0] - known[-1]
    if lost <= 0 or any(before - after <= MEMORY_STEADY.value * lost for before, after in pairwise(known)):
        return
    # in tens of minutes: what is predicted is not known better
    minutes = math.ceil(available / lost * PIECES * PIECE_SECONDS / 600) * 10
    if minutes <= MEMORY_FILLS_SOON.value:
        left = format_value(available, "bytes")
        text = f"The memory will be used up in less than {minutes} min at this pace ({left} left)"
        yield Finding((), text, cause=_TOO_LITTLE)


def _find_stalled(facts: Facts) -> Iterator[Finding]:
    part = facts.rate(_STALLED, _OF_MEMORY, _RATE_SECONDS)
    if part is not None and part > MEMORY_STALLED.value:
        yield Finding((), f"All tasks wait for memory {format_value(part, 'ratio')} of the time", cause=_TOO_LITTLE)


def _find_killed(facts: Facts) -> Iterator[Finding]:
    kills = facts.growth(_KILLS, {}, _HOUR)
    if kills is not None and kills > 0:
        count = max(1, round(kills))
        text = f"Memory ran out: the kernel killed {count} task{'s' if count > 1 else ''} within the last hour"
        yield Finding((), text)


_PROGRAMS = "`ps axo rss,comm --sort=-rss | head` shows what takes it."

LOW = Judgement(
    alert="MemoryLow",
    severity="warning",
    area="memory",
    find=_find_low,
    lasts=1800,
    keeps=900,
    remedy=f"{_PROGRAMS} Restart or limit what grows.",
)
VERY_LOW = Judgement(
    alert="MemoryLow",
    severity="critical",
    area="memory",
    find=_find_very_low,
    lasts=300,
    keeps=1200,
    remedy=f"{_PROGRAMS} Restart or stop that now: the kernel will soon kill a program.",
)
FILLING = Judgement(
    alert="MemoryFilling",
    severity="warning",
    area="memory",
    find=_find_filling,
    lasts=300,
    keeps=900,
    watches=(Watch(_AVAILABLE, (PIECES + 1) * PIECE_SECONDS),),
    remedy=f"{_PROGRAMS} Restart what grows.",
)
STALLED = Judgement(
    alert="MemoryStalled",
    severity="warning",
    area="memory",
    find=_find_stalled,
    lasts=900,
    keeps=600,
    watches=(Watch(_STALLED, _RATE_SECONDS, (("resource", "memory"),)),),
    remedy=f"{_PROGRAMS} `vmstat 5` shows the swapping.",
)
OUT_OF_MEMORY = Judgement(
    alert="OutOfMemory",
    severity="warning",
    area="memory",
    find=_find_killed,
    watches=(Watch(_KILLS, _HOUR),),
    remedy="`journalctl -k --grep 'out of memory'` names what was killed. Check that it runs again.",
)

JUDGEMENTS = (LOW, VERY_LOW, FILLING, STALLED, OUT_OF_MEMORY)
