"""Stories: what the series of hosts did, minute by minute, as the tests of the rules have them.

Prometheus is given a story's series by promtool, and the host's engine the same values.
"""

import math
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import yaml

from sysvitals.collectors.catalog import build_full_catalog
from sysvitals.model.samples import Sample, Samples

_SERIES = re.compile(r"(?P<metric>[a-z_0-9]+)(?:\{(?P<labels>.*)\})?")
_LABEL = re.compile(r'(\w+)="([^"]*)"')
_RUN = re.compile(r"(?P<first>[-+.\de]+?)(?P<step>[-+][.\d]+(?:e[-+]?\d+)?)?x(?P<times>\d+)")
FAMILIES = build_full_catalog().families
_UNITS = {"s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0}


@dataclass(frozen=True)
class Series:
    """A metric with labels, and its value at each step; None where it was not read."""

    metric: str
    labels: Mapping[str, str]
    values: tuple[float | None, ...]


@dataclass(frozen=True)
class Story:
    """Hosts by their instance. `every` is the seconds of a step, `rhythm` those from one evaluation to the next."""

    name: str
    every: float
    rhythm: float
    steps: int
    written: tuple[tuple[str, str], ...]
    hosts: Mapping[str, tuple[Series, ...]]

    def __str__(self) -> str:
        return self.name


def load_stories(path: Path) -> list[Story]:
    """The stories of a file of tests of rules."""
    # all as text: `0x80` is a run of zeros, and no number
    content = yaml.load(path.read_text(encoding="utf-8"), Loader=yaml.BaseLoader)  # noqa: S506  # makes no objects
    return [
        tell_story(
            f"{path.stem}: {test['name']}",
            [(one["series"], str(one["values"])) for one in test["input_series"]],
            every=seconds_of(test["interval"]),
            rhythm=seconds_of(content["evaluation_interval"]),
            ends=max(seconds_of(case["eval_time"]) for case in test.get("alert_rule_test", ())),
        )
        for test in content["tests"]
    ]


def tell_story(
    name: str, written: Sequence[tuple[str, str]], *, every: float = 60.0, rhythm: float = 60.0, ends: float = math.inf
) -> Story:
    """The story of these series, written as promtool takes them: `up{instance="a"}` and `0x10 1+2x5 _x3 stale`.

    It ends after `ends` seconds, or with its longest series. A series that ends before the others is gone then, as in
    a scrape that no longer has it.
    """
    expanded = [(series, [*_expand(values)]) for series, values in written]
    steps = int(min(max(len(values) for _, values in expanded), ends // every + 1))
    written = tuple(
        (series, f"{values} stale" if len(own) < steps else values)
        for (series, values), (_, own) in zip(written, expanded, strict=True)
    )
    hosts: dict[str, list[Series]] = {}
    for series, values in expanded:
        match = _SERIES.fullmatch(series)
        assert match, series
        labels, family = dict(_LABEL.findall(match["labels"] or "")), FAMILIES.get(match["metric"])
        if family is not None:  # else it is Prometheus's own
            # those that a user gives to a target are not the host's
            own = {name: labels[name] for name in family.labels if name in labels}
            hosts.setdefault(labels.get("instance", ""), []).append(Series(family.name, own, tuple(values)))
    return Story(name, every, rhythm, steps, written, {instance: tuple(found) for instance, found in hosts.items()})


def seconds_of(text: str) -> float:
    """Seconds of `15s`, `1m` or `1h30m`."""
    return sum(float(number) * _UNITS[unit] for number, unit in re.findall(r"([\d.]+)([dhms])", text))


def _expand(values: str) -> Iterator[float | None]:
    for word in values.split():
        if word[0] == "_":
            yield from [None] * int(word[2:] or 1)
        elif word == "stale":
            yield None
        elif run := _RUN.fullmatch(word):
            first, step = float(run["first"]), float(run["step"] or 0)
            yield from (first + step * number for number in range(int(run["times"]) + 1))
        else:
            yield float(word)


def read_samples(series: Iterable[Series], step: int) -> Samples:
    """What is read at this step."""
    found: dict[str, list[Sample]] = {}
    for one in series:
        value = one.values[step] if step < len(one.values) else None
        if value is not None:
            found.setdefault(one.metric, []).append(Sample(one.labels, value))
    return found
