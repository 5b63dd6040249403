"""Alerts: what fires now, what fired, how often, and on which hosts."""

from grafana.builder.cells import NO_COLOUR
from grafana.builder.colours import CALM, CLEAR, CRITICAL, PLAIN, SEVERITIES, WATCHING
from grafana.builder.dashboard import Dashboard, link_to
from grafana.builder.firing import MEANINGS, NAME_WIDTH, RULES_RUN, alerts, parted, said, since
from grafana.builder.hosts import NOBODY_KNOWS, linked, over_range
from grafana.builder.judging import Json, any_is, every_value, none_is, range_mapping, value_mappings
from grafana.builder.layout import Line, Section
from grafana.builder.panels import About, Column, override, state_timeline, table, thresholds_of, tiles, time_series
from grafana.builder.queries import Look, Query
from grafana.builder.units import AGO, COUNT, SECONDS
from prometheus.rulebook.subjects import SUBJECTS
from sysvitals.judgement.links import RUNBOOK_URL
from sysvitals.judgement.rule import Alert

DRAWN = 20
"""Lines that the timeline has at most: more cannot be read."""

RANKS = {"critical": 3, "warning": 2, "info": 1}

SEVERITY_VARIABLE: Json = {
    "type": "custom",
    "name": "severity",
    "label": "Severity",
    "query": ",".join(RANKS),
    "multi": True,
    "includeAll": True,
    "allValue": ".+",
    "allowCustomValue": False,
    "hide": 0,
    "current": {"text": ["All"], "value": ["$__all"]},
    "options": [],
}

RANK_WORDS = [
    range_mapping(rank, rank + 0.999, severity, SEVERITIES[severity], index=place)
    for place, (severity, rank) in enumerate(RANKS.items())
]
"""The words for whole ranks; what is behind the point puts alerts of one severity in order."""

RUNBOOK_ANCHORS = value_mappings(
    {
        name: (name.lower(), PLAIN)
        for name in sorted({rule.name for subject in SUBJECTS for rule in subject.rules if isinstance(rule, Alert)})
    }
)
"""The runbook's headings are alerts' names, which become anchors in lower case."""

TO_DO = (
    Column(
        name="runbook",
        title="Runbook",
        width=88,
        mappings=[every_value("what to do", PLAIN)],
        links=[{"title": "What to do", "url": f"{RUNBOOK_URL}#${{__data.fields.anchor}}", "targetBlank": True}],
    ),
    Column(name="anchor", width=40, mappings=RUNBOOK_ANCHORS, hidden=True),
)
"""The way from an alert to its section of the runbook; Grafana before 12.2 shows the anchor, too."""


def chosen(severity: str = "") -> str:
    """Matchers of the alerts whose severity is chosen, or of one severity as far as it is."""
    return f'severity=~"$severity", severity="{severity}"' if severity else 'severity=~"$severity"'


def by_rank(expressions: dict[int, str]) -> str:
    """Expressions by the rank that is added to each."""
    return "\n  or\n".join(f"    {expr} + {rank}" for rank, expr in expressions.items())


def detailed(expr: str) -> str:
    """One series for each alert, with its part of the host, what it says, and its name twice more for a link."""
    named = parted(said(expr))
    for label in ("runbook", "anchor"):
        named = f'label_join({named}, "{label}", "", "alertname")'
    return f"max by (job, instance, alertname, runbook, anchor, subject, where, said) (\n{named}\n)"


def since_when(state: str, severity: str = "") -> str:
    """Unix time since when the alerts in this state are pending or firing."""
    return f"({since(chosen(severity))} and ignoring (alertstate) {alerts(chosen(severity), state=state)})"


def newest_of_worst(state: str) -> str:
    """Ranks, within which the newest comes first: Unix time stays below 10^10 until the year 2286."""
    return detailed(by_rank({rank: f"{since_when(state, severity)} / 1e10" for severity, rank in RANKS.items()}))


LASTED = by_rank(
    {rank * 1_000_000: over_range("count_over_time", alerts(chosen(severity))) for severity, rank in RANKS.items()}
)
"""The worse and then the longer, the more."""

FIRED = f"""max by (alertname, instance) (
{by_rank({rank: f"{alerts(chosen(severity))} * 0" for severity, rank in RANKS.items()})}
)
and on (alertname, instance)
topk({DRAWN}, max by (alertname, instance) (
{LASTED}
))"""

BEGAN = f"({alerts(chosen())} unless {alerts(chosen())} offset 1m)[$__range:1m]"
LASTS = f"({alerts(chosen())})[$__range:1m]"


def alert_table(title: str, description: str, missing: str, state: str) -> Json:
    """The alerts in this state, worst first."""
    here = "${__data.fields.instance}"
    return table(
        About(title=title, description=description, docs="prometheus/RUNBOOK.md", missing=missing),
        Query(newest_of_worst(state)),
        Query(f"{detailed(since_when(state))} * 1000"),
        columns=[
            Column(
                name="Value #A",
                title="Severity",
                width=84,
                mappings=RANK_WORDS,
                cell="color-background",
                align="center",
            ),
            Column(name="alertname", title="Alert", width=NAME_WIDTH),
            Column(
                name="instance",
                title="Host",
                width=120,
                missing=NOBODY_KNOWS,
                links=[
                    link_to("sysvitals-host", "Open this host", instance=here),
                    link_to("sysvitals-power", "Its power and heat", instance=here),
                ],
            ),
            Column(name="where", title="Where", width=160, missing="", wrapped=True),
            Column(name="said", title="What it says", min_width=220, mappings=MEANINGS, missing="", wrapped=True),
            Column(name="Value #B", title="Since", unit=AGO, width=116),
            *TO_DO,
        ],
        calculated=[{"id": "sortBy", "options": {"sort": [{"field": "Value #A", "desc": True}]}}],
    )


NOW = (
    tiles(
        About(
            title="Watchdog",
            description="This alert always fires while Prometheus evaluates the rules. Whether messages arrive is "
            "known only where they are received; the runbook says how to watch that.",
            docs="prometheus/RUNBOOK.md#watchdog",
            missing="no answer from Prometheus",
            thresholds=none_is(CRITICAL, good=CALM),
            mappings=value_mappings({0: ("not firing", CRITICAL), 1: ("firing", CALM)}),
        ),
        Query(f"count({RULES_RUN}) > bool 0 or vector(0)", "watchdog"),
        named=False,
    ),
    tiles(
        About(
            title="Alerts firing",
            description="Alerts that fire, by severity, whichever is chosen above. Without a number the rules do not "
            "run, and nothing is judged.",
            docs="prometheus/RUNBOOK.md",
            missing="rules do not run",
            unit=COUNT,
            overrides=[
                override("byName", severity, thresholds=thresholds_of(any_is(SEVERITIES[severity], base=CLEAR)))
                for severity in RANKS
            ],
        ),
        *(
            Query(
                f"""(count({alerts(f'severity="{severity}"')}) or vector(0)) and on () {RULES_RUN}""",
                severity,
            )
            for severity in RANKS
        ),
    ),
    tiles(
        About(
            title="Hosts with alerts",
            description="Hosts on which at least one alert fires.",
            docs="prometheus/RUNBOOK.md",
            missing="rules do not run",
            unit=COUNT,
            thresholds=NO_COLOUR,
        ),
        Query(
            f"(count(count by (job, instance) ({alerts(chosen())})) or vector(0)) and on () {RULES_RUN}",
            "hosts",
        ),
        named=False,
    ),
    tiles(
        About(
            title="Alerts pending",
            description="Alerts that are pending: their condition holds, and not yet for long enough.",
            docs="prometheus/RUNBOOK.md",
            missing="rules do not run",
            unit=COUNT,
            thresholds=any_is(WATCHING, base=CLEAR),
        ),
        Query(f"(count({alerts(chosen(), state='pending')}) or vector(0)) and on () {RULES_RUN}", "pending"),
        named=False,
    ),
)

FIRING_TABLE = alert_table(
    "Firing alerts",
    "Worst first, and the newest first among those of one severity, each in the words of its message without its "
    "values. The last column leads to the runbook.",
    "no alert fires now, or the rules do not run: see Watchdog",
    "firing",
)

PENDING_TABLE = alert_table(
    "Pending alerts",
    "Their condition holds, and not yet for as long as the rule asks for.",
    "no alert is pending now, or the rules do not run: see Watchdog",
    "pending",
)

TIMELINE = state_timeline(
    About(
        title="Alerts over time",
        description=f"At most {DRAWN} alerts: the worst, and among those of one severity the longest.",
        docs="prometheus/RUNBOOK.md",
        missing="no alert fired in this time, or the rules did not run",
        mappings=value_mappings({rank: (severity, SEVERITIES[severity]) for severity, rank in RANKS.items()}),
        interval="1m",
        overrides=[linked(link_to("sysvitals-host", "Open this host"))],
    ),
    Query(FIRED, "{{instance}} {{alertname}}"),
)

COURSE = time_series(
    About(
        title="Number of firing alerts",
        description="Alerts that fired, by severity, one above the other.",
        docs="prometheus/RUNBOOK.md",
        missing="no alert fired in this time, or the rules did not run",
        unit=COUNT,
        decimals=0,
        minimum=0,
        overrides=[
            override("byName", severity, color={"fixedColor": SEVERITIES[severity], "mode": "fixed"})
            for severity in RANKS
        ],
    ),
    *(
        Query(f"(count({alerts(chosen(severity))}) or vector(0)) and on () {RULES_RUN}", severity, look=Look(fill=70))
        for severity in RANKS
    ),
    stacked=True,
    steps_drawn=True,
)

_COUNTS = (
    Column(name="Value #A", title="Began", unit=COUNT, decimals=0, width=72, missing="0"),
    Column(name="Value #B", title="Fired for", unit=SECONDS, decimals=1, width=96),
)

MOST = table(
    About(
        title="Alerts by name",
        description="How often each alert began within the time range, for how long it fired (the time of all hosts "
        "added up), and on how many hosts. Looked at once a minute.",
        docs="prometheus/RUNBOOK.md",
        missing="no alert fired in this time, or the rules did not run",
    ),
    Query(f"sum by (alertname) (count_over_time({BEGAN}))"),
    Query(f"sum by (alertname) (count_over_time({LASTS})) * 60"),
    Query(f"count by (alertname) (count by (alertname, job, instance) (present_over_time({LASTS})))"),
    columns=[
        Column(name="alertname", title="Alert", min_width=150),
        *_COUNTS,
        Column(name="Value #C", title="Hosts", unit=COUNT, width=64),
    ],
    sort=("Began", True),
)

WHOSE = table(
    About(
        title="Alerts by host",
        description="How often alerts began on each host within the time range, for how long they fired (added up), "
        "and how many different ones. Looked at once a minute.",
        docs="prometheus/RUNBOOK.md",
        missing="no alert fired in this time, or the rules did not run",
    ),
    Query(f"sum by (job, instance) (count_over_time({BEGAN}))"),
    Query(f"sum by (job, instance) (count_over_time({LASTS})) * 60"),
    Query(f"count by (job, instance) (count by (alertname, job, instance) (present_over_time({LASTS})))"),
    columns=[
        Column(
            name="instance",
            title="Host",
            min_width=120,
            links=[link_to("sysvitals-host", "Open this host", instance="${__data.fields.instance}")],
        ),
        *_COUNTS,
        Column(name="Value #C", title="Kinds", unit=COUNT, width=64),
    ],
    sort=("Began", True),
)

DASHBOARD = Dashboard(
    uid="sysvitals-alerts",
    title="Alerts",
    description="What fires now, what fired, how often, and on which hosts.",
    docs="grafana/README.md#alerts",
    time_from="now-24h",
    more_variables=(SEVERITY_VARIABLE,),
    sections=(
        Section(
            lines=(
                Line(4, NOW, widths=(5, 9, 5, 5)),
                Line(11, (FIRING_TABLE,)),
                Line(13, (TIMELINE,)),
                Line(9, (COURSE, MOST, WHOSE), widths=(7, 9, 8)),
                Line(6, (PENDING_TABLE,)),
            )
        ),
    ),
)
