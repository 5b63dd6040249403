import os
from pathlib import Path

import pytest

from sysvitals.config.errors import ConfigError
from sysvitals.config.host import build_host, check_paths
from sysvitals.config.load import load_settings
from sysvitals.config.settings import Paths

EACH = {name: f"--path.{name}" for name in ("procfs", "sysfs", "rootfs", "devfs")}


@pytest.fixture
def recorded(tmp_path: Path) -> Paths:
    """A recorded host, whose device nodes were not kept."""
    for name in ("proc", "sys"):
        (tmp_path / name).mkdir()
    return Paths(procfs=f"{tmp_path}/proc", sysfs=f"{tmp_path}/sys/", rootfs=f"{tmp_path}/", devfs=f"{tmp_path}/dev")


def check(paths: Paths, places: dict[str, str]) -> list[str]:
    return list(check_paths(paths, places))


def test_paths_of_folders_that_are_there_are_right() -> None:
    assert check(Paths(), EACH) == []


def test_a_path_that_was_not_given_is_not_checked() -> None:
    assert check(Paths(sysfs="/nothere"), {}) == []


def test_a_recorded_host_may_lack_its_device_nodes_and_nothing_else(recorded: Paths, tmp_path: Path) -> None:
    assert check(recorded, EACH) == []
    (tmp_path / "sys").rmdir()
    assert check(recorded, EACH) == [
        f"--path.sysfs: {tmp_path}/sys/ does not exist: give the folder where the host's /sys is"
    ]


def test_device_nodes_that_are_missing_beside_a_kernels_proc_are_an_error(tmp_path: Path) -> None:
    paths = Paths(rootfs=str(tmp_path), devfs=f"{tmp_path}/dev")
    assert check(paths, EACH) == [
        f"--path.devfs: {tmp_path}/dev does not exist: give the folder where the host's /dev is"
    ]


def test_device_nodes_elsewhere_than_in_the_recorded_host_are_an_error(recorded: Paths, tmp_path: Path) -> None:
    paths = Paths(procfs=recorded.procfs, rootfs=recorded.rootfs, devfs=f"{tmp_path}/dve")
    (problem,) = check(paths, EACH)
    assert problem.startswith(f"--path.devfs: {tmp_path}/dve does not exist")


def test_a_folder_that_this_user_may_not_enter_is_an_error(tmp_path: Path) -> None:
    user = os.geteuid()
    tmp_path.chmod(0)
    try:
        if user == 0:
            os.seteuid(65534)
        problems = check(Paths(sysfs=str(tmp_path)), {"sysfs": "sysvitals.yml:3: path.sysfs"})
    finally:
        os.seteuid(user)
        tmp_path.chmod(0o700)
    (problem,) = problems
    assert problem.startswith(f"sysvitals.yml:3: path.sysfs: {tmp_path} may not be entered (permission denied): run as")
    assert problem.endswith(", or give the folder where the host's /sys is")


@pytest.mark.parametrize(
    ("path", "shown"),
    [
        ("/a\nb", r"'/a\nb' does not exist"),
        ("/\ud800", r"'/\ud800' cannot be used (not a file name)"),
        ("x" * 300, f"{'x' * 79}… cannot be used (File name too long)"),
    ],
)
def test_whatever_the_path_it_is_told_in_one_short_line(path: str, shown: str) -> None:
    assert check(Paths(sysfs=path), {"sysfs": "here"}) == [f"here: {shown}: give the folder where the host's /sys is"]


def test_a_flag_outweighs_a_wrong_path_in_the_file(tmp_path: Path) -> None:
    (file := tmp_path / "sysvitals.yml").write_text("path: {sysfs: /nothere}\n")
    with pytest.raises(ConfigError, match="/nothere does not exist"):
        load_settings((), file=str(file))
    settings = load_settings((), file=str(file), flags={"--path.sysfs": str(tmp_path)})
    assert build_host(settings).sysfs == str(tmp_path)
