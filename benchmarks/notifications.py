"""How soon a brownout is told: from its onset on a simulated board to the arrival of the message, by real servers.

Exporter, Prometheus and Alertmanager run with the configuration that ships and its real intervals; only the receiver is
a web server here. Each pulse is on a board of its own, for a second one within half an hour would be no news: a few
boards at a time, in rounds, each with one pulse of 3 s at a random moment. A run of 20 takes some eight minutes.
"""

# a script that prints

import argparse
import re
import statistics
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from measuring import show_table

from sysvitals.simulation.randomness import seeded
from sysvitals.simulation.simulation import Simulation, causes_of
from tests.stack.boards import build_boards, flags_of, play
from tests.stack.receivers import HttpReceiver, run_http_receiver
from tests.stack.running import free_port, run_exporter, wait_until
from tests.stack.servers import (
    Prometheus,
    copy_shipped,
    name_targets,
    read_yaml,
    run_alertmanager,
    run_prometheus,
    write_yaml,
)

SCENARIO = """
summary: One pulse of 3 s.
lasts: 10m
steps:
  - {{at: {at:.1f}s, pulse: {{supply_volts: 4.4}}, for: 3s, times: 1}}
"""
EXPORTER_SECONDS = 1.0
"""How often the exporter looks at the throttle word where the kernel gives no notice, as on a simulated board."""


@dataclass(frozen=True)
class Intervals:
    """What the configuration lets pass at least or at most, in seconds."""

    look: float
    scrape: float
    evaluation: float
    group_wait: float

    @property
    def worst(self) -> float:
        """If each was just missed."""
        return self.look + self.scrape + self.evaluation + self.group_wait

    @property
    def least(self) -> float:
        """If each came at once."""
        return self.group_wait

    def median(self, seed: int) -> float:
        """If each is waited for from a random moment of it."""
        chance = seeded(seed, "waits")
        waits = (self.look, self.scrape, self.evaluation)
        return statistics.median(
            sum(chance.uniform(0, wait) for wait in waits) + self.group_wait for _ in range(100_000)
        )


@dataclass(frozen=True)
class Told:
    """One pulse: seconds from its onset to each stage.

    `seen`: the exporter's event; `scraped`: the first sample that counts it; `fired`: the rule.
    """

    seen: float
    scraped: float
    fired: float
    told: float


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--boards", type=int, default=5, help="at a time")
    parser.add_argument("--rounds", type=int, default=4)
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="notifications-") as name, ExitStack() as stack:
        folder = Path(name)
        etc = copy_shipped(folder)
        http = stack.enter_context(run_http_receiver())
        send_to(etc, http)
        port = free_port()
        name_targets(etc, "alertmanager", {"alertmanager": f"127.0.0.1:{port}"})
        stack.enter_context(run_alertmanager(etc, port))
        prometheus = stack.enter_context(run_prometheus(etc))
        chance = seeded(options.seed, "pulses")
        told: list[Told] = []
        for number in range(options.rounds):
            names = [f"pi-{number}-{board}" for board in range(options.boards)]
            told += play_round(folder, etc, prometheus, http, {name: chance.uniform(1, 31) for name in names})
            print(f"round {number + 1}: " + ", ".join(f"{one.told:.1f} s" for one in told[-len(names) :]), flush=True)
        show(told, read_intervals(etc), options.seed)


def send_to(etc: Path, http: HttpReceiver) -> None:
    """Let all messages come here; nothing else of the configuration changes."""
    config = read_yaml(etc / "alertmanager.yml")
    config["receivers"][0]["webhook_configs"] = [{"url": http.url("webhook")}]
    write_yaml(etc / "alertmanager.yml", config)


def read_intervals(etc: Path) -> Intervals:
    """From the configuration itself."""
    config = read_yaml(etc / "prometheus.yml")["global"]
    [power] = read_yaml(etc / "rules/power.yml")["groups"]
    routes = read_yaml(etc / "alertmanager.yml")["route"]["routes"]
    [critical] = [route for route in routes if route["matchers"] == ['severity="critical"']]
    return Intervals(
        EXPORTER_SECONDS,
        seconds(config["scrape_interval"]),
        seconds(power.get("interval", config["evaluation_interval"])),
        seconds(critical["group_wait"]),
    )


def seconds(text: str) -> float:
    """Of Prometheus's way to write them."""
    units = {"s": 1, "m": 60, "h": 3600}
    return float(sum(int(number) * units[unit] for number, unit in re.findall(r"(\d+)([smh])", text)))


@contextmanager
def start_exporters(folder: Path, boards: Mapping[str, Simulation]) -> Iterator[dict[str, str]]:
    """Their addresses by the boards' names."""
    with ExitStack() as stack:
        yield {
            name: stack.enter_context(run_exporter(folder, name, *flags_of(board))) for name, board in boards.items()
        }


def play_round(
    folder: Path, etc: Path, prometheus: Prometheus, http: HttpReceiver, pulses: Mapping[str, float]
) -> list[Told]:
    """Boards with one pulse each, at so many seconds after all were scraped twice."""
    scenarios = {}
    for name, at in pulses.items():
        path = folder / f"{name}.yaml"
        path.write_text(SCENARIO.format(at=at), encoding="utf-8")
        scenarios[name] = str(path)
    with build_boards(folder, scenarios) as boards, start_exporters(folder, boards) as addresses:
        name_targets(etc, "sysvitals", addresses)
        names = "|".join(pulses)
        calm = (
            f'count(count_over_time(system_throttle_events_total{{cause="undervoltage",instance=~"{names}"}}[1m]) > 1)'
        )
        wait_until(lambda: prometheus.value(calm) == len(pulses), "all boards were scraped twice")
        with play(list(boards.values())) as began:
            moved = time.time() - time.monotonic()
            wait_until(lambda: len(find_messages(http, pulses)) == len(pulses), "all were told")
        told = []
        for name, (arrived, alert) in find_messages(http, pulses).items():
            [(onset, _)] = causes_of(boards[name].truth, "board", "undervoltage")
            onset += began
            told.append(
                Told(
                    find_event(folder / name) - moved - onset,
                    find_scrape(prometheus, name) - moved - onset,
                    datetime.fromisoformat(alert["startsAt"]).timestamp() - moved - onset,
                    arrived - onset,
                )
            )
        name_targets(etc, "sysvitals", {})
    return told


def find_messages(http: HttpReceiver, names: Mapping[str, float]) -> dict[str, tuple[float, dict[str, Any]]]:
    """When the first message came of each board's undervoltage, and its alert."""
    found: dict[str, tuple[float, dict[str, Any]]] = {}
    for message in http.to("webhook"):
        for alert in message.body["alerts"]:
            labels = alert["labels"]
            if labels["alertname"] == "Undervoltage" and labels["instance"] in names:
                found.setdefault(labels["instance"], (message.time, alert))
    return found


def find_event(storage: Path) -> float:
    """The Unix time at which the exporter saw the undervoltage, by its history."""
    for segment in sorted(storage.glob("history/*/*.jsonl")):
        for line in segment.read_text(encoding="utf-8").splitlines():
            if '"system.throttling.started"' in line and '"undervoltage"' in line:
                found = re.search(r'"time":"([^"]+)"', line)
                if found:
                    return datetime.fromisoformat(found[1]).timestamp()
    raise RuntimeError(f"no undervoltage in {storage}")


def find_scrape(prometheus: Prometheus, name: str) -> float:
    """The Unix time of the first sample in which the exporter had counted the undervoltage."""
    samples = f'system_throttle_events_total{{cause="undervoltage",instance="{name}"}}[5m]'
    [series] = prometheus.ask("query", query=samples)["result"]
    return next(float(at) for at, value in series["values"] if float(value) > 0)


def show(told: list[Told], intervals: Intervals, seed: int) -> None:
    """The table, beside what the intervals imply."""
    print(
        f"\n{len(told)} pulses of 3 s; the exporter looks each {intervals.look:g} s, Prometheus scrapes each "
        f"{intervals.scrape:g} s and evaluates each {intervals.evaluation:g} s, Alertmanager waits "
        f"{intervals.group_wait:g} s"
    )
    stages = {
        "onset to event": [one.seen for one in told],
        "event to scrape": [one.scraped - one.seen for one in told],
        "scrape to firing": [one.fired - one.scraped for one in told],
        "firing to message": [one.told - one.fired for one in told],
        "onset to message": [one.told for one in told],
    }
    rows = [
        [name, f"{min(values):.1f}", f"{statistics.median(values):.1f}", f"{max(values):.1f}"]
        for name, values in stages.items()
    ]
    rows.append(
        [
            "what the intervals imply",
            f"{intervals.least:.1f}",
            f"{intervals.median(seed):.1f}",
            f"{intervals.worst:.1f}",
        ]
    )
    show_table(["seconds", "least", "median", "worst"], rows)


if __name__ == "__main__":
    main()
