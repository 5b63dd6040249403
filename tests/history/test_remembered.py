"""What is remembered of the time before the exporter started, and what ended with another boot."""

from pathlib import Path

import pytest

from sysvitals.collectors import fan, throttling
from sysvitals.collectors.fan import Fan
from sysvitals.collectors.throttling import Throttling, ThrottlingCleared
from sysvitals.history.remembered import read_remembered, remember
from sysvitals.history.segments import Segment, read_last_lines
from sysvitals.model.event import Event, Stamp
from sysvitals.model.reading import Body, amend
from tests.history.writing import EAGER, LOAD, URGENT, writer

ACTIVE = Throttling(cause="undervoltage", active=True, events=3, seconds=40.0, episode_seconds=12.5)
OVER = Throttling(cause="undervoltage", active=False, events=3, seconds=41.0)
HEAT = Throttling(cause="throttled", active=True, events=1, seconds=2.0)


def events(*bodies: Body, boot: str = "now", seq: int = 0) -> list[Event]:
    return [Event(Stamp(0.0, "pi4", boot, 1.0, synced=True), seq + at, body) for at, body in enumerate(bodies)]


def test_the_last_reading_of_each_subject_of_this_boot_is_remembered() -> None:
    found = remember(events(OVER, HEAT, LOAD, ACTIVE), [throttling.COLLECTOR], boot="now")
    assert found.readings == {"throttling": [ACTIVE, HEAT]}
    assert found.ended == []


def test_what_was_active_when_another_boot_ended_ended_with_it_and_its_counts_begin_again() -> None:
    found = remember(events(ACTIVE, HEAT, boot="before"), [throttling.COLLECTOR], boot="now")
    assert found.readings == {}
    assert found.ended == [
        ThrottlingCleared(cause="undervoltage", seconds=12.5),
        ThrottlingCleared(cause="throttled", seconds=0.0),
    ]


def test_what_was_learnt_of_a_fan_outlasts_a_boot_and_what_was_judged_does_not(tmp_path: Path) -> None:
    stalled = Fan(chip="nct6798", fan="fan2", speed=0, duty=0.6, comparable=True, turns_from=0.4, stalled=True)
    with writer(tmp_path, EAGER) as first:
        first.write(stalled)
        host = first.bus.publish([LOAD])[0].stamp.host
    bodies = {Fan.event_name: Fan}
    found = read_remembered(str(tmp_path), [fan.COLLECTOR], bodies, host=host, boot="another")
    assert found.readings == {"fan": [amend(stalled, stalled=None)]}
    assert found.ended == []


def test_what_was_over_by_then_does_not_end_again() -> None:
    found = remember(events(ACTIVE, OVER, boot="before"), [throttling.COLLECTOR], boot="now")
    assert found.ended == []


def test_what_ended_with_another_boot_is_reported_only_at_the_first_start_in_this_one() -> None:
    found = remember(
        [*events(ACTIVE, boot="before"), *events(LOAD, boot="now", seq=1)], [throttling.COLLECTOR], boot="now"
    )
    assert (found.readings, found.ended) == ({}, [])


def test_it_is_read_from_the_history_even_if_a_new_segment_has_just_begun(tmp_path: Path) -> None:
    with writer(tmp_path, EAGER) as first:
        first.write(ACTIVE)
    with writer(tmp_path, EAGER) as second:
        second.write(LOAD)
    event = first.bus.publish([LOAD])[0]
    bodies = {body.event_name: body for body in (type(LOAD), Throttling)}
    found = read_remembered(str(tmp_path), [throttling.COLLECTOR], bodies, host=event.stamp.host, boot=event.stamp.boot)
    assert found.readings == {"throttling": [ACTIVE]}


def test_it_is_read_from_the_history_after_many_starts_that_ended_early(tmp_path: Path) -> None:
    with writer(tmp_path, EAGER) as first:
        first.write(ACTIVE)
    for _ in range(40):
        with writer(tmp_path, EAGER) as later:
            later.write(URGENT)
    event = first.bus.publish([LOAD])[0]
    bodies = {body.event_name: body for body in (type(URGENT), Throttling)}
    found = read_remembered(str(tmp_path), [throttling.COLLECTOR], bodies, host=event.stamp.host, boot=event.stamp.boot)
    assert found.readings == {"throttling": [ACTIVE]}


def test_no_more_segments_are_read_than_it_takes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sysvitals.history.remembered._LAST_EVENTS", 3)
    for _ in range(5):
        with writer(tmp_path, EAGER) as one:
            one.write(URGENT, LOAD)
    read: list[Segment] = []

    def note(segment: Segment, count: int) -> list[str]:
        read.append(segment)
        return read_last_lines(segment, count)

    monkeypatch.setattr("sysvitals.history.reading.read_last_lines", note)
    bodies = {body.event_name: body for body in (type(URGENT), type(LOAD))}
    read_remembered(str(tmp_path), [throttling.COLLECTOR], bodies, host="pi4", boot="boot-1")
    assert len(read) == 2


def test_another_hosts_readings_are_not_remembered(tmp_path: Path) -> None:
    with writer(tmp_path, EAGER) as first:
        first.write(ACTIVE)
    bodies = {Throttling.event_name: Throttling}
    found = read_remembered(str(tmp_path), [throttling.COLLECTOR], bodies, host="another", boot="boot")
    assert (found.readings, found.ended) == ({}, [])
