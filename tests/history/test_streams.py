"""Segments that are compressed while they are written."""

import gzip
import io
import itertools
import random
import shutil
import subprocess
import tracemalloc
import zlib
from pathlib import Path
from typing import Any, cast

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

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


RANDOM = random.Random(14).randbytes(100_000).hex().encode()  # noqa: S311  # nothing is secret here
CONTENTS = [b"", b"{}\n", b"{}\n" * 50_000, RANDOM + b"\n"]
BEHIND = [b"", b"\0", bytes(10), bytes(200_000), b"rubbish", b"\0rubbish", b"\x1f", b"\x1f\x8b\x08"]


class CountedMember:
    """A member that refuses to be asked without end, as zlib itself does not."""

    budget = 0

    def __init__(self, real: Any) -> None:
        self._real = real

    def decompress(self, piece: bytes, most: int) -> bytes:
        CountedMember.budget -= 1
        assert CountedMember.budget >= 0, "it goes on for ever"
        return cast("bytes", self._real.decompress(piece, most))

    def __getattr__(self, name: str) -> Any:
        return getattr(self._real, name)


def limit_work(monkeypatch: pytest.MonkeyPatch, calls: int) -> None:
    real = zlib.decompressobj
    CountedMember.budget = calls
    monkeypatch.setattr(zlib, "decompressobj", lambda bits: CountedMember(real(bits)))


@pytest.mark.fault(
    "storage",
    "A compressed segment is followed by anything: zeros, another gzip file (`cat a.gz b.gz`) or rubbish",
    seen="nothing",
    heals="the exporter starts, and all lines before the rubbish are read",
)
@pytest.mark.parametrize("behind", BEHIND, ids=lambda tail: f"{len(tail)}-{tail.strip(bytes(1))[:9].hex()}")
def test_whatever_follows_whole_members_costs_only_itself_and_bounded_work(
    monkeypatch: pytest.MonkeyPatch, behind: bytes
) -> None:
    for first, second in itertools.product(CONTENTS, CONTENTS):
        for padding in (b"", bytes(3), bytes(70_000)):
            content = gzip.compress(first) + padding + gzip.compress(second) + behind
            with monkeypatch.context() as patch:
                limit_work(patch, 100 + len(content) // 1000)
                assert read(content) == first + second
                limit_work(patch, 100 + len(content) // 1000)
                assert find_end(io.BytesIO(content)) == (len(content), b"")


@given(
    counts=st.lists(st.integers(0, 6), min_size=1, max_size=4),
    padding=st.sampled_from([0, 1, 5000]),
    cut=st.floats(0, 1),
    block=st.integers(5, 200) | st.just(1 << 16),
)
@settings(deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
def test_streams_that_were_joined_and_cut_are_read_and_ended_up_to_the_last_round(
    monkeypatch: pytest.MonkeyPatch, counts: list[int], padding: int, cut: float, block: int
) -> None:
    joined = [(content, written) for count in counts for content, written in [write_rounds(count + 1)]]
    content = bytes(padding).join(b"".join(written) for _, written in joined)
    size = round(cut * len(content))
    ends, at = [0], 0  # where each round ends
    for _, written in joined:
        for number, part in enumerate(written, 1):
            at += len(part)
            ends += [at] if number < len(written) else []
        at += padding
    lines = b"".join(b"".join(rounds) for rounds, _ in joined).splitlines(keepends=True)
    whole = b"".join(lines[: 3 * sum(end <= size for end in ends[1:])])
    with monkeypatch.context() as patch:
        patch.setattr(streams, "_BLOCK_BYTES", block)
        limit_work(patch, 100 + 4 * (len(content) + len(b"".join(lines))))
        assert read(content[:size]).startswith(whole)
        file = io.BytesIO(content[:size])
        end_stream(file)
        assert read(file.getvalue()).startswith(whole)
        assert end_stream(file) == 0


def test_a_file_of_zeros_is_no_gzip() -> None:
    with pytest.raises(OSError, match="not gzip"):
        list(inflate(io.BytesIO(bytes(5000))))


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
