"""Host: one host on one screen: its state, its alerts and what they say, then what keeps it busy and how warm it is."""

from grafana.builder import colours, heat, units
from grafana.builder.alerts import TO_DO, detailed
from grafana.builder.cells import NO_COLOUR
from grafana.builder.dashboard import Dashboard, link_to
from grafana.builder.firing import MEANINGS, NAME_WIDTH, OURS, WATCHDOG
from grafana.builder.fleet import CPU, FULLEST, IN_NEED, LOAD, MEMORY
from grafana.builder.host_charts import CPU_CHARTS, DISK_CHARTS, FILESYSTEMS, HEAT_CHARTS, LANES, MEMORY_CHART, NETWORK
from grafana.builder.host_details import DETAILS
from grafana.builder.hosts import DOWN, DROPPED, UP, WITHOUT_VALUE, answered, for_tile, per_host
from grafana.builder.judging import Json, Steps, rising, value_mappings
from grafana.builder.layout import Line, Section
from grafana.builder.panels import About, Column, override, table, thresholds_of, tiles
from grafana.builder.queries import Query, select
from grafana.builder.states import HOST_STATE, POWER, START, STATE_WORDS, THROTTLING, States
from sysvitals.judgement.thresholds import (
    CPU_BUSY,
    FILESYSTEM_FULL,
    FILESYSTEM_NEARLY_FULL,
    FILESYSTEM_ROOM,
    LOAD_HIGH,
    LOAD_VERY_HIGH,
    MEMORY_LOW,
    MEMORY_VERY_LOW,
)

_TO_POWER = link_to("sysvitals-power", "Its power and heat")
_TO_ALERTS = link_to("sysvitals-alerts", "All its alerts")
_HEAT_DOCS = "exporter/POWER.md#frequency_capped-and-throttled"
_NEVER_SEEN = "no scrape found"


def _tile(  # noqa: PLR0913  # what may differ is named where it is used
    title: str,
    description: str,
    expr: str,
    *,
    docs: str,
    unit: str = units.NONE,
    decimals: int | None = None,
    steps: Steps = NO_COLOUR,
    words: tuple[Json, ...] = (),
    link: Json | None = None,
    size: int = 30,
) -> Json:
    """One value, or why there is none."""
    return tiles(
        About(
            title=title,
            description=description,
            docs=docs,
            missing=_NEVER_SEEN,
            unit=unit,
            decimals=decimals,
            thresholds=steps,
            mappings=(*words, *WITHOUT_VALUE),
            value_links=[link] if link else (),
        ),
        Query(for_tile(expr)),
        named=False,
        size=size,
    )


def _state_tile(title: str, description: str, states: States, *, docs: str) -> Json:
    """A state in words."""
    words = tuple(states.mappings)
    return _tile(title, description, f"({states.expression})", docs=docs, words=words, link=_TO_POWER, size=20)


# its state and its alerts

_LAST_ANSWER = f"max_over_time(timestamp({UP} == 1)[$__range:1m])"
_STATE = tiles(
    About(
        title="State",
        description="The worst of what the host's own verdict and the alerts of Prometheus say: the same state as on "
        "*Fleet*. *Watching*: an alert is pending. *Not known yet*: the rules have not judged the host. *Asleep*: a "
        "host that may sleep does not answer.",
        docs="prometheus/RUNBOOK.md",
        missing=_NEVER_SEEN,
        mappings=STATE_WORDS,
        overrides=[
            override(
                "byFrameRefID",
                "B",
                unit=units.SECONDS,
                decimals=0,
                mappings=[],
                thresholds=thresholds_of(NO_COLOUR),
            )
        ],
        value_links=[_TO_ALERTS],
    ),
    Query(HOST_STATE, "now"),
    Query(
        f"time() - {per_host(_LAST_ANSWER)} unless on (job, instance) {UP} == 1",
        "last answer, ago",
    ),
    size=20,
    below=True,
)

_CRITICAL, _WARNING, _PENDING, _INFO = 4, 3, 2, 1
_RANK_WORDS = value_mappings(
    {
        _CRITICAL: ("critical", colours.CRITICAL),
        _WARNING: ("warning", colours.WARNING),
        _PENDING: ("pending", colours.WATCHING),
        _INFO: ("info", colours.INFO),
    }
)


def _alerts(matchers: str, *, metric: str = "ALERTS") -> str:
    """Alerts about the host itself: those about no host are on the dashboard *Alerts*."""
    return select(metric, f'{OURS}, alertname!="{WATCHDOG}", {matchers}')


def _firing(severity: str) -> str:
    return _alerts(f'alertstate="firing", severity="{severity}"')


def _reasons(level: str) -> str:
    """Reasons of the host's own verdict as if they were alerts: it knows them before an alert has fired."""
    named = f'label_join({select("system_verdict_reasons", level)}, "alertname", "", "alert")'
    return f'(label_join({named}, "severity", "", "level") > 0)'


_SAME = "on (job, instance, alertname, part, device, mountpoint, fstype)"
_WARNINGS = f"{_firing('warning')} unless {_SAME} {_firing('critical')}"
"""Without those that say the same as a critical one: Alertmanager sends no message for them, by the same labels."""

_LEVEL_CRITICAL = _reasons('level="critical"')
_LEVEL_WARNING = _reasons('level="warning"')
_FIRING = _alerts('alertstate="firing"')
_WAITS = _alerts('alertstate="pending", severity=~"critical|warning"')


def _as_alert(hosts: str, name: str, severity: str) -> str:
    named = f'label_replace({hosts}, "alertname", "{name}", "", "")'
    return f'label_replace({named}, "severity", "{severity}", "", "")'


_IS_DOWN = _as_alert(DOWN, "HostDown", "critical")
_IS_DROPPED = _as_alert(DROPPED, "HostVanished", "warning")
_FIRES = f"unless on (job, instance, alertname) {_FIRING}"
_SAID = f"unless on (job, instance, alertname) ({_reasons('')} or {_IS_DOWN} or {_IS_DROPPED})"
_RANKED = "\n  or\n  ".join(
    (
        f"{_firing('critical')} * 0 + {_CRITICAL}",
        f"(({_LEVEL_CRITICAL} or {_IS_DOWN}) {_FIRES}) * 0 + {_CRITICAL}",
        f"({_WARNINGS}) * 0 + {_WARNING}",
        f"(({_LEVEL_WARNING} or {_IS_DROPPED}) {_FIRES}) * 0 + {_WARNING}",
        f"({_WAITS} {_SAID}) * 0 + {_PENDING}",
        f"{_firing('info')} * 0 + {_INFO}",
    )
)
_STARTED_AT = _alerts('severity!=""', metric="ALERTS_FOR_STATE")
_SHOWN = f"({_firing('critical')} or ({_WARNINGS}) or {_firing('info')})"
_SINCE = f"({_STARTED_AT} and ignoring (alertstate) {_SHOWN})"

_ALERTS_TABLE = table(
    About(
        title="Alerts",
        description="The worst first, in the words of the message without its values: alerts that fire, what the "
        "host's own verdict says before an alert has fired, and alerts that are pending. The last column "
        "leads to the runbook.",
        docs="prometheus/RUNBOOK.md",
        missing="no alert of this host fires or is pending, or the rules do not run: see State",
    ),
    Query(detailed(_RANKED)),
    Query(f"{detailed(_SINCE)} * 1000"),
    columns=[
        Column(
            name="Value #A",
            title="Severity",
            width=74,
            mappings=_RANK_WORDS,
            cell="color-background",
            align="center",
        ),
        Column(name="alertname", title="Alert", width=NAME_WIDTH),
        Column(name="where", title="Where", width=160, missing="", wrapped=True),
        Column(name="said", title="What it says", min_width=200, mappings=MEANINGS, missing="", wrapped=True),
        Column(name="Value #B", title="Since", unit=units.AGO, width=116, missing=""),
        *TO_DO,
    ],
    calculated=[{"id": "sortBy", "options": {"sort": [{"field": "Value #A", "desc": True}]}}],
)

_STARTED = tiles(
    About(
        title="Uptime",
        description="Time since boot, and why the host started last, where the board or the history says so: a boot "
        "that came after a power cut or a crash is said for a day. *Restart or hang*: Linux restarts by means of the "
        "watchdog, too.",
        docs="exporter/POWER.md#the-lights-went-out",
        missing=_NEVER_SEEN,
        mappings=WITHOUT_VALUE,
        decimals=1,
        overrides=[
            override("byFrameRefID", "A", unit=units.SECONDS, thresholds=thresholds_of(NO_COLOUR)),
            override("byFrameRefID", "B", mappings=[*START.mappings, *WITHOUT_VALUE]),
        ],
        value_links=[_TO_POWER],
    ),
    Query(for_tile(select("system_uptime_seconds")), "up for"),
    Query(for_tile(f"({START.expression})"), "last boot"),
    size=20,
    below=True,
)

# what is measured now

_TEMPERATURE = select("system_temperature_celsius")
_NOW = "now"
_HEAT = tiles(
    About(
        title="Temperature",
        description="The sensor that is nearest to its own high limit, and that limit: 80 °C on most Raspberry Pis, "
        "another for other processors and disks. Blue less than 5 °C below it, orange from it, red from the critical "
        "limit. Sensors that are left alone do not count.",
        docs=_HEAT_DOCS,
        missing=_NEVER_SEEN,
        unit=units.CELSIUS,
        decimals=0,
        mappings=WITHOUT_VALUE,
        thresholds=NO_COLOUR,
        overrides=[
            heat.coloured("A", colours.CALM),
            heat.coloured("B", colours.WATCHING),
            heat.coloured("C", colours.WARNING),
            heat.coloured("D", colours.CRITICAL),
        ],
        value_links=[_TO_POWER],
    ),
    Query(answered(heat.FINE), _NOW),
    Query(answered(heat.NEARLY), _NOW),
    Query(answered(heat.TOO_WARM), _NOW),
    Query(answered(heat.TOO_HOT), _NOW),
    Query(answered(heat.HIGH_LIMIT), "limit"),
    Query(f"(\n{for_tile(_TEMPERATURE)}\n)\nunless on (job, instance) {heat.HIGH}", _NOW),
    size=22,
)

_CPU_TIME = select("system_cpu_seconds_total", over="5m")
_WORKED = select("system_cpu_seconds_total", 'mode!~"idle|iowait"', over="5m")
_BUSY = f"sum by (job, instance) (rate({_WORKED})) / sum by (job, instance) (rate({_CPU_TIME}))"
_CPUS = select("system_cpu_seconds_total", 'mode="idle"', over="5m")
_READ_ONLY = 2
"""Stands for a filesystem that can no longer be written: more than any used part of one."""

_READ_ONLY_FIRES = _alerts('alertstate="firing", alertname="FilesystemReadOnly"')
_SIZE = select("system_filesystem_size_bytes")
_LEFT = select("system_filesystem_avail_bytes")
_JUDGED = (
    f"unless on (job, instance, mountpoint) ({select('system_filesystem_readonly')} == 1 "
    f"or {select('system_filesystem_full_expected')} == 1 "
    f"or {_LEFT} >= {FILESYSTEM_ROOM.value:g} and {_LEFT} / {_SIZE} < 1 - {FILESYSTEM_NEARLY_FULL.value:g})"
)

_MEASURED = (
    _state_tile(
        "Power",
        "Undervoltage by the board's own detector, and whether the supply promised enough current. *No detector*: this "
        "board cannot know.",
        POWER,
        docs="exporter/POWER.md#undervoltage",
    ),
    _HEAT,
    _state_tile(
        "Throttling",
        "Whether firmware or kernel hold the processor back, because of heat or of a weak supply.",
        THROTTLING,
        docs=_HEAT_DOCS,
    ),
    _tile(
        "CPU",
        "Busy part of all CPUs, mean of five minutes. Waiting for a disk is not work. Busy is no trouble as long as "
        "nothing waits, so it turns blue and not orange: see Load / CPU.",
        f"({per_host(CPU)} or {_BUSY})",
        docs="prometheus/RUNBOOK.md#cpusaturated",
        unit=units.RATIO,
        decimals=0,
        steps=((None, colours.CALM), (CPU_BUSY.value, colours.WATCHING)),
    ),
    _tile(
        "Load / CPU",
        "Tasks that run or wait, for each CPU, mean of one minute. Above 1 some wait.",
        f"({LOAD} or {select('system_load1')} / on (job, instance) count by (job, instance) (rate({_CPUS})))",
        docs="prometheus/RUNBOOK.md#loadhigh",
        unit=units.COUNT,
        decimals=2,
        steps=rising(LOAD_HIGH, LOAD_VERY_HIGH, base=colours.CALM),
    ),
    _tile(
        "Memory",
        "Part of the memory that programs can no longer have. Cache that the kernel would give back does not count.",
        f"({MEMORY} or 1 - {select('system_memory_available_bytes')} / {select('system_memory_size_bytes')})",
        docs="prometheus/RUNBOOK.md#memorylow",
        unit=units.RATIO,
        decimals=0,
        steps=rising(MEMORY_LOW, MEMORY_VERY_LOW, base=colours.CALM),
    ),
    _tile(
        "Disk space",
        "Used part of the filesystem that is most in need of room, or *read-only* where one can no longer be written. "
        f"{IN_NEED} *Filesystems* has all.",
        f"({per_host(_READ_ONLY_FIRES)} * {_READ_ONLY} or {per_host(FULLEST)} "
        f"or {per_host(f'1 - {_LEFT} / {_SIZE} {_JUDGED}')})",
        docs="prometheus/RUNBOOK.md#filesystemfull",
        unit=units.RATIO,
        decimals=0,
        steps=rising(FILESYSTEM_NEARLY_FULL, FILESYSTEM_FULL, base=colours.CALM),
        words=tuple(value_mappings({_READ_ONLY: ("read-only", colours.CRITICAL)})),
    ),
)

DASHBOARD = Dashboard(
    uid="sysvitals-host",
    title="Host",
    description="One host: its state, its alerts, and what keeps it busy.",
    docs="grafana/README.md#host",
    sections=(
        Section(
            lines=(
                Line(7, (_STATE, _ALERTS_TABLE, _STARTED), widths=(3, 18, 3)),
                Line(4, _MEASURED, widths=(4, 5, 3, 3, 3, 3, 3)),
            )
        ),
        Section(title="CPU, load and pressure", lines=(Line(8, CPU_CHARTS, widths=(10, 7, 7)),)),
        Section(
            title="Temperature, clock and power",
            lines=(Line(8, HEAT_CHARTS[:3]), Line(7, (LANES, HEAT_CHARTS[3]), widths=(16, 8))),
        ),
        Section(title="Memory and disks", lines=(Line(8, (MEMORY_CHART, *DISK_CHARTS)),)),
        Section(title="Filesystems and network", lines=(Line(9, (FILESYSTEMS, NETWORK)),)),
        *DETAILS,
    ),
    all_hosts=False,
    refresh="30s",
)
