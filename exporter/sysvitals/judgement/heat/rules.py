"""The rules of this subject for Prometheus: never imported by the program."""

from sysvitals.judgement.heat import judge
from sysvitals.judgement.rule import Alert, Subject, beside
from sysvitals.judgement.texts import tell
from sysvitals.judgement.thresholds import HEAT_PREDICTED, THROTTLED_TIME

_PART = ("job", "instance", "part")
_MEAN = "sensor:system_temperature_celsius:avg5m"
_SLOWED = tell(
    'sum(rate(system_throttle_seconds_total{cause="throttled",SAME}[5m])) > 0',
    " The firmware slows the processor down.",
)


def _worst(excess: str) -> str:
    """How far each part of the host is above a limit: as far as its sensor that is furthest."""
    return f"max without (chip, sensor) ({excess})"


def _of_worst(metric: str, excess: str) -> str:
    """A metric of that sensor."""
    return f"{metric}{{HOST}} and on (job, instance, chip, sensor) topk(1, {excess}{{SAME}})"


def _degrees(metric: str, excess: str, words: str = "", form: str = ".1f") -> str:
    """What a metric of that sensor is, in degrees Celsius."""
    return tell(_of_worst(metric, excess), f"{words}{{{{ VALUE | printf `%{form}` }}}} °C", labels=_PART)


def _name(excess: str) -> str:
    return tell(f"topk(1, {excess}{{SAME}})", "LABEL(chip) LABEL(sensor)", "A sensor", labels=_PART)


def _has_been(word: str, excess: str, limit: str) -> str:
    return (
        f"{_name(excess)} has been at {_degrees(_MEAN, excess)} on average for five minutes; its {word} limit is "
        f"{_degrees(limit, excess)}"
    )


_HIGH = "sensor:system_temperature_high:excess"
_CRITICAL = "sensor:system_temperature_critical:excess"
_PREDICTED = "sensor:system_temperature_predicted:excess"
_HIGH_LIMIT = "sensor:system_temperature_high_celsius:limit"
_WHAT = '{{ $labels.instance }}: {{ if eq $labels.part "cpu" }}the processor{{ else }}{{ $labels.part }}{{ end }}'

HIGH = (
    Alert(
        **beside(judge.HIGH),
        value=_worst(_HIGH),
        compares=">=",
        threshold=0,
        summary=f"{_WHAT} is hot, {_degrees(_MEAN, _HIGH, form='.0f')}",
        description=(
            f"{_has_been('high', _HIGH, _HIGH_LIMIT)}.{_SLOWED} "
            "Does the fan turn, is there dust in it, does the case get air, is it in the sun? "
            "Then less work, a heat sink or a fan."
        ),
        why=(
            "One alert for each part that gets hot, however many sensors are in it: all of a processor are one, and "
            "those of one chip. The average of five minutes, for five minutes: a job that is done by then harms "
            "nothing. Around the limit the firmware itself holds the temperature, so ten minutes below it make an end."
        ),
    ),
    Alert(
        **beside(judge.CRITICAL),
        value=_worst(_CRITICAL),
        compares=">=",
        threshold=0,
        summary=f"{_WHAT} is too hot, {_degrees(_MEAN, _CRITICAL, form='.0f')}",
        description=(
            _has_been("critical", _CRITICAL, "sensor:system_temperature_critical_celsius:limit")
            + _degrees("system_temperature_critical_celsius", _CRITICAL, ", and its critical point ", ".0f")
            + f".{_SLOWED} Stop what works hard, give it air now, then look at fan, dust and heat sink."
        ),
        why=(
            "Slowed down as far as it goes and still too hot on the average of five minutes: two more, so that one "
            "reading is not enough, however seldom it is scraped. Ten minutes below it make an end."
        ),
    ),
)

RISING = Alert(
    **beside(judge.RISING),
    value=_worst(_PREDICTED),
    compares=">=",
    threshold=0,
    condition=f"unless\n{_worst(_HIGH)} >= 0",
    summary=f"{_WHAT} is getting hot",
    description=(
        f"{_name(_PREDICTED)} is at {_degrees(_MEAN, _PREDICTED, form='.0f')} and rising. If it goes on like that, it "
        f"will be at {_degrees('sensor:system_temperature_celsius:predicted', _PREDICTED, form='.0f')} in "
        f"{HEAT_PREDICTED.value / 60:g} minutes; its high limit is {_degrees(_HIGH_LIMIT, _PREDICTED)}"
        ". Has the fan stopped, does the sun shine on it, is the case closed? Or let the job that heats it wait."
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
            labels=("job", "instance", "chip", "fan"),
        )
        + tell("max(system_temperature_celsius{SAME})", '; the hottest sensor is at {{ VALUE | printf "%.1f" }} °C')
        + ". Look for a cable in it, dust, a loose plug; else it is broken. If you took it out, exclude it: "
        "`--collector.fan.exclude-fans`."
    ),
    why=(
        "The exporter itself waits until the fan has stood still for 30 seconds, but for a Raspberry Pi's own fan that "
        "stands still when the exporter starts and may be just starting: three minutes, so that one scrape is not "
        "enough where there is one each two minutes. A processor slows itself down before that harms it. A quarter of "
        "an hour more, since a worn fan turns and sticks again."
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
