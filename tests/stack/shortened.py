"""A copy of the folder that users copy, with its waits shortened so that a test is done within minutes."""

import re
from pathlib import Path
from typing import Any

from sysvitals.judgement.thresholds import UNDERVOLTAGE_RECENT
from tests.stack.servers import read_yaml, write_yaml


def shorten(etc: Path, *, looks_back: int) -> None:
    """Scrapes and evaluations (a second), how far Undervoltage looks back, how long a host must be silent."""
    config = read_yaml(etc / "prometheus.yml")
    config["global"] |= {"scrape_interval": "1s", "scrape_timeout": "1s", "evaluation_interval": "1s"}
    write_yaml(etc / "prometheus.yml", config)
    [power] = read_yaml(etc / "rules/power.yml")["groups"]
    power["interval"] = "1s"
    undervoltage = _find_rule(power, "Undervoltage")
    seconds = UNDERVOLTAGE_RECENT.value
    for long, short in ((f"[{seconds / 60:g}m]", f"[{looks_back}s]"), (f"< {seconds:g}", f"< {looks_back}")):
        assert long in undervoltage["expr"]
        undervoltage["expr"] = undervoltage["expr"].replace(long, short)
    write_yaml(etc / "rules/power.yml", {"groups": [power]})
    [host] = read_yaml(etc / "rules/host.yml")["groups"]
    _find_rule(host, "HostDown").update({"for": "3s", "keep_firing_for": "2s"})
    write_yaml(etc / "rules/host.yml", {"groups": [host]})


def shorten_notifications_failing(etc: Path) -> None:
    """Its minutes become seconds; it lasts for longer after the last failure, where a busy machine has gaps."""
    [chain] = read_yaml(etc / "rules/chain.yml")["groups"]
    rule = _find_rule(chain, "NotificationsFailing")
    for key in ("expr", "for"):
        assert re.search(r"\dm\b", rule[key])
        rule[key] = re.sub(r"(\d)m\b", r"\1s", rule[key])
    rule["keep_firing_for"] = "15s"
    write_yaml(etc / "rules/chain.yml", {"groups": [chain]})


def _find_rule(group: dict[str, Any], alertname: str) -> dict[str, Any]:
    rules: list[dict[str, Any]] = [rule for rule in group["rules"] if rule.get("alert") == alertname]
    [found] = rules
    return found
