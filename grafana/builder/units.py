"""Grafana's units for the catalog's."""

from sysvitals.collectors.catalog import build_full_catalog

CATALOG = build_full_catalog()

NONE = "none"
COUNT = "short"
RATIO = "percentunit"
SECONDS = "s"
BYTES = "bytes"
CELSIUS = "celsius"
HERTZ = "hertz"
VOLTS = "volt"
AMPERES = "amp"
WATTS = "watt"
BYTES_PER_SECOND = "binBps"
PER_SECOND = "cps"
OPERATIONS_PER_SECOND = "iops"
PACKETS_PER_SECOND = "pps"
AGO = "dateTimeFromNow"
TIME = "dateTimeAsIsoNoDateIfToday"
"""Both are for milliseconds since 1970: multiply seconds by 1000."""

_OF_GAUGES = {
    "": COUNT,
    "amperes": AMPERES,
    "bytes": BYTES,
    "celsius": CELSIUS,
    "dbm": "dBm",
    "hertz": HERTZ,
    "ratio": RATIO,
    "rpm": "rotrpm",
    "seconds": SECONDS,
    "timestamp_seconds": AGO,
    "volts": VOLTS,
    "watts": WATTS,
}
_OF_RATES = {"": PER_SECOND, "bytes": BYTES_PER_SECOND, "seconds": RATIO}


def unit_of(metric: str) -> str:
    """Grafana's unit for the values of a metric of the catalog. Raises KeyError for a metric that is not there."""
    return _OF_GAUGES[CATALOG.families[metric].unit]


def unit_of_rate(counter: str) -> str:
    """Grafana's unit for `rate()` of a counter: seconds in a second are a part of the time."""
    return _OF_RATES[CATALOG.families[counter].unit]
