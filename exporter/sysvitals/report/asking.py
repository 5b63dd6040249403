"""What both commands ask of the history: where it is, from when to when, and what of it could not be read."""

import argparse
import os
from collections.abc import Iterator, Mapping
from typing import Any

from sysvitals.config.errors import ConfigError
from sysvitals.history.clocks import Passed
from sysvitals.history.selection import Found, Wanted, select_events
from sysvitals.outputs.terminal import complain
from sysvitals.report.moments import EXPECTED, parse_when
from sysvitals.report.progress import ProgressLine

SERVICE_STORAGE = "/var/lib/sysvitals"
"""Where the service keeps it, whose settings need not be given."""

_STORAGE = "--storage.path"


def add_folder(parser: argparse.ArgumentParser) -> None:
    """Add the flags that say where the history is, as those of `serve`."""
    parser.add_argument("--config.file", dest="file", metavar="FILE", help="The exporter's YAML file of settings.")
    parser.add_argument(
        _STORAGE,
        dest=_STORAGE,
        metavar="PATH",
        help=f"The exporter's folder. (default: what the file says, else data, else {SERVICE_STORAGE})",
    )


def add_times(parser: argparse.ArgumentParser, default: str) -> None:
    """Add the flags that say from when to when."""
    times = parser.add_mutually_exclusive_group()
    times.add_argument(
        "--since",
        metavar="TIME",
        default=default,
        help="From then on: yesterday, 'last night', 7d, 14:30, 2026-11-20, '2026-11-20 14:30', all. (default:"
        f" {default})",
    )
    times.add_argument("--between", nargs=2, metavar=("FROM", "TO"), help="From the first time to the second.")


def find_folder(options: Mapping[str, Any]) -> str:
    """The folder of the history. Raises ConfigError."""
    storage = options[_STORAGE]
    if storage is None and options["file"] is not None:
        # a file may have settings of collectors, which are checked
        from sysvitals.collectors import COLLECTORS  # noqa: PLC0415
        from sysvitals.config.load import load_settings  # noqa: PLC0415

        storage = load_settings(COLLECTORS, file=options["file"]).storage.path
    places = [storage] if storage is not None else ["data", SERVICE_STORAGE]
    folders = [os.path.join(place, "history") for place in places]
    for folder in folders:
        try:
            os.stat(folder)
        except (FileNotFoundError, NotADirectoryError):
            continue
        except OSError:
            pass  # reading it will say why
        return folder
    raise ConfigError([f"no history in {' or '.join(folders)}: name the exporter's folder with {_STORAGE}"])


def parse_times(options: Mapping[str, Any], now: float) -> tuple[float, float]:
    """From when to when, in Unix seconds. Raises ConfigError."""
    flag, given = ("--between", options["between"]) if options["between"] else ("--since", [options["since"]])
    try:
        begin, *end = (parse_when(text, now) for text in given)
    except ValueError:
        raise ConfigError([f"{flag}: expected {EXPECTED}"]) from None
    if end and begin >= end[0]:
        raise ConfigError([f"{flag}: expected the earlier time first"])
    return begin, end[0] if end else float("inf")


def read_events(folder: str, wanted: Wanted, passed: Passed) -> Iterator[Found]:
    """These events; what takes long says how far it is. Raises OSError."""
    progress = ProgressLine("Reading the history:")
    try:
        for event in select_events(folder, wanted, passed=passed, progress=progress.show):
            progress.clear()
            yield event
    except PermissionError as error:
        passed(error.filename if isinstance(error.filename, str) else folder, error)
    finally:
        progress.clear()


class Damages:
    """What could not be read, to be said in the end."""

    def __init__(self, folder: str) -> None:
        self._folder = folder
        self.found: dict[str, str] = {}

    def note(self, path: str, error: Exception) -> None:
        """Keep that this could not be read."""
        if isinstance(error, PermissionError):  # of one folder and of a hundred files it is the same
            remedy = f"read it with sudo, or as a member of the group {_find_group(self._folder)}"
            self.found[self._folder] = f"{os.strerror(error.errno or 0)}: {remedy}"
        elif isinstance(error, OSError):
            self.found[path] = f"{os.strerror(error.errno or 0)}; what comes behind is missing here"
        else:
            self.found[path] = "it ends too early; what comes behind is missing here"

    def report(self) -> None:
        """Print a line for each."""
        for path, reason in self.found.items():
            complain(f"{path}: {reason}")


def _find_group(folder: str) -> str:
    """The group that may read the folder, as far as it can be seen."""
    import grp  # noqa: PLC0415  # for those who are refused

    for place in (folder, os.path.dirname(folder)):
        try:
            return grp.getgrgid(os.stat(place).st_gid).gr_name
        except (OSError, KeyError):
            continue
    return "sysvitals"
