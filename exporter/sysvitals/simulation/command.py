"""`sysvitals simulate`: a simulated board in real time."""

import argparse
import shlex
import signal
import time
from collections.abc import Callable, Mapping
from threading import Event
from typing import Any

from sysvitals.outputs.terminal import complain, say
from sysvitals.simulation.boards import BOARDS
from sysvitals.simulation.errors import SimulationError
from sysvitals.simulation.scenario import list_scenarios, load_scenario
from sysvitals.simulation.simulation import Simulation, Truth

TICK_SECONDS = 0.2
_HIGHEST_SPEED = 3600.0


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the command's arguments; what they give is for `run`."""
    parser.description = f"{parser.description} Put the folder where memory is (/tmp, /run), not on an SD card."
    parser.add_argument("folder", metavar="DIR", nargs="?", help="An empty folder, or that of an earlier simulation.")
    parser.add_argument("--board", default="pi4", help="Which board; --list names all. (default: pi4)")
    parser.add_argument(
        "--scenario", default="idle", help="What happens to it: a name, or a YAML file's path. (default: idle)"
    )
    parser.add_argument("--seed", type=int, default=0, help="The same seed gives the same course. (default: 0)")
    parser.add_argument("--speed", type=float, default=1.0, help="How much faster than real time. (default: 1)")
    parser.add_argument("--once", action="store_true", help="End with the scenario instead of beginning again.")
    parser.add_argument("--hostname", help="The board's host name. (default: the board's name)")
    parser.add_argument("--list", action="store_true", help="List boards and scenarios, and end.")


def run(options: Mapping[str, Any], *, stop: Event | None = None) -> int:
    """Run until SIGTERM or SIGINT (or `stop`), or to the scenario's end. The exit status: 2 if asked wrongly."""
    if options["list"]:
        say(*describe_choices())
        return 0
    try:
        check_options(options)
        simulation = Simulation(
            options["board"],
            options["scenario"],
            options["folder"],
            seed=options["seed"],
            loop=not options["once"],
            hostname=options["hostname"],
        )
    except SimulationError as error:
        complain(str(error))
        return 2
    except OSError as error:
        complain(f"{options['folder']}: {error.strerror or error}")
        return 1
    ending = stop or Event()
    restore = _end_on_signals(ending) if stop is None else None
    try:
        with simulation:
            _tell_how_to_read(simulation, options)
            _run(simulation, ending, options["speed"])
    except OSError as error:
        complain(f"{simulation.tree.folder}: {error.strerror or error}")
        return 1
    finally:
        if restore is not None:
            restore()
    return 0


def check_options(options: Mapping[str, Any]) -> None:
    """Raises SimulationError for what no simulation can do."""
    if not options["folder"]:
        raise SimulationError("simulate: in which folder? for instance: sysvitals simulate /tmp/board")
    if not 0 < options["speed"] <= _HIGHEST_SPEED:
        raise SimulationError(f"--speed: {options['speed']:g} is not above 0 and at most {_HIGHEST_SPEED:g}")
    name = options["hostname"]
    if name is not None and not (0 < len(name) <= 64 and name.isascii() and name.replace("-", "").isalnum()):
        raise SimulationError(f"--hostname: {name!r} is no host name: letters, digits and hyphens, at most 64")


def describe_choices() -> list[str]:
    """All boards and scenarios, for people."""
    width = 17
    boards = [f"  {board.name:<{width}} {board.summary}" for board in BOARDS.values()]
    scenarios = [f"  {name:<{width}} {load_scenario(name).summary}" for name in list_scenarios()]
    return ["boards:", *boards, "", "scenarios:", *scenarios]


def _run(simulation: Simulation, ending: Event, speed: float) -> None:
    # the folder's files move on every tick, and the firmware's nodes answer all the time
    last = time.monotonic()
    while not ending.is_set() and not simulation.is_over:
        ending.wait(max(0.0, last + TICK_SECONDS - time.monotonic()))
        now = time.monotonic()
        # a machine that slept, or is too slow for the speed, does not make up for it at once
        passed = min(now - last, 5 * TICK_SECONDS)
        last = now
        for truth in simulation.step(passed * speed):
            _tell(truth)


def _tell_how_to_read(simulation: Simulation, options: Mapping[str, Any]) -> None:
    folder = simulation.tree.folder
    speed = options["speed"]
    roots = {"procfs": f"{folder}/proc", "sysfs": f"{folder}/sys", "rootfs": folder, "devfs": f"{folder}/dev"}
    say(
        simulation.board.summary,
        f"plays {simulation.scenario.name} (seed {options['seed']}, speed {speed:g}): {simulation.scenario.summary}",
        "To read it as if it were this host:",
        "  " + shlex.join(["sysvitals", "serve", *(f"--path.{name}={root}" for name, root in roots.items())]),
    )


def _tell(truth: Truth) -> None:
    if truth.layer != "kernel":
        minutes, seconds = divmod(truth.elapsed, 60)
        word = "begins" if truth.active else "ends"
        say(f"{int(minutes):4d}:{seconds:04.1f}  {truth.layer:<8}  {truth.cause} {word}")


def _end_on_signals(ending: Event) -> Callable[[], None]:
    numbers = (signal.SIGTERM, signal.SIGINT)
    before = {number: signal.signal(number, lambda *_: ending.set()) for number in numbers}

    def restore() -> None:
        for number, handler in before.items():
            signal.signal(number, handler)

    return restore
