"""What PromQL names: whether each metric and label is there to be named, and which labels come out at the end."""

import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import singledispatchmethod
from typing import Any

import promql_parser as ast

from sysvitals.model.catalog import Catalog, Family
from sysvitals.model.metric import Label
from sysvitals.model.reading import fields_of

TARGET = frozenset({"job", "instance", "site"})
"""What Prometheus puts onto each series of a target; `site` stands for labels that users add, and that must survive."""

ASKED = frozenset({"sleeps"})
"""What users may say of a target by a label, and rules ask for."""

ANYTHING = "anything"
"""Stands for the value of a label that is known only when an alert fires."""

_COMPARISONS = frozenset({"==", "!=", "<", ">", "<=", ">="})
_SETS = frozenset({"and", "or", "unless"})
_PLAIN_ALTERNATIVES = re.compile(r"[\w|]+")


@dataclass(frozen=True)
class Metric:
    """The labels of a metric beside those of its target, and the values of those of which all values are known."""

    labels: frozenset[str]
    values: Mapping[str, frozenset[str]] = field(default_factory=dict)


Metrics = Mapping[str, Metric]

_STAYS = frozenset({"up", "ALERTS", "instance:up:max1d"})
"""What a failed scrape does not end."""

_ANY = "*"
"""Stands for whatever labels an alert has beside these."""
_ALERT = frozenset({"alertname", "alertstate", "severity", "subject"})
PROMETHEUS_OWN: Metrics = {
    "up": Metric(frozenset()),
    "scrape_duration_seconds": Metric(frozenset()),
    "scrape_samples_scraped": Metric(frozenset()),
}
"""What Prometheus itself writes for each target."""

SERVERS: Metrics = {
    "alertmanager_config_last_reload_successful": Metric(frozenset()),
    "alertmanager_notifications_failed_total": Metric(frozenset({"integration", "reason"})),
    "alertmanager_notifications_total": Metric(frozenset({"integration"})),
    "prometheus_config_last_reload_successful": Metric(frozenset()),
    "prometheus_notifications_alertmanagers_discovered": Metric(frozenset()),
    "prometheus_notifications_errors_total": Metric(frozenset({"alertmanager"})),
    "prometheus_rule_evaluation_failures_total": Metric(frozenset({"rule_group"})),
}
"""What the rules may name of Prometheus's and Alertmanager's own metrics."""

_HWMON = frozenset({"chip", "sensor"})
_BUILD = frozenset({"branch", "goarch", "goos", "goversion", "revision", "tags", "version"})
_UNAME = frozenset({"domainname", "machine", "nodename", "release", "sysname", "version"})
_INTERFACE = frozenset({"address", "adminstate", "broadcast", "device", "duplex", "ifalias", "operstate"})
NODE_EXPORTER: Metrics = {
    "node_boot_time_seconds": Metric(frozenset()),
    "node_context_switches_total": Metric(frozenset()),
    "node_cooling_device_cur_state": Metric(frozenset({"name", "type"})),
    "node_cooling_device_max_state": Metric(frozenset({"name", "type"})),
    "node_exporter_build_info": Metric(_BUILD),
    "node_hwmon_chip_names": Metric(frozenset({"chip", "chip_name"})),
    "node_hwmon_fan_rpm": Metric(_HWMON),
    "node_hwmon_in_lcrit_alarm_volts": Metric(_HWMON),
    "node_hwmon_pwm": Metric(_HWMON),
    "node_hwmon_temp_celsius": Metric(_HWMON),
    "node_hwmon_temp_crit_celsius": Metric(_HWMON),
    "node_hwmon_temp_max_celsius": Metric(_HWMON),
    "node_network_info": Metric(_INTERFACE),
    "node_thermal_zone_temp": Metric(frozenset({"type", "zone"})),
    "node_uname_info": Metric(_UNAME),
}
"""What the rules for node_exporter may name, with the labels that it has there."""


def list_metrics(catalog: Catalog) -> dict[str, Metric]:
    """All that the exporter exposes, what Prometheus adds, and what is named of node_exporter's."""
    metrics = {name: _metric(family, catalog) for name, family in catalog.families.items()}
    return metrics | dict(PROMETHEUS_OWN) | dict(SERVERS) | dict(NODE_EXPORTER)


def _metric(family: Family, catalog: Catalog) -> Metric:
    values: dict[str, set[str]] = {}
    opened: set[str] = set()
    for sample in family.samples:
        fixed = dict(sample.labels)
        for label, value in fixed.items():
            values.setdefault(label, set()).add(value)
        for declared in fields_of(sample.body):
            if isinstance(declared.mark, Label) and declared.name in family.labels:
                values.setdefault(declared.name, set()).update(declared.mark.values)
                opened |= set() if declared.mark.values else {declared.name}
    closed = {label: frozenset(known) for label, known in values.items() if label not in opened}
    if "collector" in family.labels:
        closed["collector"] = frozenset(collector.name for collector in catalog.collectors)
    return Metric(frozenset(family.labels), closed)


class Reading:
    """Reads PromQL against these metrics. `problems` collects what is wrong, in words."""

    def __init__(self, metrics: Metrics) -> None:
        self.metrics = metrics
        self.problems: list[str] = []

    def read(self, promql: str) -> frozenset[str]:
        """The labels of what comes out, those of the target among them where they survive."""
        return frozenset().union(*self.read_branches(promql))

    def read_branches(self, promql: str) -> list[frozenset[str]]:
        """The labels of each of the vectors that the outermost `or` joins."""
        try:
            return [self._labels(branch) for branch in _branches(ast.parse(promql))]
        except ValueError as error:
            self.problems.append(f"{promql!r} is no PromQL: {error}")
            return []

    @singledispatchmethod
    def _labels(self, node: Any) -> frozenset[str]:
        raise TypeError(f"{type(node).__name__} is new here")

    @_labels.register(ast.NumberLiteral)
    @_labels.register(ast.StringLiteral)
    def _(self, _node: Any) -> frozenset[str]:
        return frozenset()

    @_labels.register(ast.ParenExpr)
    @_labels.register(ast.UnaryExpr)
    @_labels.register(ast.SubqueryExpr)
    def _(self, node: Any) -> frozenset[str]:
        return self._labels(node.expr)

    @_labels.register
    def _(self, node: ast.MatrixSelector) -> frozenset[str]:
        return self._labels(node.vector_selector)

    @_labels.register
    def _(self, node: ast.VectorSelector) -> frozenset[str]:
        name = node.name or ""
        matchers = node.matchers.matchers
        if name == "ALERTS":  # whatever labels the alert has
            ours = frozenset().union(*(metric.labels for metric in self.metrics.values()))
            self._need({m.name for m in matchers} - TARGET - ours, _ALERT, name)
            return _ALERT | TARGET | {_ANY}
        metric = self.metrics.get(name)
        if metric is None:
            self.problems.append(f"there is no metric {name or 'without a name'}")
            return frozenset(m.name for m in matchers) | TARGET
        labels = metric.labels | TARGET
        self._need({m.name for m in matchers} - ASKED, labels, name)
        for matcher in matchers:
            known = metric.values.get(matcher.name)
            if known is not None:
                strange = [value for value in _plain_values(matcher) if value not in known | {ANYTHING}]
                self.problems += [f"{name} never has {matcher.name}={value!r}" for value in strange]
        return labels

    @_labels.register
    def _(self, node: ast.Call) -> frozenset[str]:
        name = node.func.name
        if name in ("label_replace", "label_join"):
            vector, *words = node.args
            labels = self._labels(vector)
            texts = [word.val for word in words]
            sources = [texts[2]] if name == "label_replace" else texts[2:]
            self._need({source for source in sources if source}, labels, name)
            return labels | {texts[0]}
        inner: frozenset[str] = frozenset().union(*(self._labels(argument) for argument in node.args))
        if name in ("absent", "absent_over_time"):
            return frozenset(
                m.name
                for selector in selectors_of(node)
                for m in selector.matchers.matchers
                if m.op == ast.MatchOp.Equal
            )
        return inner

    @_labels.register
    def _(self, node: ast.AggregateExpr) -> frozenset[str]:
        inner = self._labels(node.expr)
        if str(node.op) in ("topk", "bottomk"):
            return inner
        if node.modifier is None:
            return frozenset()
        named = set(node.modifier.labels)
        self._need(named, inner, str(node.op))
        return inner & named if node.modifier.type == ast.AggModifierType.By else inner - named

    @_labels.register
    def _(self, node: ast.BinaryExpr) -> frozenset[str]:
        left, right = self._labels(node.lhs), self._labels(node.rhs)
        if isinstance(node.rhs, ast.NumberLiteral):
            return left
        if isinstance(node.lhs, ast.NumberLiteral):
            return right
        matching = node.modifier.matching if node.modifier else None
        named = set(matching.labels) if matching else set()
        self._need(named, left, f"left of {node.op}")
        self._need(named, right, f"right of {node.op}")
        if str(node.op) in _SETS:
            return left | right if str(node.op) == "or" else left
        return self._joined(node, left, right)

    def _joined(self, node: ast.BinaryExpr, left: frozenset[str], right: frozenset[str]) -> frozenset[str]:
        if node.modifier is None or node.modifier.matching is None:
            self._need_alike(left, right, node)
            return left | right
        matching, taken = node.modifier.matching, set(node.modifier.group_labels or ())
        named = set(matching.labels)
        includes = matching.type == ast.LabelModifierType.Include
        rests = [labels - named if includes else labels & named for labels in (left, right)]
        if node.modifier.card != ast.VectorMatchCardinality.ManyToOne:
            self._need_one(rests[0], f"left of {node.op}")
        if node.modifier.card != ast.VectorMatchCardinality.OneToMany:
            self._need_one(rests[1], f"right of {node.op}")
        if node.modifier.card == ast.VectorMatchCardinality.ManyToOne:
            self._need(taken, right, f"right of {node.op}")
            return left | taken
        if node.modifier.card == ast.VectorMatchCardinality.OneToMany:
            self._need(taken, left, f"left of {node.op}")
            return right | taken
        return left & named if includes else left - named

    def _need_one(self, rest: frozenset[str], where: str) -> None:
        # a target that is given another label has two series for as long as a window: the rule would fail for all hosts
        if rest:
            self.problems.append(f"{where} may be several series that differ in {', '.join(sorted(rest))}")

    def _need(self, named: Iterable[str], there: frozenset[str], where: str) -> None:
        if _ANY not in there:
            self.problems += [f"{where} has no label {label}" for label in sorted(set(named) - there)]

    def _need_alike(self, left: frozenset[str], right: frozenset[str], node: ast.BinaryExpr) -> None:
        # a scalar function on one side has no labels at all
        if left and right and left != right and _ANY not in left | right:
            odd = ", ".join(sorted(left ^ right))
            self.problems.append(f"the sides of {node.op} never meet: only one of them has {odd}")


def selectors_of(node: Any) -> Iterator[ast.VectorSelector]:
    """All selectors in a tree."""
    for part in walk(node):
        if isinstance(part, ast.VectorSelector):
            yield part


def ended_by_a_failed_scrape(promql: str) -> set[str]:
    """The selectors of scraped and recorded series that are asked for their present value and for no last one."""
    parts = list(walk(ast.parse(promql)))
    everything = Counter(
        str(part) for part in parts if isinstance(part, ast.VectorSelector) and part.name not in _STAYS
    )
    ranges = Counter(str(part.vector_selector) for part in parts if isinstance(part, ast.MatrixSelector))
    calls = [part for part in parts if isinstance(part, ast.Call) and part.func.name == "last_over_time"]
    lasts = {str(call.args[0].vector_selector) for call in calls if isinstance(call.args[0], ast.MatrixSelector)}
    return {*(everything - ranges)} - lasts


def compared_numbers(promql: str) -> list[float]:
    """The numbers that anything is compared with, from left to right."""
    found: list[float] = []
    for part in walk(ast.parse(promql)):
        if isinstance(part, ast.BinaryExpr) and str(part.op) in _COMPARISONS:
            found += [number for side in (part.lhs, part.rhs) if (number := _number(side)) is not None]
    return found


def walk(node: Any) -> Iterator[Any]:
    """A tree's parts, from the outside to the inside and from left to right."""
    yield node
    if isinstance(node, ast.BinaryExpr):
        children = [node.lhs, node.rhs]
    elif isinstance(node, ast.Call):
        children = list(node.args)
    elif isinstance(node, ast.MatrixSelector):
        children = [node.vector_selector]
    elif isinstance(node, ast.AggregateExpr):
        children = [node.expr] if node.param is None else [node.param, node.expr]
    elif isinstance(node, ast.ParenExpr | ast.UnaryExpr | ast.SubqueryExpr):
        children = [node.expr]
    else:
        children = []
    for child in children:
        yield from walk(child)


def _branches(node: Any) -> Iterator[Any]:
    if isinstance(node, ast.ParenExpr):
        yield from _branches(node.expr)
    elif isinstance(node, ast.BinaryExpr) and str(node.op) == "or":
        yield from _branches(node.lhs)
        yield from _branches(node.rhs)
    else:
        yield node


def _number(node: Any) -> float | None:
    sign = 1.0
    while isinstance(node, ast.ParenExpr | ast.UnaryExpr):
        sign = -sign if isinstance(node, ast.UnaryExpr) else sign
        node = node.expr
    return sign * node.val if isinstance(node, ast.NumberLiteral) else None


def _plain_values(matcher: ast.Matcher) -> list[str]:
    if matcher.op in (ast.MatchOp.Equal, ast.MatchOp.NotEqual):
        return [matcher.value]
    return matcher.value.split("|") if _PLAIN_ALTERNATIVES.fullmatch(matcher.value) else []
