"""How full a filesystem is: as df counts, and the same for readings, rules and the verdict."""

import os
import shutil
import subprocess
from pathlib import Path

import pytest

from sysvitals.model.space import used_ratio
from tests.patience import PATIENCE


@pytest.mark.parametrize(
    ("size", "free", "available", "used"),
    [
        (100, 25, 25, 0.75),
        (100, 95, 1, 5 / 6),  # root keeps nearly all: what is left to others is nearly nothing
        (100, 30, 0, 1.0),
        (100, 100, 60, 0.0),
        (100, 20, 30, 80 / 110),  # btrfs keeps a reserve out of what is free alone
    ],
)
def test_it_is_the_used_part_of_what_users_may_fill(size: int, free: int, available: int, used: float) -> None:
    assert used_ratio(size, free, available) == pytest.approx(used)


@pytest.mark.parametrize(("size", "free", "available"), [(None, 1, 1), (2, None, 1), (2, 1, None), (100, 100, 0)])
def test_what_is_not_known_has_none(size: int | None, free: int | None, available: int | None) -> None:
    assert used_ratio(size, free, available) is None


def test_df_says_the_same(tmp_path: Path) -> None:
    df = shutil.which("df")
    assert df
    said = subprocess.run(
        [df, "--output=pcent", tmp_path],
        capture_output=True,
        text=True,
        timeout=PATIENCE,
        check=True,
        env={"LC_ALL": "C"},
    )
    space = os.statvfs(tmp_path)
    used = used_ratio(*(blocks * space.f_frsize for blocks in (space.f_blocks, space.f_bfree, space.f_bavail)))
    assert used is not None
    percent = int(said.stdout.split()[-1].rstrip("%"))
    assert percent - 100 * used == pytest.approx(0.5, abs=1.5)  # df rounds up, and other tests may write meanwhile
