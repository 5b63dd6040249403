"""Events of the history that are asked for: which, from when, and in which order."""

import json
import os
import re
import tracemalloc
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from sysvitals.history import selection
from sysvitals.history.segments import Segment, find_lines, list_segments, mark_current, read_lines
from sysvitals.history.selection import Found, Mark, Wanted, find_last_mark, select_events
from tests.history.stored import BEGAN, ENDED, line_of, store
from tests.history.writing import NOON

LOAD = "system.load.updated"


def select(folder: Path, **wanted: Any) -> list[Found]:
    return list(select_events(str(folder), Wanted(**wanted)))


def seqs(folder: Path, **wanted: Any) -> list[int]:
    return [event.seq for event in select(folder, **wanted)]


def note_segments(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The stems of the segments that are searched from now on."""
    searched: list[str] = []

    def search(segment: Segment, pattern: re.Pattern[bytes]) -> Iterator[bytes]:
        searched.append(segment.stem)
        return find_lines(segment, pattern)

    monkeypatch.setattr(selection, "find_lines", search)
    return searched


@pytest.mark.parametrize("compress", [False, True])
def test_what_happened_is_found_and_of_readings_those_that_are_named(tmp_path: Path, compress: bool) -> None:
    lines = [
        line_of(LOAD, seq=0, load1=1.0),
        line_of(BEGAN, seq=1, cause="undervoltage"),
        line_of(ENDED, seq=2, cause="undervoltage", seconds=2.0),
        line_of("system.door.opened", seq=3),  # of a newer version
        line_of("system.disk.usage.updated", seq=4),
    ]
    store(tmp_path, lines, compress=compress)
    assert seqs(tmp_path) == [1, 2, 3]
    assert seqs(tmp_path, names=(BEGAN,)) == [1]
    assert seqs(tmp_path, names=("system.*",)) == [1, 2, 3]
    assert seqs(tmp_path, names=(LOAD,)) == [0]
    assert seqs(tmp_path, names=(LOAD, ENDED)) == [0, 2]
    assert seqs(tmp_path, names=("*.usage.updated",)) == [4]
    assert seqs(tmp_path, readings=True) == [0, 1, 2, 3, 4]
    assert seqs(tmp_path, names=("system.*",), readings=True) == [0, 1, 2, 3, 4]


def test_an_event_is_given_as_it_was_stored(tmp_path: Path) -> None:
    text = line_of(ENDED, seq=7, cause="throttled", seconds=5.1)
    store(tmp_path, [text])
    assert select(tmp_path) == [
        Found(NOON, "", ENDED, "pi4", "boot-1", 7, 1000.0, "", {"cause": "throttled", "seconds": 5.1}, text)
    ]


def test_keys_in_another_order_and_blanks_are_read_and_a_name_within_the_data_is_none(tmp_path: Path) -> None:
    envelope = json.loads(line_of(BEGAN, seq=1, cause="throttled"))
    reading = line_of(LOAD, seq=2, name2=1).replace('"name2":1', f'"name":"{BEGAN}"')
    store(tmp_path, [json.dumps(dict(reversed(envelope.items()))), reading])
    assert seqs(tmp_path) == [1]


def test_only_the_time_between_is_given_the_end_left_out(tmp_path: Path) -> None:
    for hour in range(5):
        store(tmp_path, [line_of(seq=hour, at=NOON + 3600 * hour)], NOON + 3600 * hour)
    assert seqs(tmp_path, begin=NOON + 3600, end=NOON + 3 * 3600) == [1, 2]
    assert seqs(tmp_path, begin=NOON + 3600.001) == [2, 3, 4]


def test_segments_outside_the_time_are_not_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for hour in range(5):
        store(tmp_path, [line_of(seq=hour, at=NOON + 3600 * hour)], NOON + 3600 * hour)
    read = note_segments(monkeypatch)
    assert seqs(tmp_path, begin=NOON + 2.5 * 3600, end=NOON + 3.5 * 3600) == [3]
    assert read == ["2026-09-20/14-00-00", "2026-09-20/15-00-00"]


def test_of_a_limit_the_newest_are_given_oldest_first_and_no_older_segment_is_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for hour in range(4):
        lines = [line_of(seq=10 * hour + number, at=NOON + 3600 * hour + number) for number in range(3)]
        store(tmp_path, lines, NOON + 3600 * hour)
    assert seqs(tmp_path, limit=5) == [21, 22, 30, 31, 32]
    assert seqs(tmp_path, limit=99) == [0, 1, 2, 10, 11, 12, 20, 21, 22, 30, 31, 32]
    assert seqs(tmp_path, limit=2, accepts=lambda event: event.seq < 22) == [20, 21]
    read = note_segments(monkeypatch)
    assert seqs(tmp_path, limit=3) == [30, 31, 32]
    assert {*read} == {"2026-09-20/15-00-00"}


# ---- several boots, and clocks that were wrong

EPOCH = 1_700_000_000.0
"""What a board's clock says that has none, at each start."""


def test_events_from_before_the_clock_was_set_are_placed_by_the_uptime_and_marked(tmp_path: Path) -> None:
    early = line_of(BEGAN, seq=1, at=EPOCH, up=10.0, synced=False, cause="undervoltage")
    late = line_of(ENDED, seq=2, at=NOON, up=3610.0, cause="undervoltage", seconds=1.0)
    store(tmp_path, [early], EPOCH)
    store(tmp_path, [late], NOON)
    first, second = select(tmp_path, begin=NOON - 3600, end=NOON + 1)
    assert (first.seq, first.time, first.how) == (1, NOON - 3600, "placed")
    assert (second.seq, second.time, second.how) == (2, NOON, "")


def test_a_clock_that_was_set_within_a_segment_places_what_stands_before_it(tmp_path: Path) -> None:
    lines = [
        line_of(BEGAN, seq=1, at=NOON - 30, up=10.0, synced=False),
        line_of(LOAD, seq=2, at=NOON, up=20.0),
    ]
    store(tmp_path, lines, NOON)
    (found,) = select(tmp_path)
    assert (found.time, found.how) == (NOON - 10, "placed")


def test_a_clock_that_was_right_though_nobody_said_so_needs_no_mark(tmp_path: Path) -> None:
    lines = [
        line_of(BEGAN, seq=1, at=NOON, up=10.0, synced=False),
        line_of(LOAD, seq=2, at=NOON + 10.3, up=20.0),
    ]
    store(tmp_path, lines, NOON)
    (found,) = select(tmp_path)
    assert (found.time, found.how) == (NOON, "")


def test_the_time_of_a_clock_that_was_never_set_is_marked_as_such(tmp_path: Path) -> None:
    store(tmp_path, [line_of(BEGAN, seq=1, at=EPOCH, up=10.0, synced=False)], EPOCH)
    store(tmp_path, [line_of(ENDED, seq=2, boot="boot-2")], NOON)
    assert [(event.how, event.time) for event in select(tmp_path)] == [("unset", EPOCH), ("", NOON)]


def test_what_the_last_boot_holds_is_given_where_its_clock_began_before_that_of_the_boot_before(tmp_path: Path) -> None:
    store(tmp_path, [line_of(seq=1, boot="boot-0", at=NOON - 90 * 86400, up=5.0)], NOON - 90 * 86400)
    store(tmp_path, [line_of(BEGAN, seq=2, at=EPOCH, up=10.0, synced=False)], EPOCH)
    assert [event.seq for event in select(tmp_path, begin=NOON)] == []
    mark_current(str(tmp_path), list_segments(str(tmp_path))[0])
    assert [(event.seq, event.how) for event in select(tmp_path, begin=NOON)] == [(2, "unset")]
    assert seqs(tmp_path) == [1, 2]


def test_a_clock_that_nobody_sets_and_that_goes_on_is_good_enough_to_choose_by(tmp_path: Path) -> None:
    store(tmp_path, [line_of(seq=1, boot="boot-0", at=NOON - 86400, up=5.0)], NOON - 86400)
    store(tmp_path, [line_of(seq=2, up=10.0, synced=False), line_of(seq=3, at=NOON + 9, up=19.0, synced=False)], NOON)
    assert [(event.seq, event.how) for event in select(tmp_path, begin=NOON + 5)] == [(3, "unset")]


def test_where_the_kernel_does_not_say_whether_the_clock_is_set_it_is_believed(tmp_path: Path) -> None:
    store(tmp_path, [line_of(BEGAN, synced=None)])
    assert [(event.time, event.how) for event in select(tmp_path)] == [(NOON, "")]


def test_boots_follow_each_other_and_each_by_its_uptime_whatever_its_clock_said(tmp_path: Path) -> None:
    # the second boot begins with a clock that is behind the first one's
    store(tmp_path, [line_of(seq=1, boot="a", at=NOON, up=5.0)], NOON)
    store(tmp_path, [line_of(seq=2, boot="a", at=NOON + 10, up=15.0)], NOON + 10)
    store(tmp_path, [line_of(seq=3, boot="b", at=EPOCH, up=1.0, synced=False)], EPOCH)
    store(tmp_path, [line_of(seq=4, boot="b", at=NOON + 86400, up=101.0)], NOON + 86400)
    assert seqs(tmp_path) == [1, 2, 3, 4]


def test_an_event_that_was_stored_twice_is_given_once(tmp_path: Path) -> None:
    store(tmp_path, [line_of(seq=1, at=NOON), line_of(seq=2, at=NOON + 1)], NOON)
    store(tmp_path, [line_of(seq=2, at=NOON + 1), line_of(seq=3, at=NOON + 2)], NOON + 2)
    assert seqs(tmp_path) == [1, 2, 3]
    assert seqs(tmp_path, limit=9) == [1, 2, 3]


def test_numbers_that_an_early_version_gave_again_after_a_kill_are_other_events(tmp_path: Path) -> None:
    store(tmp_path, [line_of(seq=0, up=5.0), line_of(seq=1, up=6.0)], NOON)
    store(tmp_path, [line_of(seq=0, up=9.0), line_of(seq=1, up=10.0)], NOON + 5)
    assert seqs(tmp_path) == [0, 1, 0, 1]


# ---- damages


RUBBISH = [
    "{", "[]", "null", "", "{}", '{"name":"system.load.started"}', "\x00" * 50,
    line_of(BEGAN).replace('"uptime":1000.0', '"uptime":"x"'),
    line_of(BEGAN).replace('"uptime":1000.0', '"uptime":NaN'),
    line_of(BEGAN).replace('"data":{}', '"data":[]'),
    line_of(BEGAN).replace("2026-09-20T12:00:00.000Z", "yesterday"),
    '{"name":"x.y","data":' + "[" * 3000,
]  # fmt: skip


@pytest.mark.parametrize("compress", [False, True])
def test_lines_that_are_no_events_are_passed_over(tmp_path: Path, compress: bool) -> None:
    store(tmp_path, [*RUBBISH, line_of(seq=1), *RUBBISH, line_of(seq=2)], compress=compress)
    assert seqs(tmp_path) == [1, 2]


def test_a_torn_end_hides_nothing_before_it(tmp_path: Path) -> None:
    store(tmp_path, [line_of(seq=1)], tail=line_of(seq=2)[:40].encode())
    assert seqs(tmp_path) == [1]


def test_of_a_compressed_segment_that_is_cut_short_all_before_is_given_and_it_is_said(tmp_path: Path) -> None:
    path = store(tmp_path, [line_of(seq=number) for number in range(5000)], compress=True)
    os.truncate(path, path.stat().st_size // 2)
    passed: list[str] = []
    found = list(select_events(str(tmp_path), Wanted(), passed=lambda name, _: passed.append(name)))
    assert [event.seq for event in found] == list(range(len(found)))
    assert 100 < len(found) < 5000
    assert passed == [str(path)]


def test_a_segment_that_was_compressed_since_it_was_listed_is_read_all_the_same(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    plain = store(tmp_path, [line_of(seq=1)])
    real = find_lines

    def compress_first(segment: Any, pattern: Any) -> Any:
        if plain.exists():
            plain.unlink()
            store(tmp_path, [line_of(seq=1)], compress=True)
        return real(segment, pattern)

    monkeypatch.setattr(selection, "find_lines", compress_first)
    assert seqs(tmp_path) == [1]


def test_a_history_that_is_not_there_holds_nothing(tmp_path: Path) -> None:
    assert seqs(tmp_path / "nowhere") == []


def test_progress_grows_with_the_bytes_that_were_read(tmp_path: Path) -> None:
    for hour in range(4):
        store(tmp_path, [line_of(seq=hour, at=NOON + 3600 * hour)], NOON + 3600 * hour)
    heard: list[float] = []
    list(select_events(str(tmp_path), Wanted(), progress=heard.append))
    assert heard == pytest.approx([0, 0.25, 0.5, 0.75], abs=0.01)


def test_memory_stays_bounded_however_long_the_history_is(tmp_path: Path) -> None:
    line = line_of(LOAD, load1=0.5)
    store(tmp_path, [line] * 40_000, compress=True)

    def peak() -> int:
        tracemalloc.start()
        list(select_events(str(tmp_path), Wanted(names=(BEGAN,))))
        most = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        return most

    assert peak() < 2 << 20 < 40_000 * len(line)


def test_memory_stays_bounded_however_many_the_newest_are(tmp_path: Path) -> None:
    line = line_of(LOAD, load1=0.5)
    store(tmp_path, [line] * 20_000, compress=True)

    def peak() -> int:
        tracemalloc.start()
        for _ in select_events(str(tmp_path), Wanted(readings=True, limit=15_000)):
            pass
        most = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        return most

    assert peak() < 4 << 20 < 15_000 * len(line) * 3


def test_the_last_event_on_the_disk_is_a_mark_to_go_on_from(tmp_path: Path) -> None:
    assert find_last_mark(str(tmp_path)) is None
    path = store(tmp_path, [line_of(seq=1), line_of(LOAD, seq=2)], tail=b'{"torn')
    assert find_last_mark(str(tmp_path)) == Mark("boot-1", 2)
    store(tmp_path, [line_of(seq=8, boot="boot-2")], NOON + 60, compress=True)
    assert find_last_mark(str(tmp_path)) == Mark("boot-2", 8)
    (first, _) = list_segments(str(tmp_path))
    mark_current(str(tmp_path), first)
    assert path.samefile(first.path)
    assert find_last_mark(str(tmp_path)) == Mark("boot-1", 2)


@settings(deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    lines=st.lists(st.sampled_from([line_of(LOAD), line_of(BEGAN), "", "x" * 70_000, "y" * (1 << 20)]), max_size=6),
    end=st.booleans(),
)
def test_lines_are_found_as_one_by_one(tmp_path_factory: pytest.TempPathFactory, lines: list[str], end: bool) -> None:
    folder = tmp_path_factory.mktemp("history")
    store(folder, lines, tail=b"" if end else line_of(BEGAN).encode())
    (segment,) = list_segments(str(folder))
    pattern = selection._compile(Wanted())
    one_by_one = [line for line in read_lines(segment) if pattern.search(line.encode())]
    assert [line.decode() for line in find_lines(segment, pattern)] == one_by_one
