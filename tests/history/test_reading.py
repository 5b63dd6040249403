import errno
import json
import os
import tracemalloc
from pathlib import Path
from typing import Annotated, Any, NoReturn

import pytest

from sysvitals.collectors.catalog import build_full_catalog
from sysvitals.history.reading import read_events, read_last_events
from sysvitals.history.segments import Segment, compress_segment, create_segment
from sysvitals.model.changes import Reloaded
from sysvitals.model.metric import Gauge, Label
from sysvitals.model.reading import Reading
from tests.history.writing import NOON

BODIES = build_full_catalog().bodies


class Door(Reading, event="system.door.updated"):
    """A door, of which an older version did not know whether it was open."""

    name: Annotated[str, Label("Which.")]
    open: Annotated[bool | None, Gauge("door_open", help="Whether it is open.")] = None


def line(seq: Any, boot: Any = "boot-1", **changed: Any) -> bytes:
    envelope = {
        "time": "2026-09-20T12:00:00.000Z", "name": "sysvitals.reloaded", "host": "pi4", "boot": boot, "seq": seq,
        "uptime": 1.0, "synced": True, "data": {"changed": f"at {seq}"}, **changed,
    }  # fmt: skip
    return json.dumps(envelope).encode() + b"\n"


def lines(first: int, end: int, boot: str = "boot-1") -> bytes:
    return b"".join(line(seq, boot) for seq in range(first, end))


def put(folder: Path, content: bytes, at: float = NOON, *, packed: bool = False) -> Segment:
    descriptor, segment = create_segment(str(folder), at)
    with open(descriptor, "wb") as file:
        file.write(content)
    return compress_segment(segment) if packed else segment


def read_seqs(folder: Path) -> list[int]:
    return [event.seq for event in read_events(str(folder), BODIES)]


def bytes_read() -> int:
    return int(Path("/proc/thread-self/io").read_bytes().split()[1])


# ---- the last events


def read_last_seqs(folder: Path, count: int = 8, *, segments: int = 1) -> list[int]:
    return [event.seq for event in read_last_events(str(folder), BODIES, count, segments=segments)]


def test_without_a_history_there_are_no_last_events(tmp_path: Path) -> None:
    assert read_last_seqs(tmp_path / "nowhere") == []
    assert read_last_seqs(tmp_path) == []


@pytest.mark.parametrize("packed", [False, True], ids=["plain", "compressed"])
def test_the_last_events_are_those_of_the_newest_segment(tmp_path: Path, packed: bool) -> None:
    put(tmp_path, lines(0, 500), NOON, packed=packed)
    put(tmp_path, lines(500, 1000), NOON + 600, packed=packed)
    assert read_last_seqs(tmp_path, 3) == [997, 998, 999]
    assert read_last_seqs(tmp_path, 502, segments=2) == list(range(498, 1000))


@pytest.mark.parametrize(
    "torn",
    [
        line(3)[:50],
        bytes(300_000),
        b"[]\n",
        b"[" * 100_000 + b"\n",
        b'{"boot":"boot-1"}\n',
        b'{"boot":"boot-1","seq":1e999}\n',
        b"\xff\xfe",
    ],
    ids=["half", "NULs", "array", "brackets", "no seq", "infinite seq", "no text"],
)
def test_a_torn_end_hides_no_event_before_it(tmp_path: Path, torn: bytes) -> None:
    put(tmp_path, lines(0, 3) + torn)
    assert read_last_seqs(tmp_path, 3) == [1, 2]


def test_a_folder_that_cannot_be_read_has_no_last_events_and_says_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def fail(descriptor: int) -> NoReturn:
        raise PermissionError(errno.EACCES, "Permission denied")

    put(tmp_path, lines(0, 3))
    monkeypatch.setattr(os, "scandir", fail)
    assert read_last_seqs(tmp_path) == []
    monkeypatch.undo()
    assert "Permission denied" in caplog.text


@pytest.mark.fault(
    "storage", "a segment that cannot be opened", seen="one line in the log", heals="by itself: all others are read"
)
def test_a_segment_that_cannot_be_opened_is_passed_over(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    put(tmp_path, lines(0, 3))
    put(tmp_path, lines(3, 6), NOON + 1)
    real = os.open

    def refuse(path: str, *arguments: Any, **options: Any) -> int:
        if path == "12-00-01.jsonl":
            raise PermissionError(errno.EACCES, "Permission denied", path)
        return real(path, *arguments, **options)

    monkeypatch.setattr(os, "open", refuse)
    assert read_last_seqs(tmp_path, segments=2) == [0, 1, 2]
    assert read_seqs(tmp_path) == [0, 1, 2]
    assert "12-00-01.jsonl cannot be read" in caplog.text


def test_the_last_events_of_a_boot_are_in_their_order_whichever_segment_holds_them(tmp_path: Path) -> None:
    put(tmp_path, lines(0, 2, "boot-0"), NOON - 60)
    put(tmp_path, lines(4, 8))
    put(tmp_path, lines(2, 5), NOON + 60)
    assert read_last_seqs(tmp_path, 20, segments=8) == [0, 1, 2, 3, 4, 4, 5, 6, 7]


def test_to_find_the_last_events_little_is_read(tmp_path: Path) -> None:
    for number in range(50):
        put(tmp_path, lines(0, 500, "boot-0"), NOON + number * 600, packed=number < 40)
    put(tmp_path, lines(0, 20_000), NOON + 86400)
    before = bytes_read()
    assert read_last_seqs(tmp_path, 8)[-1] == 19_999
    assert bytes_read() - before < 500_000


# ---- everything


def test_events_are_read_in_the_order_they_were_stored(tmp_path: Path) -> None:
    first, second, third = (
        put(tmp_path, lines(0, 3)),
        put(tmp_path, lines(3, 5)),
        put(tmp_path, lines(5, 6), NOON + 86400),
    )
    compress_segment(second)
    assert first.began == second.began < third.began
    events = list(read_events(str(tmp_path), BODIES))
    assert [event.seq for event in events] == list(range(6))
    assert events[4].body == Reloaded(changed="at 4")
    assert events[4].stamp == (NOON, "pi4", "boot-1", 1.0, True)


@pytest.mark.fault(
    "storage",
    "a line that is damaged",
    seen="one line in the log with file and number",
    heals="by itself: all other lines are read",
)
def test_a_line_that_is_no_event_is_passed_over_and_named(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    bad = [
        b"torn{",
        bytes(3000),
        b"",
        b"null",
        b"[1]",
        b"{}",
        line("x").strip(),
        line(1, uptime="long").strip(),
        line(1, time="yesterday").strip(),
        line(1, time=None).strip(),
        line(1, data=None).strip(),
        line(1, data=[]).strip(),
        line(1, data={}).strip(),
        line(1, data={"changed": 5}).strip(),
        line(1, name=["a"]).strip(),
        line(0).strip().replace(b'"seq": 0', b'"seq": 1e999'),
        line(0).strip().replace(b'"seq": 0', b'"seq": NaN'),
        b"[" * 100_000,
        b"\xff\xfe",
    ]
    segment = put(tmp_path, line(0) + b"\n".join(bad) + b"\n" + line(1))
    assert read_seqs(tmp_path) == [0, 1]
    said = [record.getMessage() for record in caplog.records]
    expected = [f"history: {segment.name} line {number}: " for number in range(2, len(bad) + 2)]
    assert [message.startswith(start) for message, start in zip(said, expected, strict=True)] == [True] * len(bad)


def test_events_of_names_that_this_version_does_not_know_are_passed_over_in_silence(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    put(tmp_path, line(0, name="system.weather.updated", data={"rain": True}) + line(1))
    assert read_seqs(tmp_path) == [1]
    assert caplog.text == ""


def test_a_line_of_another_version_with_a_field_more_or_an_optional_one_less_is_read(tmp_path: Path) -> None:
    more = line(0, data={"changed": "x", "since": 5}, envelope_of_later="yes")
    less = line(1, name="system.door.updated", data={"name": "front"})
    put(tmp_path, more + less)
    bodies = {**BODIES, "system.door.updated": Door}
    read = [event.body for event in read_events(str(tmp_path), bodies)]
    assert read == [Reloaded(changed="x"), Door(name="front")]


@pytest.mark.fault(
    "storage",
    "a compressed segment that is damaged",
    seen="one line in the log",
    heals="by itself: all before the damage, and all other segments, are read",
)
def test_a_damaged_compressed_segment_takes_no_other_with_it(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    segments = [
        put(
            tmp_path,
            b"".join(line(seq, uptime=seq * 0.7919) for seq in range(number * 5000, number * 5000 + 5000)),
            NOON + number,
            packed=True,
        )
        for number in range(3)
    ]
    for segment in segments[:2]:
        raw = Path(segment.path).read_bytes()
        rest = b"" if segment is segments[0] else bytes(300) + raw[len(raw) // 2 + 300 :]
        Path(segment.path).write_bytes(raw[: len(raw) // 2] + rest)
    found = read_seqs(tmp_path)
    assert found[-5000:] == list(range(10_000, 15_000))
    assert 5000 < len(found) < 15_000
    for segment in segments[:2]:
        assert f"{segment.name} cannot be read to its end" in caplog.text


@pytest.mark.fault(
    "time",
    "a clock that is set back",
    seen="names of segments that are not in order",
    heals="by itself: within a boot events are read by their number",
)
def test_events_are_read_in_their_order_where_the_clock_was_set_back(tmp_path: Path) -> None:
    put(tmp_path, lines(0, 2), NOON)
    put(tmp_path, lines(2, 4), NOON - 86400)
    put(tmp_path, lines(4, 6), NOON - 3600, packed=True)
    assert read_seqs(tmp_path) == list(range(6))


def test_boots_of_a_board_without_a_clock_of_its_own_are_read_one_after_the_other(tmp_path: Path) -> None:
    for number in range(3):
        boot = f"boot-{3 - number}"  # ids say nothing of the order
        put(tmp_path, lines(0, 2, boot), 100.0 - number)
        put(tmp_path, lines(2, 4, boot), NOON + number * 3600)
    events = list(read_events(str(tmp_path), BODIES))
    assert [(event.stamp.boot, event.seq) for event in events] == [
        (boot, seq) for boot in ("boot-3", "boot-2", "boot-1") for seq in range(4)
    ]


def test_an_event_that_was_stored_twice_is_read_once_and_a_number_that_was_given_twice_stands_for_two(
    tmp_path: Path,
) -> None:
    put(tmp_path, lines(0, 4))
    put(tmp_path, lines(2, 6), NOON + 1)
    assert read_seqs(tmp_path) == list(range(6))
    put(tmp_path, line(4, uptime=500.0), NOON + 2)
    assert read_seqs(tmp_path) == [0, 1, 2, 3, 4, 5, 4]


def test_a_segment_that_retention_removes_while_all_is_read_is_passed_over(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    put(tmp_path, lines(0, 2))
    gone = put(tmp_path, lines(2, 4), NOON + 1)
    put(tmp_path, lines(4, 6), NOON + 2)
    events = read_events(str(tmp_path), BODIES)
    assert next(events).seq == 0
    os.unlink(gone.path)
    assert [event.seq for event in events] == [1, 4, 5]
    assert f"{gone.name} cannot be read" in caplog.text


def test_a_long_history_is_read_in_little_memory(tmp_path: Path) -> None:
    for number in range(4):
        put(tmp_path, lines(number * 4000, number * 4000 + 4000), NOON + number, packed=number < 2)
    tracemalloc.start()
    try:
        assert sum(1 for _ in read_events(str(tmp_path), BODIES)) == 16_000
        assert tracemalloc.get_traced_memory()[1] < 1 << 20
    finally:
        tracemalloc.stop()
