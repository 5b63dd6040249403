"""The same rules for VictoriaMetrics, whose MetricsQL reads the same words otherwise in a few places.

There a counter's first value counts as an increase, and the first sample of a series as a change: a host with old
counters that is added, or that comes back after a gap, would raise alerts of what happened long ago. The functions
below count as Prometheus does, but extrapolate nothing: one event is exactly 1.
"""

import re
from dataclasses import replace

from sysvitals.judgement.rule import Alert, Record, Subject

_COUNTS_FIRST = re.compile(r'"(?:\\.|[^"\\])*"|\b(?P<name>increase|delta|changes)(?=\s*\()')
"""A string, which is left alone, or a function that takes into account what is not there."""

_QUESTION = re.compile(r"printf `[^`]*`")
"""What a template asks. The rest of it is text, in which PromQL is for people to copy."""


def translate(promql: str) -> str:
    """The MetricsQL that means what this PromQL does."""
    return _COUNTS_FIRST.sub(lambda found: f"{found[0]}_prometheus" if found["name"] else found[0], promql)


def translate_subject(subject: Subject) -> Subject:
    """All rules of a subject, with what their texts ask."""
    return replace(subject, rules=tuple(_translate_rule(rule) for rule in subject.rules))


def _translate_rule(rule: Alert | Record) -> Alert | Record:
    if isinstance(rule, Record):
        return replace(rule, expression=translate(rule.expression))
    return replace(
        rule,
        value=translate(rule.value),
        threshold=translate(rule.threshold) if isinstance(rule.threshold, str) else rule.threshold,
        condition=translate(rule.condition),
        summary=_translate_text(rule.summary),
        description=_translate_text(rule.description),
    )


def _translate_text(template: str) -> str:
    return _QUESTION.sub(lambda found: translate(found[0]), template)
