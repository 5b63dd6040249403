"""All rules over the series of many hosts, by promtool: what fires at each minute."""

import json
import re
import subprocess
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from tests.judgement.stories import seconds_of
from tests.scenarios.course import Host
from tests.tools import need_tool

Labels = frozenset[tuple[str, str]]

_BLOCK = re.compile(r"time: (?P<time>\w+),\s+exp:.*?got:(?P<got>.*?)(?=\n\s+expr:|\n\s*name:|\n\s*\n|\Z)", re.DOTALL)
_FIRING = re.compile(r'\{__name__="ALERTS", (?P<labels>[^}]*)\}')
_LABEL = re.compile(r'(\w+)="((?:[^"\\]|\\.)*)"')
_NAME = re.compile(r"\b[a-z][a-z0-9_]*\b")
_SECONDS = 900
STEP = 2
"""Minutes from one evaluation to the next."""


@dataclass(frozen=True)
class Day:
    """Which alerts fire at which minute, without the watchdog, and how many minutes it has."""

    firing: Mapping[int, frozenset[Labels]]
    minutes: int

    def of(self, instance: str) -> set[str]:
        """The alerts that a host fires: `Undervoltage critical`."""
        found = (dict(labels) for firing in self.firing.values() for labels in firing)
        return {f"{labels['alertname']} {labels['severity']}" for labels in found if labels.get("instance") == instance}


def play(hosts: Iterable[tuple[str, Host]], rules: Path, folder: Path) -> Day:
    """Play these hosts, each with its instance, with all rules of a folder."""
    hosts = tuple(hosts)
    minutes = max(host.minutes for _, host in hosts)
    files = sorted(rules.resolve().glob("*.yml"))
    names = frozenset(_NAME.findall("".join(file.read_text(encoding="utf-8") for file in files)))
    series = [item for instance, host in hosts for item in host.series(instance, names).items()]
    test = {
        "interval": "1m",
        "input_series": [{"series": name, "values": values} for name, values in series],
        # asked as if nothing fired, so that promtool says what does
        "promql_expr_test": [
            {"expr": 'ALERTS{alertstate="firing",alertname!="Watchdog"}', "eval_time": f"{minute}m", "exp_samples": []}
            for minute in range(0, minutes, STEP)
        ],
    }
    content = {"rule_files": [*map(str, files)], "evaluation_interval": f"{STEP}m", "tests": [test]}
    path = folder / "day.yml"
    path.write_text(json.dumps(content), encoding="utf-8")
    command = [need_tool("promtool"), "test", "rules", str(path)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=_SECONDS, check=False)
    said = done.stdout + done.stderr
    assert "exp:" in said or done.returncode == 0, said[:2000]
    return Day(
        {
            round(seconds_of(block["time"]) / 60): frozenset(_read_firing(block["got"]))
            for block in _BLOCK.finditer(said)
        },
        minutes,
    )


def _read_firing(got: str) -> Iterable[Labels]:
    for found in _FIRING.finditer(got):
        labels = dict(_LABEL.findall(found["labels"]))
        labels.pop("alertstate")
        yield frozenset(labels.items())
