"""The alerts of a day sent to a real Alertmanager, hours in seconds, and who is sent how many messages of them."""

import re
import time
from collections import Counter
from contextlib import ExitStack
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path

from tests.scenarios.playing import STEP, Day, Labels
from tests.stack.receivers import HttpReceiver, run_http_receiver
from tests.stack.running import wait_until
from tests.stack.servers import copy_shipped, read_yaml, run_alertmanager, write_yaml

LONGEST_WAIT_MINUTES = 15
"""Of a group of warnings."""

MINUTE_SECONDS = 0.2
"""A minute of the day. What begins within the same minute is posted together, and so judged together, as in earnest."""

_LEAST_SECONDS = 0.05
_UNITS = {"s": 1 / 60, "m": 1.0, "h": 60.0, "d": 1440.0}
_WAITS = ("group_wait", "group_interval", "repeat_interval")


@dataclass
class Messages:
    """What came of each host: how many messages had news of it, by receiver, and of which alerts."""

    count: Counter[tuple[str, str]] = field(default_factory=Counter)
    sent: dict[str, list[str]] = field(default_factory=dict)

    def to_people(self, instance: str) -> int:
        """Messages with something new about this host, for people who are to act."""
        return self.count["people", instance]


def send(day: Day, etc: Path, folder: Path) -> Messages:
    """Send what fires by this folder's `alertmanager.yml`; a minute takes a fifth of a second."""
    with ExitStack() as stack:
        phone = stack.enter_context(run_http_receiver())
        copy = copy_shipped(folder)
        if etc != copy:
            (copy / "alertmanager.yml").write_bytes((etc / "alertmanager.yml").read_bytes())
        _shorten(copy / "alertmanager.yml", phone)
        alertmanager = stack.enter_context(run_alertmanager(copy))
        standing: dict[Labels, datetime] = {}
        first = min(day.firing, default=0)
        began = time.monotonic() - first * MINUTE_SECONDS
        for minute in range(first, day.minutes, STEP):
            firing = day.firing.get(minute, frozenset())
            if firing == standing.keys() and minute % 60:
                continue
            time.sleep(max(0.0, began + minute * MINUTE_SECONDS - time.monotonic()))
            now = datetime.now(UTC)
            over = [_alert(labels, since, now) for labels, since in standing.items() if labels not in firing]
            standing = {labels: standing.get(labels, now) for labels in firing}
            alertmanager.post([*over, *(_alert(labels, since, None) for labels, since in standing.items())])
        settled = time.monotonic() + 2 * LONGEST_WAIT_MINUTES * MINUTE_SECONDS
        wait_until(lambda: time.monotonic() > settled, "each group has had its time to send its news")
        return _count(phone)


def _alert(labels: Labels, since: datetime, over: datetime | None) -> dict[str, object]:
    ends = over or datetime.now(UTC) + timedelta(hours=1)
    return {"labels": dict(labels), "startsAt": since.isoformat(), "endsAt": ends.isoformat()}


def _shorten(path: Path, phone: HttpReceiver) -> None:
    config = read_yaml(path)
    for route in (config["route"], *config["route"]["routes"]):
        for wait in set(_WAITS) & route.keys():
            minutes = sum(float(number) * _UNITS[unit] for number, unit in re.findall(r"(\d+)([smhd])", route[wait]))
            route[wait] = f"{max(_LEAST_SECONDS, minutes * MINUTE_SECONDS) * 1000:.0f}ms"
        # that something is still so is no news
        route["repeat_interval"] = "100h"
    for receiver in config["receivers"]:
        receiver["webhook_configs"] = [{"url": phone.url(receiver["name"])}]
    write_yaml(path, config)


def _count(phone: HttpReceiver) -> Messages:
    """A message counts for each host of which it has something that was not in an earlier one."""
    messages, known = Messages(), set[tuple[str, str, str]]()
    for message in list(phone.messages):
        receiver = message.path.removeprefix("/")
        news: dict[str, list[str]] = {}
        for alert in message.body["alerts"]:
            state = (receiver, alert["fingerprint"] + alert["startsAt"], alert["status"])
            if state not in known:
                known.add(state)
                labels = alert["labels"]
                words = f"{labels['alertname']} {labels['severity']} {alert['status']}"
                news.setdefault(labels.get("instance", ""), []).append(words)
        for instance, states in news.items():
            messages.count[receiver, instance] += 1
            messages.sent.setdefault(instance, []).append(f"{receiver}: {', '.join(sorted(states))}")
    return messages
