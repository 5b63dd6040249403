"""Writes prometheus/rules: part of `make docs`. A test proves that what is committed is current."""

from pathlib import Path

from prometheus.rulebook.subjects import SUBJECTS
from sysvitals.judgement.rule import render_subject

RULES = Path(__file__).parent.parent / "rules"


def render_documents() -> dict[Path, str]:
    """Each generated file with its text."""
    return {RULES / f"{subject.name}.yml": render_subject(subject) for subject in SUBJECTS}


if __name__ == "__main__":
    for path, text in render_documents().items():
        path.write_text(text, encoding="utf-8")
        print(path.relative_to(RULES.parent.parent))  # noqa: T201
