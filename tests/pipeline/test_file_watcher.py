"""Looks at files, and the kernel's notices, one by one: when to look is the scheduler's business."""

import os
import resource
import tempfile
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sysvitals.model.collector import Watch
from sysvitals.pipeline.file_watcher import RARELY, FileWatcher, Watched, count_room
from sysvitals.pipeline.kernel_notices import NoticeSocket
from tests.mounting import own_mounts
from tests.patience import PATIENCE

FAR = 60.0


class Eye:
    """A watcher with the things that it watches, which are looked at when the test says so."""

    def __init__(self, room: int | None = None) -> None:
        self.files = FileWatcher(room)
        self.all: list[Watched] = []

    def watch(self, path: Path | str, seconds: float = 1.0, look: Callable[[], object] | None = None) -> Watched:
        watched = Watched(Watch(str(path), seconds, look), self.files.room)
        self.all.append(watched)
        self.look(watched)
        return watched

    def look(self, watched: Watched) -> bool:
        """Whether it has changed."""
        [content] = watched.look()
        self.files.register(watched)
        return self.files.settle(watched, content)

    def noticed(self, seconds: float = 0.0) -> list[Watched | NoticeSocket]:
        return self.files.wait(seconds)

    def close(self) -> None:
        for watched in self.all:
            self.files.drop(watched)
        self.files.close()


@pytest.fixture
def eye() -> Iterator[Eye]:
    eye = Eye()
    yield eye
    eye.close()


def replace(path: Path, text: str) -> None:
    fresh = path.with_name("fresh")
    fresh.write_text(text)
    fresh.rename(path)


# looking


def test_what_is_seen_for_the_first_time_is_a_change_and_then_only_what_differs(eye: Eye, tmp_path: Path) -> None:
    alarm = tmp_path / "alarm"
    alarm.write_text("0\n")
    watched = Watched(Watch(str(alarm)), eye.files.room)
    eye.all.append(watched)
    assert eye.look(watched)
    assert not eye.look(watched)
    alarm.write_text("1\n")
    assert eye.look(watched)
    assert not eye.look(watched)


@pytest.mark.parametrize("exchange", [False, True], ids=["renamed over", "removed and made again"])
def test_a_file_whose_place_another_takes_is_followed(eye: Eye, tmp_path: Path, *, exchange: bool) -> None:
    alarm = tmp_path / "alarm"
    alarm.write_text("0\n")
    watched = eye.watch(alarm)
    for turn, text in enumerate(("1\n", "0\n", "1\n"), 1):
        if exchange:
            alarm.rename(tmp_path / f"old{turn}")  # which keeps its inode from being used again
            alarm.write_text(text)
        else:
            replace(alarm, text)
        assert eye.look(watched)
    replace(alarm, "1\n")
    assert not eye.look(watched)
    alarm.write_text("0\n")
    assert eye.look(watched)


def test_a_file_that_goes_and_comes_has_changed_each_time_and_only_then(eye: Eye, tmp_path: Path) -> None:
    alarm = tmp_path / "hwmon1/alarm"
    watched = eye.watch(alarm)
    assert watched.fails
    assert not eye.look(watched)
    alarm.parent.mkdir()
    alarm.write_text("0\n")
    assert eye.look(watched)
    alarm.unlink()
    assert eye.look(watched)
    assert not eye.look(watched)
    alarm.write_text("0\n")
    assert eye.look(watched)
    os.truncate(alarm, 0)
    assert eye.look(watched)


def test_to_fail_otherwise_is_a_change_too(eye: Eye, tmp_path: Path) -> None:
    alarm = tmp_path / "alarm"
    alarm.symlink_to(alarm)  # even root cannot read it
    watched = eye.watch(alarm)
    alarm.unlink()
    alarm.mkdir()
    assert eye.look(watched)
    assert watched.fails
    alarm.rmdir()
    alarm.write_text("1\n")
    assert eye.look(watched)
    assert not watched.fails


def test_a_missing_permission_is_no_end(eye: Eye, tmp_path: Path) -> None:
    alarm = tmp_path / "alarm"
    alarm.write_text("0\n")
    alarm.chmod(0)
    if os.access(alarm, os.R_OK):
        pytest.skip("nothing is forbidden to root")
    watched = eye.watch(alarm)
    assert watched.fails
    alarm.chmod(0o400)
    assert eye.look(watched)


def test_what_a_function_returns_is_watched_under_any_name(eye: Eye) -> None:
    answers = iter([0, 0, 5, 5])
    watched = eye.watch("the firmware's word", look=lambda: next(answers))
    assert [eye.look(watched) for _ in range(3)] == [False, True, False]


def test_a_function_that_fails_is_called_more_rarely_until_it_works(eye: Eye) -> None:
    errors: list[Exception | None] = [KeyError("x"), KeyError("y"), TimeoutError(110, "silent"), None]

    def look() -> int:
        if (error := errors.pop(0)) is not None:
            raise error
        return 0

    watched = eye.watch("word", seconds=2.0, look=look)
    assert watched.seconds == 2.0 * RARELY
    assert [eye.look(watched) for _ in range(3)] == [False, True, True]
    assert watched.seconds == 2.0


def test_a_file_that_fails_is_looked_at_as_often_as_before(eye: Eye, tmp_path: Path) -> None:
    assert eye.watch(tmp_path / "not there", seconds=2.0).seconds == 2.0


def test_what_is_watched_no_more_is_let_go(eye: Eye, tmp_path: Path) -> None:
    path = tmp_path / "table"
    path.write_text("0\n")
    watched = eye.watch(path)
    assert str(path) in open_files()
    eye.files.drop(watched)
    assert str(path) not in open_files()
    eye.files.drop(watched)


STEPS: dict[str, Callable[[Path], object]] = {
    "writes 0": lambda path: path.write_text("0\n"),
    "writes 1": lambda path: path.write_text("1\n"),
    "replaces by 0": lambda path: replace(path, "0\n"),
    "replaces by 1": lambda path: replace(path, "1\n"),
    "truncates": lambda path: path.write_text(""),
    "removes": lambda path: path.unlink(missing_ok=True),
    "does nothing": lambda _: None,
}


@settings(max_examples=50, deadline=None)
@given(st.lists(st.sampled_from(sorted(STEPS)), max_size=12))
def test_whatever_happens_to_a_file_what_is_seen_is_what_it_says(steps: list[str]) -> None:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "alarm")
        path.write_text("0\n")
        eye = Eye()
        try:
            watched = eye.watch(path)
            before: str | None = "0\n"
            for step in steps:
                STEPS[step](path)
                now = path.read_text() if path.exists() else None
                assert eye.look(watched) == (now != before)
                before = now
        finally:
            eye.close()
        assert str(path) not in open_files()


# the kernel's notice


def test_a_table_of_mounts_is_waited_for(eye: Eye) -> None:
    watched = eye.watch("/proc/self/mountinfo")
    assert watched.registered
    assert not watched.notifies
    assert eye.noticed() == []


def test_a_plain_file_never_gives_notice(eye: Eye, tmp_path: Path) -> None:
    (tmp_path / "alarm").write_text("0\n")
    watched = eye.watch(tmp_path / "alarm")
    (tmp_path / "alarm").write_text("1\n")
    assert eye.noticed() == []
    assert not watched.notifies


def test_the_kernel_gives_notice_of_its_mount_table(eye: Eye, tmp_path: Path) -> None:
    with own_mounts() as mounts:
        mounts.mount(tmp_path / "disk")
        watched = eye.watch(mounts.table)
        for mode in ("ro", "rw", "ro"):
            mounts.remount(tmp_path / "disk", mode)
            assert eye.noticed(FAR) == [watched]
            assert eye.noticed() == [], "once"
            assert eye.look(watched)
        assert eye.noticed() == []
        assert not eye.look(watched)
        assert watched.seconds == RARELY * 1.0, "the notice will come"


def test_a_change_right_after_a_look_makes_a_notice_whenever_it_comes(eye: Eye, tmp_path: Path) -> None:
    with own_mounts() as mounts:
        mounts.mount(tmp_path / "disk")
        watched = eye.watch(mounts.table)
        mounts.remount(tmp_path / "disk", "ro")
        assert eye.noticed(FAR) == [watched]
        [content] = watched.look()
        mounts.remount(tmp_path / "disk", "rw")
        eye.files.register(watched)
        eye.files.settle(watched, content)
        assert eye.noticed(FAR) == [watched]


def test_where_notices_begin_to_be_waited_for_what_was_seen_may_be_old(eye: Eye, tmp_path: Path) -> None:
    (tmp_path / "plain").write_text("0\n")
    for path, notifies in (("/proc/self/mountinfo", True), (tmp_path / "plain", False)):
        watched = Watched(Watch(str(path)), eye.files.room)
        eye.all.append(watched)
        assert not eye.files.register(watched), "it was not read yet"
        list(watched.look())
        assert eye.files.register(watched) == notifies
        assert not eye.files.register(watched)


def test_a_file_that_takes_the_place_of_one_that_notified_is_looked_at_in_its_own_rhythm(
    eye: Eye, tmp_path: Path
) -> None:
    table, plain = tmp_path / "table", tmp_path / "plain"
    plain.write_text("0\n")
    with own_mounts() as mounts:
        table.symlink_to(mounts.table)
        watched = eye.watch(table)
        mounts.mount(tmp_path / "disk")
        assert eye.noticed(FAR) == [watched]
        eye.look(watched)
        assert watched.seconds == RARELY
        table.unlink()
        table.symlink_to(plain)
        assert eye.look(watched)
        assert watched.seconds == 1.0


def test_looking_reads_a_table_of_many_pages_to_its_end(eye: Eye, tmp_path: Path) -> None:
    with own_mounts() as mounts:
        mounts.mount(tmp_path / "first")
        mounts.run(
            f"cd {tmp_path}; i=0; while [ $i -lt 100 ]; do mkdir $i && mount --bind {tmp_path} $i; i=$((i+1)); done"
        )
        mounts.mount(tmp_path / "last")
        assert len(Path(mounts.table).read_bytes()) > 8192
        watched = eye.watch(mounts.table)
        mounts.remount(tmp_path / "last", "ro")
        assert eye.look(watched)


def test_a_process_that_ends_is_a_change_and_makes_no_endless_notices(eye: Eye) -> None:
    with own_mounts() as mounts:
        watched = eye.watch(mounts.table)
    assert eye.look(watched)
    assert eye.noticed() == []
    assert mounts.table not in open_files()


# waking and closing


def test_one_that_waits_is_woken_from_another_thread_and_once_only(eye: Eye) -> None:
    waiting = threading.Event()

    def wake() -> None:
        waiting.wait()
        eye.files.wake()

    waker = threading.Thread(target=wake)
    waker.start()
    waiting.set()
    assert eye.noticed(FAR) == []  # it returns
    waker.join(PATIENCE)
    assert eye.noticed(0.01) == []


def test_any_number_of_wakes_neither_block_nor_raise(eye: Eye) -> None:
    for _ in range(70_000):  # a pipe takes 65536
        eye.files.wake()
    assert eye.noticed(FAR) == []


def test_waking_what_was_closed_writes_into_no_file(tmp_path: Path) -> None:
    files = FileWatcher()
    files.close()
    with (tmp_path / "a").open("w+b") as one, (tmp_path / "b").open("w+b") as two:  # they take the descriptors
        files.wake()
        files.close()
        assert one.read() == b""
        assert two.read() == b""


def open_files() -> set[str]:
    found = set()
    for name in os.listdir("/proc/self/fd"):
        try:
            found.add(os.readlink(f"/proc/self/fd/{name}"))
        except FileNotFoundError:
            continue
    return found


@pytest.mark.fault(
    "resources",
    "more files to watch than a quarter of the limit of open files",
    seen="one line in the log: the others are looked at",
    heals="nothing is lost: without the kernel's notice, a change is found at the next look",
)
def test_files_beyond_the_budget_are_looked_at_and_none_stays_open(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    eye = Eye(room=3)
    paths = [tmp_path / f"carrier{number}" for number in range(20)]
    for path in paths:
        path.write_text("1")
    all_watched = [eye.watch(path) for path in paths]
    assert len(open_files() & {str(path) for path in paths}) == 3
    for path, watched in zip(paths, all_watched, strict=True):
        path.write_text("2")
        assert eye.look(watched)
        assert not eye.look(watched)
    assert len(open_files() & {str(path) for path in paths}) == 3
    assert len([record for record in caplog.records if "too many files" in record.message]) == 1
    eye.files.drop(all_watched[0])
    eye.look(all_watched[-1])  # it has the place that became free
    assert open_files() & {str(path) for path in paths} == {str(path) for path in (*paths[1:3], paths[-1])}
    eye.close()


def test_the_budget_of_files_that_stay_open_is_a_quarter_of_the_limit() -> None:
    limit, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    try:
        for most, room in ((256, 64), (40, 16)):
            resource.setrlimit(resource.RLIMIT_NOFILE, (most, hard))
            assert count_room() == room
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (limit, hard))
