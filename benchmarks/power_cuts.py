"""Cuts the power of a disk under the running exporter, and asks the next start whether it counted: by root, by hand.

The storage lies on a separate ext4 image, mounted through a loop device. A cut is a copy of the image at that
moment: what the kernel has not written to it by then is lost, as on a card. The next boot mounts the copy, which
replays its journal; it may find the disk read-only or full at first.

    python benchmarks/power_cuts.py --cuts 10
"""

import argparse
import random
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import urllib.request
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

ROOT = Path(__file__).parents[1]
HOST = ROOT / "tests/hosts/pi-4b-fine"
TOTAL = re.compile(r"^system_unclean_shutdowns_total (\S+)$", re.MULTILINE)
PATIENCE_SECONDS = 60.0
IMAGE_BYTES = 32 << 20
STARTS = ("writable", "read-only", "full", "read-only for a whole boot")


class Disk:
    """An image with a filesystem in it, and where it is mounted."""

    def __init__(self, folder: Path) -> None:
        self.image, self.cut, self.mount = folder / "image", folder / "cut", folder / "mount"
        self.mount.mkdir()
        with self.image.open("wb") as file:
            file.truncate(IMAGE_BYTES)
        run("mkfs.ext4", "-q", "-m", "0", str(self.image))

    @contextmanager
    def mounted(self, mode: str) -> Iterator[None]:
        """Mounted, `rw` or `ro`."""
        # read-only from the start, the loop device would not let the journal be replayed
        run("mount", "-o", "loop,commit=5", str(self.image), str(self.mount))
        try:
            self.set_mode(mode)
            yield
        finally:
            run("umount", str(self.mount))

    def set_mode(self, mode: str) -> None:
        """Mount it `rw` or `ro` from now on."""
        run("mount", "-o", f"remount,{mode}", str(self.mount))

    def fill(self) -> Path:
        """Use all that is free."""
        file = self.mount / "filler"
        with file.open("wb") as filler:
            try:
                while True:
                    filler.write(bytes(1 << 16))
                    filler.flush()
            except OSError:
                pass
        return file


def run(*command: str) -> None:
    """Run a program to its end. Raises CalledProcessError."""
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)


def wait_until(is_so: Callable[[], bool], what: str) -> None:
    """Wait for this, and end the program where it does not come."""
    end = time.monotonic() + PATIENCE_SECONDS
    while not is_so():
        if time.monotonic() > end:
            raise SystemExit(f"never: {what}")
        time.sleep(0.1)


class Board:
    """A recorded board whose storage is on that disk. `log` is what its exporters say."""

    def __init__(self, folder: Path, disk: Disk, flags: list[str]) -> None:
        self.host, self.disk, self.flags, self.log = folder / "host", disk, flags, folder / "log"
        shutil.copytree(HOST, self.host, symlinks=True)
        self.address = ""

    @contextmanager
    def running(self) -> Iterator[subprocess.Popen[bytes]]:
        """The exporter, ready. It is killed at the end."""
        command = [sys.executable, "-m", "sysvitals", "serve", "--web.listen-address=127.0.0.1:0"]
        command += [f"--path.{name}fs={self.host / name}" for name in ("proc", "sys")]
        command += [f"--path.devfs={self.host / 'dev'}", f"--path.rootfs={self.host}"]
        command += [f"--storage.path={self.disk.mount / 'kept'}", *self.flags]
        self.log.write_bytes(b"")
        with self.log.open("ab") as output, subprocess.Popen(command, stdout=output, stderr=output, cwd="/") as process:
            try:
                wait_until(lambda: self._finds_address() or process.poll() is not None, "it listens")
                if process.poll() is not None:
                    raise SystemExit(self.log.read_text())
                wait_until(self._is_ready, "it is ready")
                yield process
            finally:
                if process.poll() is None:
                    process.send_signal(signal.SIGKILL)
                process.wait()

    def boot(self) -> None:
        """Begin a boot: another id."""
        (self.host / "proc/sys/kernel/random/boot_id").write_text(f"{uuid.uuid4()}\n")

    def counted(self) -> float | None:
        """What it exposes."""
        with urllib.request.urlopen(f"http://{self.address}/metrics", timeout=30) as answer:
            found = TOTAL.search(answer.read().decode())
        return float(found[1]) if found else None

    def _finds_address(self) -> bool:
        found = re.search(rb"http://(127\.0\.0\.1:\d+)", self.log.read_bytes())
        self.address = found[1].decode() if found else ""
        return bool(found)

    def _is_ready(self) -> bool:
        try:
            with urllib.request.urlopen(f"http://{self.address}/-/ready", timeout=5):
                return True
        except OSError:
            return False


def play(start: str, flags: list[str], cuts: int, rng: random.Random) -> tuple[int, int]:
    """Cut the power so often. How many cuts there were, and how many the last boot has counted."""
    with tempfile.TemporaryDirectory() as place:
        disk = Disk(Path(place))
        board = Board(Path(place), disk, flags)
        for _ in range(cuts):
            board.boot()
            with disk.mounted("rw"), started(board, disk, start):
                time.sleep(rng.uniform(0.5, 9.0))
                shutil.copyfile(disk.image, disk.cut)
            disk.cut.replace(disk.image)
            if start == STARTS[3]:  # this boot can keep nothing, and ends with a cut as well: no one can know of that
                board.boot()
                with disk.mounted("ro"), board.running():
                    time.sleep(rng.uniform(0.5, 3.0))
        board.boot()
        with disk.mounted("rw"), board.running():
            wait_until(lambda: board.counted() is not None, "it counts")
            return cuts, int(board.counted() or 0)


@contextmanager
def started(board: Board, disk: Disk, start: str) -> Iterator[None]:
    """The exporter on a disk that refuses at first, and takes what comes after some seconds."""
    filler = None
    if start == "read-only":
        disk.set_mode("ro")
    elif start == "full":
        filler = disk.fill()
    with board.running():
        if start in ("read-only", "full"):
            time.sleep(1.0)
        if start == "read-only":
            disk.set_mode("rw")
        if filler:
            filler.unlink()
        if start in ("read-only", "full"):
            time.sleep(20.0)  # with its next heartbeat, after 15 s at most, it writes what it has to remember
        yield


def main() -> None:
    """Play all cases and print what was counted."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--cuts", type=int, default=10, help="how often the power is cut in each case")
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    rng = random.Random(options.seed)  # noqa: S311  # no secret
    for start in STARTS:
        for fsync in ("--history.fsync", "--no-history.fsync"):
            flags = [fsync, "--history.rotate-interval=4s", "--history.flush-interval=2s"]
            cuts, counted = play(start, flags, options.cuts, rng)
            print(f"{start}, {fsync}: {counted} of {cuts} counted", flush=True)


if __name__ == "__main__":
    main()
