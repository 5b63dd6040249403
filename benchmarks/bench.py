"""All that sysvitals costs, beside the exporters that it could replace: one table, interleaved, as text and as JSON.

Peers are what the machine has: node_exporter by default, limited to the collectors that sysvitals has, too. Another
checkout (`--against`) runs in the same turns, for a comparison of before and after. Everything stays on loopback.
"""

# a script that runs programs, and prints

import argparse
import json
import shlex
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import Any

from calls import measure_calls
from exporters import PEERS, Exporter, before, find_peers, ours
from figures import CPUS, LINKS, LIVE, NODE, PI, STREAMED, Figure, Results, describe_run, figure, render_rows
from measuring import HERE, environment, exit_on_signals, show_table
from pace import PACE_SECONDS, measure_pace
from scrape import measure_scrapes, measure_starts

from tests.calls import can_trace
from tests.simulated_day import DAY_SECONDS, PAGE_BYTES

PARTS = ("scrape", "start", "calls", "pace", "history", "pulses")
MIB = 2**20


def main() -> int:
    """Measure, print the table, and write it down."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the results there")
    parser.add_argument("--peers", default=NODE, help=f"of {','.join(PEERS)} (%(default)s)")
    parser.add_argument("--node-exporter", action="append", default=[], metavar="PATH", help="may be given repeatedly")
    parser.add_argument("--against", type=Path, metavar="TREE", help="another checkout of sysvitals")
    parser.add_argument("--python", default=sys.executable, help="the Python that runs sysvitals")
    parser.add_argument("--only", default=",".join(PARTS), help="parts to measure (%(default)s)")
    parser.add_argument("--minutes", type=int, default=10, help="at a pace of 15 s, and idle (%(default)s)")
    parser.add_argument("--quick", action="store_true", help="a few minutes in all, for a first look")
    options = parser.parse_args()
    exit_on_signals()
    wanted, peers = options.only.split(","), [name for name in options.peers.split(",") if name]
    for name, known in ((wanted, PARTS), (peers, PEERS)):
        if unknown := set(name) - set(known):
            parser.error(f"not known: {', '.join(sorted(unknown))}; there is {', '.join(known)}")
    exporters = [ours(options.python)]
    exporters += [before(options.against, options.python)] if options.against else []
    exporters += find_peers(peers, options.node_exporter)
    results = Results({exporter.name: exporter.version for exporter in exporters}, quick=options.quick)
    began = time.monotonic()
    for name, measure in list_parts(exporters, options.python, quick=options.quick, minutes=options.minutes):
        if name in wanted:
            print(f"{name} …", file=sys.stderr, flush=True)
            results.figures += measure()
    results.seconds = round(time.monotonic() - began)
    results.notes = list(describe_gaps(exporters, peers, wanted, quick=options.quick, minutes=options.minutes))
    show(results)
    if options.json:
        options.json.write_text(results.encode(), encoding="utf-8")
    return 0


def list_parts(
    exporters: Sequence[Exporter], python: str, *, quick: bool, minutes: int
) -> Iterator[tuple[str, Callable[[], list[Figure]]]]:
    """What is measured, part by part."""
    scraped = [exporter for exporter in exporters if exporter.path]
    anywhere = [exporter for exporter in scraped if exporter.reads_other_hosts]
    own = [exporter for exporter in exporters if exporter.is_ours]
    scrapes, starts, minutes = (60, 3, 1) if quick else (400, 21, minutes)
    yield "scrape", partial(measure_scrapes, anywhere, PI, scrapes)
    yield "scrape", partial(measure_scrapes, scraped, LIVE, scrapes)
    yield "start", partial(measure_starts, anywhere, PI, starts)
    for host, some in ((PI, anywhere), (LIVE, scraped)):
        yield "calls", partial(measure_calls, some, host, 5 if quick else 20)
    yield "pace", partial(measure_pace, exporters, minutes)
    for exporter in own:
        yield "history", partial(measure_history, exporter, python, quick=quick)
    for exporter in own:
        yield "pulses", partial(measure_pulses, exporter, python, 30 if quick else 200)


def measure_history(exporter: Exporter, python: str, *, quick: bool) -> list[Figure]:
    """What a simulated day writes: of a quiet Pi, and of hosts with many interfaces and many CPUs."""
    found = []
    large = ("--hours=0.1", "--settle-hours=0.1") if quick else ("--hours=0.4", "--settle-hours=0.2")
    for host, flags in (
        (PI, ("--hours=2" if quick else "--hours=24",)),
        (LINKS, (*large, "--links=1000")),
        (CPUS, (*large, "--cpus=256")),
        (STREAMED, ("--hours=2" if quick else "--hours=24", "--compress=stream")),
    ):
        answer = _ask(exporter, python, "history.py", "--json", *flags, PI)
        if answer is None:
            continue
        day = answer[PI]
        values = {
            "history": ("MiB", day["plain_bytes"] / MIB),
            "kept": ("MiB", day["kept_bytes"] / MIB),
            "pages": ("MiB", day["pages"] * PAGE_BYTES / MIB),
            "forced writes": ("writes", day["syncs"]),
        }
        for name, (unit, value) in values.items():
            found.append(figure(name, host, exporter.name, unit, [value * DAY_SECONDS / day["seconds"]]))
    return found


def measure_pulses(exporter: Exporter, python: str, pulses: int) -> list[Figure]:
    """How many of a simulated board's brownouts become events."""
    rows = _ask(exporter, python, "pulses.py", "--json", f"--pulses={pulses}") or []
    return [
        figure(name, row["source"], exporter.name, "%", [100.0 * row[share]])
        for row in rows
        for name, share in (("pulses", "caught"), ("long pulses", "long_caught"))
    ]


def _ask(exporter: Exporter, python: str, script: str, *arguments: str) -> Any:
    """What this script prints when it runs with the modules of the exporter's tree. None where it cannot."""
    answer = subprocess.run(
        [python, str(HERE / script), *arguments],
        env=environment(exporter.tree),
        capture_output=True,
        text=True,
        check=False,
    )
    if answer.returncode:
        words = shlex.join([script, *arguments])
        print(f"{exporter.name}: {words}: {answer.stderr.strip().splitlines()[-1]}", file=sys.stderr)
        return None
    return json.loads(answer.stdout)


def describe_gaps(
    exporters: Sequence[Exporter], peers: Sequence[str], wanted: Sequence[str], *, quick: bool, minutes: int
) -> Iterator[str]:
    """What is to be known about this run beside its figures."""
    if "pace" in wanted:
        yield f"a pace of {PACE_SECONDS:g} s and idling were watched for {1 if quick else minutes} min"
    names = " ".join(exporter.name.lower() for exporter in exporters)
    for peer in peers:
        if peer not in names:
            yield f"{peer} was not found on this machine"
    if "calls" in wanted and not can_trace():
        yield "system calls were not counted: strace is missing, or may not trace here"
    if quick:
        yield "a quick run: its figures are rough"


def show(results: Results) -> None:
    """Print the table."""
    head, rows = render_rows(results)
    show_table(head, rows)
    print(describe_run(results))
    for note in results.notes:
        print(f"- {note}")


if __name__ == "__main__":
    sys.exit(main())
