"""Units, and values in them for people: the one place that says how a number with a unit is written.

static/live.js says the same in the browser; a test holds the two together.
"""

from collections.abc import Callable, Mapping

from sysvitals.model.event import format_time

UNKNOWN = "\N{EN DASH}"
_SIZES = ("B", "KiB", "MiB", "GiB", "TiB")
_SHORT = {
    "volts": "V",
    "amperes": "A",
    "watts": "W",
    "dbm": "dBm",
    "rpm": "rpm",
    "per second": "/s",
}


def format_value(value: float | str | None, unit: str = "") -> str:
    """The value in its unit, short: `43 %`, `61.2 °C`, `1.5 GiB`, `3 h 20 min`."""
    if value is None:
        return UNKNOWN
    if isinstance(value, str):
        return value
    if isinstance(value, bool):
        return "yes" if value else "no"
    if unit in _FORMATS:
        return _FORMATS[unit](value)
    number = f"{value:,}" if isinstance(value, int) else _short_number(value)
    return f"{number} {_SHORT.get(unit, unit)}".strip()


def format_duration(seconds: float) -> str:
    """`4.2 s`, `3 min 20 s`, `5 h 2 min`, `12 d 3 h`."""
    if seconds < 60:
        return f"{_short_number(seconds)} s"
    whole = int(seconds)
    for big, small, names in ((86400, 3600, ("d", "h")), (3600, 60, ("h", "min")), (60, 1, ("min", "s"))):
        if whole >= big:
            return f"{whole // big} {names[0]} {whole % big // small} {names[1]}"
    return ""


def _short_number(value: float) -> str:
    # three digits say enough, and do not flicker
    digits = 0 if abs(value) >= 100 else 1 if abs(value) >= 10 else 2
    text = f"{value:.{digits}f}"
    return text.rstrip("0").rstrip(".") if "." in text else text


def _format_size(value: float) -> str:
    power = 0
    while value >= 1024 and power < len(_SIZES) - 1:
        value, power = value / 1024, power + 1
    return f"{_short_number(float(value))} {_SIZES[power]}"


_FORMATS: Mapping[str, Callable[[float], str]] = {
    "bytes": _format_size,
    "bytes per second": lambda value: f"{_format_size(value)}/s",
    "celsius": lambda value: f"{value:.1f} °C",
    "hertz": lambda value: f"{value / 1e6:.0f} MHz",
    "percent": lambda value: f"{value:.0f} %",
    "ratio": lambda value: f"{100 * value:.0f} %",
    "seconds": format_duration,
    "timestamp_seconds": lambda value: format_time(value)[:19].replace("T", " ") + " UTC",
}
