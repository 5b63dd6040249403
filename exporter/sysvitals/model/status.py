"""The exporter about itself: what it exposes when scraped, declared like any reading, and never stored."""

from typing import Annotated

from sysvitals.model.metric import Counter, Gauge, Info, Label
from sysvitals.model.reading import Status

_COLLECTOR = Label("Name of the collector.")
_SINK = Label("Name of the consumer of events.")


class Build(Status, event="sysvitals.build.status"):
    """Version of the exporter and of the Python that runs it."""

    version: Annotated[str, Info("build", help="Version of sysvitals.")]
    python: Annotated[str, Info("build", help="Version of Python.")]


class CollectorStatus(Status, event="sysvitals.collector.status"):
    """How a collector fares."""

    collector: Annotated[str, _COLLECTOR]
    available: Annotated[bool, Gauge("collector_available", help="Whether this host has what the collector reads.")]
    success: Annotated[
        bool | None,
        Gauge("collector_success", help="Whether the collector's last run succeeded; no series where unavailable."),
    ]
    duration: Annotated[
        float | None, Gauge("collector_duration", unit="seconds", help="How long the collector's last run took.")
    ] = None
    last_success: Annotated[
        float | None,
        Gauge(
            "collector_last_success",
            unit="timestamp_seconds",
            help="When the collector last succeeded, in Unix time.",
        ),
    ] = None
    left_out: Annotated[
        int | None,
        Gauge(
            "collector_left_out",
            help="Things not read and readings not shown, to stay within the collector's `max_series`; no series where "
            "nothing is left out.",
        ),
    ] = None


_READ_ERRORS_HELP = "Reads of single things, and of tables, that failed, hung or became slow."


class ReadErrors(Status, event="sysvitals.read_errors.status"):
    """What could not be read, by class of error."""

    collector: Annotated[str, _COLLECTOR]
    error: Annotated[
        str,
        Label(
            "An errno's name, `garbage` for what made no sense, `timeout` (each time that what hangs should have been "
            "read), `slow` (each time that a thing became slow), `duplicate`, or an exception."
        ),
    ]
    total: Annotated[int, Counter("read_errors", help=_READ_ERRORS_HELP)]


class WatchWakes(Status, event="sysvitals.watch.status"):
    """How often a collector was woken because something that it watches changed."""

    collector: Annotated[str, _COLLECTOR]
    how: Annotated[
        str,
        Label(
            "`notice`: the kernel gave notice of the change; `look`: it was found by looking.",
            values=("notice", "look"),
        ),
    ]
    total: Annotated[int, Counter("watch_wakes", help="Changes of what it watches; to begin to watch is one.")]


class EventCount(Status, event="sysvitals.events.status"):
    """How many events there were."""

    event: Annotated[str, Label("Name of the event.")]
    total: Annotated[int, Counter("events", help="Events since the exporter started.")]


class SinkStatus(Status, event="sysvitals.sink.status"):
    """How a consumer of events fares."""

    sink: Annotated[str, _SINK]
    dropped: Annotated[int, Counter("events_dropped", help="Events that the consumer lost, oldest first.")]
    waiting: Annotated[int, Gauge("events_waiting", help="Events that wait in the consumer's inbox.")]


class HistoryStatus(Status, event="sysvitals.history.status"):
    """The history on disk."""

    size: Annotated[int, Gauge("history_size", unit="bytes", help="Size of all segments and summaries on disk.")]
    segments: Annotated[int, Gauge("history_segments", help="Segments on disk.")]
    written: Annotated[int, Counter("history_written", unit="bytes", help="Bytes of events written.")]
    syncs: Annotated[int, Counter("history_syncs", help="How often the history was forced to the disk.")]
    left_out: Annotated[
        int, Counter("history_events_left_out", help="Readings left out to stay within a collector's budget of bytes.")
    ]
    errors: Annotated[int, Counter("history_write_errors", help="Failed attempts to write the history.")]
    writable: Annotated[
        bool, Gauge("history_writable", help="Whether the last attempt to write succeeded, and the writer is alive.")
    ]


class VerdictLevel(Status, event="system.verdict.status"):
    """The verdict on this host: one series for each level, 1 for the present one."""

    level: Annotated[
        str,
        Label(
            "`good`: all well; `warning`: needs attention; `critical`: in trouble; `unknown`: cannot be trusted now.",
            values=("good", "warning", "critical", "unknown"),
        ),
    ]
    present: Annotated[
        bool, Gauge("verdict", help="1 for the level of the verdict on this host, as its page shows it.")
    ]


class VerdictSince(Status, event="system.verdict.since.status"):
    """Since when the verdict on this host has its level."""

    since: Annotated[
        float,
        Gauge(
            "verdict_since",
            unit="timestamp_seconds",
            help="Since when the verdict has its level, in Unix time.",
        ),
    ]


class VerdictReasons(Status, event="system.verdict.reasons.status"):
    """Why the verdict is what it is now: a series for each alert that holds, none where all is well or not known."""

    alert: Annotated[str, Label("Name of the alert that says the same.")]
    level: Annotated[
        str,
        Label("`critical` and `warning` make the verdict; a `note` does not.", values=("note", "warning", "critical")),
    ]
    count: Annotated[
        int,
        Gauge(
            "verdict_reasons",
            help="Reasons of the verdict that hold now, such as two full disks; what is over is not counted.",
        ),
    ]


class ThreadStatus(Status, event="sysvitals.thread.status"):
    """A thread of the exporter that must go on for ever."""

    thread: Annotated[str, Label("Name of the thread.")]
    deaths: Annotated[int, Counter("thread_deaths", help="How often the thread has died; most are started again.")]


class LogStatus(Status, event="sysvitals.log.status"):
    """The exporter's log."""

    dropped: Annotated[
        int, Counter("log_messages_dropped", help="Log messages that were lost: standard error was not read.")
    ]


class Refused(Status, event="sysvitals.http.status"):
    """What the HTTP server refused, to stay within its limits."""

    reason: Annotated[
        str,
        Label(
            "`busy`: too much at a time (503); `crowded`: closed for a newcomer; `host`: not a name of this host "
            "(421); `invalid`: not a valid request; `origin`: not for pages of other sites, or off (403); `password` "
            "(401); `rate`: beyond the web file's limit (429); `slow`: no whole request in time (408); `tls`: no "
            "handshake; `unread`: the client did not read; `viewer`: sent what a viewer may not.",
            values=(
                "busy",
                "crowded",
                "host",
                "invalid",
                "origin",
                "password",
                "rate",
                "slow",
                "tls",
                "unread",
                "viewer",
            ),
        ),
    ]
    total: Annotated[int, Counter("http_refused", help="Requests refused and connections closed early.")]


class ConfigStatus(Status, event="sysvitals.config.status"):
    """Whether the configuration that is on disk is the one in force."""

    successful: Annotated[
        bool, Gauge("config_last_reload_successful", help="Whether the last reading of the configuration succeeded.")
    ]
    at: Annotated[
        float,
        Gauge(
            "config_last_reload_success",
            unit="timestamp_seconds",
            help="When the configuration in force was read, in Unix time.",
        ),
    ]


class ProcessStatus(Status, event="process.status"):
    """What the exporter's process costs, under the names common to Prometheus's client libraries."""

    cpu: Annotated[float, Counter("cpu", unit="seconds", help="Total user and system CPU time spent in seconds.")]
    virtual: Annotated[int, Gauge("virtual_memory", unit="bytes", help="Virtual memory size in bytes.")]
    resident: Annotated[int, Gauge("resident_memory", unit="bytes", help="Resident memory size in bytes.")]
    started: Annotated[
        float | None,
        Gauge(
            "start_time",
            unit="seconds",
            shown="timestamp_seconds",
            help="Start time of the process since unix epoch in seconds.",
        ),
    ] = None
    open_files: Annotated[int | None, Gauge("open_fds", help="Number of open file descriptors.")] = None
    most_files: Annotated[int | None, Gauge("max_fds", help="Maximum number of open file descriptors.")] = None


STATUSES: tuple[type[Status], ...] = (
    Build,
    CollectorStatus,
    ReadErrors,
    WatchWakes,
    EventCount,
    SinkStatus,
    HistoryStatus,
    VerdictLevel,
    VerdictReasons,
    VerdictSince,
    ThreadStatus,
    LogStatus,
    Refused,
    ConfigStatus,
    ProcessStatus,
)
