"""What a scrape costs back to back, and what it takes to start until the first one is answered.

All programs take turns. sysvitals reads everything again at each scrape here, as node_exporter always does.
"""

# a script that prints

import argparse
import contextlib
import sys
import tempfile
from collections.abc import Iterable, Sequence
from pathlib import Path

from exporters import HOSTS, Exporter, node_exporters, ours
from figures import LIVE, PI, Figure, figure
from measuring import cpu_seconds, exit_on_signals, show_table

WARM_UP = 20


def measure_scrapes(exporters: Sequence[Exporter], host: str, scrapes: int) -> list[Figure]:
    """CPU time, latency and size of a scrape of this host (`live`: this machine)."""
    with tempfile.TemporaryDirectory(prefix="scrape-") as name, contextlib.ExitStack() as stack:
        folder = Path(name)
        programs = []
        for number, exporter in enumerate(exporters):
            extra = exporter.reading_at_each_scrape(folder)
            running = exporter.running(host_folder(host), folder / f"{number}", *extra)
            programs.append(stack.enter_context(running))
        for turn in range(scrapes + WARM_UP):
            if turn == WARM_UP:
                for program in programs:
                    program.forget()
            for program in programs:
                program.scrape()
        figures = []
        for program in programs:
            figures.append(figure("scrape", host, program.name, "ms", [1e3 * one for one in program.cpu]))
            figures.append(figure("latency", host, program.name, "ms", [1e3 * one for one in program.seconds]))
            figures.append(figure("size", host, program.name, "KiB", [program.size / 1024]))
        return figures


def measure_starts(exporters: Sequence[Exporter], host: str, starts: int) -> list[Figure]:
    """CPU time from the start of the process until the first scrape was answered."""
    found: dict[str, list[float]] = {exporter.name: [] for exporter in exporters}
    for turn in range(starts + 1):
        for exporter in exporters:
            with (
                tempfile.TemporaryDirectory(prefix="start-") as name,
                exporter.running(host_folder(host), Path(name) / "kept") as program,
            ):
                program.scrape()
                if turn:  # the first one reads files from the disk, and may compile them
                    found[exporter.name].append(1e3 * cpu_seconds(program.pid))
    return [figure("start", host, name, "ms", values) for name, values in found.items()]


def host_folder(host: str) -> Path | None:
    """Where a recorded host's files are."""
    return None if host == LIVE else HOSTS / host


def show_figures(figures: Iterable[Figure]) -> None:
    """Print them, one a line."""
    head = ("", "host", "program", "median", "low", "high", "count", "unit")
    rows = [(one.name, one.host, one.program, one.median, one.low, one.high, one.count, one.unit) for one in figures]
    show_table(head, rows)


def main() -> int:
    """Compare, and print a table."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--host", default=PI, help="recorded host, or live for this machine (%(default)s)")
    parser.add_argument("--scrapes", type=int, default=300, help="of each program (%(default)s)")
    parser.add_argument("--starts", type=int, default=11, help="of each program (%(default)s)")
    parser.add_argument("--python", default=sys.executable, help="the Python that runs sysvitals")
    parser.add_argument("--node-exporter", action="append", default=[], metavar="PATH", help="may be given repeatedly")
    options = parser.parse_args()
    exit_on_signals()
    exporters = [ours(options.python), *node_exporters(options.node_exporter)]
    for exporter in exporters:
        print(exporter.name, exporter.version)
    show_figures(measure_scrapes(exporters, options.host, options.scrapes))
    show_figures(measure_starts(exporters, options.host, options.starts))
    return 0


if __name__ == "__main__":
    sys.exit(main())
