"""The verdicts as people read them at night, and as JSON for scripts."""

import json
import locale
import os
import shutil
import textwrap
from collections.abc import Iterable, Mapping
from typing import TextIO

from sysvitals import __version__
from sysvitals.doctor.check import Check, Verdict
from sysvitals.doctor.words import format_count
from sysvitals.model.visible import visible
from sysvitals.outputs.terminal import BOLD, FAINT, has_colours, paint, say, standard_output

_MARKS = {Verdict.OK: "\u2713", Verdict.ABSENT: "\u2013", Verdict.WARNING: "!", Verdict.BROKEN: "\u2717"}
_PLAIN_MARKS = {Verdict.OK: "+", Verdict.ABSENT: "-", Verdict.WARNING: "!", Verdict.BROKEN: "x"}
_COLOURS = {Verdict.OK: "32", Verdict.ABSENT: "2", Verdict.WARNING: "33", Verdict.BROKEN: "31"}
_WIDEST = 110
_COLLECTOR = "collector."


class Report:
    """Prints links and their checks as they come. Collectors that are well, or not there, share a line."""

    def __init__(self, out: TextIO, *, marks: Mapping[Verdict, str], colours: bool, width: int) -> None:
        self._out = out
        self._marks = marks
        self._colours = colours
        self._width = width
        self._waiting: dict[Verdict, list[str]] = {}

    def heading(self, text: str) -> None:
        """A link of the chain begins."""
        self.flush()
        self._out.write(f"{self._paint(text, BOLD)}\n")
        self._out.flush()

    def check(self, check: Check) -> None:
        """One verdict."""
        if check.id.startswith(_COLLECTOR) and check.verdict in (Verdict.OK, Verdict.ABSENT):
            self._waiting.setdefault(check.verdict, []).append(check.id.removeprefix(_COLLECTOR))
            return
        self.flush()
        mark = self._marks[check.verdict]
        self._write(check.text, "    ", f"  {self._paint(mark, _COLOURS[check.verdict])} ")
        for line in check.remedy.split("\n") if check.remedy else ():
            if line.startswith(" "):  # to be copied as it is
                self._out.write(f"      {visible(line)}\n")
            else:
                self._write(line, "      ")
        self._out.flush()

    def progress(self, text: str) -> None:
        """What takes a while."""
        self.flush()
        self._out.write(f"  {self._paint(f'... {text}', FAINT)}\n")
        self._out.flush()

    def flush(self) -> None:
        """Print the collectors that were put together."""
        waiting, self._waiting = self._waiting, {}
        for verdict, names in waiting.items():
            verb = "reads" if len(names) == 1 else "read"
            words = f"{format_count(len(names), 'collector')} {verb} this host"
            words = words if verdict is Verdict.OK else "not on this host"
            self.check(Check("collectors", verdict, f"{words}: {', '.join(names)}"))

    def end(self, checks: Iterable[Check]) -> None:
        """The sum."""
        self.flush()
        bad = [check for check in checks if check.verdict is Verdict.BROKEN]
        odd = sum(check.verdict is Verdict.WARNING for check in checks)
        remarks = f", {format_count(odd, 'thing')} to look at" if odd else ""
        colour = _COLOURS[Verdict.BROKEN if bad else Verdict.OK]
        count = f"{len(bad)} broken" if bad else "Nothing is broken"
        self._out.write(f"\n{self._paint(f'{count}{remarks}.', colour)}\n")
        if len(bad) > 1:
            self._write(f"Begin with the first, since the others may only follow from it: {bad[0].text}", "")

    def _write(self, text: str, indent: str, start: str = "") -> None:
        """The text in lines that fit; `start`, which looks as wide as the indent, takes its place in the first."""
        shown = visible(text)
        lines = [indent + shown]
        if self._width:
            lines = textwrap.wrap(
                shown,
                self._width,
                initial_indent=indent,
                subsequent_indent=indent,
                break_long_words=False,
                break_on_hyphens=False,
            )
        lines[0] = (start or indent) + lines[0].removeprefix(indent)
        self._out.write("\n".join(lines) + "\n")

    def _paint(self, text: str, colour: str) -> str:
        return paint(text, colour if self._colours else "")


def build_report(out: TextIO | None = None, environment: Mapping[str, str] = os.environ) -> Report:
    """For a terminal or a file: marks that it can show, colours only where a person looks and did not forbid them."""
    out = out or standard_output()
    is_terminal = out.isatty()
    terminal = environment.get("TERM", "")
    # the kernel's own console has no such letters; elsewhere the locale tells what can be shown
    shows_marks = "utf" in locale.getencoding().lower() and not (is_terminal and terminal in ("linux", "dumb", "vt100"))
    return Report(
        out,
        marks=_MARKS if shows_marks else _PLAIN_MARKS,
        colours=has_colours(out, environment),
        width=min(shutil.get_terminal_size().columns, _WIDEST) if is_terminal else 0,
    )


def write_json(host: str, checks: Iterable[Check]) -> None:
    """Print all of it as one JSON object."""
    found = list(checks)
    rows = [
        {"id": check.id, "verdict": str(check.verdict), "text": check.text, "remedy": check.remedy} for check in found
    ]
    whole = {"host": host, "version": __version__, "well": is_well(found), "checks": rows}
    say(*json.dumps(whole, indent=2, ensure_ascii=False).split("\n"))


def is_well(checks: Iterable[Check]) -> bool:
    """Whether nothing is broken."""
    return not any(check.verdict is Verdict.BROKEN for check in checks)
