"""What a day of history costs a card: a recorded host lives through simulated time and is scraped."""

# a script that prints

import argparse
import json
import logging
import sys
import tempfile
from dataclasses import asdict
from pathlib import Path

from measuring import show_table

from tests.recorded import HOSTS
from tests.simulated_day import PAGE_BYTES, Day, enlarge_host, live_a_day

MIB = 2**20


def main() -> int:
    """Live through the day, and print tables."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("hosts", nargs="*", default=["pi-4b-fine", "pi-zero-w"], help="recorded hosts")
    parser.add_argument("--hours", type=float, default=24.0, help="how long to live (%(default)s)")
    parser.add_argument("--scrape-seconds", type=float, default=15.0, help="0: never scraped (%(default)s)")
    parser.add_argument("--links", type=int, default=0, help="so many more network interfaces (%(default)s)")
    parser.add_argument("--cpus", type=int, default=0, help="so many CPUs instead of the host's own (%(default)s)")
    parser.add_argument("--settle-hours", type=float, default=0.0, help="to live before that (%(default)s)")
    parser.add_argument("--compress", help="history.compress (the default's)")
    parser.add_argument("--json", action="store_true", help="print the figures of each host as JSON")
    options = parser.parse_args()
    logging.disable()  # what wanders is not always plausible
    days = {name: _live(name, options) for name in options.hosts}
    if options.json:
        print(json.dumps({name: asdict(day) for name, day in days.items()}))
        return 0
    print(f"{options.hours:g} simulated hours, a scrape each {options.scrape_seconds:g} s; by the day")
    head = ("", "events", "MiB plain", "MiB kept", "MiB in pages", "syncs", "bytes/event", "CPU s")
    show_table(head, [_row(name, day) for name, day in days.items()])
    for name, day in days.items():
        print(f"{name}: plain bytes by event")
        shares = [(event, day.by_day(size) / MIB, size / day.plain_bytes * 100) for event, size in day.by_event.items()]
        show_table(("", "MiB/day", "%"), shares)
    return 0


def _live(name: str, options: argparse.Namespace) -> Day:
    flags = {"history_compress": options.compress} if options.compress else {}

    def live(host: Path) -> Day:
        settle = options.settle_hours * 3600
        return live_a_day(host, options.hours * 3600, options.scrape_seconds, settle_seconds=settle, **flags)

    if not options.links and not options.cpus:
        return live(HOSTS / name)
    with tempfile.TemporaryDirectory(prefix="host-") as folder:
        host = Path(folder) / name
        enlarge_host(name, host, links=options.links, cpus=options.cpus)
        return live(host)


def _row(name: str, day: Day) -> tuple[object, ...]:
    return (
        name,
        round(day.by_day(day.events)),
        day.by_day(day.plain_bytes) / MIB,
        day.by_day(day.kept_bytes) / MIB,
        day.by_day(day.pages) * PAGE_BYTES / MIB,
        round(day.by_day(day.syncs)),
        day.plain_bytes / day.events,
        day.by_day(day.cpu_seconds),
    )


if __name__ == "__main__":
    sys.exit(main())
