import os
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sysvitals.model.collector import Watch
from sysvitals.pipeline.file_watcher import PATIENCE, Notice, Notices
from tests.mounting import own_mounts

START = 1000.0
FAR = 60.0


@pytest.fixture
def notices() -> Iterator[Notices]:
    notices = Notices()
    yield notices
    notices.close()


def seen(path: Path | str) -> list[Notice]:
    return [Notice(str(path), notified=False)]


def told(path: Path | str) -> list[Notice]:
    return [Notice(str(path), notified=True)]


def replace(path: Path, text: str) -> None:
    fresh = path.with_name("fresh")
    fresh.write_text(text)
    fresh.rename(path)


def wait(notices: Notices) -> list[Notice]:
    """What the kernel gives notice of; time to look never comes."""
    return notices.wait(START, FAR)


# looking


def test_what_is_new_is_told_once(notices: Notices, tmp_path: Path) -> None:
    (tmp_path / "a").write_text("0\n")
    (tmp_path / "b").write_text("0\n")
    first, second = Watch(str(tmp_path / "a")), Watch(str(tmp_path / "b"))
    assert notices.watch([first], START) == seen(first.name)
    assert notices.watch([first, second], START) == seen(second.name)
    assert notices.watch([first, second], START) == []


def test_a_file_that_never_notifies_is_found_to_change_when_its_time_to_look_has_come(
    notices: Notices, tmp_path: Path
) -> None:
    alarm = tmp_path / "alarm"
    alarm.write_text("0\n")
    notices.watch([Watch(str(alarm), seconds=2.0)], START)
    alarm.write_text("1\n")
    assert notices.look(START + 1.9) == []
    assert notices.look(START + 2.0) == seen(alarm)
    assert notices.look(START + 4.0) == []


def test_waiting_ends_when_it_is_time_to_look(notices: Notices, tmp_path: Path) -> None:
    (tmp_path / "alarm").write_text("0\n")
    notices.watch([Watch(str(tmp_path / "alarm"), seconds=0.05)], START)
    began = time.monotonic()
    assert wait(notices) == []
    assert time.monotonic() - began < FAR / 10


def test_files_with_the_same_rhythm_are_looked_at_together_whenever_they_came(notices: Notices, tmp_path: Path) -> None:
    watches = []
    for number in range(3):
        path = tmp_path / f"{number}"
        path.write_text("0\n")
        watches.append(Watch(str(path)))
        notices.watch(watches, START + number * 0.3)
        path.write_text("1\n")
    assert [notice.name for notice in notices.look(START + 1.0)] == [watch.name for watch in watches]


@pytest.mark.parametrize("exchange", [False, True], ids=["renamed over", "removed and made anew"])
def test_a_file_whose_place_another_takes_is_followed(notices: Notices, tmp_path: Path, *, exchange: bool) -> None:
    alarm = tmp_path / "alarm"
    alarm.write_text("0\n")
    notices.watch([Watch(str(alarm))], START)
    for turn, text in enumerate(("1\n", "0\n", "1\n"), 1):
        if exchange:
            alarm.rename(tmp_path / f"old{turn}")  # which keeps its inode from being used again
            alarm.write_text(text)
        else:
            replace(alarm, text)
        assert notices.look(START + turn) == seen(alarm)
    replace(alarm, "1\n")
    assert notices.look(START + 4) == []
    alarm.write_text("0\n")
    assert notices.look(START + 5) == seen(alarm)


def test_a_file_that_goes_and_comes_is_told_each_time_and_only_then(notices: Notices, tmp_path: Path) -> None:
    alarm = tmp_path / "alarm"
    alarm.write_text("0\n")
    notices.watch([Watch(str(alarm))], START)
    alarm.unlink()
    assert notices.look(START + 1) == seen(alarm)
    assert notices.look(START + 2) == []
    alarm.write_text("0\n")
    assert notices.look(START + 3) == seen(alarm)
    os.truncate(alarm, 0)
    assert notices.look(START + 4) == seen(alarm)


def test_a_file_that_is_not_there_yet_is_told_when_it_comes(notices: Notices, tmp_path: Path) -> None:
    alarm = tmp_path / "hwmon1/alarm"
    assert notices.watch([Watch(str(alarm))], START) == []
    assert notices.look(START + 1) == []
    alarm.parent.mkdir()
    alarm.write_text("0\n")
    assert notices.look(START + 2) == seen(alarm)


def test_a_file_that_cannot_be_read_is_told_when_it_can(notices: Notices, tmp_path: Path) -> None:
    alarm = tmp_path / "alarm"
    alarm.symlink_to(alarm)  # even root cannot read it
    assert notices.watch([Watch(str(alarm))], START) == []
    alarm.unlink()
    alarm.mkdir()
    assert notices.look(START + 1) == seen(alarm)  # fails otherwise: the collector may have another thing to say
    alarm.rmdir()
    alarm.write_text("1\n")
    assert notices.look(START + 2) == seen(alarm)


def test_a_missing_permission_is_no_end(notices: Notices, tmp_path: Path) -> None:
    alarm = tmp_path / "alarm"
    alarm.write_text("0\n")
    alarm.chmod(0)
    if os.access(alarm, os.R_OK):
        pytest.skip("nothing is forbidden to root")
    assert notices.watch([Watch(str(alarm))], START) == []
    alarm.chmod(0o400)
    assert notices.look(START + 1) == seen(alarm)


def test_what_a_function_returns_is_watched_under_any_name(notices: Notices) -> None:
    answers = iter([0, 0, 5, 5])
    word = Watch("the firmware's word", look=lambda: next(answers))
    assert notices.watch([word], START) == seen(word.name)
    assert [notices.look(START + turn) for turn in (1, 2, 3)] == [[], seen(word.name), []]


def test_a_function_that_fails_is_called_more_rarely_and_blinds_nobody(notices: Notices, tmp_path: Path) -> None:
    alarm = tmp_path / "alarm"
    alarm.write_text("0\n")
    calls: list[float] = []
    now = START
    errors: dict[float, Exception] = {START + 1: KeyError("x"), START + 1 + PATIENCE: TimeoutError(110, "silent")}

    def look() -> int:
        calls.append(now)
        if now in errors:
            raise errors[now]
        return 0

    word = Watch("word", look=look)
    notices.watch([word, Watch(str(alarm))], START)
    found = []
    for second in range(1, 2 * PATIENCE + 3):
        now = START + second
        alarm.write_text(f"{second}\n")
        came = [notice.name for notice in notices.look(now)]
        assert str(alarm) in came
        found += [now for name in came if name == "word"]
    assert calls == [START + second for second in (0, 1, 10, 11, 20, 21, 22)]
    assert found == [START + 1, START + 10, START + 11, START + 20]


def test_of_two_that_watch_the_same_the_more_eager_one_is_heeded(notices: Notices, tmp_path: Path) -> None:
    path = tmp_path / "table"
    path.write_text("0\n")
    watches = [Watch(str(path), seconds=1.0), Watch(str(path), seconds=10.0)]
    assert notices.watch(watches, START) == seen(path)
    path.write_text("1\n")
    assert notices.look(START + 1) == seen(path)


def test_what_is_watched_no_more_is_let_go(notices: Notices, tmp_path: Path) -> None:
    path = tmp_path / "table"
    path.write_text("0\n")
    notices.watch([Watch(str(path))], START)
    assert str(path) in open_files()
    notices.watch([], START)
    assert str(path) not in open_files()
    path.write_text("1\n")
    assert notices.look(START + FAR) == []


def test_a_new_rhythm_and_a_new_function_take_effect(notices: Notices) -> None:
    notices.watch([Watch("word", seconds=5.0, look=lambda: 1)], START)
    notices.watch([Watch("word", seconds=1.0, look=lambda: 2)], START)
    assert notices.look(START + 5) == seen("word")
    assert notices.look(START + 6) == []
    notices.watch([Watch("word", seconds=1.0, look=lambda: 3)], START + 6)
    assert notices.look(START + 7) == seen("word")


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
def test_whatever_happens_to_a_file_a_change_of_what_it_says_is_told_once(steps: list[str]) -> None:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "alarm")
        path.write_text("0\n")
        notices = Notices()
        try:
            notices.watch([Watch(str(path))], START)
            before: str | None = "0\n"
            for second, step in enumerate(steps, 1):
                STEPS[step](path)
                now = path.read_text() if path.exists() else None
                assert notices.look(START + second) == (seen(path) if now != before else [])
                before = now
        finally:
            notices.close()
        assert str(path) not in open_files()


# the kernel's notice


def test_the_kernel_gives_notice_of_its_mount_table_at_once(notices: Notices, tmp_path: Path) -> None:
    with own_mounts() as mounts:
        mounts.mount(tmp_path / "disk")
        watch = Watch(mounts.table, seconds=FAR)
        assert notices.watch([watch], START) == seen(mounts.table)
        began = time.monotonic()
        for mode in ("ro", "rw", "ro"):
            mounts.remount(tmp_path / "disk", mode)
            assert wait(notices) == told(mounts.table)
        assert time.monotonic() - began < FAR / 4
        assert notices.wait(START, 0) == []
        assert notices.look(START + 100 * FAR) == []  # what the notice showed is known


def test_a_file_on_which_the_kernel_gave_notice_is_looked_at_more_rarely(notices: Notices, tmp_path: Path) -> None:
    with own_mounts() as mounts:
        notices.watch([Watch(mounts.table, seconds=1.0)], START)
        mounts.mount(tmp_path / "disk")
        assert notices.wait(START, 1.0) == told(mounts.table)
        notices.look(START + 1)
        mounts.remount(tmp_path / "disk", "ro")
        assert notices.look(START + 2) == []
        assert notices.look(START + PATIENCE) == seen(mounts.table)


def test_a_file_that_takes_the_place_of_one_that_notified_is_looked_at_in_its_own_rhythm(
    notices: Notices, tmp_path: Path
) -> None:
    table, plain = tmp_path / "table", tmp_path / "plain"
    plain.write_text("0\n")
    with own_mounts() as mounts:
        table.symlink_to(mounts.table)
        notices.watch([Watch(str(table), seconds=1.0)], START)
        mounts.mount(tmp_path / "disk")
        assert notices.wait(START, 1.0) == told(table)
        table.unlink()
        table.symlink_to(plain)
        assert notices.look(START + 1) == seen(table)
        plain.write_text("1\n")
        assert notices.look(START + 2) == seen(table)


def test_looking_reads_a_table_of_many_pages_to_its_end(notices: Notices, tmp_path: Path) -> None:
    with own_mounts() as mounts:
        mounts.mount(tmp_path / "first")
        mounts.run(
            f"cd {tmp_path}; i=0; while [ $i -lt 100 ]; do mkdir $i && mount --bind {tmp_path} $i; i=$((i+1)); done"
        )
        mounts.mount(tmp_path / "last")
        assert len(Path(mounts.table).read_bytes()) > 8192
        notices.watch([Watch(mounts.table, seconds=1.0)], START)
        mounts.remount(tmp_path / "last", "ro")
        assert notices.look(START + 1) == seen(mounts.table)


def test_a_process_that_ends_is_told_once_and_costs_no_endless_loop(notices: Notices) -> None:
    with own_mounts() as mounts:
        table = mounts.table
        notices.watch([Watch(table, seconds=FAR)], START)
    assert notices.look(START + FAR) == seen(table)
    assert notices.wait(START + FAR, 0) == []
    assert table not in open_files()


# waking and closing


def test_who_waits_is_woken_from_another_thread(notices: Notices) -> None:
    waker = threading.Timer(0.05, notices.wake)
    waker.start()
    began = time.monotonic()
    assert wait(notices) == []
    waker.join()
    assert time.monotonic() - began < FAR / 4
    began = time.monotonic()
    assert notices.wait(START, 0.05) == []
    assert time.monotonic() - began >= 0.05, "an old call wakes once only"


def test_any_number_of_calls_neither_block_nor_raise(notices: Notices) -> None:
    for _ in range(70_000):  # a pipe takes 65536
        notices.wake()
    assert wait(notices) == []


def test_waking_what_was_closed_writes_into_nobodys_file(tmp_path: Path) -> None:
    notices = Notices()
    notices.close()
    with (tmp_path / "a").open("w+b") as one, (tmp_path / "b").open("w+b") as two:  # they take the descriptors
        notices.wake()
        notices.close()
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
