"""The runbook as the exporter serves it: what to do is on the board itself, and needs no internet."""

import re
from pathlib import Path

import pytest

from prometheus.rulebook.subjects import SUBJECTS
from reference.runbook import RUNBOOK, anchor, render_runbook
from sysvitals.judgement.rule import Alert
from sysvitals.web.routes import read_runbook
from tests.web.html import Reader, faults_of, is_harmless

ROOT = Path(__file__).parents[2]
PAGE = read_runbook().decode()


def test_each_alert_has_its_place_in_it() -> None:
    alerts = {rule.name.lower() for subject in SUBJECTS for rule in subject.rules if isinstance(rule, Alert)}
    assert alerts
    assert alerts <= {attributes.get("id") for _, attributes in Reader(PAGE).elements}


def test_it_is_valid_harmless_and_as_complete_as_its_source() -> None:
    assert faults_of(PAGE) == []
    assert is_harmless(Reader(PAGE))
    sections = re.findall(r"^#+ (.*)", RUNBOOK.read_text(encoding="utf-8"), re.MULTILINE)
    headings = [tag for tag, _ in Reader(PAGE).elements if re.fullmatch("h[1-6]", tag)]
    assert len(headings) == len(sections)


def test_what_it_leads_to_in_the_project_is_there() -> None:
    targets = [str(attributes.get("href")) for attributes in Reader(PAGE).all("a")]
    ours = [match[1] for target in targets if (match := re.search(r"/blob/main/([^#]*)", target))]
    assert ours
    assert [path for path in ours if not (ROOT / path).exists()] == []
    assert [target for target in targets if not target.startswith(("https://", "#")) and target != "./"] == []


def test_markup_in_its_source_stays_text() -> None:
    page = render_runbook("# <img src=x>\n\n<script>alert(1)</script> `<b>` [x](javascript:alert(1))\n")
    assert is_harmless(Reader(page))
    assert "<script>alert(1)</script>" in Reader(page).text


@pytest.mark.parametrize(
    ("heading", "expected"),
    [("Change a threshold", "change-a-threshold"), ("LinkDown", "linkdown"), ("What, and why?", "what-and-why")],
)
def test_anchors_are_those_that_links_use(heading: str, expected: str) -> None:
    assert anchor(heading) == expected
