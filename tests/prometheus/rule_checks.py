"""What must hold for the rules, as functions that name each breach in words, so that they can be tried on bad rules."""

import re
from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import yaml

from sysvitals.judgement.links import RUNBOOK_URL
from sysvitals.judgement.rule import Alert, Record, Subject
from sysvitals.model.catalog import Catalog
from tests.prometheus.promql import ANYTHING, TARGET, Metric, Metrics, Reading, list_metrics

FLEET_WIDE = frozenset({"NoHosts", "Watchdog"})
"""Alerts that are of no host."""

ALWAYS = frozenset({"Watchdog"})
"""Alerts that always fire: there is no case in which they must not."""

HEAD_SECTIONS = frozenset({"Silence one", "Change a threshold"})
"""Sections of the runbook that are of no alert."""

SUMMARY_MOST = 100
DESCRIPTION_MOST = 400
"""Characters that the message templates show of each."""

_QUESTION = re.compile(r"printf `([^`]*)`(?: \$labels\.\w+)* \| query")
_OWN_LABEL = re.compile(r"\$labels\.(\w+)")
_ANSWERS_LABEL = re.compile(r'label "(\w+)"|\.Labels\.(\w+)')
_NUMBER_AND_UNIT = re.compile(r"\d ?(°C|%|dBm|[A-Za-z]+)")
_BROKEN = re.compile(r"<error|%!|NaN|<no value>|\bInf\b")
_HEADING = re.compile(r"^(#{1,6}) +(.+?) *$", re.MULTILINE)
_ROW = re.compile(r"^\| *\[(\w+)\]\(#(\w+)\) *\|([^|]*)\|([^|]*)\|([^|]*)\|", re.MULTILINE)
_PROMQL = re.compile(r"\b(system|sysvitals|node|process)_\w+|\bup\{|\w+:\w+:\w+|\bALERTS\{")
_PROGRAMS = frozenset({"amtool", "curl", "grep", "promtool", "sudo", "sysvitals"})
_METRIC_NAME = re.compile(r"(?<![\w:])(?:system|sysvitals)_[a-z0-9_]+|\b[a-z]+:[a-z0-9_]+:[a-z0-9_]+")


@dataclass(frozen=True)
class Expected:
    """An alert that a case expects to fire."""

    labels: dict[str, str]
    annotations: dict[str, str]


@dataclass(frozen=True)
class Case:
    """One question of a test of rules: at this time of that story these alerts of this name fire, and no others."""

    story: str
    alertname: str
    time: str
    expected: tuple[Expected, ...]

    def severities(self) -> set[str]:
        """Those with which the alert fires here."""
        return {expected.labels.get("severity", "") for expected in self.expected}

    def __str__(self) -> str:
        return f"{self.story}: {self.alertname} at {self.time}"


def load_cases(path: Path) -> list[Case]:
    """The cases of a file of tests."""
    content = yaml.load(path.read_text(encoding="utf-8"), yaml.CSafeLoader)
    return [
        Case(
            test.get("name", ""),
            case["alertname"],
            case["eval_time"],
            tuple(Expected(alert["exp_labels"], alert.get("exp_annotations", {})) for alert in case["exp_alerts"]),
        )
        for test in content["tests"]
        for case in test.get("alert_rule_test", ())
    ]


def alerts_of(subject: Subject) -> list[Alert]:
    """A subject's alerts."""
    return [rule for rule in subject.rules if isinstance(rule, Alert)]


# names and labels


def find_metrics(catalog: Catalog, subjects: Iterable[Subject]) -> dict[str, Metric]:
    """All metrics that rules may name: those of the catalog, and those that recording rules make of them."""
    metrics = list_metrics(catalog)
    for subject in subjects:
        for rule in subject.rules:
            if isinstance(rule, Record):
                metrics[rule.name] = Metric(Reading(metrics).read(rule.expression) - TARGET)
    return metrics


def find_name_problems(rule: Alert | Record, metrics: Metrics) -> list[str]:
    """Metrics and labels in the expression that do not exist, and labels that get lost on the way."""
    reading = Reading(metrics)
    branches = reading.read_branches(rule.expression)
    problems = list(reading.problems)
    if isinstance(rule, Alert):
        if len({*branches}) > 1:
            problems.append("its parts have different labels: it would be several alerts")
        lost = TARGET - frozenset().union(*branches)
        if lost and rule.name not in FLEET_WIDE:
            problems.append(f"labels of the target get lost: {', '.join(sorted(lost))}")
    return [f"{rule.name}: {problem}" for problem in problems]


def find_text_problems(rule: Alert, metrics: Metrics) -> list[str]:
    """What the annotations name and is not there, and a summary that does not begin with its host."""
    own = Reading(metrics).read(rule.expression)
    problems: list[str] = []
    for text in (rule.summary, rule.description):
        reading = Reading(metrics)
        answers: frozenset[str] = frozenset().union(*(reading.read(question) for question in questions_of(text)))
        problems += reading.problems
        problems += [f"the alert has no label {name}" for name in _OWN_LABEL.findall(text) if name not in own]
        asked = {first or second for first, second in _ANSWERS_LABEL.findall(text)}
        problems += [f"no answer has a label {name}" for name in sorted(asked - answers)]
    if rule.name not in FLEET_WIDE and not rule.summary.startswith("{{ $labels.instance }}: "):
        problems.append("its summary does not begin with the instance")
    return [f"{rule.name}: {problem}" for problem in problems]


def questions_of(template: str) -> list[str]:
    """The PromQL that a template asks, with something in the place of its values."""
    return [question.replace("%q", f'"{ANYTHING}"') for question in _QUESTION.findall(template)]


# cases


def find_case_problems(alerts: Iterable[Alert], cases: Collection[Case]) -> list[str]:
    """Alerts without a case in which they fire, or without one in which they must not, and cases of no alert."""
    alerts = list(alerts)
    problems = []
    for alert in alerts:
        mine = [case for case in cases if case.alertname == alert.name]
        what = f"{alert.name} ({alert.severity})"
        if not any(alert.severity in case.severities() for case in mine):
            problems.append(f"{what} has no case in which it fires")
        if alert.name not in ALWAYS and not any(alert.severity not in case.severities() for case in mine):
            problems.append(f"{what} has no case in which it must not fire")
    names = {alert.name for alert in alerts}
    problems += [f"{case}: there is no such alert" for case in cases if case.alertname not in names]
    return problems


def find_wording_problems(alert: Alert, cases: Iterable[Case]) -> list[str]:
    """What is wrong with the texts as people get them."""
    problems = []
    for case in cases:
        for expected in case.expected:
            if case.alertname == alert.name and expected.labels.get("severity") == alert.severity:
                problems += [f"{case}: {problem}" for problem in _wording(alert, expected)]
    return problems


def _wording(alert: Alert, expected: Expected) -> Iterator[str]:
    summary = expected.annotations.get("summary", "")
    description = expected.annotations.get("description", "")
    if len(summary) > SUMMARY_MOST:
        yield f"the summary has {len(summary)} characters"
    if not description or len(description) > DESCRIPTION_MOST:
        yield f"the description has {len(description)} characters"
    if alert.name not in FLEET_WIDE and not summary.startswith(f"{expected.labels.get('instance')}: "):
        yield "the summary does not begin with the instance"
    is_state = alert.threshold in (0, 1) and not alert.value.startswith(("changes(", "increase(", "resets("))
    if not is_state and not _NUMBER_AND_UNIT.search(description):
        yield "the description has no value with a unit"
    if _BROKEN.search(summary + description):
        yield "something in its template went wrong"


# blind rules: each fires on whatever there is to look at, so that a case in which it must not must fail


def blind(subject: Subject) -> Subject:
    """The subject with alerts that no longer compare and no longer wait."""
    return replace(subject, rules=tuple(_blinded(rule) if isinstance(rule, Alert) else rule for rule in subject.rules))


def _blinded(alert: Alert) -> Alert:
    # where something is absent there is nothing to look at: it fires on nothing
    value = "vector(1)" if "absent(" in alert.value else alert.value
    at_once = replace(alert, condition="", lasts="0s", keeps="0s")
    words = "not read, and texts take time"
    return replace(at_once, value=f"({value}) * 0", compares="==", threshold=0, summary=words, description=words)


def find_failed_cases(promtool_said: str) -> set[tuple[str, str, str]]:
    """Alert, time and severity of what fired without being expected."""
    failed = set()
    for name, time, expected, got in re.findall(
        r"alertname: (\S+), time: (\S+),\s+exp:(.*?),\s+got:(.*?)(?=\n\s+alertname:|\n\s+name:|\n\s*\n|\Z)",
        promtool_said,
        re.DOTALL,
    ):
        severities = set(re.findall(r'severity="(\w+)"', got)) - set(re.findall(r'severity="(\w+)"', expected))
        failed |= {(name, time, severity) for severity in severities}
    return failed


# the runbook


def find_runbook_problems(alerts: Iterable[Alert], text: str) -> list[str]:
    """Alerts whose link leads nowhere, sections of no alert, and a table that does not list all as they are."""
    by_name: dict[str, list[Alert]] = {}
    for alert in alerts:
        by_name.setdefault(alert.name, []).append(alert)
    anchors = anchors_of(text)
    sections = [title for level, title in _HEADING.findall(text) if level == "###" and title not in HEAD_SECTIONS]
    rows = {row[0]: tuple(cell.strip() for cell in row[1:]) for row in _ROW.findall(text)}
    right = {name: _row(found) for name, found in by_name.items()}
    return [
        *(
            f"{RUNBOOK_URL}#{name.lower()} leads to {anchors.count(name.lower())} places"
            for name in by_name
            if anchors.count(name.lower()) != 1
        ),
        *(f"the runbook has a section {name}, and there is no such alert" for name in sections if name not in by_name),
        *(f"the table has {name}, and there is no such alert" for name in rows if name not in by_name),
        *(f"the table has {name} as {rows.get(name)}: {row}" for name, row in right.items() if rows.get(name) != row),
    ]


def _row(alerts: list[Alert]) -> tuple[str, ...]:
    """The cells of a row of the table: anchor, severities, how long it must last, how long it is kept."""
    return (
        alerts[0].name.lower(),
        ", ".join(alert.severity for alert in alerts),
        _join("immediately" if alert.lasts == "0s" else alert.lasts for alert in alerts),
        _join("" if alert.keeps == "0s" else alert.keeps for alert in alerts),
    )


def _join(words: Iterable[str]) -> str:
    words = list(words)
    return words[0] if len(set(words)) == 1 else ", ".join(words)


def sections_of(text: str) -> dict[str, str]:
    """The runbook's sections of alerts by their titles."""
    parts = re.split(r"^### +(.+?) *$", text, flags=re.MULTILINE)
    pairs = zip(parts[1::2], parts[2::2], strict=True)
    bodies = {title: re.split(r"^## ", body, flags=re.MULTILINE)[0] for title, body in pairs}
    return {title: body for title, body in bodies.items() if title not in HEAD_SECTIONS}


def promql_lines_of(section: str) -> list[str]:
    """The lines of a section's commands that are for Prometheus: they name a metric, and begin with no program."""
    lines = [line.partition("   #")[0].strip() for line in section.splitlines() if line.startswith("    ")]
    return [line for line in lines if _PROMQL.search(line) and line.split()[0] not in _PROGRAMS]


def find_unknown_names(text: str, metrics: Metrics) -> set[str]:
    """What looks like one of our metrics and is none."""
    families = {*metrics, *(name.removesuffix("_total") for name in metrics)}
    return {name for name in _METRIC_NAME.findall(text) if name not in families and not _begins_one(name, metrics)}


def _begins_one(name: str, metrics: Metrics) -> bool:
    return name.endswith("_") and any(metric.startswith(name) for metric in metrics)


def anchors_of(text: str) -> list[str]:
    """Where links into a page may lead, as GitHub makes it of the headings."""
    titles = [title for _, title in _HEADING.findall(re.sub(r"^    .*$", "", text, flags=re.MULTILINE))]
    return [re.sub(r"[^\w\- ]", "", title.lower()).replace(" ", "-") for title in titles]


def read_rules(path: Path) -> list[dict[str, Any]]:
    """The rules of a file as Prometheus reads it."""
    groups = yaml.load(path.read_text(encoding="utf-8"), yaml.CSafeLoader)["groups"]
    return [rule for group in groups for rule in group["rules"]]
