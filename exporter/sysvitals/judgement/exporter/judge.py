"""Whether the exporter itself can be trusted, as it judges it."""

from collections.abc import Iterator

from sysvitals.judgement.filesystem.judge import READ_ONLY_WATCHES, REMOUNTED, has_become_read_only
from sysvitals.judgement.judgement import DAY_SECONDS, Facts, Finding, Judgement, Watch
from sysvitals.judgement.thresholds import COLLECTOR_FAILING, EXPORTER_RESTARTS, READ_ERRORS

_SUCCESS = "sysvitals_collector_success"
_AVAILABLE = "sysvitals_collector_available"
_READ_ERRORS = "sysvitals_read_errors_total"
_DROPPED = "sysvitals_events_dropped_total"
_DEATHS = "sysvitals_thread_deaths_total"
_QUARTER, _HALF_HOUR = 900.0, 1800.0


def _find_failing(facts: Facts) -> Iterator[Finding]:
    for sample in facts.all(_SUCCESS):
        share = facts.average(_SUCCESS, sample.labels, _QUARTER)
        if share is not None and share < COLLECTOR_FAILING.value:
            collector = sample.labels["collector"]
            yield Finding((collector,), f"Cannot read {collector} data", 1 - share)


def _find_vanished(facts: Facts) -> Iterator[Finding]:
    for sample in facts.all(_AVAILABLE):
        if not sample.value and facts.most(_AVAILABLE, sample.labels, DAY_SECONDS):
            collector = sample.labels["collector"]
            yield Finding((collector,), f"No more {collector} data: its source has gone")


def _find_unreadable(facts: Facts) -> Iterator[Finding]:
    for sample in facts.all(_READ_ERRORS):
        collector, error = sample.labels["collector"], sample.labels["error"]
        share = facts.average(_SUCCESS, {"collector": collector}, _QUARTER)
        rate = facts.rate(_READ_ERRORS, sample.labels, _QUARTER) or 0.0
        if rate > READ_ERRORS.value and (share is None or share >= COLLECTOR_FAILING.value):
            text = f"The collector {collector} cannot read all of its sensors ({error})"
            yield Finding((collector, error), text, rate)


def _find_left_out(facts: Facts) -> Iterator[Finding]:
    for sample in facts.all("sysvitals_collector_left_out"):
        if sample.value > 0:
            collector = sample.labels["collector"]
            yield Finding((collector,), f"The collector {collector} leaves out {sample.value:.0f} things", sample.value)


def _find_dropped(facts: Facts) -> Iterator[Finding]:
    if has_become_read_only(facts, _HALF_HOUR):  # on which filesystem the history is, no series says
        return
    for sample in facts.all(_DROPPED):
        sink = sample.labels["sink"]
        lost = facts.growth(_DROPPED, sample.labels, _HALF_HOUR) or 0.0
        if sink != "live" and lost > 0:
            yield Finding((sink,), f"{max(1, round(lost))} events did not reach the {sink} in the last 30 min", lost)


def _find_not_writable(facts: Facts) -> Iterator[Finding]:
    if facts.value("sysvitals_history_writable") == 0 and not has_become_read_only(facts, _HALF_HOUR):
        yield Finding((), "The history cannot be written")


def _find_refused(facts: Facts) -> Iterator[Finding]:
    if facts.value("sysvitals_config_last_reload_successful") == 0:
        yield Finding((), "The new configuration is not valid; the old one is in force")


def _find_restarting(facts: Facts) -> Iterator[Finding]:
    if facts.uptime <= 3600:  # the host itself started: that is another alert's
        return
    restarts = len(facts.events("sysvitals.started", 3600)) - 1  # the first one may have been meant
    if restarts >= EXPORTER_RESTARTS.value:
        yield Finding((), f"The exporter restarted {restarts} times within an hour", float(restarts))


def _find_dead_threads(facts: Facts) -> Iterator[Finding]:
    for sample in facts.all(_DEATHS):
        deaths = facts.growth(_DEATHS, sample.labels, _HALF_HOUR) or 0.0
        if deaths > 0:
            thread = sample.labels["thread"]
            yield Finding((thread,), f"The exporter's thread {thread} died and was started again", deaths)


FAILING = Judgement(
    alert="CollectorFailing",
    severity="warning",
    area="exporter",
    find=_find_failing,
    lasts=600,
    keeps=900,
    watches=(Watch(_SUCCESS, _QUARTER),),
    remedy="Run `sysvitals collectors` as the exporter's user: it names what is wrong, or which permission is missing.",
)

VANISHED = Judgement(
    alert="CollectorVanished",
    severity="warning",
    area="exporter",
    find=_find_vanished,
    lasts=900,
    keeps=900,
    fades=True,
    watches=(Watch(_AVAILABLE, DAY_SECONDS),),
    remedy="A device unplugged, a module not loaded, a mount missing? `sysvitals collectors` says what it looks for.",
)

UNREADABLE = Judgement(
    alert="SensorsUnreadable",
    severity="info",
    area="exporter",
    find=_find_unreadable,
    lasts=900,
    keeps=1800,
    watches=(Watch(_READ_ERRORS, _QUARTER), Watch(_SUCCESS, _QUARTER)),
    remedy="The exporter's log names them. Some drivers offer sensors that do not work: leave those out.",
)

LEFT_OUT = Judgement(
    alert="ThingsLeftOut",
    severity="info",
    area="exporter",
    find=_find_left_out,
    lasts=900,
    keeps=900,
    remedy="Leave out what you do not need, or raise the collector's `max_series`.",
)

DROPPED = Judgement(
    alert="EventsDropped",
    severity="warning",
    area="exporter",
    find=_find_dropped,
    lasts=120,
    watches=(Watch(_DROPPED, _HALF_HOUR), *READ_ONLY_WATCHES),
    events=(REMOUNTED,),
    remedy="Is the disk full, read-only or overloaded? See `df -h`, `dmesg | tail` and the exporter's log.",
)

NOT_WRITABLE = Judgement(
    alert="HistoryNotWritable",
    severity="warning",
    area="exporter",
    find=_find_not_writable,
    lasts=300,
    keeps=600,
    watches=READ_ONLY_WATCHES,
    events=(REMOUNTED,),
    remedy="Is the disk full or read-only (`df -h`, `dmesg | tail`)? Does storage.path belong to the exporter's user?",
)

RELOAD = Judgement(
    alert="ReloadFailed",
    severity="warning",
    area="exporter",
    find=_find_refused,
    lasts=300,
    remedy="`sysvitals check-config FILE` names what is wrong. Mend it, then `systemctl reload sysvitals`.",
)

RESTARTING = Judgement(
    alert="ExporterRestarting",
    severity="warning",
    area="exporter",
    find=_find_restarting,
    keeps=1800,
    events=("sysvitals.started",),
    remedy="Look at `systemctl status sysvitals` and `journalctl -u sysvitals -n 100`.",
)

THREAD_DIED = Judgement(
    alert="ExporterThreadDied",
    severity="warning",
    area="exporter",
    find=_find_dead_threads,
    watches=(Watch(_DEATHS, _HALF_HOUR),),
    remedy="The log has the error: `journalctl -u sysvitals -p err`. Please report it.",
)

JUDGEMENTS = (FAILING, VANISHED, UNREADABLE, LEFT_OUT, DROPPED, NOT_WRITABLE, RELOAD, RESTARTING, THREAD_DIED)
