"""The page of faults: it is made of the marks of tests, and holds what it must."""

import re
from pathlib import Path

import pytest

from reference.faults import KINDS, Fault, read_faults, render_faults

HERE = Path(__file__).parent
MUST_HOLD = {
    "storage": "full, read-only, slow, goes, moved, quota, inodes, permission, link",
    "sources": "gone, hangs, lies, megabytes, another type, hot-plug, thousand",
    "time": "hours, years, 1970, NTP, suspend, boot id, dates",
    "resources": "descriptors, memory, threads, CPU, stuck, closed",
    "process": "stop signal, SIGHUP, kill -9, restarts, same folder, same port",
    "network": "idle, do not read, ping, fragments, bodies, handshakes, guess, rebinding, reloads, no HTTP",
}
"""Words that must occur in what breaks, for each kind."""

TESTS = """
import pytest

@pytest.mark.parametrize("size", [1, 2])
@pytest.mark.fault("storage", "a full disk", seen="one | line", heals="by " "itself")
def test_nothing_is_lost_until_ntp_sets_the_clock(size):
    pass

class TestAProcess:
    @pytest.mark.fault("process", "a signal", seen="its end", heals="at the next start")
    def test_ends_well(self):
        pass

class TestWhatEver:
    def test_without_a_mark(self):
        pass
"""


@pytest.fixture(scope="module")
def faults() -> list[Fault]:
    return read_faults(HERE)


def write_tests(folder: Path, text: str, name: str = "test_one.py") -> Path:
    (folder / name).write_text(text)
    return folder


@pytest.mark.parametrize("kind", KINDS)
def test_the_page_has_a_row_for_each_fault_that_it_must_hold(kind: str, faults: list[Fault]) -> None:
    broken = "\n".join(fault.breaks for fault in faults if fault.kind == kind)
    missing = [word for word in MUST_HOLD[kind].split(", ") if not re.search(rf"\b{word}", broken)]
    assert missing == []


def test_no_promise_is_made_twice(faults: list[Fault]) -> None:
    promises = [fault.promise for fault in faults]
    assert sorted(set(promises)) == sorted(promises)


def test_a_marked_test_is_a_row_whose_promise_is_its_name(tmp_path: Path) -> None:
    assert read_faults(write_tests(tmp_path, TESTS)) == [
        Fault("storage", "a full disk", "Nothing is lost until NTP sets the clock", "one | line", "by itself"),
        Fault("process", "a signal", "A process ends well", "its end", "at the next start"),
    ]


def test_rows_are_below_their_kind_and_a_bar_does_not_end_a_cell(tmp_path: Path) -> None:
    page = render_faults(read_faults(write_tests(tmp_path, TESTS)))
    storage, process = page.index("## Storage"), page.index("## Process")
    row = r"| a full disk | Nothing is lost until NTP sets the clock | one \| line | by itself |"
    assert storage < page.index(row) < process < page.index("| a signal | A process ends well |")


@pytest.mark.parametrize(
    ("mark", "complaint"),
    [
        ('("storage", "a disk", seen="a line")', "four texts"),
        ('("storage", "a disk", seen="a line", heals=WORDS)', "four texts"),
        ('("storage", "a disk", seen="a line", heals=1)', "four texts"),
        ('("storage", "a disk", **WORDS)', "four texts"),
        ('("storage", breaks="a disk", seen="a line", heals="it")', "four texts"),
        ('("weather", "a storm", seen="a line", heals="it")', "'weather' is not a kind of fault"),
        ("", "not on a test"),
    ],
)
def test_a_mark_that_makes_no_row_is_an_error_with_its_place(tmp_path: Path, mark: str, complaint: str) -> None:
    write_tests(tmp_path, f"import pytest\n@pytest.mark.fault{mark}\ndef test_it():\n    pass\n")
    with pytest.raises(ValueError, match=rf"test_one\.py:2: .*{complaint}"):
        read_faults(tmp_path)


@pytest.mark.parametrize("place", ["def helper():", "class TestAProcess:"])
def test_a_mark_that_is_not_on_a_test_is_an_error(tmp_path: Path, place: str) -> None:
    mark = '@pytest.mark.fault("storage", "a disk", seen="a line", heals="it")'
    write_tests(tmp_path, f"import pytest\n{mark}\n{place}\n    pass\n")
    with pytest.raises(ValueError, match="not on a test"):
        read_faults(tmp_path)
