"""What the verdict takes up from the history, as a process of its own answers it, by a clock that may be wrong."""

from collections.abc import Iterable
from pathlib import Path

import pytest

from sysvitals.collectors.temperature import Temperature
from sysvitals.collectors.throttling import ThrottlingStarted
from sysvitals.history.recalling import Recent, Wanted, ask_recent, read_recent
from sysvitals.history.summaries.writing import Summaries
from sysvitals.host.side_process import SideProcess
from sysvitals.model.changes import Started, VerdictChanged
from sysvitals.model.event import Event, Stamp, encode_events
from sysvitals.model.reading import Body
from tests.judgement.judging import CATALOG
from tests.recorded import NOW

WANTED = Wanted({("system.temperature.updated", "celsius")}, {"sysvitals.started", "sysvitals.verdict.changed"})
HOUR = 3600.0


def store(folder: Path, *moments: tuple[float, Iterable[Body]]) -> Summaries:
    """A history in which these bodies were published at these times, in the boot before."""
    summaries = Summaries(str(folder))
    for seq, (at, bodies) in enumerate(moments):
        stamp = Stamp(at, "board", "before", 1000 + at - NOW + 100 * HOUR, synced=True)
        events = tuple(Event(stamp, 100 * seq + n, body) for n, body in enumerate(bodies))
        summaries.add(events, encode_events(events))
    return summaries


def recall(folder: Path, summaries: Summaries | None = None, *, now: float = NOW, synced: bool = True) -> Recent:
    current = summaries.snapshot() if summaries is not None else None
    question = ask_recent(str(folder), WANTED, now=now, synced=synced, current=current)
    return read_recent(SideProcess("sysvitals.history.child"), question, CATALOG.bodies)


def hot(celsius: float) -> Temperature:
    return Temperature(chip="cpu_thermal", sensor="temp1", celsius=celsius)


def test_what_is_in_no_file_yet_is_known_too(tmp_path: Path) -> None:
    summaries = store(tmp_path, (NOW - 60, [hot(61)]), (NOW - 45, [hot(63)]))
    ((series, stretches),) = recall(tmp_path, summaries).rows
    assert series == ("system.temperature.updated", ("cpu_thermal", "temp1"), "celsius")
    assert {stretch.seconds for stretch in stretches} == {60, 3600}
    assert {stretch.most for stretch in stretches} == {63}
    assert recall(tmp_path).rows == []


def test_minutes_are_of_the_last_two_hours_and_hours_of_the_last_day(tmp_path: Path) -> None:
    for hours in (30, 20, 5, 1):
        summaries = store(tmp_path, (NOW - hours * HOUR + 60, [hot(50 + hours)]))
        summaries.end_segment(f"segment {hours}")
        summaries.write()
    ((_, stretches),) = recall(tmp_path).rows
    assert sorted((stretch.seconds, stretch.last) for stretch in stretches) == [
        (60, 51),
        (3600, 51),
        (3600, 55),
        (3600, 70),
    ]


def test_only_the_changes_that_are_asked_for_are_given(tmp_path: Path) -> None:
    verdict = VerdictChanged(level="warning", before="good", alerts="LoadHigh", reasons="Overloaded")
    started = Started(version="1", schema=1, pid=1)
    summaries = store(
        tmp_path, (NOW - 50 * HOUR, [verdict]), (NOW - 60, [started, ThrottlingStarted(cause="throttled")])
    )
    assert [event.body for event in recall(tmp_path, summaries).changes] == [verdict, started]


def test_where_the_clock_is_wrong_the_end_of_the_history_is_now(tmp_path: Path) -> None:
    summaries = store(tmp_path, (NOW - 60, [hot(61)]))
    summaries.end_segment("2026-09-20/1")
    summaries.write()
    recent = recall(tmp_path, now=1000.0, synced=False)
    assert recent.now == pytest.approx(NOW - 60, abs=1)
    assert len(recent.rows) == 1
    assert recall(tmp_path, now=1000.0).rows == []


def test_a_host_without_summaries_has_nothing_to_take_up(tmp_path: Path) -> None:
    assert recall(tmp_path / "none") == ([], [], NOW)
    assert recall(tmp_path / "none", synced=False) == ([], [], NOW)
