"""The log, while what it writes to is not read."""

import errno
import logging
import os
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path

import pytest

from sysvitals.config.log_thread import ThreadedHandler
from tests.history.writing import wait_until
from tests.patience import PATIENCE
from tests.stuck import full_pipe, stopped_terminal

Place = Callable[[], AbstractContextManager[tuple[int, int]]]


@contextmanager
def log_to(descriptor: int, limit: int = 1000) -> Iterator[tuple[Callable[[str], object], ThreadedHandler]]:
    """A function that logs, and its handler."""
    handler = ThreadedHandler(descriptor, limit=limit)
    try:
        yield lambda text: handler.handle(logging.makeLogRecord({"msg": text})), handler
    finally:
        handler.close()


def lines_until(reading: int, last: str) -> list[str]:
    """What comes out of the pipe, up to this line."""
    with open(reading, encoding="utf-8", closefd=False) as pipe:
        lines = []
        for line in pipe:
            lines.append(line.rstrip("\n").lstrip("."))
            if lines[-1] == last:
                return lines
    raise AssertionError(lines)


def test_closing_writes_what_waits_in_the_order_in_which_it_was_logged() -> None:
    reading, writing = os.pipe()
    with log_to(writing) as (log, handler):
        for number in range(100):
            log(f"{number} ä \udc80")
    handler.thread.join(PATIENCE)  # longer than closing waits: this machine may be busy
    assert not handler.thread.is_alive()
    os.close(writing)
    with open(reading, encoding="utf-8") as pipe:
        assert pipe.read().splitlines() == [f"{number} ä \\udc80" for number in range(100)]
    assert handler.dropped == 0


def test_a_pipe_that_is_not_read_stops_no_logging_and_what_finds_no_room_is_counted_and_said() -> None:
    with full_pipe() as (reading, writing), log_to(writing, limit=10) as (log, handler):
        log("first")
        wait_until(handler._waiting.empty)  # the thread has it, and hangs
        for number in range(100):
            log(str(number))
        assert handler.dropped == 90
        log("last")
        lost = "91 log messages were lost: standard error could not be written to"
        assert lines_until(reading, "last") == ["first", lost, *map(str, range(91, 100)), "last"]
        log("next")
        assert lines_until(reading, "next") == ["next"]


@pytest.mark.fault(
    "resources",
    "a log whose reader is gone",
    seen="a warning with the number of lost messages",
    heals="by itself, with the next reader",
)
def test_messages_without_a_reader_are_lost_and_the_next_reader_learns_how_many(tmp_path: Path) -> None:
    fifo = tmp_path / "fifo"
    os.mkfifo(fifo)
    reading = os.open(fifo, os.O_RDONLY | os.O_NONBLOCK)
    writing = os.open(fifo, os.O_WRONLY)
    os.close(reading)
    with log_to(writing) as (log, handler):
        for _ in range(3):
            log("unread")
        wait_until(lambda: handler.dropped == 3)
        reading = os.open(fifo, os.O_RDONLY)
        log("read")
        lost = "3 log messages were lost: standard error could not be written to"
        assert lines_until(reading, "read") == [lost, "read"]
    os.close(writing)
    os.close(reading)


def test_a_message_that_a_full_disk_tore_is_not_continued(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "log"
    writing = os.open(path, os.O_WRONLY | os.O_CREAT)
    real = os.write
    left = [5]

    def write(descriptor: int, data: bytes) -> int:
        if descriptor != writing:
            return real(descriptor, data)
        if not left[0]:
            raise OSError(errno.ENOSPC, "No space left on device")
        count = real(descriptor, data[: left[0]])
        left[0] -= count
        return count

    with log_to(writing) as (log, handler):
        with monkeypatch.context() as patch:
            patch.setattr(os, "write", write)
            log("the disk is full")
            wait_until(lambda: handler.dropped == 1)
        log("next")
    os.close(writing)
    lost = "1 log messages were lost: standard error could not be written to"
    assert path.read_text().splitlines() == ["the d", lost, "next"]


def test_a_terminal_that_another_program_made_non_blocking_loses_nothing() -> None:
    with full_pipe() as (reading, writing):
        os.set_blocking(writing, False)
        with log_to(writing) as (log, handler):
            log("patient")
            assert lines_until(reading, "patient") == ["patient"]
        assert handler.dropped == 0


@pytest.mark.parametrize("place", [full_pipe, stopped_terminal])
def test_closing_gives_up_where_nothing_is_read_and_later_messages_are_not_kept(place: Place) -> None:
    with place() as (_, writing), log_to(writing) as (log, handler):
        log("never read")
        wait_until(handler._waiting.empty)
        handler.close()
        assert handler.thread.is_alive()
        log("too late")
        assert handler._waiting.qsize() == 1  # the end alone, for the thread to find


@pytest.mark.fault(
    "resources",
    "the thread of the log that dies",
    seen="a line in the log",
    heals="by itself within 15 s",
)
def test_a_thread_that_died_is_replaced_by_one_that_goes_on(monkeypatch: pytest.MonkeyPatch) -> None:
    reading, writing = os.pipe()
    with log_to(writing) as (log, handler):
        with monkeypatch.context() as patch:
            patch.setattr("threading.excepthook", lambda _failure: None)
            patch.setattr(handler._lines, "write", lambda _data: 1 // 0)
            log("deadly")
            handler.thread.join(PATIENCE)
        assert not handler.thread.is_alive()
        handler.start()
        log("next")
        assert lines_until(reading, "next") == ["next"]
    os.close(writing)
    os.close(reading)
