"""The one way in which commands print, since any text may come from outside. The linter forbids them others."""

import sys
from collections.abc import Iterable
from typing import TextIO

from sysvitals.model.visible import visible


def say(*lines: str) -> None:
    """Print these lines on standard output, immediately. Raises OSError."""
    write_lines(sys.stdout, lines)


def complain(text: str, *more: str) -> None:
    """Print a line on standard error with the program's name in front, and more lines. Raises OSError."""
    write_lines(sys.stderr, [f"sysvitals: {text}", *more])


def standard_output() -> TextIO:
    """The stream itself, for one who paints, and makes texts visible."""
    return sys.stdout


def write_lines(stream: TextIO, lines: Iterable[str]) -> None:
    """Print these lines, immediately. Raises OSError."""
    stream.write("".join(f"{visible(line)}\n" for line in lines))
    stream.flush()
