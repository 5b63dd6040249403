"""A service is given a program that its user can run, and no other."""

import os
import stat
import sys
import sysconfig
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from sysvitals.cli import main
from sysvitals.provision import program
from sysvitals.provision.program import find_program


@pytest.fixture
def room() -> Iterator[Path]:
    """A folder that everyone may enter: pytest's own are for its user alone."""
    with tempfile.TemporaryDirectory(dir="/var/tmp") as name:
        Path(name).chmod(0o755)
        yield Path(name)


@pytest.fixture
def install(room: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A command in an environment of its own, whose interpreter everyone may run."""
    scripts = room / "opt/sysvitals/bin"
    scripts.mkdir(parents=True)
    for name in ("sysvitals", "python3"):
        (scripts / name).write_text("#!/bin/sh\n")
        (scripts / name).chmod(0o755)
    for folder in (room / "opt", room / "opt/sysvitals", scripts):
        folder.chmod(0o755)
    monkeypatch.setattr(sys, "executable", str(scripts / "python3"))
    monkeypatch.setattr(sysconfig, "get_path", lambda _name: str(scripts))
    return scripts / "sysvitals"


def test_the_unit_names_the_program_that_is_installed(install: Path, room: Path) -> None:
    folder = room / "system"
    folder.mkdir()
    assert main(["provision", "systemd", "--to", str(folder)]) == 0
    unit = (folder / "etc/systemd/system/sysvitals.service").read_text()
    assert f"\nExecStart={install} serve " in unit
    assert f"\nExecReload={install} check-config " in unit
    assert "/opt/sysvitals/bin/sysvitals serve" not in unit.replace(str(install), "")


def test_in_an_image_the_program_is_where_the_image_will_see_it(install: Path, room: Path) -> None:
    assert find_program(room) == "/opt/sysvitals/bin/sysvitals"
    assert find_program(room / "elsewhere") == str(install)


def test_a_program_at_home_is_refused_in_one_line_that_helps(
    install: Path, room: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(program, "_HOMES", (str(install.parents[1]),))
    assert main(["provision", "systemd", "--to", str(room / "system")]) == 1
    out, err = capsys.readouterr()
    assert (out, len(err.splitlines())) == ("", 1)
    assert "no service should run programs from" in err
    assert "sudo python3 -m venv /opt/sysvitals" in err
    assert not (room / "system").exists()


def test_an_interpreter_at_home_is_refused_though_the_program_is_not(
    install: Path, room: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # as uv has it: the environment in /opt, its Python in the user's own folders
    home = room / "pi"
    home.mkdir(mode=0o755)
    (home / "python3").write_text("#!/bin/sh\n")
    (home / "python3").chmod(0o755)
    (install.parent / "python3").unlink()
    (install.parent / "python3").symlink_to(home / "python3")
    assert find_program(room / "x") == str(install)
    monkeypatch.setattr(program, "_HOMES", (str(home),))
    with pytest.raises(PermissionError, match="python3 lies below"):
        find_program(room / "x")


@pytest.mark.parametrize("part", ["opt", "opt/sysvitals/bin/sysvitals"])
def test_what_only_its_owner_may_run_is_refused(part: str, install: Path, room: Path) -> None:
    (room / part).chmod(stat.S_IRWXU)
    with pytest.raises(PermissionError, match="not for everyone to run"):
        find_program(room / "x")


@pytest.mark.parametrize("part", ["opt", "opt/sysvitals/bin/sysvitals"])
def test_what_everyone_could_replace_is_refused(part: str, install: Path, room: Path) -> None:
    (room / part).chmod(0o777)
    with pytest.raises(PermissionError, match="can be replaced by everyone"):
        find_program(room / "x")


def test_a_path_that_a_unit_would_read_otherwise_is_refused(
    install: Path, room: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    odd = install.parent.parent / "a %n b"
    os.rename(install.parent, odd)
    monkeypatch.setattr(sysconfig, "get_path", lambda _name: str(odd))
    monkeypatch.setattr(sys, "executable", str(odd / "python3"))
    with pytest.raises(PermissionError, match="characters"):
        find_program(room / "x")


def test_without_an_installed_command_it_says_so(install: Path, room: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    install.unlink()
    monkeypatch.setattr(sys, "argv", ["/usr/lib/python3/pytest"])
    with pytest.raises(FileNotFoundError, match="no command sysvitals is installed"):
        find_program(room / "x")
