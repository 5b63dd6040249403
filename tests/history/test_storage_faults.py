"""What is promised of the storage when its disk, its files or its clock are wrong."""

import contextlib
import errno
import gzip
import json
import os
import stat
import subprocess
import threading
import tracemalloc
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from sysvitals.collectors.catalog import build_full_catalog
from sysvitals.history import writer as history_writer
from sysvitals.history.buffer import buffer_path, open_buffer
from sysvitals.history.lock import Claim
from sysvitals.history.previous_boot import settle_endings
from sysvitals.history.reading import read_last_events
from sysvitals.history.segments import Segment, find_last_segment, list_segments, read_lines, repair_segment
from sysvitals.host.host import Host
from sysvitals.pipeline.bus import SEQ_PER_SECOND, first_seq
from tests.history.replay import read_events
from tests.history.writing import (
    EAGER,
    LOAD,
    NOON,
    URGENT,
    Gate,
    Hands,
    line_of,
    mounted,
    names,
    plant,
    seqs,
    wait_until,
    writer,
)
from tests.patience import PATIENCE

CATALOG = build_full_catalog()
DAY = 86400.0
VICTIM = b"not ours\n"


def start(storage: Path) -> None:
    """What a start does with its storage, and one event written or refused. Fails where it hangs."""
    failures: list[BaseException] = []

    def run() -> None:
        try:
            with Claim(str(storage)) as claim:
                host = Host(rootfs=str(storage / "nowhere"), storage=str(storage))
                folder = str(storage / "history")
                read_last_events(folder, CATALOG.bodies, 100, segments=64)
                settle_endings(folder, CATALOG, host, hostname="pi4", boot="boot-2")
                with writer(storage / "history", replace(EAGER, compress="segments"), claim=claim) as history:
                    history.bus.publish([URGENT])
                    wait_until(lambda: bool(history.sink.status().written or history.sink.status().errors))
        except BaseException as error:  # noqa: BLE001  # raised again below
            failures.append(error)

    thread = threading.Thread(target=run, daemon=True)
    thread.start()
    thread.join(PATIENCE)
    assert not thread.is_alive(), "it hangs"
    if failures:
        raise failures[0]


def said(caplog: pytest.LogCaptureFixture, text: str) -> list[str]:
    return [record.getMessage() for record in caplog.records if text in record.getMessage()]


PLACES = {
    "lock": "another exporter can write here",
    "shutdowns.json": "unclean shutdowns cannot be counted",
    "history": "cannot write to",
    "history/2026-09-20": "cannot write to",
    "history/2026-09-20/11-00-00.jsonl": "ignored: a link or special file",
    "history/2026-09-20/11-00-00.jsonl.gz": "ignored: a link or special file",
}
"""Where something else may stand, and what the log then says once."""

UNFINISHED = ["shutdowns.json.part", "history/current", "history/current.part"]


@pytest.mark.parametrize("place", PLACES)
@pytest.mark.fault(
    "storage",
    "a link in the storage folder, under a name that the exporter uses",
    seen="one line in the log names the link and says how to mend it; all else is kept",
    heals="by itself, when the link is removed",
)
def test_a_link_in_the_storage_is_not_followed_and_what_it_leads_to_stays_as_it_is(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, place: str
) -> None:
    outside, link = tmp_path / "outside", tmp_path / "storage" / place
    if place in ("history", "history/2026-09-20"):
        outside.mkdir()
    else:
        outside.write_bytes(VICTIM)
    link.parent.mkdir(parents=True)
    link.symlink_to(outside)
    start(tmp_path / "storage")
    assert link.is_symlink()
    assert outside.read_bytes() == VICTIM if outside.is_file() else list(outside.iterdir()) == []
    (line,) = said(caplog, PLACES[place])
    assert str(link) in line
    if PLACES[place] != "cannot write to":
        assert 0 in seqs(tmp_path / "storage/history"), "the rest works"
    link.unlink()
    caplog.clear()
    start(tmp_path / "storage")
    assert 0 in seqs(tmp_path / "storage/history")
    assert said(caplog, PLACES[place]) == []


@pytest.mark.parametrize("place", [*PLACES, *UNFINISHED])
@pytest.mark.fault(
    "storage",
    "a FIFO or a device in the storage folder, under a name that the exporter uses",
    seen="one line in the log names it and says how to mend it; nothing waits for it",
    heals="by itself, when it is removed",
)
def test_a_fifo_in_the_storage_is_not_opened_and_holds_up_no_start(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, place: str
) -> None:
    fifo = tmp_path / place
    fifo.parent.mkdir(parents=True, exist_ok=True)
    os.mkfifo(fifo)
    start(tmp_path)
    if place in PLACES:
        assert fifo.is_fifo()
        (line,) = said(caplog, PLACES[place])
        assert str(fifo) in line
    else:
        assert said(caplog, place) == []
        assert 0 in seqs(tmp_path / "history")


@pytest.mark.parametrize("place", [*UNFINISHED, "history/2026-09-20/11-00-00.jsonl.gz.part"])
@pytest.mark.fault(
    "storage",
    "a link in place of a file that is half-made",
    seen="nothing",
    heals="by itself: the link goes, what it leads to stays",
)
def test_a_link_where_a_file_is_to_be_made_is_replaced_and_what_it_leads_to_stays_as_it_is(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, place: str
) -> None:
    outside, link = tmp_path / "outside", tmp_path / "storage" / place
    outside.write_bytes(VICTIM)
    plant(tmp_path / "storage/history", line_of(7), NOON - 3600)
    link.symlink_to(outside)
    start(tmp_path / "storage")
    assert outside.read_bytes() == VICTIM
    assert seqs(tmp_path / "storage/history") == [7, 0]
    assert said(caplog, place) == []


def test_the_storage_folder_itself_may_be_a_link(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "storage").symlink_to("elsewhere")
    start(tmp_path / "storage")
    assert seqs(tmp_path / "elsewhere/history") == [0]
    assert caplog.text == ""


@pytest.mark.fault(
    "storage",
    "a file that has another name elsewhere (a hard link)",
    seen="one line in the log; the file is read and not changed",
    heals="when the other name is removed",
)
def test_a_torn_segment_with_a_second_name_is_read_and_not_cut(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    name = plant(tmp_path, line_of(0) + b"torn")
    os.link(tmp_path / name, tmp_path / "backup")
    with writer(tmp_path, next_seq=1) as history:
        history.write(LOAD)
    assert (tmp_path / "backup").read_bytes() == line_of(0) + b"torn"
    assert [event.seq for event in read_events(tmp_path)] == [0, 1]
    assert len(said(caplog, "a hard link")) == 1


def test_a_lock_with_a_second_name_is_held_and_not_written(tmp_path: Path) -> None:
    (tmp_path / "lock").write_bytes(b"123\n")
    os.link(tmp_path / "lock", tmp_path / "backup")
    with Claim(str(tmp_path)), pytest.raises(OSError, match="another process keeps its history"), Claim(str(tmp_path)):
        pass
    assert (tmp_path / "backup").read_bytes() == b"123\n"


def test_a_buffer_with_a_second_name_is_not_used(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    (tmp_path / "mine").write_bytes(VICTIM)
    os.link(tmp_path / "mine", buffer_path(str(tmp_path), str(tmp_path / "history")))
    assert open_buffer(str(tmp_path), str(tmp_path / "history")) is None
    assert (tmp_path / "mine").read_bytes() == VICTIM
    assert "a hard link" in caplog.text


def test_whatever_the_umask_other_users_see_nothing_of_the_history(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "storage/history").mkdir(parents=True, mode=0o755)
    (tmp_path / "storage/history").chmod(0o2775)
    before = os.umask(0)
    try:
        start(tmp_path / "storage")
    finally:
        os.umask(before)
    for place, folders, files in os.walk(tmp_path / "storage"):
        for file in (*folders, *files):
            path = Path(place, file)
            assert path.is_symlink() or not path.stat().st_mode & stat.S_IRWXO, path
    assert stat.S_IMODE((tmp_path / "storage/history").stat().st_mode) == 0o2770, "its group is the owner's affair"
    assert len(said(caplog, "was open to all users")) == 1


# ---- what is too large


@pytest.mark.parametrize("packed", [True, False], ids=["compressed", "plain"])
@pytest.mark.fault(
    "storage",
    "a segment with a line without end, such as a gzip bomb",
    seen="nothing: it is passed over",
    heals="by itself: all other lines are read",
)
def test_a_line_without_end_is_passed_over_and_takes_no_memory(tmp_path: Path, packed: bool) -> None:
    folder = tmp_path / "2026-09-20"
    folder.mkdir()
    bomb = line_of(1) + b"[" + b"0," * (32 << 20) + b"\n" + line_of(2)
    path = folder / ("12-00-00.jsonl" + ".gz" * packed)
    path.write_bytes(gzip.compress(bomb, 1) if packed else bomb)
    del bomb
    tracemalloc.start()
    try:
        assert [event.seq for event in read_events(tmp_path)] == [1, 2]
        assert [event.seq for event in read_last_events(str(tmp_path), CATALOG.bodies, 9)][-1] == 2
        assert repair_segment(list_segments(str(tmp_path))[0]) == 0
        assert tracemalloc.get_traced_memory()[1] < 48 << 20
    finally:
        tracemalloc.stop()


def test_a_torn_end_longer_than_any_event_is_cut_off_in_little_memory(tmp_path: Path) -> None:
    name = plant(tmp_path, line_of(1) + b"[" + b"0," * (16 << 20))
    tracemalloc.start()
    try:
        assert repair_segment(list_segments(str(tmp_path))[0]) == 1 + (32 << 20)
        assert tracemalloc.get_traced_memory()[1] < 16 << 20
    finally:
        tracemalloc.stop()
    assert (tmp_path / name).read_bytes() == line_of(1)


def test_a_record_of_shutdowns_of_any_size_is_read_in_little_memory(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "shutdowns.json").write_bytes(b"[" * (8 << 20))
    tracemalloc.start()
    try:
        settle_endings(str(tmp_path / "history"), CATALOG, Host(storage=str(tmp_path)), hostname="pi4", boot="boot-2")
        assert tracemalloc.get_traced_memory()[1] < 1 << 20
    finally:
        tracemalloc.stop()
    assert "counted from 0 again" in caplog.text
    assert json.loads((tmp_path / "shutdowns.json").read_bytes())["unclean"] == 0


# ---- clocks


def future(folder: Path, *dates: str) -> list[str]:
    """Segments of these dates, each as large as a hundred lines."""
    for date in dates:
        path = folder / date
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(line_of(0) * 100)
    return [name for name in names(folder) if name in dates]


def rotate(history: Any, count: int = 1) -> None:
    for _ in range(count):
        history.write(LOAD)
        history.hands.pass_by(601)
        wait_until(lambda: history.sink._segment is None and not history.inbox.waiting)
    # what is removed is removed before the next event is written
    history.write(LOAD)


@pytest.mark.parametrize("compress", ["segments", "off"])
@pytest.mark.fault(
    "time",
    "segments with dates of any year, from 0001 to 9999",
    seen="one line in the log, when the first that is in the future is removed",
    heals="by itself: they are the first to go beyond history.keep_size",
)
def test_segments_of_any_year_neither_end_the_history_nor_push_out_what_is_new(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, compress: str
) -> None:
    planted = future(
        tmp_path,
        "0001-01-01/00-00-00.jsonl",
        "1969-12-31/23-59-59.jsonl",
        "2106-02-07/06-28-16.jsonl",
        "2107-01-01/00-00-00.jsonl",
        "9999-12-31/23-59-59.jsonl",
    )
    assert len(planted) == 5
    size = sum((tmp_path / name).stat().st_size for name in planted)
    with writer(tmp_path, replace(EAGER, compress=compress, keep_bytes=size * 2), next_seq=1) as history:
        rotate(history)
        if compress == "segments":
            wait_until(lambda: sum(name.endswith(".gz") for name in names(tmp_path)) == 6)
        history.sink.rules = replace(EAGER, compress=compress, keep_bytes=1000)
        rotate(history, 3)
        assert history.sink.thread.is_alive()
        assert [name for name in names(tmp_path) if name > "2027"] == []
        assert len([name for name in names(tmp_path) if name.startswith("2026")]) >= 4, "what this run wrote is newest"
    assert len(said(caplog, "is dated in the future")) == 1


@pytest.mark.fault(
    "time",
    "a clock that was years ahead and is right again",
    seen="one line in the log, when the first segment of the wrong clock is removed",
    heals="by itself: what the wrong clock named is the first to go beyond history.keep_size",
)
def test_what_is_written_after_a_clock_was_ahead_outlives_what_was_written_before(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    hands = Hands(wall=NOON + 3650 * DAY)
    with writer(tmp_path, EAGER, hands=hands) as history:
        rotate(history)
    hands.wall = NOON
    with writer(tmp_path, replace(EAGER, keep_bytes=900), hands=hands, next_seq=100) as history:
        rotate(history, 4)
    assert min(seqs(tmp_path)) >= 100
    assert len(seqs(tmp_path)) >= 2
    assert len(said(caplog, "is dated in the future")) == 1


@pytest.mark.fault(
    "time",
    "a clock that leaps years ahead, and is believed to be synchronised",
    seen="one line in the log with both times",
    heals="by itself: nothing is removed by age for a day; a clock that stays is then believed",
)
def test_a_clock_that_leaps_decades_ahead_removes_nothing_by_age_for_a_day(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    hands = Hands()
    old = plant(tmp_path, line_of(0), NOON - 20 * DAY)
    rules = replace(EAGER, keep_seconds=30 * DAY)
    with writer(tmp_path, rules, hands=hands, next_seq=1) as history:
        for _ in range(3):  # until the start has tidied up, by the clock before the leap
            history.write(LOAD)
        hands.wall += 4000 * DAY
        wait_until(lambda: history.sink._segment is None)
        rotate(history, 3)
        assert old in names(tmp_path)
    with writer(tmp_path, rules, hands=hands, next_seq=100) as history:
        rotate(history, 2)
        assert old in names(tmp_path), "a restart makes no difference"
        assert 1 in seqs(tmp_path)
    assert len(said(caplog, "the clock went from 2026-09-20T12:00:00.000Z to 2037-09-02T12:00:00.000Z")) == 2
    with writer(tmp_path, rules, hands=hands, next_seq=200) as history:
        hands.pass_by(DAY)
        rotate(history)
        assert old not in names(tmp_path), "it stayed so"


@pytest.mark.parametrize("synced", [True, None])
@pytest.mark.fault(
    "time",
    "a board that begins in 1970, and cannot say whether its clock is right",
    seen="nothing",
    heals="by itself: what it wrote before the clock was set is as old as it is, whatever its name says",
)
def test_what_this_run_wrote_in_1970_is_not_old_once_the_clock_is_set(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, synced: bool | None
) -> None:
    hands = Hands(wall=100.0, synced=synced)
    plant(tmp_path, line_of(0), NOON - 3600)
    with writer(tmp_path, replace(EAGER, keep_seconds=30 * DAY), hands=hands, next_seq=1) as history:
        history.write(LOAD)
        hands.wall = NOON
        wait_until(lambda: history.sink._segment is None)
        rotate(history)
        assert sorted(seqs(tmp_path)) == [0, 1, 2, 3]
    assert caplog.text == ""


def test_segments_of_this_run_go_when_they_are_too_old(tmp_path: Path) -> None:
    with writer(tmp_path, replace(EAGER, keep_seconds=1500)) as history:
        rotate(history, 5)
        assert 3 <= len(names(tmp_path)) <= 4


@pytest.mark.fault(
    "time",
    "segments from the future on a filesystem without links",
    seen="nothing",
    heals="by itself: a start still finds what was written last",
)
def test_segments_from_the_future_do_not_hide_what_was_written_last(tmp_path: Path) -> None:
    future(tmp_path, *(f"2099-01-{day:02}/00-00-00.jsonl" for day in range(1, 29)))
    plant(tmp_path, line_of(7))
    found = read_last_events(str(tmp_path), CATALOG.bodies, 10, segments=5, now=NOON)
    assert found[-1].seq == 7


# ---- folders that move


@pytest.mark.fault(
    "storage",
    "a storage folder that is moved while it is written",
    seen="one line in the log; events go on in a new folder at the same path",
    heals="by itself; the folder that was moved is free for another exporter",
)
def test_a_storage_that_is_moved_is_claimed_again_at_its_path_and_let_go_where_it_went(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    storage, moved = tmp_path / "storage", tmp_path / "moved"
    with Claim(str(storage)) as claim, writer(storage / "history", claim=claim) as history:
        history.write(LOAD)
        storage.rename(moved)
        history.write(LOAD)
        with pytest.raises(OSError, match="keeps its history"), Claim(str(storage)):
            pass
        with Claim(str(moved)):
            pass
        assert (seqs(moved / "history"), seqs(storage / "history")) == ([0], [1])
        assert history.sink.status().writable
    assert len(caplog.records) == len(said(caplog, "was taken away while it was written")) == 1


@pytest.mark.fault(
    "storage",
    "a storage folder that is moved, and another exporter that takes its place",
    seen="one line in the log names the process; `sysvitals_history_writable` is 0; events wait in memory",
    heals="by itself, when the other exporter ends",
)
def test_where_another_exporter_took_the_place_of_a_moved_storage_nothing_is_written_until_it_ends(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    storage = tmp_path / "storage"
    with Claim(str(storage)) as claim, writer(storage / "history", claim=claim) as history:
        history.write(LOAD)
        storage.rename(tmp_path / "moved")
        with Claim(str(storage)):
            history.bus.publish([URGENT])
            wait_until(lambda: history.sink.status().errors > 2)
            assert not history.sink.status().writable
            assert os.listdir(storage) == ["lock"]
        wait_until(lambda: history.sink.status().writable)
        assert seqs(storage / "history") == [1]
    assert len(said(caplog, f"process {os.getpid()} keeps its history in {storage}")) == 1


@pytest.mark.fault(
    "storage",
    "a lock that is removed",
    seen="nothing",
    heals="by itself, with the next event",
)
def test_a_lock_that_is_removed_is_made_again_and_held(tmp_path: Path) -> None:
    with Claim(str(tmp_path)) as claim, writer(tmp_path / "history", claim=claim) as history:
        history.write(LOAD)
        (tmp_path / "lock").unlink()
        history.write(LOAD)
        with pytest.raises(OSError, match="keeps its history"), Claim(str(tmp_path)):
            pass
    assert len(names(tmp_path / "history")) == 1


@pytest.mark.fault(
    "storage",
    "a disk that goes and comes back (it is mounted over its folder)",
    seen="one line in the log each time",
    heals="by itself: events go to what lies at the path",
)
def test_events_go_to_the_disk_that_lies_at_the_path(tmp_path: Path) -> None:
    disk = tmp_path / "disk"
    disk.mkdir()
    with Claim(str(disk)) as claim, writer(disk / "history", claim=claim) as history:
        history.write(LOAD)
        with mounted(disk, "-t", "tmpfs", "-o", "size=1m", "tmpfs"):
            history.write(LOAD)
            assert seqs(disk / "history") == [1]
        history.write(LOAD)
        assert seqs(disk / "history") == [0, 2]
        with pytest.raises(OSError, match="keeps its history"), Claim(str(disk)):
            pass


# ---- disks that refuse


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EDQUOT, errno.EACCES, errno.EROFS])
@pytest.mark.parametrize("call", ["create", "write"])
@pytest.mark.fault(
    "storage",
    "a disk quota, no inodes, a permission that is taken away",
    seen="one line in the log; `sysvitals_history_writable` is 0",
    heals="by itself: what fitted into memory is written, and one line says so",
)
def test_a_disk_that_refuses_is_said_once_and_nothing_that_fits_into_memory_is_lost(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, faults: dict[str, int], number: int, call: str
) -> None:
    with writer(tmp_path) as history:
        history.write(LOAD)
        if call == "create":
            history.hands.pass_by(601)
            wait_until(lambda: history.sink._segment is None)
        faults["open" if call == "create" else "write"] = number
        for _ in range(5):
            history.bus.publish([LOAD])
        wait_until(lambda: history.sink.status().errors > 5)
        assert not history.sink.status().writable
        faults.clear()
        wait_until(lambda: history.sink.status().writable)
    assert seqs(tmp_path) == list(range(6))
    assert [record.levelname for record in caplog.records] == ["ERROR", "WARNING"]


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EDQUOT, errno.EACCES, errno.EROFS, errno.EIO])
def test_a_disk_that_refuses_the_tidying_and_then_the_writing_is_said_once(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
    faults: dict[str, int],
    number: int,
) -> None:
    with writer(tmp_path) as history:
        history.write(LOAD)
        gate = Gate(monkeypatch, history_writer, "list_segments")
        history.hands.pass_by(601)
        assert gate.reached.wait(PATIENCE)
        faults["open"] = number
        gate.open()
        wait_until(lambda: history.sink.status().errors > 0)
        assert caplog.text == "", "whether the disk refuses is known by the next write"
        history.bus.publish([LOAD])
        wait_until(lambda: not history.sink.status().writable)
        faults.clear()
        wait_until(lambda: history.sink.status().writable)
    assert seqs(tmp_path) == [0, 1]
    assert [record.levelname for record in caplog.records] == ["ERROR", "WARNING"]


def test_tidying_that_fails_is_said_once_after_the_next_write_that_succeeds(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, faults: dict[str, int]
) -> None:
    with writer(tmp_path) as history:

        def tidy_up_in_vain() -> None:
            history.write(LOAD)
            before = history.sink.status().errors
            faults["scandir"] = errno.EIO
            history.hands.pass_by(601)
            wait_until(lambda: history.sink.status().errors > before)
            faults.clear()

        tidy_up_in_vain()
        tidy_up_in_vain()
        history.write(LOAD)
        (line,) = said(caplog, "cannot tidy up")
        assert "input/output error" in line
        assert history.sink.status().writable


@pytest.mark.fault(
    "storage",
    "no inodes left on a real disk",
    seen="one line in the log; `sysvitals_history_writable` is 0",
    heals="by itself, when files are removed",
)
def test_a_disk_without_inodes_is_written_again_once_there_are_some(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    disk = tmp_path / "disk"
    with mounted(disk, "-t", "tmpfs", "-o", "size=1m,nr_inodes=10", "tmpfs"):
        for number in range(9):
            with contextlib.suppress(OSError):
                (disk / f"ballast-{number}").touch()
        with writer(disk / "history") as history:
            history.bus.publish([URGENT])
            wait_until(lambda: history.sink.status().errors > 2)
            assert "no space left on device" in caplog.text
            for file in disk.glob("ballast-*"):
                file.unlink()
            wait_until(lambda: history.sink.status().writable)
            assert seqs(disk / "history") == [0]
    assert [record.levelname for record in caplog.records] == ["ERROR", "WARNING"]


@pytest.mark.parametrize("compress", ["segments", "stream", "off"])
@pytest.mark.fault(
    "storage",
    "a history on a disk that can only be read",
    seen="one line in the log; what is there is still read back",
    heals="by itself, when it can be written",
)
def test_a_history_that_can_only_be_read_is_said_once_whatever_there_is_to_tidy_up(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, compress: str
) -> None:
    disk = tmp_path / "disk"
    with mounted(disk, "-t", "tmpfs", "-o", "size=1m", "tmpfs"):
        for number in range(5):
            plant(disk / "history", line_of(number) + b"torn", NOON - DAY + number)
        (disk / "history").chmod(0o755)
        subprocess.run(["mount", "-o", "remount,ro", str(disk)], check=True)
        rules = replace(EAGER, compress=compress, keep_seconds=3600, keep_bytes=10)
        with Claim(str(disk)) as claim, writer(disk / "history", rules, claim=claim, next_seq=9) as history:
            history.bus.publish([URGENT])
            wait_until(lambda: history.sink.status().errors > 15)
            assert [record.levelname for record in caplog.records] == ["ERROR"], caplog.text
            assert "read-only file system" in caplog.text
            subprocess.run(["mount", "-o", "remount,rw", str(disk)], check=True)
            wait_until(lambda: history.sink.status().writable)
            found = [event.seq for event in read_events(disk / "history")]
            assert found == [0, 1, 2, 3, 4, 9]


@pytest.mark.fault(
    "storage",
    "a compressed stream that a power cut tore",
    seen="one line in the log, and the event `history.repaired`",
    heals="by itself at the start: every whole line is kept",
)
def test_a_torn_stream_is_said_once(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    folder = tmp_path / "history"
    with writer(folder, replace(EAGER, compress="stream")) as history:
        for _ in range(3):
            history.write(LOAD)
        (segment,) = list_segments(str(folder))
        torn = Path(segment.path).read_bytes()
    for tail in (b"\x1f\x00", bytes(4096)):
        Path(segment.path).write_bytes(torn + tail)
        caplog.clear()
        start(tmp_path)
        assert len(said(caplog, segment.name)) == 1
        assert list(read_lines(list_segments(str(folder))[0]))


# ---- days and segments that refuse


@pytest.mark.parametrize("call", ["open", "scandir", "unlink"])
@pytest.mark.fault(
    "storage",
    "a day of the history, or a segment, that cannot be listed, read or removed",
    seen="one line in the log for each such day",
    heals="all others are kept, read and removed as ever; its own are once it can be",
)
def test_a_day_that_refuses_keeps_no_other_and_is_said_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, call: str
) -> None:
    refusing, *others = (plant(tmp_path, line_of(number), NOON - number * DAY) for number in (60, 50, 40, 20, 19))
    day = tmp_path / refusing.partition("/")[0]
    real = getattr(os, call)

    def refuse(what: str | int, *arguments: Any, **options: Any) -> Any:
        place = options.get("dir_fd", what if isinstance(what, int) else None)
        if what == day.name or (place is not None and os.path.samestat(os.fstat(place), day.stat())):
            raise PermissionError(errno.EACCES, "Permission denied")
        return real(what, *arguments, **options)

    monkeypatch.setattr(os, call, refuse)
    with writer(tmp_path, replace(EAGER, keep_seconds=30 * DAY), next_seq=100) as history:
        wait_until(lambda: not any((tmp_path / name).exists() for name in others[:2]))
        rotate(history, 2)
        if call == "unlink":
            assert history.sink.status().size == sum(segment.size for segment in list_segments(str(tmp_path)))
    assert [event.seq for event in read_last_events(str(tmp_path), CATALOG.bodies, 9)][-1] >= 101
    assert {20, 19} <= {event.seq for event in read_events(str(tmp_path))}
    assert (tmp_path / refusing).exists()
    told = [line for line in said(caplog, str(day)) if "tidy" in line]
    assert len(told) == 1


@pytest.mark.fault(
    "storage",
    "a folder named `current.part` in the history",
    seen="one line in the log, and no `current`",
    heals="nothing is lost: the newest name counts",
)
def test_a_link_that_cannot_be_made_is_said_once_and_leads_to_no_older_segment(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    with writer(tmp_path) as history:
        history.write(LOAD)
    (tmp_path / "current.part").mkdir()
    hands = Hands(wall=NOON + 9)
    with writer(tmp_path, hands=hands, next_seq=100) as history:
        rotate(history, 2)
    last = find_last_segment(str(tmp_path))
    assert last == list_segments(str(tmp_path))[-1]
    assert not os.path.lexists(tmp_path / "current")
    assert len(said(caplog, "current.part")) == 1


@pytest.mark.fault(
    "storage",
    "many segments, or large ones, to mend at the start",
    seen="nothing",
    heals="events are written meanwhile: what can wait is mended one piece after each write",
)
def test_events_are_written_before_old_segments_are_mended(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    planted = [plant(tmp_path, line_of(number), NOON - 100 + number) for number in range(5)]
    before: dict[str, bool] = {}

    def repair(segment: Segment) -> int:
        before[segment.name] = 100 in seqs(tmp_path)
        return repair_segment(segment)

    monkeypatch.setattr(history_writer, "repair_segment", repair)
    with writer(tmp_path, next_seq=100, start=False) as history:
        history.bus.publish([URGENT])
        history.sink.start()
        wait_until(lambda: len(before) == len(planted))
        history.sink.stop(PATIENCE)
    assert before == dict.fromkeys(planted[:-1], True) | {planted[-1]: False}, "`current` is about to lead elsewhere"


@pytest.mark.fault(
    "storage",
    "a stop while the disk hangs or refuses, without a buffer in memory",
    seen="one line in the log with the number of events that are lost, and exit status 1",
    heals="at the next start",
)
def test_a_stop_says_how_many_events_are_lost(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, faults: dict[str, int], caplog: pytest.LogCaptureFixture
) -> None:
    with writer(tmp_path / "refuses", start=False) as history:
        faults["write"] = errno.EIO
        history.bus.publish([URGENT, LOAD])
        history.sink.start()
        assert history.sink.stop(PATIENCE) == 2
    faults.clear()
    assert said(caplog, "events are lost") == ["history: 2 events are lost: the disk refuses"]
    with writer(tmp_path / "hangs") as history:
        gate = Gate(monkeypatch, history_writer, "write_all")
        history.bus.publish([URGENT])
        assert gate.reached.wait(PATIENCE)
        history.bus.publish([LOAD, LOAD])
        assert history.sink.stop(0) == 3
        gate.open()
    assert said(caplog, "3 events are lost: the disk did not take them within 0 s")
    with writer(tmp_path / "well") as history:
        history.bus.publish([URGENT])
        assert history.sink.stop(PATIENCE) == 0


def test_beyond_the_size_the_last_segment_stays(tmp_path: Path) -> None:
    _, last = (plant(tmp_path, line_of(number), NOON - 100 + number) for number in range(2))
    with writer(tmp_path, replace(EAGER, keep_bytes=1), next_seq=100) as history:
        wait_until(lambda: names(tmp_path) == [last])
        rotate(history)
        assert seqs(tmp_path) == [100, 101]
        assert os.readlink(tmp_path / "current") == names(tmp_path)[-1]


# ---- numbers


@pytest.mark.fault(
    "process",
    "kill -9 while the history is off or the disk refuses",
    seen="nothing: numbers that were shown on the console or in a stream are not given again",
    heals="by itself: each run numbers from its uptime",
)
def test_event_numbers_that_were_shown_are_not_used_again_after_a_restart() -> None:
    began, ended = 1234.56789, 1234.56789 + 0.05
    shown = first_seq(began) + int((ended - began) * SEQ_PER_SECOND) - 1
    assert first_seq(ended + 0.00001) > shown
