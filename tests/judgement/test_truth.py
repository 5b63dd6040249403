"""The verdict against the truth: what is true of a board, what the page says and what the rules say, side by side.

The rows are in `situations.py`, what must hold of them in `checking.py`.
`python -m tests.judgement.table` writes them as exporter/VERDICT.md.
"""

from functools import cache

import pytest

from tests.judgement.checking import find_disagreements, find_lies, find_wrong_betterings, find_wrong_events
from tests.judgement.lives import Situation
from tests.judgement.situations import SITUATIONS
from tests.judgement.table import run

lived = cache(run)

each = pytest.mark.parametrize("situation", SITUATIONS, ids=str)


@each
def test_the_verdict_is_true_and_agrees_with_the_rules(situation: Situation) -> None:
    course = lived(situation)
    assert list(find_lies(course)) == []
    assert list(find_wrong_betterings(course)) == []
    assert list(find_disagreements(course)) == []
    assert list(find_wrong_events(course)) == []
