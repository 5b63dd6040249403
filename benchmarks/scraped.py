"""A real Prometheus scrapes sysvitals and node_exporter through TLS with client certificates, and through passwords.

While strangers guess passwords and hold up handshakes, Prometheus itself says how that goes: `up`, and percentiles of
`scrape_duration_seconds`, of a scrape each second. Needs Debian's `prometheus`.
"""

# a script that runs programs, and prints

import argparse
import contextlib
import json
import shutil
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import requests
from doors import PASSWORD, USER, Door, build_door
from exporters import Exporter, node_exporters, ours
from measuring import Program, exit_on_signals, run, show_table
from victims import DESCRIPTORS, attacking, door_flags, limited

ATTACKS = {"certificates": "slow-handshakes", "passwords-10": "guesses-10", "passwords-12": "guesses-12"}
"""What is done behind each door."""

WARM_UP_SECONDS = 5.0


@dataclass(frozen=True)
class Job:
    """One target of Prometheus. `name` is the job's."""

    exporter: Exporter
    door_name: str
    door: Door
    program: Program

    @property
    def name(self) -> str:
        """Unique."""
        return f"{self.exporter.name} {self.door_name}"

    def configure(self) -> dict[str, object]:
        """Prometheus's configuration of it."""
        job = {"job_name": self.name, "static_configs": [{"targets": [self.program.address]}]}
        if self.door.tls is None:
            return {**job, "basic_auth": {"username": USER, "password": PASSWORD}}
        paths = {"ca_file": "ca.pem", "cert_file": "cert.pem", "key_file": "key.pem"}
        files = {name: str(self.door.folder / path) for name, path in paths.items()}
        return {**job, "scheme": "https", "tls_config": files}


def main() -> int:
    """Print what Prometheus says. The status says whether each scrape came in."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--node-exporter", action="append", default=[], metavar="PATH", help="may be given repeatedly")
    parser.add_argument("--python", default=sys.executable, help="the Python that runs sysvitals")
    parser.add_argument("--prometheus", default=shutil.which("prometheus"), metavar="PATH", help="(%(default)s)")
    parser.add_argument("--seconds", type=float, default=30.0, help="of each phase (%(default)s)")
    parser.add_argument("--sources", type=int, default=1, help="addresses of attackers, 0: the scraper's (%(default)s)")
    options = parser.parse_args()
    exit_on_signals()
    if options.prometheus is None:
        parser.error("prometheus is not installed; --prometheus=PATH says where it is")
    exporters = [ours(options.python), *node_exporters(options.node_exporter)]
    with tempfile.TemporaryDirectory(prefix="scraped-") as name, contextlib.ExitStack() as stack:
        folder = Path(name)
        jobs = [start(exporter, door, folder, stack) for door in ATTACKS for exporter in exporters]
        prometheus = stack.enter_context(run_prometheus(options.prometheus, jobs, folder))
        time.sleep(WARM_UP_SECONDS)
        rows = [row for job in jobs for row in measure(prometheus, job, options.seconds, options.sources)]
        show_table(("target", "phase", "scrapes", "up at least", "p50 ms", "p99 ms", "most ms"), rows)
    return 0 if all(row[3] == 1 for row in rows) else 1


def start(exporter: Exporter, door_name: str, folder: Path, stack: contextlib.ExitStack) -> Job:
    """Start an exporter behind this door."""
    own = folder / f"{exporter.name} {door_name}"
    own.mkdir()
    door = build_door(door_name, own)
    running = exporter.running(None, own / "kept", *door_flags(exporter, door), below=limited(DESCRIPTORS))
    return Job(exporter, door_name, door, stack.enter_context(running))


def run_prometheus(path: str, jobs: Sequence[Job], folder: Path) -> contextlib.AbstractContextManager[Program]:
    """A Prometheus that scrapes these each second."""
    file = folder / "prometheus.json"
    timing = {"scrape_interval": "1s", "scrape_timeout": "1s"}
    file.write_text(json.dumps({"global": timing, "scrape_configs": [job.configure() for job in jobs]}))
    flags = [f"--config.file={file}", f"--storage.tsdb.path={folder / 'tsdb'}", "--web.listen-address={address}"]
    return run("prometheus", [path, *flags, "--log.level=warn"], folder)


def measure(prometheus: Program, job: Job, seconds: float, sources: int) -> list[tuple[object, ...]]:
    """Prometheus's own figures, in quiet and under attack."""
    time.sleep(seconds)
    rows = [_ask_all(prometheus, job, "quiet", seconds)]
    attack = ATTACKS[job.door_name]
    print(f"{attack} on {job.name} …", file=sys.stderr, flush=True)
    with attacking(attack, job.exporter, job.program, seconds + 1, sources):
        time.sleep(seconds)
        rows.append(_ask_all(prometheus, job, attack, seconds))
    return rows


def _ask_all(prometheus: Program, job: Job, phase: str, seconds: float) -> tuple[object, ...]:
    def query(text: str) -> float:
        query = text.replace("[]", f'{{job="{job.name}"}}[{seconds:.0f}s]')
        address = f"http://{prometheus.address}/api/v1/query"
        answer = requests.get(address, params={"query": query}, timeout=10).json()
        return float(answer["data"]["result"][0]["value"][1])

    duration = "scrape_duration_seconds[]"
    times = [query(f"1000 * quantile_over_time({share}, {duration})") for share in (0.5, 0.99, 1)]
    return job.name, phase, int(query("count_over_time(up[])")), int(query("min_over_time(up[])")), *times


if __name__ == "__main__":
    sys.exit(main())
