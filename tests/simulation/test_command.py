import argparse
import os
import signal
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from sysvitals.simulation import command
from sysvitals.simulation.boards import BOARDS
from sysvitals.simulation.command import add_arguments, run
from sysvitals.simulation.scenario import list_scenarios
from tests.patience import PATIENCE


def options(*arguments: str) -> dict[str, object]:
    parser = argparse.ArgumentParser(allow_abbrev=False)
    add_arguments(parser)
    return vars(parser.parse_args(arguments))


def test_what_there_is_is_listed(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(options("--list")) == 0
    text = capsys.readouterr().out
    for name in (*BOARDS, *list_scenarios()):
        assert f"  {name} " in text


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ([], "simulate: in which folder? for instance: sysvitals simulate /tmp/board"),
        (["DIR", "--board=pi6"], "no board 'pi6': did you mean pi5?"),
        (["DIR", "--scenario=brown"], "no scenario 'brown': did you mean brownout?"),
        (["DIR", "--speed=0"], "--speed: 0 is not above 0 and at most 3600"),
        (["DIR", "--speed=nan"], "--speed: nan is not above 0 and at most 3600"),
        (["DIR", "--hostname=a b"], "--hostname: 'a b' is no host name: letters, digits and hyphens, at most 64"),
        (["DIR/file"], "DIR/file: file exists"),
        (["DIR/full"], "DIR/full: is not empty, and holds no simulated board: choose another folder"),
    ],
)
def test_what_is_asked_wrongly_is_said_in_one_line(
    arguments: list[str], message: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "file").write_text("x")
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "x").write_text("x")
    given = [argument.replace("DIR", str(tmp_path)) for argument in arguments]
    if arguments and arguments[0] == "DIR":
        given[0] = str(tmp_path / "new")
    assert run(options(*given)) == 2
    assert capsys.readouterr().err == f"sysvitals: {message.replace('DIR', str(tmp_path))}\n"


def test_it_plays_to_the_end_once_and_tells_what_happens(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    scenario = tmp_path / "short.yaml"
    scenario.write_text("summary: Short.\nlasts: 30s\nsteps: [{at: 10s, pulse: {supply_volts: 4.2}, for: 5s}]")
    folder = tmp_path / "board"
    assert run(options(str(folder), "--scenario", str(scenario), "--once", "--speed=300"), stop=threading.Event()) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[1] == "plays short (seed 0, speed 300): Short."
    assert f"--path.rootfs={folder}" in lines[3]
    assert "   0:10.0  board     undervoltage begins" in lines
    assert "   0:15.0  board     undervoltage ends" in lines


def test_a_folder_that_goes_away_is_said_in_one_line(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object) -> None:
        raise OSError(28, os.strerror(28))

    monkeypatch.setattr(command, "_run", fail)
    assert run(options(str(tmp_path / "b")), stop=threading.Event()) == 1
    assert capsys.readouterr().err == f"sysvitals: {tmp_path / 'b'}: No space left on device\n"


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_it_keeps_the_board_alive_until_told_to_stop_and_takes_its_nodes_along(
    tmp_path: Path, number: signal.Signals
) -> None:
    program = (
        "import argparse, sys\n"
        "from sysvitals.simulation.command import add_arguments, run\n"
        "parser = argparse.ArgumentParser()\n"
        "add_arguments(parser)\n"
        "sys.exit(run(vars(parser.parse_args())))\n"
    )
    folder = tmp_path / "board"
    with subprocess.Popen([sys.executable, "-c", program, str(folder)], stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            lines = [process.stdout.readline() for _ in range(4)]
            assert "sysvitals serve" in lines[3]
            first = (folder / "proc/uptime").read_text()
            while (folder / "proc/uptime").read_text() == first:
                assert process.poll() is None
            assert (folder / "dev/vcio_gencmd").is_socket()
            process.send_signal(number)
            assert process.wait(PATIENCE) == 0
        finally:
            process.kill()
    assert os.listdir(folder / "dev") == []
