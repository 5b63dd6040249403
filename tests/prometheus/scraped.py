"""The stories of the tests of the rules as a Prometheus would scrape them.

People write a series each minute or so, on the minute. Scrapes come at an odd offset, a second early or late, and now
and then not at all. In half of the stories such a scrape fails instead: `up` is 0, and the other series of its target
end until the next one. A story with an `up` of its own says itself when scrapes fail. This makes such stories of the
written ones, the same in each run. A value that is written as a
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
"""Part of the scrapes that do not come, or fail. After a missed one the next one comes."""

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


def choose_times(seed: str, interval: int, until: int, missed: float = MISSED) -> dict[int, bool]:
    """When a target is scraped, at an offset of its own, a second early or late, and which of these scrapes succeed."""
    dice = random.Random(seed)  # noqa: S311  # the same in each run
    offset = dice.randrange(1, interval)
    times: dict[int, bool] = {}
    skipped = True  # so that the first one comes
    for due in range(offset, until + 1, interval):
        skipped = not skipped and dice.random() < missed
        times[due if skipped else due + dice.choice((-1, 0, 0, 0, 1))] = not skipped
    return times


def sample(values: str, every: float, times: Mapping[int, bool], grid: int = 1) -> str:
    """What scrapes at these times see of a series written each `every` seconds, on a grid of so many seconds.

    One that is not answered ends what there is.
    """
    pieces = parse(values)
    starts = [piece.start for piece in pieces]
    ends = pieces[-1].start + pieces[-1].points
    seen: dict[int, str] = {}
    before = -1
    for time, is_answered in times.items():
        point = time / every
        if point >= ends:
            break
        number = bisect_right(starts, point) - 1
        value = pieces[number].at(point)
        if value is not None and not math.isnan(value):
            word = f"{value:.15g}" if is_answered else "stale"
        elif any(_is_stale(piece) for piece in pieces[before + 1 : number + 1]):
            word = "stale"  # a marker may lie between two scrapes; a value after it hides it
        else:
            continue
        before = number
        seen[time] = word
    return _write_values(seen, grid)


def _write_values(seen: Mapping[int, str], grid: int) -> str:
    """What was seen at each second, as promtool takes it."""
    words: list[str] = []
    written = 0
    for time, word in seen.items():
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
        every, series = seconds_of(self.written["interval"]), self.written["input_series"]
        fails = self.number // 2 % 2 == 0 and not any(one["series"].startswith("up{") for one in series)
        times: dict[str, dict[int, bool]] = {}
        for one in series:
            labels = sorted(_TARGET.findall(one["series"]))
            target = ",".join(labels)
            if target not in times:
                seed = f"{self.written['name']} {' '.join(labels)} {self.interval}"
                chosen = choose_times(seed, self.interval, until, self.missed)
                times[target] = {time: answers for time, answers in chosen.items() if answers or fails}
                if fails:
                    ups = {time: f"{answers:d}" for time, answers in chosen.items()}
                    yield {"series": f"up{{{target}}}", "values": _write_values(ups, grid)}
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
