from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sysvitals.host.sysfs import list_names, read_label, tidy
from tests.building import build_host
from tests.recorded import RecordedHost


def test_a_folder_that_is_not_there_is_empty(tmp_path: Path) -> None:
    host = build_host(tmp_path, {"sys/class/hwmon/hwmon0/name": "x\n"})
    assert list_names(host, f"{host.sysfs}/class/hwmon") == ["hwmon0"]
    assert list_names(host, f"{host.sysfs}/class/thermal") == []
    assert list_names(host, f"{host.sysfs}/class/hwmon/hwmon0/name") == []


def test_a_folder_that_may_not_be_read_is_an_error(tmp_path: Path) -> None:
    class Closed(RecordedHost):
        def names(self, path: str) -> list[str]:
            raise PermissionError(13, "Permission denied", path)

    with pytest.raises(PermissionError):
        list_names(Closed(tmp_path), "/sys/class/hwmon")


@pytest.mark.parametrize(
    ("text", "label"),
    [
        ("Composite", "Composite"),
        ("  Sensor 1 ", "Sensor 1"),
        ("two\nlines", "two lines"),
        ("tab\there", "tab here"),
        ("\x1b[31mred", "[31mred"),
        ("\u202eright to left", "right to left"),
        ("lone \udcff surrogate", "lone surrogate"),
        ("ä🔥", "ä🔥"),
        (" \t ", ""),
    ],
)
def test_a_label_is_one_line_of_printable_text(text: str, label: str) -> None:
    assert tidy(text) == label


@given(st.text())
def test_any_text_makes_a_label(text: str) -> None:
    label = tidy(text)
    assert label.isprintable()
    assert len(label) <= 100
    assert label == label.strip()
    assert tidy(label) == label
    label.encode()


def test_bytes_that_are_no_text_stay_visible(tmp_path: Path) -> None:
    host = build_host(tmp_path, {"label": b"caf\xe9\n"})
    assert read_label(host, f"{tmp_path}/label") == "caf\\xe9"
