"""Files are written into the user's folder, and nothing of theirs is lost."""

import errno
import json
import os
import stat
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from sysvitals.provision.memory import memory_file
from sysvitals.provision.plan import Action, Manner, Outcome
from sysvitals.provision.provision import provision

OLD = {"main.yml": b"a: 1\n", "rules/power.yml": b"power: old\n", "rules/heat.yml": b"heat: old\n"}
NEW = {"main.yml": b"a: 2\n", "rules/power.yml": b"power: new\n", "rules/disk.yml": b"disk: new\n"}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "etc"


def put(files: dict[str, bytes], folder: Path, **more: object) -> dict[str, Outcome]:
    outcomes = provision(files, folder, kind="test", **more)  # type: ignore[arg-type]
    assert len({outcome.path for outcome in outcomes}) == len(outcomes)
    return {outcome.path: outcome for outcome in outcomes}


def actions(outcomes: dict[str, Outcome]) -> dict[str, str]:
    return {path: outcome.action.value for path, outcome in outcomes.items()}


def contents(folder: Path) -> dict[str, bytes]:
    own = folder / memory_file("test")
    return {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in folder.rglob("*")
        if path.is_file() and path != own
    }


def test_new_files_are_written_with_their_folders(folder: Path) -> None:
    assert set(actions(put(OLD, folder)).values()) == {"new"}
    assert contents(folder) == OLD


def test_files_that_are_as_they_should_be_are_left_alone(folder: Path) -> None:
    put(OLD, folder)
    before = {path: os.stat(path).st_ino for path in folder.rglob("*")}
    assert set(actions(put(OLD, folder)).values()) == {"same"}
    assert {path: os.stat(path).st_ino for path in folder.rglob("*")} == before


def test_an_update_replaces_what_the_user_left_alone_and_removes_what_is_no_longer_shipped(folder: Path) -> None:
    put(OLD, folder)
    assert actions(put(NEW, folder)) == {
        "main.yml": "updated",
        "rules/power.yml": "updated",
        "rules/disk.yml": "new",
        "rules/heat.yml": "removed",
    }
    assert contents(folder) == NEW
    assert set(actions(put(NEW, folder)).values()) == {"same"}


def test_what_the_user_changed_is_kept_and_shown_while_the_rest_is_updated(folder: Path) -> None:
    put(OLD, folder)
    (folder / "main.yml").write_bytes(b"a: 1\nmine: true\n")
    outcomes = put(NEW, folder)
    assert actions(outcomes)["main.yml"] == "kept"
    assert outcomes["main.yml"].diff == (
        "--- main.yml (yours)",
        "+++ main.yml (ours)",
        "@@ -1,2 +1 @@",
        "-a: 1",
        "-mine: true",
        "+a: 2",
    )
    assert contents(folder) == NEW | {"main.yml": b"a: 1\nmine: true\n"}


def test_a_file_that_was_kept_tells_whether_ours_has_moved_on(folder: Path) -> None:
    put(OLD, folder)
    (folder / "main.yml").write_bytes(b"mine\n")
    assert [put(files, folder)["main.yml"].is_behind for files in (OLD, NEW, NEW, OLD)] == [False, True, True, False]


def test_a_change_that_the_user_took_back_no_longer_stands_in_the_way(folder: Path) -> None:
    put(OLD, folder)
    (folder / "main.yml").write_bytes(b"mine\n")
    put(NEW, folder)
    (folder / "main.yml").write_bytes(OLD["main.yml"])
    assert actions(put(NEW, folder))["main.yml"] == "updated"


def test_a_file_that_was_there_before_is_the_users_unless_it_is_the_same(folder: Path) -> None:
    folder.mkdir()
    (folder / "main.yml").write_bytes(b"theirs\n")
    (folder / "rules").mkdir()
    (folder / "rules/power.yml").write_bytes(OLD["rules/power.yml"])
    assert actions(put(OLD, folder)) == {"main.yml": "kept", "rules/power.yml": "same", "rules/heat.yml": "new"}
    assert actions(put(NEW, folder))["rules/power.yml"] == "updated"
    assert (folder / "main.yml").read_bytes() == b"theirs\n"


def test_what_the_user_removed_stays_removed_until_it_is_asked_for(folder: Path) -> None:
    put(OLD, folder)
    (folder / "main.yml").unlink()
    assert actions(put(NEW, folder))["main.yml"] == "kept"
    assert not (folder / "main.yml").exists()
    assert actions(put(NEW, folder, manner=Manner.RESTORE))["main.yml"] == "new"
    assert contents(folder) == NEW


def test_restoring_still_keeps_what_was_changed(folder: Path) -> None:
    put(OLD, folder)
    (folder / "main.yml").write_bytes(b"mine\n")
    assert actions(put(NEW, folder, manner=Manner.RESTORE))["main.yml"] == "kept"


def test_overwriting_keeps_the_users_files_beside_ours_however_often(folder: Path) -> None:
    put(OLD, folder)
    for text in (b"first\n", b"second\n", b"third\n"):
        (folder / "main.yml").write_bytes(text)
        outcome = put(OLD, folder, manner=Manner.OVERWRITE)["main.yml"]
        assert outcome.action is Action.REPLACED
        assert (folder / outcome.words.split()[2]).read_bytes() == text
    kept = {path: content for path, content in contents(folder).items() if path not in OLD}
    assert kept == {"main.yml.old": b"first\n", "main.yml.old.2": b"second\n", "main.yml.old.3": b"third\n"}
    assert (folder / "main.yml").read_bytes() == OLD["main.yml"]


def test_without_hard_links_the_users_file_is_kept_all_the_same(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_args: object, **_more: object) -> None:
        raise OSError(errno.EPERM, "Operation not permitted")

    put(OLD, folder)
    (folder / "main.yml.old").write_bytes(b"older\n")
    (folder / "main.yml").write_bytes(b"mine\n")
    monkeypatch.setattr(os, "link", refuse)
    put(OLD, folder, manner=Manner.OVERWRITE)
    assert contents(folder) == OLD | {"main.yml.old": b"older\n", "main.yml.old.2": b"mine\n"}


def test_a_changed_file_that_is_no_longer_shipped_becomes_the_users(folder: Path) -> None:
    put(OLD, folder)
    (folder / "rules/heat.yml").write_bytes(b"mine\n")
    assert actions(put(NEW, folder))["rules/heat.yml"] == "kept"
    assert "rules/heat.yml" not in put(NEW, folder)
    assert (folder / "rules/heat.yml").read_bytes() == b"mine\n"


def test_overwriting_sets_aside_a_changed_file_that_is_no_longer_shipped(folder: Path) -> None:
    put(OLD, folder)
    (folder / "rules/heat.yml").write_bytes(b"mine\n")
    put(NEW, folder, manner=Manner.OVERWRITE)
    assert contents(folder) == NEW | {"rules/heat.yml.old": b"mine\n"}


def test_files_of_the_users_own_are_nothing_to_us(folder: Path) -> None:
    put(OLD, folder)
    (folder / "rules/mine.yml").write_bytes(b"mine\n")
    assert "rules/mine.yml" not in put(NEW, folder, manner=Manner.OVERWRITE)
    assert (folder / "rules/mine.yml").read_bytes() == b"mine\n"


def test_a_dry_run_tells_what_would_be_and_does_nothing(folder: Path) -> None:
    assert set(actions(put(OLD, folder, dry_run=True)).values()) == {"new"}
    assert not folder.exists()
    put(OLD, folder)
    (folder / "main.yml").write_bytes(b"mine\n")
    before = contents(folder)
    told = put(NEW, folder, manner=Manner.OVERWRITE, dry_run=True)
    assert contents(folder) == before
    assert actions(told) == actions(put(NEW, folder, manner=Manner.OVERWRITE))


def test_two_kinds_share_a_folder_and_leave_each_other_alone(folder: Path) -> None:
    provision({"a.yml": b"a"}, folder, kind="one")
    provision({"b.yml": b"b"}, folder, kind="two")
    assert [outcome.action for outcome in provision({"a.yml": b"A"}, folder, kind="one")] == [Action.UPDATED]
    assert (folder / "b.yml").read_bytes() == b"b"


def test_a_symbolic_link_is_not_written_through(folder: Path, tmp_path: Path) -> None:
    elsewhere = tmp_path / "elsewhere.yml"
    elsewhere.write_bytes(OLD["main.yml"])
    put(OLD, folder)
    (folder / "main.yml").unlink()
    (folder / "main.yml").symlink_to(elsewhere)
    assert actions(put(OLD, folder))["main.yml"] == "kept"
    assert actions(put(NEW, folder))["main.yml"] == "kept"
    assert actions(put(NEW, folder, manner=Manner.OVERWRITE))["main.yml"] == "replaced"
    assert elsewhere.read_bytes() == OLD["main.yml"]
    assert (folder / "main.yml").read_bytes() == NEW["main.yml"]
    assert (folder / "main.yml.old").is_symlink()


def test_a_link_that_leads_nowhere_is_kept(folder: Path) -> None:
    folder.mkdir()
    (folder / "main.yml").symlink_to("nowhere")
    assert actions(put(OLD, folder))["main.yml"] == "kept"
    assert not (folder / "nowhere").exists()


def test_a_folder_behind_a_symbolic_link_is_not_entered(folder: Path, tmp_path: Path) -> None:
    (tmp_path / "elsewhere").mkdir()
    folder.mkdir()
    (folder / "rules").symlink_to(tmp_path / "elsewhere")
    outcomes = put(OLD, folder, manner=Manner.OVERWRITE)
    assert actions(outcomes) == {"main.yml": "new", "rules/power.yml": "failed", "rules/heat.yml": "failed"}
    assert "rules is a symbolic link" in outcomes["rules/power.yml"].words
    assert list((tmp_path / "elsewhere").iterdir()) == []


def test_the_folder_itself_may_be_a_link_for_the_user_named_it(folder: Path, tmp_path: Path) -> None:
    (tmp_path / "real").mkdir()
    folder.symlink_to(tmp_path / "real")
    put(OLD, folder)
    assert contents(tmp_path / "real") == OLD


@pytest.mark.parametrize("make", [os.mkfifo, os.mkdir])
def test_what_is_no_file_is_left_and_told(folder: Path, make: Callable[[str], None]) -> None:
    folder.mkdir()
    make(str(folder / "main.yml"))
    outcomes = put(OLD, folder, manner=Manner.OVERWRITE)
    assert outcomes["main.yml"].action is Action.FAILED
    assert not stat.S_ISREG((folder / "main.yml").lstat().st_mode)
    assert contents(folder).items() >= {"rules/power.yml": b"power: old\n"}.items()


def test_a_file_that_is_replaced_lends_its_mode(folder: Path) -> None:
    put(OLD, folder)
    (folder / "main.yml").chmod(0o640)
    put(NEW, folder)
    assert stat.S_IMODE((folder / "main.yml").stat().st_mode) == 0o640


def test_a_new_file_can_be_read_by_the_servers_user_where_the_umask_allows(folder: Path) -> None:
    before = os.umask(0o022)
    try:
        put(OLD, folder)
    finally:
        os.umask(before)
    assert stat.S_IMODE((folder / "main.yml").stat().st_mode) == 0o644
    assert stat.S_IMODE((folder / "rules").stat().st_mode) == 0o755


def full_after(count: int) -> Callable[[int], None]:
    """A disk that takes so many files more."""
    taken = 0

    def sync(_descriptor: int) -> None:
        nonlocal taken
        taken += 1
        if taken > count:
            raise OSError(errno.ENOSPC, "No space left on device")

    return sync


def test_a_full_disk_leaves_whole_files_and_can_be_repeated(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    put(OLD, folder)
    (folder / "rules/power.yml").write_bytes(b"mine\n")
    before = contents(folder)
    # the memory, one file and each one's folder are synced; then it is full
    monkeypatch.setattr(os, "fsync", full_after(4))
    outcomes = put(NEW, folder)
    failed = [outcome for outcome in outcomes.values() if outcome.action is Action.FAILED]
    assert {outcome.words for outcome in failed} == {"cannot be written: No space left on device"}
    assert len(failed) >= 1
    now = contents(folder)
    assert all(now[path] in (before.get(path), NEW.get(path)) for path in now)
    monkeypatch.undo()
    put(NEW, folder)
    assert contents(folder) == NEW | {"rules/power.yml": b"mine\n"}


def test_a_disk_that_is_full_from_the_start_is_one_error_and_changes_nothing(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    put(OLD, folder)
    before = contents(folder)
    monkeypatch.setattr(os, "fsync", full_after(0))
    with pytest.raises(OSError, match="No space left"):
        put(NEW, folder)
    assert contents(folder) == before


LAST_STEP = 23
"""So often the run below touches the disk; the one step beyond shows that none was left out."""


class Killed(BaseException):
    """What kill -9 is to a process, as far as a test can."""


@pytest.fixture
def kill_at(monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[int], None]]:
    """Ends the run at its n-th step on the disk."""

    def arm(step: int) -> None:
        done = 0
        genuine = {name: getattr(os, name) for name in ("fsync", "replace", "link", "unlink")}

        def wrap(name: str) -> Callable[..., object]:
            def act(*args: object, **more: object) -> object:
                nonlocal done
                done += 1
                if done == step:
                    raise Killed
                return genuine[name](*args, **more)

            return act

        for name in genuine:
            monkeypatch.setattr(os, name, wrap(name))

    yield arm
    monkeypatch.undo()


@pytest.mark.parametrize("step", range(1, LAST_STEP + 2))
def test_a_run_that_was_killed_anywhere_loses_nothing_and_is_made_good_by_the_next_version(
    folder: Path, step: int, kill_at: Callable[[int], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    newest = {"main.yml": b"a: 3\n", "rules/power.yml": b"power: newest\n", "rules/disk.yml": b"disk: newest\n"}
    put(OLD, folder)
    (folder / "rules/power.yml").write_bytes(b"mine\n")
    kill_at(step)
    try:
        put(NEW, folder, manner=Manner.OVERWRITE)
        finished = True
    except Killed:
        finished = False
    monkeypatch.undo()
    assert finished == (step > LAST_STEP)
    put(newest, folder)
    now = contents(folder)
    mine = [path for path, content in now.items() if content == b"mine\n"]
    assert set(mine) <= {"rules/power.yml", "rules/power.yml.old"}
    assert mine != []
    ours = {path: content for path, content in now.items() if path in newest and content != b"mine\n"}
    assert ours == {path: content for path, content in newest.items() if path in ours}
    assert set(newest) <= set(now)
    assert "rules/heat.yml" not in now


@pytest.mark.parametrize(
    "text",
    [
        "",
        "{",
        "[]",
        "[" * 100_000,
        '{"written": []}',
        '{"written": {"../out": "x"}}',
        '{"written": {"/etc/passwd": "x"}}',
        '{"written": {"a": 1}}',
    ],
)
def test_a_memory_that_makes_no_sense_makes_everything_the_users(folder: Path, text: str) -> None:
    put(OLD, folder)
    (folder.parent / "out").write_bytes(b"x")
    (folder / memory_file("test")).write_text(text)
    outcomes = put(NEW, folder)
    assert outcomes[".sysvitals-test.json"].action is Action.FAILED
    assert actions(outcomes)["main.yml"] == "kept"
    assert contents(folder) == OLD | {"rules/disk.yml": b"disk: new\n"}
    assert (folder.parent / "out").exists()
    assert ".sysvitals-test.json" not in put(NEW, folder)


def test_the_memory_says_what_it_is_for(folder: Path) -> None:
    put(OLD, folder)
    memory = json.loads((folder / memory_file("test")).read_bytes())
    assert "Keep this file" in memory["note"]
    assert set(memory["written"]) == set(OLD)
    assert memory["pending"] == {}


def test_a_folder_that_may_not_be_written_is_one_error() -> None:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        folder.chmod(0o555)
        me = os.geteuid()
        if me == 0:
            os.seteuid(65534)
        try:
            with pytest.raises(PermissionError):
                put(OLD, folder)
        finally:
            os.seteuid(me)
        folder.chmod(0o755)
        assert list(folder.iterdir()) == []


def test_a_file_in_place_of_the_folder_is_an_error(folder: Path) -> None:
    folder.write_bytes(b"")
    with pytest.raises(NotADirectoryError):
        put(OLD, folder)
