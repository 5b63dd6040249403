"""The alerts that Prometheus fires and ends, each as one line."""

import json
from collections.abc import Iterator, Mapping
from typing import Any

from sysvitals.model.visible import visible
from sysvitals.stack.addresses import Address
from sysvitals.stack.asking import ask

_MOST_BYTES = 4 << 20
_WORST_FIRST = ("critical", "warning", "info")

_Labels = frozenset[tuple[str, str]]


class Alerts:
    """What fires at a Prometheus. Each look asks it; an answer that does not come changes nothing."""

    def __init__(self, prometheus: Address) -> None:
        self._prometheus = prometheus
        self._firing: Mapping[_Labels, str] = {}

    def look(self) -> list[str]:
        """A line for each alert that has begun or ended since the last look, the worst first."""
        body = ask(self._prometheus, "/api/v1/alerts", most_bytes=_MOST_BYTES)
        if body is None:
            return []
        before, self._firing = self._firing, dict(_read_firing(body))
        begun = [(labels, text) for labels, text in self._firing.items() if labels not in before]
        over = [text for labels, text in before.items() if labels not in self._firing]
        return [text for _, text in sorted(begun, key=_order)] + [f"over: {text}" for text in over]


def _read_firing(body: bytes) -> Iterator[tuple[_Labels, str]]:
    """Each alert that fires, by its labels; without the watchdog, which always does."""
    for alert in json.loads(body)["data"]["alerts"]:
        severity = alert["labels"].get("severity", "")
        if alert["state"] == "firing" and severity != "none":
            yield frozenset(alert["labels"].items()), visible(_describe(alert, severity))


def _describe(alert: Mapping[str, Any], severity: str) -> str:
    name = alert["labels"]["alertname"]
    return f"{severity or 'alert'}: {alert['annotations'].get('summary', name)} ({name})"


def _order(alert: tuple[_Labels, str]) -> tuple[int, str]:
    labels, text = alert
    severity = dict(labels).get("severity", "")
    return _WORST_FIRST.index(severity) if severity in _WORST_FIRST else len(_WORST_FIRST), text
