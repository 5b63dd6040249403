"""The files of the summaries: written beside the history, torn by power cuts, given up first, and made again."""

import contextlib
import errno
import fcntl
import gzip
import json
import logging
import os
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from sysvitals.collectors.catalog import build_full_catalog
from sysvitals.history.segments import list_segments
from sysvitals.history.summaries import rebuilding, storing
from sysvitals.history.summaries.files import list_files, members
from sysvitals.history.summaries.reading import read_changes, read_coverage, read_stretches
from sysvitals.history.summaries.rebuilding import rebuild
from sysvitals.history.summaries.writing import Summaries
from sysvitals.model.summary import Series, Stretch
from tests.history import month
from tests.history.summarising import FAR, Board, load
from tests.history.writing import EAGER, LOAD, NOON, Hands, names, plant, seqs, wait_until, writer

BODIES = build_full_catalog().bodies
DAY = 86400.0
LINE = (
    '{{"time":"2026-09-20T11:50:{:02}.000Z","name":"system.load.updated","host":"pi4","boot":"boot-0","seq":{},'
    '"uptime":{}.0,"synced":true,"data":{{"load1":{}}}}}\n'
)


def known(folder: Path, field: str = "load1", level: str = "minutes") -> list[Stretch]:
    found = read_stretches(str(folder / "summaries"), NOON - FAR, NOON + FAR, level)
    return next((stretches for series, stretches in found.items() if series.field == field), [])


def heads(folder: Path, level: str = "hours") -> list[dict[str, Any]]:
    found = []
    for path in sorted((folder / "summaries").glob(f"*.{level}.jsonl.gz")):
        content = b"".join(member for member, _ in members(path.read_bytes()))
        found += [json.loads(line) for line in content.splitlines() if line.startswith(b'{"version"')]
    return found


def forget(folder: Path) -> None:
    shutil.rmtree(folder / "summaries")


def make_again(folder: Path, **options: Any) -> int:
    return rebuild(str(folder / "history"), str(folder / "summaries"), BODIES, **options)


class TestBesideTheHistory:
    def test_a_closed_segment_is_in_the_summaries(self, tmp_path: Path) -> None:
        with writer(tmp_path / "history", summaries=Summaries(str(tmp_path / "summaries"))) as it:
            it.write(LOAD)
        [segment] = list_segments(str(tmp_path / "history"))
        for level in ("hours", "minutes"):
            [head] = heads(tmp_path, level)
            assert head["segments"] == head["closed"] == [segment.stem]
        assert [one.last for one in known(tmp_path)] == [0.2]

    def test_a_segment_that_is_full_is_in_them_while_the_next_goes_on(self, tmp_path: Path) -> None:
        hands = Hands()
        with writer(tmp_path / "history", hands=hands, summaries=Summaries(str(tmp_path / "summaries"))) as it:
            it.write(LOAD)
            hands.pass_by(700)
            it.write(LOAD)
            wait_until(lambda: bool(known(tmp_path)))
            it.write(LOAD)
        assert [len(head["closed"]) for head in heads(tmp_path)] == [1, 1]

    def test_their_size_counts_as_that_of_the_history(self, tmp_path: Path) -> None:
        summaries = Summaries(str(tmp_path / "summaries"))
        with writer(tmp_path / "history", summaries=summaries) as it:
            it.write(LOAD)
        size = sum(file.size for file in list_files(str(tmp_path / "summaries")))
        assert summaries.size == size > 0
        assert it.sink.status().size == size + sum(one.size for one in list_segments(str(tmp_path / "history")))

    def test_nothing_more_is_forced_to_the_disk_for_them(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        board = Board(tmp_path / "summaries")
        board.read([load(1.0)] * 4)
        board.close()
        forced: list[int] = []
        for call in ("fsync", "fdatasync"):
            monkeypatch.setattr(os, call, forced.append)
        board.read([load(1.0)] * 4)
        board.close()
        assert forced == []


class TestTrouble:
    @pytest.mark.fault(
        "storage",
        "the power fails while a summary is written",
        seen="nothing; the torn end is cut off with the next segment",
        heals="by itself: what is missing is made again from the segments",
    )
    @pytest.mark.parametrize("cut", [1, 10, 60, -1])
    def test_a_torn_summary_hides_no_other(self, tmp_path: Path, cut: int) -> None:
        board = Board(tmp_path / "summaries")
        board.read([load(1.0)] * 4)
        board.close()
        sizes = {file.name: file.size for file in list_files(board.folder)}
        board.read([load(2.0)] * 4)
        board.close()
        for name, size in sizes.items():
            end = size + cut if cut > 0 else (tmp_path / "summaries" / name).stat().st_size + cut
            os.truncate(tmp_path / "summaries" / name, end)
        assert [one.last for one in known(tmp_path)] == [1.0]
        again = Board(tmp_path / "summaries", uptime=1300.0, wall=NOON + 300)
        again.read([load(3.0)] * 4)
        again.close()
        assert [one.last for one in known(tmp_path)] == [1.0, 3.0]

    @pytest.mark.parametrize(
        "junk", [b"\0" * 5000, b"junk", gzip.compress(b"junk\n{}\n[]\n[1,2]\n" * 9)], ids=["zeros", "words", "lines"]
    )
    def test_what_is_no_summary_is_passed_over_and_cut_off_where_it_is_torn(self, tmp_path: Path, junk: bytes) -> None:
        board = Board(tmp_path / "summaries")
        board.read([load(1.0)] * 4)
        board.close()
        for file in list_files(board.folder):
            with open(tmp_path / "summaries" / file.name, "ab") as stream:
                stream.write(junk)
        assert [one.last for one in known(tmp_path)] == [1.0]
        board.read([load(3.0)] * 4)
        board.close()
        assert [one.last for one in known(tmp_path)] == [1.0, 3.0]

    @pytest.mark.fault(
        "storage",
        "a bit that flips in a file of the summaries",
        seen="the hour that it hit is silence, and the time line names the file",
        heals="at the next start, from the segments that are still there",
    )
    @pytest.mark.parametrize("bit", [12, -5])
    def test_what_stands_behind_a_damaged_part_is_read_and_kept(self, tmp_path: Path, bit: int) -> None:
        board = Board(tmp_path / "summaries")
        for value in (1.0, 2.0, 3.0):
            board.read([load(value)] * 4)
            board.close()
        for file in list_files(board.folder):
            path = tmp_path / "summaries" / file.name
            content = bytearray(path.read_bytes())
            (_, first), (_, second), _ = members(bytes(content))
            content[bit + (first if bit > 0 else second)] ^= 0x40
            path.write_bytes(content)
        lost: dict[str, str] = {}
        read_stretches(str(tmp_path / "summaries"), NOON - FAR, NOON + FAR, lose=lost.__setitem__)
        assert [one.last for one in known(tmp_path)] == [1.0, 3.0]
        assert [*lost.values()] == ["damaged"]
        again = Board(tmp_path / "summaries", uptime=1300.0, wall=NOON + 300)
        again.read([load(4.0)] * 4)
        again.close()
        assert [one.last for one in known(tmp_path)] == [1.0, 3.0, 4.0]

    @pytest.mark.parametrize(
        "line", ['{"boot":"b","day":[1]}', '{"boot":"b","at":[]}', '{"boot":"b","offset":{}}', "[]"]
    )
    def test_what_is_no_line_of_the_wrong_clocks_is_passed_over(self, tmp_path: Path, line: str) -> None:
        board = Board(tmp_path / "summaries")
        board.read([load(1.0)] * 4)
        board.close()
        (tmp_path / "summaries" / "clocks.jsonl").write_text(f"{line}\n")
        assert [one.last for one in known(tmp_path)] == [1.0]
        board.summaries.prune(NOON, 1e6, 10**9)
        board.read([load(3.0)] * 4)
        board.close()
        assert [one.last for one in known(tmp_path)] == [1.0, 3.0]

    @pytest.mark.fault(
        "storage",
        "summaries cannot be written, as where a file stands in the place of their folder",
        seen="one warning in the log; the history is complete",
        heals="by itself, with the next segment after the obstacle is gone",
    )
    def test_a_summary_that_cannot_be_written_costs_no_event(
        self, tmp_path: Path, caplog: pytest.LogCaptureFixture
    ) -> None:
        (tmp_path / "summaries").write_text("in the way")
        hands = Hands()
        with writer(tmp_path / "history", hands=hands, summaries=Summaries(str(tmp_path / "summaries"))) as it:
            for _ in range(3):
                it.write(LOAD)
                hands.pass_by(700)
                wait_until(lambda: it.sink.status().segments >= 1)
            assert it.sink.status().writable
            (tmp_path / "summaries").unlink()
        assert len(seqs(tmp_path / "history")) == 3
        assert sum(one.readings for one in known(tmp_path)) == 3, "what could not be written before comes with the next"
        assert len([one for one in caplog.records if "summaries cannot be written" in one.message]) == 1

    @pytest.mark.parametrize("method", ["add", "write", "end_segment", "prune"])
    def test_a_mistake_in_the_summaries_costs_no_event(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, method: str
    ) -> None:
        def fail(*_: Any, **__: Any) -> None:
            raise ZeroDivisionError(method)

        monkeypatch.setattr(Summaries, method, fail)
        with writer(tmp_path / "history", summaries=Summaries(str(tmp_path / "summaries"))) as it:
            it.write(LOAD)
            it.write(LOAD)
        assert len(seqs(tmp_path / "history")) == 2
        assert [one.levelno for one in caplog.records if "no more summaries" in one.message] == [logging.ERROR]

    @pytest.mark.fault(
        "storage",
        "a full disk",
        seen="the oldest days have no minutes any more, only hours",
        heals="by itself, once there is room: the minutes are made again from the segments that are still there",
    )
    def test_on_a_full_disk_the_oldest_minutes_make_room_for_events(self, small_disk: Path) -> None:
        folder = small_disk / "summaries"
        folder.mkdir()
        for day in (1, 2):
            (folder / f"2026-09-0{day}.minutes.jsonl.gz").write_bytes(bytes(60_000))
            (folder / f"2026-09-0{day}.hours.jsonl.gz").write_bytes(b"")
        with open(small_disk / "filler", "wb") as file, contextlib.suppress(OSError):
            while True:
                os.write(file.fileno(), bytes(4096))
        with writer(small_disk / "history", replace(EAGER, flush_seconds=0.01), summaries=Summaries(str(folder))) as it:
            it.write(LOAD)
            assert len(seqs(small_disk / "history")) == 1
        left = {file.name for file in list_files(str(folder))}
        assert "2026-09-01.minutes.jsonl.gz" not in left
        assert {"2026-09-02.minutes.jsonl.gz", "2026-09-01.hours.jsonl.gz"} <= left

    def test_half_a_member_is_taken_back_where_the_disk_is_full(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        board = Board(tmp_path / "summaries")
        board.read([load(1.0)] * 4)
        board.close()
        sizes = [file.size for file in list_files(board.folder)]

        def write_half(descriptor: int, data: bytes) -> None:
            os.write(descriptor, data[: len(data) // 2])
            raise OSError(errno.ENOSPC, "No space left on device")

        with monkeypatch.context() as patch:
            patch.setattr(storing, "write_all", write_half)
            board.read([load(2.0)] * 4)
            with pytest.raises(OSError, match="No space"):
                board.close()
        assert [file.size for file in list_files(board.folder)] == sizes
        board.close()
        assert [one.last for one in known(tmp_path)] == [1.0, 2.0], "it was kept meanwhile"

    def test_a_link_in_their_place_is_not_followed(self, tmp_path: Path) -> None:
        (tmp_path / "outside").mkdir()
        (tmp_path / "summaries").symlink_to(tmp_path / "outside")
        with writer(tmp_path / "history", summaries=Summaries(str(tmp_path / "summaries"))) as it:
            it.write(LOAD)
        assert list((tmp_path / "outside").iterdir()) == []
        assert known(tmp_path) == []

    def test_a_file_that_another_writes_is_not_waited_for(self, tmp_path: Path) -> None:
        board = Board(tmp_path / "summaries")
        board.read([load(1.0)] * 4)
        board.close()
        board.read([load(2.0)] * 4)
        with open(tmp_path / "summaries" / list_files(board.folder)[0].name, "rb") as file:
            fcntl.flock(file, fcntl.LOCK_EX)
            with pytest.raises(BlockingIOError):
                board.close()
        board.close()
        assert [one.last for one in known(tmp_path)] == [1.0, 2.0]


class TestKeeping:
    def days(self, folder: Path, count: int) -> Board:
        board = Board(folder / "summaries")
        for _ in range(count):
            board.read([load(1.0)] * 4)
            board.close()
            board.pass_by(DAY - 60)
        return board

    def test_days_that_are_too_old_go(self, tmp_path: Path) -> None:
        self.days(tmp_path, 10).summaries.prune(NOON + 10 * DAY, 5 * DAY, 0)
        left = sorted({file.day for file in list_files(str(tmp_path / "summaries"))})
        assert left == [f"2026-09-{day}" for day in range(25, 30)] or left[0] in ("2026-09-24", "2026-09-25")

    def test_none_goes_by_age_where_the_clock_is_wrong(self, tmp_path: Path) -> None:
        self.days(tmp_path, 10).summaries.prune(float("inf"), 5 * DAY, 0)
        assert len(list_files(str(tmp_path / "summaries"))) == 20

    def test_none_goes_by_age_where_the_clock_has_just_leapt(self, tmp_path: Path) -> None:
        board = self.days(tmp_path, 3)
        board.pass_by(400 * DAY)
        board.read([load(1.0)])
        board.close()
        board.summaries.prune(NOON + 403 * DAY, 5 * DAY, 0)
        assert len(list_files(str(tmp_path / "summaries"))) == 8

    def test_they_take_no_more_than_an_eighth_of_the_history_and_the_oldest_go_first(self, tmp_path: Path) -> None:
        board = self.days(tmp_path, 10)
        files = list_files(board.folder)
        total = sum(file.size for file in files)
        board.summaries.prune(NOON + 10 * DAY, 0, 8 * (total // 2))
        left = list_files(board.folder)
        assert sum(file.size for file in left) == board.summaries.size <= total // 2
        assert left[-1] == files[-1]
        assert files[0] not in left


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two days of a board, in segments."""
    folder = tmp_path_factory.mktemp("whole")
    month.write_month(str(folder), NOON, days=2)
    return folder


@pytest.fixture
def folder(whole: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(whole, tmp_path / "storage", symlinks=True))


class TestMadeAgain:
    def compare(self, folder: Path, expected: Path, level: str) -> None:
        old, new = (
            read_stretches(str(place / "summaries"), NOON - FAR, NOON + FAR, level) for place in (expected, folder)
        )
        assert new.keys() == old.keys()
        for series, stretches in new.items():
            self.compare_series(series, stretches, old[series])

    def compare_series(self, series: Series, new: list[Stretch], old: list[Stretch]) -> None:
        assert sum(one.readings for one in new) == sum(one.readings for one in old)
        # the minutes of a wrong clock are cut elsewhere where it is known from the start how wrong it was
        wrong = next(run for run in month.plan_month(NOON, days=2).runs if not run.knows_time)
        cut, set_at = wrong.boot_began, wrong.boot_began + month.CLOCK_SET_SECONDS + 120
        new, old = (
            [one for one in stretches if one.begin + one.seconds < cut or one.begin > set_at]
            for stretches in (new, old)
        )
        assert [one.begin for one in new] == [one.begin for one in old]
        for one, other in zip(new, old, strict=True):
            assert one.readings == other.readings, series
            # a flag's state before a segment is not in it: its share of one minute may differ
            assert one.last == pytest.approx(other.last), series
            assert (one.growth or 0) == pytest.approx(other.growth or 0, rel=1e-4, abs=1e-6), series
            assert one.most == pytest.approx(other.most), series
            if series.field not in ("active", "synchronised"):
                assert one.mean == pytest.approx(other.mean, rel=1e-3), series

    @pytest.mark.fault(
        "process",
        "the summaries are removed, or were written by another version",
        seen="the time line is incomplete until they are made again",
        heals="by itself, in the background: they are made again from the segments",
    )
    def test_summaries_that_are_gone_are_made_again_from_the_segments(self, whole: Path, folder: Path) -> None:
        make_again(whole)  # what its kills have left out
        forget(folder)
        assert make_again(folder) == len(list_segments(str(folder / "history")))
        self.compare(folder, whole, "minutes")
        self.compare(folder, whole, "hours")
        names_of = [
            [change["name"] for change in read_changes(str(place / "summaries"), 0, NOON + FAR)]
            for place in (whole, folder)
        ]
        assert names_of[0] == names_of[1]

    def test_what_is_there_is_not_made_again(self, folder: Path) -> None:
        make_again(folder)
        before = {name: (folder / name).read_bytes() for name in names(folder)}
        assert make_again(folder) == 0
        assert {name: (folder / name).read_bytes() for name in names(folder)} == before

    def test_a_segment_that_goes_on_is_left_alone(self, folder: Path) -> None:
        forget(folder)
        stems = [segment.stem for segment in list_segments(str(folder / "history"))]
        assert make_again(folder, skip=stems[-3:]) == len(stems) - 3

    def test_those_of_another_version_are_made_again(self, tmp_path: Path) -> None:
        plant(tmp_path / "history", "".join(LINE.format(n, n, n, n) for n in range(4)).encode())
        make_again(tmp_path)
        for file in list_files(str(tmp_path / "summaries")):
            path = tmp_path / "summaries" / file.name
            path.write_bytes(gzip.compress(gzip.decompress(path.read_bytes()).replace(b'"version":1', b'"version":99')))
        assert known(tmp_path) == []
        assert make_again(tmp_path) == 1
        assert [one.readings for one in known(tmp_path)] == [4]

    def test_of_a_level_that_is_gone_only_that_one(self, tmp_path: Path) -> None:
        plant(tmp_path / "history", "".join(LINE.format(n, n, n, n) for n in range(4)).encode())
        make_again(tmp_path)
        [hours, minutes] = sorted((tmp_path / "summaries").glob("*.gz"))
        before = hours.read_bytes()
        minutes.unlink()
        assert make_again(tmp_path) == 1
        assert hours.read_bytes() == before
        assert [one.readings for one in known(tmp_path)] == [4]

    @pytest.mark.parametrize(
        ("what", "damage"),
        [
            ("torn", lambda content: content[:-20]),
            ("compressed", gzip.compress),
            ("compressed and torn", lambda content: gzip.compress(content + os.urandom(2000))[:-1000]),
            ("with lines that are none", lambda content: b"{}\n[]\nnull\n\xff\xfe\n" + content + b'{"time":7}\n'),
            ("with numbers that are none", lambda content: content + content.replace(b'"load1":1', b'"load1":1e999')),
        ],
    )
    def test_a_damaged_segment_gives_what_can_be_read(
        self, tmp_path: Path, what: str, damage: Callable[[bytes], bytes]
    ) -> None:
        lines = "".join(LINE.format(n, n, n, n) for n in range(30)).encode()
        path = tmp_path / "history" / plant(tmp_path / "history", b"")
        path.write_bytes(damage(lines))
        if what.startswith("compressed"):
            path.rename(f"{path}.gz")
        make_again(tmp_path)
        assert sum(one.readings for one in known(tmp_path)) >= 29, what
        assert make_again(tmp_path) == 0

    def test_a_part_that_was_written_before_a_kill_is_not_counted_twice(self, tmp_path: Path) -> None:
        board = Board(tmp_path / "summaries", boot="boot-0", wall=NOON - 600, uptime=0.0)
        board.read([load(float(n)) for n in range(10)], every=1.0)
        name = plant(tmp_path / "history", "".join(LINE.format(n, n, n, n) for n in range(30)).encode())
        board.summaries.write(name.removesuffix(".jsonl"))
        make_again(tmp_path)
        assert sum(one.readings for one in known(tmp_path)) == 30

    def test_of_an_older_schema_what_is_known_is_taken(self, tmp_path: Path) -> None:
        line = LINE.format(0, 0, 0, 1).replace('"data":{', '"data":{"unknown":[1],').replace('"seq"', '"more":1,"seq"')
        other = LINE.format(1, 1, 1, 1).replace("system.load.updated", "system.gone.updated")
        plant(tmp_path / "history", (line + other).encode())
        make_again(tmp_path)
        assert [one.readings for one in known(tmp_path)] == [1]

    def test_on_a_disk_that_is_nearly_full_none_is_made(self, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        forget(folder)
        monkeypatch.setattr(rebuilding, "ROOM_BYTES", 1 << 80)
        with pytest.raises(OSError, match="No space left"):
            make_again(folder)
        assert not (folder / "summaries").exists()

    def test_it_covers_what_the_segments_cover(self, folder: Path) -> None:
        make_again(folder)
        covered = read_coverage(str(folder / "summaries"), NOON - FAR, NOON + FAR)
        assert sum(one.end - one.begin for one in covered) == pytest.approx(
            sum(run.span.seconds for run in month.plan_month(NOON, days=2).runs), abs=1200
        )
