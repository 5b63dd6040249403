"""The rules for vmalert fire as those for Prometheus do: the same stories, played by VictoriaMetrics.

All stories together take vmalert-tool minutes, so those are played whose alerts and records are not the same text in
both languages. `python -m tests.victoria.all_stories` plays the others, too.
"""

from pathlib import Path
from typing import NamedTuple

import pytest

from prometheus.rulebook.metricsql import translate_subject
from prometheus.rulebook.subjects import SUBJECTS
from tests.victoria.vmalert_tool import ROOT, Failure, choose_stories, play

TRANSLATED = sorted(
    rule.name
    for subject in SUBJECTS
    for rule, translated in zip(subject.rules, translate_subject(subject).rules, strict=True)
    if rule != translated
)
STORIES = {
    path.stem: stories
    for path in sorted((ROOT / "prometheus/rule-tests").glob("*.yml"))
    if (stories := choose_stories(path.read_text(encoding="utf-8"), TRANSLATED))
}


class Known(NamedTuple):
    """A case that comes out otherwise, as it should: an alert or an expression of a story, and why."""

    story: str
    asked: str
    why: str


DIFFERENCES = (
    Known(
        "",
        "instance:system_cpu_busy:ratio_rate5m",
        "A counter that goes back a little was restarted for Prometheus; for VictoriaMetrics it has only lost that.",
    ),
)


def unknown(failures: list[Failure]) -> list[str]:
    """In words, those that are not listed."""
    known = {(one.story, one.asked) for one in DIFFERENCES}
    return [str(failure) for failure in failures if (failure.story, failure.asked) not in known]


@pytest.mark.parametrize("name", STORIES)
def test_alerts_fire_in_victoria_metrics_when_they_do_in_prometheus(name: str, tmp_path: Path) -> None:
    assert unknown(play(STORIES[name], tmp_path)) == []
