"""Fleet, the home: every host on one screen, worst first, and the way from there into each."""

from collections.abc import Sequence

from grafana.builder.cells import NO_COLOUR, measured, stated
from grafana.builder.colours import CALM, CLEAR, CRITICAL, INFO, PLAIN, UNDERVOLTAGE, UNKNOWN, WARNING
from grafana.builder.colours import WATCHING as WATCHED
from grafana.builder.dashboard import Dashboard, link_to
from grafana.builder.firing import MEANINGS, NAME_WIDTH, RULES_RUN, alerts, parted, said
from grafana.builder.hosts import (
    DOWN,
    DROPPED,
    NOBODY_KNOWS,
    SEEN,
    SILENT,
    UP,
    WITHOUT_VALUE,
    answered,
    linked,
    of_top,
    over_range,
    per_host,
    total,
)
from grafana.builder.judging import Json, Steps, any_is, rising
from grafana.builder.layout import Line, Section
from grafana.builder.naming import HOST_COLOURS
from grafana.builder.panels import (
    About,
    Column,
    bars,
    override,
    state_timeline,
    table,
    thresholds_of,
    tiles,
    time_series,
)
from grafana.builder.queries import OURS, Look, Query, increase, select
from grafana.builder.states import HOST_STATE, RECORDED_STATE, STATE_WORDS, in_state, in_tone
from grafana.builder.units import BITS_PER_SECOND, CELSIUS, COUNT, RATIO, SECONDS
from prometheus.rulebook.recording_daily import EVERY_MINUTES
from prometheus.rulebook.states import ASLEEP, NO_ANSWER, TROUBLE, WATCHING, State, Tone, sort_alerts
from prometheus.rulebook.states import UNKNOWN as NOT_KNOWN
from prometheus.rulebook.subjects import JUDGED
from sysvitals.judgement.thresholds import (
    DISK_BUSY,
    FILESYSTEM_FULL,
    FILESYSTEM_NEARLY_FULL,
    FILESYSTEM_ROOM,
    LOAD_HIGH,
    MEMORY_LOW,
    MEMORY_VERY_LOW,
    THROTTLE_MARGIN,
)

DRAWN = 15
"""Hosts that the timeline has at most."""

UNDERVOLTAGES = 'cause="undervoltage"'
DIPS = select("cause:system_throttle_events:increase1d", UNDERVOLTAGES)
UNCLEAN = select("instance:system_unclean_shutdowns:increase1d")
HEADROOM = select("instance:system_temperature_headroom_celsius:min")
FULLEST = select("instance:system_filesystem_used:ratio_max")
MEMORY = select("instance:system_memory_used:ratio")
CPU = select("instance:system_cpu_busy:ratio_rate5m")
LOAD = select("instance:system_load1_per_cpu:ratio")
DISK = select("device:system_disk_busy:ratio_rate5m")
NETWORK = (
    f"({select('instance:system_network_receive_bytes:rate5m')} "
    f"+ {select('instance:system_network_transmit_bytes:rate5m')}) * 8"
)

IN_NEED = (
    f"One above {FILESYSTEM_NEARLY_FULL.value * 100:g} % that still has {FILESYSTEM_ROOM.value / 1e9:g} GB free needs "
    "no room and is left out, as are those that are read-only, tiny or meant to be full."
)
"""What FULLEST leaves out: a table of filesystems has fuller ones."""

DAILY = f"Up to {EVERY_MINUTES} minutes old; *Power and heat* counts until now."
"""A day is too much to count for each look: the rules do."""

HEADROOM_STEPS: Steps = ((None, CRITICAL), (-THROTTLE_MARGIN.value, WARNING), (0.0, CLEAR))
"""Below zero it is too hot. A Raspberry Pi throttles hardest this far beyond the limit at which it begins to."""

TO_HOST = link_to("sysvitals-host", "Open this host")
TO_POWER = link_to("sysvitals-power", "Its power and heat")
TO_POWER_OF_ALL = link_to("sysvitals-power", "Power and heat")
TO_ALERTS = link_to("sysvitals-alerts", "Alerts")


def clear(steps: Steps) -> Steps:
    """The same for bars, which need a colour where nothing is wrong."""
    return tuple((value, INFO if colour == CLEAR else colour) for value, colour in steps)


def coloured(ref: str, colour: str, *, none: str = CLEAR) -> Json:
    """The tile of this query is plain at 0."""
    return override("byFrameRefID", ref, thresholds=thresholds_of(any_is(colour, base=none)))


def count_judged(tone: Tone) -> str:
    """How many hosts are in such a state, 0 among them, where any state is recorded."""
    return f"(count({in_tone(tone)}) or vector(0)) and on () count({RECORDED_STATE})"


def count_alerts(severity: str) -> str:
    """How many fire, 0 among them, where the rules run."""
    matcher = f'severity="{severity}"'
    return f"(count({alerts(matcher)}) or vector(0)) and on () {RULES_RUN}"


TOTALS = (
    tiles(
        About(
            title="Hosts by state",
            description="Every host is in one state: the worst of what its own verdict says and of the alerts that "
            "fire. The table and the timeline below go by the same state. *Watching*: an alert is pending. *Not known "
            "yet*: the rules have not judged the host. *Asleep*: a host that may sleep does not answer.",
            docs="prometheus/RUNBOOK.md",
            missing="no host seen in 24 h",
            unit=COUNT,
            overrides=[
                coloured("A", CRITICAL),
                coloured("B", CRITICAL),
                coloured("C", WARNING),
                coloured("D", WATCHED),
                coloured("E", CALM),
                coloured("F", UNKNOWN),
                coloured("G", UNKNOWN),
            ],
        ),
        Query(f"(count({in_state(NO_ANSWER, SILENT)}) or vector(0)) and on () count({SEEN})", "no answer"),
        Query(count_judged("critical"), "critical"),
        Query(count_judged("warning"), "warning"),
        Query(count_judged("watching"), "watching"),
        Query(count_judged("well"), "well"),
        Query(f"count({in_state(NOT_KNOWN, f'{UP} == 1')})", "not known yet"),
        Query(f"count({RECORDED_STATE} == {ASLEEP.code})", "asleep"),
    ),
    tiles(
        About(
            title="Alerts firing",
            description="How many alerts fire now. Without a number the rules of this project do not run, and nothing "
            "is judged.",
            docs="prometheus/RUNBOOK.md",
            missing="rules do not run",
            unit=COUNT,
            overrides=[coloured("A", CRITICAL), coloured("B", WARNING)],
            value_links=[TO_ALERTS],
        ),
        Query(count_alerts("critical"), "critical"),
        Query(count_alerts("warning"), "warning"),
    ),
    tiles(
        About(
            title="Undervoltages, 24 h",
            description="How often the voltage was too low in 24 hours, as far as hosts were watched. Only boards with "
            f"a detector are counted: the second number says how many there are. {DAILY}",
            docs="exporter/POWER.md#undervoltage",
            missing="not known yet, or no board has a detector",
            unit=COUNT,
            mappings=WITHOUT_VALUE,
            overrides=[
                coloured("A", UNDERVOLTAGE),
                override("byFrameRefID", "B", thresholds=thresholds_of(NO_COLOUR)),
            ],
            value_links=[TO_POWER_OF_ALL],
        ),
        Query(total(f"sum(round({DIPS}))"), "undervoltages"),
        Query(total(f"count({select('system_undervoltage_detectable')} == 1)"), "with detector"),
    ),
    tiles(
        About(
            title="Unclean shutdowns, 24 h",
            description="Boots in 24 hours that came after a power cut, a crash or a reset, as far as hosts were "
            f"watched. {DAILY}",
            docs="exporter/POWER.md#the-lights-went-out",
            missing="not known yet",
            unit=COUNT,
            mappings=WITHOUT_VALUE,
            thresholds=any_is(WARNING, base=CLEAR),
            value_links=[TO_POWER_OF_ALL],
        ),
        Query(total(f"sum(round({UNCLEAN}))"), "unclean shutdowns"),
        named=False,
    ),
)

_HERE = "${__data.fields.instance}"


def _as_alert(expr: str, severity: str) -> str:
    """The same series as if alerts of this severity had made them."""
    return f'label_replace({expr}, "severity", "{severity}", "", "")'


def _named(expr: str, name: str) -> str:
    return f'label_replace({expr}, "alertname", "{name}", "", "")'


def _in_kind(state: State, names: Sequence[str]) -> str:
    """What puts hosts into this state: firing alerts before reasons of verdicts that no alert fires for yet."""
    chosen = "|".join(names)
    firing = alerts(f'{OURS}, severity="{state.tone}", alertname=~"{chosen}"')
    reasons = select("system_verdict_reasons", f'level="{state.tone}", alert=~"{chosen}"')
    as_alerts = _as_alert(f'label_join({reasons}, "alertname", "", "alert")', state.tone)
    return f"{firing} * 0 + {state.code + 0.5}\n  or\n  {as_alerts} * 0 + {state.code}"


_PENDING = alerts(f'{OURS}, severity=~"critical|warning"', state="pending")
_KINDS = sort_alerts(JUDGED)
_BY_KIND = "\n  or\n  ".join(_in_kind(state, _KINDS[state]) for state in TROUBLE)

WORST_ALERT = f"""topk by (job, instance) (1, max by (job, instance, alertname, said, where) ({
    parted(
        said(
            f'''(
  {_as_alert(_named(DOWN, "HostDown"), "critical")} * 0 + {NO_ANSWER.code}
  or
  {_as_alert(_named(DROPPED, "HostVanished"), "warning")} * 0 + {NO_ANSWER.code}
  or
  {_BY_KIND}
  or
  {_PENDING} * {WATCHING.code}
)'''
        )
    )
}))"""
"""What puts each host into its state, so that state and alert say the same."""

RANKED = f"""({HOST_STATE})
+ on (job, instance)
clamp_max(
  count by (job, instance) ({alerts(OURS)}) / 100
  or
  {per_host(SEEN)} * 0
, 0.98)"""
"""The state; behind the point the number of alerts puts hosts of one state in order."""

HOSTS = table(
    About(
        title="Hosts, worst first",
        description="Each host with its state, its worst alert and what that says, how many alerts fire, and what is "
        "measured now. Coloured cells are reasons. A dash: not known. Click a host to open it, a heading to sort. "
        f"*Disk* is the filesystem most in need of room. {IN_NEED} *Dips* (undervoltages) and *Cuts* (unclean "
        f"shutdowns) are those of 24 hours. {DAILY}",
        docs="prometheus/RUNBOOK.md",
        missing="no host seen in 24 h",
    ),
    Query(RANKED),
    Query(WORST_ALERT),
    Query(f"count by (job, instance) ({alerts(OURS)})"),
    Query(answered(HEADROOM)),
    Query(answered(FULLEST)),
    Query(answered(MEMORY)),
    Query(answered(CPU)),
    Query(answered(LOAD)),
    Query(answered(f"round({DIPS})")),
    Query(answered(f"round({UNCLEAN})")),
    Query(answered(select("system_uptime_seconds"))),
    columns=[
        Column(
            name="instance",
            title="Host",
            width=118,
            links=[
                link_to("sysvitals-host", "Open this host", instance=_HERE),
                link_to("sysvitals-power", "Its power and heat", instance=_HERE),
                link_to("sysvitals-alerts", "Its alerts", instance=_HERE),
            ],
        ),
        stated("A", "State", 134, STATE_WORDS),
        Column(name="alertname", title="Worst alert", width=NAME_WIDTH, missing=""),
        Column(name="where", title="Where", width=104, missing="", wrapped=True),
        Column(name="said", title="What it says", min_width=150, mappings=MEANINGS, missing="", wrapped=True),
        Column(name="Value #C", title="Alerts", width=58, align="center", missing="0"),
        measured("D", "To limit", 66, unit=CELSIUS, steps=HEADROOM_STEPS),
        measured("E", "Disk", 56, unit=RATIO, steps=rising(FILESYSTEM_NEARLY_FULL, FILESYSTEM_FULL, base=CLEAR)),
        measured("F", "Mem", 56, unit=RATIO, steps=rising(MEMORY_LOW, MEMORY_VERY_LOW, base=CLEAR)),
        measured("G", "CPU", 56, unit=RATIO),
        measured("H", "Load", 56, decimals=1, steps=rising(LOAD_HIGH, base=CLEAR)),
        measured("I", "Dips", 50, steps=any_is(UNDERVOLTAGE, base=CLEAR)),
        measured("J", "Cuts", 50, steps=any_is(WARNING, base=CLEAR)),
        Column(name="Value #K", title="Up", unit=SECONDS, decimals=1, width=84, missing=NOBODY_KNOWS),
    ],
    calculated=[{"id": "sortBy", "options": {"sort": [{"field": "Value #A", "desc": True}]}}],
    frozen=1,
)

STATES_OVER_TIME = state_timeline(
    About(
        title="State over time",
        description=f"The state of each host, for the {DRAWN} hosts that were in the worst ones for longest; the same "
        "states as in the table. A gap: the rules did not run, or the host was not scraped.",
        docs="prometheus/RUNBOOK.md",
        missing="no state recorded in this time: the rules record it",
        mappings=STATE_WORDS,
        interval="1m",
        overrides=[linked(TO_HOST)],
    ),
    Query(
        of_top(
            per_host(RECORDED_STATE),
            f"{over_range('avg_over_time', f'clamp_min({RECORDED_STATE}, 0)')}",
            charted=DRAWN,
        )
    ),
    worded=True,
)


def top_10(  # noqa: PLR0913  # what may differ is named where it is used
    title: str,
    description: str,
    expr: str,
    *,
    docs: str,
    missing: str = "no host answers, or not recorded yet",
    unit: str = COUNT,
    decimals: int | None = 0,
    least: bool = False,
    minimum: float | None = 0,
    maximum: float | None = None,
    steps: Steps = ((None, INFO),),
) -> Json:
    """Bars of the ten hosts with the most, or the least, of something now."""
    order = "sort(bottomk" if least else "sort_desc(topk"
    return bars(
        About(
            title=f"Top 10: {title}",
            description=description,
            docs=docs,
            missing=missing,
            unit=unit,
            decimals=decimals,
            minimum=minimum,
            maximum=maximum,
            thresholds=clear(steps),
            overrides=[linked(link_to("sysvitals-host", "Open this host", instance="${__field.labels.instance}"))],
        ),
        Query(f"{order}(10, {answered(expr)}))"),
    )


NOW = (
    top_10(
        "CPU",
        "Busy part of all CPUs, mean of five minutes. Busy is no trouble as long as nothing waits.",
        CPU,
        docs="prometheus/RUNBOOK.md#cpusaturated",
        unit=RATIO,
        maximum=1,
    ),
    top_10(
        "load per CPU",
        "Tasks that run or wait, for each CPU, mean of one minute.",
        LOAD,
        docs="prometheus/RUNBOOK.md#loadhigh",
        decimals=2,
        maximum=2 * LOAD_HIGH.value,
        steps=rising(LOAD_HIGH, base=CLEAR),
    ),
    top_10(
        "memory used",
        "Part of the memory that programs can no longer have.",
        MEMORY,
        docs="prometheus/RUNBOOK.md#memorylow",
        unit=RATIO,
        maximum=1,
        steps=rising(MEMORY_LOW, MEMORY_VERY_LOW, base=CLEAR),
    ),
    top_10(
        "least room to heat limit",
        "Degrees below the limit of the nearest sensor; negative is above it.",
        HEADROOM,
        docs="exporter/POWER.md#frequency_capped-and-throttled",
        missing="no sensor that has a limit, or not recorded yet",
        unit=CELSIUS,
        decimals=1,
        least=True,
        minimum=-10,
        maximum=50,
        steps=HEADROOM_STEPS,
    ),
    top_10(
        "filesystem most in need of room",
        f"Used part of the filesystem of each host that is most in need of room. {IN_NEED}",
        FULLEST,
        docs="prometheus/RUNBOOK.md#filesystemfull",
        unit=RATIO,
        maximum=1,
        steps=rising(FILESYSTEM_NEARLY_FULL, FILESYSTEM_FULL, base=CLEAR),
    ),
    top_10(
        "disk busy",
        "Part of the time that the busiest disk had work, mean of five minutes.",
        DISK,
        docs="prometheus/RUNBOOK.md#disksaturated",
        unit=RATIO,
        maximum=1,
        steps=rising(DISK_BUSY, base=CLEAR),
    ),
    top_10(
        "network",
        "Bits received and sent in a second, on all devices, mean of five minutes.",
        NETWORK,
        docs="exporter/METRICS.md#network",
        unit=BITS_PER_SECOND,
        decimals=None,
    ),
    top_10(
        "undervoltages, 24 h",
        f"How often the voltage was too low in 24 hours, of boards with a detector. {DAILY}",
        f"round({DIPS})",
        docs="exporter/POWER.md#undervoltage",
        missing="not known yet, or no board has a detector",
        steps=any_is(UNDERVOLTAGE, base=CLEAR),
    ),
)


def chart(  # noqa: PLR0913  # what may differ is named where it is used
    title: str,
    description: str,
    expr: str,
    *,
    docs: str,
    unit: str = COUNT,
    least: bool = False,
    rank: str = "max_over_time",
    maximum: float | None = None,
    minimum: float | None = 0,
    steps: Steps = ((None, PLAIN),),
) -> Json:
    """Lines of the ten hosts with the most, or the least, of something in the time shown."""
    return time_series(
        About(
            title=title,
            description=description,
            docs=docs,
            missing="no data in this time",
            unit=unit,
            minimum=minimum,
            maximum=maximum,
            thresholds=steps,
            overrides=[*HOST_COLOURS, linked(TO_HOST)],
        ),
        Query(of_top(per_host(expr), over_range(rank, expr), least=least)),
        fill=0,
        thresholds_drawn=len(steps) > 1,
    )


OVER_TIME = (
    chart(
        "CPU",
        "The ten hosts that were busiest.",
        CPU,
        docs="prometheus/RUNBOOK.md#cpusaturated",
        unit=RATIO,
        rank="avg_over_time",
        maximum=1,
    ),
    chart(
        "Load per CPU",
        "The ten hosts with the highest load.",
        LOAD,
        docs="prometheus/RUNBOOK.md#loadhigh",
        steps=rising(LOAD_HIGH, base=CLEAR),
    ),
    chart(
        "Memory used",
        "The ten hosts with the least memory left.",
        MEMORY,
        docs="prometheus/RUNBOOK.md#memorylow",
        unit=RATIO,
        maximum=1,
        steps=rising(MEMORY_LOW, MEMORY_VERY_LOW, base=CLEAR),
    ),
    chart(
        "Room to heat limit",
        "The ten hosts that came nearest to their limit, each by its nearest sensor. Below 0 it is too hot; "
        "the same sign as in the table.",
        HEADROOM,
        docs="exporter/POWER.md#frequency_capped-and-throttled",
        unit=CELSIUS,
        rank="min_over_time",
        least=True,
        minimum=None,
        steps=((None, CLEAR), (0.0, WARNING)),
    ),
    chart(
        "Filesystem most in need of room",
        f"The ten hosts of which a filesystem is most in need of room: its used part. {IN_NEED}",
        FULLEST,
        docs="prometheus/RUNBOOK.md#filesystemfull",
        unit=RATIO,
        maximum=1,
        steps=rising(FILESYSTEM_NEARLY_FULL, FILESYSTEM_FULL, base=CLEAR),
    ),
    time_series(
        About(
            title="Undervoltages per half hour",
            description="Of the ten hosts with the worst day. Only boards with a detector are counted.",
            docs="exporter/POWER.md#undervoltage",
            missing="no undervoltage counted in this time; Power and heat says which boards have a detector",
            unit=COUNT,
            decimals=0,
            minimum=0,
            interval="30m",
            overrides=[*HOST_COLOURS, linked(TO_POWER)],
        ),
        Query(
            of_top(
                f"sum by (job, instance) (round({increase('system_throttle_events_total', UNDERVOLTAGES)})) > 0",
                f"{over_range('max_over_time', DIPS)} > 0",
            ),
            look=Look(bars=True, fill=80),
        ),
        stacked=True,
    ),
)

DASHBOARD = Dashboard(
    uid="sysvitals-fleet",
    title="Fleet",
    description="Every host on one screen, worst first.",
    docs="grafana/README.md#fleet",
    time_from="now-12h",
    sections=(
        Section(
            lines=(
                Line(4, TOTALS, widths=(10, 4, 5, 5)),
                Line(11, (HOSTS,)),
                Line(10, (STATES_OVER_TIME,)),
            )
        ),
        Section(title="Top 10 now", lines=(Line(8, NOW[:4]), Line(8, NOW[4:]))),
        Section(title="Compare over time", collapsed=True, lines=(Line(8, OVER_TIME[:3]), Line(8, OVER_TIME[3:]))),
    ),
)
