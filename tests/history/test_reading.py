import errno
import json
import os
from pathlib import Path
from typing import Annotated, Any, NoReturn

import pytest

from sysvitals.collectors.catalog import build_full_catalog
from sysvitals.history.reading import read_last_events
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
    assert "permission denied" in caplog.text


@pytest.mark.fault(
    "storage",
    "a segment that cannot be opened",
    seen="one line in the log, where it is the one that was written last",
    heals="by itself: all others are read",
)
def test_a_segment_that_cannot_be_opened_is_passed_over(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    put(tmp_path, lines(0, 3))
    put(tmp_path, lines(3, 6), NOON + 1)
    real = os.open

    def refuse(path: str, *arguments: Any, **options: Any) -> int:
        if path == "12-00-01.jsonl":
            raise PermissionError(errno.EACCES, "Permission denied", path)
        return real(path, *arguments, **options)

    monkeypatch.setattr(os, "open", refuse)
    assert read_last_seqs(tmp_path, segments=2) == [0, 1, 2]


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


@pytest.mark.fault(
    "storage",
    "a line that is damaged",
    seen="nothing: it is passed over",
    heals="by itself: all other lines are read",
)
def test_a_line_that_is_no_event_is_passed_over(tmp_path: Path) -> None:
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
    put(tmp_path, line(0) + b"\n".join(bad) + b"\n" + line(1))
    assert read_last_seqs(tmp_path, 50) == [0, 1]


def test_events_of_names_that_this_version_does_not_know_are_passed_over_in_silence(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    put(tmp_path, line(0, name="system.weather.updated", data={"rain": True}) + line(1))
    assert read_last_seqs(tmp_path) == [1]
    assert caplog.text == ""


def test_a_line_of_another_version_with_a_field_more_or_an_optional_one_less_is_read(tmp_path: Path) -> None:
    more = line(0, data={"changed": "x", "since": 5}, envelope_of_later="yes")
    less = line(1, name="system.door.updated", data={"name": "front"})
    put(tmp_path, more + less)
    bodies = {**BODIES, "system.door.updated": Door}
    read = [event.body for event in read_last_events(str(tmp_path), bodies, 8)]
    assert read == [Reloaded(changed="x"), Door(name="front")]


@pytest.mark.fault(
    "storage",
    "a compressed segment that is damaged",
    seen="one line in the log, where it is the one that was written last",
    heals="by itself: all before the damage, and all other segments, are read",
)
@pytest.mark.parametrize("rest", [b"", bytes(300)], ids=["cut", "zeros"])
def test_a_damaged_compressed_segment_takes_no_other_with_it(tmp_path: Path, rest: bytes) -> None:
    segments = [put(tmp_path, many(number * 5000), NOON + number, packed=True) for number in range(3)]
    raw = Path(segments[1].path).read_bytes()
    half = len(raw) // 2
    Path(segments[1].path).write_bytes(raw[:half] + rest + raw[half + len(rest) :] * bool(rest))
    found = read_last_seqs(tmp_path, 20_000, segments=3)
    assert [*range(5000), *range(10_000, 15_000)] == [seq for seq in found if not 5000 <= seq < 10_000]
    assert 10_000 < len(found) < 15_000


def many(first: int) -> bytes:
    return b"".join(line(seq, uptime=seq * 0.7919) for seq in range(first, first + 5000))
