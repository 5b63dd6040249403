"""What GitHub runs for this project is pinned, and has no more rights than reading takes."""

import re
from pathlib import Path
from typing import Any

import pytest
import yaml

FOLDER = Path(__file__).parent.parent / ".github/workflows"
WORKFLOWS = sorted(FOLDER.glob("*.y*ml"))

pytestmark = pytest.mark.parametrize("file", WORKFLOWS, ids=lambda file: file.name)


def read(file: Path) -> dict[str, Any]:
    found: dict[str, Any] = yaml.safe_load(file.read_text())
    return found


def test_each_action_is_pinned_to_a_commit_and_says_its_version(file: Path) -> None:
    lines = re.findall(r"^.*\buses:.*$", file.read_text(), re.MULTILINE)
    assert lines
    pinned = re.compile(r"\s*(?:- )?uses: [\w./-]+@[0-9a-f]{40} # v\d+\.\d+\.\d+")
    assert [line for line in lines if not pinned.fullmatch(line)] == []


def test_a_workflow_may_read_and_nothing_else(file: Path) -> None:
    workflow = read(file)
    assert workflow["permissions"] == {"contents": "read"}
    assert [job for job in workflow["jobs"].values() if "permissions" in job] == []


def test_no_token_stays_behind_in_the_checkout(file: Path) -> None:
    steps = [step for job in read(file)["jobs"].values() for step in job["steps"]]
    checkouts = [step for step in steps if step.get("uses", "").startswith("actions/checkout@")]
    assert checkouts
    assert [step for step in checkouts if step.get("with", {}).get("persist-credentials") is not False] == []


def test_a_job_that_hangs_is_ended(file: Path) -> None:
    assert [name for name, job in read(file)["jobs"].items() if "timeout-minutes" not in job] == []
