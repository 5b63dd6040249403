"""The rules of this subject for Prometheus: never imported by the program."""

from sysvitals.judgement.power import judge
from sysvitals.judgement.rule import Alert, Subject, beside, still_firing
from sysvitals.judgement.texts import ask, tell, times
from sysvitals.judgement.thresholds import (
    INPUT_VOLTS_LOW,
    SOFT_LIMIT_TIME,
    THROTTLED_TIME,
    UNCLEAN_SHUTDOWNS_LOOP,
    UNDERVOLTAGE_RECENT,
    UNDERVOLTAGE_RECURS,
)

_DIP = 'cause="undervoltage"'
_RECENT = f"[{UNDERVOLTAGE_RECENT.value / 60:g}m]"
_GOES_ON = ask(f"system_throttled{{{_DIP},SAME}} == 1")
_TODAY = (
    times(f"floor(increase(system_throttle_events_total{{{_DIP},SAME}}[1d])) > 0")
    + " within a day"
    + tell(
        f"round(increase(system_throttle_seconds_total{{{_DIP},SAME}}[1d])) > 0",
        ", {{ VALUE | humanizeDuration }} in all",
    )
)

UNDERVOLTAGE = Alert(
    **beside(judge.UNDERVOLTAGE),
    value=f"increase(system_throttle_events_total{{{_DIP}}}{_RECENT})",
    compares=">",
    threshold=0,
    condition=f"""or
increase(system_throttle_seconds_total{{{_DIP}}}{_RECENT}) > 0
or
system_throttled{{{_DIP}}} == 1
or
abs(
  max by (job, instance) (sysvitals_collector_last_success_timestamp_seconds{{collector="throttling"}})
  - on (job, instance) group_right ()
  system_throttle_last_timestamp_seconds{{{_DIP}}}
) < {UNDERVOLTAGE_RECENT.value:g}
unless
system_throttle_events_total{{{_DIP}}} offset {UNDERVOLTAGE_RECENT.value / 60:g}m""",
    summary="{{ $labels.instance }}: undervoltage, the power supply is too weak",
    description=(
        f"{{{{ if {_GOES_ON} }}}}The 5 V are too low right now"
        "{{ else }}The 5 V fell below 4.6 V{{ end }}: "
        f"{_TODAY}. "
        "The board slows down, USB disks drop out, writes to the card fail. Unplug what takes power from the board: "
        "USB disks, HATs, dongles. Then change the cable for a short, thick one, then the supply for one made for the "
        "board."
    ),
    why=(
        f"{UNDERVOLTAGE_RECENT.why} No `for`: the dip may be over before the next scrape, and the counter has it. Four "
        "questions, since each sees what the others miss: the counter of events sees a dip between two scrapes; that "
        "of seconds sees one that goes on for long, and one after a restart that sets the other counter from 1 to 1 "
        "again; the state sees one that goes on as the exporter starts, so that its counter is born at 1; and the time "
        "at which it was last seen, against the same host's clock, sees one of those that is over by the first scrape; "
        "only then, for a clock may be set. A counter that falls, or that is old news when Prometheus first sees it, "
        "tells nothing."
    ),
)

RECURRING = Alert(
    **beside(judge.RECURRING),
    value=f"floor(cause:system_throttle_events:increase1d{{{_DIP}}})",
    compares=">=",
    threshold=UNDERVOLTAGE_RECURS,
    condition=f"""unless on (job, instance) (
  instance:undervoltage_alerts:max1d
  or
  {still_firing("Undervoltage", "critical")}
)""",
    summary="{{ $labels.instance }}: {{ $value }} undervoltages within a day",
    description=(
        "Within a day the 5 V fell {{ $value }} times below 4.6 V"
        + tell(
            f"round(cause:system_throttle_seconds:increase1d{{{_DIP},SAME}}) > 0",
            ", for {{ VALUE | humanizeDuration }} in all",
        )
        + ". That is no chance: the supply or its cable is too weak for what hangs on it. Look when it comes (under "
        "load, when a disk or a motor starts), then give USB devices a powered hub, or the board a supply made for it."
    ),
    why=(
        "Immediately, since a day has been looked at. Only where Undervoltage was not sent within that day: its text "
        "has the count of the day already. So this is for dips that no scrape was near, such as while the network was "
        "away. Whole events only: increase() reads a little high. Four hours more, so that one old dip less is no end."
    ),
)

_NOBODY_ASKED = ask('system_throttling_source_info{source="none",SAME}')

UNDETECTABLE = Alert(
    **beside(judge.UNDETECTABLE),
    value="system_undervoltage_detectable",
    threshold=0,
    summary="{{ $labels.instance }}: undervoltage would not be noticed",
    description=(
        f"{{{{ if {_NOBODY_ASKED} }}}}Neither firmware nor kernel can be asked: run `sysvitals "
        "collectors` on the board, it names the missing permission or module."
        "{{ else }}"
        + tell(
            "system_board_info{SAME}",
            "A Raspberry Pi LABEL(type) has no detector that can be asked: that it reports none is no sign of a good "
            "supply.",
            "This board has no detector that can be read: no report is no sign of a good supply.",
        )
        + " Choose its supply with care, and silence this alert for it.{{ end }}"
    ),
    why="A module may be loaded late in the boot, so a quarter of an hour. It stays: silence is not health.",
)


def _share(cause: str, minutes: int) -> str:
    """Part of these minutes. Not rate(): that would take the first seconds after a start for the whole time."""
    return f'increase(system_throttle_seconds_total{{cause="{cause}"}}[{minutes}m]) / {minutes * 60}'


_SHORT_OF_VOLTAGE = ask(f"increase(system_throttle_seconds_total{{{_DIP},SAME}}[15m]) > 0")
_HOT = (
    'max_over_time(system_temperature_celsius{chip="cpu_thermal",SAME}[10m])'
    " >= sensor:system_temperature_high_celsius:limit{SAME}"
)
_REASON = (
    f"{{{{ if {_SHORT_OF_VOLTAGE} }}}}The supply is the reason: "
    "its voltage was too low. See to the supply and its cable."
    "{{ else }}"
    + tell(
        _HOT,
        "Heat is the reason: the processor has been at {{ VALUE | printf `%.1f` }} °C. Give it a heat sink, air or a "
        "fan, or less work.",
        f"{{{{ if {ask('system_undervoltage_detectable{SAME} == 0')} }}}}It was not hot, so perhaps the supply is "
        "weak: this board cannot detect that. Try another one.{{ else }}It was neither hot nor short of voltage: look "
        "for temp_limit in config.txt.{{ end }}",
    )
    + "{{ end }}"
)

THROTTLED = Alert(
    **beside(judge.THROTTLED),
    value=_share("throttled", 5),
    compares=">",
    threshold=THROTTLED_TIME,
    summary="{{ $labels.instance }}: slowed down {{ $value | humanizePercentage }} of the time",
    description=(
        "The firmware held the processor back during {{ $value | humanizePercentage }} of the last five minutes "
        f"(cause {{{{ $labels.cause }}}}). {_REASON}"
    ),
    why=(
        "The firmware turns this on and off by the second, so its time is taken and not its state; half a minute of it "
        "is enough, no `for`. Kept for a quarter of an hour, since heat comes and goes with the work."
    ),
)

CAPPED = Alert(
    **beside(judge.CAPPED),
    value=_share("frequency_capped", 5),
    compares=">",
    threshold=THROTTLED_TIME,
    condition='unless on (job, instance) increase(system_throttle_seconds_total{cause="throttled"}[15m]) > 0',
    summary="{{ $labels.instance }}: clock held down {{ $value | humanizePercentage }} of the time",
    description=(
        "The firmware held the processor's clock below its maximum during {{ $value | humanizePercentage }} of the "
        f"last five minutes (cause {{{{ $labels.cause }}}}). {_REASON}"
    ),
    why=(
        "Mostly it comes together with `throttled`, which tells it already; a minute lets that one be seen first. Kept "
        "as that one is."
    ),
)

SOFT_LIMIT = Alert(
    **beside(judge.SOFT_LIMIT),
    value=_share("soft_temperature_limit", 15),
    compares=">",
    threshold=SOFT_LIMIT_TIME,
    summary="{{ $labels.instance }}: warm, a little slower {{ $value | humanizePercentage }} of the time",
    description=(
        "During {{ $value | humanizePercentage }} of the last quarter of an hour the board was above its soft limit"
        + tell("system_firmware_temperature_soft_limit_celsius{SAME}", " of {{ VALUE }} °C")
        + " and ran at 1.2 instead of 1.4 GHz, to stay out of the hard limit. It does no harm. A heat sink helps; so "
        "does temp_soft_limit=70 in config.txt."
    ),
    why="A quarter of an hour is looked at, and half an hour kept: it comes and goes all day.",
)

BUDGET = Alert(
    **beside(judge.BUDGET),
    value="system_power_budget_sufficient",
    threshold=0,
    summary="{{ $labels.instance }}: the supply promises less current than the board needs",
    description=(
        "When the board started, its supply promised "
        + tell("system_power_budget_amperes{SAME}", "{{ VALUE }} A at 5 V", "too little current")
        + "; it needs 5 A. "
        + f"{{{{ if {ask('system_usb_max_current_enabled{SAME} == 0')} }}}}USB devices together get 0.6 A instead of "
        "1.6 A. {{ end }}A 27 W supply made for it gives 5 A; most laptop supplies give 3 A. Without USB disks and "
        "HATs the board may do well: silence this alert then."
    ),
    why="It was settled at boot and changes with the next one only; ten minutes spare a supply that is being tried.",
)

INPUT_VOLTS = Alert(
    **beside(judge.INPUT_VOLTS),
    value="min_over_time(system_board_input_volts[5m])",
    compares="<",
    threshold=INPUT_VOLTS_LOW,
    summary='{{ $labels.instance }}: only {{ $value | printf "%.2f" }} V at the 5 V input',
    description=(
        'The 5 V input was at {{ $value | printf "%.2f" }} V at its lowest within five minutes, and shorter dips are '
        "lower. The detector trips somewhere between 4.4 and 4.9 V. The cable or the supply is weak: try a shorter, "
        "thicker cable first, and USB disks on a powered hub."
    ),
    why="The lowest of five minutes, no `for`: it is measured every ten seconds and sags under load only.",
)

_WHAT_NOTED = tell("system_power_reset{SAME} == 1", " The power controller notes: LABEL(cause).") + tell(
    "system_reset_info{SAME}", " Reset reason: LABEL(reason)."
)

UNCLEAN = Alert(
    **beside(judge.UNCLEAN),
    value="instance:system_unclean_shutdowns:delta1h",
    compares=">",
    threshold=0,
    summary="{{ $labels.instance }}: unclean shutdown",
    description=(
        "{{ if gt $value 1.5 }}{{ $value }} times within an hour.{{ else }}It is up again"
        + tell("system_uptime_seconds{SAME}", ", for {{ VALUE | humanizeDuration }} now")
        + ".{{ end }} Last seen "
        + tell(
            "system_last_unclean_shutdown_timestamp_seconds{SAME}",
            "{{ (VALUE | toTime).Format `2 Jan 15:04:05` }} UTC.",
            "at a time that is not known: its clock could not be trusted then.",
        )
        + _WHAT_NOTED
        + " The power failed, or the kernel hung or crashed. Undervoltage before it? Then it is the supply. Else look "
        "at `journalctl -b -1 -n 50`."
    ),
    why=(
        "Compared with an hour ago, or the last that was heard before that within a day: so it is told for an hour "
        "after the host comes back, once, however long it was off. The counter goes on across reboots, and one that "
        "begins anew is less, not more."
    ),
)

REBOOT_LOOP = Alert(
    **beside(judge.REBOOT_LOOP),
    value="resets(system_uptime_seconds[1h])",
    compares=">=",
    threshold=UNCLEAN_SHUTDOWNS_LOOP,
    condition=f"or\ninstance:system_unclean_shutdowns:delta1h >= {UNCLEAN_SHUTDOWNS_LOOP.value:g}",
    summary="{{ $labels.instance }}: started {{ $value }} times within an hour",
    description=(
        "The host started {{ $value }} times within an hour."
        + _WHAT_NOTED
        + " A supply that gives up under load does this, so does a watchdog or a kernel that crashes. Unplug USB "
        "devices and HATs; if it stays up then, it is the supply. Else look at `journalctl -b -1 -n 50` and at the "
        "screen while it boots."
    ),
    why=(
        "A reboot and an update with two do not count as a loop. Starts that were too short for a scrape are in the "
        "count of unclean shutdowns, which the board keeps itself. Half an hour more, until it proves that it stays up."
    ),
)

SUBJECT = Subject(
    name="power",
    help="Undervoltage, throttling, the supply, and what a bad supply ends in.",
    interval="5s",  # what a user waits for: a dip is told as soon as it was scraped
    rules=(
        UNDERVOLTAGE,
        RECURRING,
        UNDETECTABLE,
        THROTTLED,
        CAPPED,
        SOFT_LIMIT,
        BUDGET,
        INPUT_VOLTS,
        UNCLEAN,
        REBOOT_LOOP,
    ),
)
