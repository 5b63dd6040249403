"""Threads for what waits or computes."""

import asyncio
from functools import partial
from threading import Event, Thread

import pytest

from sysvitals.web.http import pool as pools
from sysvitals.web.http.messages import BusyError
from sysvitals.web.http.pool import Pool, in_thread
from tests.web.raw import run


def test_too_much_at_a_time_is_refused_and_there_is_room_again_afterwards() -> None:
    async def crowd() -> None:
        pool = Pool("test", threads=1, most=3, most_of_client=2)
        go_on = Event()
        work = [asyncio.create_task(pool.run(client, go_on.wait)) for client in ("a", "a", "b")]
        await asyncio.sleep(0)
        for client in ("a", "c"):
            with pytest.raises(BusyError):
                await pool.run(client, go_on.wait)
        go_on.set()
        assert await asyncio.gather(*work) == [True] * 3
        assert await pool.run("a", lambda: "done") == "done"

    run(crowd())


def test_one_client_leaves_room_for_another() -> None:
    async def crowd() -> None:
        pool = Pool("test", threads=2, most=2, most_of_client=1)
        go_on = Event()
        first = asyncio.create_task(pool.run("a", go_on.wait))
        await asyncio.sleep(0)
        with pytest.raises(BusyError):
            await pool.run("a", go_on.wait)
        assert await pool.run("b", lambda: "done") == "done"
        go_on.set()
        assert await first

    run(crowd())


def test_what_nothing_waits_for_any_more_still_counts_while_its_thread_runs() -> None:
    async def leave() -> None:
        pool = Pool("test", threads=1, most=1, most_of_client=1)
        begun, go_on = Event(), Event()

        def work() -> None:
            begun.set()
            go_on.wait()

        task = asyncio.create_task(pool.run("a", work))
        await asyncio.to_thread(begun.wait)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        with pytest.raises(BusyError):
            await pool.run("a", partial(int))
        go_on.set()
        while True:
            try:
                assert await pool.run("a", partial(int)) == 0
                break
            except BusyError:
                await asyncio.sleep(0.01)

    run(leave())


def test_what_the_work_raises_is_raised() -> None:
    pool = Pool("test", threads=1, most=1, most_of_client=1)
    for _ in range(3):
        with pytest.raises(ZeroDivisionError):
            run(pool.run("a", lambda: 1 / 0))


@pytest.mark.fault(
    "resources",
    "no room for the thread that answers a scrape",
    seen="503 with Retry-After; one line a minute in the log",
    heals="by itself, when there is room",
)
def test_without_room_for_a_thread_a_request_is_refused_and_the_next_is_answered(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def refuse(_: Thread) -> None:
        raise RuntimeError("can't start new thread")

    async def starve() -> None:
        pool = Pool("scrape", threads=1, most=1, most_of_client=1)
        with monkeypatch.context() as limits:
            limits.setattr(Thread, "start", refuse)
            for _ in range(3):
                with pytest.raises(BusyError):
                    await pool.run("a", lambda: "answer")
        assert await pool.run("a", lambda: "answer") == "answer"

    run(starve())
    assert len(caplog.records) == 1
    assert caplog.records[0].exc_info is None


@pytest.mark.fault(
    "resources",
    "no room for the thread that reads the history at the start, or that looks after the exporter",
    seen="one line a minute in the log; a grey verdict until the history is read",
    heals="by itself, when there is room",
)
def test_what_must_go_on_waits_for_a_thread_and_is_then_done_once(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    done: list[str] = []
    tries: list[Thread] = []
    start = Thread.start

    def refuse_twice(thread: Thread) -> None:
        tries.append(thread)
        if len(tries) < 3:
            raise RuntimeError("can't start new thread")
        start(thread)

    monkeypatch.setattr(pools, "NO_THREAD_SECONDS", 0.0)
    monkeypatch.setattr(Thread, "start", refuse_twice)
    run(in_thread(partial(done.append, "done")))
    run(in_thread(partial(done.append, "again")))
    assert done == ["done", "again"]
    assert len(caplog.records) == 1
