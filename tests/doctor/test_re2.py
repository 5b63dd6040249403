"""Regular expressions as Go has them, against Alertmanager's own tool."""

import json
import subprocess
import tempfile
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from sysvitals.doctor.re2 import Unsupported, compile_re2
from tests.patience import PATIENCE
from tests.tools import need_tool

PATTERNS = (
    "",
    "pi4",
    "pi.",
    "pi|.*4",
    "(pi|berry)+4",
    "(?:pi)?4",
    "(?P<name>pi)4",
    "^pi4$",
    "a^b",
    "$",
    "(?m)^a$\n^b$",
    "a$b",
    "(?i)PI4",
    "p(?i)I4",
    "p(?i)I|4X",
    "(p(?i)I)4",
    "(?i:P)i4",
    "(?i)p(?-i)i4",
    "(?s)a.b",
    "a.b",
    "(?s:a.)b",
    "(?U)pi.*",
    "(?Ui)PI.*",
    r"\d+",
    r"\D+",
    r"\w+",
    r"\W+",
    r"\s",
    r"\S+",
    r"[\d.]+",
    r"[^\D]",
    r"[\W\d]+",
    r"\bpi4\b",
    r"p\Bi4",
    r"\Api4\z",
    r"\Qa.b\E",
    r"\Qa.b\E+",
    r"a\.b",
    r"a\x2eb",
    r"\x{e9}",
    r"\x{1F600}",
    r"\056",
    r"\0",
    r"\t",
    r"\v",
    r"[\v\t]",
    "[[:alpha:]]+",
    "[[:alpha:][:digit:]-]+",
    "[^[:space:]]+",
    "[]a]+",
    "[^]a]+",
    "[a-]+",
    "[-a]+",
    r"[a\]]+",
    r"[\[\]]+",
    "[a-cx-z]+",
    "[.]",
    "[é]",
    "[a&&b]+",
    "[+--]+",
    "[a||b~~]+",
    "(?i)[A-C]+",
    "a{2}",
    "a{2,}",
    "a{1,2}",
    "a{,2}",
    "a{",
    "a{x}",
    "a{1,2}?",
    "a*?",
    "a+?b??",
    "é",
    "É|(?i)É",
    "#comment",
    "a b",
    "a/b-c_d:e",
    "(((a)))",
    "()",
    "a||b",
    "(|a)b",
    r"\\",
    r"\-\_\#\/",
)
VALUES = (
    *("pi4", "PI4", "pI4", "4X", "4x", "4", "p", "berrypi4", "a", "aa", "aaa", "ab", "b", "abc", "aab", "xyz", "word1"),
    *(
        "a.b",
        "a.bb",
        "a\nb",
        "a\n",
        "\n",
        ".",
        "12",
        "é",
        "É",
        "٣",
        "\t",
        "\v",
        " ",
        "a b",
        "-",
        "a-",
        "]a",
        "[",
        "]",
        "a]",
    ),
    *("a&", "a{,2}", "a{", "a{x}", "😀", "#comment", "a/b-c_d:e", "\\", "-_#/", "&|~", "+,-", "\x1f"),
)


def quote(value: str) -> str:
    escaped = value.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
    return f'"{escaped}"'


def ask_amtool(amtool: str, patterns: tuple[str, ...], values: tuple[str, ...]) -> dict[str, set[str]]:
    """Which of the patterns match each value: as many routes that go on, and those that are taken."""
    names = {str(number): pattern for number, pattern in enumerate(patterns)}
    routes = [{"receiver": name, "match_re": {"x": pattern}, "continue": True} for name, pattern in names.items()]
    config = {"route": {"receiver": "none", "routes": routes}, "receivers": [{"name": n} for n in (*names, "none")]}
    found = {}
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "alertmanager.yml"
        path.write_text(json.dumps(config), encoding="utf-8")
        for value in values:
            done = subprocess.run(
                [amtool, "config", "routes", "test", f"--config.file={path}", f"x={quote(value)}", "y=1"],
                capture_output=True,
                text=True,
                timeout=PATIENCE,
                check=False,
            )
            assert done.returncode == 0, done.stderr
            taken = done.stdout.strip().split(",")
            found[value] = {names[name] for name in taken if name != "none"}
    return found


def test_a_pattern_matches_what_it_matches_in_go() -> None:
    amtool = need_tool("amtool")
    for value, matching in ask_amtool(amtool, PATTERNS, VALUES).items():
        ours = {pattern for pattern in PATTERNS if compile_re2(pattern).fullmatch(value)}
        assert (value, ours) == (value, matching)


ATOMS = st.one_of(
    st.sampled_from("abcABC.-4é_ "),
    st.sampled_from([r"\.", r"\d", r"\D", r"\w", r"\W", r"\s", r"\S", r"\x41", r"\Qa.\E"]),
    st.sampled_from(["[abc]", "[^a]", "[a-c4]", "[[:alpha:]]", r"[\d-]", "[]b]", r"[^\W]", "(?i:[a-b])"]),
    st.sampled_from(["^", "$", r"\b", "(?i)", "(?-i)", "(?s)", "|"]),
)


def combine(children: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    # in parentheses, so that no repetition follows another, or nothing
    repeated = st.tuples(children, st.sampled_from(["*", "+", "?", "{2}", "{1,2}", "*?"])).map(
        lambda parts: f"(?:{parts[0]}){parts[1]}"
    )
    return st.one_of(
        st.lists(children, min_size=1, max_size=4).map("".join),
        st.lists(children, min_size=2, max_size=3).map("|".join),
        children.map(lambda inner: f"({inner})"),
        repeated,
    )


@settings(max_examples=25, deadline=None, suppress_health_check=list(HealthCheck))
@given(
    patterns=st.lists(st.recursive(ATOMS, combine, max_leaves=8), min_size=20, max_size=20, unique=True),
    values=st.lists(st.text("abcABC.-4é_ \n", min_size=1, max_size=4), min_size=3, max_size=3, unique=True),
)
def test_a_pattern_of_any_shape_matches_what_it_matches_in_go(patterns: list[str], values: list[str]) -> None:
    amtool = need_tool("amtool")
    for value, matching in ask_amtool(amtool, tuple(patterns), tuple(values)).items():
        assert {pattern for pattern in patterns if compile_re2(pattern).fullmatch(value)} == matching


@pytest.mark.parametrize(
    "pattern",
    [
        r"\pL",
        r"\p{Greek}+",
        r"[\pL]",
        "[[:^alpha:]]",
        "(",
        ")",
        "[a",
        "\\",
        "a(?=b)",
        "(?<!a)b",
        r"\Qa",
        r"\1",
        r"\C",
        "a**",
    ],
)
def test_what_python_cannot_say_is_refused(pattern: str) -> None:
    with pytest.raises(Unsupported):
        compile_re2(pattern)


@pytest.mark.fault(
    "network",
    "a server whose regular expressions take for ever",
    seen="`doctor` says what it cannot evaluate, and goes on",
    heals="-",
)
def test_a_pattern_that_would_take_for_ever_is_given_up() -> None:
    with pytest.raises(Unsupported, match="takes too long"):
        compile_re2("(a+)+b").fullmatch("a" * 50)
