"""A folder in which somebody else writes too cannot lead `sysvitals provision`, run by root, anywhere else."""

import json
import os
import stat
from pathlib import Path

import pytest

from sysvitals.cli import main
from sysvitals.provision import provision as room
from sysvitals.provision.files import write_file
from sysvitals.provision.memory import digest, memory_file
from sysvitals.provision.plan import Action, Manner, Outcome, make_plan
from sysvitals.provision.provision import provision

FILES = {"main.yml": b"a: 1\n", "rules/power.yml": b"power\n"}
SECRET = b"root:x:0:0\n"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "etc"


def put(folder: Path, manner: Manner = Manner.UPDATE, files: dict[str, bytes] = FILES) -> dict[str, Action]:
    outcomes = provision(files, folder, kind="test", manner=manner)
    return {outcome.path: outcome.action for outcome in outcomes}


@pytest.mark.fault(
    "storage",
    "a folder that becomes a link while files are provisioned into it",
    seen="`failed`: it is a symbolic link, and those are not followed",
    heals="provision again, without the link",
)
def test_a_folder_that_becomes_a_link_after_it_was_looked_at_is_not_followed(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    put(folder)
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    (elsewhere / "power.yml").write_bytes(SECRET)

    def plan_and_exchange(files: dict[str, bytes], *more: object) -> list[Outcome]:
        steps = make_plan(files, *more)  # type: ignore[arg-type]
        (folder / "rules").rename(folder / "gone")
        (folder / "rules").symlink_to(elsewhere)
        return steps

    monkeypatch.setattr(room, "make_plan", plan_and_exchange)
    assert put(folder, files={"rules/power.yml": b"new\n"})["rules/power.yml"] is Action.FAILED
    assert [path.name for path in elsewhere.iterdir()] == ["power.yml"]
    assert (elsewhere / "power.yml").read_bytes() == SECRET


def test_a_folder_that_becomes_a_link_has_nothing_removed_through_it(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    put(folder)
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    (elsewhere / "power.yml").write_bytes(SECRET)

    def plan_and_exchange(*arguments: object) -> list[Outcome]:
        steps = make_plan(*arguments)  # type: ignore[arg-type]
        (folder / "rules").rename(folder / "gone")
        (folder / "rules").symlink_to(elsewhere)
        return steps

    monkeypatch.setattr(room, "make_plan", plan_and_exchange)
    assert put(folder, Manner.REMOVE, {})["rules/power.yml"] is Action.FAILED
    assert (elsewhere / "power.yml").exists()


def test_a_link_is_not_read_so_that_it_opens_no_device_and_shows_no_secret(folder: Path, tmp_path: Path) -> None:
    (tmp_path / "secret").write_bytes(SECRET)
    folder.mkdir()
    (folder / "main.yml").symlink_to(tmp_path / "secret")
    (outcome, *_) = provision(FILES, folder, kind="test")
    assert (outcome.action, outcome.diff) == (Action.KEPT, ())


@pytest.mark.fault(
    "storage",
    "a list of provisioned files (written by `provision`, read by `--remove`) in which someone added other files",
    seen="nothing: they stay",
    heals="-",
)
@pytest.mark.parametrize("part", ["written", "pending"])
def test_a_record_that_names_files_of_others_has_none_of_them_removed(part: str, tmp_path: Path) -> None:
    for path in ("etc/passwd", "etc/systemd/system/ssh.service", "etc/sysvitals/deep/x.yml"):
        (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / path).write_bytes(SECRET)
        record = {part: {path: digest(SECRET)}, "folders": {"etc/sysvitals": ""}}
        (tmp_path / "etc/sysvitals").mkdir(exist_ok=True)
        (tmp_path / memory_file("systemd", "etc/sysvitals/")).write_text(json.dumps(record))
        assert main(["provision", "systemd", "--to", str(tmp_path), "--remove"]) == 0
        assert (tmp_path / path).read_bytes() == SECRET


def test_a_record_that_names_empty_folders_of_others_has_none_of_them_removed(tmp_path: Path) -> None:
    mine = {"mine", "etc/cron.d", "etc/sysvitals/deep", "var/lib"}
    for path in mine:
        (tmp_path / path).mkdir(parents=True)
    ours = {"etc", "etc/systemd", "etc/systemd/system"}
    (tmp_path / "etc/systemd/system").mkdir(parents=True)
    (tmp_path / memory_file("systemd", "etc/sysvitals/")).write_text(
        json.dumps({"folders": dict.fromkeys(mine | ours, "")})
    )
    assert main(["provision", "systemd", "--to", str(tmp_path), "--remove"]) == 0
    assert {path for path in mine if (tmp_path / path).is_dir()} == mine
    assert not (tmp_path / "etc/systemd").exists()


@pytest.mark.parametrize("path", ["a\0b", "a\x1b[2J.yml", "a\nb"])
def test_a_record_with_names_that_cannot_be_shown_is_not_believed(
    path: str, folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    put(folder)
    (folder / memory_file("test")).write_text(json.dumps({"written": {path: "x"}}))
    assert put(folder)[memory_file("test")] is Action.FAILED
    assert capsys.readouterr().out == ""


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give files away")
def test_a_record_of_another_user_is_not_believed(folder: Path) -> None:
    put(folder)
    os.chown(folder / memory_file("test"), 65534, 65534)
    assert put(folder, Manner.REMOVE, {}) == {memory_file("test"): Action.FAILED}
    assert (folder / "main.yml").exists()


def test_a_record_that_is_a_link_is_not_read(folder: Path, tmp_path: Path) -> None:
    put(folder)
    (folder / memory_file("test")).rename(tmp_path / "record")
    (folder / memory_file("test")).symlink_to(tmp_path / "record")
    with pytest.raises(OSError, match=f"{folder / memory_file('test')} is a symbolic link"):
        put(folder, Manner.REMOVE, {})
    (folder / memory_file("test")).unlink()
    os.mkfifo(folder / memory_file("test"))
    with pytest.raises(OSError, match=f"{folder / memory_file('test')} is not a file"):
        put(folder, Manner.REMOVE, {})
    (folder / memory_file("test")).unlink()
    assert (folder / "main.yml").exists()


def test_a_file_that_is_replaced_does_not_lend_that_it_runs_as_its_owner(folder: Path) -> None:
    put(folder)
    (folder / "main.yml").chmod(0o6755)
    write_file(folder, "main.yml", b"new\n")
    assert stat.S_IMODE((folder / "main.yml").stat().st_mode) == 0o755


def test_without_a_umask_others_still_cannot_write(folder: Path) -> None:
    before = os.umask(0)
    try:
        put(folder)
    finally:
        os.umask(before)
    modes = {path: stat.S_IMODE(path.stat().st_mode) for path in (folder / "rules", *folder.rglob("*.yml"))}
    assert not [path for path, mode in modes.items() if mode & 0o022]
