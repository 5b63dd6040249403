"""Which events are asked for."""

from fnmatch import fnmatchcase

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sysvitals.collectors.catalog import build_full_catalog
from sysvitals.model.choice import choose_changes, choose_names, is_reading
from sysvitals.model.reading import Reading


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


@pytest.mark.parametrize(
    ("patterns", "reading", "change"),
    [
        ([], False, True),
        (["system.throttling.*"], False, True),
        (["*"], False, True),
        (["system.throttling.updated"], True, False),
        (["system.*.updated"], True, False),
        (["*.updated", "system.throttling.started"], True, True),
        (["system.load.updated"], False, False),
    ],
)
def test_of_readings_only_those_are_chosen_that_a_pattern_names(
    patterns: list[str], reading: bool, change: bool
) -> None:
    is_chosen = choose_changes(patterns)
    assert (is_chosen("system.throttling.updated"), is_chosen("system.throttling.started")) == (reading, change)


def test_readings_are_those_whose_events_say_so_by_their_names() -> None:
    for name, body in build_full_catalog().bodies.items():
        assert is_reading(name) == issubclass(body, Reading)
