"""What the time line of a board answers, made for tests: a night of brownouts, a power cut, a full day of curves."""

from typing import Any

NOW = 1_789_905_600.0
DAY = 86400.0
POINTS = 96


def _curve(identity: str, unit: str, **more: Any) -> dict[str, Any]:
    mean = [None if 40 <= number < 42 else 40.0 + number % 7 for number in range(POINTS)]
    return {
        "id": identity,
        "name": identity.capitalize(),
        "note": "",
        "unit": unit,
        "low": 38.0,
        "high": 48.0,
        "min": [None if value is None else value - 2 for value in mean],
        "mean": mean,
        "max": [None if value is None else value + 2 for value in mean],
        **more,
    }


def a_day() -> dict[str, Any]:
    """An answer of `api/v1/timeline` on the last 24 hours before `NOW`."""
    begin = NOW - DAY
    gap = [begin + 40 * 900, begin + 42 * 900]
    dips = [[begin + 30_000 + 500 * number, begin + 30_004 + 500 * number] for number in range(12)]
    flows = {"mirror": True, "down": [None if 40 <= number < 42 else 2000 for number in range(POINTS)]}
    return {
        "from": begin,
        "to": NOW,
        "now": NOW,
        "tz": "Europe/Berlin",
        "gaps": [gap],
        "lanes": [
            {
                "id": "verdict",
                "name": "Verdict",
                "spans": [
                    [begin, dips[0][0], "good"],
                    *([*dip, "critical"] for dip in dips),
                    [gap[0], gap[1], "unknown"],
                    [gap[1], NOW, "warning"],
                ],
            },
            {"id": "undervoltage", "name": "Undervoltage", "spans": dips, "count": 12, "seconds": 41.0},
            {"id": "throttled", "name": "Throttling", "spans": dips[:1], "count": 1, "seconds": 4.0},
            {"id": "heat", "name": "Over 80 °C", "spans": [], "count": 0, "seconds": 0.0},
            {
                "id": "reboots",
                "name": "Reboots",
                "spans": [[gap[1], gap[1], "unclean"], [NOW - 90, NOW - 90, "unknown"], [NOW - 60, NOW - 60, "clean"]],
            },
            {"id": "silence", "name": "Silence", "note": "no data", "spans": [gap]},
        ],
        "curves": [
            _curve("temp", "celsius", note="cpu_thermal", limit=80),
            _curve("cpu", "percent", note="busy"),
            _curve("load", "", note="1 min"),
            _curve("memory", "percent", note="used"),
            _curve("disk", "bytes per second", ways=["read", "written"], **flows),
            _curve("net", "bytes per second", ways=["in", "out"], **flows),
        ],
        "at": [begin + 900 * number for number in range(POINTS)],
        "happened": [
            {
                "from": dips[0][0],
                "to": dips[-1][1],
                "kind": "power",
                "level": "critical",
                "alert": "UndervoltageRecurring",
                "text": "Undervoltage 12 times between 22:20 and 23:51, 41 s in all",
                "small": "Throttled once with it, 4 s",
                "placed": False,
            },
            {
                "from": gap[0],
                "to": gap[1],
                "kind": "restart",
                "level": "warning",
                "alert": "UncleanShutdown",
                "text": "Unclean shutdown, away for 30 min",
                "small": "",
                "placed": True,
            },
            {
                "from": NOW - 600,
                "to": NOW,
                "kind": "heat",
                "level": "warning",
                "alert": "TemperatureHigh",
                "text": "CPU above 75 °C for 10 min",
                "small": "",
                "placed": False,
            },
        ],
        "left_out": 0,
        "earliest": begin - 9 * DAY,
        "partial": "",
    }
