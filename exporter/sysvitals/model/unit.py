"""All units, and how a value in each is written for people: page, script, terminal and dashboards take it from here.

A field declares its unit, and the unit decides the form: a time is never shown as a duration, nor a process id as a
quantity.
"""

import time
from collections.abc import Callable, Mapping
from typing import NamedTuple

UNKNOWN = "\N{EN DASH}"


class Unit(NamedTuple):
    """How values of a unit are written.

    `style` is a key of `STYLES`; the value is multiplied by `scale` before, and `digits` says how many decimal places
    the style `fixed` has. `grafana` is Grafana's name of the unit. A metric may have a `base` unit only: it becomes the
    suffix of its name.
    """

    name: str
    suffix: str
    style: str
    grafana: str
    scale: float = 1
    digits: int = 0
    base: bool = True


UNITS: Mapping[str, Unit] = {
    unit.name: unit
    for unit in (
        Unit("", "", "count", "short"),
        Unit("amperes", "A", "short", "amp"),
        Unit("bytes", "B", "binary", "bytes"),
        Unit("celsius", "°C", "fixed", "celsius", digits=1),
        Unit("dbm", "dBm", "short", "dBm"),
        Unit("hertz", "MHz", "fixed", "hertz", scale=1e-6),
        Unit("ratio", "%", "fixed", "percentunit", scale=100),
        Unit("rpm", "rpm", "count", "rotrpm"),
        Unit("seconds", "s", "duration", "s"),
        Unit("timestamp_seconds", "", "moment", "dateTimeFromNow"),
        Unit("volts", "V", "short", "volt"),
        Unit("watts", "W", "short", "watt"),
        Unit("bytes per second", "B/s", "binary", "binBps", base=False),
        Unit("factor", "", "fixed", "none", digits=6, base=False),
        Unit("identifier", "", "plain", "none", base=False),
        Unit("link speed", "bit/s", "decimal", "bps", scale=8, base=False),  # of bytes per second
        Unit("packet size", "bytes", "plain", "decbytes", base=False),
        Unit("per second", "/s", "count", "cps", base=False),
        Unit("percent", "%", "fixed", "percent", base=False),
    )
}
"""By name. Empty: a count, a state or a level."""

BASE_UNITS = frozenset(unit.name for unit in UNITS.values() if unit.base)


def require_unit(name: str, known: frozenset[str] = frozenset(UNITS)) -> None:
    """Raise ValueError for a unit that is not known."""
    if name not in known:
        raise ValueError(f"unit {name!r} is none of {', '.join(sorted(known - {''}))}")


def format_value(value: float | str | None, unit: str = "") -> str:
    """The value in its unit, short: `43 %`, `61.2 °C`, `1.5 GiB`, `3 h 20 min`. Raises KeyError for another unit."""
    if value is None:
        return UNKNOWN
    if isinstance(value, str):
        return value
    if isinstance(value, bool):
        return "yes" if value else "no"
    shape = UNITS[unit]
    return STYLES[shape.style](value * shape.scale, shape).rstrip()


def format_duration(seconds: float) -> str:
    """`40 ms`, `4.2 s`, `2 min 42 s`, `1 h 51 min`, `12 d 4 h`, `3 h`."""
    if seconds < 0:
        return f"-{format_duration(-seconds)}"
    if 0 < seconds < 0.9995:
        return f"{_shorten(seconds * 1000)} ms"
    if seconds < 59.95:
        return f"{_shorten(round(seconds, 1))} s"
    whole = round(seconds) if seconds < 3600 else int(seconds)
    big, small, of_big, of_small = next(step for step in _STEPS if whole >= step[0])
    rest = whole % big // small
    return f"{whole // big} {of_big} {rest} {of_small}" if rest else f"{whole // big} {of_big}"


def format_moment(seconds: float) -> str:
    """Unix seconds as local time with its zone: `2026-09-20 14:00:00 CEST`. A time that no calendar has is unknown."""
    try:
        return time.strftime("%Y-%m-%d %H:%M:%S %Z", time.localtime(seconds))
    except (OverflowError, ValueError, OSError):
        return UNKNOWN


def unit_table() -> dict[str, dict[str, str | float]]:
    """The table for the browser, as JSON can hold it: suffix, style, scale and digits of each unit by its name."""
    return {
        name: {"suffix": unit.suffix, "style": unit.style, "scale": unit.scale, "digits": unit.digits}
        for name, unit in UNITS.items()
    }


_STEPS = ((86400, 3600, "d", "h"), (3600, 60, "h", "min"), (60, 1, "min", "s"))
_BINARY = ("", "Ki", "Mi", "Gi", "Ti")
_DECIMAL = ("", "k", "M", "G", "T")


def _shorten(value: float) -> str:
    # three digits say enough, and do not flicker
    digits = 0 if abs(value) >= 99.95 else 1 if abs(value) >= 9.995 else 2
    text = f"{value:.{digits}f}"
    return text.rstrip("0").rstrip(".") if "." in text else text


def _count(value: float, unit: Unit) -> str:
    number = f"{value:,.0f}" if value % 1 == 0 else _shorten(value)  # JSON has no difference between 2.0 and 2
    return f"{number} {unit.suffix}"


def _prefix(value: float, unit: Unit, step: int, prefixes: tuple[str, ...]) -> str:
    power = 0
    while abs(value) >= step and power < len(prefixes) - 1:
        value, power = value / step, power + 1
    return f"{_shorten(value)} {prefixes[power]}{unit.suffix}"


STYLES: Mapping[str, Callable[[float, Unit], str]] = {
    "binary": lambda value, unit: _prefix(value, unit, 1024, _BINARY),
    "count": _count,
    "decimal": lambda value, unit: _prefix(value, unit, 1000, _DECIMAL),
    "duration": lambda value, _: format_duration(value),
    "fixed": lambda value, unit: f"{value:.{unit.digits}f} {unit.suffix}",
    "moment": lambda value, _: format_moment(value),
    "plain": lambda value, unit: f"{value:.0f} {unit.suffix}",
    "short": lambda value, unit: f"{_shorten(value)} {unit.suffix}",
}
"""How a number becomes text. The browser's script has the same styles; `unit_table` gives it the units."""
