"""Writes prometheus/rules and victoriametrics/rules: part of `make docs`. A test proves that they are current."""

from pathlib import Path

from prometheus.rulebook.metricsql import translate_subject
from prometheus.rulebook.subjects import SUBJECTS, SUBJECTS_FOR_VMALERT
from sysvitals.judgement.rule import render_subject

ROOT = Path(__file__).parents[2]


def render_rules() -> dict[Path, str]:
    """The files of rules for Prometheus, and for what takes the same."""
    return {ROOT / f"prometheus/rules/{one.name}.yml": render_subject(one) for one in SUBJECTS}


def render_rules_for_victoria_metrics() -> dict[Path, str]:
    """Those for vmalert."""
    return {
        ROOT / f"victoriametrics/rules/{one.name}.yml": render_subject(translate_subject(one))
        for one in SUBJECTS_FOR_VMALERT
    }


def render_documents() -> dict[Path, str]:
    """Each generated file with its text."""
    return render_rules() | render_rules_for_victoria_metrics()


if __name__ == "__main__":
    for path, text in render_documents().items():
        path.write_text(text, encoding="utf-8")
        print(path.relative_to(ROOT))  # noqa: T201
