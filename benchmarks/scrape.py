"""What a scrape costs, and what an idle exporter costs, beside Debian's node_exporter with the same collectors."""

# ruff: noqa: INP001, T201  # a script that prints

import argparse
import json
import shutil
import sys
import tempfile
import time
from pathlib import Path

from measuring import cpu_seconds, memory, middle, run, show_table

from sysvitals.collectors import COLLECTORS

# fmt: off
LIKE_OURS = (
    "cpu", "cpufreq", "diskstats", "dmi", "filesystem", "hwmon", "loadavg", "meminfo", "netclass", "netdev", "nvme",
    "os", "powersupplyclass", "pressure", "stat", "thermal_zone", "time", "timex", "uname", "vmstat", "wifi",
)
# fmt: on
"""node_exporter's collectors that read what ours read."""


def main() -> int:
    """Compare, and print tables."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--scrapes", type=int, default=300, help="of each program, taken in turns (%(default)s)")
    parser.add_argument("--idle-seconds", type=float, default=60.0, help="how long to watch them idle (%(default)s)")
    parser.add_argument("--python", default=sys.executable, help="the Python that runs sysvitals")
    options = parser.parse_args()
    node_exporter = shutil.which("prometheus-node-exporter")
    if node_exporter is None:
        print("prometheus-node-exporter is not installed (apt install prometheus-node-exporter)", file=sys.stderr)
        return 1
    ours = [options.python, "-m", "sysvitals", "serve", "--web.listen-address={address}"]
    theirs = [node_exporter, "--web.listen-address={address}", "--collector.disable-defaults"]
    theirs += [f"--collector.{name}" for name in LIKE_OURS]
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        kept = [f"--storage.path={folder}/{number}" for number in range(3)]
        fresh, known = (_write_config(folder / f"{age}.yml", age) for age in ("0s", "1d"))
        with (
            run("sysvitals", [*ours, kept[0], fresh], folder) as reading,
            run("sysvitals, nothing read", [*ours, kept[1], known], folder) as projecting,
            run("node_exporter", theirs, folder) as node,
        ):
            programs = (reading, projecting, node)
            for turn in range(options.scrapes + 20):
                if turn == 20:
                    for program in programs:
                        program.forget()
                for program in programs:
                    program.scrape()
            rows = [
                (
                    program.name,
                    middle(program.seconds, 1e3),
                    middle(program.cpu, 1e3),
                    sum(program.cpu) / len(program.cpu) * 1e3,
                    program.size / 1024,
                    *memory(program.pid),
                )
                for program in programs
            ]
        one, _, other = rows
        ratios = [float(a) / float(b) for a, b in zip(one[1:], other[1:], strict=True)]
        print(f"{options.scrapes} scrapes of each in turns, gzip, connections kept, everything read at each scrape")
        head = ("", "median ms", "median CPU ms", "mean CPU ms", "gzip KiB", "RSS MiB", "own MiB")
        show_table(head, [*rows, ("sysvitals : node_exporter", *ratios)])
        with run("idle", [*ours, kept[2]], folder) as ours_idle, run("node idle", theirs, folder) as node_idle:
            time.sleep(5)  # the first round reads everything
            idle = [(program, cpu_seconds(program.pid)) for program in (ours_idle, node_idle)]
            began = time.monotonic()
            time.sleep(options.idle_seconds)
            hours = (time.monotonic() - began) / 3600
            idle_rows = [
                (name, used, used + 240 * scrape / 1e3, *memory(program.pid))
                for (program, before), name, scrape in zip(
                    idle, ("sysvitals", "node_exporter"), (one[3], other[3]), strict=True
                )
                for used in [(cpu_seconds(program.pid) - before) / hours]
            ]
        print(f"default intervals, watched for {options.idle_seconds:g} s")
        show_table(("", "idle CPU s/h", "with a scrape each 15 s", "RSS MiB", "own MiB"), idle_rows)
    return 0


def _write_config(path: Path, max_age: str) -> str:
    """The flag for a configuration in which no heartbeat falls into the measured time: a scrape is what is measured."""
    settings = {collector.name: {"interval": "1d", "max_age": max_age} for collector in COLLECTORS}
    path.write_text(json.dumps({"collector": settings}))
    return f"--config.file={path}"


if __name__ == "__main__":
    sys.exit(main())
