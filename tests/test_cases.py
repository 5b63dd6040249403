"""Hosts made from public reports, and what their exposition must say.

A folder below `tests/cases` is a small host, laid out as those in `tests/hosts`. Its `case.json` says where the report
is (`source`), what is right and `why`, whom it `hits`, and what is `want`ed of the exposition:

- `series value`: the series is there and has this value,
- `!text`: no line begins with this text,
- `~pattern`: some line matches this regular expression,
- `#N name`: the metric of this name has N series.
"""

import json
import re
from pathlib import Path

import pytest

from tests.looking import expose

CASES = Path(__file__).parent / "cases"

NOT_YET_MENDED: frozenset[str] = frozenset()
"""Cases known to come out wrong. One that comes out right fails here, so that its name is taken out."""


def find_cases() -> list[object]:
    known_wrong = pytest.mark.xfail(strict=True, raises=AssertionError)
    names = sorted(folder.name for folder in CASES.iterdir() if (folder / "case.json").is_file())
    return [pytest.param(name, marks=known_wrong if name in NOT_YET_MENDED else ()) for name in names]


def meets(lines: list[str], wanted: str) -> bool:
    """Whether an exposition's lines are as wanted."""
    if wanted.startswith("!"):
        return not any(line.startswith(wanted[1:]) for line in lines)
    if wanted.startswith("~"):
        return any(re.search(wanted[1:], line) for line in lines)
    if wanted.startswith("#"):
        count, name = wanted[1:].split()
        return sum(line.startswith((f"{name}{{", f"{name} ")) for line in lines) == int(count)
    series, _, value = wanted.rpartition(" ")
    return float(value) in {float(line.rpartition(" ")[2]) for line in lines if line.startswith(f"{series} ")}


@pytest.mark.parametrize("name", find_cases())
def test_a_host_from_a_report_is_read_right(name: str) -> None:
    wanted = json.loads((CASES / name / "case.json").read_text(encoding="utf-8"))["want"]
    text = expose(CASES / name)
    lines = [line for line in text.splitlines() if not line.startswith("#")]
    assert [want for want in wanted if not meets(lines, want)] == [], text


def test_a_disk_keeps_its_label_when_the_kernel_numbers_disks_otherwise() -> None:
    boots = [
        dict(
            re.findall(
                r'^system_temperature_celsius\{chip="(drivetemp[^"]*)".*\} (.*)$', expose(CASES / name), re.MULTILINE
            )
        )
        for name in ("19-drivetemp-boot-a", "20-drivetemp-boot-b")
    ]
    (label,) = boots[0]
    assert boots[1].pop(label) == boots[0][label] == "30.0"
    assert list(boots[1].values()) == ["45.0"]


def test_each_case_says_where_it_comes_from_and_wants_something() -> None:
    for path in CASES.glob("*/case.json"):
        case = json.loads(path.read_text(encoding="utf-8"))
        assert case["source"], path
        assert case["why"], path
        assert case["want"], path


def test_a_name_that_is_not_yet_mended_is_a_case() -> None:
    assert [name for name in NOT_YET_MENDED if not (CASES / name / "case.json").is_file()] == []


@pytest.mark.parametrize(
    ("wanted", "met"),
    [
        ('a{x="1"} 2', True),
        ('a{x="1"} 3', False),
        ("a 2", False),
        ("b 1e3", True),
        ('!a{x="1"} 2', False),
        ("!c", True),
        ("~^a.* 2", True),
        ("~^c", False),
        ("#2 a", True),
        ("#1 a", False),
        ("#0 c", True),
    ],
)
def test_what_is_wanted_is_found_in_the_exposition(wanted: str, met: bool) -> None:
    assert meets(['a{x="1"} 2.0', 'a{x="2"} 2.0', "b 1000"], wanted) is met
