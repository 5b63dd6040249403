"""How many system calls a scrape takes, by kind. Needs strace."""

# a script that prints

import argparse
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

from exporters import Exporter, node_exporters, ours
from figures import PI, Figure, figure
from measuring import exit_on_signals
from scrape import host_folder, show_figures

from tests.calls import can_trace, count_calls, count_kinds, tracing

WARM_UP = 5


def trace_scrapes(exporter: Exporter, host: str, scrapes: int) -> list[Counter[str]]:
    """The calls of each scrape, by name."""
    with tempfile.TemporaryDirectory(prefix="calls-") as name:
        folder = Path(name)
        log = folder / "strace.log"
        extra = exporter.reading_at_each_scrape(folder)
        found = []
        with exporter.running(host_folder(host), folder / "kept", *extra, below=tracing(log)) as program:
            for turn in range(scrapes + WARM_UP):
                before = log.stat().st_size
                program.scrape()
                _await_silence(log)
                if turn >= WARM_UP:
                    found.append(count_calls(log.read_text(encoding="utf-8")[before:]))
        return found


def _await_silence(log: Path) -> None:
    """Wait until nothing is added: what follows a scrape belongs to it."""
    size = -1
    while log.stat().st_size != size:
        size = log.stat().st_size
        time.sleep(0.05)


def measure_calls(exporters: Sequence[Exporter], host: str, scrapes: int) -> list[Figure]:
    """Calls of a scrape: all, and of each kind. Nothing where strace is missing."""
    figures: list[Figure] = []
    for exporter in exporters if can_trace() else ():
        found = trace_scrapes(exporter, host, scrapes)
        figures.append(figure("calls", host, exporter.name, "calls", [float(sum(one.values())) for one in found]))
        kinds = [count_kinds(one) for one in found]
        for kind in kinds[0]:
            values = [float(one[kind]) for one in kinds]
            figures.append(figure(f"{kind} calls", host, exporter.name, "calls", values))
    return figures


def main() -> int:
    """Count, and print a table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--host", default=PI, help="recorded host, or live for this machine (%(default)s)")
    parser.add_argument("--scrapes", type=int, default=20, help="of each program (%(default)s)")
    parser.add_argument("--names", action="store_true", help="of sysvitals, by name")
    parser.add_argument("--node-exporter", action="append", default=[], metavar="PATH", help="may be given repeatedly")
    options = parser.parse_args()
    exit_on_signals()
    if not can_trace():
        print("strace is not installed, or may not trace here", file=sys.stderr)
        return 1
    show_figures(measure_calls([ours(), *node_exporters(options.node_exporter)], options.host, options.scrapes))
    if options.names:
        found = sum(trace_scrapes(ours(), options.host, options.scrapes), Counter())
        for name, count in found.most_common():
            print(f"{count / options.scrapes:8.1f}  {name}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
