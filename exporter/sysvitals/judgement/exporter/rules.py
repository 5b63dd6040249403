"""The rules of this subject for Prometheus: never imported by the program."""

from sysvitals.collectors import COLLECTORS
from sysvitals.judgement.exporter import judge
from sysvitals.judgement.filesystem.judge import BOOT
from sysvitals.judgement.rule import Alert, Subject, beside
from sysvitals.judgement.texts import tell
from sysvitals.judgement.thresholds import (
    COLLECTOR_FAILING,
    COLLECTOR_STALE,
    EXPORTER_RESTARTS,
    READ_ERRORS,
)

_COLLECTOR = ("job", "instance", "collector")
_ON = "on (job, instance, collector)"
_STALE_SECONDS = COLLECTOR_STALE.value * max(collector.max_age for collector in COLLECTORS)
_LATEST = "sysvitals_collector_last_success_timestamp_seconds"

_BECAME_READ_ONLY = f"""unless on (job, instance)
max_over_time(ALERTS{{alertname="FilesystemReadOnly", mountpoint!~"{BOOT}"}}[30m])"""
"""FilesystemReadOnly, pending too: that nothing can be written follows from it."""

FAILING = Alert(
    **beside(judge.FAILING),
    value="avg_over_time(sysvitals_collector_success[15m])",
    compares="<",
    threshold=COLLECTOR_FAILING,
    summary="{{ $labels.instance }}: the collector {{ $labels.collector }} fails",
    description=(
        "In the last quarter of an hour the collector {{ $labels.collector }} succeeded {{ $value | "
        "humanizePercentage }} of the time"
        + tell(
            "topk(1, increase(sysvitals_read_errors_total{SAME}[15m]) > 0)",
            " (error LABEL(error))",
            labels=_COLLECTOR,
        )
        + ": its data is missing, and alerts on it cannot fire. Run `sysvitals collectors` on the host as the "
        "exporter's user: it says what is wrong, and how to get a permission that is missing."
    ),
    why=(
        "A device may be late while a host boots: ten minutes. The average, so that one which fails every other time "
        "is told and does not come and go."
    ),
)

STALE = Alert(
    name="CollectorStale",
    severity="warning",
    value=f"max by (job, instance) ({_LATEST}) - on (job, instance) group_right () {_LATEST}",
    compares=">",
    threshold=f"{_STALE_SECONDS:g}",
    condition=f"unless {_ON} sysvitals_collector_success == 0",
    lasts="5m",
    keeps="10m",
    summary="{{ $labels.instance }}: the collector {{ $labels.collector }} does not run",
    description=(
        "The collector {{ $labels.collector }} does not fail, but its last success is {{ $value | humanizeDuration }} "
        "older than that of the others: what it shows is old. That is a fault of the exporter. Restart it, and report "
        "it with its log: `journalctl -u sysvitals`."
    ),
    why=(
        f"{COLLECTOR_STALE.why} An interval is the longest time after which a scrape has a collector run anew, five "
        "minutes. Its last success is compared with that of its siblings, not with Prometheus's clock: both are by the "
        "host's, which may be wrong. One that fails is another alert's. Five minutes, for a host that wakes from sleep."
    ),
)

VANISHED = Alert(
    **beside(judge.VANISHED),
    value="sysvitals_collector_available",
    threshold=0,
    condition=f"""and {_ON} (
  sysvitals_collector_available offset 1h == 1
  or
  ALERTS{{alertname="CollectorVanished", alertstate="firing"}}
)
unless {_ON} sysvitals_collector_available offset 1d == 0""",
    summary="{{ $labels.instance }}: the collector {{ $labels.collector }} has nothing to read any more",
    description=(
        "Within the last 24 hours the collector {{ $labels.collector }} had something to read, and now the host seems "
        "to have no such thing: its values are gone, and alerts on them cannot fire. A device unplugged, a module not "
        "loaded, a mount missing in the container? `sysvitals collectors` on the host says what it looks for."
    ),
    why=(
        "What a host lacks is no fault, what it loses may be one. Compared with an hour ago; once it fires it goes on "
        "by Prometheus's own note of that, which costs nothing, where a look over the whole day would. After a day it "
        "is taken for meant. A quarter of an hour for devices that are late after a reboot, and as long so that a "
        "reboot makes no end."
    ),
)

UNREADABLE = Alert(
    **beside(judge.UNREADABLE),
    value="rate(sysvitals_read_errors_total[15m])",
    compares=">",
    threshold=READ_ERRORS,
    condition=f"unless {_ON} avg_over_time(sysvitals_collector_success[15m]) < {COLLECTOR_FAILING.value:g}",
    summary="{{ $labels.instance }}: {{ $labels.collector }} cannot read all of its sensors",
    description=(
        "The collector {{ $labels.collector }} meets {{ $labels.error }} "
        '{{ $value | printf "%.2f" }} times a second: one or more of its sensors have no values, the others do. The '
        'exporter\'s log names them (`journalctl -u sysvitals | grep "cannot be read"`). Some drivers offer sensors '
        "that do not work: nothing to mend then, silence it."
    ),
    why="A bus may be busy for a while: a quarter of an hour. A collector that fails as a whole is another alert's.",
)

LEFT_OUT = Alert(
    **beside(judge.LEFT_OUT),
    value="sysvitals_collector_left_out",
    compares=">",
    threshold=0,
    summary="{{ $labels.instance }}: {{ $labels.collector }} does not show all that is there",
    description=(
        'The collector {{ $labels.collector }} leaves out {{ $value | printf "%.0f" }} things or readings to stay '
        "within its limit of series. Does the host really have so many? Leave out what you do not need, or raise "
        "`collector.{{ $labels.collector }}.max_series`."
    ),
    why="What is left out is not watched by any other alert. A quarter of an hour, for what comes and goes in storms.",
)

DROPPED = Alert(
    **beside(judge.DROPPED),
    value='increase(sysvitals_events_dropped_total{sink!="live"}[30m])',
    compares=">",
    threshold=0,
    condition=_BECAME_READ_ONLY,
    summary="{{ $labels.instance }}: {{ $labels.sink }} has lost events",
    description=(
        'About {{ $value | printf "%.0f" }} events did not reach {{ $labels.sink }} within half an hour, because it '
        "was too slow or could not write. Metrics are not touched. Is the disk full, read-only or overloaded? See "
        "`df -h`, `dmesg | tail` and the exporter's log."
    ),
    why=(
        "Any loss, for half an hour after the last one; two minutes, in which a filesystem that became read-only is "
        "found: then the loss follows from that. A viewer of the live page that is too slow harms no other."
    ),
)

NOT_WRITABLE = Alert(
    **beside(judge.NOT_WRITABLE),
    value="sysvitals_history_writable",
    threshold=0,
    condition=_BECAME_READ_ONLY,
    summary="{{ $labels.instance }}: the history cannot be written",
    description=(
        "The exporter's history cannot be written"
        + tell(
            "increase(sysvitals_history_write_errors_total{SAME}[15m]) > 0",
            " ({{ VALUE | printf `%.0f` }} failed attempts in a quarter of an hour)",
        )
        + ": after a power cut there will be no record of what came before it. Is the disk full or read-only "
        "(`df -h`, `dmesg | tail`)? Does the folder storage.path belong to the exporter's user?"
    ),
    why=(
        "A disk may be full for a moment: five minutes. Ten more, since it is tried again and again. Where a "
        "filesystem became read-only, that alert says it."
    ),
)

RELOAD = Alert(
    **beside(judge.RELOAD),
    value="sysvitals_config_last_reload_successful",
    threshold=0,
    summary="{{ $labels.instance }}: the new settings are wrong, the old ones are in force",
    description=(
        "The exporter could not take its configuration and goes on with the one of "
        + tell(
            "sysvitals_config_last_reload_success_timestamp_seconds{SAME}",
            "{{ (VALUE | toTime).Format `2 Jan 15:04:05` }} UTC",
            "before",
        )
        + "; at the next start it would not start at all. `sysvitals check-config FILE` names what is wrong. Mend it, "
        "then `systemctl reload sysvitals`."
    ),
    why="Five minutes for whoever is just editing.",
)

RESTARTING = Alert(
    **beside(judge.RESTARTING),
    value='resets(process_cpu_seconds_total{job=~"sysvitals.*"}[1h])',
    compares=">=",
    threshold=EXPORTER_RESTARTS,
    condition="unless on (job, instance) resets(system_uptime_seconds[1h]) > 0",
    summary="{{ $labels.instance }}: the exporter restarts again and again",
    description=(
        "The exporter started {{ $value }} times within an hour while the host stayed up. What happens between two "
        "runs is not seen, and counts start again from 0. Look at `systemctl status sysvitals` and `journalctl "
        "-u sysvitals -n 100`; `dmesg | grep -i oom` if memory is short."
    ),
    why=(
        "Its CPU time falls with each start. Where the host itself started within the hour, that is another alert's. "
        "Half an hour more, until it proves that it stays up."
    ),
)

THREAD_DIED = Alert(
    **beside(judge.THREAD_DIED),
    value="increase(sysvitals_thread_deaths_total[30m])",
    compares=">",
    threshold=0,
    summary="{{ $labels.instance }}: the exporter's thread {{ $labels.thread }} died",
    description=(
        'The exporter\'s thread {{ $labels.thread }} died ({{ $value | printf "%.0f" }} in 30 minutes) and was started '
        "again, or the exporter is about to restart. The batch that it was working on may be lost. It is a fault of "
        "the exporter, or the host has no memory left: the log has the error (`journalctl -u sysvitals -p err`)."
    ),
    why="A thread that must go on for ever has no reason to die. Half an hour, so that one scrape is enough.",
)

SUBJECT = Subject(
    name="exporter",
    help="Whether the exporter itself can be trusted.",
    rules=(FAILING, STALE, VANISHED, UNREADABLE, LEFT_OUT, DROPPED, NOT_WRITABLE, RELOAD, RESTARTING, THREAD_DIED),
)
