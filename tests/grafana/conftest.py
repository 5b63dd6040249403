"""The recording that the tests ask, made once a session, and a real Prometheus on it."""

import fcntl
import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.grafana.backfill import build_recording
from tests.grafana.recordings import TROUBLE
from tests.grafana.server import Server, run_prometheus
from tests.tools import need_tool

RULES = tuple(sorted((Path(__file__).parents[2] / "prometheus" / "rules").glob("*.yml")))


@pytest.fixture(scope="session")
def recording(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the data (`data`) and what was played (`played`); not to be changed, for all workers share it."""
    need_tool("prometheus")
    is_shared = "PYTEST_XDIST_WORKER" in os.environ
    base = tmp_path_factory.getbasetemp()
    folder = (base.parent if is_shared else base) / "recording"
    with folder.with_suffix(".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not (folder / "done").exists():
            (folder / "played").mkdir(parents=True)
            build_recording(TROUBLE, folder / "data", played=folder / "played", rules=RULES, processes=2)
            (folder / "done").touch()
    return folder


@pytest.fixture(scope="session")
def server(recording: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A Prometheus with the recording."""
    folder = tmp_path_factory.mktemp("prometheus")
    shutil.copytree(recording / "data", folder / "data")  # a server locks its folder
    with run_prometheus(folder / "data", log=folder / "prometheus.log") as running:
        yield running
