"""What the page of pip and its kin says: of the parts that are installed, and of what an update and a removal leave."""

import importlib.metadata
import os
import re
import subprocess
import sys
import sysconfig
import tomllib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from tests.patience import PATIENCE
from tests.stack.running import answers, free_port, wait_until
from tests.test_wheel import build

ROOT = Path(__file__).parent.parent.parent
PAGE = (ROOT / "deploy/PYTHON.md").read_text(encoding="utf-8")
BOARD = {
    "python_version": "3.11",
    "python_full_version": "3.11.2",
    "implementation_name": "cpython",
    "platform_python_implementation": "CPython",
    "platform_system": "Linux",
    "sys_platform": "linux",
    "os_name": "posix",
    "platform_machine": "armv7l",
}
"""Raspberry Pi OS bookworm, 32-bit: the oldest Python that we run with."""


def parse_table(page: str) -> dict[str, list[str]]:
    """The rows of the table by the part's name: needed by, is, and one cell for each kind of board."""
    (table,) = re.findall(r"(?ms)^\| part \|.*?\n\n", page)
    rows = [[cell.strip() for cell in line.strip("|").split("|")] for line in table.strip().splitlines()[2:]]
    return {canonicalize_name(row[0]): row[1:] for row in rows}


def list_direct() -> dict[str, str]:
    """What the project itself asks for, and by whom the table should say that it is needed."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    direct: dict[str, str] = {}
    direct |= {canonicalize_name(Requirement(text).name): "sysvitals" for text in project["dependencies"]}
    for extra, texts in project["optional-dependencies"].items():
        direct |= {canonicalize_name(Requirement(text).name): f"the extra `{extra}`" for text in texts}
    return direct


def list_needs(name: str) -> Iterator[str]:
    """What this installed part asks for on a board."""
    for text in importlib.metadata.requires(name) or []:
        requirement = Requirement(text)
        if requirement.marker is None or requirement.marker.evaluate({**BOARD, "extra": ""}):
            yield canonicalize_name(requirement.name)


def list_all(direct: set[str]) -> dict[str, set[str]]:
    """Each part that is installed in the end, with those that need it."""
    needed_by: dict[str, set[str]] = {name: set() for name in direct}
    left = list(direct)
    while left:
        part = left.pop()
        for need in list_needs(part):
            if need not in needed_by:
                needed_by[need] = set()
                left.append(need)
            needed_by[need].add(part)
    return needed_by


def test_the_table_lists_every_part_that_is_installed_and_no_other() -> None:
    assert set(parse_table(PAGE)) == set(list_all(set(list_direct())))


def test_the_table_says_who_needs_a_part() -> None:
    direct, needed_by = list_direct(), list_all(set(list_direct()))
    for part, (needed, *_) in parse_table(PAGE).items():
        if part in direct:
            assert needed == direct[part], part
        else:
            assert {canonicalize_name(name.strip()) for name in needed.split(",")} & needed_by[part], part


def test_a_part_that_is_called_pure_python_has_a_wheel_for_all() -> None:
    table = parse_table(PAGE)
    for part, (_, kind, *boards) in table.items():
        assert len(boards) == 3, part
        assert (boards == ["wheel for all"] * 3) == (kind in ("pure Python", "data")), part
        if kind in ("pure Python", "data"):  # the installed one is the very wheel
            text = importlib.metadata.distribution(part).read_text("WHEEL")
            assert text is not None
            assert "Tag: py3-none-any" in text, part


def test_a_new_dependency_would_be_missed_in_the_table() -> None:
    assert "pytest" in list_all({"pytest"})
    assert set(list_all({"pytest"})) - set(parse_table(PAGE)) >= {"pytest", "pluggy", "iniconfig"}


@dataclass(frozen=True)
class Environment:
    """A virtual environment that has only what pip put there; what the program needs comes from the tests' own."""

    folder: Path

    @property
    def program(self) -> Path:
        return self.folder / "bin/sysvitals"

    def pip(self, *arguments: str) -> None:
        command = [sys.executable, "-m", "pip", "--python", str(self.folder / "bin/python"), "--isolated", *arguments]
        subprocess.run(command, capture_output=True, timeout=PATIENCE, check=True)

    def run(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [str(self.program), *arguments],
            capture_output=True,
            text=True,
            timeout=PATIENCE,
            check=False,
            env=PARTS,
        )


PARTS = os.environ | {"PYTHONPATH": sysconfig.get_path("purelib"), "PYTHONDONTWRITEBYTECODE": "1"}
INSTALL = ("install", "--no-index", "--no-deps", "--force-reinstall")


@pytest.fixture
def environment(tmp_path: Path) -> Environment:
    folder = tmp_path / "opt/sysvitals"
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", str(folder)], timeout=PATIENCE, check=True)
    return Environment(folder)


def serve_once(environment: Environment, storage: Path) -> None:
    """The exporter until it has its first readings, then ended as a service is."""
    port = free_port()
    command = [str(environment.program), "serve", f"--storage.path={storage}", f"--web.listen-address=127.0.0.1:{port}"]
    with subprocess.Popen(command, env=PARTS, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as process:
        try:
            wait_until(lambda: answers(f"http://127.0.0.1:{port}/-/ready"), "the exporter is ready")
        finally:
            process.terminate()


def read_tree(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_an_update_and_a_removal_leave_history_and_edited_files_alone(environment: Environment, tmp_path: Path) -> None:
    wheel = str(build(ROOT, "wheel", tmp_path / "wheel"))
    user = tmp_path / "user"
    rule, provision = user / "prometheus/rules/heat.yml", ("provision", "prometheus", "--to", str(user / "prometheus"))
    environment.pip(*INSTALL, wheel)
    assert environment.run(*provision).returncode == 0
    rule.write_text(rule.read_text().replace("severity: warning", "severity: mine"))
    serve_once(environment, user / "data")
    before = read_tree(user)
    assert [name for name in before if name.startswith("data/history/")]
    assert b"severity: mine" in before["prometheus/rules/heat.yml"]

    environment.pip(*INSTALL, wheel)
    assert read_tree(user) == before
    assert "1 kept" in environment.run(*provision).stdout
    assert rule.read_bytes() == before["prometheus/rules/heat.yml"]

    assert environment.run(*provision, "--remove").returncode == 0
    left = {name for name in read_tree(user) if not os.path.basename(name).startswith(".sysvitals")}
    assert left == {name for name in before if name.startswith("data/")} | {"prometheus/rules/heat.yml"}
    environment.pip("uninstall", "--yes", "sysvitals")
    assert not environment.program.exists()
    assert list(environment.folder.rglob("*sysvitals*")) == []
    assert {name: read_tree(user)[name] for name in left} == {name: before[name] for name in left}
