"""Temperatures against the limits of their own sensors, which recording rules work out for each kind of board."""

from grafana.builder import colours
from grafana.builder.judging import Json
from grafana.builder.panels import override
from grafana.builder.queries import select
from sysvitals.judgement.thresholds import THROTTLE_MARGIN

_SENSOR = "on (job, instance, chip, sensor)"
_TEMPERATURE = select("system_temperature_celsius")
HIGH = select("sensor:system_temperature_high_celsius:limit")
CRITICAL = select("sensor:system_temperature_critical_celsius:limit")

NEAREST = f"bottomk by (job, instance) (1, {HIGH} - {_TEMPERATURE})"
"""How far below its high limit each host's nearest sensor is, with that sensor's labels."""


def of_nearest(values: str) -> str:
    """Values of each host's sensor that is nearest to its high limit, as one series for each host."""
    return f"max by (job, instance) (\n  {values}\n  and {_SENSOR} {NEAREST}\n)"


HIGH_LIMIT = of_nearest(HIGH)

_EXCESS = f"max_over_time({select('sensor:system_temperature_high:excess', over='$__range')} @ end())"
_MOST = f"max_over_time({select('system_temperature_celsius', over='$__range')} @ end())"
_PARTS = f"topk by (job, instance, part) (1, {_EXCESS})"
_UNLIMITED = (
    f"(topk by (job, instance, chip) (1, max by (job, instance, chip, sensor) ({_MOST})) - 1000)\n"
    f"unless on (job, instance, chip) {_EXCESS}"
)

HOTTEST = f"topk({len(colours.DEVICES)}, {_PARTS}\nor {_UNLIMITED})"
"""Of each part of a host the sensor that came nearest to its own limit in the range; last, chips without limits.

The same at each step. Alerts are by part, too: no alert lacks its sensor because a processor has many.
"""


def of_hottest(limits: str) -> str:
    """The limit of the sensor that came nearest to its own in the range."""
    return f"{limits}\nand {_SENSOR} topk(1, {_EXCESS})"


_NEAR = f"{THROTTLE_MARGIN.value:g}"
FINE = of_nearest(f"({_TEMPERATURE} < {HIGH} - {_NEAR})")
NEARLY = of_nearest(f"(({_TEMPERATURE} >= {HIGH} - {_NEAR}) < {HIGH})")
TOO_WARM = of_nearest(f"({_TEMPERATURE} >= {HIGH} unless {_TEMPERATURE} >= {CRITICAL})")
TOO_HOT = of_nearest(f"({_TEMPERATURE} >= {CRITICAL})")


def coloured(ref: str, colour: str) -> Json:
    """All values of one query in one colour: the query has judged already, by each sensor's own limit."""
    steps = {"mode": "absolute", "steps": [{"color": colour, "value": None}]}
    return override("byFrameRefID", ref, thresholds=steps)
