"""Writes samples of the past into a real Prometheus, with the marks of staleness that a scrape leaves behind.

By remote write, because blocks made by promtool can hold no such marks: a host that is silent would seem alive for
five minutes more, and an alert that is over would go on. What the rules make of the samples is written behind them.
"""

import math
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path

from tests.grafana.evaluation import Rule, RuleEvaluator, load_rules
from tests.grafana.night import Scrape, read_record, record
from tests.grafana.plan import Plan, Target
from tests.grafana.remote_write import STALE, Labels, Series
from tests.grafana.server import Server, run_prometheus

JOB = "sysvitals"

PIECE_SECONDS = 1800
"""So far the rules follow the samples at a time: Prometheus takes samples up to an hour older than its newest."""

_SERIES = re.compile(r'([a-zA-Z_]\w*)="((?:[^"\\]|\\.)*)"')
_ESCAPES = {"\\\\": "\\", '\\"': '"', "\\n": "\n"}


class ScrapedSeries:
    """What a Prometheus would have stored of the scrapes of one target: labels, `up` and its like, staleness."""

    def __init__(self, target: Target) -> None:
        self._target = {**target.labels, "instance": target.instance, "job": JOB}
        self._known: dict[str, Labels] = {}
        self._before: frozenset[str] = frozenset()

    def add(self, scrape: Scrape, found: Series) -> None:
        """One scrape's samples."""
        now = scrape.time
        lines = scrape.lines or ()
        names = set()
        for line in lines:
            name, _, value = line.rpartition(" ")
            names.add(name)
            self._put(name, now, float(value), found)
        fresh = frozenset(names)
        added = len(fresh - self._before)
        for name in self._before - fresh:
            self._put(name, now, STALE, found)
        self._before = fresh
        self._put("up", now, float(scrape.lines is not None), found)
        self._put("scrape_duration_seconds", now, scrape.seconds, found)
        self._put("scrape_samples_scraped", now, len(lines), found)
        self._put("scrape_samples_post_metric_relabeling", now, len(lines), found)
        self._put("scrape_series_added", now, added, found)

    def drop(self, moment: int, found: Series) -> None:
        """The target is no target any more."""
        for name in (*self._before, *(n for n in self._known if n.startswith(("up", "scrape_")))):
            self._put(name, moment, STALE, found)
        self._before = frozenset()

    def _put(self, name: str, moment: int, value: float, found: Series) -> None:
        labels = self._known.get(name)
        if labels is None:
            labels = self._known[name] = parse_series(name, self._target)
        found.setdefault(labels, []).append((moment, value))


def parse_series(text: str, target: Mapping[str, str]) -> Labels:
    """The labels of `name{label="value"}`, with those of its target, sorted."""
    name, _, rest = text.partition("{")
    own = {key: _unescape(value) for key, value in _SERIES.findall(rest)}
    return tuple(sorted({**own, **target, "__name__": name}.items()))


def write_recording(server: Server, plan: Plan, records: Mapping[str, Iterable[Scrape]], rules: Sequence[Rule]) -> int:
    """Write the scrapes of each instance, and piece by piece what the rules make of them. Returns how many samples."""
    flows = [_Flow(target, plan, iter(records[target.instance])) for target in plan.targets]
    evaluator = RuleEvaluator(rules)
    written = 0
    begins, end = plan.start - max(map(plan.before, plan.targets)), plan.start + plan.lasts
    while begins < end:
        ends = min(begins + PIECE_SECONDS, end)
        for flow in flows:
            found = flow.take(ends)
            written += sum(map(len, found.values()))
            server.write(found)
        evaluator.evaluate(server, begins, ends, at_least=0.0 if begins >= plan.start else plan.every_before)
        begins = ends
    return written


def build_recording(plan: Plan, data: Path, *, played: Path, rules: Iterable[Path], processes: int) -> int:
    """Play all targets into the folder `played`, or take what was played there, and write it all into `data`.

    Returns how many samples there are.
    """
    records = {instance: read_record(path) for instance, path in play_all(plan, played, processes).items()}
    with run_prometheus(data, log=played / "prometheus.log") as server:
        return write_recording(server, plan, records, load_rules(rules, plan.every))


def play_all(plan: Plan, folder: Path, processes: int) -> dict[str, Path]:
    """The record of each instance in this folder; those that are not there are played."""
    paths = {target.instance: folder / f"{target.instance}.gz" for target in plan.targets}
    missing = [(target, plan, path) for target in plan.targets if not (path := paths[target.instance]).exists()]
    with ProcessPoolExecutor(processes, mp_context=get_context("spawn")) as pool:
        list(pool.map(_record, missing))
    return paths


def _record(task: tuple[Target, Plan, Path]) -> None:
    target, plan, path = task
    unfinished = path.with_suffix(".part")
    record(target, plan, unfinished)
    unfinished.rename(path)


class _Flow:
    """The scrapes of one target, taken as time goes on."""

    def __init__(self, target: Target, plan: Plan, scrapes: Iterator[Scrape]) -> None:
        self._series = ScrapedSeries(target)
        self._scrapes = scrapes
        self._next = next(scrapes, None)
        self._dropped = plan.start + target.dropped

    def take(self, before: float) -> Series:
        """The samples before that moment, in Unix seconds."""
        found: Series = {}
        while self._next is not None and self._next.time < before * 1000:
            self._series.add(self._next, found)
            self._next = next(self._scrapes, None)
        if self._dropped < before:
            self._series.drop(round(self._dropped * 1000), found)
            self._dropped = math.inf
        return found


def _unescape(text: str) -> str:
    return re.sub(r'\\[\\"n]', lambda match: _ESCAPES[match[0]], text) if "\\" in text else text
