"""Times as the board's clock on the wall would say them."""

from datetime import UTC, datetime, tzinfo
from typing import NamedTuple
from zoneinfo import ZoneInfo

from sysvitals.sources.os.zone import Zone

DAY_SECONDS = 86400.0
_MONTHS_SECONDS = 300 * DAY_SECONDS


class LocalTime(NamedTuple):
    """A time zone with its name and its rules."""

    name: str
    info: tzinfo

    def at(self, seconds: float) -> datetime:
        """The local time of this moment, in Unix seconds."""
        return datetime.fromtimestamp(seconds, self.info)

    def ahead(self, seconds: float) -> float:
        """How many seconds the zone is ahead of UTC at this moment."""
        offset = self.at(seconds).utcoffset()
        return offset.total_seconds() if offset is not None else 0.0


def open_zone(zone: Zone) -> LocalTime:
    """The rules of a zone from its file; UTC where that cannot be read."""
    if not zone.rule.startswith(":"):
        return LocalTime(zone.name, UTC)
    try:
        with open(zone.rule[1:], "rb") as file:
            return LocalTime(zone.name, ZoneInfo.from_file(file, key=zone.name))
    except (OSError, ValueError):
        return LocalTime("UTC", UTC)


def say_time(seconds: float, now: float, zone: LocalTime) -> str:
    """As short as it is clear: `03:44` of the last day, `Wed 18 Nov 14:20`, `18 Nov 2024 14:20`."""
    local = zone.at(seconds)
    if 0 <= now - seconds < DAY_SECONDS / 2 or local.date() == zone.at(now).date():
        return f"{local:%H:%M}"
    if abs(now - seconds) < _MONTHS_SECONDS:
        return f"{local:%a} {local.day} {local:%b %H:%M}"
    return f"{local.day} {local:%b %Y %H:%M}"


def say_range(begin: float, end: float, zone: LocalTime) -> str:
    """From one time to another: `Thu 26 Nov 21:36`, a dash, `Fri 27 Nov 21:36`."""
    return " \N{EN DASH} ".join(f"{at:%a} {at.day} {at:%b %H:%M}" for at in (zone.at(begin), zone.at(end)))


def say_day(seconds: float, now: float, zone: LocalTime) -> str:
    """`Today, Friday 27 November`, `Sunday 15 November`."""
    local, today = zone.at(seconds), zone.at(now)
    days = (today.date() - local.date()).days
    near = {0: "Today, ", 1: "Yesterday, "}.get(days, "")
    year = "" if local.year == today.year else f" {local.year}"
    return f"{near}{local:%A} {local.day} {local:%B}{year}"
