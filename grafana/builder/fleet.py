"""Fleet, the home: every host on one screen, worst first, and the way from there into each."""

from grafana.builder.colours import (
    CRITICAL,
    FREQUENCY_CAPPED,
    GOOD,
    INFO,
    PLAIN,
    SEVERITIES,
    THROTTLED,
    UNDERVOLTAGE,
    UNKNOWN,
    WARNING,
)
from grafana.builder.dashboard import Dashboard, link_to
from grafana.builder.firing import RULES_RUN, alerts
from grafana.builder.hosts import CHARTED, GONE, NOBODY_KNOWS, SEEN, UP, linked, of_top, over_range, per_host, quiet
from grafana.builder.judging import Steps, any_is, range_mapping, rising, value_mappings
from grafana.builder.layout import Line, Section
from grafana.builder.panels import About, Column, override, stat, state_timeline, table, thresholds_of, time_series
from grafana.builder.queries import Look, Query, increase, select
from grafana.builder.units import CELSIUS, COUNT, RATIO, SECONDS
from sysvitals.judgement.thresholds import (
    FILESYSTEM_FULL,
    FILESYSTEM_NEARLY_FULL,
    LOAD_HIGH,
    MEMORY_LOW,
    MEMORY_VERY_LOW,
    THROTTLE_MARGIN,
    UNDERVOLTAGE_RECURS,
)

ALERTS = {severity: alerts(f'instance!="", severity="{severity}"') for severity in ("critical", "warning", "info")}
"""Those of hosts."""

UNDERVOLTAGES = 'cause="undervoltage"'
DIPS = select("cause:system_throttle_events:increase1d", UNDERVOLTAGES)
UNCLEAN = select("instance:system_unclean_shutdowns:increase1d")
HEADROOM = select("instance:system_temperature_headroom_celsius:min")
FULLEST = select("instance:system_filesystem_used:ratio_max")

HEADROOM_STEPS: Steps = ((None, CRITICAL), (-THROTTLE_MARGIN.value, WARNING), (0.0, GOOD))
"""Below zero it is too hot. A Raspberry Pi throttles hardest this far beyond the limit at which it begins to."""

BEYOND_LIMIT_STEPS: Steps = ((None, GOOD), (0.0, WARNING), (THROTTLE_MARGIN.value, CRITICAL))
"""The same, counted upwards."""


def named(expr: str, name: str) -> str:
    """The same series as if an alert of this name had made them."""
    return f'label_replace({expr}, "alertname", "{name}", "", "")'


WORST = f"""topk by (job, instance) (1, max by (job, instance, alertname) (
    {named(f"{UP} == 0", "HostDown")} + 4
  or
    {named(GONE, "HostVanished")} * 0 + 4
  or
    {ALERTS["critical"]} * 3
  or
    {ALERTS["warning"]} * 2
  or
    {ALERTS["info"]}
  or
    {named(f"{UP} == 1", "none")} * 0
))
+ on (job, instance) group_left ()
clamp_max(sum by (job, instance) (
    {alerts('instance!=""')} / 100
  or
    {named(FULLEST, "fullest")} / 1000
  or
    {named(SEEN, "seen")} * 0
), 0.99)"""
"""The whole part is the worst severity (4 is silence), beside that alert's name. Behind the point are the number of
alerts and then the fullest filesystem, which put hosts of one severity in order and are not shown."""

STATE_WORDS = [
    range_mapping(4, 4.999, "silent", CRITICAL, index=0),
    range_mapping(3, 3.999, "critical", SEVERITIES["critical"], index=1),
    range_mapping(2, 2.999, "warning", SEVERITIES["warning"], index=2),
    range_mapping(1, 1.999, "info", SEVERITIES["info"], index=3),
    range_mapping(0, 0.999, "well", GOOD, index=4),
]

UNDERVOLTED_TODAY = select("cause:system_throttle_seconds:increase1d", UNDERVOLTAGES)
SLOWED_TODAY = select("cause:system_throttle_seconds:increase1d", 'cause=~"throttled|frequency_capped"')
DIP_WEIGHS = 1000
"""Seconds of slowness that a second of undervoltage counts for: it lasts no longer, and may cost the card."""

UNDERVOLTED = increase("system_throttle_seconds_total", UNDERVOLTAGES)
SLOWED = increase("system_throttle_seconds_total", 'cause="throttled"')
HEAT_LIMITED = select("system_heat_limited")
CAPPED = increase("system_throttle_seconds_total", 'cause="frequency_capped"')

TROUBLE = f"""(
  max by (job, instance) (
      ({UP} == 0) + 4
    or
      ({UNDERVOLTED} > 0) * 0 + 3
    or
      ({SLOWED} > 0) * 0 + 2
    or
      ({HEAT_LIMITED} == 1) + 1
    or
      ({CAPPED} > 0) * 0 + 1
  )
  or
  {per_host(UP)} * 0
)
and on (job, instance)
topk({CHARTED}, max by (job, instance) (
    {over_range("max_over_time", UNDERVOLTED_TODAY)} * {DIP_WEIGHS}
  or
    {over_range("max_over_time", SLOWED_TODAY)}
  or
    {named(over_range("avg_over_time", HEAT_LIMITED), "HeatLimited")} * 86400
  or
    {named(f"(1 - {over_range('avg_over_time', UP)})", "HostDown")} * 86400
) > 0)"""
"""What is seen within a step, for the hosts that were longest in trouble; those are chosen once, at the range's end.
Only what holds is joined, so that hundreds of hosts that are well cost little."""

TROUBLE_WORDS = value_mappings(
    {
        0: ("all well", GOOD),
        1: ("clock capped", FREQUENCY_CAPPED),
        2: ("throttled", THROTTLED),
        3: ("undervoltage", UNDERVOLTAGE),
        4: ("no answer", UNKNOWN),
    }
)

DIPS_OVER_TIME = of_top(
    f"sum by (job, instance) (round({increase('system_throttle_events_total', UNDERVOLTAGES)})) > 0",
    f"{over_range('max_over_time', DIPS)} > 0",
)

BEYOND_LIMIT = of_top(f"-{per_host(HEADROOM)}", over_range("min_over_time", HEADROOM), least=True)

TO_HOST = link_to("sysvitals-host", "Open this host")
TO_POWER = link_to("sysvitals-power", "Its power and heat")

TOTALS = (
    stat(
        About(
            title="Do all answer?",
            description="Hosts that answer, and hosts that are silent: they do not answer now, or were asked within "
            "the day and no longer are. A board without power says nothing: silence is not health.",
            docs="prometheus/RUNBOOK.md#hostdown",
            missing="no host within a day",
            unit=COUNT,
            overrides=[override("byFrameRefID", "B", thresholds=thresholds_of(any_is(CRITICAL)))],
        ),
        Query(f"count({UP} == 1) or count({SEEN}) * 0", "answer"),
        Query(
            f"((count({UP} == 0) or vector(0)) + (count({GONE}) or vector(0))) and on () count({SEEN})",
            "silent",
        ),
    ),
    stat(
        About(
            title="Which alerts fire?",
            description="How many alerts fire now. Without the rules of this project there is no number: then nothing "
            "is watched.",
            docs="prometheus/RUNBOOK.md",
            missing="no rules: nothing is watched",
            unit=COUNT,
            overrides=[
                override("byFrameRefID", "A", thresholds=thresholds_of(any_is(SEVERITIES["critical"]))),
                override("byFrameRefID", "B", thresholds=thresholds_of(any_is(SEVERITIES["warning"]))),
            ],
        ),
        *(
            Query(
                f"""(count({alerts(f'severity="{severity}"')}) or vector(0)) and on () {RULES_RUN}""",
                severity,
            )
            for severity in ("critical", "warning")
        ),
    ),
    stat(
        About(
            title="Brownouts, 24 h",
            description="How often the voltage was too low within a day, on all hosts together. Boards without a "
            "detector are not in it.",
            docs="exporter/POWER.md#undervoltage",
            missing="no board can tell",
            unit=COUNT,
            thresholds=any_is(UNDERVOLTAGE),
        ),
        Query(f"sum(round({DIPS}))", "brownouts"),
    ),
    stat(
        About(
            title="Power cuts, 24 h",
            description="Boots within a day that ended without a shutdown: the power failed, or the kernel hung, "
            "crashed or was reset.",
            docs="exporter/POWER.md#the-lights-went-out",
            missing="no history is kept",
            unit=COUNT,
            thresholds=any_is(WARNING),
        ),
        Query(f"sum(round({UNCLEAN}))", "unclean shutdowns"),
    ),
    stat(
        About(
            title="Least headroom",
            description="The host that is nearest to a heat limit: how far its sensor is below where the board begins "
            "to throttle, or its maker warns. Below zero it is too hot.",
            docs="exporter/POWER.md#frequency_capped-and-throttled",
            missing="no sensor has a limit",
            unit=CELSIUS,
            decimals=1,
            thresholds=HEADROOM_STEPS,
            overrides=[linked(TO_POWER)],
        ),
        Query(f"bottomk(1, {per_host(HEADROOM)})"),
        text="value_and_name",
    ),
    stat(
        About(
            title="Fullest",
            description="The host with the fullest filesystem that can be written.",
            docs="prometheus/RUNBOOK.md#filesystemfull",
            missing="no filesystem is known",
            unit=RATIO,
            decimals=1,
            thresholds=rising(FILESYSTEM_NEARLY_FULL, FILESYSTEM_FULL),
            overrides=[linked(TO_HOST)],
        ),
        Query(f"topk(1, {per_host(FULLEST)})"),
        text="value_and_name",
    ),
)

_HERE = "${__data.fields.instance}"

HOSTS = table(
    About(
        title="Which host needs me?",
        description="All hosts, worst first: by the worst alert that fires, then by how many fire, then by how full "
        "they are. Click a host to open it, a heading to sort. A dash: nobody knows.",
        docs="prometheus/RUNBOOK.md",
        missing="no host within a day",
    ),
    Query(WORST),
    Query(per_host(f"round({DIPS})")),
    Query(per_host(f"round({UNCLEAN})")),
    Query(per_host(HEADROOM)),
    Query(per_host(FULLEST)),
    Query(per_host(select("instance:system_memory_used:ratio"))),
    Query(per_host(select("instance:system_load1_per_cpu:ratio"))),
    Query(per_host(select("system_uptime_seconds"))),
    columns=[
        Column(
            name="instance",
            title="Host",
            min_width=140,
            links=[
                link_to("sysvitals-host", "Open this host", instance=_HERE),
                link_to("sysvitals-power", "Its power and heat", instance=_HERE),
                link_to("sysvitals-alerts", "Its alerts", instance=_HERE),
            ],
        ),
        Column(name="Value #A", title="State", width=84, mappings=STATE_WORDS, cell="color-background", align="center"),
        Column(name="alertname", title="Worst alert", min_width=180),
        Column(
            name="Value #B",
            title="Brownouts",
            unit=COUNT,
            width=100,
            thresholds=((None, PLAIN), (1.0, WARNING), (UNDERVOLTAGE_RECURS.value, CRITICAL)),
            cell="color-text",
            missing=NOBODY_KNOWS,
        ),
        Column(
            name="Value #C",
            title="Power cuts",
            unit=COUNT,
            width=100,
            thresholds=any_is(WARNING, base=PLAIN),
            cell="color-text",
            missing=NOBODY_KNOWS,
        ),
        Column(
            name="Value #D",
            title="Headroom",
            unit=CELSIUS,
            decimals=1,
            width=100,
            thresholds=quiet(HEADROOM_STEPS),
            mappings=value_mappings({}, missing=(NOBODY_KNOWS, PLAIN)),
            cell="color-text",
        ),
        Column(
            name="Value #E",
            title="Fullest",
            unit=RATIO,
            decimals=0,
            width=130,
            minimum=0,
            maximum=1,
            thresholds=rising(FILESYSTEM_NEARLY_FULL, FILESYSTEM_FULL, base=INFO),
            cell="gauge",
            missing=NOBODY_KNOWS,
        ),
        Column(
            name="Value #F",
            title="Memory",
            unit=RATIO,
            decimals=0,
            width=130,
            minimum=0,
            maximum=1,
            thresholds=rising(MEMORY_LOW, MEMORY_VERY_LOW, base=INFO),
            cell="gauge",
            missing=NOBODY_KNOWS,
        ),
        Column(
            name="Value #G",
            title="Load per CPU",
            decimals=2,
            width=110,
            thresholds=rising(LOAD_HIGH, base=PLAIN),
            cell="color-text",
            missing=NOBODY_KNOWS,
        ),
        Column(name="Value #H", title="Up for", unit=SECONDS, decimals=1, width=110, missing=NOBODY_KNOWS),
    ],
    calculated=[{"id": "sortBy", "options": {"sort": [{"field": "Value #A", "desc": True}]}}],
    frozen=1,
)

WHEN = state_timeline(
    About(
        title="Who was in trouble, and when?",
        description=f"The {CHARTED} hosts that were longest undervolted, which weighs most, silent or slowed down, and "
        "what it was. A gap: nobody asked them then.",
        docs="exporter/POWER.md#three-questions",
        missing="no host was in trouble",
        mappings=TROUBLE_WORDS,
        interval="2m",
        overrides=[linked(TO_POWER)],
    ),
    Query(TROUBLE),
)

BROWNOUTS = time_series(
    About(
        title="How often did voltages fall?",
        description=f"Brownouts in each half hour, of the {CHARTED} hosts with the worst day.",
        docs="exporter/POWER.md#undervoltage",
        missing="no brownout",
        unit=COUNT,
        decimals=0,
        minimum=0,
        interval="30m",
        overrides=[linked(TO_POWER)],
    ),
    Query(DIPS_OVER_TIME, look=Look(bars=True, fill=80, colour=UNDERVOLTAGE, shades=True)),
    stacked=True,
)

HOTTEST = time_series(
    About(
        title="Who comes near to its heat limit?",
        description=f"The {CHARTED} hosts that came nearest, each by its nearest sensor: 0 is where the board begins "
        "to throttle or its maker warns, below it there is room.",
        docs="exporter/POWER.md#frequency_capped-and-throttled",
        missing="no sensor has a limit",
        unit=CELSIUS,
        thresholds=BEYOND_LIMIT_STEPS,
        overrides=[linked(TO_POWER)],
    ),
    Query(BEYOND_LIMIT),
    fill=0,
    thresholds_drawn=True,
)

DASHBOARD = Dashboard(
    uid="sysvitals-fleet",
    title="Fleet",
    description="Every host on one screen, worst first.",
    docs="grafana/README.md",
    time_from="now-24h",
    sections=(
        Section(
            lines=(
                Line(4, TOTALS),
                Line(12, (HOSTS,)),
                Line(9, (WHEN,)),
                Line(8, (BROWNOUTS, HOTTEST)),
            )
        ),
    ),
)
