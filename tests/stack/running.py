"""Real programs that a test runs, each ended by its own process id."""

import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx

from tests.patience import PATIENCE
from tests.recorded import HOSTS


def wait_until(what: Callable[[], object], why: str) -> None:
    deadline = time.monotonic() + PATIENCE
    while not what():
        assert time.monotonic() < deadline, f"not within {PATIENCE:g} s: {why}"
        time.sleep(0.05)


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        return int(taken.getsockname()[1])


@contextmanager
def run(arguments: list[str], folder: Path, name: str) -> Iterator[Path]:
    """A program while it runs, as the file that it logs to."""
    log = folder / f"{name}.log"
    with log.open("wb") as output:
        process = subprocess.Popen(arguments, cwd=folder, stdout=output, stderr=subprocess.STDOUT)
    try:
        yield log
    finally:
        process.terminate()
        try:
            process.wait(timeout=PATIENCE)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


@contextmanager
def run_exporter(folder: Path, name: str, *flags: str) -> Iterator[str]:
    """The exporter while it runs, as its address."""
    address = f"127.0.0.1:{free_port()}"
    own = [f"--web.listen-address={address}", f"--storage.path={folder / name}"]
    with run([sys.executable, "-m", "sysvitals", "serve", *own, *flags], folder, name) as log:
        wait_until(lambda: answers(f"http://{address}/-/ready"), f"{name} is ready: {log}")
        yield address


def answers(url: str) -> bool:
    try:
        return httpx.get(url, timeout=PATIENCE).status_code == 200
    except httpx.TransportError:
        return False


@contextmanager
def run_board(folder: Path, *flags: str) -> Iterator[tuple[str, Path]]:
    """The exporter on a board whose files the test writes: its address, and the file of the undervoltage alarm."""
    host = folder / "host"
    shutil.copytree(HOSTS / "pi-4b-fine", host, symlinks=True)
    [alarm] = host.glob("sys/class/hwmon/*/in0_lcrit_alarm")
    paths = [f"--path.{name}fs={host / name}" for name in ("proc", "sys")]
    paths += [f"--path.devfs={host / 'dev'}", f"--path.rootfs={host}"]
    with run_exporter(folder, "kept", *paths, *flags) as address:
        yield address, alarm


def write_in_place(path: Path, text: str) -> None:
    with path.open("r+") as file:  # no step in which it is empty
        file.write(text)


def join_silently(address: str) -> socket.socket:
    """A viewer that never reads."""
    host, port = address.split(":")
    viewer = socket.create_connection((host, int(port)), timeout=PATIENCE)
    viewer.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    viewer.sendall(
        b"GET /api/v1/live HTTP/1.1\r\nHost: board\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n"
    )
    return viewer
