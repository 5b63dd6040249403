"""The two engines: which alerts Prometheus's rules fire in a story, and which the host's judgements do."""

import json
import math
import re
import subprocess
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import NamedTuple

from prometheus.rulebook import recording
from prometheus.rulebook.subjects import SUBJECTS
from sysvitals.judgement.engine import Engine
from sysvitals.judgement.judgement import Judgement
from sysvitals.judgement.judgements import JUDGEMENTS
from sysvitals.judgement.rule import Alert, Record, Subject, render_subject
from sysvitals.judgement.standing import Key
from sysvitals.model.samples import Samples
from tests.judgement.stories import FAMILIES, Series, Story, read_samples, seconds_of
from tests.tools import need_tool

START, UPTIME = 1_795_204_800.0, 1e6

Fired = dict[tuple[str, str, str, tuple[str, ...]], list[int]]
"""Instance, alert, severity and subject, with the evaluations, counted from 0, at which it fired."""

_BLOCK = re.compile(r"time: (?P<time>\w+),\s+exp:.*?got:(?P<got>.*?)(?=\n\s+expr:|\n\s*name:|\n\s*\n|\Z)", re.DOTALL)
_FIRING = re.compile(r'\{__name__="ALERTS", (?P<labels>[^}]*)\}')
_LABEL = re.compile(r'(\w+)="([^"]*)"')


@dataclass
class StoryHost:
    """A host at one moment of a story: `up` is its uptime in seconds."""

    up: float
    samples: Samples = field(default_factory=dict)

    def uptime(self) -> float:
        return self.up

    def wall(self) -> float:
        return START + self.up

    def read(self) -> Samples:
        return self.samples


def judge_story(story: Story, judgements: Iterable[Judgement] = JUDGEMENTS) -> Fired:
    """What fires of the host's judgements."""
    judgements = tuple(judgements)
    fired: Fired = {}
    for instance, series in story.hosts.items():
        for number, firing in enumerate(_judge_host(story, series, judgements)):
            for key in firing:
                fired.setdefault((instance, *key), []).append(number)
    return fired


def _judge_host(story: Story, series: Sequence[Series], judgements: Sequence[Judgement]) -> Iterator[frozenset[Key]]:
    """What fires at each evaluation. Where the uptime goes back, a board starts without a memory."""
    uptimes = dict(enumerate(next((one.values for one in series if one.metric == "system_uptime_seconds"), ())))
    host = StoryHost(math.inf)
    for step in range(story.steps):
        up = uptimes.get(step) or (host.up + story.every if step else UPTIME)
        if up < host.up:
            host = StoryHost(up - story.every)
            engine = Engine(judgements, FAMILIES, clock=host, read=host.read)
            engine.judge()  # before there is anything to find, so that nothing is taken for older than it is
        host.up, host.samples = up, read_samples(series, step)
        engine.judge()
        if step * story.every % story.rhythm == 0:
            yield engine.firing


def fire_rules(stories: Iterable[Story], name: str, folder: Path) -> list[Fired]:
    """What Prometheus's rules of this subject fire in each story, by promtool."""
    (folder / "rules.yml").write_text(_write_rules(name), encoding="utf-8")
    return [_fire(story, folder / f"{number}.yml") for number, story in enumerate(stories)]


def _write_rules(name: str) -> str:
    """Just the rules that decide: without texts, and with those recording rules alone that they ask for."""
    alerts = next(subject for subject in SUBJECTS if subject.name == name).rules
    asked = "\n".join(rule.expression for rule in alerts)
    records: list[Record] = []
    for rule in reversed(recording.SUBJECT.rules):
        if isinstance(rule, Record) and rule.name in asked:
            records.insert(0, rule)
            asked += rule.expression
    bare = tuple(replace(rule, summary="-", description="-") if isinstance(rule, Alert) else rule for rule in alerts)
    return render_subject(Subject(name, "What decides.", (*records, *bare)))


def _fire(story: Story, path: Path) -> Fired:
    evaluations = int((story.steps - 1) * story.every // story.rhythm) + 1
    test = {
        "interval": f"{story.every:g}s",
        "input_series": [{"series": series, "values": values} for series, values in story.written],
        # asked as if nothing fired, so that promtool says what does
        "promql_expr_test": [
            {"expr": 'ALERTS{alertstate="firing"}', "eval_time": f"{number * story.rhythm:g}s", "exp_samples": []}
            for number in range(evaluations)
        ],
    }
    content = {
        "rule_files": ["rules.yml"],
        "evaluation_interval": f"{story.rhythm:g}s",
        "tests": [test],
    }
    path.write_text(json.dumps(content), encoding="utf-8")
    done = subprocess.run(
        [need_tool("promtool"), "test", "rules", str(path)], capture_output=True, text=True, timeout=300, check=False
    )
    fired: Fired = {}
    for block in _BLOCK.finditer(done.stdout + done.stderr):
        number = round(seconds_of(block["time"]) / story.rhythm)
        for found in _FIRING.finditer(block["got"]):
            labels = dict(_LABEL.findall(found["labels"]))
            key = (labels.get("instance", ""), labels["alertname"], labels["severity"], _subject_of(labels))
            fired.setdefault(key, []).append(number)
    return fired


def _subject_of(labels: Mapping[str, str]) -> tuple[str, ...]:
    """What an alert is about, as the host's judgement names it."""
    names = next((names for names in _SUBJECTS if labels.keys() >= {*names}), ())
    return tuple(labels[name] for name in names)


_SUBJECTS = (("chip", "fan"), ("mountpoint",), ("device",), ("part",), ("component",), ("chip",))
"""The labels that are an alert's subject: the first of these that it has."""


class Difference(NamedTuple):
    """An alert that the two do not fire at the same evaluations, from the first to the last of each stretch."""

    alert: str
    severity: str
    host: list[tuple[int, int]]
    rules: list[tuple[int, int]]

    @property
    def apart(self) -> float:
        """By how many evaluations at most; infinite where only one of them fires."""
        if len(self.host) != len(self.rules):
            return math.inf
        ends = zip(sum(self.host, ()), sum(self.rules, ()), strict=True)
        return max(abs(one - other) for one, other in ends)


def find_differences(rules: Fired, host: Fired) -> list[Difference]:
    """Where the two are more than one evaluation apart."""
    found = [
        Difference(key[1], key[2], _stretches(host.get(key, ())), _stretches(rules.get(key, ())))
        for key in sorted({*rules, *host})
    ]
    return [difference for difference in found if difference.apart > 1]


def _stretches(numbers: Iterable[int]) -> list[tuple[int, int]]:
    stretches: list[tuple[int, int]] = []
    for number in numbers:
        if stretches and number == stretches[-1][1] + 1:
            stretches[-1] = (stretches[-1][0], number)
        else:
            stretches.append((number, number))
    return stretches
