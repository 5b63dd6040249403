"""What alerts and dashboards share, or what would be too heavy to ask for each time.

Aggregations take labels away (`without`) instead of naming those to keep, so that labels which users give to their
targets, such as a site or a room, reach alerts and their routes.
"""

import textwrap

from sysvitals.judgement.heat.limits import BOARD_MONITORS, GRAPHICS, PROCESSOR, PROCESSORS, WITHOUT_MOST
from sysvitals.judgement.left_alone import FULL, SENSOR
from sysvitals.judgement.rule import Record, Subject
from sysvitals.judgement.thresholds import (
    CRITICAL_MARGIN,
    FILESYSTEM_NEARLY_FULL,
    FILESYSTEM_ROOM,
    FILESYSTEM_SMALL,
    HEAT_PREDICTED,
    HEAT_RISING,
    HIGH_MARGIN,
    LIMIT_LEAST,
    PROCESSOR_CRITICAL_MARGIN,
    PROCESSOR_MARGIN,
    THROTTLE_LIMIT,
    THROTTLE_MARGIN,
    UNLIMITED_HIGH,
)

_RISE_SECONDS = 600
_STEPS = round(HEAT_PREDICTED.value / _RISE_SECONDS)

_LIMIT_OF_A_PI = f"""system_temperature_celsius{{chip="cpu_thermal"}} * 0 + on (job, instance) group_left ()
  (
    max by (job, instance) (system_firmware_temperature_limit_celsius{{sensor="soc"}} > {LIMIT_LEAST.value:g})
    or
    max by (job, instance) (system_board_info) * {THROTTLE_LIMIT.value:g}
    or
    max by (job, instance) (system_throttling_source_info) * {THROTTLE_LIMIT.value:g}
  )"""


def _begins(*names: str) -> str:
    return f"({'|'.join(names)}).*"


_OF_PROCESSOR = _begins(*PROCESSORS, *GRAPHICS)
_END = f"(system_temperature_critical_celsius > {LIMIT_LEAST.value:g})"
_PROCESSORS_END = f'(system_temperature_critical_celsius{{chip=~"{_OF_PROCESSOR}"}} > {LIMIT_LEAST.value:g})'
_MOST = f'(system_temperature_max_celsius{{chip!~"{_begins(*WITHOUT_MOST)}"}} > {LIMIT_LEAST.value:g})'


def _judged(limits: str) -> str:
    """These limits, except for sensors that the user leaves alone: without a limit nothing judges them."""
    return f"(\n{textwrap.indent(limits, '  ')}\n)\n{SENSOR.unless}"


LIMITS = (
    Record(
        "sensor:system_temperature_critical_celsius:limit",
        _judged(f"""(
  {_LIMIT_OF_A_PI}
)
or
{_PROCESSORS_END} - {PROCESSOR_CRITICAL_MARGIN.value:g}
or
(
  (
    ({_MOST} + {_END}) / 2
    > {_END} - {CRITICAL_MARGIN.value:g}
  )
  < {_END}
)
or
{_END} - {CRITICAL_MARGIN.value:g}"""),
        "Where heat is critical for a sensor: for the processor of a Raspberry Pi where firmware throttles hardest, "
        "which is far below the critical point that it reports; for other processors and for graphics just below their "
        "critical point; elsewhere shortly before the sensor's own critical point, and halfway to it from the most "
        "that its maker gives where that is nearer still.",
    ),
    Record(
        "sensor:system_temperature_high_celsius:limit",
        _judged(f"""(
  {_LIMIT_OF_A_PI} - {THROTTLE_MARGIN.value:g}
)
or
{_PROCESSORS_END} - {PROCESSOR_MARGIN.value:g}
or
({_MOST} < {_END})
or
{_END} - {HIGH_MARGIN.value:g}
or
{_MOST}
or
system_temperature_celsius{{chip!~"{_begins(*BOARD_MONITORS)}"}} * 0 + {UNLIMITED_HIGH.value:g}"""),
        "Where heat is high for a sensor: where a Raspberry Pi begins to throttle, near the critical point of other "
        "processors and of graphics (their `max` is where fans run full), the most that its maker gives, or some way "
        "below the critical point, as on DDR5 modules (their `max` is what each such chip starts with). A limit that a "
        "warm room exceeds is none. What has no limit is hot where nothing is made to work, but for inputs of a "
        "board's monitor: they may be connected to nothing. A sensor that is left alone has no limit.",
    ),
    Record(
        "instance:system_temperature_headroom_celsius:min",
        """min without (chip, sensor) (
  sensor:system_temperature_high_celsius:limit - system_temperature_celsius
)""",
        "How far the sensor that is nearest to its high limit is below it; negative is too hot.",
    ),
)

_MEAN = "sensor:system_temperature_celsius:avg5m"
_HIGH = "sensor:system_temperature_high_celsius:limit"
_CRITICAL = "sensor:system_temperature_critical_celsius:limit"

HEAT = (
    Record(
        "sensor:system_temperature_celsius:avg5m",
        "avg_over_time(system_temperature_celsius[5m])",
        "Temperature without what a moment's work does to it.",
    ),
    Record(
        "sensor:system_temperature_rise_celsius:delta10m",
        "sensor:system_temperature_celsius:avg5m - avg_over_time(system_temperature_celsius[5m] offset 10m)",
        "How much warmer than ten minutes ago.",
    ),
    Record(
        "sensor:system_temperature_rise:ratio",
        f"""clamp_max(
  (sensor:system_temperature_rise_celsius:delta10m >= {HEAT_RISING.value:g})
  / (sensor:system_temperature_rise_celsius:delta10m offset 10m >= {HEAT_RISING.value:g}),
  1
)""",
        "Where it has been getting warmer for twenty minutes: the last ten against the ten before. Heat that levels "
        "off, as after a job has begun, is far below 1; heat that builds up, as in the sun, is near it.",
    ),
    Record(
        "sensor:system_temperature_celsius:predicted",
        f"""sensor:system_temperature_celsius:avg5m
+ sensor:system_temperature_rise_celsius:delta10m
* ({" + ".join(f"sensor:system_temperature_rise:ratio ^ {step}" for step in range(1, _STEPS + 1))})""",
        f"Where it will be in {HEAT_PREDICTED.value / 60:g} minutes if each ten minutes it rises by the same part of "
        "the ten before. A straight line (predict_linear) would take each new job for the end.",
    ),
    *(
        Record(
            f"sensor:system_temperature_{name}:excess",
            f"""label_replace(
  label_replace({celsius} - {limit}, "part", "$1", "chip", "(.*)"),
  "part", "{PROCESSOR}", "chip", "{_begins(*PROCESSORS)}"
)""",
            f"How far {what}; negative is below. `part` is the chip, or `{PROCESSOR}` for all that show the processor.",
        )
        for name, celsius, limit, what in (
            ("high", _MEAN, _HIGH, "it is above its high limit"),
            ("critical", _MEAN, _CRITICAL, "it is above its critical limit"),
            ("predicted", "sensor:system_temperature_celsius:predicted", _HIGH, "it will be above its high limit"),
        )
    ),
)

_USED_BYTES = "(system_filesystem_size_bytes - system_filesystem_free_bytes)"

RATIOS = (
    Record(
        "instance:system_cpus:count",
        'count without (cpu, mode) (system_cpu_seconds_total{mode="idle"})',
        "CPUs that run.",
    ),
    Record(
        "instance:system_cpu_busy:ratio_rate5m",
        """sum without (cpu, mode) (rate(system_cpu_seconds_total{mode!~"idle|iowait"}[5m]))
/
(sum without (cpu, mode) (rate(system_cpu_seconds_total[5m])) > 0)""",
        "Part of the time that the CPUs worked, of all time that they counted: of a host that is new, or was not "
        "scraped for a while, that is less than five minutes.",
    ),
    Record(
        "instance:system_load1_per_cpu:ratio",
        "system_load1 / instance:system_cpus:count",
        "Tasks that run or wait, for each CPU.",
    ),
    Record(
        "instance:system_memory_used:ratio",
        "1 - system_memory_available_bytes / system_memory_size_bytes",
        "Part of the memory that programs can no longer have.",
    ),
    Record(
        "mountpoint:system_filesystem_used:ratio",
        f"""{_USED_BYTES}
/
({_USED_BYTES} + system_filesystem_avail_bytes)""",
        "Used part of what users other than root may fill, as df counts it: root's reserve is neither used nor free.",
    ),
    Record(
        "instance:system_filesystem_used:ratio_max",
        f"""max without (device, mountpoint, fstype) (
  mountpoint:system_filesystem_used:ratio
  unless system_filesystem_readonly == 1
  unless system_filesystem_size_bytes{{fstype!="tmpfs"}} < {FILESYSTEM_SMALL.value:g}
  unless (
    mountpoint:system_filesystem_used:ratio > {FILESYSTEM_NEARLY_FULL.value:g}
    and system_filesystem_avail_bytes >= {FILESYSTEM_ROOM.value:g}
  )
  {FULL.unless}
)""",
        "The fullest filesystem that can be written, as FilesystemFull sees it: an image that is read-only and a tiny "
        "disk are full by nature, a tenth of a huge one is room enough, and some are meant to be full.",
    ),
    Record(
        "device:system_disk_busy:ratio_rate5m",
        "rate(system_disk_io_time_seconds_total[5m])",
        "Part of the time that the disk had work.",
    ),
    Record(
        "instance:system_network_receive_bytes:rate5m",
        "sum without (device) (rate(system_network_receive_bytes_total[5m]))",
        "Bytes received a second, on all devices.",
    ),
    Record(
        "instance:system_network_transmit_bytes:rate5m",
        "sum without (device) (rate(system_network_transmit_bytes_total[5m]))",
        "Bytes sent a second, on all devices.",
    ),
    Record(
        "resource:system_pressure_waiting:ratio_rate5m",
        "rate(system_pressure_waiting_seconds_total[5m])",
        "Part of the time that some task waited for the resource.",
    ),
    Record(
        "resource:system_pressure_stalled:ratio_rate5m",
        "rate(system_pressure_stalled_seconds_total[5m])",
        "Part of the time that nothing got done for want of the resource.",
    ),
)

SUBJECT = Subject(
    name="recording",
    help="What alerts and dashboards share, or what would be too heavy to ask for each time.",
    rules=LIMITS + HEAT + RATIOS,
)
