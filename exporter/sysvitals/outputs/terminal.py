"""The one way in which commands print, since any text may come from outside. The linter forbids them others."""

import os
import sys
from collections.abc import Iterable, Mapping
from typing import TextIO

from sysvitals.model.visible import visible

BOLD, FAINT = "1", "2"
"""Colours are numbers of a terminal's own (SGR)."""


def say(*lines: str) -> None:
    """Print these lines on standard output, immediately. Raises OSError."""
    write_lines(sys.stdout, lines)


def complain(text: str, *more: str) -> None:
    """Print a line on standard error with the program's name in front, and more lines. Raises OSError."""
    write_lines(sys.stderr, [f"sysvitals: {text}", *more])


def standard_output() -> TextIO:
    """The stream itself, for one who paints, and makes texts visible."""
    return sys.stdout


def standard_error() -> TextIO:
    """The same for what is not a result."""
    return sys.stderr


def write_lines(stream: TextIO, lines: Iterable[str]) -> None:
    """Print these lines, immediately. Raises OSError."""
    write_painted(stream, map(visible, lines))


def write_painted(stream: TextIO, lines: Iterable[str]) -> None:
    """Print lines whose texts from outside have passed `paint` or `visible`, immediately. Raises OSError."""
    stream.write("".join(f"{line}\n" for line in lines))
    stream.flush()


def paint(text: str, colour: str) -> str:
    """The text as a terminal may show it, in this colour; an empty one is none."""
    return f"\x1b[{colour}m{visible(text)}\x1b[0m" if colour else visible(text)


def has_colours(stream: TextIO, environment: Mapping[str, str] = os.environ) -> bool:
    """Whether a person looks who did not forbid colours, at a terminal that has them."""
    return stream.isatty() and not environment.get("NO_COLOR") and environment.get("TERM", "") != "dumb"
