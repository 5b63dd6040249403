"""The power alerts for hosts that run only node_exporter, as far as it can tell.

What it cannot tell, and no rule can make up for: whether the firmware throttles (the frequency that it shows is what
the kernel asked for, and the firmware lowers it in silence), whether the board has a detector at all (the sensor is
there and reads 0 on those without), and what happened between two scrapes.
"""

from sysvitals.judgement.rule import Alert, Record, Subject, still_firing
from sysvitals.judgement.thresholds import (
    THROTTLE_LIMIT,
    THROTTLE_MARGIN,
    UNCLEAN_SHUTDOWNS_LOOP,
    UNDERVOLTAGE_RECURS,
)

_ALARM = 'node_hwmon_in_lcrit_alarm_volts{chip=~".*raspberrypi_hwmon|rpi_volt.*"}'
"""The alarm of the kernel's driver raspberrypi-hwmon: 0.001, not 1, while it is on, for node_exporter takes it for
millivolts. The chip is `soc:firmware_raspberrypi_hwmon` on a Pi 4, `soc_107c000000:firmware_raspberrypi_hwmon` on a
Pi 5, `firmware:rpi_firmware_raspberrypi_hwmon` with a kernel that is not the vendor's."""

_THROTTLE_START = THROTTLE_LIMIT.value - THROTTLE_MARGIN.value

_BUILD = "branch, goarch, goos, goversion, revision, tags, version"
_VENDORS_KERNEL = ".*(rpi|raspi|rpt).*|.*-v(6|7|7l|8|8-16k)[+].*"
_VENDORS_ADDRESS = "(28:cd:c1|2c:cf:67|88:a2:9e|b8:27:eb|d8:3a:dd|dc:a6:32|e4:5f:01).*"


def _board(vector: str) -> str:
    """The vector with a label `instance_without_port`, by which both exporters' series meet."""
    return f"""label_replace(
    {vector},
    "instance_without_port", "$1", "instance", "(\\\\[.+\\\\]|[^:]+)(:[0-9]+)?"
  )"""


RECORDS = (
    Record(
        "instance:node_exporter_alone:group",
        f"""group without (instance_without_port, {_BUILD}) (
  {_board("last_over_time(node_exporter_build_info[15m])")}
  unless on (instance_without_port)
  {_board("last_over_time(sysvitals_build_info[1h])")}
)""",
        "Hosts of which node_exporter alone tells. Where sysvitals was scraped within the hour, its own alerts "
        "speak. Both must have the same instance, a port aside. A host that is gone counts for fifteen minutes more, "
        "because what "
        "it said last may be the reason.",
    ),
    Record(
        "instance:node_raspberry_pi:group",
        f"""instance:node_exporter_alone:group
and on (job, instance) (
  last_over_time(node_hwmon_chip_names{{chip_name=~"rpi_volt|rp1_adc"}}[15m])
  or
  last_over_time(node_uname_info{{release=~"{_VENDORS_KERNEL}"}}[15m])
  or
  last_over_time(node_network_info{{address=~"{_VENDORS_ADDRESS}"}}[15m])
)""",
        "Those of them that are Raspberry Pis: by their chips, by the name of the vendor's kernels, or by the vendor's "
        "network addresses, for node_exporter does not tell the board.",
    ),
)

_ALONE = "and on (job, instance) instance:node_exporter_alone:group"
_PI = "and on (job, instance) instance:node_raspberry_pi:group"

_SCRAPES = "node_exporter sees it only if a scrape falls into it, so count on more than this tells."

UNDERVOLTAGE = (
    Alert(
        name="NodeUndervoltage",
        severity="critical",
        value=f"max without (chip, sensor) (max_over_time({_ALARM}[5m]))",
        compares=">",
        threshold=0,
        condition=_ALONE,
        keeps="15m",
        summary="{{ $labels.instance }}: undervoltage, the supply is too weak",
        description=(
            "The detector of {{ $labels.instance }} has seen its 5 V below 4.63 V within the last five minutes. USB "
            "disks drop out, writes to the card fail, the board may hang. Unplug what takes power, then change the "
            "cable, then the supply. " + _SCRAPES
        ),
        why=(
            "At once, and from any scrape of the last five minutes: the alarm lasts seconds, and waiting for a "
            "second look would lose it. Kept for a quarter of an hour, so that a supply that dips every few minutes "
            "is told once."
        ),
    ),
    Alert(
        name="NodeUndervoltageRecurring",
        severity="warning",
        value=f"max without (chip, sensor) (floor(changes({_ALARM}[1d]) / 2))",
        compares=">=",
        threshold=UNDERVOLTAGE_RECURS,
        condition=_PI,
        keeps="1h",
        summary='{{ $labels.instance }}: undervoltage seen {{ $value | printf "%.0f" }} times within a day',
        description=(
            'Within a day scrapes have found {{ $labels.instance }} below 4.63 V {{ $value | printf "%.0f" }} times. '
            "The supply or its cable is too weak: see when it comes, and change the cable, then the supply. " + _SCRAPES
        ),
        why=(
            "Each dip is two changes of the alarm, on and off, if a scrape saw it. The window is the patience; kept "
            "for an hour, so that a reboot does not tell it anew."
        ),
    ),
    Alert(
        name="NodeUndervoltageUnwatched",
        severity="info",
        value="instance:node_raspberry_pi:group",
        condition=f"unless on (job, instance) last_over_time({_ALARM}[1h])",
        lasts="1h",
        keeps="1h",
        summary="{{ $labels.instance }}: undervoltage would not be noticed",
        description=(
            "{{ $labels.instance }} is a Raspberry Pi, and its node_exporter shows no undervoltage alarm. Load the "
            "kernel module: `sudo modprobe raspberrypi_hwmon`; see that the collector hwmon is not switched off and, "
            "in a container, that /sys is the host's. Or run sysvitals on it."
        ),
        why="An hour: the module may be loaded late, and nothing is wrong with the board.",
    ),
)


_CPU_TEMPERATURE = """max without (chip, sensor, type, zone) (
  node_hwmon_temp_celsius{chip="thermal_thermal_zone0"}
  or
  node_thermal_zone_temp{type="cpu-thermal"}
)"""

TEMPERATURE = (
    Alert(
        name="NodeTemperatureHigh",
        severity="warning",
        value=_CPU_TEMPERATURE,
        compares=">=",
        threshold=_THROTTLE_START,
        condition=_PI,
        lasts="10m",
        keeps="15m",
        summary='{{ $labels.instance }}: the processor has {{ $value | printf "%.1f" }} °C',
        description=(
            'The processor of {{ $labels.instance }} has {{ $value | printf "%.1f" }} °C: its firmware slows it '
            "down, which node_exporter cannot see. Give it air: a heat sink, a fan, the lid off; then less work."
        ),
        why=(
            f"{THROTTLE_MARGIN.why} Ten minutes: a short build that gets there is slow, and not ill. A temp_limit of "
            "the owner's own in config.txt is not known to node_exporter."
        ),
    ),
    Alert(
        name="NodeTemperatureHigh",
        severity="critical",
        value=_CPU_TEMPERATURE,
        compares=">=",
        threshold=THROTTLE_LIMIT,
        condition=_PI,
        lasts="2m",
        keeps="20m",
        summary='{{ $labels.instance }}: the processor has {{ $value | printf "%.1f" }} °C',
        description=(
            'The processor of {{ $labels.instance }} has {{ $value | printf "%.1f" }} °C: its firmware slows it down '
            "as far as it can, and that is not enough. Look at the fan and at where the board lies, and stop what "
            "works so hard."
        ),
        why="Two minutes: throttling holds a sound board below this, so what stays here is badly cooled.",
    ),
)

FAN = Alert(
    name="NodeFanStalled",
    severity="critical",
    value="node_hwmon_pwm / 255",
    compares=">",
    threshold=0,
    condition=f"""and on (job, instance, chip) node_hwmon_fan_rpm == 0
and on (job, instance, chip) node_hwmon_chip_names{{chip_name="pwmfan"}}
{_ALONE}""",
    lasts="2m",
    keeps="10m",
    summary="{{ $labels.instance }}: the fan is driven and does not turn",
    description=(
        "The fan of {{ $labels.instance }} ({{ $labels.chip }}) is driven at {{ $value | humanizePercentage }} and "
        "stands still. Look at its plug, then for dust; then replace it."
    ),
    why=(
        "A fan takes seconds to start: two minutes. Only fans of the driver pwm-fan, as on a Raspberry Pi 5: chips "
        "of PC boards show a speed of 0 for each socket that nothing is plugged into."
    ),
)

_SLOWING = (
    'type=~"(Processor|cpufreq-|thermal-cpufreq-|idle-cpu|thermal-idle-|cpu-throttle|gpu-throttle).*'
    '|intel_powerclamp|heavy|light|(devfreq-)?[0-9a-f]+[.]gpu"'
)

HEAT_LIMITED = Alert(
    name="NodeHeatLimited",
    severity="warning",
    value=f"""max without (name, type) (
  node_cooling_device_cur_state{{{_SLOWING}}} / node_cooling_device_max_state{{{_SLOWING}}}
)""",
    compares=">",
    threshold=0,
    condition=_ALONE,
    lasts="15m",
    keeps="15m",
    summary="{{ $labels.instance }}: slowed down because of heat",
    description=(
        "For a quarter of an hour the kernel has held {{ $labels.instance }} back to cool it, now by {{ $value | "
        "humanizePercentage }} of what it may. Give it air: clean the fan and the vents; then less work."
    ),
    why=(
        "A quarter of an hour: short work may run into the limit. A Raspberry Pi's firmware does this by itself and "
        "tells node_exporter nothing: its temperature has to do."
    ),
)

REBOOTS = Alert(
    name="NodeRebootLoop",
    severity="critical",
    value="resets(node_context_switches_total[1h])",
    compares=">=",
    threshold=UNCLEAN_SHUTDOWNS_LOOP,
    condition=_ALONE,
    keeps="30m",
    summary='{{ $labels.instance }}: started {{ $value | printf "%.0f" }} times within an hour',
    description=(
        '{{ $labels.instance }} has started {{ $value | printf "%.0f" }} times within an hour: it does not stay up. '
        "On a Raspberry Pi think of the supply first, then of the card; see the end of the log before: `journalctl "
        "-b -1 -e`."
    ),
    why=(
        "Counted by a counter of the kernel that begins anew with each boot; the boot time would move with the clock "
        "as well. The window is the patience."
    ),
)

DOWN = Alert(
    name="NodeHostDown",
    severity="critical",
    value=f"""max without (instance_without_port) (
  {_board('up{job!~"sysvitals.*", sleeps!="true"}')}
  unless on (instance_without_port)
  {_board('up{job=~"sysvitals.*"}')}
)""",
    threshold=0,
    condition=f"""and on (job, instance) (
  up{{job=~"node|.*node.?exporter.*"}}
  or on (job, instance) last_over_time(instance:node_exporter_alone:group[1h])
  or on (job, instance) {still_firing("NodeHostDown", "critical")}
)""",
    lasts="5m",
    keeps="6m",
    summary="{{ $labels.instance }}: does not answer",
    description=(
        "node_exporter on {{ $labels.instance }} has not answered for 5 minutes or more. Does `ping` reach the host? "
        "If not: power, network, card. If so, its node_exporter is down: `systemctl status prometheus-node-exporter` "
        "on the host."
    ),
    why=(
        "As HostDown, for hosts without sysvitals. A target is known as node_exporter by the name of its job, or by "
        "what it said within the hour; once it fires, it goes on until the host answers."
    ),
)

VANISHED = Alert(
    name="NodeHostVanished",
    severity="warning",
    value='instance:node_exporter_alone:max1d{sleeps!="true"}',
    condition=f"""and on (job, instance) (
  {_board("instance:node_exporter_alone:max1d")}
  unless on (instance_without_port)
  {_board("up")}
)""",
    lasts="15m",
    summary="{{ $labels.instance }}: is not watched any more",
    description=(
        "Prometheus scraped node_exporter on {{ $labels.instance }} within the last 24 hours and now has no target on "
        "that host: its alerts cannot fire any more, and one that it does not answer is over only for that reason. Was "
        "it taken out of the target files, or did its discovery fail? Put it back; if it is gone for good, silence "
        "this alert for a day."
    ),
    why="As HostVanished. A host with another target, of whatever job, is still there.",
)

SUBJECT = Subject(
    name="node-exporter-power",
    help="The power alerts for hosts that run only node_exporter, as far as it can see, and whether they answer.",
    rules=(*RECORDS, DOWN, VANISHED, *UNDERVOLTAGE, *TEMPERATURE, FAN, HEAT_LIMITED, REBOOTS),
)
