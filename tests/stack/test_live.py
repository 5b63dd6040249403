"""The real exporter's streams, as a page, a script and a terminal see them."""

import asyncio
import json
import os
import re
import signal
import subprocess
import sys
from functools import partial
from pathlib import Path
from typing import Any

import httpx
import pytest
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, InvalidStatus

from sysvitals.collectors import COLLECTORS
from tests.patience import PATIENCE
from tests.stack.running import (
    answers,
    free_port,
    join_silently,
    run,
    run_board,
    run_exporter,
    wait_until,
    write_in_place,
)

CLOSED_BY_SERVER = 1001
TRY_LATER = 1013


async def receive(socket_: ClientConnection, key: str) -> Any:
    """What the next message of this kind holds."""
    async with asyncio.timeout(PATIENCE):
        while True:
            message = json.loads(await socket_.recv())
            if key in message:
                return message[key]


def metric(address: str, series: str) -> float:
    text = httpx.get(f"http://{address}/metrics", timeout=PATIENCE).text
    return float(next(line for line in text.splitlines() if line.startswith(series)).split()[-1])


def test_a_viewer_sees_a_brownout_and_the_verdict_though_the_next_round_is_an_hour_away(tmp_path: Path) -> None:
    async def look(address: str, alarm: Path) -> None:
        async with connect(f"ws://{address}/api/v1/live", max_size=None) as viewer:
            first = json.loads(await viewer.recv())
            names = {event["name"] for event in first["snapshot"]["readings"]}
            assert {"system.throttling.updated", "system.load.updated", "system.identity.updated"} <= names
            assert "sysvitals.started" in {event["name"] for event in first["snapshot"]["changes"]}
            assert first["verdict"]["level"] != "critical"
            write_in_place(alarm, "1\n")
            verdict = await receive(viewer, "verdict")
            while verdict["level"] != "critical":
                verdict = await receive(viewer, "verdict")
            assert verdict["reasons"][0]["alert"] == "Undervoltage"
            write_in_place(alarm, "0\n")
            events: list[str] = []
            while "system.throttling.cleared" not in events:
                events = [event["name"] for event in await receive(viewer, "events")]

    rounds = [f"--collector.{collector.name}.interval=1h" for collector in COLLECTORS]
    with run_board(tmp_path, *rounds) as (address, alarm):
        asyncio.run(look(address, alarm))


def test_readings_come_more_often_while_somebody_looks(tmp_path: Path) -> None:
    async def count(address: str) -> None:
        async with connect(f"ws://{address}/api/v1/live", max_size=None) as viewer:
            seen = 0
            while seen < 3:
                events = await receive(viewer, "events")
                seen += any(event["name"] == "system.memory.usage.updated" for event in events)

    with run_exporter(tmp_path, "kept", "--collector.memory.interval=1h") as address:
        asyncio.run(asyncio.wait_for(count(address), PATIENCE))


def read_messages(answer: httpx.Response, wanted: int) -> list[dict[str, str]]:
    found: list[dict[str, str]] = []
    message: dict[str, str] = {}
    for line in answer.iter_lines():
        if line and not line.startswith(":"):
            name, _, value = line.partition(": ")
            message[name] = value
        elif message:
            found.append(message)
            message = {}
            if len(found) == wanted:
                break
    return found


def test_a_script_gets_the_events_that_it_asks_for_and_goes_on_where_it_was(tmp_path: Path) -> None:
    query = {"event": ["system.load.*", "system.memory.usage.updated"]}
    with run_exporter(tmp_path, "kept", "--collector.load.interval=200ms") as address:
        url = f"http://{address}/api/v1/events"
        with httpx.stream("GET", url, params=query, timeout=PATIENCE) as answer:
            assert answer.headers["content-type"].startswith("text/event-stream")
            first = read_messages(answer, 3)
        assert {message["event"] for message in first} <= {"system.load.updated", "system.memory.usage.updated"}
        last = json.loads(first[-1]["data"])
        assert first[-1]["id"] == f"{last['boot']}/{last['seq']}"
        # events that nobody watched have happened meanwhile
        wait_until(lambda: metric(address, 'sysvitals_events_total{event="system.load.updated"}') > 12, "it went on")
        with httpx.stream("GET", url, headers={"last-event-id": first[-1]["id"]}, timeout=PATIENCE) as answer:
            again = read_messages(answer, 6)
        assert [json.loads(message["data"])["seq"] for message in again] == list(
            range(last["seq"] + 1, last["seq"] + 7)
        )
        assert httpx.get(url, headers={"last-event-id": "what"}, timeout=PATIENCE).status_code == 400


def shows(screen: Path, count: int) -> bool:
    return screen.read_text().count("system.load.updated") >= count


def test_a_terminal_shows_events_and_comes_back_after_the_exporter_was_away(tmp_path: Path) -> None:
    flags = ["--collector.load.interval=300ms", "--no-history"]
    port = free_port()
    serve = [sys.executable, "-m", "sysvitals", "serve", f"--web.listen-address=127.0.0.1:{port}", *flags]
    watch = [sys.executable, "-m", "sysvitals", "watch", f"127.0.0.1:{port}", "--event=system.load.updated"]
    with run(watch, tmp_path, "watch") as shown:
        wait_until(lambda: "no connection; trying again" in shown.read_text(), "it says that nobody is there")
        for count in (3, 6):
            with run(serve, tmp_path, "serve"):
                wait_until(partial(shows, shown, count), "it shows events")
    lines = [line for line in shown.read_text().splitlines() if not line.startswith("sysvitals: ")]
    assert all(re.match(r"\d\d:\d\d:\d\d  system\.load\.updated +load1=", line) for line in lines)


def test_no_more_viewers_are_accepted_than_set(tmp_path: Path) -> None:
    async def crowd(address: str) -> None:
        async with connect(f"ws://{address}/api/v1/live") as first:
            await first.recv()
            async with connect(f"ws://{address}/api/v1/live") as second:
                with pytest.raises(ConnectionClosed) as refused:
                    await second.recv()
            assert refused.value.rcvd is not None
            assert (refused.value.rcvd.code, refused.value.rcvd.reason[:8]) == (TRY_LATER, "1 viewer")
            answer = await asyncio.to_thread(httpx.get, f"http://{address}/api/v1/events", timeout=PATIENCE)
            assert (answer.status_code, answer.headers["retry-after"]) == (503, "30")
        async with connect(f"ws://{address}/api/v1/live") as third:
            await third.recv()

    with run_exporter(tmp_path, "kept", "--web.max-viewers=1") as address:
        asyncio.run(asyncio.wait_for(crowd(address), PATIENCE))


def test_a_page_of_another_site_is_refused_and_one_behind_a_proxy_is_not(tmp_path: Path) -> None:
    async def visit(address: str) -> None:
        with pytest.raises(InvalidStatus) as refused:
            async with connect(f"ws://{address}/api/v1/live", origin="http://evil.example"):  # type: ignore[arg-type]
                pass
        assert refused.value.response.status_code == 403
        headers = {"x-forwarded-host": "home.example"}
        async with connect(
            f"ws://{address}/api/v1/live",
            origin="https://home.example",  # type: ignore[arg-type]
            additional_headers=headers,
        ) as viewer:
            assert "snapshot" in json.loads(await viewer.recv())

    with run_exporter(tmp_path, "kept") as address:
        asyncio.run(asyncio.wait_for(visit(address), PATIENCE))


def test_stuck_viewers_lose_their_oldest_events_and_nobody_else_notices(tmp_path: Path) -> None:
    storm = [f"--collector.{name}.interval=50ms" for name in ("load", "cpu", "network", "memory", "disk")]
    with run_exporter(tmp_path, "kept", "--no-history", *storm) as address:
        stuck = [join_silently(address) for _ in range(10)]
        try:
            wait_until(lambda: metric(address, 'sysvitals_events_dropped_total{sink="live"}') > 100, "they lose")
            waiting = metric(address, 'sysvitals_events_waiting{sink="live"}')
            assert waiting <= 11 * 1024

            async def look() -> None:
                async with connect(f"ws://{address}/api/v1/live", max_size=None) as viewer:
                    assert "snapshot" in json.loads(await viewer.recv())
                    await receive(viewer, "events")

            asyncio.run(look())
        finally:
            for viewer in stuck:
                viewer.close()


def test_a_signal_ends_it_with_viewers_of_all_kinds_though_one_never_reads(tmp_path: Path) -> None:
    port = free_port()
    address = f"127.0.0.1:{port}"
    serve = [sys.executable, "-m", "sysvitals", "serve", f"--web.listen-address={address}", "--no-history"]
    with (tmp_path / "log").open("wb") as log:
        process = subprocess.Popen(serve, cwd=tmp_path, stdout=log, stderr=log)
    try:
        wait_until(lambda: answers(f"http://{address}/-/ready"), "it is ready")
        stuck = join_silently(address)

        async def watch() -> int | None:
            async with connect(f"ws://{address}/api/v1/live", max_size=None) as viewer:
                await viewer.recv()
                os.kill(process.pid, signal.SIGTERM)
                try:
                    while True:
                        await viewer.recv()
                except ConnectionClosed as end:
                    return end.rcvd.code if end.rcvd else None

        with httpx.stream("GET", f"http://{address}/api/v1/events", timeout=PATIENCE) as script:
            assert asyncio.run(watch()) == CLOSED_BY_SERVER
            assert b"".join(script.iter_bytes()).startswith(b": sysvitals")
        # not 1, as where it hangs until its own limit ends it
        assert process.wait(PATIENCE) == 0
        stuck.close()
    finally:
        process.kill()
        process.wait()
