"""What the series of a host do, minute by minute: a recorded host, and what changes of it."""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache

from tests.recorded import HOSTS

MINUTES = 480
"""How long it lasts, unless a scenario says otherwise."""

Values = Sequence[float | None]
"""One for each minute; None where it was not read. It goes on as it ends."""

_SAMPLE = re.compile(r"(?P<metric>\w+)(?:\{(?P<labels>.*)\})? (?P<value>\S+)")
_LABEL = re.compile(r'(\w+)="([^"]*)"')


def levels(*parts: tuple[int, float | None]) -> list[float | None]:
    """A value for so many minutes, then the next."""
    return [value for minutes, value in parts for _ in range(minutes)]


def count(*parts: tuple[int, float], start: float = 0.0) -> list[float | None]:
    """A counter that grows by so much a minute for so many minutes, then by the next."""
    values: list[float | None] = []
    for minutes, growth in parts:
        for _ in range(minutes):
            values.append(start)
            start += growth
    return values


def each(minutes: int, *values: float | None) -> list[float | None]:
    """The values one after the other, again and again, for so many minutes."""
    return [values[minute % len(values)] for minute in range(minutes)]


@dataclass(frozen=True, kw_only=True)
class Host:
    """A host that is scraped each minute, as it was recorded, but for what `changes` says of some of its series.

    A name in `changes` is a metric with some of its labels: it stands for all series that have them, and for a new one
    where there is none. `off` are minutes, from and to, in which it does not answer, `gone` those in which it is no
    target. `boots` are minutes at which it starts again, `labels` those of its target. Unless it is `whole`, it has one
    CPU, its root and its USB disk, and a few collectors: what is many times there costs much and shows nothing more.
    """

    recorded: str = "pi-4b-fine"
    changes: Mapping[str, Values] = field(default_factory=dict)
    off: tuple[tuple[int, int], ...] = ()
    gone: tuple[tuple[int, int], ...] = ()
    boots: tuple[int, ...] = ()
    labels: Mapping[str, str] = field(default_factory=dict)
    job: str = "sysvitals"
    whole: bool = False
    minutes: int = MINUTES
    instance: str = ""

    def series(self, instance: str, names: frozenset[str]) -> dict[str, str]:
        """The series of these metrics as promtool reads them."""
        found: dict[str, Values] = {**read_recorded(self.recorded)} if self.recorded else {}
        if not self.whole:
            found = {name: values for name, values in found.items() if not _MANY.search(name)}
        found |= {name: self._live(name) for name in found if name.startswith(_LIVING)}
        for name, values in self.changes.items():
            same = [one for one in found if _is_meant(name, one)]
            found |= dict.fromkeys(same or [name], values)
        found = {name: self._scraped(values) for name, values in found.items()}
        found.setdefault("scrape_duration_seconds", self._scraped([0.05]))
        found["up"] = [
            None if _is_in(minute, self.gone) else float(not _is_in(minute, self.off)) for minute in range(self.minutes)
        ]
        target = {"job": self.job, "instance": instance, **self.labels}
        return {_name(name, target): _write(values) for name, values in found.items() if name.split("{")[0] in names}

    def _live(self, name: str) -> Values:
        """What goes on with time: the clock, and the time since the last boot."""
        if name.startswith("system_uptime"):
            last, values = -20_000, []
            for minute in range(self.minutes):
                last = minute if minute in self.boots else last
                values.append(60.0 * (minute - last) + 30)
            return values
        return [60.0 * minute for minute in range(self.minutes)]

    def _scraped(self, values: Values) -> list[float | None]:
        whole = [values[min(minute, len(values) - 1)] for minute in range(self.minutes)]
        return [None if _is_in(minute, self.off + self.gone) else value for minute, value in enumerate(whole)]


_MANY = re.compile(
    r'cpu="[1-9]|mountpoint="/(run|boot|media|home|mnt)|collector="(?!(load|throttling|filesystem|disk|temperature)")|'
    r'sensor="(Core|Sensor) [1-9]|device="wlan'
)

_LIVING = ("system_uptime_seconds", "sysvitals_collector_last_success_timestamp_seconds")


def _is_in(minute: int, stretches: tuple[tuple[int, int], ...]) -> bool:
    return any(start <= minute < end for start, end in stretches)


@cache
def read_recorded(name: str) -> Mapping[str, Values]:
    """The samples of a recorded host."""
    lines = (HOSTS / name / "expected.prom").read_text(encoding="utf-8").splitlines()
    samples = (_SAMPLE.fullmatch(line) for line in lines if not line.startswith("#"))
    return {
        f"{found['metric']}{{{found['labels']}}}" if found["labels"] else found["metric"]: [float(found["value"])]
        for found in samples
        if found is not None
    }


def _is_meant(wanted: str, name: str) -> bool:
    metric, _, labels = wanted.partition("{")
    return name.split("{", maxsplit=1)[0] == metric and {*_LABEL.findall(labels)} <= {*_LABEL.findall(name)}


def _name(name: str, target: Mapping[str, str]) -> str:
    metric, _, labels = name.partition("{")
    own = ",".join(f'{key}="{value}"' for key, value in target.items())
    return f"{metric}{{{own}{',' if labels else ''}{labels.removesuffix('}')}}}"


def _write(values: Values) -> str:
    """As promtool reads it: runs of equal values, and of steps that are equal, are one word."""
    return " ".join(_runs(values))


def _runs(values: Values) -> Iterator[str]:
    start = 0
    while start < len(values):
        end = start + 1
        first = values[start]
        if first is None:
            while end < len(values) and values[end] is None:
                end += 1
            # a series that a scrape no longer has ends there
            yield "stale" if end - start == 1 else f"stale _x{end - start - 1}"
            start = end
            continue
        step = (values[end] or 0.0) - first if end < len(values) and values[end] is not None else 0.0
        while end < len(values) and values[end] is not None and values[end] == first + step * (end - start):
            end += 1
        yield f"{first:.12g}" if end - start == 1 else f"{first:.12g}{step:+.12g}x{end - start - 1}"
        start = end
