import gzip
import importlib.util
from pathlib import Path

import pytest

from sysvitals.collectors import COLLECTORS
from sysvitals.model.collector import Fault, Unavailable
from sysvitals.simulation.boards import BOARDS, find_board, load_board
from sysvitals.simulation.errors import SimulationError
from sysvitals.simulation.simulation import Simulation

ROOT = Path(__file__).parents[2]


@pytest.mark.parametrize("name", BOARDS)
def test_each_packed_board_is_current_with_its_recorded_host(name: str) -> None:
    path = ROOT / "exporter" / "pack_boards.py"
    spec = importlib.util.spec_from_file_location("pack_boards", path)
    assert spec is not None
    assert spec.loader is not None
    packer = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(packer)
    archive = gzip.decompress((packer.ARCHIVES / f"{name}.tar.gz").read_bytes())
    assert archive == packer.pack_board(BOARDS[name]), "run `python exporter/pack_boards.py`"


def test_no_archive_lies_there_without_its_board() -> None:
    folder = ROOT / "exporter" / "sysvitals" / "simulation" / "boards"
    assert {path.name.removesuffix(".tar.gz") for path in folder.iterdir()} == set(BOARDS)


@pytest.mark.parametrize("name", BOARDS)
def test_no_link_of_a_board_leads_out_of_its_tree(name: str) -> None:
    for path, target in load_board(BOARDS[name]).links.items():
        assert not target.startswith("/")
        assert target.count("../") <= path.count("/")


@pytest.mark.parametrize("name", BOARDS)
def test_every_collector_reads_every_board_without_a_fault_in_the_worst_of_nights(name: str, tmp_path: Path) -> None:
    with Simulation(name, "bad-night", tmp_path, seed=1) as board:
        for minutes in (1, 19, 16):
            board.step(minutes * 60)
            host = board.host()
            for collector in COLLECTORS:
                try:
                    found = list(collector.run(host))
                except Unavailable:
                    continue
                assert [one for one in found if isinstance(one, Fault)] == [], collector.name


def test_a_board_that_is_not_there_is_said_with_the_nearest() -> None:
    with pytest.raises(SimulationError, match=r"^no board 'pi4b': did you mean pi4\?$"):
        find_board("pi4b")
    with pytest.raises(SimulationError, match=r"^no board 'amiga': there are pi-zero-w, pi-3b-plus, pi4, "):
        find_board("amiga")
