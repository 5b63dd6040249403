"""Segments that are compressed while they are written."""

import gzip
import io
import random
import shutil
import subprocess
import tracemalloc
import zlib
from pathlib import Path

import pytest

from sysvitals.history import streams
from sysvitals.history.segments import COMPRESSED, create_segment, list_segments, read_lines, repair_segment
from sysvitals.history.streams import Packer, find_end, inflate
from tests.history.writing import NOON

LINE = b'{"time":"2026-09-20T12:00:00.000Z","name":"system.load.updated","seq":%d,"data":{"load1":%.2f}}\n'


def write_rounds(count: int, lines: int = 3) -> tuple[list[bytes], list[bytes]]:
    """Rounds of lines, and the bytes that each of them adds to the file."""
    dice = random.Random(count)  # noqa: S311  # nothing is secret here
    packer = Packer()
    rounds = [b"".join(LINE % (number * lines + at, dice.random()) for at in range(lines)) for number in range(count)]
    written = [packer.pack(content) for content in rounds]
    return rounds, [*written, packer.end()]


def end_stream(file: io.BytesIO) -> int:
    """End the stream where it can be, as a repair does. How many bytes were cut off."""
    whole, ending = find_end(file)
    cut = len(file.getvalue()) - whole
    file.truncate(whole)
    file.seek(whole)
    file.write(ending)
    return cut


def read(content: bytes) -> bytes:
    """All that comes before a damage."""
    found = b""
    try:
        for chunk in inflate(io.BytesIO(content)):
            found += chunk
    except (EOFError, OSError):
        pass
    return found


def test_an_ended_stream_is_gzip_like_any_other() -> None:
    rounds, written = write_rounds(20)
    content = b"".join(written)
    assert gzip.decompress(content) == read(content) == b"".join(rounds)


@pytest.mark.parametrize("tail", [b"", bytes(4096), b"\xff" * 100], ids=["nothing", "zeros", "ones"])
def test_every_round_that_was_written_is_read_after_a_cut_at_any_byte_whatever_follows(tail: bytes) -> None:
    rounds, written = write_rounds(12)
    content = b"".join(written)
    for cut in range(len(content) + 1):
        whole = sum(1 for number in range(1, 13) if len(b"".join(written[:number])) <= cut)
        assert read(content[:cut] + tail).startswith(b"".join(rounds[:whole]))


def test_after_a_cut_at_any_byte_a_repair_leaves_gzip_of_whole_lines() -> None:
    rounds, written = write_rounds(12)
    content = b"".join(written)
    for cut in range(len(content) + 1):
        for tail in (b"", bytes(100)):
            whole = sum(1 for number in range(1, 13) if len(b"".join(written[:number])) <= cut)
            file = io.BytesIO(content[:cut] + tail)
            lost = end_stream(file)
            if not whole:
                assert (lost, file.getvalue()) == (0, content[:cut] + tail), "what holds no round is left alone"
                continue
            assert gzip.decompress(file.getvalue()) == b"".join(rounds[:whole])
            assert end_stream(file) == 0


def test_a_repair_says_how_much_it_cut_off_and_nothing_where_nothing_was_torn() -> None:
    _, written = write_rounds(5)
    assert end_stream(io.BytesIO(b"".join(written[:5]))) == 0
    assert end_stream(io.BytesIO(b"".join(written[:4]) + written[4][:7])) == 7


def test_a_stream_that_is_being_written_is_read_without_complaint_and_a_torn_one_says_so() -> None:
    _, written = write_rounds(5)
    assert list(inflate(io.BytesIO(b"".join(written[:3]))))
    with pytest.raises(EOFError):
        list(inflate(io.BytesIO(b"".join(written[:3]) + written[3][:9])))
    with pytest.raises(OSError, match="damaged"):
        list(inflate(io.BytesIO(b"".join(written[:3]) + bytes(50))))


def test_a_repair_leaves_a_damaged_file_of_another_making_alone() -> None:
    packed = gzip.compress(b"".join(LINE % (number, number / 7) for number in range(5000)))
    for content in (packed, packed[:-100], packed[: len(packed) // 2] + bytes(500), b"", b"not gzip"):
        file = io.BytesIO(content)
        assert end_stream(file) == 0
        assert file.getvalue() == content


def test_a_mark_that_lies_across_two_blocks_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    rounds, written = write_rounds(6)
    content = b"".join(written[:6])
    for size in range(5, 60):
        monkeypatch.setattr(streams, "_BLOCK_BYTES", size)
        file = io.BytesIO(content + b"torn")
        assert end_stream(file) == 4
        assert gzip.decompress(file.getvalue()) == b"".join(rounds)


def test_one_long_round_is_read_in_parts_of_bounded_size() -> None:
    packer = Packer()
    content = packer.pack(LINE % (1, 0.5) * 200_000)
    tracemalloc.start()
    try:
        assert sum(map(len, inflate(io.BytesIO(content)))) == len(LINE % (1, 0.5)) * 200_000
        assert tracemalloc.get_traced_memory()[1] < 1 << 20
    finally:
        tracemalloc.stop()


def test_several_members_and_zeros_behind_them_are_read_as_gzip_does() -> None:
    one, two = gzip.compress(b"one\n"), gzip.compress(b"two\n")
    assert read(one + two + bytes(100)) == b"one\ntwo\n"


def test_zcat_shows_every_line_of_a_stream_that_was_cut(tmp_path: Path) -> None:
    zcat = shutil.which("zcat")
    assert zcat, "every Debian has it"
    rounds, written = write_rounds(8)
    path = tmp_path / "cut.gz"
    path.write_bytes(b"".join(written[:7]) + written[7][:5])
    done = subprocess.run([zcat, str(path)], capture_output=True, check=False)
    assert done.stdout.startswith(b"".join(rounds[:7]))


def test_a_stream_segment_is_listed_read_and_repaired_as_any_other(tmp_path: Path) -> None:
    rounds, written = write_rounds(4)
    descriptor, segment = create_segment(str(tmp_path), NOON, COMPRESSED)
    with open(descriptor, "wb") as file:
        file.write(b"".join(written[:4]) + b"torn")
    (listed,) = list_segments(str(tmp_path))
    assert listed.name == segment.name == "2026-09-20/12-00-00.jsonl.gz"
    assert repair_segment(listed) == 4
    assert "\n".join(read_lines(listed)).encode() + b"\n" == b"".join(rounds)


def test_names_are_not_shared_by_plain_and_compressed_segments(tmp_path: Path) -> None:
    created = [create_segment(str(tmp_path), NOON, kind)[1].name for kind in (".jsonl.gz", ".jsonl", ".jsonl.gz")]
    assert created == ["2026-09-20/12-00-00.jsonl.gz", "2026-09-20/12-00-00.1.jsonl", "2026-09-20/12-00-00.2.jsonl.gz"]


def test_the_ending_is_what_zlib_would_write() -> None:
    packer = Packer()
    content = packer.pack(b"{}\n")
    assert zlib.decompress(content + packer.end(), 31) == b"{}\n"
