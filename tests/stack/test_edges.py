"""The real exporter on edges that come while all heartbeats are far away: shown and on the disk before the next one."""

import json
import re
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import Any

import httpx

from tests.mounting import require_namespaces
from tests.patience import PATIENCE
from tests.recorded import HOSTS
from tests.stack.running import answers, free_port, run_exporter, wait_until, write_in_place

FAR = (
    "--collector.filesystem.interval=1h",
    "--collector.throttling.interval=1h",
    "--collector.network.interval=1h",
    "--history.flush-interval=1h",  # so that what is on the disk was forced there
    "--history.compress=off",
)


def read_events(storage: Path, name: str) -> list[dict[str, Any]]:
    segments = sorted(storage.glob("history/*/*.jsonl"))
    lines = [line for segment in segments for line in segment.read_bytes().split(b"\n")[:-1]]
    return [event for event in map(json.loads, lines) if event["name"] == name]


def wait_for_events(storage: Path, name: str, count: int) -> list[dict[str, Any]]:
    wait_until(lambda: len(read_events(storage, name)) >= count, f"{count} {name} in {storage}")
    return read_events(storage, name)


def moment(event: dict[str, Any]) -> float:
    return datetime.fromisoformat(event["time"]).timestamp()


def metric(address: str, series: str) -> float:
    text = httpx.get(f"http://{address}/metrics", timeout=PATIENCE).text
    return float(next(line for line in text.splitlines() if line.startswith(series)).split()[-1])


@contextmanager
def run_with_disk(folder: Path, disk: Path) -> Iterator[tuple[str, Callable[[str], None]]]:
    """The exporter as the first process of namespaces of its own, in which a disk is mounted: its address, and a
    function that mounts that disk anew.
    """
    require_namespaces("-m", "-p", "-f", "--mount-proc")
    address = f"127.0.0.1:{free_port()}"
    others = f"(?!{re.escape(str(disk))}).*"
    command = ["unshare", "-m", "-p", "--kill-child", "--mount-proc", "--propagation", "private", "sh", "-c"]
    command += [f'mount -t tmpfs -o size=1m tmpfs {disk} && exec "$@"', "sh"]
    command += [sys.executable, "-m", "sysvitals", "serve", f"--web.listen-address={address}", *FAR]
    command += [f"--storage.path={folder / 'kept'}", f"--collector.filesystem.exclude-mount-points={others}"]
    with (folder / "log").open("wb") as log:
        outer = subprocess.Popen(command, cwd=folder, stdout=log, stderr=log)

    def remount(mode: str) -> None:
        inner = Path(f"/proc/{outer.pid}/task/{outer.pid}/children").read_text().strip()
        subprocess.run(["nsenter", "-t", inner, "-m", "mount", "-o", f"remount,{mode}", str(disk)], check=True)

    try:
        wait_until(lambda: answers(f"http://{address}/-/ready"), f"it is ready: {folder / 'log'}")
        yield address, remount
    finally:
        outer.kill()  # the kernel ends those inside with it
        outer.wait()


def test_a_disk_that_turns_read_only_is_on_record_by_the_kernels_notice(tmp_path: Path) -> None:
    disk = tmp_path / "disk"
    disk.mkdir()
    with run_with_disk(tmp_path, disk) as (address, remount):
        wait_until(lambda: metric(address, 'sysvitals_watch_wakes_total{collector="filesystem",how="look"'), "it began")
        for count, mode in enumerate(("ro", "rw"), 1):
            before = time.time()
            remount(mode)
            event = wait_for_events(tmp_path / "kept", "system.disk.remounted", count)[-1]
            assert before - 0.001 <= moment(event) <= time.time()
            assert event["data"] == {"device": "tmpfs", "mountpoint": str(disk), "read_only": mode == "ro"}
            assert metric(address, "system_filesystem_readonly{") == (mode == "ro")
        assert metric(address, 'sysvitals_watch_wakes_total{collector="filesystem",how="notice"') >= 2
        assert metric(address, 'sysvitals_watch_wakes_total{collector="filesystem",how="look"') == 1


def write_by_rename(path: Path, text: str) -> None:
    fresh = path.with_name(f"{path.name}.fresh")
    fresh.write_text(text)
    fresh.rename(path)


def test_an_undervoltage_on_a_board_whose_files_never_notify_is_on_record_by_a_look(tmp_path: Path) -> None:
    host = tmp_path / "host"
    shutil.copytree(HOSTS / "pi-4b-fine", host, symlinks=True)
    [alarm] = host.glob("sys/class/hwmon/*/in0_lcrit_alarm")
    flags = [f"--path.{name}fs={host / name}" for name in ("proc", "sys")]
    flags += [f"--path.devfs={host / 'dev'}", f"--path.rootfs={host}", *FAR]
    cause = '{cause="undervoltage"}'
    with run_exporter(tmp_path, "kept", *flags) as address:
        wait_until(lambda: metric(address, 'sysvitals_watch_wakes_total{collector="throttling",how="look"'), "it began")
        for count, write in enumerate((write_in_place, write_by_rename), 1):
            onset = time.time()
            write(alarm, "1\n")
            started = wait_for_events(tmp_path / "kept", "system.throttling.started", count)[-1]
            told = time.time()
            assert onset - 0.001 <= moment(started) <= told
            assert started["data"] == {"cause": "undervoltage"}
            assert metric(address, f"system_throttled{cause}") == 1
            clearing = time.time()
            write(alarm, "0\n")
            cleared = wait_for_events(tmp_path / "kept", "system.throttling.cleared", count)[-1]
            ended = time.time()
            assert clearing - 0.001 <= moment(cleared) <= ended
            assert clearing - told <= cleared["data"]["seconds"] + 0.001 <= ended - onset + 0.002
            assert metric(address, f"system_throttle_events_total{cause}") == count
        # the start is forced to the disk, and then these edges, together where they come within 5 s
        wait_until(lambda: metric(address, "sysvitals_history_syncs_total") >= 2, "the edges are forced to the disk")
