import os
import resource
from pathlib import Path

import pytest
from prometheus_client.process_collector import ProcessCollector

from sysvitals.host.host import Host
from sysvitals.sources.proc.own_process import parse_process_stat, read_own_process

STAT = (
    "4711 (odd) name (x)) S 1 4711 4711 0 -1 4194304 100 0 0 0 1234 66 0 0 20 0 5 0 987654 41943040 2560 "
    "18446744073709551615 1 1 0 0 0 0 0 16781312 2 0 0 0 17 1 0 0 0 0 0 0 0 0 0 0 0 0 0"
)


def test_what_the_process_costs_is_what_prometheus_client_says() -> None:
    theirs = {
        sample.name: sample.value for family in ProcessCollector(registry=None).collect() for sample in family.samples
    }
    own = read_own_process(Host())
    assert own.started == theirs["process_start_time_seconds"]
    assert own.most_files == theirs["process_max_fds"]
    assert own.open_files == theirs["process_open_fds"]
    # these go on
    assert own.cpu == pytest.approx(theirs["process_cpu_seconds_total"], abs=5.0)
    assert own.virtual == pytest.approx(theirs["process_virtual_memory_bytes"], rel=0.5)
    assert own.resident == pytest.approx(theirs["process_resident_memory_bytes"], rel=0.5)


def test_the_name_of_the_process_may_hold_anything() -> None:
    assert parse_process_stat(STAT) == (1300, 987654, 41943040, 2560)


@pytest.mark.parametrize("text", ["", "1 (x) S 1 2 3", STAT.replace("987654", "soon")])
def test_text_that_is_none_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"."):
        parse_process_stat(text)


def test_what_cannot_be_read_takes_nothing_else_with_it(tmp_path: Path) -> None:
    (tmp_path / "self").mkdir()
    (tmp_path / "self/stat").write_text(STAT)
    own = read_own_process(Host(procfs=str(tmp_path)))
    assert (own.started, own.open_files) == (None, None)
    assert (own.cpu, own.virtual, own.resident) == (13.0, 41943040, 2560 * resource.getpagesize())


def test_files_that_are_opened_are_counted() -> None:
    before = read_own_process(Host()).open_files
    with open(os.devnull):
        after = read_own_process(Host()).open_files
    assert before is not None
    assert after == before + 1
