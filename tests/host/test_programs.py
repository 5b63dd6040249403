import errno
from pathlib import Path

import psutil
import pytest

from sysvitals.host.host import Host
from tests.patience import PATIENCE


def script(folder: Path, body: str) -> str:
    path = folder / "program"
    path.write_text(f"#!/bin/sh\n{body}\n")
    path.chmod(0o755)
    return str(path)


def test_a_program_gives_its_status_and_all_it_says(tmp_path: Path) -> None:
    path = script(tmp_path, 'echo "$1-$2"; echo trouble >&2; exit 3')
    assert Host().run_program(path, ["a b", "$HOME;"], 5) == (3, b"a b-$HOME;\ntrouble\n")


def test_a_program_sees_nothing_of_our_environment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SECRET", "x")
    status, output = Host().run_program("/usr/bin/env", [], 5)
    names = {line.partition("=")[0] for line in output.decode().split()}
    assert (status, names) == (0, {"PATH", "LC_ALL"})


def test_a_program_gets_no_input(tmp_path: Path) -> None:
    assert Host().run_program(script(tmp_path, "cat"), [], 5) == (0, b"")


def test_a_program_that_takes_too_long_is_ended(tmp_path: Path) -> None:
    (tmp_path / "sleep").symlink_to("/bin/sleep")
    path = script(tmp_path, f"exec {tmp_path}/sleep {PATIENCE}")
    with pytest.raises(TimeoutError) as caught:  # it would not be one if the program had ended by itself
        Host().run_program(path, [], 0.3)
    assert (caught.value.errno, caught.value.filename) == (errno.ETIMEDOUT, path)
    lines = [" ".join(process.info["cmdline"] or ()) for process in psutil.process_iter(["cmdline"])]
    assert [line for line in lines if f"{tmp_path}/" in line] == []


def test_a_program_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError) as caught:
        Host().run_program(f"{tmp_path}/none", [], 5)
    assert caught.value.filename == f"{tmp_path}/none"


@pytest.mark.parametrize("root", [{"rootfs": "/host"}, {"devfs": "/board/dev"}])
def test_the_programs_of_another_host_are_never_run(tmp_path: Path, root: dict[str, str]) -> None:
    path = script(tmp_path, f"touch {tmp_path}/ran")
    with pytest.raises(FileNotFoundError):
        Host(**root).run_program(path, [], 5)
    assert not (tmp_path / "ran").exists()
