"""The rules for vmalert fire as those for Prometheus do: the same stories, played by VictoriaMetrics.

All stories together take vmalert-tool minutes, so those are played whose alerts and records are not the same text in
both languages, but for the longest. `python -m tests.victoria.all_stories` plays the others, too.
"""

from pathlib import Path
from typing import NamedTuple

import pytest

from prometheus.rulebook.metricsql import translate, translate_subject
from prometheus.rulebook.subjects import SUBJECTS, SUBJECTS_FOR_VMALERT
from sysvitals.judgement.rule import Alert, Subject
from tests.victoria.vmalert_tool import ROOT, Failure, choose_stories, play

OWN_STORIES = Path(__file__).with_name("stories.yml").read_text(encoding="utf-8")
TRANSLATED = sorted(
    rule.name
    for subject, of_vmalert in zip(SUBJECTS, SUBJECTS_FOR_VMALERT, strict=True)
    for rule, translated in zip(subject.rules, translate_subject(subject).rules, strict=True)
    if rule != translated and rule in of_vmalert.rules
)
LONG = frozenset({"host", "power-days", "recording"})
"""Files whose stories last for days: two thirds of the CPU that all of these take."""
STORIES = {
    path.stem: stories
    for path in sorted((ROOT / "prometheus/rule-tests").glob("*.yml"))
    if path.stem not in LONG and (stories := choose_stories(path.read_text(encoding="utf-8"), TRANSLATED))
}


class Known(NamedTuple):
    """A case that comes out otherwise, as it should: an alert or an expression of the story that begins so, and why."""

    story: str
    asked: str
    why: str


_WINDOW = "A window does not hold the sample on its left edge, as in Prometheus 3: it ends a scrape sooner."

DIFFERENCES = (
    Known("a dip that begins and ends between two scrapes", "Undervoltage", _WINDOW),
    Known("dips that come every few minutes are one alert", "Undervoltage", _WINDOW),
)


def unknown(failures: list[Failure]) -> list[str]:
    """In words, those that are not listed."""
    return [
        str(failure)
        for failure in failures
        if not any(failure.asked == one.asked and failure.story.startswith(one.story) for one in DIFFERENCES)
    ]


@pytest.mark.parametrize("name", STORIES)
def test_alerts_fire_in_victoria_metrics_when_they_do_in_prometheus(name: str, tmp_path: Path) -> None:
    found = unknown(play(STORIES[name], tmp_path))
    assert not found, "\n".join(found)


def test_old_counters_gaps_and_new_hosts_raise_no_alert_and_vmalert_reports_itself(tmp_path: Path) -> None:
    found = play(OWN_STORIES, tmp_path)
    assert not found, "\n".join(map(str, found))


def test_the_rules_for_prometheus_would_raise_alerts_of_what_is_old(tmp_path: Path) -> None:
    asked = {failure.asked for failure in play(OWN_STORIES, tmp_path, ROOT / "prometheus/rules")}
    assert {"Undervoltage", "OutOfMemory", "EventsDropped"} <= asked


@pytest.mark.parametrize(
    ("promql", "metricsql"),
    [
        ("increase(a[5m]) > 0", "increase_prometheus(a[5m]) > 0"),
        ("resets(a[1h]) + changes (b[1h])", "resets(a[1h]) + changes_prometheus (b[1h])"),
        ('rate(increase_total{changes="delta(x)"}[5m])', 'rate(increase_total{changes="delta(x)"}[5m])'),
        ("instance:boots:changes1d / cause:events:increase1d", "instance:boots:changes1d / cause:events:increase1d"),
    ],
)
def test_what_counts_first_values_is_translated_and_nothing_else(promql: str, metricsql: str) -> None:
    assert translate(promql) == metricsql


def test_what_texts_ask_is_translated_and_what_they_say_is_not() -> None:
    rule = Alert(
        name="A",
        severity="info",
        value="a",
        summary="increase(a[5m])",
        description="{{ with printf `increase(a{job=%q}[5m])` $labels.job | query }}as increase(a[5m]) says{{ end }}",
        why="",
    )
    [translated] = translate_subject(Subject("a", "", (rule,))).rules
    assert isinstance(translated, Alert)
    assert translated.summary == rule.summary
    assert translated.description == rule.description.replace("`increase(", "`increase_prometheus(")
