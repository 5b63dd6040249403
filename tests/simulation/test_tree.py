import os
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from sysvitals.simulation.errors import SimulationError
from sysvitals.simulation.tree import Tree


@pytest.fixture
def tree(tmp_path: Path) -> Iterator[Tree]:
    tree = Tree(str(tmp_path), "pi4")
    tree.build({"sys/a": b"0\n", "proc/long": b"one\n"}, {"sys/link": "a"}, ["srv/data"])
    yield tree
    tree.close()


def test_it_lays_out_files_links_and_folders(tree: Tree, tmp_path: Path) -> None:
    assert (tmp_path / "sys/a").read_text() == "0\n"
    assert (tmp_path / "sys/link").read_text() == "0\n"
    assert (tmp_path / "srv/data").is_dir()
    assert (tmp_path / "dev").is_dir()


def test_a_single_byte_changes_in_place_so_that_who_holds_the_file_open_sees_it(tree: Tree, tmp_path: Path) -> None:
    with (tmp_path / "sys/a").open("rb", buffering=0) as held:
        tree.write("sys/a", b"1\n")
        assert os.pread(held.fileno(), 10, 0) == b"1\n"


def test_any_other_change_replaces_the_file_and_leaves_who_reads_the_old_one_alone(tree: Tree, tmp_path: Path) -> None:
    with (tmp_path / "proc/long").open("rb", buffering=0) as held:
        tree.write("proc/long", b"two and more\n")
        assert os.pread(held.fileno(), 20, 0) == b"one\n"
        assert os.fstat(held.fileno()).st_nlink == 0  # how one who holds it open can tell
    assert (tmp_path / "proc/long").read_bytes() == b"two and more\n"


def test_what_did_not_change_is_not_written(tree: Tree, tmp_path: Path) -> None:
    before = (tmp_path / "proc/long").stat()
    tree.write("proc/long", b"one\n")
    after = (tmp_path / "proc/long").stat()
    assert (before.st_ino, before.st_mtime_ns) == (after.st_ino, after.st_mtime_ns)


def test_a_file_can_go_and_come_back(tree: Tree, tmp_path: Path) -> None:
    tree.write("sys/a", None)
    assert not (tmp_path / "sys/a").exists()
    tree.write("sys/a", None)
    tree.write("sys/a", b"0\n")
    assert (tmp_path / "sys/a").read_text() == "0\n"


def test_no_folder_of_the_tree_ever_shows_a_file_that_is_none_of_its_own(tree: Tree, tmp_path: Path) -> None:
    tree.write("proc/long", b"more than before\n")
    assert sorted(os.listdir(tmp_path / "proc")) == ["long"]


def test_a_reader_that_hammers_never_sees_an_empty_or_torn_file(tree: Tree, tmp_path: Path) -> None:
    contents = [b"0\n", b"1\n", b"a" * 50 + b"\n", b"b" * 9000 + b"\n", b"c" * 9000 + b"\n", b"50005\n"]
    wrong: list[bytes] = []
    reads = [0]
    ending = threading.Event()

    def hammer() -> None:
        while not ending.is_set():
            content = (tmp_path / "sys/a").read_bytes()
            reads[0] += 1
            if content not in contents:
                wrong.append(content)

    readers = [threading.Thread(target=hammer) for _ in range(2)]
    for reader in readers:
        reader.start()
    for number in range(3000):
        tree.write("sys/a", contents[number % len(contents)])
    ending.set()
    for reader in readers:
        reader.join()
    assert wrong == []
    assert reads[0] > 50


def test_it_does_without_a_filesystem_that_can_exchange(
    tree: Tree, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sysvitals.simulation.tree._exchange", lambda *_: False)
    tree.write("proc/long", b"by renaming\n")
    assert (tmp_path / "proc/long").read_bytes() == b"by renaming\n"


def test_a_folder_of_somebody_elses_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "precious").write_text("x")
    with pytest.raises(SimulationError) as caught:
        Tree(str(tmp_path), "pi4")
    assert str(caught.value) == f"{tmp_path}: is not empty, and holds no simulated board: choose another folder"
    assert os.listdir(tmp_path) == ["precious"]


def test_a_file_is_no_folder(tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_text("x")
    with pytest.raises(SimulationError, match=r"file: file exists$"):
        Tree(str(path), "pi4")


def test_two_cannot_keep_one_folder_alive(tree: Tree, tmp_path: Path) -> None:
    with pytest.raises(SimulationError) as caught:
        Tree(str(tmp_path), "pi4")
    assert str(caught.value) == f"{tmp_path}: another simulation keeps this folder alive"


def test_another_board_takes_the_trees_place_and_what_lies_beside_stays(tree: Tree, tmp_path: Path) -> None:
    tree.count_boot(3)
    tree.close()
    (tmp_path / "history").mkdir()
    again = Tree(str(tmp_path), "pi5")
    again.build({"proc/b": b"x"}, {}, [])
    again.close()
    assert again.boots == 0
    assert not (tmp_path / "sys").exists()
    assert os.listdir(tmp_path / "proc") == ["b"]
    assert (tmp_path / "history").is_dir()


def test_the_same_board_is_remembered(tree: Tree, tmp_path: Path) -> None:
    tree.count_boot(3)
    tree.close()
    again = Tree(str(tmp_path), "pi4")
    again.close()
    assert again.boots == 3


@pytest.mark.parametrize("garbage", ["", "{", "[]", "\0"])
def test_a_spoiled_memory_is_begun_anew(tree: Tree, tmp_path: Path, garbage: str) -> None:
    tree.close()
    (tmp_path / ".sysvitals-simulation" / "state.json").write_text(garbage)
    again = Tree(str(tmp_path), "pi4")
    again.close()
    assert again.boots == 0


@pytest.mark.fault(
    "storage",
    "a folder for a simulated board in which others prepared links",
    seen="one line: it belongs to another user, or everyone can write there; status 2",
    heals="another folder",
)
@pytest.mark.parametrize("others", ["owner", "mode"])
def test_a_folder_that_others_prepared_is_refused_and_no_link_in_it_is_written_through(
    others: str, tmp_path: Path
) -> None:
    (victim := tmp_path / "victim").write_text("precious")
    (own := tmp_path / "board/.sysvitals-simulation").mkdir(parents=True)
    (own / "staged").symlink_to(victim)
    if others == "mode":
        (tmp_path / "board").chmod(0o777)
    elif os.geteuid() == 0:
        os.chown(tmp_path / "board", 65534, 65534)
    else:
        pytest.skip("only root can give a folder away")
    with pytest.raises(SimulationError, match="put links"):
        Tree(str(tmp_path / "board"), "pi4")
    assert victim.read_text() == "precious"
