"""What the kernel does to its own counters, as the real exporter shows it."""

from pathlib import Path

import httpx
import pytest

from tests.patience import PATIENCE
from tests.stack.running import run_exporter, wait_until

STAT = """cpu  1000 0 500 {idle} {iowait} 0 0 0 0 0
cpu0 1000 0 500 {idle} {iowait} 0 0 0 0 0
ctxt 1
btime 1789814365
processes 1
"""


def write_stat(folder: Path, *, idle: int, iowait: int) -> None:
    (folder / "proc/stat").write_text(STAT.format(idle=idle, iowait=iowait))


def read_counter(address: str, mode: str) -> float:
    text = httpx.get(f"http://{address}/metrics", params={"collect[]": "cpu"}, timeout=PATIENCE).text
    line = next(line for line in text.splitlines() if line.startswith("system_cpu_seconds_total") and mode in line)
    return float(line.split()[-1])


def test_a_mode_that_the_kernel_sets_back_by_a_tick_is_no_reset_to_prometheus(tmp_path: Path) -> None:
    # rate() takes any step back for a restart and adds the whole total: hours of iowait at once
    folder = tmp_path / "host"
    (folder / "proc").mkdir(parents=True)
    (folder / "sys").mkdir()
    write_stat(folder, idle=900_000, iowait=360_000)
    paths = [f"--path.procfs={folder}/proc", f"--path.sysfs={folder}/sys", f"--path.rootfs={folder}"]
    with run_exporter(tmp_path, "ticks", *paths, "--no-history", "--collector.cpu.max-age=0s") as address:
        assert (read_counter(address, '"idle"'), read_counter(address, '"iowait"')) == (9000, 3600)
        write_stat(folder, idle=900_100, iowait=359_999)
        wait_until(lambda: read_counter(address, '"idle"') == 9001, "it has read anew")
        assert read_counter(address, '"iowait"') == 3600
        # a real reset, as when a CPU comes back after it was offline, is one
        write_stat(folder, idle=100, iowait=10)
        wait_until(lambda: read_counter(address, '"idle"') == 1, "it has read anew")
        assert read_counter(address, '"iowait"') == pytest.approx(0.1)
