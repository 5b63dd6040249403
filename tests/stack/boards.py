"""Simulated boards that live in real time, from when they are told to."""

import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path

from sysvitals.simulation.simulation import Simulation

TICK_SECONDS = 0.2
SCENARIOS = Path(__file__).parent / "scenarios"


@contextmanager
def build_boards(folder: Path, scenarios: dict[str, str]) -> Iterator[dict[str, Simulation]]:
    """A Raspberry Pi 4 for each name, with the scenario of its own. They stand still until they are played."""
    with ExitStack() as stack:
        yield {
            name: stack.enter_context(Simulation("pi4", scenario, folder / f"{name}-board", loop=False, hostname=name))
            for name, scenario in scenarios.items()
        }


@contextmanager
def play(boards: Sequence[Simulation]) -> Iterator[float]:
    """Let the boards live as time goes on; gives the time, by the monotonic clock, at which theirs began."""
    ending = threading.Event()

    def live() -> None:
        lived = 0.0
        while not ending.wait(TICK_SECONDS):
            now = time.monotonic() - began
            for board in boards:
                board.step(now - lived)
            lived = now

    thread = threading.Thread(target=live, name="boards")
    began = time.monotonic()
    thread.start()
    try:
        yield began
    finally:
        ending.set()
        thread.join()


def flags_of(board: Simulation) -> list[str]:
    """What tells the exporter to read this board."""
    folder = board.tree.folder
    below = {"procfs": "/proc", "sysfs": "/sys", "rootfs": "", "devfs": "/dev"}
    return [f"--path.{name}={folder}{path}" for name, path in below.items()]
