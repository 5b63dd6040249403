"""The command line."""

import argparse
import difflib
import io
import json
import logging
import os
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any

from sysvitals import __version__
from sysvitals.collectors import COLLECTORS
from sysvitals.config.load import ConfigError, load_settings
from sysvitals.config.settings import Leaf, Settings, list_leaves
from sysvitals.doctor.command import add_doctor_command, run_doctor
from sysvitals.exporter import Exporter, build_exporter
from sysvitals.model.event import encode_events
from sysvitals.provision.command import add_provision_command, run_provision
from sysvitals.serve import serve
from sysvitals.simulation.command import add_simulate_command, run_simulation
from sysvitals.stack.command import add_stack_command, run_stack
from sysvitals.watch.command import add_watch_command, run_watch

_ROUND_SECONDS = 10.0

_RUNS: Mapping[str, Callable[[Mapping[str, Any]], int]] = {
    "simulate": run_simulation,
    "doctor": run_doctor,
    "provision": run_provision,
    "stack": run_stack,
    "watch": run_watch,
}
"""Commands that stand in rooms of their own."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command. The exit status is 0 if all is well, 1 if it could not be done, 2 if it was asked wrongly."""
    _open_missing_streams()
    if isinstance(sys.stdout, io.TextIOWrapper):  # what we print is UTF-8 by its format, whatever the locale
        sys.stdout.reconfigure(encoding="utf-8", errors="backslashreplace")
    try:
        status = _run(arguments)
        sys.stdout.flush()
    except BrokenPipeError:  # whoever read has seen enough
        _abandon_output()
        return 1
    except OSError as error:
        print(f"sysvitals: {error.strerror or error}", file=sys.stderr)
        _abandon_output()
        return 1
    return status


def _run(arguments: Sequence[str] | None) -> int:
    options = _parse(arguments)
    if (run := _RUNS.get(options["command"])) is not None:
        return run(options)
    command, file, as_json = options.pop("command"), options.pop("file", None), options.pop("json", False)

    def load() -> Settings:
        return load_settings(COLLECTORS, file=file, flags=options)

    try:
        settings = load()
        match command:
            case "serve":
                serve(settings, load)
            case "once":
                return _once(settings, as_json=as_json)
            case "collectors":
                return _collectors(settings, as_json=as_json)
            case "check-config":
                print(f"{file}: fine")
    except ConfigError as error:
        for problem in error.problems:
            print(f"sysvitals: {problem}", file=sys.stderr)
        return 2
    return 0


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


def _abandon_output() -> None:
    """What could not be printed shall not be tried again, and complained about, when Python ends."""
    try:
        sys.stdout.flush()
    except OSError:
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, sys.stdout.fileno())
        os.close(nowhere)


def _once(settings: Settings, *, as_json: bool) -> int:
    exporter = _looking_once(settings)
    exporter.refresh(_ROUND_SECONDS, slow=True)
    text, _ = exporter.metrics(frozenset(exporter.collectors()), _ROUND_SECONDS)
    events = tuple(sorted(exporter.latest_events(), key=lambda event: event.seq))
    if as_json:
        for line in encode_events(events):
            print(line)
    else:
        sys.stdout.write(text.decode())
    return 1 if _complain(exporter) or not events else 0


def _complain(exporter: Exporter) -> bool:
    """Say on standard error what could not be read. Whether a collector failed, or was not done in time."""
    failed = False
    told = exporter.collectors()
    for name, word in exporter.words().items():
        text = told[name] if word else f"failed: not done after {_ROUND_SECONDS:g} s"
        if word != "unavailable" and text != "fine":
            shown = "".join(letter if letter.isprintable() else repr(letter)[1:-1] for letter in text)
            print(f"sysvitals: {name}: {shown}", file=sys.stderr)
        failed = failed or word not in ("ok", "unavailable")
    return failed


def _collectors(settings: Settings, *, as_json: bool) -> int:
    exporter = _looking_once(settings)
    exporter.refresh(_ROUND_SECONDS, slow=True)
    found = exporter.collectors()
    rows = {collector.name: found.get(collector.name, "switched off") for collector in COLLECTORS}
    if as_json:
        print(json.dumps(rows, indent=2, ensure_ascii=False))
    else:
        helps = {collector.name: collector.help for collector in COLLECTORS}
        width = max(map(len, rows))
        for name, words in rows.items():
            print(f"{name:<{width}}  {words}\n{'':<{width}}  ({helps[name]})")
    return 0


def _looking_once(settings: Settings) -> Exporter:
    logging.disable(logging.WARNING)  # what fails is shown in the answer itself
    quiet = replace(
        settings,
        history=replace(settings.history, enabled=False),
        console=replace(settings.console, enabled=False),
    )
    return build_exporter(quiet)


def _parse(arguments: Sequence[str] | None) -> dict[str, Any]:
    parser = _build_parser()
    try:
        options, unknown = parser.parse_known_args(arguments)
    except SystemExit:  # for --help and --version, which have printed
        sys.stdout.flush()
        raise
    if unknown:
        name = unknown[0].partition("=")[0]
        leaves = list_leaves(COLLECTORS)
        flags = [leaf.flag for leaf in leaves] + [
            leaf.flag.replace("--", "--no-", 1) for leaf in leaves if leaf.is_bool
        ]
        close = difflib.get_close_matches(name, flags, n=1)
        parser.error(f"unrecognized: {' '.join(unknown)}" + (f" (did you mean {close[0]}?)" if close else ""))
    return vars(options)


def _build_parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="sysvitals",
        description="Prometheus exporter that tells what a Linux host, above all a small board, can tell about itself.",
        allow_abbrev=False,
    )
    parser.add_argument("--version", action="version", version=f"sysvitals {__version__}")
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    leaves = list_leaves(COLLECTORS)
    helps = {
        "serve": "run: take readings, keep the history, serve metrics and the page",
        "once": "take one round of readings and print the metrics",
        "collectors": "list what this host can report and what it cannot, and why",
    }
    statuses = {
        "once": " What could not be read is said on standard error. The exit status is 0 if no collector failed (what"
        " this host does not have is no failure), 1 if one did or nothing was read, 2 if it was asked wrongly.",
    }
    for name, text in helps.items():
        command = commands.add_parser(
            name,
            help=text,
            usage=f"sysvitals {name} [FLAG ...]",
            description=f"{text[0].upper()}{text[1:]}.{statuses.get(name, '')}",
            allow_abbrev=False,
        )
        command.add_argument("--config.file", dest="file", metavar="FILE", help="YAML file with the same settings.")
        if name != "serve":
            command.add_argument("--json", action="store_true", help="Print JSON: the events, one a line.")
        _add_flags(command, leaves)
    _add_flags(add_doctor_command(commands), leaves)
    add_simulate_command(commands)
    add_provision_command(commands)
    _add_flags(add_stack_command(commands), leaves)
    add_watch_command(commands)
    check = commands.add_parser("check-config", help="tell what is wrong with a configuration file, all of it")
    check.add_argument("file", metavar="FILE")
    return parser


def _add_flags(parser: argparse.ArgumentParser, leaves: Sequence[Leaf]) -> None:
    groups: dict[str, Any] = {}
    for leaf in leaves:
        title = ".".join(leaf.path[:-1])
        group = groups.get(title) or groups.setdefault(title, parser.add_argument_group(title))
        text = f"{leaf.setting.help} (default: {leaf.shown_default})".replace("%", "%%")
        if leaf.is_bool:
            group.add_argument(
                leaf.flag, dest=leaf.flag, action=argparse.BooleanOptionalAction, default=argparse.SUPPRESS, help=text
            )
        else:
            action = "append" if leaf.many else "store"
            kind = leaf.path[-1].rpartition("_")[2].upper()
            group.add_argument(
                leaf.flag, dest=leaf.flag, action=action, default=argparse.SUPPRESS, metavar=kind, help=text
            )
