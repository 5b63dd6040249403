"""Whatever comes from outside, promises hold: for the cases that were saved, and for mutations of them.

The same cases each time: a test must not fail by luck. `python -m tests.fuzz` looks for new ones.
"""

import pytest

from tests.fuzz.kinds import KINDS, Check, make_case, saved_cases, seeds_of


def give(check: Check, label: str, case: bytes) -> None:
    try:
        check(case)
    except Exception as error:
        error.add_note(f"{label}: {case[:2000]!r}")
        raise


@pytest.mark.parametrize("name", KINDS)
def test_saved_cases_and_mutations_of_them_break_no_promise(name: str) -> None:
    kind, seeds = KINDS[name], seeds_of(name)
    with kind.open() as check:
        for label, case in saved_cases(name).items():
            give(check, label, case)
        for number in range(kind.share):
            give(check, f"mutation {number}", make_case(kind, seeds, number))
