"""Records what dashboards are drawn from: `python -m tests.grafana night FOLDER` leaves a Prometheus's data there.

    prometheus --config.file=/dev/null --storage.tsdb.path=FOLDER --storage.tsdb.retention.time=100y

shows it. Time ranges are printed. What was played is kept beside it (FOLDER.played), and with --again only written
anew, for when rules have changed.
"""

import argparse
import dataclasses
import os
import sys
from datetime import UTC, datetime
from pathlib import Path

from tests.grafana.backfill import build_recording
from tests.grafana.recordings import PLANS

RULES = Path(__file__).parents[2] / "prometheus" / "rules"


def main() -> None:
    """Record, and say what."""
    parser = argparse.ArgumentParser(prog="python -m tests.grafana", description=__doc__.partition("\n")[0])
    parser.add_argument("name", choices=PLANS, help="what to record")
    parser.add_argument("folder", type=Path, help="folder for the data; it must not exist")
    parser.add_argument(
        "--days",
        type=int,
        default=0,
        help="days to be played before it, of hosts that have a scenario for a day (%(default)s)",
    )
    parser.add_argument("--again", action="store_true", help="take what was played before")
    options = parser.parse_args()
    plan = dataclasses.replace(PLANS[options.name], days=options.days)
    if options.folder.exists():
        sys.exit(f"{options.folder}: is there already")
    played = options.folder.with_name(f"{options.folder.name}.played")
    if not options.again:
        played.mkdir(parents=True)
    written = build_recording(
        plan, options.folder, played=played, rules=RULES.glob("*.yml"), processes=os.cpu_count() or 1
    )
    first, last = (
        datetime.fromtimestamp(moment, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
        for moment in (plan.start - max(map(plan.before, plan.targets)), plan.start + plan.lasts)
    )
    print(f"{written:,} samples of {len(plan.targets)} hosts from {first} to {last}")  # noqa: T201


if __name__ == "__main__":
    main()
