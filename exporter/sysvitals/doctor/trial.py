"""One test alert down the real path: sent, followed, and what became of it."""

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sysvitals.doctor.alertmanager import Status, active_alerts
from sysvitals.doctor.check import Check, Verdict, absent, broken, ok, warning
from sysvitals.doctor.fetching import LARGEST_LIST_BYTES, Server
from sysvitals.doctor.matching import Labels
from sysvitals.doctor.re2 import Unsupported
from sysvitals.doctor.routing import Route, Routing, find_routes, group_labels, why_mute
from sysvitals.doctor.rules import Rule
from sysvitals.doctor.samples import Samples, read_samples
from sysvitals.doctor.trouble import Trouble
from sysvitals.doctor.words import format_count, format_span
from sysvitals.model.event import format_time

LASTS_SECONDS = 300.0
"""How long the test alert fires at least; then it ends by itself."""
LONGEST_WAIT_SECONDS = 600.0
ARRIVAL_SECONDS = 15.0
"""How long Alertmanager may take to show what it was sent."""
MARGIN_SECONDS = 20.0
"""What is added to group_wait for the notification itself: a mail server may take its time."""
PEER_SECONDS = 15.0
"""How long each further Alertmanager of a cluster waits for those before it."""
SECOND_CHANCE_SECONDS = 8.0
"""How long is waited for a better end once something failed: Alertmanager tries again, at growing distances."""
POLL_SECONDS = 1.0

_SENT = "alertmanager_notification_requests_total"
_FAILED = "alertmanager_notification_requests_failed_total"

_HOLDERS = {"silencedBy": "a silence", "inhibitedBy": "another alert that fires", "mutedBy": "the time of day"}

Progress = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class Path:
    """The way that the alert takes: its receivers' integrations, how many of each, and how long until they are told."""

    receivers: tuple[str, ...]
    integrations: Mapping[str, int]
    seconds: float
    joins_group: bool


def mark(labels: Labels) -> Labels:
    """The labels of a real alert, marked. The id lets Alertmanager take a second test for another alert."""
    return {**labels, "test": "true", "test_id": f"{int(time.time())}"}


def build_alert(labels: Labels, rule: Rule | None, *, lasts: float) -> Mapping[str, Any]:
    """What is posted. It says of itself that it is a test, wherever people look."""
    instance = labels.get("instance", "this host")
    now = time.time()
    annotations = {
        "summary": f"TEST: {instance}: undervoltage. Nothing is wrong.",
        "description": (
            "A test alert from `sysvitals doctor --send-test-alert`, on the way that a real one would take. The voltage"
            f" was not looked at. It ends by itself after {format_span(lasts)}; nothing needs to be done."
        ),
    }
    if rule and "runbook_url" in rule.annotations:
        annotations["runbook_url"] = rule.annotations["runbook_url"]
    return {
        "labels": labels,
        "annotations": annotations,
        "startsAt": format_time(now),
        "endsAt": format_time(now + lasts),
    }


def send_test_alert(
    servers: Sequence[Server], status: Status, labels: Labels, *, rule: Rule | None, progress: Progress
) -> Iterator[Check]:
    """Send one to each of these Alertmanagers, as Prometheus does, and follow it through the first.

    `status` is that of the first; `rule` is the real alert's, for its runbook. Raises Trouble.
    """
    server = servers[0]
    marked = mark(labels)
    path = _find_path(server, status.routing, marked)
    before = _read(server)
    lasts = max(LASTS_SECONDS, path.seconds + MARGIN_SECONDS + 120)
    alert = build_alert(marked, rule, lasts=lasts)
    for one in servers:
        one.post_json("/api/v2/alerts", [alert])
    yield ok("test.sent", f'sent "{alert["annotations"]["summary"]}"; it ends by itself after {format_span(lasts)}')
    found = _wait_for_arrival(server, marked)
    if found is None:
        yield broken(
            "test.arrived",
            f"Alertmanager took it, but does not show it after {ARRIVAL_SECONDS:g} s",
            "its log says why",
        )
        return
    receivers = [one["name"] for one in found["receivers"]]
    yield ok("test.arrived", f"Alertmanager has it, for {', '.join(receivers)}")
    state = found["status"]
    held = [words for key, words in _HOLDERS.items() if state.get(key)]
    if held:
        yield broken("test.notified", f"it is kept back by {' and '.join(held)}: no notification is sent", "see above")
    elif not path.integrations:
        text = f"nothing is behind {', '.join(receivers)}, or it is mute at this time: no notification is sent"
        yield broken("test.notified", text, "see the receiver above")
    elif before is None:
        text = "cannot check whether it was sent: Alertmanager does not show its /metrics"
        yield warning("test.notified", text, "look at your phone")
    else:
        why = "group_interval, since it joins a group that was notified already" if path.joins_group else "group_wait"
        progress(f"waiting {path.seconds:.0f} s for {', '.join(path.integrations)}, by {why}")
        yield from _follow(server, path, before, peers=status.peers)


def _follow(server: Server, path: Path, before: Samples, *, peers: int) -> Iterator[Check]:
    """What became of it: one verdict for each integration, and what no program can know."""
    seconds = min(path.seconds, LONGEST_WAIT_SECONDS) + MARGIN_SECONDS + PEER_SECONDS * max(0, peers - 1)
    after = _wait_for_notification(server, path, before, seconds)
    told = [_judge(one, count, before, after) for one, count in path.integrations.items()]
    for check in told:
        if check.verdict is Verdict.BROKEN and peers > 1:
            text = f"{check.text}: perhaps another Alertmanager of its cluster did it"
            yield warning(check.id, text, "look at your phone")
        else:
            yield check
    if all(check.verdict is Verdict.OK for check in told):
        yield absent("test.read", "a program cannot check whether it was read: look at your phone now")


def _find_path(server: Server, routing: Routing | None, labels: Labels) -> Path:
    if routing is None:
        return Path((), {}, 0.0, joins_group=False)
    try:
        routes = find_routes(routing.root, labels)
    except Unsupported:
        return Path((), {}, 0.0, joins_group=False)
    told = [route for route in routes if routing.receivers.get(route.receiver) and not _is_mute(route, routing)]
    integrations: dict[str, int] = {}
    for receiver in dict.fromkeys(route.receiver for route in told):
        for integration in routing.receivers[receiver]:
            integrations[integration] = integrations.get(integration, 0) + 1
    groups = server.get_json("/api/v2/alerts/groups", LARGEST_LIST_BYTES)
    joins = {route: _is_known(route, labels, groups) for route in told}
    waits = [route.group_interval if joins[route] else route.group_wait for route in told]
    return Path(tuple(route.receiver for route in routes), integrations, max(waits, default=0.0), any(joins.values()))


def _is_mute(route: Route, routing: Routing) -> bool:
    try:
        return bool(why_mute(route, routing, time.time()))
    except ValueError:
        return False  # it cannot be told: it is waited for


def _is_known(route: Route, labels: Labels, groups: Sequence[Mapping[str, Any]]) -> bool:
    own = group_labels(route, labels)
    return any(group["labels"] == own and group["receiver"]["name"] == route.receiver for group in groups)


def _read(server: Server) -> Samples | None:
    try:
        return read_samples(server)
    except Trouble:
        return None


def _wait_for_arrival(server: Server, labels: Labels) -> Mapping[str, Any] | None:
    deadline = time.monotonic() + ARRIVAL_SECONDS
    while True:
        for alert in active_alerts(server):
            if alert["labels"] == labels and alert["receivers"]:
                return alert
        if time.monotonic() > deadline:
            return None
        time.sleep(POLL_SECONDS)


def _wait_for_notification(server: Server, path: Path, before: Samples, seconds: float) -> Samples:
    """The counters when all that was to be sent was sent well, or failed for some time, or time is up."""
    deadline = time.monotonic() + seconds
    after = before
    while time.monotonic() < deadline:
        time.sleep(POLL_SECONDS)
        after = _read(server) or after
        if all(_sent_well(one, before, after) >= count for one, count in path.integrations.items()):
            break
        if any(_rise(_FAILED, one, before, after) for one in path.integrations):
            deadline = min(deadline, time.monotonic() + SECOND_CHANCE_SECONDS)
    return after


def _judge(integration: str, count: int, before: Samples, after: Samples) -> Check:
    name = "test.notified"
    sent = _rise(_SENT, integration, before, after)
    failed = _rise(_FAILED, integration, before, after)
    if sent - failed >= count:
        what = format_count(sent - failed, "notification")
        return ok(name, f"Alertmanager has sent {what} by {integration}, and was not refused")
    if failed:
        remedy = (
            "Alertmanager's log says why: a wrong token or address, or no way out of the network? It goes on trying"
        )
        return broken(
            name,
            f"{integration} was tried {format_count(sent, 'time')}, and failed {format_count(failed, 'time')}",
            remedy,
        )
    return broken(name, f"nothing was sent by {integration}", "Alertmanager's log may say why")


def _sent_well(integration: str, before: Samples, after: Samples) -> float:
    return _rise(_SENT, integration, before, after) - _rise(_FAILED, integration, before, after)


def _rise(counter: str, integration: str, before: Samples, after: Samples) -> float:
    # one that was never used may not be there yet
    now = after.total(counter, integration=integration) or 0.0
    return now - (before.total(counter, integration=integration) or 0.0)
