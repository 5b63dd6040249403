"""The page at `/`."""

from html.parser import HTMLParser

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sysvitals.collectors.temperature import Temperature
from sysvitals.model.changes import SinkDropped
from sysvitals.model.event import Event, Stamp
from sysvitals.web.page import _format, render_page

KNOWN = {
    "html",
    "meta",
    "title",
    "style",
    "h1",
    "h2",
    "p",
    "nav",
    "a",
    "table",
    "tr",
    "td",
    "th",
    "span",
    "i",
    "b",
    "br",
}


class Reader(HTMLParser):
    """Notes each element, and the text in each cell and title."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.elements: set[str] = set()
        self.cells: list[str] = []
        self.title = ""
        self._inside = ""
        self.feed(page)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.add(tag)
        assert not [name for name, _ in attrs if name.startswith("on")]
        self._inside = tag
        if tag in ("td", "th"):
            self.cells.append("")

    def handle_endtag(self, tag: str) -> None:  # noqa: ARG002
        self._inside = ""

    def handle_data(self, data: str) -> None:
        if self._inside in ("td", "th"):
            self.cells[-1] += data
        if self._inside == "title":
            self.title += data


def test_names_that_would_be_markup_are_shown_as_they_are() -> None:
    evil = "</title></td><script>alert('1')</script><img src=x onerror=alert(1)>&amp;\""
    page = render_page(evil, evil, {evil: f"failed: {evil}"}, [])
    reader = Reader(page)
    assert "<script" not in page
    assert reader.elements <= KNOWN
    assert reader.cells == [evil, f"failed: {evil}"]


@given(name=st.text(), words=st.text())
def test_no_name_from_the_host_adds_an_element_to_the_page(name: str, words: str) -> None:
    assert Reader(render_page(name, name, {name: words}, [])).elements <= KNOWN


def test_the_page_shows_host_version_and_how_each_collector_fares() -> None:
    page = render_page("pi4", "1.2.3", {"load": "fine", "wifi": "not on this host: no Wi-Fi"}, [])
    reader = Reader(page)
    assert reader.title == "pi4 · sysvitals"
    assert "sysvitals 1.2.3" in page
    assert reader.cells == ["load", "fine", "wifi", "not on this host: no Wi-Fi"]


def test_readings_are_shown_with_their_labels_and_units_and_names_as_they_are() -> None:
    stamp = Stamp(1_789_905_600.0, "pi4", "b", 1.0, True)
    evil = "<img src=x onerror=alert(1)>"
    page = render_page(
        "pi4",
        "1",
        {},
        [
            Event(stamp, 1, Temperature(chip=evil, sensor="temp1", celsius=61.3, critical=85.0)),
            Event(stamp, 2, SinkDropped(sink="history", events=3, reason=evil)),
        ],
    )
    reader = Reader(page)
    assert reader.elements <= KNOWN
    assert f"{evil} temp1" in reader.cells
    assert "<b>61.3 °C</b>" in page
    assert "sink dropped<br><i>2026-09-20 12:00:00 UTC</i>" in page


@pytest.mark.parametrize(
    ("value", "unit", "shown"),
    [
        (8_454_438_912, "bytes", "7.874 GiB"),
        (1536.0, "bytes per second", "1.5 KiB/s"),
        (1.5e9, "hertz", "1500 MHz"),
        (True, "", "yes"),
        (0.5, "ratio", "0.5"),
        (1_789_905_600.0, "timestamp_seconds", "2026-09-20 12:00:00 UTC"),
        (-51.0, "dbm", "-51 dBm"),
        (11661, "", "11,661"),
        (0, "bytes", "0 B"),
    ],
)
def test_values_are_shown_for_people(value: float, unit: str, shown: str) -> None:
    assert _format(value, unit) == shown


def test_the_page_leads_to_everything_else_and_works_below_a_proxys_prefix() -> None:
    page = render_page("pi4", "1.2.3", {}, [])
    for link in ("metrics", "api/v1/state", "-/healthy", "-/ready"):
        assert f'<a href="{link}">' in page
