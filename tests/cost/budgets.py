"""The budgets that costs are held to: `budgets.json`. `python -m tests.cost.budgets` counts, shows and writes them.

Each is named KIND.WHAT and has a limit, a tolerance (a part of the limit) and a reason. Where Python's version matters,
there is a limit for each minor version.
"""

import json
import os
import subprocess
import sys
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[2]
FILE = Path(__file__).with_name("budgets.json")
KINDS = ("scrape", "judgement", "idle", "idle-minutes", "idle-links", "memory", "history", "calls")
UNKNOWN_PYTHON = 0.3
"""How much more another version of Python may take than the nearest whose limit is known."""

Budget = dict[str, Any]


def read_budgets(kind: str) -> dict[str, Budget]:
    """The budgets of this kind."""
    every: dict[str, Budget] = json.loads(FILE.read_text(encoding="utf-8"))
    return {name: budget for name, budget in every.items() if name.partition(".")[0] == kind}


def count(kind: str) -> dict[str, float]:
    """What this kind of work takes now, by the budgets' names."""
    done = subprocess.run(
        [sys.executable, "-m", f"tests.cost.{'traced' if kind == 'calls' else 'work'}", kind],
        # nothing that depends on the order of a set may differ from run to run
        env={**os.environ, "PYTHONHASHSEED": "0", "PYTHONPATH": f"{ROOT / 'exporter'}"},
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        raise RuntimeError(done.stderr)
    found: dict[str, float] = json.loads(done.stdout)
    return {f"{kind}.{what}": value for what, value in found.items()}


def find_excesses(budgets: Mapping[str, Budget], found: Mapping[str, float], python: str) -> list[str]:
    """What is beyond its budget, and what has none, in words."""
    excesses = [f"{name}: has no budget" for name in sorted(found.keys() - budgets.keys())]
    excesses += [f"{name}: was not counted" for name in sorted(budgets.keys() - found.keys())]
    for name in sorted(budgets.keys() & found.keys()):
        budget = budgets[name]
        limit, extra = find_limit(budget, python)
        if found[name] > limit * (1 + budget["tolerance"] + extra):
            more = f" ({found[name] / limit - 1:+.1%})" if limit else ""
            excesses.append(f"{name}: {found[name]:,.0f} {budget['unit']}, budget {limit:,.0f}{more}: {budget['why']}")
    return excesses


def find_limit(budget: Budget, python: str) -> tuple[float, float]:
    """The limit for this minor version of Python, and the part of it that may be added where it is another's."""
    limit = budget["limit"]
    if not isinstance(limit, dict):
        return limit, 0.0
    if python in limit:
        return limit[python], 0.0
    nearest = min(limit, key=lambda known: abs(_minor(known) - _minor(python)))
    return limit[nearest], UNKNOWN_PYTHON


def python_version() -> str:
    """The minor version of Python that runs this."""
    return f"{sys.version_info.major}.{sys.version_info.minor}"


def _minor(version: str) -> int:
    return int(version.partition(".")[2])


def main(kinds: Iterable[str]) -> None:
    """Count, show what differs from the budgets, and make what was found the new limits."""
    every: dict[str, Budget] = json.loads(FILE.read_text(encoding="utf-8"))
    for kind in kinds:
        for name, value in count(kind).items():
            budget = every.setdefault(name, {"limit": 0, "tolerance": 0.03, "unit": "", "why": ""})
            before, _ = find_limit(budget, python_version())
            limit = float(f"{value:.4g}")
            change = f"{limit / before - 1:+.1%}" if before else "new"
            print(f"{name:24} {before:14,.0f} → {limit:14,.0f}  {change:>8}  {budget['unit']}")
            if isinstance(budget["limit"], dict):
                budget["limit"][python_version()] = limit
            else:
                budget["limit"] = limit
    text = json.dumps(every, indent=2, ensure_ascii=False)
    FILE.write_text(text + "\n", encoding="utf-8")


if __name__ == "__main__":
    if unknown := {*sys.argv[1:]} - {*KINDS}:
        sys.exit(f"usage: python -m tests.cost.budgets [{'|'.join(KINDS)} ...], not {', '.join(sorted(unknown))}")
    main(sys.argv[1:] or KINDS)
