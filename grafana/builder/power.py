"""Power and heat: what happened, when and for how long, and which boards can know."""

from grafana.builder import colours, units
from grafana.builder.cells import NO_COLOUR, measured, stated
from grafana.builder.dashboard import Dashboard, link_to
from grafana.builder.hosts import (
    ASLEEP,
    CHARTED,
    SEEN,
    SILENT,
    UP,
    WITHOUT_VALUE,
    linked,
    of_top,
    over_range,
    per_host,
    total,
)
from grafana.builder.judging import Json, Steps, any_is, line_at, value_mappings
from grafana.builder.layout import Line, Section
from grafana.builder.naming import HOST_COLOURS
from grafana.builder.panels import (
    About,
    Column,
    override,
    state_timeline,
    status_history,
    table,
    thresholds_of,
    tiles,
    time_series,
)
from grafana.builder.power_details import DETAILS
from grafana.builder.queries import Look, Query, increase, select
from grafana.builder.states import SUPPLY, VOLTAGE, State, States
from sysvitals.judgement.thresholds import INPUT_VOLTS_LOW, UNDERVOLTAGE_RECURS

DRAWN = 15
"""Hosts that the timeline has at most."""

_UNDERVOLTAGE = 'cause="undervoltage"'
_SLOWED = 'cause=~"throttled|frequency_capped"'
_RANGE = "$__range"
_DETECTOR = select("system_undervoltage_detectable")
_HEADROOM = select("instance:system_temperature_headroom_celsius:min")

_DIPS = increase("system_throttle_events_total", _UNDERVOLTAGE, over=_RANGE)
_LOW_SECONDS = increase("system_throttle_seconds_total", _UNDERVOLTAGE, over=_RANGE)
_SLOW_SECONDS = increase("system_throttle_seconds_total", _SLOWED, over=_RANGE)
_UNCLEAN = increase("system_unclean_shutdowns_total", over=_RANGE)

_HERE = "${__data.fields.instance}"
_OPEN_HOST = link_to("sysvitals-host", "Open this host", instance=_HERE)


def _tile(ref: str, steps: Steps, *, unit: str = units.COUNT) -> Json:
    return override("byFrameRefID", ref, thresholds=thresholds_of(steps), unit=unit)


def _count(hosts: str) -> str:
    """How many hosts those are, 0 among them, where any host was seen within a day."""
    return f"(count({hosts}) or vector(0)) and on () count({SEEN})"


_TROUBLE = any_is(colours.WARNING, base=colours.CLEAR)

_TOTALS = (
    tiles(
        About(
            title="Undervoltages",
            description="How often and for how long the voltage was too low in the time shown, on boards with a "
            "detector.",
            docs="exporter/POWER.md#undervoltage",
            missing="no board with a detector has answered",
            mappings=WITHOUT_VALUE,
            decimals=0,
            overrides=[
                _tile("A", any_is(colours.UNDERVOLTAGE, base=colours.CLEAR)),
                _tile("B", any_is(colours.UNDERVOLTAGE, base=colours.CLEAR), unit=units.SECONDS),
            ],
        ),
        Query(total(f"sum(round({_DIPS}))"), "undervoltages"),
        Query(total(f"sum({_LOW_SECONDS})"), "total time"),
    ),
    tiles(
        About(
            title="Throttling",
            description="For how long boards were throttled or their clock was capped in the time shown, all together.",
            docs="exporter/POWER.md#frequency_capped-and-throttled",
            missing="no board that reports it has answered",
            mappings=WITHOUT_VALUE,
            decimals=0,
            unit=units.SECONDS,
            thresholds=_TROUBLE,
        ),
        Query(total(f"sum({_SLOW_SECONDS})"), "throttled or capped"),
    ),
    tiles(
        About(
            title="Unclean shutdowns and boots",
            description="Boots in the time shown, and how many of them came after a power cut, a crash or a reset.",
            docs="exporter/POWER.md#the-lights-went-out",
            missing="no host has answered",
            mappings=WITHOUT_VALUE,
            decimals=0,
            overrides=[_tile("A", _TROUBLE), _tile("B", NO_COLOUR)],
        ),
        Query(total(f"sum(round({_UNCLEAN}))"), "unclean shutdowns"),
        Query(total(f"sum(resets({select('system_uptime_seconds', over=_RANGE)}))"), "boots"),
    ),
    tiles(
        About(
            title="Undervoltage detectors",
            description="Boards that can detect undervoltage, boards that cannot, hosts that report nothing about "
            "power (as virtual machines), hosts that do not answer, and those that are asleep. What has no detector is "
            "not known to be well.",
            docs="exporter/POWER.md#three-questions",
            missing="no host seen in 24 h",
            unit=units.COUNT,
            overrides=[
                _tile("A", any_is(colours.CALM, base=colours.CLEAR)),
                _tile("B", any_is(colours.UNKNOWN, base=colours.CLEAR)),
                _tile("C", NO_COLOUR),
                _tile("D", any_is(colours.CRITICAL, base=colours.CLEAR)),
                _tile("E", any_is(colours.UNKNOWN, base=colours.CLEAR)),
            ],
        ),
        Query(_count(f"{_DETECTOR} == 1"), "detector"),
        Query(_count(f"{_DETECTOR} == 0"), "no detector"),
        Query(_count(f"{per_host(f'{UP} == 1')} unless on (job, instance) {_DETECTOR}"), "no power data"),
        Query(_count(SILENT), "no answer"),
        Query(_count(ASLEEP), "asleep"),
    ),
)

# what happened: when it began


def _named(values: str, what: str) -> str:
    """Values of hosts with a label that says what they are about."""
    return f'label_replace({per_host(values)}, "what", "{what}", "", "")'


def _grown(counter: str, matchers: str = "", *, remembered: str = "") -> str:
    """What a counter grew by since the step before; where it began again, all of it.

    Steps do not overlap, so that nothing is listed twice. `remembered` is how long before that the host may have
    been away.
    """
    now = select(counter, matchers)
    before = (
        f"last_over_time({select(counter, matchers, over=remembered)} offset $__interval)"
        if remembered
        else (f"{now} offset $__interval")
    )
    return f"(({now} - {before}) >= 0 or ({now} and {before}))"


_AWAY = "30m"
_CAUSES = {"undervoltage": "undervoltage", "throttled": "throttled", "frequency_capped": "clock capped"}
_UPTIME = select("system_uptime_seconds")
_FAN_STALLED = select("system_fan_stalled")


def _began(cause: str) -> str:
    matcher = f'cause="{cause}"'
    return f"{_grown('system_throttle_events_total', matcher)} > 0"


def _lasted(cause: str) -> str:
    matcher = f'cause="{cause}"'
    return f"{_grown('system_throttle_seconds_total', matcher)} and on (job, instance) ({_began(cause)})"


_EVENTS = "\nor\n".join(
    (
        *(_named(_began(cause), words) for cause, words in _CAUSES.items()),
        _named(f"{_grown('system_unclean_shutdowns_total', remembered=_AWAY)} > 0", "unclean shutdown"),
        _named(
            f"({_UPTIME} < last_over_time({select('system_uptime_seconds', over=_AWAY)} offset $__interval)) * 0 + 1",
            "boot",
        ),
        _named(f"({UP} == 0 and {UP} offset $__interval == 1) + 1", "no answer"),
        _named(f"({_FAN_STALLED} == 1 unless {_FAN_STALLED} offset $__interval == 1)", "fan stalled"),
    )
)
_SECONDS = "\nor\n".join(_named(_lasted(cause), words) for cause, words in _CAUSES.items())

_WHAT_WORDS = value_mappings(
    {
        "undervoltage": ("undervoltage", colours.UNDERVOLTAGE),
        "throttled": ("throttled", colours.THROTTLED),
        "clock capped": ("clock capped", colours.FREQUENCY_CAPPED),
        "unclean shutdown": ("unclean shutdown", colours.CRITICAL),
        "boot": ("boot", colours.BOOT),
        "no answer": ("no answer", colours.UNKNOWN),
        "fan stalled": ("fan stalled", colours.CRITICAL),
    }
)

_HAPPENED = table(
    About(
        title="Events",
        description="When each thing began, the newest first, in steps of 2 minutes (longer for long ranges): how "
        "often in that step, and for how long within it. What lasts longer is in the timeline below. The first 2 "
        "minutes of a host are not in it.",
        docs="exporter/POWER.md#the-causes",
        missing="no event found in whole steps of 2 minutes; tiles and Boards count from the first second",
        interval="2m",
    ),
    Query(_EVENTS),
    Query(_SECONDS),
    columns=(
        Column(name="Time", title="Time", width=98, unit="time:MM-DD HH:mm"),
        Column(name="instance", title="Host", width=110, links=[_OPEN_HOST]),
        Column(name="what", title="Event", min_width=110, mappings=_WHAT_WORDS, cell="color-text"),
        Column(name="Value #A", title="Count", width=56, decimals=0, align="center"),
        Column(name="Value #B", title="Lasted", width=76, unit=units.SECONDS, decimals=0, align="right", missing="—"),
    ),
    calculated=[{"id": "sortBy", "options": {"sort": [{"field": "Time", "desc": True}]}}],
    sort=("Time", True),
    listed=True,
)

# each board

_KNOWS = States(
    (
        State(SILENT, "no answer", colours.CRITICAL),
        State(ASLEEP, "asleep", colours.UNKNOWN),
        State(f"{_DETECTOR} == 1", "yes", colours.CLEAR),
        State(f"{_DETECTOR} == 0", "no detector", colours.UNKNOWN),
        State(UP, "no power data", colours.CLEAR),
    )
)


_LOW: Steps = any_is(colours.UNDERVOLTAGE, base=colours.CLEAR)

_BOARDS = table(
    About(
        title="Boards",
        description="Those with the most undervoltages first, with whether each could detect one. Counts and times are "
        "those of the time shown; *Voltage* and *Supply* are of its end. A dash: not known.",
        docs="exporter/POWER.md#three-questions",
        missing="no host seen in 24 h",
    ),
    Query(_KNOWS.expression),
    Query(VOLTAGE.expression),
    Query(per_host(f"round({_DIPS})")),
    Query(per_host(_LOW_SECONDS)),
    Query(per_host(_SLOW_SECONDS)),
    Query(SUPPLY.expression),
    Query(per_host(f"min_over_time({select('system_board_input_volts', over=_RANGE)})")),
    Query(per_host(f"round({_UNCLEAN})")),
    columns=(
        Column(name="instance", title="Host", min_width=90, links=[_OPEN_HOST]),
        stated("A", "Detector", 104, _KNOWS.mappings),
        stated("B", "Voltage", 104, VOLTAGE.mappings),
        measured("C", "Dips", 50, steps=_LOW),
        measured("D", "Low for", 68, steps=_LOW, unit=units.SECONDS),
        measured("E", "Throttled", 76, steps=_TROUBLE, unit=units.SECONDS),
        stated("F", "Supply", 84, SUPPLY.mappings),
        measured(
            "G",
            "Least volts",
            80,
            steps=((None, colours.WARNING), (INPUT_VOLTS_LOW.value, colours.CLEAR)),
            unit=units.VOLTS,
            decimals=2,
        ),
        measured("H", "Cuts", 48, steps=_TROUBLE),
    ),
    calculated=[{"id": "sortBy", "options": {"sort": [{"field": "Value #C", "desc": True}]}}],
    sort=("Dips", True),
    frozen=1,
)

# over time


def _in_step(cause: str) -> str:
    """Hosts on which the cause was there since the step before, however short: the exporter counts its seconds."""
    matcher = f'cause="{cause}"'
    return f"{increase('system_throttle_seconds_total', matcher)} > 0"


_COURSE = States(
    (
        State(SILENT, "no answer", colours.UNKNOWN),
        State(ASLEEP, "asleep", colours.UNKNOWN),
        State(_in_step("undervoltage"), "undervoltage", colours.UNDERVOLTAGE),
        State(f"{_FAN_STALLED} == 1", "fan stalled", colours.CRITICAL),
        State(f"resets({select('system_uptime_seconds', over='$__rate_interval')}) > 0", "boot", colours.BOOT),
        State(_in_step("throttled"), "throttled", colours.THROTTLED),
        State(_in_step("frequency_capped"), "clock capped", colours.FREQUENCY_CAPPED),
        State(f"{select('system_heat_limited')} == 1", "slowed by heat", colours.THROTTLED),
        State(_in_step("soft_temperature_limit"), "soft limit", colours.WATCHING),
        State(f"{_DETECTOR} == 0", "no detector", colours.FADED),
        State(f"{select('system_throttled', _UNDERVOLTAGE)} == 0", "voltage good", colours.CALM),
        State(f"{UP} == 1", "no power data", colours.FADED),
    )
)

_LOW_TODAY = select("cause:system_throttle_seconds:increase1d", _UNDERVOLTAGE)
_SLOW_TODAY = select("cause:system_throttle_seconds:increase1d", _SLOWED)
_DIP_WEIGHS = 1000
"""Seconds of throttling that a second of undervoltage counts for: it lasts no longer, and may cost the card."""

_RANK = (
    f"sum by (job, instance) ({over_range('max_over_time', _LOW_TODAY)}) * {_DIP_WEIGHS}\n"
    f"  + sum by (job, instance) ({over_range('max_over_time', _SLOW_TODAY)}) or {per_host(SEEN)} * 0"
)

_TIMELINE = state_timeline(
    About(
        title="Power and throttling over time",
        description="The worst that was there in each step, even between two scrapes; of many hosts the "
        f"{DRAWN} with the most undervoltage and throttling. Grey: the board cannot know, or did not answer.",
        docs="exporter/POWER.md#the-causes",
        missing="no host answered in this time",
        mappings=_COURSE.mappings,
        overrides=[linked(link_to("sysvitals-host", "Open this host", instance="${__field.labels.instance}"))],
    ),
    Query(of_top(f"(\n{_COURSE.expression}\n)", _RANK, charted=DRAWN)),
    worded=True,
)


def _chart(  # noqa: PLR0913  # what may differ is named where it is used
    title: str,
    description: str,
    expr: str,
    rank: str,
    *,
    docs: str,
    missing: str,
    unit: str,
    legend: str = "{{instance}}",
    least: bool = False,
    decimals: int | None = None,
    minimum: float | None = None,
    maximum: float | None = None,
    steps: Steps = ((None, colours.PLAIN),),
) -> Json:
    """Lines of the ten hosts with the most, or the least, of something in the time shown."""
    return time_series(
        About(
            title=title,
            description=f"{description} Of many hosts the {CHARTED} with the {'least' if least else 'most'}.",
            docs=docs,
            missing=missing,
            unit=unit,
            decimals=decimals,
            minimum=minimum,
            maximum=maximum,
            thresholds=steps,
            overrides=HOST_COLOURS,
        ),
        Query(of_top(expr, over_range("min_over_time" if least else "max_over_time", rank), least=least), legend),
        fill=0,
        thresholds_drawn=len(steps) > 1,
    )


_PI5 = "exporter/POWER.md#raspberry-pi-5"
_VOLTS = select("system_board_input_volts")
_WATTS = f"({select('system_board_power_watts')} or {select('system_power_supply_watts')})"
_CLOCK = select("system_firmware_clock_hertz", 'clock="arm"')
_REQUESTED = (
    f"({per_host(select('system_firmware_clock_requested_hertz', 'clock=' + chr(34) + 'arm' + chr(34)))} "
    f"or {per_host(select('system_cpu_scaling_frequency_hertz'))})"
)
_CLOCK_PART = f"{per_host(_CLOCK)} / {_REQUESTED}"
_DUTY = select("system_fan_duty_ratio")

_SUPPLY = (
    _chart(
        "Input voltage",
        "Volts at the 5 V input; dashed is where the alert begins. Measured every ten seconds: short dips are seen by "
        "the detector, not here.",
        _VOLTS,
        _VOLTS,
        docs=_PI5,
        missing="no board that measures its input (a Raspberry Pi 5 does)",
        unit=units.VOLTS,
        decimals=2,
        least=True,
        steps=line_at(INPUT_VOLTS_LOW),
    ),
    _chart(
        "Power drawn",
        "A Raspberry Pi 5: the sum of its rails, without USB devices and losses. Other boards: what their chips "
        "measure.",
        _WATTS,
        _WATTS,
        docs=_PI5,
        missing="no board that measures its power",
        unit=units.WATTS,
        legend="{{instance}} {{sensor}}",
        minimum=0,
    ),
    _chart(
        "Actual clock / requested",
        "The clock that the firmware measures, as part of what was requested. Below 100 % the board is held back.",
        _CLOCK_PART,
        _CLOCK_PART,
        docs=_PI5,
        missing="no board whose firmware measures its clock",
        unit=units.RATIO,
        least=True,
        minimum=0,
    ),
    _chart(
        "Room to heat limit",
        "Degrees below the limit of the nearest sensor; below the dashed line it is too hot.",
        per_host(_HEADROOM),
        _HEADROOM,
        docs="exporter/POWER.md#frequency_capped-and-throttled",
        missing="no sensor that has a limit, or the rules do not run",
        unit=units.CELSIUS,
        least=True,
        steps=((None, colours.CLEAR), (0.0, colours.WARNING)),
    ),
    _chart(
        "Fan duty",
        "How much each fan is driven.",
        _DUTY,
        _DUTY,
        docs=_PI5,
        missing="no fan that the kernel drives",
        unit=units.RATIO,
        legend="{{instance}} {{fan}}",
        minimum=0,
        maximum=1,
    ),
    _chart(
        "Fan speed",
        "Revolutions a minute of the fans that are driven most; 0 while driven is a stalled fan.",
        select("system_fan_speed_rpm"),
        _DUTY,
        docs=_PI5,
        missing="no fan that reports its speed",
        unit=units.unit_of("system_fan_speed_rpm"),
        legend="{{instance}} {{fan}}",
        minimum=0,
    ),
)


def _dips_of_day(days_ago: int) -> str:
    """Dips in each hour of that day, all hosts together."""
    # Prometheus sorts by labels, and a space comes before digits
    name = f"{days_ago} day{'s' if days_ago > 1 else ''} before" if days_ago else " last 24 hours"
    dips = select("system_throttle_events_total", _UNDERVOLTAGE, over="1h")
    offset = f" offset {days_ago}d" if days_ago else ""
    return f'label_replace(sum(round(increase({dips}{offset}))), "day", "{name}", "", "")'


def _each_day(counter: str, matchers: str = "") -> str:
    """What a counter grew by in the day that begins at each point, and for today until now."""
    in_a_day = select(counter, matchers, over="1d")
    return f"{per_host(f'increase({in_a_day} offset -1d)')} > 0"


_DAYS = (
    status_history(
        About(
            title="Undervoltages by hour of the day",
            description="Undervoltages in each hour of the last week, of all chosen hosts together. A "
            "column that keeps its colour tells of something that happens every day at that time.",
            docs="exporter/POWER.md#undervoltage",
            missing="not known yet, or no board has a detector",
            unit=units.COUNT,
            decimals=0,
            thresholds=((None, colours.CALM), (1, colours.WARNING), (UNDERVOLTAGE_RECURS.value, colours.CRITICAL)),
            interval="1h",
            time_from="24h",
        ),
        Query("\nor\n".join(_dips_of_day(days_ago) for days_ago in range(7)), "{{day}}"),
    ),
    time_series(
        About(
            title="Undervoltage time per day",
            description="Time of undervoltage in each of the last fourteen days, today so far among them.",
            docs="exporter/POWER.md#undervoltage",
            missing="no undervoltage counted in 14 days, or no board has a detector",
            unit=units.SECONDS,
            minimum=0,
            overrides=HOST_COLOURS,
            interval="1d",
            time_from="14d",
        ),
        Query(_each_day("system_throttle_seconds_total", _UNDERVOLTAGE), look=Look(bars=True)),
        stacked=True,
    ),
    time_series(
        About(
            title="Unclean shutdowns per day",
            description="Boots that ended without a shutdown in each of the last fourteen days, today so far among "
            "them: the power failed, or the kernel hung or crashed.",
            docs="exporter/POWER.md#the-lights-went-out",
            missing="no unclean shutdown counted in 14 days",
            unit=units.COUNT,
            decimals=0,
            minimum=0,
            overrides=HOST_COLOURS,
            interval="1d",
            time_from="14d",
        ),
        Query(f"round({_each_day('system_unclean_shutdowns_total')})", look=Look(bars=True)),
        stacked=True,
        at_least=1,
    ),
)

DASHBOARD = Dashboard(
    uid="sysvitals-power",
    title="Power and heat",
    description="What happened to power and heat, which boards can know, and whether there is a pattern.",
    docs="grafana/README.md#power-and-heat",
    sections=(
        Section(
            lines=(
                Line(4, _TOTALS, widths=(5, 4, 6, 9)),
                Line(10, (_HAPPENED, _BOARDS), widths=(10, 14)),
                Line(9, (_TIMELINE,)),
            )
        ),
        Section(title="Per day", lines=(Line(8, _DAYS),)),
        Section(title="Supply, clock and heat", lines=(Line(8, _SUPPLY[:3]), Line(8, _SUPPLY[3:]))),
        *DETAILS,
    ),
    time_from="now-24h",
)
