"""What the exporter costs stays within its budgets, counted without a clock.

Where a budget is exceeded for a good reason, `python -m tests.cost.budgets` raises it and shows by how much.
"""

import os

import pytest

from tests.calls import can_trace
from tests.cost.budgets import KINDS, Budget, count, find_excesses, find_limit, python_version, read_budgets
from tests.tools import need_tool

ATTEMPTS = 3
"""A busy machine lets threads meet otherwise, which makes up to 2 % more pages; what really costs more always does."""


@pytest.mark.parametrize("kind", KINDS)
def test_a_cost_stays_within_its_budget(kind: str) -> None:
    if kind == "calls":
        need_tool("strace")
        if not can_trace():
            (pytest.fail if os.environ.get("CI") else pytest.skip)("strace may not trace here")

    for _ in range(ATTEMPTS):
        excesses = find_excesses(read_budgets(kind), count(kind), python_version())
        if not excesses:
            break
    assert excesses == []


def budget(limit: object) -> Budget:
    return {"limit": limit, "tolerance": 0.1, "unit": "calls", "why": "a reason"}


def test_more_than_the_tolerance_is_named_with_its_reason() -> None:
    budgets = {"a.b": budget(100), "a.c": budget(100)}

    excesses = find_excesses(budgets, {"a.b": 111.0, "a.c": 110.0}, "3.11")

    assert excesses == ["a.b: 111 calls, budget 100 (+11.0%): a reason"]


def test_what_has_no_budget_or_is_not_counted_is_named() -> None:
    assert find_excesses({"a.b": budget(1)}, {"a.c": 1.0}, "3.11") == ["a.c: has no budget", "a.b: was not counted"]


def test_a_version_of_python_whose_limit_is_not_known_has_that_of_the_nearest_and_some_more() -> None:
    by_version = budget({"3.11": 100, "3.13": 80})

    assert find_limit(by_version, "3.13") == (80, 0.0)
    assert find_limit(by_version, "3.14") == (80, 0.3)


def test_each_budget_has_a_reason_and_a_unit() -> None:
    budgets = [budget for kind in KINDS for budget in read_budgets(kind).values()]

    assert budgets
    assert all(budget["why"] and budget["unit"] and 0 <= budget["tolerance"] <= 3 for budget in budgets)
