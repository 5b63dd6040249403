import errno
import gzip
import json
import os
import sys
import time
import tracemalloc
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from sysvitals.history import segments
from sysvitals.history.segments import (
    Segment,
    compress_segment,
    create_segment,
    find_last_segment,
    list_segments,
    mark_current,
    read_last_lines,
    read_lines,
    remove_leftovers,
    remove_segment,
    repair_segment,
)
from tests.history.writing import NOON, names

LINE = b'{"time":"2026-09-20T12:00:00.000Z","name":"system.load.updated","seq":%d}\n'
LINES = b"".join(LINE % number for number in range(20))


class PowerCut(BaseException):
    """Ends what runs, as no error would: nothing is cleaned up but by the next start."""


def put(folder: Path, content: bytes, at: float = NOON) -> Segment:
    descriptor, segment = create_segment(str(folder), at)
    with open(descriptor, "wb") as file:
        file.write(content)
    return segment._replace(size=len(content))


def open_descriptors() -> int:
    return len(os.listdir("/proc/self/fd"))


def test_a_segment_is_named_by_the_utc_time_it_began(tmp_path: Path) -> None:
    segment = put(tmp_path, LINES, NOON + 3.75)
    assert segment.name == "2026-09-20/12-00-03.jsonl"
    assert list_segments(str(tmp_path)) == [segment._replace(began=NOON + 3)]


def test_segments_of_one_second_are_listed_in_the_order_they_were_created(tmp_path: Path) -> None:
    created = [put(tmp_path, LINES).name for _ in range(12)]
    assert created[:2] == ["2026-09-20/12-00-00.jsonl", "2026-09-20/12-00-00.1.jsonl"]
    assert [segment.name for segment in list_segments(str(tmp_path))] == created


def test_compressed_segments_of_one_second_keep_their_order_and_their_names_are_not_given_again(tmp_path: Path) -> None:
    for number in range(12):
        compress_segment(put(tmp_path, LINE % number))
    lines = [json.loads(line)["seq"] for segment in list_segments(str(tmp_path)) for line in read_lines(segment)]
    assert lines == list(range(12))


def test_segments_are_listed_by_their_time_across_days_whether_compressed_or_not(tmp_path: Path) -> None:
    moments = [NOON + day * 86400 + second for day in (-40, 0, 1) for second in (0, 5, 7200)]
    for number, moment in enumerate(reversed(moments)):
        segment = put(tmp_path, LINES, moment)
        if number % 2:
            compress_segment(segment)
    assert [segment.began for segment in list_segments(str(tmp_path))] == moments


@pytest.mark.parametrize(
    "name",
    [
        "notes.txt",
        "2026-09-20.jsonl",
        "lost+found/12-00-00.jsonl",
        "backup/2026-09-20/12-00-00.jsonl",
        "2026-09-20/12-00-00.bak.jsonl",
        "2026-09-20/12-00-00.jsonl.part",
        "2026-09-20/12-00-00.json",
        "2026-13-20/12-00-00.jsonl",
        "2026-09-20/25-00-00.jsonl",
        "2026-09-20/٢٢-00-00.jsonl",
    ],
)
def test_files_of_other_names_are_no_segments_and_are_left_alone(tmp_path: Path, name: str) -> None:
    stranger = tmp_path / name
    stranger.parent.mkdir(parents=True, exist_ok=True)
    stranger.write_bytes(b"mine")
    stranger.with_name(stranger.name + ".gz").write_bytes(b"mine as well")
    stranger.with_name(stranger.name + ".gz.part").write_bytes(b"and this")
    before = names(tmp_path)
    assert list_segments(str(tmp_path)) == []
    remove_leftovers(str(tmp_path))
    assert names(tmp_path) == before


def test_a_folder_that_is_not_there_or_is_a_file_has_no_segments(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"")
    assert list_segments(str(tmp_path / "nowhere")) == []
    assert list_segments(str(tmp_path / "file")) == []


def test_a_segment_that_goes_while_they_are_listed_is_not_listed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    gone, stays = put(tmp_path, LINES), put(tmp_path, LINES, NOON + 1)
    parse = segments._parse_name

    def parse_late(name: str) -> object:
        if name == gone.name:
            os.unlink(gone.path)
        return parse(name)

    monkeypatch.setattr(segments, "_parse_name", parse_late)
    assert [segment.name for segment in list_segments(str(tmp_path))] == [stays.name]


def test_thousands_of_segments_are_listed_without_opening_one_at_a_cost_that_grows_with_their_number(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    opened: list[str] = []
    real = os.open

    def note(path: str, *arguments: Any, **options: Any) -> int:
        opened.append(str(path))
        return real(path, *arguments, **options)

    def count_calls(segments: int) -> int:
        calls = 0

        def note_call(*_: object) -> None:
            nonlocal calls
            calls += 1

        sys.setprofile(note_call)
        try:
            assert len(list_segments(str(tmp_path))) == segments
        finally:
            sys.setprofile(None)
        return calls

    def touch(first: int, end: int) -> None:
        for number in range(first, end):
            segment = tmp_path / time.strftime("%Y-%m-%d/%H-%M-%S.jsonl.gz", time.gmtime(NOON + number * 600))
            segment.parent.mkdir(exist_ok=True)
            segment.touch(mode=0o000)

    monkeypatch.setattr(os, "open", note)
    touch(0, 400)
    opened.clear()
    few = count_calls(400)
    touch(400, 4000)
    opened.clear()
    assert count_calls(4000) < 11 * few
    assert [path for path in opened if ".jsonl" in path] == []


def test_a_segment_that_cannot_be_synced_leaves_neither_file_nor_descriptor(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(_descriptor: int) -> None:
        raise OSError(errno.EIO, "the card is dying")

    put(tmp_path, LINES)
    before, descriptors = names(tmp_path), open_descriptors()
    monkeypatch.setattr(os, "fsync", fail)
    for _ in range(3):
        with pytest.raises(OSError, match="dying"):
            create_segment(str(tmp_path), NOON)
    assert open_descriptors() == descriptors
    assert names(tmp_path) == before


@pytest.mark.fault(
    "storage", "a filesystem that cannot force folders to the disk", seen="nothing", heals="it is written all the same"
)
def test_a_file_system_that_cannot_sync_folders_can_hold_a_history(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(_descriptor: int) -> None:
        raise OSError(errno.EINVAL, "not for folders")

    monkeypatch.setattr(os, "fsync", fail)
    assert put(tmp_path, LINES).size == len(LINES)


def test_the_name_of_a_new_day_reaches_the_disk_too(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    synced: list[str] = []
    monkeypatch.setattr(os, "fsync", lambda descriptor: synced.append(os.readlink(f"/proc/self/fd/{descriptor}")))
    put(tmp_path, LINES)
    put(tmp_path, LINES, NOON + 1)
    day = str(tmp_path / "2026-09-20")
    assert synced == [str(tmp_path), day, day]


def test_a_day_goes_with_its_last_segment_and_one_already_gone_is_fine(tmp_path: Path) -> None:
    first, last = put(tmp_path, LINES), put(tmp_path, LINES, NOON + 1)
    remove_segment(first)
    assert names(tmp_path) == [last.name]
    remove_segment(first)
    remove_segment(last)
    assert list(tmp_path.iterdir()) == []


def test_without_a_link_or_with_one_that_leads_nowhere_the_newest_name_is_the_last_segment(tmp_path: Path) -> None:
    assert find_last_segment(str(tmp_path)) is None
    marked, newest = put(tmp_path, LINES), put(tmp_path, LINES, NOON + 1)
    assert find_last_segment(str(tmp_path)) == newest
    mark_current(str(tmp_path), marked)
    assert find_last_segment(str(tmp_path)) == marked
    compress_segment(marked)
    assert find_last_segment(str(tmp_path)) == list_segments(str(tmp_path))[0]
    remove_segment(list_segments(str(tmp_path))[0])
    assert find_last_segment(str(tmp_path)) == newest


def test_marking_the_current_segment_gets_over_what_a_power_cut_left(tmp_path: Path) -> None:
    first, second = put(tmp_path, LINES), put(tmp_path, LINES, NOON + 1)
    mark_current(str(tmp_path), second)
    (tmp_path / "current.part").symlink_to("nowhere")
    mark_current(str(tmp_path), first)
    assert find_last_segment(str(tmp_path)) == first
    assert sorted(path.name for path in tmp_path.iterdir()) == ["2026-09-20", "current"]
    remove_leftovers(str(tmp_path))
    assert len(list_segments(str(tmp_path))) == 2


def test_a_compressed_segment_holds_the_same_lines_and_the_plain_one_is_gone(tmp_path: Path) -> None:
    segment = put(tmp_path, LINES, NOON + 0.5)
    packed = compress_segment(segment)
    assert names(tmp_path) == ["2026-09-20/12-00-00.jsonl.gz"]
    assert list_segments(str(tmp_path)) == [packed._replace(began=NOON)]
    assert gzip.decompress((tmp_path / packed.name).read_bytes()) == LINES
    assert packed.size < len(LINES)


STEPS = ("fsync", "replace", "unlink")


def cut_power_at(step: int, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Let the power fail before the step of that number; returns the steps as they are taken."""
    taken: list[str] = []

    def watch(name: str) -> None:
        real = getattr(os, name)

        def call(*arguments: object, **options: object) -> object:
            if len(taken) == step:
                raise PowerCut
            taken.append(name)
            return real(*arguments, **options)

        monkeypatch.setattr(os, name, call)

    for name in STEPS:
        watch(name)
    return taken


@pytest.mark.parametrize("step", range(6))
@pytest.mark.fault(
    "storage",
    "a power cut while a segment is compressed",
    seen="nothing",
    heals="by itself at the next start: one of both files is whole, the other goes",
)
def test_a_power_cut_at_any_step_of_a_compression_leaves_one_whole_copy(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, step: int
) -> None:
    segment = put(tmp_path, LINES)
    with monkeypatch.context() as patch:
        taken = cut_power_at(step, patch)
        try:
            compress_segment(segment)
        except PowerCut:
            assert len(taken) == step
        else:
            assert taken == ["unlink", "fsync", "replace", "fsync", "unlink"], "no step is forgotten above"
            assert step >= len(taken)
    remove_leftovers(str(tmp_path))
    (left,) = list_segments(str(tmp_path))
    assert names(tmp_path) == [left.name]
    assert b"".join(line.encode() + b"\n" for line in read_lines(left)) == LINES


def test_a_compression_that_finds_the_disk_full_keeps_the_plain_segment_and_frees_what_it_took(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(_descriptor: int) -> None:
        raise OSError(errno.ENOSPC, "full")

    segment = put(tmp_path, LINES)
    monkeypatch.setattr(os, "fsync", fail)
    with pytest.raises(OSError, match="full"):
        compress_segment(segment)
    assert names(tmp_path) == [segment.name]
    assert (tmp_path / segment.name).read_bytes() == LINES


WITH_TORN_ENDS = {
    "half a line": (LINE % 20)[:30],
    "a line that lacks its last letter": (LINE % 20)[:-2],
    "a NUL": b"\0",
    "a block of NULs": bytes(4096),
    "more NULs than are looked at together": bytes(3 * 65536 + 5),
    "just as many NULs as are looked at together": bytes(65536),
    "half a line, then NULs": (LINE % 20)[:30] + bytes(1000),
    "NULs, then half a line": bytes(1000) + (LINE % 20)[30:],
    "NULs with an end of line": bytes(70000) + b"\n",
    "several torn lines": b'{"a\n{"b\n\0\0\n' * 50,
    "empty lines": b"\n" * 100_000,
    "JSON that is no object": b"[1]\n17\nnull\n",
    "brackets without end": b"[" * 200_000 + b"\n",
    "bytes that are no text": b"\xff\xfe{}\n",
    "an object in another encoding": '{"a":1}\n'.encode("utf-16-le"),
}


@pytest.mark.parametrize("before", [b"", LINES, LINES * 3000], ids=["nothing", "little", "much"])
@pytest.mark.parametrize("torn", WITH_TORN_ENDS.values(), ids=WITH_TORN_ENDS)
def test_just_the_torn_end_is_cut_off(tmp_path: Path, before: bytes, torn: bytes) -> None:
    segment = put(tmp_path, before + torn)
    assert repair_segment(segment) == len(torn)
    assert Path(segment.path).read_bytes() == before
    assert repair_segment(segment) == 0


@settings(
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow], max_examples=150, deadline=None
)
@given(
    whole=st.lists(
        st.builds(lambda size: b'{"data":"%s"}\n' % (b"x" * size), st.sampled_from([0, 1, 30, 47, 48, 200]))
    ),
    torn=st.one_of(
        st.builds(bytes, st.integers(0, 300)),
        st.binary(max_size=100).filter(lambda tail: b"{" not in tail),
        st.builds(lambda size: b'{"data":"' + b"x" * size, st.integers(0, 200)),
    ),
)
def test_a_repair_finds_the_last_whole_line_wherever_blocks_begin(
    tmp_path: Path, whole: list[bytes], torn: bytes
) -> None:
    content = b"".join(whole)
    path = tmp_path / "day" / "segment"
    path.parent.mkdir(exist_ok=True)
    path.write_bytes(content + torn)
    segment = Segment("day/segment", str(path), NOON, len(content) + len(torn))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(segments, "_TAIL_BYTES", 64)
        assert repair_segment(segment) == len(torn)
    assert path.read_bytes() == content


@pytest.mark.parametrize("damage", [b"x\n", b"{\n", b"\0\n\n"])
def test_what_has_more_lines_than_any_torn_end_is_left_to_readers_in_bounded_work(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, damage: bytes
) -> None:
    content = LINES + damage * 300_000
    tried = 0
    real = segments._is_whole

    def is_whole(line: bytes) -> bool:
        nonlocal tried
        tried += 1
        return real(line)

    monkeypatch.setattr(segments, "_is_whole", is_whole)
    for end in (b"", b"x"):
        segment = put(tmp_path, content + end)
        assert repair_segment(segment) == 0
        assert Path(segment.path).read_bytes() == content + end + b"\n" * bool(end)
    assert tried <= 30_000


def test_a_line_longer_than_what_is_looked_at_together_is_kept(tmp_path: Path) -> None:
    line = json.dumps({"message": "x" * 300_000}).encode() + b"\n"
    for content, torn in ((LINES + line, b""), (line + line, (LINE % 1)[:-5]), (line, bytes(100_000))):
        segment = put(tmp_path, content + torn)
        assert repair_segment(segment) == len(torn)
        assert Path(segment.path).read_bytes() == content


@pytest.mark.parametrize("before", [b"", LINES, LINES * 3000], ids=["nothing", "little", "much"])
@pytest.mark.parametrize("size", [1, 65536, 200_000])
def test_a_last_line_that_lacks_only_its_end_of_line_is_kept_and_ended(
    tmp_path: Path, before: bytes, size: int
) -> None:
    line = json.dumps({"message": "x" * size}).encode()
    segment = put(tmp_path, before + line)
    assert repair_segment(segment) == 0
    assert Path(segment.path).read_bytes() == before + line + b"\n"


def test_a_torn_line_in_the_middle_stays_where_it_is(tmp_path: Path) -> None:
    content = LINES + b'{"torn\n' + bytes(4096) + b"\n" + LINES
    segment = put(tmp_path, content)
    assert repair_segment(segment) == 0
    assert Path(segment.path).read_bytes() == content


def test_to_repair_a_large_segment_only_its_end_is_read(tmp_path: Path) -> None:
    segment = put(tmp_path, LINES * 5000 + b'{"torn')

    def bytes_read() -> int:
        return int(Path("/proc/thread-self/io").read_bytes().split()[1])

    before = bytes_read()
    assert repair_segment(segment) == 6
    assert bytes_read() - before < 200_000 < segment.size / 10


@pytest.mark.parametrize("count", [1, 8, 50, 5000, 10_000])
def test_the_last_lines_of_a_segment_are_read_from_its_end(tmp_path: Path, count: int) -> None:
    lines = [(LINE % number).decode() for number in range(5000)]
    segment = put(tmp_path, "".join(lines).encode() + b'{"to')
    expected = [line.rstrip("\n") for line in lines] + ['{"to']
    assert read_last_lines(segment, count) == expected[-count:]


def test_a_line_is_never_read_from_its_middle(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    segment = put(tmp_path, LINES)
    expected = LINES.decode().splitlines()
    for size in range(1, 200):
        monkeypatch.setattr(segments, "_TAIL_BYTES", size)
        assert read_last_lines(segment, 2) == expected[-2:]


def test_an_empty_segment_has_no_last_lines(tmp_path: Path) -> None:
    assert read_last_lines(put(tmp_path, b""), 8) == []


@pytest.mark.parametrize("packed", [False, True], ids=["plain", "compressed"])
def test_lines_are_split_at_ends_of_line_only(tmp_path: Path, packed: bool) -> None:
    text = ['{"a":"one\u2028two\x85three\u00e9"}', '{"b":"\r"}', "", "\0\0", "torn \ufffd"]
    segment = put(tmp_path, "\n".join(text).replace("\ufffd", "").encode() + b"\xff")
    assert list(read_lines(compress_segment(segment) if packed else segment)) == text


def test_a_compressed_segment_cut_short_gives_its_whole_lines_and_then_says_so(tmp_path: Path) -> None:
    content = b"".join(LINE % (number * 7919) for number in range(20_000))
    packed = compress_segment(put(tmp_path, content))
    path = Path(packed.path)
    path.write_bytes(path.read_bytes()[:-1000])
    lines: list[str] = []
    with pytest.raises(EOFError):
        lines.extend(read_lines(packed))
    assert len(lines) > 10_000
    assert all(json.loads(line) for line in lines)


@pytest.mark.parametrize("damage", [b"", b"\0" * 500, b"not gzip"], ids=["empty", "NULs", "text"])
def test_a_compressed_segment_that_is_none_is_an_error_of_its_own(tmp_path: Path, damage: bytes) -> None:
    packed = compress_segment(put(tmp_path, LINES))
    Path(packed.path).write_bytes(damage)
    if not damage:
        assert list(read_lines(packed)) == []
        return
    with pytest.raises(OSError, match="gzip"):
        list(read_lines(packed))


def test_a_compressed_segment_with_a_damaged_middle_raises_an_os_error(tmp_path: Path) -> None:
    content = b"".join(LINE % (number * 7919) for number in range(20_000))
    packed = compress_segment(put(tmp_path, content))
    path = Path(packed.path)
    raw = bytearray(path.read_bytes())
    failures = 0
    for place in range(100, len(raw) - 100, len(raw) // 40):
        path.write_bytes(raw[:place] + bytes(64) + raw[place + 64 :])
        try:
            list(read_lines(packed))
        except (OSError, EOFError):
            failures += 1
    assert failures >= 30


@pytest.mark.parametrize("packed", [False, True], ids=["plain", "compressed"])
def test_reading_a_large_segment_takes_little_memory(tmp_path: Path, packed: bool) -> None:
    segment = put(tmp_path, LINES * 4000)
    if packed:
        segment = compress_segment(segment)
    tracemalloc.start()
    try:
        assert sum(1 for _ in read_lines(segment)) == 80_000
        assert tracemalloc.get_traced_memory()[1] < 1 << 20
    finally:
        tracemalloc.stop()
