"""The rules of this subject for Prometheus: never imported by the program."""

from sysvitals.judgement.heat import judge
from sysvitals.judgement.rule import Alert, Subject, beside
from sysvitals.judgement.texts import tell
from sysvitals.judgement.thresholds import HEAT_PREDICTED, THROTTLED_TIME

_SENSOR = ("job", "instance", "chip", "sensor")
_HIGH = "sensor:system_temperature_high_celsius:limit"
_CRITICAL = "sensor:system_temperature_critical_celsius:limit"
_WHERE = "{{ $labels.chip }} {{ $labels.sensor }}"
_SLOWED = tell(
    'sum(rate(system_throttle_seconds_total{cause="throttled",SAME}[5m])) > 0',
    " The firmware slows the processor down.",
)

HIGH = (
    Alert(
        **beside(judge.HIGH),
        value="sensor:system_temperature_celsius:avg5m",
        compares=">=",
        threshold=_HIGH,
        summary='{{ $labels.instance }}: {{ $labels.chip }} is hot, {{ $value | printf "%.0f" }} °C',
        description=(
            f'{_WHERE} has been at {{{{ $value | printf "%.1f" }}}} °C on average for five minutes; its high limit is '
            + tell(f"{_HIGH}{{SAME}}", '{{ VALUE | printf "%.1f" }} °C', labels=_SENSOR)
            + f".{_SLOWED} Does the fan turn, is there dust in it, does the case get air, is it in the sun? "
            "Then less work, a heat sink or a fan."
        ),
        why=(
            "The average of five minutes, for five minutes: a job that is done by then harms nothing. Around the limit "
            "the firmware itself holds the temperature, so ten minutes below it make an end."
        ),
    ),
    Alert(
        **beside(judge.CRITICAL),
        value="sensor:system_temperature_celsius:avg5m",
        compares=">=",
        threshold=_CRITICAL,
        summary='{{ $labels.instance }}: {{ $labels.chip }} is too hot, {{ $value | printf "%.0f" }} °C',
        description=(
            f'{_WHERE} has been at {{{{ $value | printf "%.1f" }}}} °C on average for five minutes; its critical '
            "limit is "
            + tell(f"{_CRITICAL}{{SAME}}", '{{ VALUE | printf "%.1f" }} °C', labels=_SENSOR)
            + tell(
                "system_temperature_critical_celsius{SAME}", ", and it is shut down at {{ VALUE }} °C", labels=_SENSOR
            )
            + f".{_SLOWED} Stop what works hard, give it air now, then look at fan, dust and heat sink."
        ),
        why="Slowed down as far as it goes and still too hot: a minute is enough. Ten minutes below it make an end.",
    ),
)

RISING = Alert(
    **beside(judge.RISING),
    value="sensor:system_temperature_celsius:predicted",
    compares=">=",
    threshold=_HIGH,
    condition=f"unless\nsensor:system_temperature_celsius:avg5m >= {_HIGH}",
    summary="{{ $labels.instance }}: {{ $labels.chip }} is getting hot",
    description=(
        f"{_WHERE} is at "
        + tell("sensor:system_temperature_celsius:avg5m{SAME}", '{{ VALUE | printf "%.1f" }} °C', labels=_SENSOR)
        + " and rising. If it goes on like that, it will be at "
        f'{{{{ $value | printf "%.0f" }}}} °C in {HEAT_PREDICTED.value / 60:g} minutes; its high limit is '
        + tell(f"{_HIGH}{{SAME}}", '{{ VALUE | printf "%.1f" }} °C', labels=_SENSOR)
        + ". Has the fan stopped, does the sun shine on it, is the case closed? Or let the job that heats it wait."
    ),
    why=(
        f"{HEAT_PREDICTED.why} Ten minutes: what a new job makes warm rises steeply and levels off, and by then the "
        "prediction knows. What is high already is another alert's."
    ),
)

FAN = Alert(
    **beside(judge.FAN),
    value="system_fan_stalled",
    summary="{{ $labels.instance }}: the fan {{ $labels.fan }} has stalled",
    description=(
        "{{ $labels.chip }} {{ $labels.fan }} should turn and does not"
        + tell(
            "system_fan_duty_ratio{SAME} > 0",
            "; it is driven at {{ VALUE | humanizePercentage }}",
            labels=(*_SENSOR[:2], "chip", "fan"),
        )
        + tell("max(system_temperature_celsius{SAME})", '; the hottest sensor is at {{ VALUE | printf "%.1f" }} °C')
        + ". Look for a cable in it, dust, a loose plug; else it is broken. If you took it out, exclude it: "
        "`--collector.fan.exclude-fans`."
    ),
    why=(
        "The exporter itself waits until the fan has stood still for 30 seconds, but for a Raspberry Pi's own fan that "
        "stands still when the exporter starts and may be just starting: half a minute. A quarter of an hour more, "
        "since a worn fan turns and sticks again."
    ),
)

LIMITED = Alert(
    **beside(judge.LIMITED),
    value="avg_over_time(system_heat_limited[15m])",
    compares=">",
    threshold=THROTTLED_TIME,
    condition=f"""or
label_replace(
  max without (package, core) (
    rate(system_cpu_package_throttle_seconds_total[15m]) or rate(system_cpu_core_throttle_seconds_total[15m])
  ),
  "component", "cpu", "", ""
) > {THROTTLED_TIME.value:g}""",
    summary="{{ $labels.instance }}: {{ $labels.component | toUpper }} slowed down for heat",
    description=(
        "Because of heat the {{ $labels.component | toUpper }} was slowed down during "
        "{{ $value | humanizePercentage }} of the last quarter of an hour"
        + tell("max(system_temperature_celsius{SAME})", '; the hottest sensor is at {{ VALUE | printf "%.1f" }} °C')
        + ". Look for dust, a fan that stands still, a case without air, dried thermal paste. Then less work."
    ),
    why=(
        "Kernel (state of the cooling devices) and Intel's processors (time slowed down, added when an episode ends) "
        "in one. A quarter of an hour is looked at, and five minutes waited for hosts that have not been watched for "
        "so long. Kept for a quarter of an hour, since heat comes and goes."
    ),
)

SUBJECT = Subject(
    name="heat",
    help="Temperatures against their limits, fans, and what heat slows down.",
    rules=(*HIGH, RISING, FAN, LIMITED),
)
