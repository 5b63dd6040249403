"""Matchers, as Alertmanager's configuration and its silences write them."""

import pytest

from sysvitals.doctor.matching import Matcher, matches_all, parse_matchers


@pytest.mark.parametrize(
    ("line", "matchers"),
    [
        ("severity=critical", [Matcher("severity", "critical")]),
        ('severity = "critical" ', [Matcher("severity", "critical")]),
        ("a!=b", [Matcher("a", "b", is_equal=False)]),
        ('a=~"b|c"', [Matcher("a", "b|c", is_regex=True)]),
        ("a!~b", [Matcher("a", "b", is_regex=True, is_equal=False)]),
        ('{a="b",c=~"d.*"}', [Matcher("a", "b"), Matcher("c", "d.*", is_regex=True)]),
        ('a="x,y", b=z,', [Matcher("a", "x,y"), Matcher("b", "z")]),
        (r'a="\"q\" \\ \n \d"', [Matcher("a", '"q" \\ \n \\d')]),
        ('a=""', [Matcher("a", "")]),
        ("a=", [Matcher("a", "")]),
        ('"my label"="x"', [Matcher("my label", "x")]),
        ("a=b=c", [Matcher("a", "b=c")]),
    ],
)
def test_a_line_of_matchers_is_understood(line: str, matchers: list[Matcher]) -> None:
    assert parse_matchers(line) == matchers


@pytest.mark.parametrize("line", ["severity", "=critical", "a b=c", "a<b"])
def test_what_is_no_matcher_is_refused(line: str) -> None:
    with pytest.raises(ValueError, match="is no matcher"):
        parse_matchers(line)


@pytest.mark.parametrize(
    ("line", "does_match"),
    [
        ("a=b", True),
        ("a=c", False),
        ("a!=c", True),
        ("a=~b|c", True),
        ("a=~bb", False),
        ("a=~^b$", True),
        ("a=~.", True),
        ("a!~b", False),
        ("gone=", True),
        ('gone=~".*"', True),
        ('gone=~".+"', False),
        ("gone!=x", True),
        ("a=b,gone!=x", True),
        ("a=b,gone=x", False),
    ],
)
def test_labels_fulfil_all_matchers_or_not(line: str, does_match: bool) -> None:
    assert matches_all(parse_matchers(line), {"a": "b"}) == does_match


def test_a_matcher_is_shown_as_one_would_write_it() -> None:
    assert ", ".join(map(str, parse_matchers("a=b,c!=d,e=~f,g!~h"))) == 'a="b", c!="d", e=~"f", g!~"h"'
