"""Alertmanager: whether it is there, hears Prometheus, and whom it would tell of an undervoltage of this host."""

import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from sysvitals.doctor.check import Check, absent, broken, ok, warning
from sysvitals.doctor.fetching import LARGEST_LIST_BYTES, Server
from sysvitals.doctor.matching import Labels, Matcher, matches_all
from sysvitals.doctor.prometheus import explain_stranger
from sysvitals.doctor.re2 import Unsupported
from sysvitals.doctor.routing import Route, Routing, find_inhibitor, find_routes, parse_routing, why_mute
from sysvitals.doctor.rules import HEADLINE
from sysvitals.doctor.samples import read_samples
from sysvitals.doctor.trouble import Trouble
from sysvitals.doctor.words import format_span
from sysvitals.model.event import parse_time

_WATCHDOG_PATIENCE_SECONDS = 120.0
"""What Prometheus evaluates before it has found Alertmanager is lost; it sends an alert anew after a minute or more."""


@dataclass(frozen=True, slots=True)
class Status:
    """What Alertmanager says of itself. `routing` is None where it does not show its configuration."""

    version: str
    cluster: str
    peers: int
    routing: Routing | None


def ask_status(server: Server) -> Status:
    """Raises Trouble, which says what answers instead."""
    hint = "Alertmanager mostly listens on port 9093"
    try:
        found = server.get_json("/api/v2/status")
    except Trouble as trouble:
        raise explain_stranger(server, trouble, hint) from None
    if not isinstance(found, dict) or "versionInfo" not in found:
        strange = Trouble("content", f"{server.address.url} answers, but not as Alertmanager does", hint)
        raise explain_stranger(server, strange, hint)
    original = (found.get("config") or {}).get("original") or ""
    cluster = found.get("cluster") or {}
    try:
        routing = parse_routing(original) if original else None
    except ValueError:
        routing = None
    return Status(
        version=found["versionInfo"].get("version", "of unknown version"),
        cluster=cluster.get("status", ""),
        peers=len(cluster.get("peers") or ()),
        routing=routing,
    )


def check_health(server: Server, status: Status) -> Iterator[Check]:
    """Whether it is ready and runs with the configuration that is on its disk."""
    try:
        server.get_text("/-/ready")
    except Trouble as trouble:
        yield broken(
            "alertmanager.ready", f"it is not ready: {trouble.text}", "it has just started, or its log says why"
        )
    if status.cluster == "settling":
        yield warning(
            "alertmanager.ready", "its cluster is still settling: it sends nothing until then", "ask again soon"
        )
    try:
        samples = read_samples(server)
    except Trouble:  # some keep /metrics to themselves
        return
    if samples.total("alertmanager_config_last_reload_successful") == 0:
        yield broken(
            "alertmanager.config",
            "its configuration was changed and is wrong: the old one is in force",
            "`amtool check-config /etc/prometheus/alertmanager.yml` names the error; then reload it",
        )


def check_watchdog(server: Server, watchdog: Labels, since: float) -> Check:
    """Whether the alert that always fires, since that Unix time, has come here from Prometheus. Raises Trouble."""
    name = "alertmanager.watchdog"
    for alert in active_alerts(server):
        if watchdog.items() <= alert["labels"].items():
            age = max(0.0, time.time() - parse_time(alert["updatedAt"]))
            return ok(name, f"alerts of Prometheus arrive here: its Watchdog was renewed {age:.0f} s ago")
    text = "Prometheus's Watchdog fires, but has not arrived here"
    if time.time() - since < _WATCHDOG_PATIENCE_SECONDS:
        return warning(name, f"{text} yet", "Prometheus has just started: ask again in two minutes")
    remedy = "is this the Alertmanager that Prometheus sends to? Prometheus's log says why it cannot send"
    return broken(name, text, remedy)


def active_alerts(server: Server) -> list[Mapping[str, Any]]:
    """All alerts that fire, silenced and inhibited ones among them. Raises Trouble."""
    found: list[Mapping[str, Any]] = server.get_json("/api/v2/alerts", LARGEST_LIST_BYTES)
    return found


def check_routes(server: Server, routing: Routing, labels: Labels) -> Iterator[Check]:
    """Whom an alert with these labels would reach, and what would keep it from them. Raises Trouble."""
    who = f"an {labels.get('alertname', HEADLINE)} alert of {labels.get('instance', 'this host')}"
    try:
        routes = find_routes(routing.root, labels)
    except Unsupported as unsupported:
        words = " ".join(f"'{name}={value}'" for name, value in labels.items())
        yield warning(
            "alertmanager.route",
            f"cannot find out here which receiver {who} would reach: {unsupported}",
            f"amtool config routes test --alertmanager.url={server.address.url} {words}",
        )
        return
    told = [route for route in routes if routing.receivers.get(route.receiver)]
    for route in routes:
        yield _check_receiver(route, routing, who, somebody_is_told=bool(told))
    yield from _check_times(told, routing)
    yield from _check_silences(server, labels, who)
    try:
        inhibitor = find_inhibitor(routing, labels, [alert["labels"] for alert in active_alerts(server)])
    except Unsupported:
        inhibitor = None
    if inhibitor is not None:
        yield warning(
            "alertmanager.inhibited",
            f"{who} would be kept back now: {inhibitor.get('alertname', 'another alert')} of"
            f" {inhibitor.get('instance', 'another instance')} fires",
            "that is as its inhibit_rules say; it comes as soon as that one has ended",
        )
    yield from _check_deliveries(server, told, routing)


def _check_receiver(route: Route, routing: Routing, who: str, *, somebody_is_told: bool) -> Check:
    name = "alertmanager.receiver"
    integrations = routing.receivers.get(route.receiver, ())
    if integrations:
        return ok(name, f'{who} goes to the receiver "{route.receiver}": {", ".join(dict.fromkeys(integrations))}')
    text = f'{who} goes to the receiver "{route.receiver}", which has nothing behind it'
    if somebody_is_told:
        return absent(name, text)
    remedy = (
        "give it a way to reach you: in alertmanager.yml uncomment one of those below that receiver and fill it in"
        " (telegram_configs, email_configs, ...), then reload Alertmanager"
    )
    return broken(name, f"{text}: no notification is sent", remedy)


def _check_times(routes: list[Route], routing: Routing) -> Iterator[Check]:
    name = "alertmanager.muted"
    for route in routes:
        try:
            why = why_mute(route, routing, time.time())
        except ValueError as error:
            text = f'cannot check whether the route to "{route.receiver}" is muted now: {error}'
            yield warning(name, text, "look at mute_time_intervals and active_time_intervals of that route")
            continue
        if why:
            remedy = (
                "to be notified of undervoltage at all times, take the intervals off that route in alertmanager.yml"
            )
            yield broken(name, f'the route to "{route.receiver}" is mute at this time: {why}', remedy)


def _check_silences(server: Server, labels: Labels, who: str) -> Iterator[Check]:
    for silence in server.get_json("/api/v2/silences", LARGEST_LIST_BYTES):
        if silence["status"]["state"] != "active":
            continue
        matchers = [
            Matcher(one["name"], one["value"], one["isRegex"], one.get("isEqual", True)) for one in silence["matchers"]
        ]
        try:
            if not matches_all(matchers, labels):
                continue
        except Unsupported:
            continue
        left = max(0.0, parse_time(silence["endsAt"]) - time.time())
        yield broken(
            "alertmanager.silenced",
            f"a silence swallows {who} for another {format_span(left)}:"
            f" {', '.join(map(str, matchers))}, by {silence.get('createdBy') or '?'}: {silence.get('comment') or '-'}",
            f"amtool silence expire --alertmanager.url={server.address.url} {silence['id']}",
        )


def _check_deliveries(server: Server, routes: list[Route], routing: Routing) -> Iterator[Check]:
    """Whether what was sent this way until now arrived."""
    try:
        samples = read_samples(server)
    except Trouble:
        return
    for integration in dict.fromkeys(one for route in routes for one in routing.receivers[route.receiver]):
        failed = samples.total("alertmanager_notifications_failed_total", integration=integration) or 0
        sent = samples.total("alertmanager_notifications_total", integration=integration) or 0
        if failed:
            yield warning(
                "alertmanager.deliveries",
                f"{failed:.0f} of {sent:.0f} notifications by {integration} failed since Alertmanager started",
                "its log says why; `sysvitals doctor --send-test-alert` shows whether it works now",
            )
