"""`sysvitals report`: what a time amounts to, as text or as one page of HTML."""

import argparse
import time
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from sysvitals.config.errors import ConfigError
from sysvitals.outputs.event_lines import COLOURS, format_clock
from sysvitals.outputs.terminal import BOLD, complain, has_colours, paint, say, standard_output, write_painted
from sysvitals.report.asking import Damages, add_folder, add_times, find_folder, parse_times
from sysvitals.report.figures import Section, format_length, list_sections
from sysvitals.report.gathering import Gathered, gather
from sysvitals.report.progress import ProgressLine

_WIDTH = 24
"""So wide is the column of titles."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the command's arguments; what they give is for `run`."""
    parser.description = (
        f"{parser.description} Brownouts, throttling, heat, reboots, gaps, the worst hour and the space that is left."
    )
    add_folder(parser)
    add_times(parser, "7d")
    parser.add_argument(
        "--html",
        metavar="FILE",
        help="Write one page with plots that needs nothing beside it, to send to somebody; - is standard output.",
    )


def run(options: Mapping[str, Any]) -> int:
    """Print the report, or write the page. The exit status: 1 where not all was read. Raises ConfigError, OSError."""
    if options["html"] == "":
        raise ConfigError(["--html: expected the name of a file, or - for standard output"])
    now = time.time()
    times = parse_times(options, now)
    folder = find_folder(options)
    damages = Damages(folder)
    progress = ProgressLine("Reading the history:")
    gathered = None
    try:
        gathered = gather(folder, times, now, passed=damages.note, progress=progress.show)
    except PermissionError as error:
        damages.note(folder, error)
    finally:
        progress.clear()
    if gathered is not None:
        _show(gathered, options["html"], damages)
    elif not damages.found:
        complain(f"{folder}: no data of this time")
    damages.report()
    return 1 if damages.found or gathered is None else 0


def _show(gathered: Gathered, file: str | None, damages: Damages) -> None:
    sections = list_sections(gathered.past, gathered.view)
    if file is None:
        write_painted(standard_output(), lay_out(gathered, sections, colours=has_colours(standard_output())))
        return
    from sysvitals.report.html import render_report  # noqa: PLC0415  # Jinja2 takes a small board a second

    notes = [f"{path}: {reason}" for path, reason in damages.found.items()]
    page = render_report(gathered, sections, notes).encode(errors="backslashreplace")
    if file == "-":
        standard_output().write(page.decode())
        return
    try:
        with open(file, "wb") as target:
            target.write(page)
    except OSError as error:  # which lacks the name where writing failed
        raise OSError(error.errno, error.strerror, file) from error
    say(f"{file}: {len(page) / 1000:.0f} kB")


def lay_out(gathered: Gathered, sections: Sequence[Section], *, colours: bool) -> Iterator[str]:
    """The lines of the report for a terminal."""
    view = gathered.view
    form = "%a %d %b %Y %H:%M"
    when = f"{format_clock(view.begin, form)} to {format_clock(view.end, form)} ({format_length(view)})"
    yield paint(f"{gathered.host}, {when}", BOLD if colours else "")
    for section in sections:
        yield ""
        said = paint(section.said, COLOURS.get(section.level, "") if colours else "")
        yield f"{paint(section.title.ljust(_WIDTH), BOLD if colours else '')}  {said}"
        for line in section.lines:
            yield paint(f"  {line.what.ljust(_WIDTH)}{line.said}", "")
        if section.left_out:
            yield f"  and {section.left_out} more"
