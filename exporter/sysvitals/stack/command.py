"""`sysvitals stack`: the whole chain on one host, in the foreground."""

import argparse
import os
from collections.abc import Mapping
from typing import Any

from sysvitals.collectors import COLLECTORS
from sysvitals.config.flags import add_flags
from sysvitals.outputs.terminal import complain, say
from sysvitals.simulation.errors import SimulationError
from sysvitals.stack.addresses import SERVERS
from sysvitals.stack.stack import StackError, run_stack
from sysvitals.stack.wishes import read_wishes

STANDARD_OUTPUT = 1

_OPTIONAL = ("alertmanager", "grafana")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the command's arguments, and the flags of all settings; what they give is for `run`."""
    parser.usage = "sysvitals stack [--simulate BOARD:SCENARIO] [FLAG ...]"
    parser.description = (
        f"{(parser.description or '').rstrip('.')}: the programs that are installed here, with our configuration, until"
        " Ctrl-C. What they keep, and their configuration to edit, is in the folder `stack` of the storage path."
    )
    parser.add_argument(
        "--simulate",
        metavar="BOARD:SCENARIO",
        help="On a simulated board, such as pi4:brownout; `sysvitals simulate --list` names all. Nothing is left"
        " behind, unless --storage.path says where.",
    )
    parser.add_argument(
        "--webhook",
        metavar="URL",
        action="append",
        help="Send alerts there, as Alertmanager's JSON: a program of yours, or"
        " https://ntfy.sh/TOPIC?template=alertmanager for a phone. May be given more than once.",
    )
    for name, default in SERVERS.items():
        parser.add_argument(
            f"--{name}.listen-address",
            dest=f"{name}_address",
            metavar="ADDRESS",
            default=default,
            help=f"Where {name.capitalize()} listens. (default: {default})",
        )
    for name in _OPTIONAL:
        parser.add_argument(
            f"--{name}",
            dest=name,
            action=argparse.BooleanOptionalAction,
            default=True,
            help=f"Run {name.capitalize()} too, where it is installed. (default: true)",
        )
    add_flags(parser, COLLECTORS)


def run(options: Mapping[str, Any]) -> int:
    """Run until SIGINT or SIGTERM. The exit status: 1 if it could not be or something broke, 2 if asked wrongly."""
    try:
        return run_stack(read_wishes(options), _say)
    except SimulationError as error:
        complain(str(error))
        return 2
    except StackError as error:
        complain(*str(error).split("\n"))
    except OSError as error:
        where = f"{error.filename}: " if error.filename else ""
        complain(f"{where}{error.strerror or error}")
    return 1


def _say(text: str) -> None:
    try:
        say(*text.split("\n"))
    except OSError:  # the terminal is gone; the end shall be orderly all the same
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, STANDARD_OUTPUT)
        os.close(nowhere)
