"""The alerts that the stack prints."""

import json
from typing import Any

import pytest

from sysvitals.stack import alerts
from sysvitals.stack.addresses import Address


def alert(name: str, severity: str, summary: str | None = None, state: str = "firing", **labels: str) -> dict[str, Any]:
    annotations = {} if summary is None else {"summary": summary}
    return {
        "labels": {"alertname": name, "severity": severity, **labels},
        "annotations": annotations,
        "state": state,
    }


DIP = alert("Undervoltage", "critical", "pi4: undervoltage", instance="pi4")
WARM = alert("TemperatureHigh", "warning", "pi4: hot", instance="pi4")


@pytest.fixture
def feed(monkeypatch: pytest.MonkeyPatch) -> tuple[alerts.Alerts, list[list[dict[str, Any]] | None]]:
    """What is printed of the answers in the list, one after the other; None is no answer."""
    answers: list[list[dict[str, Any]] | None] = []

    def ask(_address: Address, path: str, *, most_bytes: int) -> bytes | None:
        assert (path, most_bytes > 1 << 20) == ("/api/v1/alerts", True)
        found = answers.pop(0)
        return None if found is None else json.dumps({"status": "success", "data": {"alerts": found}}).encode()

    monkeypatch.setattr(alerts, "ask", ask)
    return alerts.Alerts(Address("127.0.0.1", 9090)), answers


Feed = tuple[alerts.Alerts, list[list[dict[str, Any]] | None]]


def test_an_alert_is_printed_as_it_begins_and_as_it_is_over_and_not_between(feed: Feed) -> None:
    found, answers = feed
    answers += [[], [WARM, DIP], [DIP, WARM], [WARM], []]
    assert [found.look() for _ in range(5)] == [
        [],
        ["critical: pi4: undervoltage (Undervoltage)", "warning: pi4: hot (TemperatureHigh)"],
        [],
        ["over: critical: pi4: undervoltage (Undervoltage)"],
        ["over: warning: pi4: hot (TemperatureHigh)"],
    ]


def test_a_prometheus_that_does_not_answer_ends_no_alert(feed: Feed) -> None:
    found, answers = feed
    answers += [[DIP], None, [DIP]]
    assert [len(found.look()) for _ in range(3)] == [1, 0, 0]


def test_what_may_fire_soon_and_the_watchdog_are_not_printed(feed: Feed) -> None:
    found, answers = feed
    answers.append([alert("Watchdog", "none"), alert("FilesystemFull", "warning", "pi4: full", state="pending")])
    assert found.look() == []


def test_an_alert_of_rules_that_are_not_ours_is_printed_and_cannot_act_on_the_terminal(feed: Feed) -> None:
    found, answers = feed
    odd = alert("Mine", "", None)
    del odd["labels"]["severity"]
    answers.append([odd, alert("Bad", "page", "\x1b[2Jgone")])
    assert found.look() == ["alert: Mine (Mine)", "page: \\u001b[2Jgone (Bad)"]
