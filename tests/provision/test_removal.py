"""What was written can be taken away again, and what the user made of it stays."""

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from sysvitals.cli import main
from sysvitals.provision import kinds
from sysvitals.provision.kinds import KINDS
from sysvitals.provision.memory import memory_file
from sysvitals.provision.plan import Action, Manner, Outcome
from sysvitals.provision.provision import provision

FILES = {"main.yml": b"a: 1\n", "rules/power.yml": b"power\n", "rules/heat.yml": b"heat\n"}
LAST_STEP = 9
"""So often a removal touches the disk; the one step beyond shows that none was left out."""


@pytest.fixture(autouse=True)
def installed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(kinds, "find_program", lambda _folder: "/srv/sysvitals/bin/sysvitals")


def put(folder: Path, files: dict[str, bytes] = FILES) -> dict[str, Action]:
    return told(provision(files, folder, kind="test"))


def remove(folder: Path) -> dict[str, Action]:
    return told(provision({}, folder, kind="test", manner=Manner.REMOVE))


def told(outcomes: list[Outcome]) -> dict[str, Action]:
    return {outcome.path: outcome.action for outcome in outcomes}


def contents(folder: Path) -> dict[str, bytes | None]:
    return {
        path.relative_to(folder).as_posix(): path.read_bytes() if path.is_file() else None for path in folder.rglob("*")
    }


@pytest.mark.parametrize("kind", KINDS)
def test_nothing_is_left_of_what_was_written(kind: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["provision", kind, "--to", str(tmp_path)]) == 0
    count = sum(content is not None for content in contents(tmp_path).values()) - 1  # the memory
    capsys.readouterr()
    assert main(["provision", kind, "--to", str(tmp_path), "--remove"]) == 0
    assert contents(tmp_path) == {}
    out = capsys.readouterr().out
    assert f"\n{count} removed\n" in out
    assert "\nthen: " in out
    assert main(["provision", kind, "--to", str(tmp_path), "--remove"]) == 0
    assert capsys.readouterr().out == f"{tmp_path}:\nnothing of ours is here\n"


def test_folders_that_were_there_or_hold_something_of_the_users_stay(tmp_path: Path) -> None:
    (tmp_path / "etc/udev").mkdir(parents=True)
    main(["provision", "systemd", "--to", str(tmp_path)])
    (tmp_path / "etc/sysvitals/web.yml").write_text("mine\n")
    (tmp_path / "var/lib/sysvitals/history").mkdir(parents=True)
    (tmp_path / "var/lib/sysvitals/history/now.jsonl").write_text("{}\n")
    assert main(["provision", "systemd", "--to", str(tmp_path), "--remove"]) == 0
    kept = {"etc", "etc/udev", "etc/sysvitals", "etc/sysvitals/web.yml", "var", "var/lib", "var/lib/sysvitals"}
    assert set(contents(tmp_path)) == kept | {"var/lib/sysvitals/history", "var/lib/sysvitals/history/now.jsonl"}


def test_what_the_user_changed_stays_and_is_named(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    main(["provision", "systemd", "--to", str(tmp_path)])
    config = tmp_path / "etc/sysvitals/sysvitals.yml"
    config.write_text("storage: {path: /mnt}\n")
    capsys.readouterr()
    assert main(["provision", "systemd", "--to", str(tmp_path), "--remove"]) == 0
    assert "kept      etc/sysvitals/sysvitals.yml  (you changed it: it is yours from now on)" in capsys.readouterr().out
    assert [path for path, content in contents(tmp_path).items() if content is not None] == [
        "etc/sysvitals/sysvitals.yml"
    ]
    assert config.read_text() == "storage: {path: /mnt}\n"
    # and one that comes back finds it
    assert main(["provision", "systemd", "--to", str(tmp_path)]) == 0
    assert config.read_text() == "storage: {path: /mnt}\n"


def test_a_dry_run_removes_nothing(tmp_path: Path) -> None:
    put(tmp_path)
    before = contents(tmp_path)
    outcomes = provision({}, tmp_path, kind="test", manner=Manner.REMOVE, dry_run=True)
    assert told(outcomes) == dict.fromkeys(FILES, Action.REMOVED)
    assert contents(tmp_path) == before


def test_one_kind_goes_and_the_other_stays(tmp_path: Path) -> None:
    provision({"rules/mine.yml": b"m"}, tmp_path, kind="other")
    put(tmp_path)
    remove(tmp_path)
    assert set(contents(tmp_path)) == {".sysvitals-other.json", "rules", "rules/mine.yml"}


def test_a_memory_that_makes_no_sense_removes_nothing(tmp_path: Path) -> None:
    put(tmp_path)
    (tmp_path / memory_file("test")).write_text('{"written": {"../out": "x"}}')
    assert remove(tmp_path) == {".sysvitals-test.json": Action.FAILED}
    assert set(FILES) <= set(contents(tmp_path))


class Killed(BaseException):
    """What kill -9 is to a process, as far as a test can."""


@pytest.mark.parametrize("next_run", [remove, put])
@pytest.mark.parametrize("step", range(1, LAST_STEP + 2))
def test_a_removal_that_was_killed_anywhere_can_be_repeated_or_undone(
    step: int, next_run: Callable[[Path], dict[str, Action]], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    put(tmp_path)
    (tmp_path / "rules/heat.yml").write_bytes(b"mine\n")
    done = 0

    def wrap(genuine: Callable[..., object]) -> Callable[..., object]:
        def act(*args: object, **more: object) -> object:
            nonlocal done
            done += 1
            if done == step:
                raise Killed
            return genuine(*args, **more)

        return act

    for name in ("fsync", "replace", "unlink", "rmdir"):
        monkeypatch.setattr(os, name, wrap(getattr(os, name)))
    try:
        remove(tmp_path)
        finished = True
    except Killed:
        finished = False
    monkeypatch.undo()
    assert finished == (step > LAST_STEP)
    next_run(tmp_path)
    now = contents(tmp_path)
    assert now["rules/heat.yml"] == b"mine\n"
    expected = set(FILES) | {".sysvitals-test.json"} if next_run is put else {"rules/heat.yml"}
    assert {path for path, content in now.items() if content is not None} == expected
    if next_run is put:
        assert now["main.yml"] == FILES["main.yml"], "nobody but we removed it"
