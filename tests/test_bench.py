"""The benchmark's pages are current, and its table says what it means."""

import importlib.util
import subprocess
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

ROOT = Path(__file__).parent.parent
BENCHMARKS = ROOT / "benchmarks"


def load(name: str) -> ModuleType:
    spec = importlib.util.spec_from_file_location(name, BENCHMARKS / f"{name}.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module  # where dataclasses look for their module
    try:
        spec.loader.exec_module(module)
    finally:
        del sys.modules[name]
    return module


figures = load("figures")


MACHINE = dict.fromkeys(("processor", "cpus", "kernel", "python"), "x")


def results(**values: float) -> Any:
    found = figures.Results({"sysvitals": "1", "node_exporter": "2"}, machine=MACHINE)
    for program, value in values.items():
        found.figures.append(figures.figure("scrape", figures.PI, program, "ms", [value]))
    return found


def test_the_pages_hold_the_tables_of_the_last_run() -> None:
    command = [sys.executable, str(BENCHMARKS / "render.py"), "--check"]

    done = subprocess.run(command, capture_output=True, text=True, check=False)

    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize(
    ("ours", "verdict"), [(0.6, "goal met"), (0.7, "bar met"), (0.8, "**not met**")], ids=["goal", "bar", "neither"]
)
def test_the_ratio_to_node_exporter_is_what_is_judged(ours: float, verdict: str) -> None:
    _, rows = figures.render_rows(results(sysvitals=10 * ours, node_exporter=10.0))

    assert rows[0][-1] == verdict
    assert f"{ours:.2f}" in rows[0]


def test_a_ratio_without_its_peer_is_not_judged() -> None:
    _, rows = figures.render_rows(results(sysvitals=1.0))

    assert rows[0][-1] == ""


def test_what_was_written_is_read_back(tmp_path: Path) -> None:
    before = results(sysvitals=1.0, node_exporter=2.0)
    file = tmp_path / "results.json"

    file.write_text(before.encode())

    assert figures.read_results(file) == before


def test_the_spread_is_that_of_the_quartiles() -> None:
    found = figures.figure("scrape", figures.PI, "sysvitals", "ms", [1.0, 2.0, 3.0, 4.0, 5.0])

    assert (found.low, found.median, found.high, found.count) == (2.0, 3.0, 4.0, 5)


def test_a_page_may_not_ask_for_figures_that_do_not_exist() -> None:
    with pytest.raises(ValueError, match="no such figure: nonsense"):
        figures.render_markdown(results(), names=["nonsense"])


def test_a_page_shows_no_other_checkout_and_a_choice_of_figures_no_bars() -> None:
    found = results(sysvitals=1.0, node_exporter=2.0)
    found.programs["sysvitals before"] = "0"
    found.figures.append(figures.figure("scrape", figures.PI, "sysvitals before", "ms", [3.0]))

    everything, chosen = figures.render_markdown(found), figures.render_markdown(found, names=["scrape"])

    assert "before" not in everything
    assert "goal met" in everything
    assert "goal" not in chosen
