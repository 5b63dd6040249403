from pathlib import Path

import pytest

from sysvitals.collectors import load
from tests.building import build_host


def test_load_is_as_the_kernel_prints_it(tmp_path: Path) -> None:
    host = build_host(tmp_path, {"proc/loadavg": "0.20 0.18 0.12 3/180 11206\n"})
    assert list(load.read(host)) == [load.Load(load1=0.20, load5=0.18, load15=0.12, running=3, tasks=180)]


@pytest.mark.parametrize("text", ["", "0.20 0.18\n", "nan 0.1 0.1 1/2 3\n", "0.1 0.1 0.1 x/2 3\n"])
def test_load_that_makes_no_sense_is_an_error_and_no_number(tmp_path: Path, text: str) -> None:
    host = build_host(tmp_path, {"proc/loadavg": text})
    with pytest.raises(ValueError, match=r"."):
        list(load.read(host))
