"""Which events are asked for."""

from fnmatch import fnmatchcase

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sysvitals.model.choice import choose_names


@pytest.mark.parametrize(
    ("patterns", "names"),
    [
        ([], ["a.b", "a.b.c", "b"]),
        (["a.b"], ["a.b"]),
        (["a.*"], ["a.b", "a.b.c"]),
        (["*b", "nothing"], ["a.b", "b"]),
        (["*.*.*"], ["a.b.c"]),
        (["**"], ["a.b", "a.b.c", "b"]),
        (["b*b"], []),
    ],
)
def test_names_are_chosen_by_themselves_or_by_a_pattern(patterns: list[str], names: list[str]) -> None:
    assert [*filter(choose_names(patterns), ["a.b", "a.b.c", "b"])] == names


@given(st.text("ab.", max_size=12), st.text("ab.*", min_size=1, max_size=12))
def test_a_star_means_what_it_means_in_a_shell(name: str, pattern: str) -> None:
    assert choose_names([pattern])(name) == fnmatchcase(name, pattern)


@pytest.mark.parametrize("patterns", [["[ab]"], ["a?"], [""], ["a b"], ["\xe9"], ["a\n"], ["a" * 129], ["a"] * 65])
def test_what_is_not_documented_or_too_much_is_refused_in_one_short_line(patterns: list[str]) -> None:
    with pytest.raises(ValueError, match=r"^event: expected [^\n]{1,160}$"):
        choose_names(patterns)
