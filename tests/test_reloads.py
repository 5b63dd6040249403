"""Reloads that are asked for while one is under way, and those that fail or never end."""

import threading
from collections.abc import Callable, Iterator
from concurrent.futures import CancelledError, Future

import pytest

from sysvitals.reloads import Problems, Reloads
from tests.patience import PATIENCE


class File:
    """A configuration file that can be read only when it is allowed to; its text is what is wrong with it."""

    def __init__(self) -> None:
        self.text = "first"
        self.error: Exception | None = None
        self.readers = 0
        self.reading = threading.Semaphore(0)
        self.allowed = threading.Semaphore(0)

    def read(self) -> Problems:
        text = self.text
        self.readers += 1
        self.reading.release()
        assert self.allowed.acquire(timeout=PATIENCE)
        if self.error is not None:
            raise self.error
        return (text,)


@pytest.fixture
def file() -> Iterator[File]:
    file = File()
    yield file
    file.allowed.release(10)


def result(asked: Future[Problems]) -> Problems:
    return asked.result(PATIENCE)


def test_those_who_ask_while_one_is_under_way_share_the_next_which_reads_what_is_there_by_then(file: File) -> None:
    reloads = Reloads(file.read)
    early = reloads.ask()
    assert file.reading.acquire(timeout=PATIENCE)
    file.text = "second"
    late = [reloads.ask() for _ in range(100)]
    assert file.readers == 1
    file.allowed.release(2)
    assert result(early) == ("first",)
    assert {result(asked) for asked in late} == {("second",)}
    assert file.readers == 2


def test_one_after_another_each_reads_the_file(file: File) -> None:
    reloads = Reloads(file.read)
    file.allowed.release(2)
    assert result(reloads.ask()) == ("first",)
    file.text = "second"
    assert result(reloads.ask()) == ("second",)


@pytest.mark.fault(
    "process",
    "a reload that fails by a bug",
    seen="a traceback in the log",
    heals="at the next reload",
)
def test_a_reload_that_fails_hinders_no_other(file: File, caplog: pytest.LogCaptureFixture) -> None:
    reloads = Reloads(file.read)
    file.error = ZeroDivisionError("a bug")
    file.allowed.release()
    with pytest.raises(ZeroDivisionError):
        result(reloads.ask())
    assert "could not be read" in caplog.text
    file.error = None
    file.allowed.release()
    assert result(reloads.ask()) == ("first",)


def test_at_the_end_nobody_waits_for_one_that_hangs(file: File) -> None:
    reloads = Reloads(file.read)
    asked = [reloads.ask()]
    assert file.reading.acquire(timeout=PATIENCE)
    asked.append(reloads.ask())
    reloads.end()
    for waiting in asked:
        with pytest.raises(CancelledError):
            result(waiting)


@pytest.mark.fault(
    "resources",
    "no more threads for a reload",
    seen="the reload fails",
    heals="at the next reload, when there is room",
)
def test_where_no_thread_can_be_had_the_next_reload_tries_again(file: File, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(_thread: threading.Thread) -> None:
        raise RuntimeError("can't start new thread")

    start: Callable[[threading.Thread], None] = threading.Thread.start
    reloads = Reloads(file.read)
    monkeypatch.setattr(threading.Thread, "start", fail)
    with pytest.raises(RuntimeError, match="can't start"):
        reloads.ask()
    monkeypatch.setattr(threading.Thread, "start", start)
    file.allowed.release()
    assert result(reloads.ask()) == ("first",)
