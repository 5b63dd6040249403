"""Text from outside in a form that a terminal only shows."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sysvitals.model.visible import visible


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("Łódź 🐢 µ°", "Łódź 🐢 µ°"),
        ("a\\b", "a\\b"),
        ("\x1b[2J", r"\u001b[2J"),
        ("\x1b]0;title\x07", r"\u001b]0;title\u0007"),
        ("\x9b31m", r"\u009b31m"),
        ("over\rwritten", r"over\rwritten"),
        ("two\nlines\t", r"two\nlines\t"),
        ("\u202eevil\u2066", r"\u202eevil\u2066"),
        ("\u2028\ufeff\x7f\0", r"\u2028\ufeff\u007f\u0000"),
        ("\udc9b\ufffe\U0010ffff", r"\udc9b\ufffe\udbff\udfff"),
    ],
)
def test_what_a_terminal_would_obey_or_a_reader_not_see_is_written_as_in_json(text: str, shown: str) -> None:
    assert visible(text) == shown


@given(st.text(st.characters()))
def test_all_that_is_shown_can_be_printed(text: str) -> None:
    assert visible(text).isprintable()


@given(st.recursive(st.none() | st.text(), lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner)))
def test_json_stays_the_same_json(value: object) -> None:
    assert json.loads(visible(json.dumps(value, ensure_ascii=False))) == value


def test_where_backslashes_are_escaped_those_of_what_is_shown_are_too() -> None:
    assert visible("\x1b", r"\\") == r"\\u001b"
