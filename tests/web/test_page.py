"""The page at `/`, as it is before any script has run."""

import re
from html.parser import HTMLParser
from pathlib import Path

from hypothesis import given, settings
from hypothesis import strategies as st

from sysvitals.collectors.catalog import build_full_catalog
from sysvitals.collectors.filesystem import Filesystem
from sysvitals.collectors.memory import MemoryUsage
from sysvitals.collectors.network import Link, Network
from sysvitals.collectors.temperature import Temperature
from sysvitals.collectors.throttling import Throttling, ThrottlingCleared, ThrottlingSource
from sysvitals.judgement.verdict import Level, Reason, Verdict
from sysvitals.model.changes import SinkDropped
from sysvitals.model.reading import Body, Change, labels_of
from sysvitals.web.page import render_page
from tests.web.looking import look

STATIC = Path(__file__).parents[2] / "exporter/sysvitals/web/static"
EVIL = "</title></td><script>alert('1')</script><img src=x onerror=alert(1)>&amp;\""
ALLOWED_SCRIPT = {"src": "static/live.js", "defer": None}


class Reader(HTMLParser):
    """Notes each element with its attributes, and all text."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.text: list[str] = []
        self.open: list[str] = []
        self.feed(page)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))

    def handle_data(self, data: str) -> None:
        if data.strip():
            self.text.append(data.strip())

    def all(self, tag: str) -> list[dict[str, str | None]]:
        return [attributes for name, attributes in self.elements if name == tag]


def is_harmless(reader: Reader) -> bool:
    """Nothing inline that could run, nothing from elsewhere, one script of our own."""
    for _, attributes in reader.elements:
        if any(name.startswith("on") or name == "style" for name in attributes):
            return False
        if re.match(r"(?i)\s*(javascript|data):", attributes.get("href") or ""):
            return False
    loaded = [a.get("href") for a in reader.all("link")] + [a.get("src") for a in reader.all("script")]
    return (
        reader.all("script") == [ALLOWED_SCRIPT]
        and not reader.all("img")
        and not reader.all("iframe")
        and all(address and address.startswith("static/") for address in loaded)
    )


def link(name: str) -> list[Body]:
    return [Link(device=name, up=True), Network(device=name, receive_bytes=0)]


def hostile(name: str) -> str:
    return render_page(
        look(
            name,
            [
                Temperature(chip=name, sensor=name, celsius=61.3, critical=85.0),
                Filesystem(device=name, mountpoint=name, fstype=name, read_only=False, device_error=False),
                *link(name),
                Throttling(cause=name, active=True),
                ThrottlingSource(undervoltage_detectable=False, source=name, hint=name),
            ],
            [SinkDropped(sink=name, events=3, reason=name)],
            collectors={name: f"failed: {name}"},
            verdict=Verdict(Level.WARNING, (Reason(Level.WARNING, "WifiWeak", name),)),
            version=name,
        )
    )


def test_names_that_would_be_markup_are_shown_as_they_are() -> None:
    reader = Reader(hostile(EVIL))
    assert is_harmless(reader)
    assert reader.text.count(EVIL) >= 5
    assert f"failed: {EVIL}" in reader.text


@settings(deadline=None)  # a busy machine is no failure
@given(name=st.text(st.characters(exclude_categories=["Cs"]), min_size=1))
def test_no_name_from_the_host_adds_an_element_to_the_page(name: str) -> None:
    plain, odd = Reader(hostile("x")), Reader(hostile(name))
    assert [tag for tag, _ in odd.elements] == [tag for tag, _ in plain.elements]
    assert is_harmless(odd)


def test_the_page_shows_host_version_and_how_each_collector_fares() -> None:
    page = render_page(look(collectors={"load": "fine", "wifi": "not on this host: no Wi-Fi"}))
    assert "<title>pi4 · sysvitals</title>" in page
    text = Reader(page).text
    assert {"sysvitals 1.2.3", "load", "fine", "wifi", "not on this host: no Wi-Fi"} <= {*text}


def test_a_board_that_cannot_know_says_so_instead_of_no() -> None:
    readings = [
        ThrottlingSource(undervoltage_detectable=False, source="vcio"),
        Throttling(cause="throttled", active=False),
    ]
    text = " ".join(Reader(render_page(look(readings=readings))).text)
    assert "no detector for undervoltage: it cannot be known" in text
    assert "Supply voltage too low" not in text


def test_what_is_not_known_is_a_dash_and_no_zero() -> None:
    page = render_page(look(readings=link("eth0")))
    assert 'data-field="receive_bytes_per_second" data-unit="bytes per second">\N{EN DASH}<' in page


def test_each_throttling_cause_tells_now_since_boot_times_how_long_and_when_last() -> None:
    cause = Throttling(cause="undervoltage", active=True, since_boot=True, events=3, seconds=75.4, last=1_789_905_590.0)
    page = render_page(look(readings=[ThrottlingSource(undervoltage_detectable=True, source="vcio"), cause]))
    reader = Reader(page)
    cells = reader.text[reader.text.index("Supply voltage too low") :][:6]
    assert cells == ["Supply voltage too low", "yes", "yes", "3", "1 min 15 s", "2026-09-20 11:59:50 UTC"]
    assert 'class="state critical" data-field="active"' in page


def test_a_host_without_a_subject_has_no_card_for_it() -> None:
    ids = {attributes.get("id") for attributes in Reader(render_page(look())).all("section")}
    assert ids & {"power", "heat", "fan", "cpu", "memory", "network", "filesystems", "disks"} == set()


def test_bars_change_colour_where_the_alerts_begin() -> None:
    memory = MemoryUsage(total=100, available=5, free=5, used_percent=95.0)
    [meter] = Reader(render_page(look(readings=[memory]))).all("meter")
    assert (meter["low"], meter["high"], meter["value"]) == ("90", "97", "95.0")


def test_charts_are_there_without_a_script() -> None:
    [line] = Reader(render_page(look(readings=[Temperature(chip="c", sensor="temp1", celsius=52.5)]))).all("polyline")
    assert line["points"] == "300.0,0.0"
    assert line["data-field"] == "celsius"


def test_the_verdict_gives_its_reasons_each_with_what_to_do() -> None:
    verdict = Verdict(Level.CRITICAL, (Reason(Level.CRITICAL, "FanStalled", "The fan stands still."),))
    page = render_page(look(verdict=verdict))
    assert "<h2>In trouble</h2>" in page
    assert "The fan stands still." in page
    assert any((link.get("href") or "").endswith("RUNBOOK.md#fanstalled") for link in Reader(page).all("a"))


def test_what_happened_is_told_in_words_newest_first() -> None:
    changes = [
        ThrottlingCleared(cause="undervoltage", seconds=6.59),
        SinkDropped(sink="console", events=3, reason="slow"),
    ]
    page = render_page(look(changes=changes))
    text = Reader(page).text
    assert text[text.index("sink dropped") + 1] == "console, events 3, reason slow"
    assert text[text.index("throttling cleared") + 1] == "undervoltage, for 6.6 s"
    assert page.index("sink dropped") < page.index("throttling cleared")


def test_the_script_knows_the_labels_of_all_that_happens() -> None:
    bodies = build_full_catalog().bodies.values()
    labels = {label for body in bodies if issubclass(body, Change) for label in labels_of(body)}
    declared = re.search(r"LABELS = new Set\(\[(.*?)\]\)", (STATIC / "live.js").read_text())
    assert declared is not None
    assert {name.strip(' "') for name in declared[1].split(",")} == labels


def test_the_page_leads_to_everything_else_and_works_below_a_proxys_prefix() -> None:
    reader = Reader(render_page(look(grafana="https://grafana.example/d/sysvitals-host")))
    links = {attributes.get("href") for attributes in reader.all("a")}
    assert {"metrics", "api/v1/state", "api/v1/events", "https://grafana.example/d/sysvitals-host"} <= links
    assert not any(link and link.startswith("/") for link in links)
