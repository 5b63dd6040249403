"""Real programs that a test runs, each ended by its own process id."""

import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx


def wait_until(what: Callable[[], object], why: str, seconds: float = 20.0) -> None:
    deadline = time.monotonic() + seconds
    while not what():
        assert time.monotonic() < deadline, f"not within {seconds:g} s: {why}"
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
            process.wait(timeout=10)
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
        return httpx.get(url, timeout=5).status_code == 200
    except httpx.TransportError:
        return False
