"""What is installed is what is needed: built offline, unpacked elsewhere, and run from there."""

import os
import subprocess
import sys
import tarfile
import zipfile
from pathlib import Path

import pytest

from sysvitals.provision import kinds, shipped
from sysvitals.provision.kinds import KINDS
from sysvitals.provision.shipped import shipped_folder
from sysvitals.web.page.render import COMPILED, render_page
from sysvitals.web.page.time_line import Asked
from tests.patience import PATIENCE
from tests.web.looking import look

ROOT = Path(__file__).parent.parent
SHIPPED = "sysvitals/shipped/"


def build(source: Path, target: str, folder: Path) -> Path:
    """The wheel or sdist of this source. No isolation: nothing is fetched."""
    done = subprocess.run(
        [sys.executable, "-m", "hatchling", "build", "-t", target, "-d", str(folder)],
        cwd=source,
        capture_output=True,
        text=True,
        timeout=PATIENCE,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    (built,) = folder.iterdir()
    return built


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return build(ROOT, "wheel", tmp_path_factory.mktemp("wheel"))


@pytest.fixture(scope="module")
def sdist(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return build(ROOT, "sdist", tmp_path_factory.mktemp("sdist"))


@pytest.fixture(scope="module")
def installed(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The wheel's files as they are in site-packages."""
    folder = tmp_path_factory.mktemp("site-packages")
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(folder)  # noqa: S202  # our own
    return folder


PROGRAM = "/srv/sysvitals/bin/sysvitals"
START = f"""
import sys
from sysvitals.provision import kinds
kinds.find_program = lambda _folder: {PROGRAM!r}
from sysvitals.cli import main
sys.exit(main())
"""
"""The unit needs an installed command, which these files alone are not."""


def run(installed: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    environment = os.environ | {"PYTHONPATH": str(installed)}
    command = [sys.executable, "-c", START, *arguments]
    return subprocess.run(
        command, cwd=installed, env=environment, capture_output=True, text=True, timeout=PATIENCE, check=False
    )


def names(wheel: Path) -> set[str]:
    with zipfile.ZipFile(wheel) as archive:
        return set(archive.namelist())


def test_the_wheel_has_exactly_the_files_that_are_provisioned(wheel: Path) -> None:
    expected = {
        f"{folder}/{path.relative_to(shipped_folder(folder)).as_posix()}"
        for kind in KINDS.values()
        for folder, patterns in kind.sources.items()
        for pattern in patterns
        for path in shipped_folder(folder).glob(pattern)
    }
    assert {name.removeprefix(SHIPPED) for name in names(wheel) if name.startswith(SHIPPED)} == expected
    for needed in (
        "prometheus/prometheus.yml",
        "prometheus/alertmanager.yml",
        "prometheus/RUNBOOK.md",
        "prometheus/rules/power.yml",
        "prometheus/templates/sysvitals.tmpl",
        "prometheus/targets/sysvitals/local.yml",
        "victoriametrics/scrape.yml",
        "victoriametrics/rules/power.yml",
        "victoriametrics/targets/victoriametrics/local.yml",
        "grafana/dashboards/fleet.json",
        "grafana/provisioning/datasources/sysvitals.yml",
        "grafana/provisioning/dashboards/sysvitals.yml",
        "deploy/systemd/etc/systemd/system/sysvitals.service",
        "deploy/systemd/etc/sysvitals/sysvitals.yml",
    ):
        assert needed in expected


def test_the_wheel_has_the_program_and_nothing_of_the_workshop(wheel: Path) -> None:
    found = names(wheel)
    assert {"sysvitals/cli.py", "sysvitals/simulation/boards/pi4.tar.gz"} <= found
    assert {"sysvitals/web/page/templates/page.html", "sysvitals/web/page/runbook.html"} <= found
    assert [name for name in found if not name.startswith(("sysvitals/", "sysvitals-"))] == []
    assert [name for name in found if "__pycache__" in name or "/builder/" in name or "/rulebook/" in name] == []
    assert [name for name in found if name.startswith("sysvitals/judgement/") and name.endswith("rules.py")] == []


def test_an_installed_page_is_the_same_without_reading_a_template(wheel: Path, installed: Path) -> None:
    assert any(name.startswith(f"sysvitals/web/page/{COMPILED}/") for name in names(wheel))
    code = (
        "import jinja2, sysvitals.web.page.render as render\n"
        "from tests.web.looking import look\n"
        "jinja2.FileSystemLoader.get_source = None\n"
        "print(render.render_page(look(), render.Asked('24h')))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code],
        cwd=ROOT,
        env=os.environ | {"PYTHONPATH": str(installed), "TZ": "UTC"},
        capture_output=True,
        text=True,
        timeout=PATIENCE,
        check=True,
    )
    assert done.stdout == f"{render_page(look(), Asked('24h'))}\n"


def test_pip_makes_the_same_wheel_of_the_sdist_byte_for_byte(wheel: Path, sdist: Path, tmp_path: Path) -> None:
    pip = [sys.executable, "-m", "pip", "wheel", "--no-index", "--no-deps", "--no-build-isolation"]
    done = subprocess.run(
        [*pip, "--wheel-dir", str(tmp_path), str(sdist)],
        capture_output=True,
        text=True,
        timeout=PATIENCE,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    (made,) = tmp_path.iterdir()
    assert names(made) == names(wheel)
    assert made.read_bytes() == wheel.read_bytes()


def test_each_pip_can_unpack_the_sdist(sdist: Path, tmp_path: Path) -> None:
    with tarfile.open(sdist) as archive:
        for member in archive:
            tarfile.data_filter(member, str(tmp_path))  # raises for what some refuse, such as absolute links


@pytest.mark.parametrize("kind", KINDS)
def test_provision_from_an_installed_wheel_writes_what_is_in_it(
    kind: str, installed: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    done = run(installed, "provision", kind, "--to", str(tmp_path))
    assert (done.returncode, done.stderr) == (0, "")
    monkeypatch.setattr(shipped, "_PACKAGE", installed / "sysvitals")
    monkeypatch.setattr(kinds, "find_program", lambda _folder: PROGRAM)
    expected = KINDS[kind].files(tmp_path)
    assert len(expected) >= 2
    written = {
        path.relative_to(tmp_path).as_posix(): path.read_bytes()
        for path in tmp_path.rglob("*")
        if path.is_file() and not path.name.startswith(".sysvitals-")
    }
    assert written == expected


def test_the_installed_program_runs_its_own_code(installed: Path) -> None:
    code = "import sysvitals, sysvitals.provision.shipped as s; print(sysvitals.__file__, s.shipped_folder('grafana'))"
    done = subprocess.run(
        [sys.executable, "-c", code],
        cwd="/",
        env=os.environ | {"PYTHONPATH": str(installed)},
        capture_output=True,
        text=True,
        timeout=PATIENCE,
        check=True,
    )
    assert done.stdout.split() == [f"{installed}/sysvitals/__init__.py", f"{installed}/sysvitals/shipped/grafana"]


def test_a_development_install_has_no_copies_that_would_grow_old(tmp_path: Path) -> None:
    # what pip does for `pip install --editable`
    code = f"import hatchling.build as b; print(b.build_editable({str(tmp_path)!r}))"
    subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, timeout=PATIENCE, check=True)
    (built,) = tmp_path.iterdir()
    assert [name for name in names(built) if not name.startswith("sysvitals-")] == ["_sysvitals.pth"]
    with zipfile.ZipFile(built) as archive:
        assert archive.read("_sysvitals.pth").decode() == str(ROOT / "exporter")
