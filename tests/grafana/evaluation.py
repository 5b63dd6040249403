"""Evaluates rules in the past, by the server that would have done it then: what they record, and which alerts fire."""

import math
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from tests.grafana.remote_write import STALE, Labels, Series
from tests.grafana.server import Server


@dataclass(frozen=True, slots=True)
class Rule:
    """A rule as it stands in a file; durations in seconds. `record` and `alert` are names, of which one is empty."""

    record: str
    alert: str
    expr: str
    lasts: float
    keeps: float
    labels: Mapping[str, str]
    interval: float


@dataclass(slots=True)
class ActiveAlert:
    """One alert that is pending or firing. Times in Unix seconds."""

    since: float
    is_firing: bool = False
    absent_since: float | None = None


class RuleEvaluator:
    """Evaluates rules over one span after another, as Prometheus would have at each interval."""

    def __init__(self, rules: Sequence[Rule]) -> None:
        self._rules = rules
        self._before: dict[int, set[Labels]] = {}
        self._active: dict[int, dict[Labels, ActiveAlert]] = {}

    def evaluate(self, server: Server, begins: float, ends: float, *, at_least: float = 0.0) -> None:
        """Evaluate from `begins` on and before `ends` (Unix seconds), and write what comes of it.

        `at_least` is the shortest interval, in seconds.
        """
        for number, rule in enumerate(self._rules):
            interval = max(rule.interval, at_least)
            moments = _moments(begins, ends, interval)
            if not moments:
                continue
            data = server.ask("query_range", query=rule.expr, start=moments[0], end=moments[-1], step=interval)
            results = _by_moment(data["result"], moments)
            found: Series = {}
            for moment, result in zip(moments, results, strict=True):
                samples = self._alerts(number, rule, moment, result) if rule.alert else _recorded(rule, result)
                self._store(number, round(moment * 1000), samples, found)
            server.write(found)

    def _store(self, number: int, now: int, samples: Mapping[Labels, float], found: Series) -> None:
        for labels, value in samples.items():
            found.setdefault(labels, []).append((now, value))
        for labels in self._before.get(number, set()) - samples.keys():
            found.setdefault(labels, []).append((now, STALE))
        self._before[number] = set(samples)

    def _alerts(self, number: int, rule: Rule, now: float, result: Mapping[Labels, float]) -> dict[Labels, float]:
        active = self._active.setdefault(number, {})
        present = {_relabel(labels, {**rule.labels, "alertname": rule.alert}, name=None) for labels in result}
        for labels in present:
            active.setdefault(labels, ActiveAlert(now)).absent_since = None
        samples: dict[Labels, float] = {}
        for labels, alert in list(active.items()):
            if labels not in present and not _is_kept(alert, rule, now):
                del active[labels]
                continue
            alert.is_firing = alert.is_firing or now - alert.since >= rule.lasts
            state = "firing" if alert.is_firing else "pending"
            samples[_relabel(labels, {"alertstate": state}, name="ALERTS")] = 1.0
            samples[_relabel(labels, {}, name="ALERTS_FOR_STATE")] = float(int(alert.since))
        return samples


def load_rules(paths: Iterable[Path], interval: float) -> list[Rule]:
    """All rules of these files; `interval` is where a group has none of its own.

    Alerts come after the records that they are made of, and before the records that are made of alerts.
    """
    rules = []
    for path in sorted(paths):
        for group in yaml.safe_load(path.read_text(encoding="utf-8"))["groups"]:
            every = parse_duration(group["interval"]) if "interval" in group else interval
            rules += [
                Rule(
                    record=rule.get("record", ""),
                    alert=rule.get("alert", ""),
                    expr=rule["expr"],
                    lasts=parse_duration(rule.get("for", "0s")),
                    keeps=parse_duration(rule.get("keep_firing_for", "0s")),
                    labels=rule.get("labels", {}),
                    interval=every,
                )
                for rule in group.get("rules") or ()
            ]
    return sorted(rules, key=lambda rule: 1 if rule.alert else 2 * ("ALERTS{" in rule.expr))


def parse_duration(text: str) -> float:
    """Seconds of Prometheus's `1h30m`."""
    seconds = {"ms": 0.001, "s": 1, "m": 60, "h": 3600, "d": 86400, "w": 604800, "y": 31536000}
    return float(sum(int(number) * seconds[unit] for number, unit in re.findall(r"(\d+)(ms|[smhdwy])", text)))


def _is_kept(alert: ActiveAlert, rule: Rule, now: float) -> bool:
    if not alert.is_firing or not rule.keeps:
        return False
    if alert.absent_since is None:
        alert.absent_since = now
    return now - alert.absent_since < rule.keeps


def _recorded(rule: Rule, result: Mapping[Labels, float]) -> dict[Labels, float]:
    return {_relabel(labels, rule.labels, name=rule.record): value for labels, value in result.items()}


def _relabel(labels: Labels, more: Mapping[str, str], *, name: str | None) -> Labels:
    merged = {key: value for key, value in labels if key != "__name__"} | dict(more)
    if name is not None:
        merged["__name__"] = name
    return tuple(sorted(merged.items()))


def _moments(begins: float, ends: float, interval: float) -> list[float]:
    first = math.ceil(begins / interval)
    return [number * interval for number in range(first, math.ceil(ends / interval))]


def _by_moment(result: Iterable[Any], moments: Sequence[float]) -> list[dict[Labels, float]]:
    places = {round(moment * 1000): place for place, moment in enumerate(moments)}
    found: list[dict[Labels, float]] = [{} for _ in moments]
    for series in result:
        labels = tuple(sorted(series["metric"].items()))
        for moment, value in series["values"]:
            found[places[round(float(moment) * 1000)]][labels] = float(value)
    return found
