"""`api/v1/timeline`: what may be asked, who shares an answer, and its forms."""

import asyncio
import csv
import io
import json
import threading
from collections.abc import Mapping
from dataclasses import replace
from typing import Any
from urllib.parse import quote

import pytest

from sysvitals.host.side_process import Withdrawal
from sysvitals.web.http.messages import BusyError
from sysvitals.web.routes import Services, build_web_app
from sysvitals.web.timeline import (
    DEFAULT_POINTS,
    FRESH_SECONDS,
    QUESTIONS,
    QUESTIONS_OF_A_CLIENT,
    Timelines,
    Window,
    choose_window,
    parse_query,
    write_csv,
)
from tests.patience import PATIENCE
from tests.web.asking import Client
from tests.web.raw import run, wait_for
from tests.web.test_routes import Exporter

BEGIN = 1_767_225_600.0
"""2026-01-01T00:00:00Z."""
TIMELINE: dict[str, Any] = {
    "from": BEGIN,
    "to": BEGIN + 180,
    "at": [BEGIN, BEGIN + 60, BEGIN + 120],
    "gaps": [[BEGIN, BEGIN + 60]],
    "lanes": [
        {"id": "verdict", "spans": [[BEGIN, BEGIN + 180, "good"]]},
        {"id": "undervoltage", "spans": [[BEGIN + 70, BEGIN + 75.1], [BEGIN + 119, BEGIN + 121]], "seconds": 7.1},
    ],
    "curves": [
        {"id": "temp", "unit": "celsius", "min": [None, 1, 2], "mean": [None, 2, 3], "max": [None, 3, 4]},
        {"id": "load", "unit": "", "min": [None, 0, 0], "mean": [None, 0.5, 0], "max": [None, 1, 0]},
        {
            "id": "net",
            "unit": "bytes per second",
            "mirror": True,
            "ways": ["in", "out"],
            "min": [None, 0, 0],
            "mean": [None, 10, 20],
            "max": [None, 0, 0],
            "down": [None, 30, 40],
        },
    ],
}


def services(answer: bytes = b"{}") -> Services:
    return replace(Exporter().services(), timeline=lambda _window, _withdrawal: answer)


def client(answer: bytes = b"{}") -> Client:
    return Client(build_web_app(services(answer)))


def test_the_answer_is_json_that_nothing_keeps() -> None:
    answer = client(b'{"from":1}').get("/api/v1/timeline")
    assert (answer.status_code, answer.json()) == (200, {"from": 1})
    assert answer.headers["content-type"] == "application/json"
    assert answer.headers["cache-control"] == "no-store"
    assert "content-disposition" not in answer.headers


def test_pages_of_other_sites_get_nothing() -> None:
    answer = client().get("/api/v1/timeline", headers={"origin": "http://elsewhere.example"})
    assert answer.status_code == 403


@pytest.mark.parametrize(
    ("query", "window"),
    [
        ({}, Window(DEFAULT_POINTS, seconds=86400.0)),
        ({"range": ["30d"]}, Window(DEFAULT_POINTS, seconds=30 * 86400.0)),
        ({"range": ["90m"], "points": ["60"]}, Window(60, seconds=5400.0)),
        ({"from": ["10"], "to": ["100.5"]}, Window(DEFAULT_POINTS, begin=10.0, end=100.5)),
    ],
)
def test_a_query_asks_for_a_range_up_to_now_or_for_a_time(query: Mapping[str, list[str]], window: Window) -> None:
    assert parse_query(query) == (window, "")


def test_a_range_ends_now() -> None:
    assert Window(seconds=3600.0).span(10_000.0) == (6400.0, 10_000.0)
    assert Window(begin=10.0, end=20.0).span(10_000.0) == (10.0, 20.0)


@pytest.mark.parametrize(
    "query",
    [
        "range=0h", "range=1x", "range=-1h", "range=1h2", "range=999999w", "range=%D9%A1h", "range=1h&range=2h",
        "from=1", "to=1", "from=1&to=1", "from=2&to=1", "from=nan&to=5", "from=1&to=inf", "from=-1&to=5",
        "from=1&to=1e300", "from=1767225600000&to=1767225601000", "from=0&to=99999999", "from=x&to=y",
        "from=1_0&to=20", "from=%2010&to=20", "from=%D9%A1&to=20", "from=1&to=20%20", "from=1e&to=20", "from=+1&to=20",
        "from=1&to=100&range=1h", "points=0", "points=361", "points=1.5", "points=x", "points=%D9%A1",
        "points=10000000", "format=xml", "format=CSV", "from=" + "1" * 5000 + "&to=2", "range=" + quote("\x1b[2J"),
    ],
)  # fmt: skip
def test_a_question_that_is_not_valid_is_400_in_one_clear_line(query: str) -> None:
    answer = client().get(f"/api/v1/timeline?{query}")
    assert (answer.status_code, len(answer.text.splitlines())) == (400, 1)
    assert answer.text.isascii()
    assert answer.text[:-1].isprintable()
    assert len(answer.text) < 200


def test_a_page_may_ask_for_a_moment() -> None:
    assert choose_window("", 10.0, 24.0).span(99.0) == (10.0, 24.0)
    assert choose_window("7d", None, None).seconds == 7 * 86400.0


def test_csv_has_a_row_for_each_bucket_and_nothing_where_nothing_is_known() -> None:
    answer = client(json.dumps(TIMELINE).encode()).get("/api/v1/timeline?format=csv")
    assert answer.headers["content-type"] == "text/csv; charset=utf-8"
    assert answer.headers["content-disposition"] == (
        'attachment; filename="sysvitals-2026-01-01T0000-2026-01-01T0003.csv"'
    )
    rows = list(csv.DictReader(io.StringIO(answer.text, newline="")))
    assert [row["time"] for row in rows] == [f"2026-01-01T00:0{minute}:00.000Z" for minute in range(3)]
    assert set(rows[0].values()) == {"2026-01-01T00:00:00.000Z", ""}
    assert rows[1] == {
        "time": "2026-01-01T00:01:00.000Z",
        "temp_celsius_min": "1",
        "temp_celsius_mean": "2",
        "temp_celsius_max": "3",
        "load_min": "0",
        "load_mean": "0.5",
        "load_max": "1",
        "net_in_bytes_per_second": "10",
        "net_out_bytes_per_second": "30",
        "undervoltage_seconds": "6.1",
    }


def test_csv_ends_its_lines_as_the_format_has_it() -> None:
    assert write_csv(TIMELINE).count("\r\n") == 4


def test_json_may_be_downloaded() -> None:
    answer = client(json.dumps(TIMELINE).encode()).get("/api/v1/timeline?format=json")
    assert answer.headers["content-disposition"].endswith('.json"')
    assert answer.json() == TIMELINE


class Slow:
    """Answers when it may, and counts."""

    def __init__(self) -> None:
        self.asked: list[Window] = []
        self.withdrawn = threading.Event()
        self.go_on = threading.Event()

    def __call__(self, window: Window, withdrawal: Withdrawal) -> bytes:
        self.asked.append(window)
        if withdrawal.allows(self._end):
            assert self.go_on.wait(PATIENCE)
        return b"{}"

    def _end(self) -> None:
        self.withdrawn.set()
        self.go_on.set()


def test_equal_questions_share_an_answer() -> None:
    read = Slow()

    async def ask() -> list[bytes]:
        timelines = Timelines(read)
        asked = [asyncio.create_task(timelines.ask(str(i), Window())) for i in range(100)]
        await wait_for(lambda: bool(read.asked))
        read.go_on.set()
        return await asyncio.gather(*asked)

    assert run(ask()) == [b"{}"] * 100
    assert len(read.asked) == 1


def test_an_answer_is_good_for_some_seconds_and_then_read_again() -> None:
    read, now = Slow(), [0.0]
    read.go_on.set()

    async def ask() -> None:
        timelines = Timelines(read, clock=lambda: now[0])
        for now[0] in (0.0, FRESH_SECONDS - 1, FRESH_SECONDS + 1):
            await timelines.ask("a", Window())

    run(ask())
    assert len(read.asked) == 2


def test_an_answer_that_failed_is_shared_and_not_kept() -> None:
    calls = []

    def fail(window: Window, _withdrawal: Withdrawal) -> bytes:
        calls.append(window)
        raise OSError(5, "no")

    async def ask() -> None:
        timelines = Timelines(fail)
        for _ in range(2):
            with pytest.raises(OSError, match="no"):
                await timelines.ask("a", Window())

    run(ask())
    assert len(calls) == 2


@pytest.mark.fault(
    "network",
    "clients ask for very many different parts of the history",
    seen="8 of them wait, 4 from one address; for all others it is 503, and the scrape is not late",
    heals="by itself",
)
def test_of_many_different_questions_few_wait_and_all_others_are_refused() -> None:
    read = Slow()

    async def ask() -> tuple[int, int]:
        timelines = Timelines(read)
        one = [asyncio.create_task(timelines.ask("a", Window(points=i + 1))) for i in range(20)]
        await wait_for(lambda: sum(task.done() for task in one) >= 20 - QUESTIONS_OF_A_CLIENT)
        others = [asyncio.create_task(timelines.ask(str(i), Window(points=i + 100))) for i in range(20)]
        most = QUESTIONS - QUESTIONS_OF_A_CLIENT
        await wait_for(lambda: sum(task.done() for task in others) >= 20 - most)
        read.go_on.set()
        found = await asyncio.gather(*one, *others, return_exceptions=True)
        assert all(isinstance(each, bytes | BusyError) for each in found)
        return sum(isinstance(each, bytes) for each in found[:20]), sum(isinstance(each, bytes) for each in found[20:])

    assert run(ask()) == (QUESTIONS_OF_A_CLIENT, QUESTIONS - QUESTIONS_OF_A_CLIENT)


def test_a_question_is_withdrawn_when_the_last_who_asked_has_gone() -> None:
    read = Slow()

    async def ask() -> None:
        timelines = Timelines(read)
        first, second = (asyncio.create_task(timelines.ask("a", Window())) for _ in range(2))
        await wait_for(lambda: bool(read.asked))
        first.cancel()
        await asyncio.wait([first])
        assert not read.withdrawn.is_set()
        second.cancel()
        await asyncio.wait([second])
        assert read.withdrawn.is_set()
        assert await timelines.ask("a", Window()) == b"{}"

    run(ask())
    assert len(read.asked) == 2
