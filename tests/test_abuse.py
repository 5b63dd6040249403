"""The attacks of the benchmark reach loopback only and end by themselves; its verdict names what did not hold."""

import asyncio
import contextlib
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from tests.patience import PATIENCE

BENCHMARKS = Path(__file__).parent.parent / "benchmarks"


@pytest.fixture(autouse=True)
def _benchmarks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(str(BENCHMARKS))


def test_only_loopback_is_attacked() -> None:
    command = [sys.executable, str(BENCHMARKS / "attacks.py"), "resets", "192.0.2.1:9100"]

    done = subprocess.run(command, capture_output=True, text=True, check=False)

    assert done.returncode == 2
    assert "192.0.2.1 is not a loopback address" in done.stderr


def test_each_attack_opens_its_connections_and_ends_by_itself() -> None:
    import attacks  # noqa: PLC0415

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(OSError):
            while await reader.read(65536):
                writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")
                await writer.drain()
            writer.close()

    async def make_all() -> dict[str, int]:
        server = await asyncio.start_server(answer, "127.0.0.1", 0)
        host, port = server.sockets[0].getsockname()
        opened = {}
        for name, attack in attacks.ATTACKS.items():
            seconds = 0.1
            opened[name] = 0
            while opened[name] < 2 and seconds < PATIENCE:  # one that takes turns gets to few on a slow machine
                target = attacks.Target(host, port, is_ours=True, sources=("127.0.1.1",))
                await attacks.attack(target, attack._replace(connections=2), seconds)
                opened[name] = target.tally["connections"]
                seconds *= 4
        server.close()
        return opened

    assert {name: count for name, count in asyncio.run(make_all()).items() if count < 2} == {}


def quiet_run(**during: Any) -> Any:
    import abuse  # noqa: PLC0415
    from victims import Answers, Phase  # noqa: PLC0415

    answers = Answers(count=100, p50=5.0, p99=10.0, faults={})
    quiet = Phase(answers, answers, resident=30.0, descriptors=20, threads=8, cpu=0.1, log=0)
    phases = {"before": quiet, "during": replace(quiet, **during), "after": quiet}
    return abuse.Run("resets", "sysvitals", phases, {}, descriptors=4096)


def late(p99: float) -> Any:
    from victims import Answers  # noqa: PLC0415

    return Answers(count=100, p50=5.0, p99=p99, faults={})


@pytest.mark.parametrize(
    ("during", "verdict"),
    [
        ({}, []),
        ({"resident": 129.0}, ["memory"]),
        ({"descriptors": 2100}, ["descriptors"]),
        ({"log": 20_000}, ["log"]),
    ],
    ids=["nothing", "memory", "descriptors", "log"],
)
def test_what_grows_under_attack_is_named(during: dict[str, Any], verdict: list[str]) -> None:
    import abuse  # noqa: PLC0415

    assert abuse.judge(quiet_run(**during), None) == verdict


def test_an_answer_that_is_missing_or_late_is_named() -> None:
    import abuse  # noqa: PLC0415

    missed = replace(late(10.0), faults={"TimeoutError": 1})

    assert abuse.judge(quiet_run(metrics=missed), None) == ["scrapes not answered"]
    assert abuse.judge(quiet_run(health=late(21.0)), None) == ["health late"]


def test_an_answer_may_be_as_late_as_node_exporters() -> None:
    import abuse  # noqa: PLC0415

    peer = quiet_run(metrics=late(100.0))

    assert abuse.judge(quiet_run(metrics=late(90.0)), peer) == []
    assert abuse.judge(quiet_run(metrics=late(110.0)), peer) == ["scrapes late"]


def test_an_exporter_that_ended_did_not_hold() -> None:
    import abuse  # noqa: PLC0415

    ended = replace(quiet_run(), phases={}, end="sysvitals has ended")

    assert abuse.judge(ended, None) == ["sysvitals has ended"]


def test_a_soak_that_grows_is_not_flat(capsys: pytest.CaptureFixture[str]) -> None:
    import soak  # noqa: PLC0415

    row = soak.Row(0.0, 30.0, 40.0, 20, 300, 8, 1.0, 1.0, 5.0, 5.0, 10.0, 100, {}, "")
    grown = replace(row, resident=60.0, missed={"TimeoutError": 2})

    assert soak.judge([row] * 9) == []
    assert soak.judge([row] * 6 + [grown] * 3) == ["resident has grown", "6 polite requests not answered"]
    assert "flat" in capsys.readouterr().out
