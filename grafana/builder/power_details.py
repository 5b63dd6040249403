"""What *Power and heat* does not show at first: every rail and sensor, the supply's promise, old marks."""

from grafana.builder import colours, units
from grafana.builder.judging import value_mappings
from grafana.builder.layout import Line, Section
from grafana.builder.panels import About, Column, table, time_series
from grafana.builder.queries import Query, increase, select

_HOST = "max by (job, instance)"
_CAUSE = "max by (job, instance, cause)"
_PI5 = "exporter/POWER.md#raspberry-pi-5"
_YES = value_mappings({0: ("no", colours.WARNING), 1: ("yes", colours.GOOD)}, missing=("-", colours.UNKNOWN))
_MARK = value_mappings({0: ("no", colours.GOOD), 1: ("yes", colours.WARNING)}, missing=("not known", colours.UNKNOWN))

_RAILS = (
    time_series(
        About(
            title="Rail voltages",
            description="Voltages that the firmware measures. Those of core and memory are made on the board, and are "
            "no sign of a good supply.",
            docs=_PI5,
            missing="no Raspberry Pi whose firmware can be asked",
            unit=units.VOLTS,
            minimum=0,
        ),
        Query(select("system_firmware_rail_volts"), "{{instance}} {{rail}}"),
        fill=0,
        calcs=("lastNotNull", "min", "max"),
    ),
    time_series(
        About(
            title="Rail power",
            description="Volts times amperes of each rail of a Raspberry Pi 5.",
            docs=_PI5,
            missing="only a Raspberry Pi 5 measures it",
            unit=units.WATTS,
            minimum=0,
        ),
        Query(select("system_firmware_rail_watts"), "{{instance}} {{rail}}"),
        fill=0,
        calcs=("lastNotNull", "mean", "max"),
    ),
    time_series(
        About(
            title="Voltages of other chips",
            description="Voltages of chips that the kernel knows. Inputs that nothing is connected to float.",
            docs="exporter/METRICS.md#power_supply",
            missing="no chip that measures voltage and that the kernel knows",
            unit=units.VOLTS,
            minimum=0,
        ),
        Query(select("system_power_supply_volts"), "{{instance}} {{chip}} {{sensor}}"),
        fill=0,
        calcs=("lastNotNull", "min", "max"),
    ),
)

_PROMISE = table(
    About(
        title="Power budget",
        description="Board and supply agree on a current when the board starts. It is a promise, no measurement.",
        docs=_PI5,
        missing="only a Raspberry Pi 5 asks its supply",
    ),
    Query(f"{_HOST} ({select('system_power_budget_amperes')})"),
    Query(f"{_HOST} ({select('system_power_budget_sufficient')})"),
    Query(f"{_HOST} ({select('system_usb_max_current_enabled')})"),
    Query(f"{_HOST} ({select('system_usb_over_current_detected')})"),
    columns=(
        Column(name="instance", title="Host"),
        Column(name="Value #A", title="Budget", unit=units.AMPERES),
        Column(name="Value #B", title="Enough", cell="color-text", mappings=_YES),
        Column(name="Value #C", title="Full USB", cell="color-text", mappings=_YES),
        Column(name="Value #D", title="USB overload", cell="color-text", mappings=_MARK),
    ),
)

_MARKS = table(
    About(
        title="Throttling since boot",
        description="*Since boot* is the firmware's memory and stays until the next boot; *seen* counts what began "
        "while the exporter watched. A mark that was never seen is from before the exporter started.",
        docs="exporter/POWER.md#old-mark-or-fresh-event",
        missing="no Raspberry Pi whose firmware can be asked",
    ),
    Query(f"{_CAUSE} ({select('system_throttled')})"),
    Query(f"{_CAUSE} ({select('system_throttled_since_boot')})"),
    Query(f"{_CAUSE} (round({increase('system_throttle_events_total', over='$__range')}))"),
    Query(f"{_CAUSE} ({increase('system_throttle_seconds_total', over='$__range')})"),
    Query(f"{_CAUSE} ({select('system_throttle_last_timestamp_seconds')}) * 1000"),
    columns=(
        Column(name="instance", title="Host"),
        Column(name="cause", title="Cause"),
        Column(name="Value #A", title="Now", cell="color-text", mappings=_MARK),
        Column(name="Value #B", title="Since boot", cell="color-text", mappings=_MARK),
        Column(name="Value #C", title="Seen", decimals=0),
        Column(name="Value #D", title="For", unit=units.SECONDS),
        Column(name="Value #E", title="Last", unit=units.TIME, width=170),
    ),
    sort=("Since boot", True),
)

_ENDS = table(
    About(
        title="Last unclean shutdown",
        description="When a host was last heard of before its last end without a shutdown, how many such ends there "
        "were in the time shown, and what the board noted about its last start.",
        docs="exporter/POWER.md#the-lights-went-out",
        missing="no unclean shutdown recorded on these hosts",
    ),
    Query(f"{_HOST} ({select('system_last_unclean_shutdown_timestamp_seconds')}) * 1000"),
    Query(f"{_HOST} (round({increase('system_unclean_shutdowns_total', over='$__range')}))"),
    Query(f"{_HOST} ({select('system_uptime_seconds')})"),
    Query(f"max by (job, instance, reason) ({select('system_reset_info')})"),
    columns=(
        Column(name="instance", title="Host"),
        Column(name="Value #A", title="Last heard of", unit=units.TIME, width=170),
        Column(name="Value #B", title="Unclean shutdowns", decimals=0),
        Column(name="Value #C", title="Up for", unit=units.SECONDS),
        Column(name="reason", title="Noted"),
    ),
)

_SENSORS = (
    time_series(
        About(
            title="Temperature by sensor",
            description="Every sensor that the kernel knows.",
            docs="exporter/METRICS.md#temperature",
            missing="no temperature sensor, as on a virtual machine",
            unit=units.CELSIUS,
        ),
        Query(select("system_temperature_celsius"), "{{instance}} {{chip}} {{sensor}}"),
        fill=0,
        calcs=("lastNotNull", "max"),
    ),
    time_series(
        About(
            title="Room to heat limit by sensor",
            description="How far each sensor is below the limit from which on it is too warm. Below zero is too hot.",
            docs="exporter/POWER.md#frequency_capped-and-throttled",
            missing="no sensor that knows its limit",
            unit=units.CELSIUS,
            thresholds=((None, colours.WARNING), (0, colours.WARNING)),
        ),
        Query(
            f"{select('sensor:system_temperature_high_celsius:limit')} - {select('system_temperature_celsius')}",
            "{{instance}} {{chip}} {{sensor}}",
        ),
        fill=0,
        thresholds_drawn=True,
        calcs=("lastNotNull", "min"),
    ),
    time_series(
        About(
            title="Intel package throttling",
            description="Time for which the package was slowed down for heat, counted when an episode ends. A little "
            "is normal for small PCs.",
            docs="exporter/POWER.md#pcs-jetsons-and-other-boards",
            missing="no Intel processor that counts it",
            unit=units.SECONDS,
            minimum=0,
        ),
        Query(increase("system_cpu_package_throttle_seconds_total"), "{{instance}} package {{package}}"),
        at_least=1,
    ),
)

DETAILS = (
    Section(title="Rails and chips", collapsed=True, lines=(Line(12, _RAILS),)),
    Section(title="Sensors", collapsed=True, lines=(Line(12, _SENSORS),)),
    Section(
        title="Power budget, throttling since boot, unclean shutdowns",
        collapsed=True,
        lines=(Line(6, (_PROMISE, _ENDS)), Line(8, (_MARKS,))),
    ),
)
