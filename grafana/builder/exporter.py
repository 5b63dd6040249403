"""Exporter: whether what the other dashboards show can be trusted, and what it costs."""

from grafana.builder.colours import INFO, PLAIN, WARNING
from grafana.builder.dashboard import Dashboard, link_to
from grafana.builder.hosts import CHARTED, NOBODY_KNOWS, linked, of_top, over_range, per_host
from grafana.builder.judging import Json, any_is, value_mappings, yes_no
from grafana.builder.layout import Line, Section
from grafana.builder.naming import HOST_COLOURS
from grafana.builder.panels import About, Column, override, stat, table, time_series
from grafana.builder.queries import OURS, Query, increase, rate, select
from grafana.builder.units import BYTES, BYTES_PER_SECOND, COUNT, PER_SECOND, RATIO, SECONDS
from sysvitals.collectors import COLLECTORS
from sysvitals.judgement.thresholds import COLLECTOR_STALE, READ_ERRORS

STALE_SECONDS = COLLECTOR_STALE.value * max(collector.max_age for collector in COLLECTORS)
"""How far a collector may be behind its siblings, as the rules have it: each scrape runs those that are too old."""

SUCCESS = select("sysvitals_collector_success")
AVAILABLE = select("sysvitals_collector_available")
LATEST = select("sysvitals_collector_last_success_timestamp_seconds")
BEHIND = f"(max by (job, instance) ({LATEST}) - on (job, instance) group_right () {LATEST})"
"""How long ago each collector succeeded, by the clock of its own host: by Prometheus's it would be as wrong as that."""

LATE = f"({BEHIND} > {STALE_SECONDS:g} unless on (job, instance, collector) {SUCCESS} == 0)"
ERRORS = increase("sysvitals_read_errors_total", over="1h")
ERRORS_NOW = f"rate({select('sysvitals_read_errors_total', over='15m')})"
LOST = increase("sysvitals_events_dropped_total", 'sink!="live"', over="1d")

CPU = rate("process_cpu_seconds_total", OURS)
MEMORY = select("process_resident_memory_bytes", OURS)

METRICS_DOCS = "exporter/METRICS.md#the-exporter-itself"
RUNBOOK = "prometheus/RUNBOOK.md"

TO_HOST = link_to("sysvitals-host", "Open this host")


def or_none(count: str, known: str) -> str:
    """A count that is 0 where nothing is counted, and no number at all where nobody could."""
    return f"({count} or vector(0)) and on () count({known})"


def most(metric: str, matchers: str = "") -> str:
    """A gauge of the hosts where it is most within the time range."""
    return of_top(per_host(select(metric, matchers)), over_range("max_over_time", select(metric, matchers)))


def fastest(counter: str, matchers: str = "") -> str:
    """What a counter grows by in a second, of the hosts where that is most within the time range."""
    return of_top(per_host(rate(counter, matchers)), over_range("rate", select(counter, matchers)))


def lately(function: str, metric: str) -> str:
    """One value for each series from the last quarter of an hour: of tens of thousands, more would take long."""
    return f"{function}({select(metric, over='15m')} @ end())"


HEALTH = (
    stat(
        About(
            title="Failing collectors",
            description="Collectors whose last run failed, and collectors that do not fail and yet have not run for "
            "too long. What such a collector reads is not known: alerts on it cannot fire.",
            docs=f"{RUNBOOK}#collectorfailing",
            missing="no exporter answers",
            unit=COUNT,
            thresholds=any_is(WARNING),
        ),
        Query(or_none(f"count({SUCCESS} == 0)", SUCCESS), "fail"),
        Query(or_none(f"count({LATE})", SUCCESS), "late"),
    ),
    stat(
        About(
            title="Unreadable sensors",
            description="Kinds of read errors that come so often that a sensor must be missing from what is shown.",
            docs=f"{RUNBOOK}#sensorsunreadable",
            missing="no exporter answers",
            unit=COUNT,
            thresholds=any_is(INFO),
        ),
        Query(or_none(f"count({ERRORS_NOW} > {READ_ERRORS.value:g})", SUCCESS), "errors"),
    ),
    stat(
        About(
            title="Events lost, 24 h",
            description="Events that did not reach the history within a day, because it was too slow or could not be "
            "written. Metrics are not touched.",
            docs=f"{RUNBOOK}#eventsdropped",
            missing="no exporter answers",
            unit=COUNT,
            decimals=0,
            thresholds=any_is(WARNING),
        ),
        Query(f"sum({LOST})", "events"),
    ),
    stat(
        About(
            title="History unwritable",
            description="Exporters whose history cannot be written: after a power cut nobody will know what was "
            "before it.",
            docs=f"{RUNBOOK}#historynotwritable",
            missing="no history is kept",
            unit=COUNT,
            thresholds=any_is(WARNING),
        ),
        Query(
            or_none(f"count({select('sysvitals_history_writable')} == 0)", select("sysvitals_history_writable")),
            "cannot write",
        ),
    ),
    stat(
        About(
            title="Settings refused",
            description="Exporters that could not take their configuration and go on with the one before.",
            docs=f"{RUNBOOK}#reloadfailed",
            missing="no exporter answers",
            unit=COUNT,
            thresholds=any_is(WARNING),
        ),
        Query(
            or_none(
                f"count({select('sysvitals_config_last_reload_successful')} == 0)",
                select("sysvitals_config_last_reload_successful"),
            ),
            "refused",
        ),
    ),
    stat(
        About(
            title="Exporter CPU and memory",
            description="Part of one core that the exporter takes, and its memory: the mean of all hosts.",
            docs="benchmarks/README.md",
            missing="no exporter answers",
            unit=RATIO,
            decimals=2,
            overrides=[override("byFrameRefID", "B", unit=BYTES, decimals=0)],
        ),
        Query(f"avg({CPU})", "CPU"),
        Query(f"avg({MEMORY})", "memory"),
        coloured="none",
    ),
)

COLLECTOR_TABLE = table(
    About(
        title="Collectors",
        description="Each collector over all hosts: how many have what it reads, on how many its last run failed, how "
        "far the slowest is behind its siblings (each collector has its own interval), its longest run, and the most "
        "reads that failed on one host within an hour.",
        docs=METRICS_DOCS,
        missing="no exporter answers",
    ),
    Query(f"sum by (collector) ({AVAILABLE})"),
    Query(f"count by (collector) ({SUCCESS} == 0) or sum by (collector) ({SUCCESS}) * 0"),
    Query(f"max by (collector) ({BEHIND})"),
    Query(f"max by (collector) ({select('sysvitals_collector_duration_seconds')})"),
    Query(f"max by (collector) (sum by (job, instance, collector) ({ERRORS})) or sum by (collector) ({AVAILABLE}) * 0"),
    columns=[
        Column(name="collector", title="Collector", min_width=110),
        Column(name="Value #A", title="Hosts", unit=COUNT, width=64),
        Column(
            name="Value #B",
            title="Fail",
            unit=COUNT,
            width=60,
            thresholds=any_is(WARNING, base=PLAIN),
            cell="color-text",
            missing=NOBODY_KNOWS,
        ),
        Column(name="Value #C", title="Behind", unit=SECONDS, decimals=0, width=90, missing=NOBODY_KNOWS),
        Column(name="Value #D", title="Longest run", unit=SECONDS, decimals=1, width=105, missing=NOBODY_KNOWS),
        Column(name="Value #E", title="Errors, 1 h", unit=COUNT, decimals=0, width=95, missing=NOBODY_KNOWS),
    ],
    sort=("Fail", True),
)

_HERE = "${__data.fields.instance}"

WRONG = f"""max by (job, instance, collector) (
    ({SUCCESS} == 0) + 3
  or
    {LATE} * 0 + 2
  or
    ({ERRORS} > 0) * 0 + 1
)"""

FAULTS = table(
    About(
        title="Failing collectors by host",
        description="Each collector that fails, is late, or met a read error within an hour, with its host and its "
        "most frequent error. `sysvitals collectors` on the host says why.",
        docs=f"{RUNBOOK}#collectorfailing",
        missing="no failing collector reported",
    ),
    Query(WRONG),
    Query(
        f"topk by (job, instance, collector) (1, max by (job, instance, collector, error) ({ERRORS} > 0))",
    ),
    columns=[
        Column(
            name="instance",
            title="Host",
            min_width=135,
            links=[link_to("sysvitals-host", "Open this host", instance=_HERE)],
        ),
        Column(name="collector", title="Collector", min_width=100),
        Column(
            name="Value #A",
            title="How",
            width=110,
            mappings=value_mappings({3: ("fails", WARNING), 2: ("late", WARNING), 1: ("read errors", INFO)}),
            cell="color-background",
            align="center",
        ),
        Column(name="error", title="Error", min_width=80, missing=NOBODY_KNOWS),
        Column(name="Value #B", title="In 1 h", unit=COUNT, decimals=0, width=80, missing=NOBODY_KNOWS),
    ],
    sort=("How", True),
)

DURATIONS = time_series(
    About(
        title="Collector duration",
        description=f"The longest run of each of the {CHARTED} collectors that are slowest at the end of the time "
        "range, on the slowest host. A scrape waits for those that are due, all at once.",
        docs=METRICS_DOCS,
        missing="no exporter answers",
        unit=SECONDS,
        minimum=0,
        interval="5m",
    ),
    Query(
        of_top(
            f"max by (collector) ({select('sysvitals_collector_duration_seconds')})",
            lately("max_over_time", "sysvitals_collector_duration_seconds"),
            by="collector",
        ),
        "{{collector}}",
    ),
    fill=0,
)

SHORT_EVENT = r"system\.(.*)\.updated"
"""What is left of it says which, and a legend of them fits below its chart."""

EVENTS = time_series(
    About(
        title="Events by name",
        description=f"Events a second on all hosts together, of the {CHARTED} kinds that are most frequent at the end "
        "of the time range.",
        docs="exporter/METRICS.md",
        missing="no exporter answers",
        unit=PER_SECOND,
        minimum=0,
        interval="5m",
    ),
    Query(
        of_top(
            f"sum by (event) ({rate('sysvitals_events_total')})",
            lately("rate", "sysvitals_events_total"),
            by="event",
        ),
        "{{event}}",
    ),
    stacked=True,
) | {"transformations": [{"id": "renameByRegex", "options": {"regex": SHORT_EVENT, "renamePattern": "$1"}}]}

VERSIONS = table(
    About(
        title="Versions",
        description="Versions of the exporter, and of the Python that runs it.",
        docs="CHANGELOG.md",
        missing="no exporter answers",
    ),
    Query(f"count by (version, python) ({select('sysvitals_build_info')})"),
    columns=[
        Column(name="version", title="sysvitals", min_width=90),
        Column(name="python", title="Python", min_width=90),
        Column(name="Value", title="Hosts", unit=COUNT, width=64),
    ],
    sort=("sysvitals", True),
)

PROCESSOR = time_series(
    About(
        title="Exporter CPU by host",
        description=f"Part of one core that the exporter takes, on the {CHARTED} hosts where it is most.",
        docs="benchmarks/README.md",
        missing="no exporter answers",
        unit=RATIO,
        minimum=0,
        overrides=[*HOST_COLOURS, linked(TO_HOST)],
    ),
    Query(fastest("process_cpu_seconds_total", OURS)),
    fill=0,
)

RESIDENT = time_series(
    About(
        title="Exporter memory by host",
        description=f"Memory that the exporter has, on the {CHARTED} hosts where it is most.",
        docs="benchmarks/README.md",
        missing="no exporter answers",
        unit=BYTES,
        minimum=0,
        overrides=[*HOST_COLOURS, linked(TO_HOST)],
    ),
    Query(most("process_resident_memory_bytes", OURS)),
    fill=0,
)


def history_panel(title: str, description: str, metric: str, unit: str, *, counter: bool = False) -> Json:
    """One side of what the history does to a card, on the hosts where it is most."""
    return time_series(
        About(
            title=title,
            description=f"{description} The {CHARTED} hosts where it is most.",
            docs="exporter/README.md",
            missing="no history is kept",
            unit=unit,
            minimum=0,
            overrides=[*HOST_COLOURS, linked(TO_HOST)],
        ),
        Query(fastest(metric) if counter else most(metric)),
        fill=0,
    )


_SIZE = select("sysvitals_history_size_bytes")

HISTORY_TABLE = table(
    About(
        title="History by host",
        description="Size and what it grew by within a day (segments are compressed, and old ones removed), what was "
        "written for that, how often it was forced to the disk within an hour, and failed attempts to write.",
        docs="exporter/README.md",
        missing="no history is kept",
    ),
    Query(per_host(_SIZE)),
    Query(per_host(f"delta({select('sysvitals_history_size_bytes', over='1d')})")),
    Query(per_host(increase("sysvitals_history_written_bytes_total", over="1d"))),
    Query(per_host(increase("sysvitals_history_syncs_total", over="1h"))),
    Query(per_host(select("sysvitals_history_segments"))),
    Query(per_host(increase("sysvitals_history_write_errors_total", over="1d"))),
    Query(per_host(select("sysvitals_history_writable"))),
    columns=[
        Column(
            name="instance",
            title="Host",
            min_width=130,
            links=[link_to("sysvitals-host", "Open this host", instance=_HERE)],
        ),
        Column(
            name="Value #G",
            title="Writable",
            width=90,
            mappings=yes_no(no=WARNING),
            cell="color-background",
            align="center",
            missing=NOBODY_KNOWS,
        ),
        Column(name="Value #A", title="Size", unit=BYTES, decimals=1, min_width=100, missing=NOBODY_KNOWS),
        Column(name="Value #B", title="Grew in 24 h", unit=BYTES, decimals=1, min_width=110, missing=NOBODY_KNOWS),
        Column(name="Value #C", title="Written in 24 h", unit=BYTES, decimals=1, min_width=120, missing=NOBODY_KNOWS),
        Column(name="Value #D", title="Forced in 1 h", decimals=0, min_width=110, missing=NOBODY_KNOWS),
        Column(name="Value #E", title="Segments", decimals=0, min_width=90, missing=NOBODY_KNOWS),
        Column(
            name="Value #F",
            title="Failed in 24 h",
            decimals=0,
            min_width=110,
            thresholds=any_is(WARNING, base=PLAIN),
            cell="color-text",
            missing=NOBODY_KNOWS,
        ),
    ],
    sort=("Size", True),
)

HISTORY = Section(
    title="History: what is kept, and what it costs the card",
    collapsed=True,
    lines=(
        Line(
            8,
            (
                history_panel("History size", "Size of all segments on disk.", "sysvitals_history_size_bytes", BYTES),
                history_panel(
                    "History bytes written",
                    "Bytes of events; the filesystem adds its own.",
                    "sysvitals_history_written_bytes_total",
                    BYTES_PER_SECOND,
                    counter=True,
                ),
                history_panel(
                    "History syncs",
                    "Each time costs a small card some wear, and saves the last seconds before a power cut.",
                    "sysvitals_history_syncs_total",
                    PER_SECOND,
                    counter=True,
                ),
            ),
        ),
        Line(9, (HISTORY_TABLE,)),
    ),
)

STREAM = Section(
    title="Events: waiting, lost, failed reads, and what wakes it",
    collapsed=True,
    lines=(
        Line(
            8,
            (
                time_series(
                    About(
                        title="Events waiting",
                        description="Events that wait for each consumer, on the host where it is most. A viewer of "
                        "the live page who is too slow harms nobody but himself.",
                        docs=METRICS_DOCS,
                        missing="no exporter answers",
                        unit=COUNT,
                        minimum=0,
                    ),
                    Query(f"max by (sink) ({select('sysvitals_events_waiting')})", "{{sink}}"),
                ),
                time_series(
                    About(
                        title="Events lost",
                        description="Events a second that consumers lost, oldest first, on all hosts together.",
                        docs=f"{RUNBOOK}#eventsdropped",
                        missing="no exporter answers",
                        unit=PER_SECOND,
                        minimum=0,
                    ),
                    Query(f"sum by (sink) ({rate('sysvitals_events_dropped_total')})", "{{sink}}"),
                ),
            ),
        ),
        Line(
            8,
            (
                time_series(
                    About(
                        title="Read errors",
                        description=f"Failed reads a second on all hosts together, by collector and error; the "
                        f"{CHARTED} most frequent.",
                        docs=f"{RUNBOOK}#sensorsunreadable",
                        missing="no read error counted in this time",
                        unit=PER_SECOND,
                        minimum=0,
                    ),
                    Query(
                        of_top(
                            f"sum by (collector, error) ({rate('sysvitals_read_errors_total')})",
                            over_range("rate", select("sysvitals_read_errors_total")),
                            by="collector, error",
                        ),
                        "{{collector}} {{error}}",
                    ),
                ),
                time_series(
                    About(
                        title="Wake-ups",
                        description="How often what it watches made a collector run at once, on all hosts together: "
                        "because the kernel gave notice, or because a look found a change.",
                        docs=METRICS_DOCS,
                        missing="no exporter answers",
                        unit=PER_SECOND,
                        minimum=0,
                    ),
                    Query(
                        f"sum by (collector, how) ({rate('sysvitals_watch_wakes_total')})", "{{collector}} by {{how}}"
                    ),
                ),
            ),
        ),
    ),
)

SCRAPES = Section(
    title="Scrapes: how long and how much",
    collapsed=True,
    lines=(
        Line(
            8,
            (
                time_series(
                    About(
                        title="Scrape duration",
                        description=f"Of the {CHARTED} slowest hosts. Prometheus gives up after its scrape timeout, "
                        "mostly ten seconds.",
                        docs="README.md#scrape-it",
                        missing="no exporter answers",
                        unit=SECONDS,
                        minimum=0,
                        overrides=[*HOST_COLOURS, linked(TO_HOST)],
                    ),
                    Query(most("scrape_duration_seconds", OURS)),
                    fill=0,
                ),
                time_series(
                    About(
                        title="Series by host",
                        description=f"Samples of each scrape, of the {CHARTED} largest hosts.",
                        docs="README.md#scrape-it",
                        missing="no exporter answers",
                        unit=COUNT,
                        minimum=0,
                        overrides=[*HOST_COLOURS, linked(TO_HOST)],
                    ),
                    Query(most("scrape_samples_scraped", OURS)),
                    fill=0,
                ),
            ),
        ),
    ),
)

DASHBOARD = Dashboard(
    uid="sysvitals-exporter",
    title="Exporter",
    description="Whether what the other dashboards show can be trusted, and what it costs.",
    docs="exporter/README.md",
    sections=(
        Section(
            lines=(
                Line(4, HEALTH),
                Line(13, (COLLECTOR_TABLE, FAULTS), widths=(12, 12)),
                Line(8, (DURATIONS, EVENTS, VERSIONS), widths=(9, 9, 6)),
                Line(8, (PROCESSOR, RESIDENT)),
            )
        ),
        HISTORY,
        STREAM,
        SCRAPES,
    ),
)
