"""What happened, in sentences."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sysvitals.collectors.catalog import build_full_catalog
from sysvitals.collectors.filesystem import Remounted
from sysvitals.collectors.network import LinkChanged
from sysvitals.collectors.throttling import ThrottlingCleared, ThrottlingStarted
from sysvitals.judgement.verdict import WORDS
from sysvitals.model.changes import (
    CollectorFailed,
    CollectorRecovered,
    CollectorUnavailable,
    HistoryRepaired,
    HistoryThinned,
    Reloaded,
    SinkDropped,
    Started,
    Stopped,
    UncleanShutdown,
)
from sysvitals.model.event import body_data
from sysvitals.model.reading import Change, amend
from sysvitals.model.sentence import CAUSES, SENTENCES, VERDICTS, describe_change, describe_reading
from sysvitals.sources.pi import throttle_word

CHANGES = [body for body in build_full_catalog().bodies.values() if issubclass(body, Change)]
ENDED = UncleanShutdown(ended_boot="b", last_seen=1_789_905_600.0, uptime=6660.0, certain=True)


@pytest.mark.parametrize("change", CHANGES, ids=lambda change: change.event_name)
def test_every_change_has_a_sentence_of_its_own(change: type[Change]) -> None:
    assert change.event_name in SENTENCES


@pytest.mark.parametrize(
    ("body", "text", "level"),
    [
        (ThrottlingStarted(cause="undervoltage"), "Undervoltage began", "critical"),
        (ThrottlingStarted(cause="frequency_capped"), "Frequency cap began", "warning"),
        (ThrottlingCleared(cause="throttled", seconds=5.149), "Throttling ended after 5.1 s", "good"),
        (
            ThrottlingCleared(cause="soft_temperature_limit", seconds=162.0),
            "Soft temperature limit ended after 2 min 42 s",
            "good",
        ),
        (LinkChanged(device="eth0", carrier=False, changes=1), "eth0 link down", "warning"),
        (LinkChanged(device="eth0", carrier=True, changes=3), "eth0 link up (3 changes)", "good"),
        (LinkChanged(device="eth0", changes=1), "eth0 is switched off", "note"),
        (Remounted(device="/dev/sda1", mountpoint="/", read_only=True), "/ became read-only", "critical"),
        (Remounted(device="/dev/sda1", mountpoint="/", read_only=False), "/ became writable", "good"),
        (
            CollectorFailed(collector="fan", thing="pwmfan", error="EIO", message="Input/output error"),
            "Cannot read fan data of pwmfan: Input/output error",
            "warning",
        ),
        (CollectorRecovered(collector="boot", seconds=90.0), "Reading boot data works again after 1 min 30 s", "good"),
        (
            CollectorRecovered(collector="boot", seconds=2.0, failures=4),
            "Reading boot data works again after 2 s, 4 failures",
            "good",
        ),
        (CollectorUnavailable(collector="fan", reason="no fan"), "No fan data: no fan", "note"),
        (SinkDropped(sink="console", events=3, reason="too slow"), "console lost 3 events: too slow", "warning"),
        (
            HistoryRepaired(segment="2026-01-01/00-00-00.jsonl", bytes=2048),
            "History repaired: torn end of 2026-01-01/00-00-00.jsonl removed (2 KiB)",
            "note",
        ),
        (
            HistoryThinned(collector="network", rounds=2, events=1200, since=0.0),
            "History left out 1,200 events of network to stay within its size limit",
            "note",
        ),
        (Started(version="0.1", schema=1, pid=4227), "sysvitals 0.1 started", "note"),
        (Stopped(reason="SIGTERM"), "sysvitals stopped (SIGTERM)", "note"),
        (Reloaded(changed="log.level"), "Configuration reloaded: changed log.level", "note"),
        (
            Reloaded(changed="", switched_off="fan"),
            "Configuration reloaded: nothing changed, switched off fan",
            "note",
        ),
        (
            amend(ENDED, celsius=61.25, load1=0.5, throttling="undervoltage, throttled"),
            (
                "Unclean shutdown: last seen 2026-09-20 14:00:00 CEST, up 1 h 51 min, 61.2 °C, load 0.5, "
                "undervoltage, throttling"
            ),
            "critical",
        ),
        (
            amend(ENDED, certain=False, clock_synced=False),
            (
                "Probably an unclean shutdown: last seen 2026-09-20 14:00:00 CEST by a clock that was not set, "
                "up 1 h 51 min"
            ),
            "critical",
        ),
    ],
    ids=lambda value: type(value).__name__ if isinstance(value, Change) else "",
)
@pytest.mark.usefixtures("berlin")
def test_a_change_is_one_plain_sentence(body: Change, text: str, level: str) -> None:
    assert describe_change(body.event_name, body_data(body)) == (text, level)


def test_a_change_of_the_verdict_says_the_level_and_why() -> None:
    data = {"level": "warning", "before": "good", "alerts": "Undervoltage", "reasons": "The power supply was too weak"}
    assert describe_change("sysvitals.verdict.changed", data) == (
        "Verdict: Needs attention (The power supply was too weak)",
        "warning",
    )
    assert describe_change("sysvitals.verdict.changed", {"level": "good"}).text == "Verdict: All well"


def test_a_change_of_a_newer_version_is_given_by_its_name_and_fields() -> None:
    assert describe_change("system.door.opened", {"door": "front", "by_force": True}).text == (
        "Door opened: door front, by force yes"
    )


def test_all_causes_and_levels_have_names() -> None:
    assert set(CAUSES) == set(throttle_word.CAUSES)
    assert {level.name.lower(): words for level, words in WORDS.items()} == VERDICTS


def test_values_of_a_reading_have_their_units() -> None:
    said = describe_reading("system.temperature.updated", {"chip": "cpu", "celsius": 61.25}, {"celsius": "celsius"})
    assert said == "system.temperature.updated  chip=cpu  celsius=61.2 °C"


values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.text(max_size=3), inner, max_size=2),
    max_leaves=4,
)
FIELDS = sorted({name for change in CHANGES for name in change.__annotations__} | {"level", "reasons"})


@given(st.sampled_from(sorted(SENTENCES)) | st.text(max_size=9), st.dictionaries(st.sampled_from(FIELDS), values))
def test_whatever_a_line_holds_gives_a_sentence(name: str, data: dict[str, Any]) -> None:
    assert isinstance(describe_change(name, data).text, str)
    assert describe_change(name, data).level in ("critical", "warning", "note", "good")
    assert json.dumps(describe_reading(name, data, dict.fromkeys(FIELDS, "celsius")))
