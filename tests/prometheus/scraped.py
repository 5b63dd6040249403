"""The stories of the tests of the rules as a Prometheus would scrape them.

People write a series each minute or so, on the minute. Scrapes come at an odd offset, a second early or late, and now
and then not at all. This makes such stories of the written ones, the same in each run. A value that is written as a
ramp (`0+5x10`) grows between two points; everything else changes at a point.

promtool is asked what fires about the time of each case: with such samples an alert may begin and end two scrapes
earlier or later. `firing.py` compares.
"""

import json
import math
import random
import re
from bisect import bisect_right
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import yaml

from tests.judgement.stories import seconds_of

EVALUATED = 60
"""Seconds from one evaluation to the next, at least: Prometheus's own default."""

LONG = 12 * 3600
"""Seconds from which on a story has its scrapes at whole tens of seconds, which promtool holds in a tenth of memory."""

MISSED = 1 / 12
"""Part of the scrapes that fail to come. After a missed one the next one comes."""

_RUN = re.compile(r"(?P<first>[-+.\de]+?)(?P<step>[-+][.\d]+(?:e[-+]?\d+)?)?x(?P<times>\d+)")
_TARGET = re.compile(r'\b(?:job|instance)="[^"]*"')


@dataclass(frozen=True)
class Piece:
    """A part of a series: a value that changes by `step` at each point. None is a gap, NaN a stale marker."""

    start: int
    points: int
    first: float | None
    step: float = 0.0

    def at(self, point: float) -> float | None:
        """The value at a point or between two. What is whole at each point is whole between them."""
        if self.first is None or not self.step:
            return self.first
        value = self.first + self.step * min(point - self.start, self.points - 1)
        return math.floor(value) if self.first.is_integer() and self.step.is_integer() else value


def parse(values: str) -> list[Piece]:
    """Values as promtool takes them, such as `0x10 1+2x5 _x3 stale`."""
    pieces: list[Piece] = []
    for word in values.split():
        start = pieces[-1].start + pieces[-1].points if pieces else 0
        if word[0] == "_":
            pieces.append(Piece(start, int(word[2:] or 1), None))
        elif word == "stale":
            pieces.append(Piece(start, 1, math.nan))
        elif run := _RUN.fullmatch(word):
            pieces.append(Piece(start, int(run["times"]) + 1, float(run["first"]), float(run["step"] or 0)))
        else:
            pieces.append(Piece(start, 1, float(word)))
    return pieces


def choose_times(seed: str, interval: int, until: int, missed: float = MISSED) -> list[int]:
    """When a target is scraped, in seconds: at an offset of its own, a second early or late, and sometimes not."""
    dice = random.Random(seed)  # noqa: S311  # the same in each run
    offset = dice.randrange(1, interval)
    times: list[int] = []
    skipped = True  # so that the first one comes
    for due in range(offset, until + 1, interval):
        skipped = not skipped and dice.random() < missed
        if not skipped:
            times.append(due + dice.choice((-1, 0, 0, 0, 1)))
    return times


def sample(values: str, every: float, times: Iterable[int], grid: int = 1) -> str:
    """What scrapes at these times see of a series written each `every` seconds, on a grid of so many seconds."""
    pieces = parse(values)
    starts = [piece.start for piece in pieces]
    ends = pieces[-1].start + pieces[-1].points
    words: list[str] = []
    written, before = 0, -1
    for time in times:
        point = time / every
        if point >= ends:
            break
        number = bisect_right(starts, point) - 1
        value = pieces[number].at(point)
        # a marker may lie between two scrapes; a value after it hides it
        if any(_is_stale(piece) for piece in pieces[before + 1 : number + 1]) and (value is None or math.isnan(value)):
            word = "stale"
        elif value is None or math.isnan(value):
            continue
        else:
            word = f"{value:.15g}"
        before = number
        if gap := time // grid - written:
            words.append(f"_x{gap}")
        words.append(word)
        written = time // grid + 1
    return " ".join(words) or "_"


def _is_stale(piece: Piece) -> bool:
    return piece.first is not None and math.isnan(piece.first)


@dataclass(frozen=True)
class Scraped:
    """A story of a file, by its number, as it is scraped each `interval` seconds and evaluated each `evaluated`."""

    number: int
    stem: str
    written: Mapping[str, Any]
    interval: int
    evaluated: int
    missed: float = MISSED

    def __str__(self) -> str:
        return f"{self.stem}, each {self.interval} s: {self.written['name']}"

    @property
    def cases(self) -> list[dict[str, Any]]:
        """What people ask of the story."""
        return [*self.written.get("alert_rule_test", ()), *self.written.get("promql_expr_test", ())]

    @property
    def margin(self) -> int:
        """Seconds by which an alert may be early or late."""
        return 2 * self.interval + self.evaluated

    def times_about(self, case: Mapping[str, Any]) -> list[int]:
        """The time of a case, and those of the evaluations about it."""
        time, most = int(seconds_of(case["eval_time"])), self.margin // self.evaluated
        about = (time + step * self.evaluated for step in range(-most, most + 1))
        return [moment for moment in about if moment >= 0]

    def ask(self) -> dict[str, Any]:
        """The story for promtool, which is to expect nothing, so that it says what there is."""
        asked = sorted({(what_of(case), time) for case in self.cases for time in self.times_about(case)})
        alerts = {case["alertname"] for case in self.written.get("alert_rule_test", ())}
        until = max(time for _, time in asked)
        grid = 10 if until > LONG else 1
        return {
            "interval": f"{grid}s",
            "input_series": [*self._scrape(until, grid)],
            "alert_rule_test": [
                {"alertname": what, "eval_time": f"{time}s", "exp_alerts": []} for what, time in asked if what in alerts
            ],
            "promql_expr_test": [
                {"expr": what, "eval_time": f"{time}s", "exp_samples": []} for what, time in asked if what not in alerts
            ],
        }

    def _scrape(self, until: int, grid: int) -> Iterable[dict[str, str]]:
        every = seconds_of(self.written["interval"])
        times: dict[str, list[int]] = {}
        for one in self.written["input_series"]:
            target = " ".join(sorted(_TARGET.findall(one["series"])))
            if target not in times:
                seed = f"{self.written['name']} {target} {self.interval}"
                times[target] = choose_times(seed, self.interval, until, self.missed)
            yield {"series": one["series"], "values": sample(one["values"], every, times[target], grid)}


def what_of(case: Mapping[str, Any]) -> str:
    """What a case asks: an alert or an expression."""
    return str(case["alertname"] if "alertname" in case else case["expr"])


def load_scraped(path: Path, interval: int) -> list[Scraped]:
    """The stories of a file, scraped each so many seconds."""
    content = read(path)
    evaluated = max(EVALUATED, int(seconds_of(content["evaluation_interval"])))
    return [
        Scraped(number, f"{path.stem}-{number}-{interval}", story, interval, evaluated)
        for number, story in enumerate(content["tests"])
    ]


def write_scraped(stories: Iterable[Scraped], path: Path, folder: Path) -> list[Path]:
    """Stories of this file as files for promtool."""
    return [
        _write(story.stem, story.cases, story.ask(), f"{story.evaluated}s", load_rules(path), folder)
        for story in stories
    ]


def write_as_they_are(path: Path, folder: Path) -> list[Path]:
    """The stories of a file just as people wrote them."""
    content = read(path)
    written = []
    for number, story in enumerate(content["tests"]):
        exact = [
            {**case, "exp_samples": [{**one, "value": float(one["value"])} for one in case["exp_samples"]]}
            for case in story.get("promql_expr_test", ())
        ]
        cases = [*story.get("alert_rule_test", ()), *exact]
        test = {**story, "promql_expr_test": exact}
        every = content["evaluation_interval"]
        written.append(_write(f"{path.stem}-{number}", cases, test, every, load_rules(path), folder))
    return written


def load_rules(path: Path) -> list[dict[str, Any]]:
    """All rules that a file of tests names."""
    files = [read(path.parent / name) for name in read(path)["rule_files"]]
    return [rule for content in files for group in content["groups"] for rule in group["rules"]]


def _write(  # noqa: PLR0917  # the parts of one file
    stem: str,
    cases: Sequence[Mapping[str, Any]],
    test: Mapping[str, Any],
    evaluated: str,
    rules: Sequence[dict[str, Any]],
    folder: Path,
) -> Path:
    """A file for promtool, beside one with just the rules that it needs: it costs rules times series."""
    group = {"name": stem, "rules": choose_rules(rules, cases)}
    (folder / f"{stem}.rules").write_text(json.dumps({"groups": [group]}), encoding="utf-8")
    content = {"rule_files": [f"{stem}.rules"], "evaluation_interval": evaluated, "tests": [test]}
    path = folder / f"{stem}.yml"
    path.write_text(json.dumps(content), encoding="utf-8")
    return path


def choose_rules(rules: Sequence[dict[str, Any]], cases: Iterable[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """The rules that decide what cases ask: the alerts that they name, and what they and their texts are made of."""
    asked = " ".join(f'"{what_of(case)}" {case.get("expr", "")}' for case in cases)
    chosen: list[dict[str, Any]] = []
    for rule in reversed(rules):
        if rule.get("record", f'"{rule.get("alert")}"') in asked:
            chosen.insert(0, rule)
            asked += " ".join((rule["expr"], *rule.get("annotations", {}).values()))
    return chosen


@cache
def read(path: Path) -> Any:
    """A file of YAML with all scalars as text, as promtool has them: YAML's `0x60` is the number 96 otherwise."""
    return yaml.load(path.read_text(encoding="utf-8"), yaml.CBaseLoader)  # noqa: S506  # makes no objects
