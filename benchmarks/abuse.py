"""What attacks do to an exporter, beside node_exporter: whether a polite scraper is answered, how late, at what cost.

Each attack (`attacks.py`) is made on each exporter in turn, started for it with the unit's limit of descriptors, and
lasts for some seconds between two quiet times. Meanwhile `/metrics` and the health page are asked five times a second.
Attacker, scraper and exporter share this machine's processors. Everything stays on loopback.
"""

# ruff: noqa: RUF001  # times signs are typographic here

import argparse
import functools
import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from attacks import ATTACKS
from doors import build_door
from exporters import Exporter, before, node_exporters, ours
from figures import LIVE, NODE, Results
from measuring import environment, exit_on_signals, show_table
from scrape import host_folder
from victims import Answers, Phase, attacking, limited, run_victim, sum_up

SCHEMA = 1
LATER = 2.0
"""By how much the slowest percent of answers may be later than in quiet, unless node_exporter's are later still."""

MOST_MIB = 128.0
"""The unit's MemoryHigh."""

MOST_DESCRIPTORS = 0.5
"""Of the limit: the rest is for reading the host."""

MOST_LOG_BYTES = 16 << 10
"""A few lines, each with a traceback at most."""

_RELOADABLE = "--web.enable-lifecycle"


@dataclass(frozen=True)
class Run:
    """One attack on one exporter. `tally` is what the attacker did; `end` why the exporter ended early."""

    attack: str
    program: str
    phases: Mapping[str, Phase]
    tally: Mapping[str, int]
    descriptors: int
    end: str = ""


def main() -> int:
    """Attack, print a table, and write it down. The status says whether sysvitals held."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--only", default=",".join(ATTACKS), help="attacks to make (%(default)s)")
    parser.add_argument("--node-exporter", action="append", default=[], metavar="PATH", help="may be given repeatedly")
    parser.add_argument("--no-peer", action="store_true", help="attack no node_exporter")
    parser.add_argument("--against", type=Path, metavar="TREE", help="another checkout of sysvitals")
    parser.add_argument("--python", default=sys.executable, help="the Python that runs sysvitals")
    parser.add_argument("--host", default=LIVE, help="recorded host, or live for this machine (%(default)s)")
    parser.add_argument("--sources", type=int, default=1, help="addresses of attackers, 0: the scraper's (%(default)s)")
    parser.add_argument("--seconds", default="15,20,10", help="before, during and after an attack (%(default)s)")
    parser.add_argument("--quick", action="store_true", help="5, 6 and 3 seconds, for a first look")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the results there")
    options = parser.parse_args()
    exit_on_signals()
    wanted = options.only.split(",")
    if unknown := set(wanted) - set(ATTACKS):
        parser.error(f"not known: {', '.join(sorted(unknown))}; there is {', '.join(ATTACKS)}")
    seconds = [float(text) for text in ("5,6,3" if options.quick else options.seconds).split(",")]
    exporters = [ours(options.python)]
    exporters += [before(options.against, options.python)] if options.against else []
    exporters += [] if options.no_peer else node_exporters(options.node_exporter)
    runs: list[Run] = []
    for name in wanted:
        for exporter in exporters:
            print(f"{name} on {exporter.name} …", file=sys.stderr, flush=True)
            runs.append(make_attack(name, exporter, host_folder(options.host), seconds, options.sources))
    show(runs)
    if options.json:
        programs = {exporter.name: exporter.version for exporter in exporters}
        options.json.write_text(encode(runs, programs, options.sources), encoding="utf-8")
    return 1 if any(judge(run, find_peer(runs, run)) for run in runs if run.program == exporters[0].name) else 0


def make_attack(name: str, exporter: Exporter, host: Path | None, seconds: Sequence[float], sources: int) -> Run:
    """Start the exporter, attack it, and watch it before, meanwhile and afterwards."""
    attack, end = ATTACKS[name], ""
    with tempfile.TemporaryDirectory(prefix="abuse-") as folder:
        door = build_door(attack.door, Path(folder))
        extra = [_RELOADABLE] if _is_reloadable(exporter) else []
        with run_victim(exporter, door, host, limited(attack.descriptors), *extra) as victim:
            times, tally = [time.monotonic()], {}
            try:
                victim.watch(1.0)  # first readings
                times[0] = time.monotonic()
                victim.watch(seconds[0])
                times.append(time.monotonic())
                with attacking(name, exporter, victim.program, seconds[1], sources) as attacker:
                    victim.watch(seconds[1])
                    times.append(time.monotonic())
                    victim.watch(seconds[2])
                    tally = json.loads(attacker.communicate()[0])
            except OSError as error:
                end = f"ended: {error}"
            times.append(time.monotonic())
        spans = zip(("before", "during", "after"), times, times[1:], strict=False)
        phases = {phase: sum_up(victim, begins, ends) for phase, begins, ends in spans}
    return Run(name, exporter.name, phases, tally, attack.descriptors, end)


@functools.cache
def _is_reloadable(exporter: Exporter) -> bool:
    """Whether this sysvitals takes reloads over HTTP only when it is asked to."""
    if not exporter.is_ours:
        return False
    command = [exporter.command[0], "-m", "sysvitals", "serve", "--help"]
    text = subprocess.run(command, env=environment(exporter.tree), capture_output=True, text=True, check=True).stdout
    return _RELOADABLE in text


def judge(run: Run, peer: Run | None) -> list[str]:
    """What did not hold."""
    if len(run.phases) < 3:
        return [run.end]
    return [*_judge_answers(run, peer), *_judge_use(run)]


def _judge_answers(run: Run, peer: Run | None) -> Iterator[str]:
    quiet, attacked, after = run.phases.values()
    for words, kind in (("scrapes", "metrics"), ("health", "health")):
        before, during, later = (getattr(phase, kind) for phase in (quiet, attacked, after))
        if during.faults or later.faults:
            yield f"{words} not answered"
        others = getattr(peer.phases["during"], kind).p99 if peer and not peer.end else 0.0
        if during.p99 > max(LATER * before.p99, others):
            yield f"{words} late"


def _judge_use(run: Run) -> Iterator[str]:
    most = max(phase.resident for phase in run.phases.values())
    if most > MOST_MIB:
        yield "memory"
    if max(phase.descriptors for phase in run.phases.values()) > MOST_DESCRIPTORS * run.descriptors:
        yield "descriptors"
    if run.phases["during"].log + run.phases["after"].log > MOST_LOG_BYTES:
        yield "log"


def find_peer(runs: Sequence[Run], run: Run) -> Run | None:
    """The same attack on node_exporter."""
    return next((one for one in runs if (one.attack, one.program) == (run.attack, NODE)), None)


HEAD = (
    "attack", "on", "scrape p50", "p99", "attacked p50", "p99", "× quiet", "× node", "health p99", "attacked",
    "answered", "MiB", "most", "after", "fds", "most", "CPU %", "log KiB", "after", "verdict",
)  # fmt: skip


def show(runs: Sequence[Run]) -> None:
    """Print all runs as a table, in milliseconds and MiB."""
    show_table(HEAD, [_describe(run, find_peer(runs, run)) for run in runs])


def _describe(run: Run, peer: Run | None) -> list[object]:
    if len(run.phases) < 3:
        return [ATTACKS[run.attack].words, run.program, *[""] * (len(HEAD) - 3), run.end]
    quiet, attacked, after = run.phases.values()
    others = peer.phases["during"].metrics.p99 if peer and len(peer.phases) == 3 else float("nan")
    numbers = (
        quiet.metrics.p50, quiet.metrics.p99, attacked.metrics.p50, attacked.metrics.p99,
        attacked.metrics.p99 / quiet.metrics.p99, attacked.metrics.p99 / others,
        quiet.health.p99, attacked.health.p99,
    )  # fmt: skip
    answered = " ".join(_describe_answers(answers) for answers in (attacked.metrics, attacked.health))
    used = (quiet.resident, attacked.resident, after.resident)
    return [
        ATTACKS[run.attack].words, run.program, *(f"{number:,.1f}" for number in numbers), answered,
        *(f"{number:,.0f}" for number in used), quiet.descriptors, attacked.descriptors, f"{100 * attacked.cpu:.0f}",
        f"{attacked.log / 1024:,.1f}", f"{after.log / 1024:,.1f}", ", ".join(judge(run, peer)) or "held",
    ]  # fmt: skip


def _describe_answers(answers: Answers) -> str:
    return f"{answers.count - sum(answers.faults.values())}/{answers.count}"


def encode(runs: Sequence[Run], programs: Mapping[str, str], sources: int) -> str:
    """All of it as JSON."""
    results = Results(dict(programs))
    head = {"schema": SCHEMA, "taken": results.taken, "machine": results.machine, "programs": programs}
    listed = [{**asdict(run), "failed": judge(run, find_peer(runs, run))} for run in runs]
    return json.dumps({**head, "sources": sources, "runs": listed}, indent=1, ensure_ascii=False) + "\n"


if __name__ == "__main__":
    sys.exit(main())
