"""What a rule is, and how it is written as YAML."""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal, TypedDict

from sysvitals.judgement.judgement import Judgement
from sysvitals.judgement.links import RUNBOOK_URL
from sysvitals.judgement.thresholds import Threshold

Severity = Literal["critical", "warning", "info", "none"]
"""critical: act now. warning: act soon. info: good to know, and nobody is woken. none: the watchdog alone."""

Comparison = Literal[">", ">=", "<", "<=", "==", "!="]

_HEADER = (
    "# Written by `make docs` from prometheus/rulebook; do not edit: it would be lost. Thresholds are in\n"
    "# exporter/sysvitals/judgement/thresholds.py, what to do is in RUNBOOK.md.\n"
)

_SELECTOR = re.compile(
    r"""
    "(?:\\.|[^"\\])*"                                                        # a text
    | \b(?:on|ignoring|by|without|group_left|group_right)\s*\([^)]*\)       # names of labels
    | \btimestamp\s*\([^)]*\)                                               # when a series was scraped
    | (?P<series>(?P<name>[a-zA-Z_:][\w:]*)(?![\w:]|\s*\()(?:\s*\{(?:"(?:\\.|[^"\\])*"|[^}"])*\})?
      | \{(?:"(?:\\.|[^"\\])*"|[^}"])*\})                                   # by a pattern of their names
      (?P<range>\s*\[[^]]*\])? (?P<offset>\s+offset\s+\w+)?
    """,
    re.VERBOSE,
)


def outlast(promql: str, *, there: bool = False) -> str:
    """The same PromQL, for which what was scraped outlasts a scrape that fails.

    A failed scrape ends all series of its target until the next one. An alert would end with them, be sent as resolved,
    and have to last for its whole `for` again. A range does not see that end: instead of each series, its last value is
    asked for, within five minutes, which are two scrapes at the longest interval, one of them failed. Where it must be
    `there`, that counts only where a scrape has failed, so that what goes while its host answers is gone immediately.
    That one may have been the last but one: what is recorded comes back an evaluation after the scrape.
    """

    def ask(found: re.Match[str]) -> str:
        name, series, offset = found["name"], found["series"], found["offset"] or ""
        if not series or found["range"] or (name and "_" not in name):  # `up` and ALERTS have no _, and do not end
            return found[0]
        last = f"last_over_time({series}[5m]{offset})"
        failed = "on (job, instance) min_over_time(up[5m]) == 0"
        return f"({series} or {last} and {failed})" if there and not offset else last

    return _SELECTOR.sub(ask, promql)


@dataclass(frozen=True, slots=True, kw_only=True)
class Alert:
    """One alert: it fires where `value` `compares` to `threshold`, and `condition` holds.

    `value` is PromQL that keeps `job` and `instance`, and what $value shows. A threshold that is a plain number stands
    for a state (0 or 1); one that people may argue about is a `Threshold`; one that differs from sensor to sensor is
    PromQL, made of thresholds in turn. `condition` is written behind it as it is ("and on (job, instance) …",
    "unless …", "or …"). `lasts` is Prometheus's `for`, `keeps` its `keep_firing_for`: both are chosen for each alert,
    and `why` says why, beside what the threshold says of itself.
    """

    name: str
    severity: Severity
    value: str
    compares: Comparison = "=="
    threshold: Threshold | float | str = 1.0
    condition: str = ""
    lasts: str = "0s"
    keeps: str = "0s"
    summary: str
    description: str
    why: str

    @property
    def expression(self) -> str:
        """The whole PromQL, which a failed scrape does not disturb: an alert may end five minutes after its host."""
        limit = self.threshold.value if isinstance(self.threshold, Threshold) else self.threshold
        words = limit if isinstance(limit, str) else f"{limit:.12g}"
        compared = f"{outlast(self.value, there=True)} {self.compares} {outlast(words)}"
        return "\n".join(filter(None, (compared, outlast(self.condition))))


class Shared(TypedDict):
    """What a rule has in common with the host's judgement beside it."""

    name: str
    severity: Severity
    lasts: str
    keeps: str


def beside(judgement: Judgement) -> Shared:
    """The first arguments of the alert that says the same as this judgement: its name, severity and durations."""
    return {
        "name": judgement.alert,
        "severity": judgement.severity,
        "lasts": _format_seconds(judgement.lasts),
        "keeps": _format_seconds(judgement.keeps),
    }


def still_firing(alert: str, severity: str) -> str:
    """Prometheus's own note that this alert fires: what was taken for a fault stays one until it is mended."""
    return f'ALERTS{{alertname="{alert}", alertstate="firing", severity="{severity}"}}'


def per_second(counter: str, window: str) -> str:
    """How much a host's counter grew in each second of this window that was scraped.

    rate() gives less where a scrape is missed at an edge of the window, at an interval of 120 s by a fifth. The uptime
    comes with the same scrapes, so that this cancels out. There may be two of it for one host, for as long as the
    window, where its target has been given a label: a rule that met both would fail for all hosts.
    """
    uptime = f"max by (job, instance) (rate(system_uptime_seconds[{window}]))"
    return f"rate({counter}[{window}]) / on (job, instance) group_left () {uptime}"


def _format_seconds(seconds: float) -> str:
    """As Prometheus writes a duration: `30s`, `5m`, `1h`."""
    for size, unit in ((3600, "h"), (60, "m")):
        if seconds and seconds % size == 0:
            return f"{seconds / size:g}{unit}"
    return f"{seconds:g}s"


@dataclass(frozen=True, slots=True)
class Record:
    """One recording rule, named `level:metric:operations`. `help` ends up as a comment."""

    name: str
    expression: str
    help: str


@dataclass(frozen=True, slots=True)
class Subject:
    """One file of rules and one group, whose name its alerts carry as the label `subject`.

    `interval` is how often it is evaluated ("" is as Prometheus is set).
    """

    name: str
    help: str
    rules: tuple[Alert | Record, ...]
    interval: str = ""


def render_subject(subject: Subject) -> str:
    """The file of this subject."""
    lines = [_HEADER + _comment(subject.help, ""), "groups:", f"  - name: sysvitals-{subject.name}"]
    if subject.interval:
        lines.append(f"    interval: {subject.interval}")
    lines.append("    rules:")
    for rule in subject.rules:
        lines += _render_alert(rule, subject.name) if isinstance(rule, Alert) else _render_record(rule)
    return "\n".join(lines) + "\n"


def _render_record(rule: Record) -> list[str]:
    return [_comment(rule.help, " " * 6), f"      - record: {rule.name}", *_block("expr", rule.expression, 8)]


def _render_alert(rule: Alert, subject: str) -> list[str]:
    why = f"{rule.threshold.why} {rule.why}" if isinstance(rule.threshold, Threshold) else rule.why
    lines = [_comment(why, " " * 6), f"      - alert: {rule.name}", *_block("expr", rule.expression, 8)]
    if rule.lasts != "0s":
        lines.append(f"        for: {rule.lasts}")
    if rule.keeps != "0s":
        lines.append(f"        keep_firing_for: {rule.keeps}")
    lines += ["        labels:", f"          severity: {rule.severity}", f"          subject: {subject}"]
    lines.append("        annotations:")
    lines += [*_block("summary", rule.summary, 10), *_block("description", rule.description, 10)]
    lines.append(f"          runbook_url: {RUNBOOK_URL}#{rule.name.lower()}")
    return lines


def _block(key: str, text: str, indent: int) -> Iterable[str]:
    yield f"{' ' * indent}{key}: |-"
    for line in text.strip().splitlines():
        yield f"{' ' * (indent + 2)}{line}".rstrip()


def _comment(text: str, indent: str, width: int = 118) -> str:
    lines, line = [], f"{indent}#"
    for word in text.split():
        if len(line) + 1 + len(word) > width:
            lines.append(line)
            line = f"{indent}#"
        line += f" {word}"
    return "\n".join((*lines, line))
