"""Power and heat: what happened, when and for how long, and whether anybody would know."""

from grafana.builder import colours, heat, units
from grafana.builder.dashboard import Dashboard, link_to
from grafana.builder.judging import any_is, line_at, value_mappings
from grafana.builder.layout import Line, Section
from grafana.builder.panels import About, Column, state_timeline, status_history, table, time_series
from grafana.builder.power_details import DETAILS
from grafana.builder.queries import Look, Query, increase, select
from grafana.builder.states import POWER, SUPPLY
from sysvitals.judgement.thresholds import INPUT_VOLTS_LOW, UNDERVOLTAGE_RECURS

CHARTED = 10
"""Hosts that a chart shows at most, those with the most trouble: more lines cannot be told apart."""

FEW_HOSTS = 4
"""Of so many hosts the timeline shows every cause; of more, only those that came about."""

_UNDERVOLTAGE = 'cause="undervoltage"'
_SLOWED = 'cause=~"throttled|frequency_capped"'
_RANGE = "$__range"

_SILENT = 9
"""A board that does not answer, above all states of power: a bad supply ends so, too."""

_NOT = 0
_UNKNOWN = 1
_CAUSES = {
    "soft_temperature_limit": (2, "soft limit", colours.SOFT_TEMPERATURE_LIMIT),
    "frequency_capped": (3, "clock capped", colours.FREQUENCY_CAPPED),
    "throttled": (4, "throttled", colours.THROTTLED),
    "undervoltage": (5, "undervoltage", colours.UNDERVOLTAGE),
}
_HEAT_LIMITED = 6
_FAN_STALLED = 7

_WORDS = value_mappings(
    {
        _NOT: ("no", colours.CALM),
        _UNKNOWN: ("cannot be known", colours.UNKNOWN),
        **{code: (word, colour) for code, word, colour in _CAUSES.values()},
        _HEAT_LIMITED: ("slowed by heat", colours.THROTTLED),
        _FAN_STALLED: ("fan stalled", colours.CRITICAL),
    }
)


def _in_range(metric: str, matchers: str = "") -> str:
    """The whole time shown, looked at once and not anew for each point."""
    return f"{select(metric, matchers, over=_RANGE)} @ end()"


_ARE_FEW = f"count(count by (job, instance) (last_over_time({_in_range('sysvitals_build_info')}))) <= {FEW_HOSTS}"


def _named(values: str, what: str) -> str:
    """Values with a label that says what they are about."""
    return f'label_replace({values}, "what", "{what}", "", "")'


def _cause(cause: str, code: int, word: str) -> str:
    """Whether the cause was there since the step before, however short it was: the exporter counts its seconds.

    The hosts are chosen first, and all else is reckoned for these few only.
    """
    matcher = f'cause="{cause}"'
    seconds = increase("system_throttle_seconds_total", matcher)
    happened = f"increase({_in_range('system_throttle_seconds_total', matcher)}) > 0"
    known = f"last_over_time({_in_range('system_throttled', matcher)})"
    shown = happened if cause == "soft_temperature_limit" else f"{happened} or ({known} and on () {_ARE_FEW})"
    values = f"max by (job, instance) ({seconds} and on (job, instance) ({shown}))"
    return _named(f"({values} > bool 0) * {code}", word)


def _device(metric: str, label: str, code: int, what: str) -> str:
    """Whether a device of a host was in the state that the metric tells, named by its label and that state."""
    ever = _in_range(metric)
    shown = f"max_over_time({ever}) == 1 or (last_over_time({ever}) and on () {_ARE_FEW})"
    values = f"max by (job, instance, {label}) ({select(metric)} and on (job, instance, {label}) ({shown}))"
    named = _named(f"{values} * {code}", what)
    return f'max by (job, instance, what) (label_join({named}, "what", " ", "{label}", "what"))'


_NO_DETECTOR = _named(
    f"max by (job, instance) ({select('system_undervoltage_detectable')} == 0) * 0 + {_UNKNOWN}\n"
    f"  and on () {_ARE_FEW}",
    "undervoltage",
)

_TIMELINE = "\nor\n".join(
    (
        *(_cause(cause, code, word) for cause, (code, word, _) in _CAUSES.items()),
        _NO_DETECTOR,
        _device("system_heat_limited", "component", _HEAT_LIMITED, "slowed by heat"),
        _device("system_fan_stalled", "fan", _FAN_STALLED, "stalled"),
    )
)

_HOST = "max by (job, instance)"


def _of(worst: str, values: str) -> str:
    """Values of the hosts that a query has chosen as the worst ones, once for the whole time shown."""
    return f"{values}\nand on (job, instance) {worst}"


_DIPS = increase("system_throttle_events_total", _UNDERVOLTAGE, over=_RANGE)
_LOW_SECONDS = increase("system_throttle_seconds_total", _UNDERVOLTAGE, over=_RANGE)
_SLOW_SECONDS = increase("system_throttle_seconds_total", _SLOWED, over=_RANGE)
_LAST_DIP = f"max_over_time({select('system_throttle_last_timestamp_seconds', _UNDERVOLTAGE, over=_RANGE)})"
_UNCLEAN = increase("system_unclean_shutdowns_total", over=_RANGE)
_OPEN_HOST = link_to("sysvitals-host", "Open this host", instance="${__data.fields.instance}")
_NOT_KNOWN = ("not known", colours.UNKNOWN)

_WHO = table(
    About(
        title="Which boards had trouble, and which would not know?",
        description="The worst first. Counts and times are those of the time shown above, *Power* is as of its end. "
        "*No detector*: the board cannot tell, and its silence is not health. *Silent*: it does not answer at "
        "all, as boards without power do.",
        docs="exporter/POWER.md#three-questions",
        missing="no host was seen",
    ),
    Query(
        f"{_HOST} ({select('up')} == 0) * 0 + {_SILENT}\nor\n{POWER.expression}\nor\n"
        f"{_HOST} ({select('sysvitals_build_info')}) * 0"
    ),
    Query(f"{_HOST} (round({_DIPS}))"),
    Query(f"{_HOST} ({_LAST_DIP}) * 1000"),
    Query(f"{_HOST} ({_LOW_SECONDS})"),
    Query(f"{_HOST} ({_SLOW_SECONDS})"),
    Query(SUPPLY.expression),
    Query(f"{_HOST} (round({_UNCLEAN}))"),
    columns=(
        Column(name="instance", title="Host", links=[_OPEN_HOST]),
        Column(
            name="Value #A",
            title="Power",
            cell="color-text",
            mappings=[
                *POWER.mappings,
                *value_mappings({0: ("not measured", colours.UNKNOWN), _SILENT: ("silent", colours.CRITICAL)}),
            ],
            align="left",
        ),
        Column(
            name="Value #B",
            title="Dips",
            decimals=0,
            cell="color-text",
            thresholds=((None, colours.GOOD), (1, colours.WARNING), (UNDERVOLTAGE_RECURS.value, colours.CRITICAL)),
            mappings=value_mappings({}, missing=_NOT_KNOWN),
        ),
        Column(
            name="Value #C",
            title="Last dip",
            unit=units.TIME,
            width=170,
            mappings=value_mappings({}, missing=("-", colours.PLAIN)),
        ),
        Column(
            name="Value #D",
            title="Too low for",
            unit=units.SECONDS,
            cell="color-text",
            thresholds=any_is(colours.CRITICAL),
            mappings=value_mappings({0: ("never", colours.GOOD)}, missing=_NOT_KNOWN),
        ),
        Column(
            name="Value #E",
            title="Slowed for",
            unit=units.SECONDS,
            cell="color-text",
            thresholds=any_is(colours.WARNING),
            mappings=value_mappings({0: ("never", colours.GOOD)}, missing=_NOT_KNOWN),
        ),
        Column(
            name="Value #F",
            title="Supply promised",
            cell="color-text",
            mappings=[*SUPPLY.mappings, *value_mappings({}, missing=("is not asked", colours.UNKNOWN))],
            align="left",
        ),
        Column(
            name="Value #G",
            title="Unclean ends",
            decimals=0,
            cell="color-text",
            thresholds=any_is(colours.WARNING),
            mappings=value_mappings({0: ("none", colours.GOOD)}, missing=_NOT_KNOWN),
        ),
    ),
    sort=("Power", True),
)

_WHAT = state_timeline(
    About(
        title="What happened, and when?",
        description="Every cause that slowed a board down or threatened it. A dip between two scrapes is shown, too: "
        f"the exporter counts its seconds. Of more than {FEW_HOSTS} hosts only what came about has a line.",
        docs="exporter/POWER.md#the-causes",
        missing="nothing came about in this time, or nothing here can tell (as on a virtual machine)",
        thresholds=any_is(colours.WARNING),
        mappings=_WORDS,
    ),
    Query(_TIMELINE, "{{instance}} {{what}}"),
)

_CLOCK = select("system_firmware_clock_hertz", 'clock="arm"')
_CLOCK_ASKED = f"{select('system_cpu_scaling_frequency_hertz')} unless on (job, instance) {_CLOCK} or " + select(
    "system_firmware_clock_requested_hertz", 'clock="arm"'
)

_HOTTEST = f"bottomk({CHARTED}, min_over_time({_in_range('instance:system_temperature_headroom_celsius:min')}))"
_SLOWEST = (
    f"topk({CHARTED},\n"
    f"  {_HOST} (increase({_in_range('system_throttle_seconds_total', _SLOWED)}))\n"
    f"  or {_HOST} (last_over_time({_in_range('sysvitals_build_info')})) * 0\n)"
)
_LOWEST = f"bottomk({CHARTED}, min_over_time({_in_range('system_board_input_volts')}))"
_THIRSTIEST = (
    f"topk({CHARTED}, {_HOST} (max_over_time({_in_range('system_board_power_watts')})\n"
    f"  or max_over_time({_in_range('system_power_supply_watts')})))"
)
_FASTEST_FANS = f"topk({CHARTED}, {_HOST} (max_over_time({_in_range('system_fan_duty_ratio')})))"

_HEAT = (
    time_series(
        About(
            title="How near to its limit is the heat?",
            description=f"The sensor that is nearest to its own limit, of the {CHARTED} hosts that came nearest. "
            "Dashed: where a Raspberry Pi begins to slow down or the maker warns (orange), and where it is critical "
            "(red).",
            docs="exporter/POWER.md#frequency_capped-and-throttled",
            missing="no sensor that knows its limit, as on a virtual machine",
            unit=units.CELSIUS,
        ),
        Query(_of(_HOTTEST, heat.TEMPERATURE)),
        Query(
            _of(_HOTTEST, heat.HIGH_LIMIT),
            "{{instance}} high",
            Look(colour=colours.HIGH_LIMIT, dashed=True, unnamed=True),
        ),
        Query(
            _of(_HOTTEST, heat.CRITICAL_LIMIT),
            "{{instance}} critical",
            Look(colour=colours.CRITICAL_LIMIT, dashed=True, unnamed=True),
        ),
        fill=0,
    ),
    time_series(
        About(
            title="Does it run as fast as asked?",
            description="Clock that the firmware measures, and dashed what it was asked for. Measured below asked: the "
            f"board is held back. Both low: it idles. Of many hosts the {CHARTED} that were held back most.",
            docs="exporter/POWER.md#raspberry-pi-5",
            missing="no clock can be asked for, as on a virtual machine",
            unit=units.HERTZ,
            minimum=0,
        ),
        Query(_of(_SLOWEST, f"{_HOST} ({_CLOCK})"), "{{instance}} measured"),
        Query(
            _of(_SLOWEST, f"{_HOST} ({_CLOCK_ASKED})"),
            "{{instance}} asked",
            Look(colour=colours.REQUESTED, dashed=True, unnamed=True),
        ),
        fill=0,
    ),
)

_SUPPLY = (
    time_series(
        About(
            title="How many volts arrive?",
            description="The 5 V input, below the line with nothing left for a dip under load. Measured every ten "
            f"seconds: short dips are seen by the detector, not here. Of many hosts the {CHARTED} that fell lowest.",
            docs="exporter/POWER.md#raspberry-pi-5",
            missing="only a Raspberry Pi 5 measures its input",
            unit=units.VOLTS,
            decimals=2,
            thresholds=line_at(INPUT_VOLTS_LOW),
        ),
        Query(_of(_LOWEST, select("system_board_input_volts"))),
        fill=0,
        thresholds_drawn=True,
    ),
    time_series(
        About(
            title="How much power is drawn?",
            description="A Raspberry Pi 5: the sum of its rails, without USB devices and what converters lose. Other "
            f"boards: what each of their chips measures. Of many hosts the {CHARTED} that drew most.",
            docs="exporter/POWER.md#raspberry-pi-5",
            missing="this board does not measure it",
            unit=units.WATTS,
            minimum=0,
        ),
        Query(
            _of(_THIRSTIEST, f"({select('system_board_power_watts')} or {select('system_power_supply_watts')})"),
            "{{instance}} {{sensor}}",
        ),
        fill=0,
    ),
    time_series(
        About(
            title="Does the fan turn?",
            description="Revolutions a minute, and dashed how much it is driven. Driven as when it turned, and still, "
            f"is a stalled fan; off while the board is cool is as it should be. Of many hosts the {CHARTED} driven "
            "most.",
            docs="exporter/POWER.md#raspberry-pi-5",
            missing="no fan that the kernel knows",
            unit=units.unit_of("system_fan_speed_rpm"),
            minimum=0,
        ),
        Query(_of(_FASTEST_FANS, select("system_fan_speed_rpm")), "{{instance}} {{fan}} speed"),
        Query(
            _of(_FASTEST_FANS, select("system_fan_duty_ratio")),
            "{{instance}} {{fan}} driven",
            Look(colour=colours.REQUESTED, dashed=True, unit=units.RATIO, right=True, unnamed=True),
        ),
        fill=0,
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
    return f"{_HOST} (increase({select(counter, matchers, over='1d')} offset -1d)) > 0"


_DAYS = (
    status_history(
        About(
            title="At what hour does it dip?",
            description="Undervoltages in each hour of the last week, of all chosen hosts together. A "
            "column that keeps its colour tells of something that happens every day at that time.",
            docs="exporter/POWER.md#undervoltage",
            missing="no board here can tell",
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
            title="How long is it low each day?",
            description="Time of undervoltage in each of the last fourteen days, today so far among them.",
            docs="exporter/POWER.md#undervoltage",
            missing="never, as far as boards here can tell",
            unit=units.SECONDS,
            minimum=0,
            interval="1d",
            time_from="14d",
        ),
        Query(_each_day("system_throttle_seconds_total", _UNDERVOLTAGE), look=Look(bars=True)),
        stacked=True,
    ),
    time_series(
        About(
            title="How often does power fail?",
            description="Boots that ended without a shutdown in each of the last fourteen days, today so far among "
            "them: the power failed, or the kernel hung or crashed.",
            docs="exporter/POWER.md#the-lights-went-out",
            missing="never, as far as exporters here keep a history",
            unit=units.COUNT,
            decimals=0,
            minimum=0,
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
    description="Did the voltage dip, was a board slowed down, is it too hot, and would anybody know?",
    docs="exporter/POWER.md",
    sections=(
        Section(lines=(Line(8, (_WHO,)), Line(8, (_WHAT,)))),
        Section(title="Is it too hot, and does that cost speed?", lines=(Line(9, _HEAT),)),
        Section(title="What do supply and fan do? (where the board measures it)", lines=(Line(8, _SUPPLY),)),
        Section(title="Is there a pattern?", lines=(Line(8, _DAYS),)),
        *DETAILS,
    ),
    time_from="now-24h",
)
