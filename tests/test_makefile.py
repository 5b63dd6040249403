"""What `make help` says of the simulated boards, as make would do it."""

import os
import re
import subprocess
from pathlib import Path

import pytest

from tests.patience import PATIENCE
from tests.tools import need_tool

ROOT = Path(__file__).parent.parent


def make(*arguments: str) -> str:
    names = {"BOARD", "SCENARIO", "ARGS", "MAKEFLAGS"}
    environment = {name: value for name, value in os.environ.items() if name not in names}
    command = [need_tool("make"), "--no-print-directory", "--directory", str(ROOT), *arguments]
    done = subprocess.run(
        command, capture_output=True, text=True, timeout=PATIENCE, check=True, env=environment, stdin=subprocess.DEVNULL
    )
    return done.stdout


@pytest.mark.parametrize(
    ("wishes", "flag"),
    [
        ([], None),
        (["SCENARIO=fan-failure"], "pi4:fan-failure"),
        (["BOARD=pi5"], "pi5:brownout"),
        (["BOARD=pi5", "SCENARIO=idle"], "pi5:idle"),
    ],
)
def test_make_stack_is_on_this_host_unless_a_board_or_a_scenario_is_named(wishes: list[str], flag: str | None) -> None:
    [line] = [line for line in make("--dry-run", "stack", *wishes).splitlines() if " stack " in line]
    assert re.findall(r"--simulate=(\S+)", line) == ([flag] if flag else [])


def test_make_demo_plays_what_is_named_and_says_first_how_to_get_alerts_of_it() -> None:
    recipe = make("--dry-run", "demo", "BOARD=pi5", "SCENARIO=fan-failure")
    assert "simulate --board pi5 --scenario fan-failure" in recipe
    assert "make stack BOARD=pi5 SCENARIO=fan-failure" in recipe


def test_make_help_names_what_there_is() -> None:
    text = make("help")
    targets = set(re.findall(r"^([a-z]+):", (ROOT / "Makefile").read_text(encoding="utf-8"), flags=re.MULTILINE))
    assert set(re.findall(r"\bmake ([a-z]+)", text)) <= targets
    assert "make stack SCENARIO=brownout" in text
