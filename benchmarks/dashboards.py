"""What the dashboards ask of a Prometheus that holds a large fleet's day, and how long it takes to answer.

Ten simulated boards live through the day under the real exporter, and each is written many times under names of its
own; rules are evaluated on the ten and what they record is written likewise. Only what dashboards and rules ask for is
written. Values of the copies are equal, which costs a query as much as if they were not.
"""

# a script that prints

import argparse
import os
import re
import shutil
import statistics
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from measuring import HERE, cpu_seconds, show_table

from tests.grafana.asking import ALL, DASHBOARDS, Question, Viewer, list_values, read_questions, read_variables
from tests.grafana.backfill import play_all, write_recording
from tests.grafana.evaluation import load_rules
from tests.grafana.night import read_record
from tests.grafana.plan import Plan
from tests.grafana.recordings import FLEET
from tests.grafana.remote_write import Labels, Series, encode_labels, encode_samples
from tests.grafana.server import Server, run_prometheus

RULES = tuple((HERE.parent / "prometheus" / "rules").glob("*.yml"))
CHOSEN = (0, 2, 5, 11, 18, 20, 26, 34, 39, 45)
"""Which boards of the fleet live through the day: three in trouble, one of them hot, one of each other kind."""

RUNS = 3
DAY_SECONDS = 86400.0
FREE_BYTES = 10e9
_NAME = re.compile(r"[a-zA-Z_:][\w:]*")


@dataclass(frozen=True)
class Original(Server):
    """The small server, with the ten boards. It evaluates rules; what it is given, the large one gets, too."""

    large: Server
    copies: int
    wanted: frozenset[str]

    def write(self, series: Series) -> None:
        """Write these samples, and their copies."""
        wanted = {labels: samples for labels, samples in series.items() if dict(labels)["__name__"] in self.wanted}
        super().write(wanted)
        self.large.write_encoded(self._copy(wanted))

    def _copy(self, series: Series) -> Iterator[tuple[bytes, bytes]]:
        for labels, samples in series.items():
            encoded = encode_samples(samples)
            for copied in _copies_of(labels, self.copies):
                yield encode_labels(copied), encoded


def main() -> int:
    """Build the day, ask, and print tables."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--hosts", type=int, default=500, help="how many, a multiple of ten (%(default)s)")
    parser.add_argument("--hours", type=float, default=24.0, help="how long they live (%(default)s)")
    parser.add_argument("--every", type=int, default=60, help="seconds between scrapes (%(default)s)")
    parser.add_argument("--played", type=Path, help="folder in which to keep what was played, for another time")
    parser.add_argument("--slowest", type=int, default=12, help="how many queries to name (%(default)s)")
    options = parser.parse_args()
    targets = tuple(FLEET.targets[number] for number in CHOSEN)
    plan = Plan(targets=targets, start=FLEET.start, lasts=options.hours * 3600, every=options.every)
    with tempfile.TemporaryDirectory(prefix="dashboards-") as name:
        folder = Path(name)
        if shutil.disk_usage(folder).free < FREE_BYTES:
            sys.exit(f"{folder}: less than {FREE_BYTES / 1e9:.0f} GB free")
        played = options.played or folder / "played"
        played.mkdir(parents=True, exist_ok=True)
        with run_prometheus(folder / "large", log=folder / "large.log") as large:
            build(plan, played, folder, large, options.hosts // len(targets))
            measure(large, plan, options.slowest)
    return 0


def build(plan: Plan, played: Path, folder: Path, large: Server, copies: int) -> None:
    """Play the boards and write them and their copies."""
    began = time.monotonic()
    paths = play_all(plan, played, os.cpu_count() or 1)
    print(f"{len(paths)} boards played for {plan.lasts / 3600:g} h in {time.monotonic() - began:.0f} s", flush=True)
    began = time.monotonic()
    rules = load_rules(RULES, plan.every)
    with run_prometheus(folder / "small", log=folder / "small.log") as small:
        original = Original(small.url, small.pid, large, copies, wanted_names())
        records = {instance: read_record(path) for instance, path in paths.items()}
        write_recording(original, plan, records, rules)
    status = large.get("status/tsdb")["headStats"]
    size = sum(path.stat().st_size for path in (folder / "large").rglob("*") if path.is_file())
    print(
        f"{copies * len(paths)} hosts, {status['numSeries']:,} series, a scrape each {plan.every} s: "
        f"{size / 1e6:,.0f} MB on disk, written in {time.monotonic() - began:.0f} s\n",
        flush=True,
    )


def wanted_names() -> frozenset[str]:
    """Names in the queries of dashboards and rules, of which some are metrics'."""
    texts = [question.query for path in DASHBOARDS for question in read_questions(path)]
    texts += [path.read_text(encoding="utf-8") for path in (*DASHBOARDS, *RULES)]
    return frozenset(name for text in texts for name in _NAME.findall(text))


def measure(server: Server, plan: Plan, slowest: int) -> None:
    """Ask everything and print what it took."""
    end = plan.start + plan.lasts - plan.every
    rows, all_times = [], []
    for path in DASHBOARDS:
        viewer = open_as_new(server, path, end, plan.every)
        visible = [question for question in read_questions(path) if question.is_visible]
        annotations = sum(question.place.startswith("annotation") for question in visible)
        cells: list[object] = [path.stem, len(visible) - annotations, annotations]
        for seconds in (None, DAY_SECONDS):
            times = [(*time_question(viewer, question, seconds), question, seconds) for question in visible]
            walls = [wall for wall, *_ in times]
            cells += [sum(walls) * 1000, max(walls) * 1000, sum(cpu for _, cpu, *_ in times) * 1000]
            all_times += times
        rows.append(cells)
    print(f"milliseconds, medians of {RUNS} runs; at the dashboard's own range, and at 24 h")
    show_table(("dashboard", "queries", "annotations", "sum", "slowest", "CPU", "24 h: sum", "slowest", "CPU"), rows)
    all_times.sort(key=lambda one: -one[0])
    print("slowest queries")
    show_table(
        ("", "ms", "CPU ms"),
        [
            (f"{question}{' at 24 h' if seconds else ''}", wall * 1000, cpu * 1000)
            for wall, cpu, question, seconds in all_times[:slowest]
        ],
    )


def time_question(viewer: Viewer, question: Question, seconds: float | None) -> tuple[float, float]:
    """Medians of wall time and of Prometheus's CPU time."""
    walls, cpus = [], []
    for _ in range(RUNS):
        cpu, began = cpu_seconds(viewer.server.pid), time.perf_counter()
        viewer.ask(question, seconds)
        walls.append(time.perf_counter() - began)
        cpus.append(cpu_seconds(viewer.server.pid) - cpu)
    return statistics.median(walls), statistics.median(cpus)


def open_as_new(server: Server, path: Path, end: float, every: int) -> Viewer:
    """The dashboard as it opens: each variable at All or at the first of its values."""
    variables = read_variables(path)
    chosen: dict[str, list[str]] = {}
    for variable in variables:
        current = variable.get("current", {}).get("value")
        if current in (ALL, [ALL]):
            chosen[variable["name"]] = [ALL]
        else:
            values = list_values(server, variable, chosen, variables, end=end)
            chosen[variable["name"]] = [current if current in values else min(values)]
    return Viewer(server=server, variables=variables, chosen=chosen, end=end, scrape_seconds=every)


def _copies_of(labels: Labels, copies: int) -> Iterator[Labels]:
    if not any(name == "instance" for name, _ in labels):
        yield labels
        return
    for number in range(1, copies + 1):
        yield tuple((name, f"{value}-{number}" if name == "instance" else value) for name, value in labels)


if __name__ == "__main__":
    sys.exit(main())
