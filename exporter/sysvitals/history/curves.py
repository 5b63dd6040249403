"""Curves of the time line: least, mean and most of each bucket of time, from minutes and hours of the history."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from math import ceil
from typing import Any, NamedTuple

from sysvitals.history.past import Found, Past, Span, View
from sysvitals.judgement.heat.limits import is_processor
from sysvitals.model.summary import Series, Stretch

_BRIEF_SECONDS = 0.001
"""Less is an error of rounding."""

_STACKED = ("dm-", "md", "bcache", "drbd", "zd", "br", "bond", "team", "wg", "tun", "tailscale", "zt", "vlan", "docker")
"""Devices that pass on what others carry: to add them up would count everything twice."""

_KINDS = ("min", "mean", "max", "down")

Values = list[float | None]


class Folded(NamedTuple):
    """One value for each bucket; None where nothing is known."""

    least: Values
    mean: Values
    most: Values


class Buckets(NamedTuple):
    """Stretches of time of the same length in seconds, one after another from `begin` on."""

    begin: float
    seconds: float
    number: int

    def begins(self) -> list[float]:
        """When each begins, in Unix seconds."""
        return [round(self.begin + i * self.seconds, 3) for i in range(self.number)]


def make_buckets(view: View, least_seconds: float) -> Buckets:
    """Buckets for all of this time, at most as many as asked for and none shorter than what the history holds."""
    seconds = view.end - view.begin
    number = max(1, min(view.points, int(seconds / least_seconds)))
    return Buckets(view.begin, seconds / number, number)


def draw_curves(past: Past, view: View, buckets: Buckets, gaps: Iterable[Span] = ()) -> list[dict[str, Any]]:
    """All curves of which this host knows anything. In the gaps nothing is known: an hour is drawn as a whole."""
    curves = [curve for draw in _CURVES if (curve := draw(past, view, buckets)) is not None]
    for begin, end in gaps:
        first = max(0, ceil((begin - buckets.begin) / buckets.seconds))
        last = min(buckets.number, int((end - buckets.begin) / buckets.seconds))
        for values in (curve[kind] for curve in curves for kind in _KINDS if kind in curve):
            values[first:last] = [None] * max(0, last - first)
    return curves


def find_hot_sensors(series: Iterable[Series]) -> list[Series]:
    """The processor's temperatures, or all where none is known to be the processor's."""
    every = sorted(series)
    own = [one for one in every if is_processor(one.labels[0])]
    return own or every


def find_limit(sensors: Iterable[Series], limits: Mapping[tuple[str, ...], float]) -> float | None:
    """From how many degrees Celsius on the first of these sensors is hot; None where no limit is known."""
    return min((limits[one.labels] for one in sensors if one.labels in limits), default=None)


def fold(stretches: Iterable[Stretch], buckets: Buckets) -> Folded:
    """One series in buckets. A stretch counts in each bucket that it touches, by how long it does."""
    begin, seconds, number = buckets
    least: Values = [None] * number
    most: Values = [None] * number
    total, weight = [0.0] * number, [0.0] * number
    for at, lasts, _, low, value, high, *_ in stretches:
        position = (at - begin) / seconds
        for i in range(max(0, int(position)), min(number, ceil(position + lasts / seconds))):
            inside = min(at + lasts, begin + (i + 1) * seconds) - max(at, begin + i * seconds)
            if inside < _BRIEF_SECONDS:
                continue
            total[i] += value * inside
            weight[i] += inside
            known_least, known_most = least[i], most[i]
            least[i] = low if known_least is None or low < known_least else known_least
            most[i] = high if known_most is None or high > known_most else known_most
    mean = [sum_ / lasts if lasts else None for sum_, lasts in zip(total, weight, strict=True)]
    return Folded(least, mean, most)


def merge(folded: Sequence[Folded], choose: Callable[[list[float]], float]) -> Folded:
    """Several series as one, such as the hottest of all or the sum."""
    return Folded(*(_merge(kind, choose) for kind in zip(*folded, strict=True)))


def _merge(rows: Sequence[Values], choose: Callable[[list[float]], float]) -> Values:
    if len(rows) == 1:
        return rows[0]
    columns = ([value for value in column if value is not None] for column in zip(*rows, strict=True))
    return [choose(column) if column else None for column in columns]


def _draw_temperature(past: Past, view: View, buckets: Buckets) -> dict[str, Any] | None:
    found = past.of("system.temperature.updated", "celsius")
    sensors = find_hot_sensors(found)
    if not sensors:
        return None
    folded = merge([fold(found[sensor], buckets) for sensor in sensors], max)
    note = sensors[0].labels[0] if len({one.labels[0] for one in sensors}) == 1 else f"hottest of {len(sensors)}"
    curve = _curve("temp", "Temperature", note, "celsius", folded)
    return {**curve, "limit": find_limit(sensors, view.limits)}


class Single(NamedTuple):
    """A curve of one field of the whole host."""

    id_: str
    name: str
    note: str
    unit: str
    event: str
    field: str

    def draw(self, past: Past, _view: View, buckets: Buckets) -> dict[str, Any] | None:
        """Draw it; None where nothing is known."""
        found = past.of(self.event, self.field)
        if not found:
            return None
        return _curve(self.id_, self.name, self.note, self.unit, fold(next(iter(found.values())), buckets))


class Mirrored(NamedTuple):
    """Two curves of all devices together, one upwards and one downwards, in bytes per second."""

    id_: str
    name: str
    event: str
    fields: tuple[str, str]
    ways: tuple[str, str]

    def draw(self, past: Past, _view: View, buckets: Buckets) -> dict[str, Any] | None:
        """Draw them; None where nothing is known."""
        is_known = False
        sums = []
        for field in self.fields:  # one after the other: on a large host each takes 20 MiB
            found = _unstacked(past.of(self.event, field))
            is_known |= bool(found)
            sums.append(_sum(found, buckets))
        if not is_known:
            return None
        up, down = sums
        note = f"{self.ways[0]} ↑ {self.ways[1]} ↓"
        curve = _curve(self.id_, self.name, note, "bytes per second", up)
        below = _round(down.mean, 0)
        high = max(_known([*curve["mean"], *below]), default=None)
        return {**curve, "low": 0, "high": high, "mirror": True, "ways": [*self.ways], "down": below}


def _sum(found: Found, buckets: Buckets) -> Folded:
    if not found:
        return Folded([None] * buckets.number, [None] * buckets.number, [None] * buckets.number)
    return merge([fold(stretches, buckets) for stretches in found.values()], sum)


def _unstacked(found: Found) -> Found:
    own = {series: stretches for series, stretches in found.items() if not _is_stacked(series.labels[0])}
    return own or found


def _is_stacked(device: str) -> bool:
    return device.startswith(_STACKED) or "." in device


def _curve(id_: str, name: str, note: str, unit: str, folded: Folded) -> dict[str, Any]:
    digits = 0 if unit == "bytes per second" else 2
    least, mean, most = (_round(values, digits) for values in folded)
    low, high = min(_known(least), default=None), max(_known(most), default=None)
    return {
        "id": id_,
        "name": name,
        "note": note,
        "unit": unit,
        "low": low,
        "high": high,
        "min": least,
        "mean": mean,
        "max": most,
    }


def _known(values: Iterable[float | None]) -> list[float]:
    return [value for value in values if value is not None]


def _round(values: Values, digits: int) -> Values:
    return [None if value is None else round(value, digits) if digits else round(value) for value in values]


_CURVES: tuple[Callable[[Past, View, Buckets], dict[str, Any] | None], ...] = (
    _draw_temperature,
    Single("cpu", "CPU", "busy", "percent", "system.cpu.usage.updated", "busy_percent").draw,
    Single("load", "Load", "1 min", "", "system.load.updated", "load1").draw,
    Single("memory", "Memory", "used", "percent", "system.memory.usage.updated", "used_percent").draw,
    Mirrored(
        "disk",
        "Disk I/O",
        "system.disk.io.updated",
        fields=("read_bytes_per_second", "written_bytes_per_second"),
        ways=("read", "written"),
    ).draw,
    Mirrored(
        "net",
        "Network",
        "system.network.usage.updated",
        fields=("receive_bytes_per_second", "transmit_bytes_per_second"),
        ways=("in", "out"),
    ).draw,
)
