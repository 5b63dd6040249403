"""Temperatures against the limits of their own sensors, which recording rules work out for each kind of board."""

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
CRITICAL_LIMIT = of_nearest(CRITICAL)

_NEAR = f"{THROTTLE_MARGIN.value:g}"
FINE = of_nearest(f"({_TEMPERATURE} < {HIGH} - {_NEAR})")
NEARLY = of_nearest(f"(({_TEMPERATURE} >= {HIGH} - {_NEAR}) < {HIGH})")
TOO_WARM = of_nearest(f"({_TEMPERATURE} >= {HIGH} unless {_TEMPERATURE} >= {CRITICAL})")
TOO_HOT = of_nearest(f"({_TEMPERATURE} >= {CRITICAL})")


def coloured(ref: str, colour: str) -> Json:
    """All values of one query in one colour: the query has judged already, by each sensor's own limit."""
    steps = {"mode": "absolute", "steps": [{"color": colour, "value": None}]}
    return override("byFrameRefID", ref, thresholds=steps)
