"""`sysvitals stack`: the whole chain on one host, in the foreground."""

import os
import sys
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from sysvitals.stack.addresses import SERVERS

if TYPE_CHECKING:
    import argparse

# what it needs is imported where it runs: other commands shall not pay for it

_OPTIONAL = ("alertmanager", "grafana")


def add_stack_command(
    commands: "argparse._SubParsersAction[argparse.ArgumentParser]",
) -> "argparse.ArgumentParser":
    """The command's arguments, to which the exporter's own come; what they give is for `run_stack`."""
    import argparse  # noqa: PLC0415

    text = "run exporter, Prometheus, Alertmanager and Grafana together, without containers"
    parser = commands.add_parser(
        "stack",
        help=text,
        usage="sysvitals stack [--simulate BOARD:SCENARIO] [FLAG ...]",
        description=f"{text[0].upper()}{text[1:]}: the programs that are installed here, with our configuration,"
        " until Ctrl-C. What they keep, and their configuration to edit, is in the folder `stack` of the storage path.",
        allow_abbrev=False,
    )
    parser.add_argument(
        "--simulate",
        metavar="BOARD:SCENARIO",
        help="On a simulated board, such as pi4:brownout; `sysvitals simulate --list` tells all. Nothing is left"
        " behind, unless --storage.path says where.",
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
    parser.add_argument("--config.file", dest="file", metavar="FILE", help="The exporter's settings, as for `serve`.")
    return parser


def run_stack(options: Mapping[str, Any]) -> int:
    """Run until SIGINT or SIGTERM. The exit status: 1 if it could not be or something broke, 2 if asked wrongly."""
    from sysvitals.config.load import ConfigError  # noqa: PLC0415
    from sysvitals.simulation.errors import SimulationError  # noqa: PLC0415
    from sysvitals.stack.stack import StackError, run  # noqa: PLC0415
    from sysvitals.stack.wishes import read_wishes  # noqa: PLC0415

    try:
        return run(read_wishes(options), _say)
    except ConfigError as error:
        for problem in error.problems:
            sys.stderr.write(f"sysvitals: {problem}\n")
        return 2
    except SimulationError as error:
        sys.stderr.write(f"sysvitals: {error}\n")
        return 2
    except StackError as error:
        sys.stderr.write(f"sysvitals: {error}\n")
    except OSError as error:
        where = f"{error.filename}: " if error.filename else ""
        sys.stderr.write(f"sysvitals: {where}{error.strerror or error}\n")
    return 1


def _say(line: str) -> None:
    try:
        sys.stdout.write(f"{line}\n")
        sys.stdout.flush()
    except OSError:  # the terminal is gone; the end shall be orderly all the same
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, sys.stdout.fileno())
        os.close(nowhere)
