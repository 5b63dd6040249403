"""Whether the clock can be trusted. Whether it is right, only another clock can say: Prometheus's."""

from collections.abc import Iterator

from sysvitals.judgement.judgement import Facts, Finding, Judgement
from sysvitals.judgement.thresholds import CLOCK_ERROR
from sysvitals.model.unit import format_duration

_IDENTITY = "system_identity_info"


def _find_unsynchronised(facts: Facts) -> Iterator[Finding]:
    if facts.value("system_timex_sync_status") == 0 and not _is_virtual(facts):
        yield Finding((), "Clock not synchronised (no NTP)")


def _is_virtual(facts: Facts) -> bool:
    """Whether a hypervisor may steer the clock: the kernel calls that unsynchronised. Only another clock knows."""
    return any(sample.labels.get("virtualization", "") not in ("", "none") for sample in facts.all(_IDENTITY))


def _find_inexact(facts: Facts) -> Iterator[Finding]:
    error = facts.value("system_timex_maxerror_seconds")
    if error is not None and error > CLOCK_ERROR.value and facts.value("system_timex_sync_status") != 0:
        yield Finding((), f"The clock may be wrong by {format_duration(error)}")


UNSYNCHRONISED = Judgement(
    alert="ClockUnsynchronised",
    severity="warning",
    area="clock",
    find=_find_unsynchronised,
    lasts=3600,
    keeps=900,
    remedy="Look at `timedatectl timesync-status` or `chronyc sources`, and whether UDP port 123 gets out.",
)

INEXACT = Judgement(
    alert="ClockInexact",
    severity="info",
    area="clock",
    find=_find_inexact,
    lasts=3600,
    keeps=900,
    remedy="Look at `timedatectl timesync-status` or `chronyc sources -v`.",
)

JUDGEMENTS = (UNSYNCHRONISED, INEXACT)
