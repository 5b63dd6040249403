"""Each start of the exporter, and what it says of the time before: a reboot, a power cut, a restart of the exporter."""

from typing import NamedTuple

from sysvitals.history.episodes import Occurrence, get_text
from sysvitals.history.past import Past

FIRST, EXPORTER, CLEAN, UNCLEAN, REBOOT = "first", "exporter", "clean", "unclean", "reboot"
"""What a start may be: the first one known; in the same boot; after a shutdown; after none; after what is not known."""

_ENDINGS = {CLEAN: "clean", UNCLEAN: "unclean"}


class Start(NamedTuple):
    """A start at a time in Unix seconds, after the exporter was last heard of at `before` (None: not known).

    `stop` is how the run before it was ended, where it was; `unclean` is the report of a shutdown that did not happen.
    """

    at: float
    kind: str
    started: Occurrence
    before: float | None = None
    stop: Occurrence | None = None
    unclean: Occurrence | None = None
    earlier_version: str = ""

    @property
    def is_reboot(self) -> bool:
        """Whether the host had started again."""
        return self.kind in (CLEAN, UNCLEAN, REBOOT)

    @property
    def ending(self) -> str:
        """How the boot before a reboot ended: clean, unclean or unknown."""
        return _ENDINGS.get(self.kind, "unknown")


def find_starts(past: Past) -> list[Start]:
    """All starts, in order of time."""
    reports = {one.boot: one for one in past.occurrences if one.name == "system.shutdown.unclean"}
    ends = sorted((piece.end, piece.boot) for piece in past.coverage)
    found: list[Start] = []
    before: float | None = None
    stop: Occurrence | None = None
    boot = version = ""
    passed = 0
    for occurrence in past.occurrences:
        while passed < len(ends) and ends[passed][0] < occurrence.at:
            before, boot = ends[passed]
            passed += 1
        if occurrence.name == "sysvitals.started":
            before = before if stop is None else stop.at
            report = reports.pop(occurrence.boot, None)  # it belongs to the first start of its boot
            kind = _judge(boot, occurrence.boot, stop, report)
            found.append(Start(occurrence.at, kind, occurrence, before, stop, report, version))
            before, stop, version = None, None, get_text(occurrence, "version")
        elif occurrence.name == "sysvitals.stopped":
            stop = occurrence
        boot = occurrence.boot
    return found


def _judge(before: str, now: str, stop: Occurrence | None, report: Occurrence | None) -> str:
    """What the start in the boot `now` was, after one in the boot `before`."""
    if not before:
        return FIRST
    if before == now:
        return EXPORTER
    if report is not None:
        return UNCLEAN
    return REBOOT if stop is None else CLEAN
