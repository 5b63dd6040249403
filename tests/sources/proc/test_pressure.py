import contextlib
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sysvitals.model.collector import Fault
from sysvitals.sources.proc.pressure import Pressure, Stall, parse_pressure, read_pressure
from tests.building import build_host

SOME = "some avg10=0.32 avg60=0.28 avg300=0.35 total=9066371"
FULL = "full avg10=100.00 avg60=0.26 avg300=0.30 total=8306903"

values = st.one_of(st.text(max_size=6), st.floats().map(str), st.integers().map(str))
pairs = st.builds("{}={}".format, st.sampled_from(["avg10", "avg60", "avg300", "total", "x"]), values)
lines = st.builds(lambda kind, rest: " ".join([kind, *rest]), st.sampled_from(["some", "full", "x"]), st.lists(pairs))
texts = st.text() | st.lists(lines, max_size=3).map("\n".join)


def test_microseconds_become_seconds() -> None:
    assert parse_pressure("io", f"{SOME}\n{FULL}") == Pressure(
        Stall(0.32, 0.28, 0.35, 9.066371), Stall(100.0, 0.26, 0.30, 8.306903)
    )


def test_irq_has_full_only_and_the_cpu_of_old_kernels_some_only() -> None:
    assert parse_pressure("io", FULL) == Pressure(None, Stall(100.0, 0.26, 0.30, 8.306903))
    assert parse_pressure("io", SOME) == Pressure(Stall(0.32, 0.28, 0.35, 9.066371), None)


def test_columns_and_lines_to_come_are_passed_over() -> None:
    assert parse_pressure("io", f"{SOME} avg900=1.00\nmost avg10=x").some == Stall(0.32, 0.28, 0.35, 9.066371)


@pytest.mark.parametrize("text", ["", "strange total=1", "so"])
def test_text_without_a_known_line_is_an_error(text: str) -> None:
    with pytest.raises(ValueError, match="neither some nor full"):
        parse_pressure("io", text)


@pytest.mark.parametrize(
    "line",
    [SOME.replace(" total=9066371", ""), SOME.replace("9066371", "-5"), SOME.replace("=9066371", ""), SOME[:-7] + "x"],
)
def test_a_time_that_makes_no_sense_or_is_missing_is_absent(line: str) -> None:
    found = parse_pressure("io", line)
    assert found.some == Stall(0.32, 0.28, 0.35, None)
    assert [(fault.what, fault.error) for fault in found.faults] == [("pressure io some total", "garbage")]


@pytest.mark.parametrize("word", ["nan", "-0.28", "100.01", "x", ""])
def test_an_average_is_a_percentage(word: str) -> None:
    found = parse_pressure("io", SOME.replace("0.28", word))
    assert found.some == Stall(0.32, None, 0.35, 9.066371)
    assert [fault.what for fault in found.faults] == ["pressure io some average60"]


@given(texts)
def test_any_text_gives_a_value_or_a_value_error(text: str) -> None:
    with contextlib.suppress(ValueError):
        parse_pressure("io", text)


def test_what_the_kernel_does_not_measure_is_none(tmp_path: Path) -> None:
    host = build_host(tmp_path, {"proc/pressure/io": f"{SOME}\n{FULL}\n", "proc/pressure/irq.ERRNO-EOPNOTSUPP": ""})
    assert isinstance(read_pressure(host, "io"), Pressure)
    assert read_pressure(host, "irq") is None
    assert read_pressure(host, "cpu") is None


@pytest.mark.parametrize("error", ["EACCES", "EPERM", "EIO"])
def test_pressure_that_cannot_be_read_is_a_fault(tmp_path: Path, error: str) -> None:
    fault = read_pressure(build_host(tmp_path, {f"proc/pressure/io.ERRNO-{error}": ""}), "io")
    assert isinstance(fault, Fault)
    assert (fault.what, fault.error) == ("pressure io", error)
