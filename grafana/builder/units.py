"""Grafana's units for the catalog's."""

from sysvitals.collectors.catalog import build_full_catalog
from sysvitals.model.unit import UNITS

CATALOG = build_full_catalog()

NONE = "none"
COUNT = UNITS[""].grafana
RATIO = UNITS["ratio"].grafana
SECONDS = UNITS["seconds"].grafana
BYTES = UNITS["bytes"].grafana
CELSIUS = UNITS["celsius"].grafana
HERTZ = UNITS["hertz"].grafana
VOLTS = UNITS["volts"].grafana
AMPERES = UNITS["amperes"].grafana
WATTS = UNITS["watts"].grafana
BYTES_PER_SECOND = UNITS["bytes per second"].grafana
PER_SECOND = UNITS["per second"].grafana
BITS_PER_SECOND = UNITS["link speed"].grafana
"""Of bytes a second, times 8."""

OPERATIONS_PER_SECOND = "iops"
PACKETS_PER_SECOND = "pps"
AGO = UNITS["timestamp_seconds"].grafana
TIME = "dateTimeAsIsoNoDateIfToday"
"""Both are for milliseconds since 1970: multiply seconds by 1000."""

_RATES = {"": PER_SECOND, "bytes": BYTES_PER_SECOND, "seconds": RATIO}


def unit_of(metric: str) -> str:
    """Grafana's unit for the values of a metric of the catalog. Raises KeyError for a metric that is not there."""
    return UNITS[CATALOG.families[metric].unit].grafana


def unit_of_rate(counter: str) -> str:
    """Grafana's unit for `rate()` of a counter: seconds in a second are a part of the time."""
    return _RATES[CATALOG.families[counter].unit]
