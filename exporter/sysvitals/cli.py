"""The command line. What a command needs is imported when it is called."""

import argparse
import io
import os
import sys
from collections.abc import Collection, Mapping, Sequence
from importlib import import_module
from typing import Any, NamedTuple, NoReturn, Protocol, cast

from sysvitals import __version__
from sysvitals.config.errors import ConfigError


class Room(Protocol):
    """The module of a command."""

    def add_arguments(self, parser: argparse.ArgumentParser, /) -> None:
        """Add the arguments, and to the description what the command's help does not say."""

    def run(self, options: Mapping[str, Any], /) -> int:
        """Run with the arguments as given. Returns the exit status. Raises ConfigError, which is shown."""


class Command(NamedTuple):
    """What a command does, and the module that does it: a `Room`."""

    help: str
    module: str


COMMANDS: Mapping[str, Command] = {
    "serve": Command("run: take readings, keep the history, serve metrics and the page", "sysvitals.commands.serve"),
    "once": Command("take one round of readings and print the metrics", "sysvitals.commands.once"),
    "collectors": Command(
        "list what this host can report and what it cannot, and why", "sysvitals.commands.collectors"
    ),
    "doctor": Command(
        "prove the chain from the sensor to the phone, and say what to do where it breaks", "sysvitals.doctor.command"
    ),
    "simulate": Command(
        "keep a simulated board alive in a folder, to be read as if it were that board", "sysvitals.simulation.command"
    ),
    "provision": Command(
        "write the files for Prometheus, Alertmanager, Grafana or systemd into a folder", "sysvitals.provision.command"
    ),
    "stack": Command(
        "run exporter, Prometheus, Alertmanager and Grafana together, without containers", "sysvitals.stack.command"
    ),
    "watch": Command("show the events of a running exporter as they happen", "sysvitals.watch.command"),
    "history": Command("show what happened, from the history on disk", "sysvitals.report.history"),
    "report": Command("sum up a time of the history, as text or a page to send", "sysvitals.report.command"),
    "check-config": Command("list all that is wrong with a configuration file", "sysvitals.commands.check_config"),
}


class _Parser(argparse.ArgumentParser):
    """Says what was asked wrongly in one line, without the usage: that is what --help is for."""

    def error(self, message: str) -> NoReturn:
        """Say it, and end. Raises SystemExit."""
        self.exit(2, f"sysvitals: {message} (see {self.prog} --help)\n")


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command.

    The exit status is 0 if all is well, 1 if it could not be done, 2 if it was asked wrongly, 130 after Ctrl-C.
    """
    _open_missing_streams()
    if isinstance(sys.stdout, io.TextIOWrapper):  # what we print is UTF-8 by its format, whatever the locale
        sys.stdout.reconfigure(encoding="utf-8", errors="backslashreplace")
    try:
        status = _run(sys.argv[1:] if arguments is None else arguments)
        sys.stdout.flush()
    except BrokenPipeError:  # whoever read has seen enough
        _abandon_output()
        return 1
    except KeyboardInterrupt:
        _abandon_output()
        return 130  # as shells have it: 128 and the number of SIGINT
    except OSError as error:
        where = f"{error.filename}: " if error.filename else ""
        _complain(f"{where}{error.strerror or error}")
        _abandon_output()
        return 1
    except (ImportError, MemoryError) as error:  # nothing more is loaded to say so
        print(f"sysvitals: {_describe_shortage(error)}", file=sys.stderr)
        _abandon_output()
        return 1
    return status


def parse(arguments: Sequence[str]) -> dict[str, Any]:
    """The command and its arguments, with the flags of settings by their names. Raises SystemExit, having said why."""
    # the arguments of commands that were not called are not even built
    parser = build_parser([name for name in COMMANDS if name in arguments])
    try:
        options, unknown = parser.parse_known_args(arguments)
    except SystemExit:  # for --help and --version, which have printed
        sys.stdout.flush()
        raise
    if unknown:
        parser.error(f"unrecognized: {' '.join(unknown)}{_guess(unknown[0].partition('=')[0])}")
    return vars(options)


def build_parser(commands: Collection[str] = COMMANDS.keys()) -> argparse.ArgumentParser:
    """A parser that knows all commands, and the arguments of these."""
    parser = _Parser(
        prog="sysvitals",
        description="Prometheus exporter for what a Linux host, above all a small board, knows about itself.",
        allow_abbrev=False,
        formatter_class=_lay_out,
    )
    parser.add_argument("--version", action="version", version=f"sysvitals {__version__}")
    choices = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    for name, command in COMMANDS.items():
        text = command.help
        choice = choices.add_parser(
            name,
            help=text,
            description=f"{text[0].upper()}{text[1:]}.",
            allow_abbrev=False,
            formatter_class=_lay_out,
        )
        if name in commands:
            _room(name).add_arguments(choice)
    return parser


def _run(arguments: Sequence[str]) -> int:
    options = parse(arguments)
    try:
        return _room(options.pop("command")).run(options)
    except ConfigError as error:
        for problem in error.problems:
            _complain(problem)
        return 2


def _lay_out(prog: str) -> argparse.HelpFormatter:
    """Lay out help in the terminal's width.

    Left to find that out, argparse imports shutil with bz2 and lzma, 0.5 MiB, for each argument that is added.
    """
    try:
        columns = int(os.environ.get("COLUMNS") or os.get_terminal_size().columns)
    except (ValueError, OSError):  # no terminal
        columns = 80
    return argparse.HelpFormatter(prog, width=columns - 2)


def _room(command: str) -> Room:
    return cast("Room", import_module(COMMANDS[command].module))


def _complain(text: str) -> None:
    from sysvitals.outputs.terminal import complain  # noqa: PLC0415  # not for those who only ask for help

    complain(text)


def _guess(flag: str) -> str:
    import difflib  # noqa: PLC0415  # for mistakes alone

    from sysvitals.collectors import COLLECTORS  # noqa: PLC0415
    from sysvitals.config.flags import list_flags  # noqa: PLC0415

    close = difflib.get_close_matches(flag, list_flags(COLLECTORS), n=1)
    return f" (did you mean {close[0]}?)" if close else ""


def _open_missing_streams() -> None:
    """Open what was closed when the program started: its number would go to the next file, and take what is printed.

    Standard output cannot be written to, so that it fails as a closed one does.
    """
    for number, mode in enumerate((os.O_RDONLY, os.O_RDONLY, os.O_WRONLY)):
        try:
            os.fstat(number)
        except OSError:
            os.open(os.devnull, mode)  # gets the lowest number that is free: this one
    if sys.stdout is None:
        sys.stdout = open(1, "w", closefd=False)  # noqa: SIM115
    if sys.stderr is None:
        sys.stderr = open(2, "w", closefd=False)  # noqa: SIM115


def _describe_shortage(error: ImportError | MemoryError) -> str:
    if isinstance(error, ImportError):  # a library that is missing, or finds no room in memory
        return f"cannot be loaded: {error}"
    return "out of memory: raise the limit of memory (MemoryMax=, ulimit -v)"


def _abandon_output() -> None:
    """What could not be printed shall not be tried again, and complained about, when Python ends."""
    try:
        sys.stdout.flush()
    except OSError:
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, sys.stdout.fileno())
        os.close(nowhere)
