import contextlib
import errno
import gzip
import itertools
import json
import os
import random
import shutil
import subprocess
import sys
import threading
from dataclasses import replace
from pathlib import Path
from typing import Any, NoReturn

import jsonschema
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from reference.schema import build_schema
from sysvitals.collectors.catalog import build_full_catalog
from sysvitals.history import writer as history_writer
from sysvitals.history.buffer import Buffer, buffer_path, open_buffer, rescue_buffer
from sysvitals.history.segments import COMPRESSED, PLAIN, find_last_segment, list_segments, read_lines
from sysvitals.history.writer import HistoryRules
from sysvitals.host.threads import NoThreadError
from sysvitals.model.event import Event, decode_event, encode_events
from sysvitals.model.reading import Body, Status, amend, fields_of
from tests.history.replay import read_events
from tests.history.writing import (
    EAGER,
    LOAD,
    NOON,
    RELOADED,
    URGENT,
    Gate,
    Hands,
    line_of,
    long_event,
    mounted,
    names,
    plant,
    seqs,
    stored,
    wait_until,
    writer,
)
from tests.patience import PATIENCE

CATALOG = build_full_catalog()
VALIDATOR = jsonschema.Draft202012Validator(build_schema(CATALOG))
DAY = 86400.0
SLOW = replace(EAGER, flush_seconds=3600)
STOREABLE = [body for body in CATALOG.bodies.values() if not issubclass(body, Status)]

_VALUES: dict[type, st.SearchStrategy[Any]] = {
    str: st.text(st.characters(exclude_categories=["Cs"])),
    int: st.integers(-(1 << 63), 1 << 63),
    float: st.floats(allow_nan=False, allow_infinity=False),
    bool: st.booleans(),
}


def any_of(body: type[Body]) -> st.SearchStrategy[Body]:
    values = {}
    for field in fields_of(body):
        allowed = getattr(field.mark, "values", ())
        value = st.sampled_from(allowed) if allowed else _VALUES[field.type]
        values[field.name] = st.none() | value if field.optional else value
    return st.builds(body, **values)


def problems(line: str) -> list[str]:
    return [error.message for error in VALIDATOR.iter_errors(json.loads(line))]


def read_back(folder: Path) -> list[Event | None]:
    lines = [line for segment in list_segments(str(folder)) for line in read_lines(segment)]
    return [decode_event(line, CATALOG.bodies) for line in lines]


def fill(path: Path) -> None:
    """Take all room that is left on the disk."""
    with open(path, "wb", buffering=0) as file, contextlib.suppress(OSError):
        while True:
            file.write(bytes(4096))


# ---- what is written


@settings(
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow], max_examples=60, deadline=None
)
@given(data=st.data())
def test_any_event_is_stored_as_a_line_that_satisfies_the_schema_and_reads_back_the_same(
    tmp_path: Path, data: st.DataObject
) -> None:
    bodies = [data.draw(any_of(body)) for body in data.draw(st.lists(st.sampled_from(STOREABLE), max_size=4))]
    folder = tmp_path / str(data.draw(st.integers(0, 1 << 60), label="folder"))
    shutil.rmtree(folder, ignore_errors=True)
    hands = Hands(wall=data.draw(st.floats(0, 4e9)), synced=data.draw(st.sampled_from([True, False, None])))
    with writer(folder, hands=hands) as history:
        published = history.bus.publish(bodies)
        history.sink.stop(PATIENCE)
    back = read_back(folder)
    assert [event.body for event in back if event] == [event.body for event in published]
    assert [event.seq for event in back if event] == list(range(len(published)))
    for event, original in zip(back, published, strict=True):
        assert event is not None
        assert event.stamp[1:3] == original.stamp[1:3]
        assert event.stamp.synced is original.stamp.synced
        assert event.stamp.time == pytest.approx(original.stamp.time, abs=0.002)
        (line,) = encode_events((event,))
        assert decode_event(line, CATALOG.bodies) == event
        assert problems(line) == []


def test_a_line_break_in_a_message_does_not_break_the_line(tmp_path: Path) -> None:
    with writer(tmp_path) as history:
        history.bus.publish([amend(RELOADED, changed="one\ntwo\r\n\u2028\0three"), RELOADED])
    assert [line["data"]["changed"] for line in stored(tmp_path)] == ["one\ntwo\r\n\u2028\0three", ""]


def test_stopping_writes_all_that_waits(tmp_path: Path) -> None:
    with writer(tmp_path, SLOW) as history:
        for _ in range(100):
            history.bus.publish([LOAD, RELOADED])
    assert seqs(tmp_path) == list(range(200))


def test_what_is_published_while_it_stops_is_either_stored_whole_or_refused_in_order(tmp_path: Path) -> None:
    with writer(tmp_path, SLOW) as history:
        begun = threading.Event()

        def publish() -> None:
            while not history.inbox.closed:
                history.bus.publish([LOAD, LOAD])
                begun.set()

        thread = threading.Thread(target=publish)
        thread.start()
        assert begun.wait(PATIENCE)
        history.sink.stop(PATIENCE)
        thread.join()
    found = seqs(tmp_path)
    assert found[-1] + 1 == len(found) + history.inbox.dropped
    assert history.inbox.waiting == 0


def test_no_file_is_made_as_long_as_there_is_nothing_to_write(tmp_path: Path) -> None:
    with writer(tmp_path / "history"):
        pass
    assert not (tmp_path / "history").exists()


def test_the_status_tells_what_is_on_disk(tmp_path: Path) -> None:
    plant(tmp_path, line_of(0) * 10)
    with writer(tmp_path) as history:
        history.write(LOAD)
        history.hands.pass_by(1e6)
        wait_until(lambda: history.sink._segment is None)
        history.write(LOAD)
        status = history.sink.status()
    sizes = [segment.size for segment in list_segments(str(tmp_path))]
    assert (status.size, status.segments) == (sum(sizes), len(sizes))
    assert status.written == sum(sizes[1:])
    assert (status.errors, status.writable) == (0, True)


# ---- urgent events


@pytest.mark.parametrize("fsync", [True, False])
def test_an_urgent_event_is_on_the_disk_at_once_though_writing_is_seldom(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    fsync: bool,
) -> None:
    synced = threading.Event()
    found: list[list[int]] = []

    def spy(_descriptor: int) -> None:
        found.append(seqs(tmp_path))
        synced.set()

    monkeypatch.setattr(os, "fdatasync", spy)
    with writer(tmp_path, replace(SLOW, fsync=fsync)) as history:
        history.bus.publish([LOAD])
        history.bus.publish([URGENT])
        assert synced.wait(PATIENCE)
        assert found == [[0, 1]], "with what came before it"
        assert history.inbox.waiting == 0


def test_without_fsync_only_urgent_events_are_forced_to_the_disk(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    synced: list[list[int]] = []
    monkeypatch.setattr(os, "fdatasync", lambda _descriptor: synced.append(seqs(tmp_path)))
    with writer(tmp_path, replace(EAGER, fsync=False)) as history:
        history.write(LOAD)
        history.write(URGENT)
        history.write(LOAD)
        assert history.sink.status().syncs == 1
    assert synced == [[0, 1]]


def test_ordinary_events_are_written_as_they_come_and_forced_once_in_a_while(tmp_path: Path) -> None:
    with writer(tmp_path, replace(EAGER, flush_seconds=60)) as history:
        for second in range(60):
            history.write(LOAD)
            assert seqs(tmp_path) == list(range(second + 1))
            assert history.sink.status().syncs == 1, "a segment is forced with its first lines"
            history.hands.pass_by(1)
        history.hands.pass_by(1)
        history.write(LOAD)
        wait_until(lambda: history.sink.status().syncs == 2)
        history.write(LOAD)
        assert history.sink.status().syncs == 2
    assert history.sink.status().syncs == 3, "the end forces the rest"


def test_what_nothing_follows_is_forced_in_time_too(tmp_path: Path) -> None:
    with writer(tmp_path) as history:
        history.write(LOAD)
        history.write(LOAD)
        history.hands.pass_by(1)
        wait_until(lambda: history.sink.status().syncs == 2)


def test_what_was_written_and_not_forced_is_taken_back_with_a_forced_write_that_fails(
    tmp_path: Path, faults: dict[str, int]
) -> None:
    with writer(tmp_path, SLOW) as history:
        history.write(LOAD)
        history.write(LOAD)
        faults["fdatasync"] = errno.EIO
        history.bus.publish([URGENT])
        wait_until(lambda: not history.sink.status().writable)
        assert seqs(tmp_path) == [0]
        faults.clear()
    assert seqs(tmp_path) == [0, 1, 2]


# ---- with a buffer in memory


def open_it(tmp_path: Path) -> Buffer:
    (tmp_path / "memory").mkdir(exist_ok=True)
    buffer = open_buffer(str(tmp_path / "memory"), str(tmp_path / "history"))
    assert buffer is not None
    return buffer


def test_with_a_buffer_a_segment_is_touched_only_when_it_is_forced(tmp_path: Path) -> None:
    buffer = open_it(tmp_path)
    with writer(tmp_path / "history", replace(EAGER, flush_seconds=60), buffer=buffer) as history:
        history.write(URGENT)
        assert buffer.read() == b""
        for second in range(1, 60):
            history.sink.settle(history.bus.publish([LOAD])[0].seq, PATIENCE)
            assert (len(buffer.read().splitlines()), seqs(tmp_path / "history")) == (second, [0])
            history.hands.pass_by(1)
        history.hands.pass_by(1)
        wait_until(lambda: seqs(tmp_path / "history") == list(range(60)))
        wait_until(lambda: buffer.read() == b"")
        history.sink.settle(history.bus.publish([LOAD])[0].seq, PATIENCE)
        history.bus.publish([URGENT])
    assert seqs(tmp_path / "history") == list(range(62))
    assert buffer.read() == b""


def test_what_a_killed_process_left_in_its_buffer_comes_into_a_segment_before_anything_is_read_back(
    tmp_path: Path,
) -> None:
    buffer = open_it(tmp_path)
    buffer.add(line_of(3) + line_of(4) + line_of(5)[:20])
    rescue_buffer(buffer, str(tmp_path / "history"), NOON)
    assert (seqs(tmp_path / "history"), buffer.read()) == ([3, 4], b"")
    assert os.readlink(tmp_path / "history" / "current") == "2026-09-20/12-00-00.jsonl"
    rescue_buffer(buffer, str(tmp_path / "history"), NOON)
    assert len(names(tmp_path / "history")) == 1


def test_what_cannot_be_rescued_stays_in_memory_until_the_disk_takes_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def fail(*_: object) -> NoReturn:
        raise OSError(errno.EROFS, "Read-only file system")

    buffer = open_it(tmp_path)
    buffer.add(line_of(3))
    with monkeypatch.context() as patch:
        patch.setattr("sysvitals.history.buffer.create_segment", fail)
        rescue_buffer(buffer, str(tmp_path / "history"), NOON)
    assert "read-only file system" in caplog.text
    with writer(tmp_path / "history", next_seq=7, buffer=buffer) as history:
        history.write(URGENT)
    assert seqs(tmp_path / "history") == [3, 7]
    assert buffer.read() == b""


def test_a_buffer_that_is_full_leaves_the_history_to_the_disk(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def fail(_: bytes) -> NoReturn:
        raise OSError(errno.ENOSPC, "No space left on device")

    buffer = open_it(tmp_path)
    monkeypatch.setattr(buffer, "add", fail)
    with writer(tmp_path / "history", SLOW, buffer=buffer) as history:
        history.write(LOAD)
        history.write(LOAD)
    assert seqs(tmp_path / "history") == [0, 1]
    assert "no space left on device" in caplog.text


def test_a_buffer_that_has_failed_is_cleared_once_its_lines_are_on_the_disk(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    buffer = open_it(tmp_path)
    with writer(tmp_path / "history", SLOW, buffer=buffer) as history:
        history.write(URGENT)
        history.sink.settle(history.bus.publish([LOAD])[0].seq, PATIENCE)
        assert len(buffer.read().splitlines()) == 1
        monkeypatch.setattr("sysvitals.history.buffer.write_all", half_full)
        history.sink.settle(history.bus.publish([LOAD])[0].seq, PATIENCE)
        assert seqs(tmp_path / "history") == [0, 1, 2]
        assert buffer.read() == b""
        history.write(LOAD)
        assert seqs(tmp_path / "history") == [0, 1, 2, 3]


@pytest.mark.fault(
    "storage",
    "a buffer in memory that is full or removed",
    seen="one line in the log",
    heals="events go straight to the disk; at the next start to the buffer again",
)
def test_a_buffer_that_is_removed_leaves_the_history_to_the_disk(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    with writer(tmp_path / "history", SLOW, buffer=open_it(tmp_path)) as history:
        history.write(URGENT)
        history.sink.settle(history.bus.publish([LOAD])[0].seq, PATIENCE)
        shutil.rmtree(tmp_path / "memory")
        for last in (2, 3, 4):
            history.sink.settle(history.bus.publish([LOAD])[0].seq, PATIENCE)
            assert seqs(tmp_path / "history") == list(range(last + 1))
    assert caplog.text.count("the file was removed") == 1


def test_lines_that_fit_only_half_into_the_buffer_are_taken_back(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    buffer = open_it(tmp_path)
    buffer.add(line_of(3))
    with monkeypatch.context() as patch:
        patch.setattr("sysvitals.history.buffer.write_all", half_full)
        with pytest.raises(OSError, match="No space left"):
            buffer.add(line_of(4))
    buffer.add(line_of(5))
    assert buffer.read() == line_of(3) + line_of(5)


def half_full(descriptor: int, data: bytes) -> NoReturn:
    os.write(descriptor, data[: len(data) // 2])
    raise OSError(errno.ENOSPC, "No space left on device")


def test_a_disk_that_refuses_takes_nothing_from_the_buffer(tmp_path: Path, faults: dict[str, int]) -> None:
    buffer = open_it(tmp_path)
    with writer(tmp_path / "history", buffer=buffer) as history:
        history.write(URGENT)
        history.sink.settle(history.bus.publish([LOAD])[0].seq, PATIENCE)
        faults["fdatasync"] = errno.EIO
        history.hands.pass_by(60)
        wait_until(lambda: history.sink.status().errors > 2)
        assert len(buffer.read().splitlines()) == 1
        faults.clear()
        wait_until(lambda: history.sink.status().writable)
        assert buffer.read() == b""
    assert seqs(tmp_path / "history") == [0, 1]


@pytest.mark.fault(
    "storage",
    "a disk that refuses, with a buffer in memory",
    seen="one line in the log",
    heals="by itself: what the buffer took outlives a kill",
)
def test_a_buffer_in_memory_keeps_new_events_while_the_disk_cannot_be_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object) -> NoReturn:
        raise OSError(errno.ENOSPC, "No space left on device")

    buffer = open_it(tmp_path)
    with writer(tmp_path / "history", buffer=buffer, limit=4) as history:
        with monkeypatch.context() as patch:
            patch.setattr("sysvitals.history.writer.create_segment", refuse)
            history.bus.publish([URGENT])
            wait_until(lambda: not history.sink.status().writable)
            for kept in (2, 3, 4):
                history.sink.settle(history.bus.publish([LOAD])[0].seq, PATIENCE)
                assert len(buffer.read().splitlines()) == kept
            for _ in range(5):
                history.sink.settle(history.bus.publish([LOAD])[0].seq, 3600)
            assert (history.inbox.waiting, history.inbox.dropped) == (4, 1)
            assert len(buffer.read().splitlines()) == 4
        wait_until(lambda: history.sink.status().writable and not history.inbox.waiting)
    assert seqs(tmp_path / "history") == [0, 1, 2, 3, 5, 6, 7, 8]
    assert buffer.read() == b""


def test_a_stop_while_the_disk_refuses_leaves_all_in_the_buffer(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object) -> NoReturn:
        raise OSError(errno.EROFS, "Read-only file system")

    buffer = open_it(tmp_path)
    with monkeypatch.context() as patch:
        patch.setattr("sysvitals.history.writer.create_segment", refuse)
        with writer(tmp_path / "history", buffer=buffer) as history:
            history.bus.publish([URGENT])
            wait_until(lambda: not history.sink.status().writable)
            history.bus.publish([LOAD])
            history.bus.publish([URGENT])
    rescue_buffer(buffer, str(tmp_path / "history"), NOON)
    assert seqs(tmp_path / "history") == [0, 1, 2]


@pytest.mark.parametrize("obstacle", ["folder", "link", "nothing", "another exporter"])
def test_where_there_can_be_no_buffer_there_is_none(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, obstacle: str
) -> None:
    path = Path(buffer_path(str(tmp_path / "memory"), str(tmp_path / "history")))
    other = open_it(tmp_path)
    if obstacle != "another exporter":
        path.unlink()
    if obstacle == "folder":
        path.mkdir()
    elif obstacle == "link":
        path.symlink_to(tmp_path / "elsewhere")
    elif obstacle == "nothing":
        (tmp_path / "memory").rmdir()
    assert open_buffer(str(tmp_path / "memory"), str(tmp_path / "history")) is None
    assert "no buffer in memory" in caplog.text
    assert not (tmp_path / "elsewhere").exists()
    assert other.read() == b""


def test_a_folder_that_is_renamed_leaves_its_buffer_where_the_next_start_looks(tmp_path: Path) -> None:
    folder, renamed = tmp_path / "history", tmp_path / "renamed"
    with writer(folder, SLOW, buffer=open_it(tmp_path)) as history:
        history.write(URGENT)
        folder.rename(renamed)
        history.sink.settle(history.bus.publish([LOAD])[0].seq, PATIENCE)
        (file,) = (tmp_path / "memory").iterdir()
        left = file.read_bytes()
        history.hands.pass_by(5)
        history.write(URGENT)
        assert (seqs(renamed), seqs(folder)) == ([0], [1, 2])
    shutil.rmtree(folder)
    file.unlink()
    file.write_bytes(left)  # as if it had been killed after the rename
    rescue_buffer(open_it(tmp_path), str(folder), NOON)
    assert seqs(folder) == [1]


# ---- edges


def test_edges_that_keep_coming_are_forced_once_each_five_seconds(tmp_path: Path) -> None:
    with writer(tmp_path, replace(EAGER, flush_seconds=0.5)) as history:
        for tenth in range(121):
            history.write(URGENT if tenth % 2 == 0 else LOAD)
            history.hands.pass_by(0.1)
        assert history.sink.status().syncs <= 3 + 121 / 5
    assert seqs(tmp_path) == list(range(121))


def test_settling_waits_until_an_event_is_in_the_file(tmp_path: Path) -> None:
    with writer(tmp_path, SLOW) as history:
        for _ in range(20):
            last = history.bus.publish([LOAD])[-1].seq
            history.sink.settle(last, PATIENCE)
            assert seqs(tmp_path)[-1] == last


def test_settling_does_not_wait_for_a_disk_that_refuses(tmp_path: Path, faults: dict[str, int]) -> None:
    with writer(tmp_path, SLOW) as history:
        faults["write"] = errno.EROFS
        history.sink.settle(history.bus.publish([LOAD])[-1].seq, 3600)
        history.sink.settle(history.bus.publish([LOAD])[-1].seq, 3600)
        assert not history.sink.status().writable
        faults.clear()


# ---- kills and power cuts


def run_writer(folder: Path, log: Path, compress: str, memory: str, lines: int | None) -> list[int]:
    """Run the busy writer and kill it after so many lines; without a number it ends by itself. What it wrote."""
    program = Path(__file__).with_name("busy_writer.py")
    command = [sys.executable, str(program), str(folder), "boot-1", "0" if lines is not None else "20"]
    command += [compress, memory]
    root = Path(__file__).parents[2]
    environment = {**os.environ, "PYTHONPATH": f"{root}:{root / 'exporter'}"}
    said = []
    with (
        open(log, "ab") as errors,
        subprocess.Popen(command, stdout=subprocess.PIPE, stderr=errors, env=environment) as process,
    ):
        assert process.stdout is not None
        try:
            for _ in range(lines if lines is not None else 20):
                said.append(process.stdout.readline())
                assert said[-1], log.read_text()
            if lines is None:
                assert process.wait(PATIENCE) == 0, log.read_text()
        finally:
            process.kill()
            said += process.stdout.readlines()
    return [int(line) for line in said if line.strip()]


def torn_segments(folder: Path) -> list[str]:
    """Files whose end is torn. Any other damage fails."""
    torn = []
    for segment in list_segments(str(folder)):
        content = Path(segment.path).read_bytes()
        lines: list[str] = []
        try:
            lines.extend(read_lines(segment))
        except EOFError:
            torn.append(segment.name)
        if segment.name.endswith(PLAIN) and not content.endswith(b"\n"):
            torn.append(segment.name)
            lines.pop()
        for line in lines:
            assert decode_event(line, CATALOG.bodies), "every line but the last is whole"
        assert [problem for line in lines[-20:] for problem in problems(line)] == []
    return torn


@pytest.mark.parametrize("compress", ["segments", "stream"])
@pytest.mark.parametrize("memory", ["", "memory"], ids=["no buffer", "buffer"])
def test_a_kill_at_any_moment_loses_nothing_that_was_written_and_no_number_is_given_twice(
    tmp_path: Path, compress: str, memory: str
) -> None:
    dice = random.Random(42)  # noqa: S311  # nothing is secret here
    folder, log = tmp_path / "history", tmp_path / "log"
    torn, said = set[str](), list[int]()
    if memory:
        (tmp_path / memory).mkdir()
        memory = str(tmp_path / memory)
    for _ in range(6):
        said += run_writer(folder, log, compress, memory, dice.randrange(1, 250))
        damaged = torn_segments(folder)
        assert memory or len(damaged) <= 1, "one file at most was being written, where none is rescued"
        torn |= {name.split(".jsonl")[0] for name in damaged}
    run_writer(folder, log, compress, memory, None)
    assert torn, "none of these kills tore a line: the test tests nothing"
    assert torn_segments(folder) == []
    for segment in list_segments(str(folder)):
        if segment.name.endswith(COMPRESSED):
            assert gzip.decompress(Path(segment.path).read_bytes()).endswith(b"\n")
    assert not [name for name in names(folder) if name.endswith(".part")]
    # after a kill between the forced write and the emptying of the buffer, lines are there twice and read once
    found = [event.seq for event in read_events(folder)]
    assert set(said) <= set(found)
    assert len(set(found)) == len(found)
    assert found == sorted(found)
    once = {line["seq"]: line for line in stored(folder)}.values()
    starts = [line["seq"] for line in once if line["name"] == "sysvitals.started"]
    jumps = [seq for before, seq in itertools.pairwise(found) if seq != before + 1]
    assert jumps == starts[1:], "within a run there is no gap"
    repaired = [line["data"] for line in once if line["name"] == "history.repaired"]
    cuts = [line for line in log.read_text().splitlines() if "had a torn end" in line]
    # a kill may fall between the cut and its line in the log, and before its event is written
    assert len(torn) - 2 <= len(cuts) <= len(torn)
    assert len(torn) - 2 <= len(repaired) <= len(torn)
    assert all(any(line["segment"].split(".")[0] in cut for cut in cuts) for line in repaired)
    assert all(line["bytes"] > 0 for line in repaired)


@pytest.mark.parametrize(
    "torn",
    [line_of(3)[:40], b"\0", bytes(4096), bytes(3 << 20), line_of(3)[:40] + bytes(8192), b"[]\n", b"\xff\n"],
    ids=["half a line", "NUL", "block of NULs", "megabytes of NULs", "half a line and NULs", "no object", "no text"],
)
@pytest.mark.fault(
    "storage",
    "a segment that a power cut tore, or filled with zeros",
    seen="one line in the log, the event `history.repaired`",
    heals="by itself at the next start: every whole line is kept",
)
def test_the_next_start_cuts_off_a_torn_end_says_so_and_goes_on(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, torn: bytes
) -> None:
    name = plant(tmp_path, line_of(0) + line_of(1) + torn)
    with writer(tmp_path, next_seq=2) as history:
        history.write(LOAD)
    assert sorted(seqs(tmp_path)) == [0, 1, 2, 3]
    (repaired,) = [line for line in stored(tmp_path) if line["name"] == "history.repaired"]
    assert repaired["data"] == {"segment": name, "bytes": len(torn)}
    assert f"{name} had a torn end, {len(torn)} bytes were cut off" in caplog.text


def test_a_last_line_that_lacks_only_its_end_of_line_stays_stored(tmp_path: Path) -> None:
    plant(tmp_path, line_of(0) + line_of(1)[:-1])
    with writer(tmp_path, next_seq=2) as history:
        history.write(LOAD)
    assert seqs(tmp_path) == [0, 1, 2]


@pytest.mark.parametrize("content", [b"", bytes(4096), line_of(0)[:-2]], ids=["empty", "NULs", "torn"])
def test_a_segment_in_which_nothing_is_whole_is_removed(tmp_path: Path, content: bytes) -> None:
    name = plant(tmp_path, content)
    with writer(tmp_path) as history:
        wait_until(lambda: name not in names(tmp_path))
        history.write(LOAD)
        assert history.sink.status().segments == 1
    found = [line["name"] for line in stored(tmp_path)]
    assert found == ["history.repaired"] * bool(content) + ["system.load.updated"]


def test_segments_that_are_whole_are_not_said_to_be_repaired(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    plant(tmp_path, line_of(0))
    with writer(tmp_path, next_seq=1) as history:
        history.write(LOAD)
    assert [line["name"] for line in stored(tmp_path)] == ["sysvitals.reloaded", "system.load.updated"]
    assert caplog.text == ""


def test_what_a_cut_compression_left_is_cleaned_up(tmp_path: Path) -> None:
    name = plant(tmp_path, line_of(0))
    whole = gzip.compress(line_of(0))
    (tmp_path / f"{name}.gz").write_bytes(whole)
    (tmp_path / f"{name}.gz.part").write_bytes(whole[:20])
    with writer(tmp_path, next_seq=1) as history:
        history.write(LOAD)
        assert f"{name}.gz" in names(tmp_path)
        assert len(names(tmp_path)) == 2
    assert seqs(tmp_path) == [0, 1]


def test_plain_segments_left_behind_are_compressed_by_and_by_and_hold_up_no_event(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for number in range(3):
        plant(tmp_path, line_of(number), NOON - 6000 + number)
    gate = Gate(monkeypatch, history_writer, "compress_segment")
    with writer(tmp_path, replace(EAGER, compress="segments"), next_seq=3) as history:
        history.write(URGENT)
        assert gate.reached.wait(PATIENCE)
        assert not [name for name in names(tmp_path) if name.endswith(".gz")]
        gate.open()
        wait_until(lambda: sum(name.endswith(".gz") for name in names(tmp_path)) == 3)
        history.write(LOAD)
        assert history.sink.status().size == sum(segment.size for segment in list_segments(str(tmp_path)))
    assert seqs(tmp_path) == [0, 1, 2, 3, 4]


def test_one_segment_that_cannot_be_mended_keeps_no_other_from_it(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "2026-09-19" / "11-00-00.jsonl").mkdir(parents=True)
    name = plant(tmp_path, line_of(0) + b"torn")
    with writer(tmp_path, replace(EAGER, keep_bytes=1 << 30), next_seq=1) as history:
        history.write(LOAD)
        assert (tmp_path / name).read_bytes() == line_of(0)
        assert history.sink.status().writable
    assert "2026-09-19/11-00-00.jsonl: ignored: a link or special file" in caplog.text


# ---- a disk that refuses


@pytest.mark.fault(
    "storage",
    "a disk that is full",
    seen="one line in the log; `sysvitals_history_writable` is 0",
    heals="by itself, when there is room again; one line says so",
)
def test_a_full_disk_is_logged_once_and_what_fits_into_memory_is_written_later(
    small_disk: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    folder = small_disk / "history"
    with writer(folder) as history:
        history.write(LOAD)
        retry = Gate(monkeypatch, history.sink._stopping, "wait")
        ballast = small_disk / "ballast"
        fill(ballast)
        for _ in range(40):
            history.bus.publish([long_event(1000)] * 5)
        assert retry.reached.wait(PATIENCE)
        assert all(content.endswith(b"}\n") for name in names(folder) if (content := (folder / name).read_bytes()))
        retry.open()
        wait_until(lambda: history.sink.status().errors > 5)
        assert not history.sink.status().writable
        assert [record.levelname for record in caplog.records] == ["ERROR"]
        assert "no space left on device" in caplog.text
        history.bus.publish([LOAD])
        os.unlink(ballast)
        wait_until(lambda: history.sink.status().writable)
        assert [record.levelname for record in caplog.records] == ["ERROR", "WARNING"]
    assert seqs(folder) == list(range(202))
    assert history.inbox.dropped == 0


def test_a_line_that_fitted_only_half_is_taken_back(small_disk: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = small_disk / "history"
    with writer(folder) as history:
        history.write(LOAD)
        retry = Gate(monkeypatch, history.sink._stopping, "wait")
        history.bus.publish([long_event(400_000)])
        assert retry.reached.wait(PATIENCE)
        assert seqs(folder) == [0]
        assert history.sink.status().size == sum(segment.size for segment in list_segments(str(folder)))
        retry.open()
    assert seqs(folder) == [0]


@pytest.mark.fault(
    "storage",
    "a disk that is full of old segments",
    seen="one line in the log",
    heals="by itself, as soon as the rules let old segments go",
)
def test_old_segments_are_removed_from_a_full_disk_once_retention_allows_it(small_disk: Path) -> None:
    folder = small_disk / "history"
    for number in range(6):
        plant(folder, line_of(number) * 200, NOON - 6000 + number)
    fill(small_disk / "ballast")
    with writer(folder) as history:
        history.bus.publish([long_event(8000)])
        wait_until(lambda: history.sink.status().errors > 2)
        history.sink.rules = replace(EAGER, keep_bytes=80_000)
        wait_until(lambda: history.sink.status().writable)
        history.write(LOAD)
    assert seqs(folder)[-1] == 1


def test_a_start_on_a_full_disk_removes_what_is_too_much_before_it_compresses(small_disk: Path) -> None:
    folder = small_disk / "history"
    noise = random.Random(1)  # noqa: S311  # nothing is secret here
    for number in range(3):
        line = {**json.loads(line_of(number)), "data": {"changed": noise.randbytes(30_000).hex()}}
        plant(folder, json.dumps(line).encode() + b"\n", NOON - 6000 + number)
    fill(small_disk / "ballast")
    with writer(folder, replace(EAGER, compress="segments", keep_bytes=130_000), next_seq=3) as history:
        history.write(LOAD)
        wait_until(lambda: sum(name.endswith(".gz") for name in names(folder)) == 2)
    assert seqs(folder) == [1, 2, 3]


@pytest.mark.fault(
    "storage",
    "a disk that refuses for longer than memory lasts",
    seen="`sysvitals_events_dropped_total` rises, the event `sink.dropped`",
    heals="by itself: the oldest are lost, all others are written",
)
def test_events_beyond_the_inbox_are_lost_oldest_first_and_counted(tmp_path: Path, faults: dict[str, int]) -> None:
    with writer(tmp_path, limit=10) as history:
        faults["write"] = errno.EIO
        history.bus.publish([LOAD])
        wait_until(lambda: history.sink.status().errors > 1)
        for _ in range(25):
            history.bus.publish([LOAD])
        faults.clear()
        wait_until(lambda: history.sink.status().writable)
    assert seqs(tmp_path) == [0, *range(16, 26)]
    assert history.inbox.dropped == 15


@pytest.mark.parametrize("call", ["write", "fdatasync"])
@pytest.mark.fault(
    "storage",
    "a write, or a forced write, that fails",
    seen="one line in the log",
    heals="by itself: what was not confirmed is written into the next segment",
)
def test_what_the_disk_did_not_confirm_is_taken_back_and_written_once(
    tmp_path: Path,
    faults: dict[str, int],
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
    call: str,
) -> None:
    with writer(tmp_path) as history:
        history.write(LOAD, LOAD)
        retry = Gate(monkeypatch, history.sink._stopping, "wait")
        faults[call] = errno.EIO
        history.bus.publish([LOAD, URGENT])
        assert retry.reached.wait(PATIENCE)
        assert seqs(tmp_path) == [0, 1]
        retry.open()
        wait_until(lambda: history.sink.status().errors > 3)
        faults.clear()
        wait_until(lambda: history.sink.status().writable)
        status = history.sink.status()
        assert (status.segments, status.size) == (2, sum(segment.size for segment in list_segments(str(tmp_path))))
    assert seqs(tmp_path) == [0, 1, 2, 3]
    assert [record.levelname for record in caplog.records] == ["ERROR", "WARNING"]


def test_a_disk_lost_twice_is_told_twice(
    tmp_path: Path, faults: dict[str, int], caplog: pytest.LogCaptureFixture
) -> None:
    with writer(tmp_path) as history:
        for _ in range(2):
            faults["write"] = errno.EIO
            history.bus.publish([LOAD])
            wait_until(lambda: not history.sink.status().writable)
            faults.clear()
            wait_until(lambda: history.sink.status().writable)
    assert [record.levelname for record in caplog.records] == ["ERROR", "WARNING"] * 2


@pytest.mark.fault(
    "storage",
    "a disk that fails every write (EIO)",
    seen="one line in the log; `sysvitals_history_write_errors_total` rises",
    heals="by itself: tried again every 10 s",
)
def test_a_disk_that_fails_for_long_leaks_no_descriptor_and_leaves_no_empty_file(
    tmp_path: Path, faults: dict[str, int]
) -> None:
    with writer(tmp_path) as history:
        faults["fsync"] = errno.EIO
        history.bus.publish([LOAD])
        wait_until(lambda: history.sink.status().errors > 2)
        before = len(os.listdir("/proc/self/fd"))
        wait_until(lambda: history.sink.status().errors > 50)
        faults["write"] = errno.EIO
        del faults["fsync"]
        wait_until(lambda: history.sink.status().errors > 100)
        assert len(os.listdir("/proc/self/fd")) <= before + 2
    assert names(tmp_path) == []


@pytest.mark.fault(
    "storage",
    "a stop while the disk refuses",
    seen="one line in the log",
    heals="it ends in time; with a buffer in memory the next start writes what waited",
)
def test_a_stop_while_the_disk_refuses_tries_once_more_and_ends(tmp_path: Path, faults: dict[str, int]) -> None:
    with writer(tmp_path, SLOW) as history:
        faults["write"] = errno.EROFS
        history.bus.publish([URGENT])
        wait_until(lambda: history.sink.status().errors == 1)
        history.bus.publish([LOAD])
        history.sink.stop(PATIENCE)
        assert history.sink.status().errors == 2
    assert names(tmp_path) == []


@pytest.mark.fault(
    "storage",
    "a filesystem that is read-only",
    seen="one line in the log; `sysvitals_history_writable` is 0",
    heals="by itself, when it can be written; one line says so",
)
def test_a_read_only_folder_is_reported_once_and_written_when_it_can_be(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    folder = tmp_path / "disk"
    with mounted(folder, "-t", "tmpfs", "-o", "ro,size=256k", "tmpfs"), writer(folder / "history") as history:
        history.bus.publish([URGENT])
        wait_until(lambda: history.sink.status().errors > 5)
        assert [record.levelname for record in caplog.records] == ["ERROR"]
        assert "read-only file system" in caplog.text
        subprocess.run(["mount", "-o", "remount,rw", str(folder)], check=True)
        wait_until(lambda: history.sink.status().writable)
        assert seqs(folder / "history") == [0]


@pytest.mark.fault(
    "storage",
    "a file in place of the history's folder",
    seen="one line in the log",
    heals="by itself, when the file is removed",
)
def test_a_file_in_place_of_the_folder_is_reported_and_not_touched(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    folder = tmp_path / "history"
    folder.write_bytes(b"mine")
    with writer(folder) as history:
        history.bus.publish([URGENT])
        wait_until(lambda: history.sink.status().errors > 2)
        assert folder.read_bytes() == b"mine"
        folder.unlink()
        wait_until(lambda: history.sink.status().writable)
    assert seqs(folder) == [0]
    assert [record.levelname for record in caplog.records] == ["ERROR", "WARNING"]


@pytest.mark.fault(
    "storage",
    "a folder that cannot be listed",
    seen="one line in the log",
    heals="by itself: events are written meanwhile, old segments go later",
)
def test_a_disk_that_cannot_even_be_listed_does_not_end_the_history(tmp_path: Path, faults: dict[str, int]) -> None:
    faults["scandir"] = errno.EIO
    with writer(tmp_path) as history:
        history.write(LOAD)
        history.hands.pass_by(601)
        history.write(LOAD)
        history.write(LOAD)
    assert seqs(tmp_path) == [0, 1, 2]


def test_a_segment_that_is_removed_before_its_turn_to_be_mended_is_no_error(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    gate = tmp_path / "2026-09-01"
    gate.mkdir()
    for minute in range(5):
        (gate / f"00-{minute:02}-00.jsonl").write_text('{"torn')
    with writer(tmp_path) as history:
        shutil.rmtree(gate)
        for _ in range(6):
            history.write(LOAD)
        assert history.sink.status().errors == 0
    assert "cannot tidy up" not in caplog.text


@pytest.mark.fault(
    "storage", "a history's folder that is removed", seen="one line in the log", heals="by itself: it is made again"
)
def test_a_folder_that_is_removed_while_it_is_written_is_made_again_and_later_events_are_kept(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    folder = tmp_path / "history"
    with writer(folder) as history:
        history.write(LOAD)
        shutil.rmtree(folder)
        history.write(LOAD)
        assert seqs(folder) == [1]
        history.write(LOAD)
        status = history.sink.status()
        assert (status.segments, status.errors, status.writable) == (1, 0, True)
    assert seqs(folder) == [1, 2]
    assert [record.levelname for record in caplog.records] == ["WARNING"]


@pytest.mark.fault(
    "storage",
    "a disk that is slow or hangs",
    seen="`sysvitals_events_waiting` rises",
    heals="by itself: what waited in memory is written",
)
def test_a_disk_that_hangs_holds_up_neither_publishers_nor_the_status_nor_the_stop(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    gate = Gate(monkeypatch, os, "write")
    with writer(tmp_path, limit=100) as history:
        history.bus.publish([URGENT])
        assert gate.reached.wait(PATIENCE)

        def go_on() -> None:
            for _ in range(300):
                history.bus.publish([LOAD])
            history.sink.status()
            history.sink.stop(0.05)
            done.set()

        done = threading.Event()
        threading.Thread(target=go_on, daemon=True).start()
        assert done.wait(PATIENCE)
        assert history.sink.thread.is_alive()
        gate.open()
    assert seqs(tmp_path) == [0, *range(201, 301)]
    assert history.inbox.dropped == 200


# ---- segments


def test_a_segment_ends_when_its_time_is_over(tmp_path: Path) -> None:
    with writer(tmp_path, replace(SLOW, rotate_seconds=600)) as history:
        history.write(LOAD)
        history.hands.pass_by(599)
        history.write(LOAD)
        history.hands.pass_by(1)
        history.write(LOAD)
        wait_until(lambda: history.sink._segment is None)
        history.hands.pass_by(2)
        history.write(LOAD)
    assert names(tmp_path) == ["2026-09-20/12-00-00.jsonl", "2026-09-20/12-10-02.jsonl"]
    assert seqs(tmp_path) == [0, 1, 2, 3]


def test_a_segment_ends_when_nothing_comes_any_more_too(tmp_path: Path) -> None:
    with writer(tmp_path, replace(EAGER, compress="segments")) as history:
        history.write(LOAD)
        history.hands.pass_by(601)
        wait_until(lambda: names(tmp_path) == ["2026-09-20/12-00-00.jsonl.gz"])
        wait_until(lambda: history.sink.status().size == list_segments(str(tmp_path))[0].size)


def test_a_segment_ends_at_its_size(tmp_path: Path) -> None:
    with writer(tmp_path, replace(EAGER, rotate_bytes=5000)) as history:
        for number in range(9):
            history.hands.pass_by(1)
            history.write(long_event(2000))
            if number % 3 == 2:
                wait_until(lambda: history.sink._segment is None)
    assert [3 * 2000 < segment.size < 7000 for segment in list_segments(str(tmp_path))] == [True] * 3
    assert seqs(tmp_path) == list(range(9))


def test_without_limits_a_segment_goes_on(tmp_path: Path) -> None:
    with writer(tmp_path, replace(EAGER, rotate_seconds=0, rotate_bytes=0)) as history:
        for _ in range(5):
            history.write(long_event(20_000))
            for _ in range(24 * 120):  # the writer may look between the two hands: steps too small for a set clock
                history.hands.pass_by(30)
    assert len(names(tmp_path)) == 1


@pytest.mark.parametrize("jump", [61.0, 86400.0 * 365, -61.0, -86400.0])
@pytest.mark.fault(
    "time",
    "a wall clock that is set by minutes or years",
    seen="a new segment",
    heals="by itself: the next segment has the right name",
)
def test_when_the_wall_clock_is_set_the_next_segment_gets_the_right_name(tmp_path: Path, jump: float) -> None:
    with writer(tmp_path) as history:
        history.write(LOAD)
        history.hands.wall += jump
        wait_until(lambda: history.sink._segment is None)
        history.write(LOAD)
    assert {segment.began for segment in list_segments(str(tmp_path))} == {NOON, NOON + jump}
    assert sorted(seqs(tmp_path)) == [0, 1]


def test_when_the_wall_clock_is_slewed_a_segment_goes_on(tmp_path: Path) -> None:
    with writer(tmp_path) as history:
        for step in (20.0, -40.0, 50.0):
            history.write(LOAD)
            history.hands.wall += step
        history.write(LOAD)
    assert len(names(tmp_path)) == 1


def test_a_clock_set_back_to_the_same_second_overwrites_nothing(tmp_path: Path) -> None:
    with writer(tmp_path, replace(EAGER, compress="segments")) as history:
        for _ in range(12):
            history.hands.wall = NOON
            history.write(LOAD)
            history.hands.wall += 1000
            wait_until(lambda: history.sink._segment is None)
    assert len(names(tmp_path)) == 12
    assert seqs(tmp_path) == list(range(12))


def test_closed_segments_are_compressed_and_the_last_stays_plain(tmp_path: Path) -> None:
    with writer(tmp_path, replace(EAGER, compress="segments")) as history:
        history.write(LOAD)
        history.hands.pass_by(600)
        wait_until(lambda: history.sink._segment is None)
        history.write(LOAD)
    assert names(tmp_path) == ["2026-09-20/12-00-00.jsonl.gz", "2026-09-20/12-10-00.jsonl"]
    assert seqs(tmp_path) == [0, 1]


@pytest.mark.fault(
    "storage",
    "a segment that cannot be compressed",
    seen="one line in the log",
    heals="by itself: it stays plain, and is tried again at the next start",
)
def test_a_segment_that_cannot_be_compressed_stays_as_it_is(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def fail(_segment: object) -> NoReturn:
        raise OSError(errno.EIO, "the card is dying")

    monkeypatch.setattr(history_writer, "compress_segment", fail)
    with writer(tmp_path, replace(EAGER, compress="segments")) as history:
        history.write(LOAD)
        history.hands.pass_by(600)
        wait_until(lambda: history.sink.status().errors == 1)
        history.write(LOAD)
        assert history.sink.status().writable
    assert seqs(tmp_path) == [0, 1]
    assert "the card is dying" in caplog.text


def test_new_rules_hold_from_the_next_flush(tmp_path: Path) -> None:
    with writer(tmp_path) as history:
        history.write(LOAD)
        history.sink.rules = replace(EAGER, rotate_bytes=1)
        wait_until(lambda: history.sink._segment is None)


def test_a_link_leads_to_the_segment_written_last_wherever_the_clock_puts_its_name(tmp_path: Path) -> None:
    link = tmp_path / "current"
    with writer(tmp_path, replace(EAGER, compress="segments")) as history:
        history.write(LOAD)
        assert os.readlink(link) == "2026-09-20/12-00-00.jsonl"
        history.hands.wall -= DAY
        wait_until(lambda: names(tmp_path) == ["2026-09-20/12-00-00.jsonl.gz"])
        last = find_last_segment(str(tmp_path))
        assert last is not None
        assert last.name == "2026-09-20/12-00-00.jsonl.gz"
        history.write(LOAD)
    last = find_last_segment(str(tmp_path))
    assert last is not None
    assert last.name == os.readlink(link) == "2026-09-19/12-00-00.jsonl"


@pytest.mark.fault(
    "storage", "a filesystem without links", seen="no `current`", heals="nothing is lost: the newest name counts"
)
def test_without_symbolic_links_the_history_is_still_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def fail(_source: str, _target: str, **_: object) -> NoReturn:
        raise PermissionError(errno.EPERM, "not on this filesystem")

    monkeypatch.setattr(os, "symlink", fail)
    with writer(tmp_path) as history:
        history.write(URGENT)
        assert history.sink.status().errors == 0
    assert seqs(tmp_path) == [0]
    assert caplog.text == ""


# ---- retention


def rotate(history: Any) -> None:
    """Write something and end the segment, after which old segments are removed."""
    history.write(LOAD)
    history.hands.pass_by(601)
    wait_until(lambda: history.sink._segment is None and not history.inbox.waiting)


def left_when_pruned(folder: Path, rules: HistoryRules, hands: Hands) -> list[str]:
    with writer(folder, rules, hands=hands) as history:
        history.hands.wall += 5
        rotate(history)
        mark = history.sink.status().written
        history.write(LOAD)
        assert history.sink.status().written > mark
    return names(folder)[:-2]


@pytest.mark.parametrize("synced", [True, None, False])
def test_old_segments_are_removed_unless_the_clock_is_known_to_be_wrong(tmp_path: Path, synced: bool | None) -> None:
    old = plant(tmp_path, line_of(0), NOON - 31 * DAY)
    young = plant(tmp_path, line_of(1), NOON - 29 * DAY)
    left = left_when_pruned(tmp_path, replace(EAGER, keep_seconds=30 * DAY), Hands(synced=synced))
    assert left == ([old, young] if synced is False else [young])


def test_old_segments_are_removed_at_the_start(tmp_path: Path) -> None:
    plant(tmp_path, line_of(0), NOON - 31 * DAY)
    young = plant(tmp_path, line_of(1), NOON - 29 * DAY)
    with writer(tmp_path, replace(EAGER, keep_seconds=30 * DAY)):
        wait_until(lambda: names(tmp_path) == [young])


@pytest.mark.parametrize("packed", [False, True], ids=["plain", "compressed"])
@pytest.mark.fault(
    "time",
    "a board without a battery-backed clock, which begins in 1970",
    seen="nothing",
    heals="by itself: what it wrote before the clock was set is not taken for old",
)
def test_what_was_recorded_by_a_wrong_clock_is_not_old_once_the_clock_is_right(
    tmp_path: Path,
    packed: bool,
) -> None:
    """A board without a clock of its own begins in 1970: what it saw while it started must outlive the first sync."""
    hands = Hands(wall=100.0, synced=False)
    with writer(
        tmp_path, replace(EAGER, keep_seconds=30 * DAY, compress="segments" if packed else "off"), hands=hands
    ) as history:
        history.write(URGENT)
        hands.wall, hands.synced = NOON, True
        wait_until(lambda: history.sink._segment is None)
        history.write(LOAD)
        rotate(history)
        history.write(LOAD)
    assert seqs(tmp_path) == [0, 1, 2, 3]
    assert names(tmp_path)[0].startswith("1970-01-01/00-01-40.jsonl")


def test_the_oldest_segments_are_removed_beyond_the_size(tmp_path: Path) -> None:
    planted = [plant(tmp_path, line_of(number) * 100, NOON - 6000 + number) for number in range(5)]
    each = (tmp_path / planted[0]).stat().st_size
    left = left_when_pruned(tmp_path, replace(EAGER, keep_bytes=3 * each), Hands())
    assert left == planted[3:], "the third place is taken by what was written since"


def test_by_size_segments_of_a_wrong_clock_are_removed_as_well(tmp_path: Path) -> None:
    _, last = (plant(tmp_path, line_of(number, synced=False) * 100, 100.0 + number) for number in range(2))
    with writer(tmp_path, replace(EAGER, keep_bytes=10), hands=Hands(synced=False)):
        wait_until(lambda: names(tmp_path) == [last])


def test_the_segment_being_written_is_never_removed(tmp_path: Path, faults: dict[str, int]) -> None:
    plant(tmp_path, line_of(0), NOON - DAY)
    rules = replace(EAGER, keep_seconds=1, keep_bytes=1, rotate_seconds=0)
    with writer(tmp_path, rules) as history:
        history.write(LOAD)
        history.hands.pass_by(5000)
        history.write(LOAD)
        history.sink._prune()
        assert seqs(tmp_path) == [0, 1]
        assert history.sink.status().segments == 1
    assert seqs(tmp_path) == [0, 1]


def test_without_limits_nothing_is_removed(tmp_path: Path) -> None:
    old = plant(tmp_path, line_of(0) * 1000, NOON - 10_000 * DAY)
    assert left_when_pruned(tmp_path, EAGER, Hands()) == [old]


def test_a_segment_that_goes_by_another_hand_does_not_keep_others(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    planted = [plant(tmp_path, line_of(number), NOON - 40 * DAY + number) for number in range(3)]
    young = plant(tmp_path, line_of(3), NOON - 20 * DAY)

    def list_late(folder: str, *passed: Any) -> list[Any]:
        found = list_segments(folder, *passed)
        with contextlib.suppress(FileNotFoundError):
            (tmp_path / planted[0]).unlink()
        return found

    monkeypatch.setattr(history_writer, "list_segments", list_late)
    with writer(tmp_path, replace(EAGER, keep_seconds=30 * DAY)) as history:
        wait_until(lambda: names(tmp_path) == [young])
        history.write(LOAD)
        assert history.sink.status().errors == 0
    assert "cannot tidy up" not in caplog.text


@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")
def test_a_writer_whose_thread_died_goes_on_and_counts_the_batch_that_it_died_of(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = encode_events

    def run_out_of_memory(_: object) -> list[str]:
        monkeypatch.setattr(history_writer, "encode_events", real)
        raise MemoryError

    with writer(tmp_path) as history:
        history.write(LOAD)
        monkeypatch.setattr(history_writer, "encode_events", run_out_of_memory)
        history.bus.publish([RELOADED, LOAD])
        history.sink.thread.join(PATIENCE)
        assert not history.sink.thread.is_alive()
        assert not history.sink.status().writable
        with monkeypatch.context() as patch:
            patch.setattr(threading.Thread, "start", run_out_of_memory)
            with pytest.raises(NoThreadError):
                history.sink.restart()
        assert not history.sink.status().writable, "the dead thread shows"
        history.sink.restart()
        assert history.sink.status().writable
        history.write(URGENT)
        assert (history.inbox.dropped, history.inbox.reason) == (2, "the thread that writes it died")
    assert [event and event.seq for event in read_back(tmp_path)] == [0, 3]


def test_a_history_that_has_not_been_started_counts_as_writable(tmp_path: Path) -> None:
    with writer(tmp_path, start=False) as history:
        assert history.sink.status().writable
