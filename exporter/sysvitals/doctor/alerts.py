"""From Prometheus to Alertmanager: which labels an alert of this host has, what fires now, and who is told of it."""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any

from sysvitals.client.access import NO_ACCESS, Access
from sysvitals.client.address import Address, parse_address
from sysvitals.config.values import is_loopback
from sysvitals.doctor.check import Check, broken, ok, warning
from sysvitals.doctor.fetching import Server
from sysvitals.doctor.matching import Labels
from sysvitals.doctor.prometheus import Scraped, query
from sysvitals.doctor.re2 import Unsupported
from sysvitals.doctor.relabelling import relabel
from sysvitals.doctor.rules import HEADLINE, WATCHDOG, Group, Rule, find_alert
from sysvitals.doctor.texts import load_texts
from sysvitals.doctor.trouble import Trouble

_SIGN = re.compile(r'"(?:\\.|[^"\\])*"|[{}]|[=!<>]=|[<>]')
_MOST_ALERTMANAGERS = 16
Config = tuple[Labels, Mapping[str, Any]]
"""The labels that the server adds to alerts, and what it has under `alerting`."""
_COMPARISONS = frozenset({"==", "!=", "<=", ">=", "<", ">"})


@dataclass(frozen=True, slots=True)
class Sending:
    """What Prometheus does with an alert before it sends it, and the labels with which ours would arrive.

    `labels` are None where it would drop the alert. `is_guess`: they could not all be found out. `watchdog` are the
    labels of the alert that always fires, `watchdog_since` is when it began, in Unix seconds. `names_alertmanagers`:
    its configuration does, whether it finds them or not.
    """

    labels: Labels | None
    is_guess: bool = False
    external_labels: Labels = field(default_factory=dict)
    relabelling: tuple[Mapping[str, Any], ...] = ()
    watchdog: Labels | None = None
    watchdog_since: float = 0.0
    names_alertmanagers: bool = False


def guess_sending(hostname: str, rule: Rule | None) -> Sending:
    """Where no Prometheus is asked: the labels as they are by our own configuration."""
    own = rule.labels if rule else {"severity": "critical"}
    return Sending({"alertname": HEADLINE, "job": "sysvitals", "instance": hostname, **own}, is_guess=True)


def find_sending(  # noqa: PLR0913, PLR0917  # all that the labels come from
    server: Server,
    loaded: list[Group],
    shipped: list[Group],
    scraped: Scraped | None,
    host: str,
    config: Config | None = None,
) -> Sending:
    """With which labels an Undervoltage alert of this host would leave Prometheus. Raises Trouble.

    `config` is the server's configuration of alerts where it is known otherwise than by asking for it.
    """
    external, alerting = config or _read_config(server)
    rule = find_alert(loaded, HEADLINE)
    there = scraped.labels if scraped else guess_sending(host, None).labels or {}
    own, is_guess = (_alert_labels(server, rule, there), False) if rule else (there, True)
    named = rule or find_alert(shipped, HEADLINE)
    static = {name: value for name, value in (named.labels if named else {}).items() if "{{" not in value}
    sending = Sending(
        labels={},
        is_guess=is_guess or scraped is None,
        external_labels=external,
        relabelling=tuple(alerting.get("alert_relabel_configs") or ()),
        names_alertmanagers=bool(alerting.get("alertmanagers")),
    )
    sending = replace(sending, labels=_leave(sending, {**own, "alertname": HEADLINE, **static}))
    watchdog = find_alert(loaded, WATCHDOG)
    if watchdog is None or watchdog.state != "firing" or not watchdog.alerts:
        return sending
    [alert, *_] = watchdog.alerts
    since = datetime.fromisoformat(alert["activeAt"]).timestamp()
    return replace(sending, watchdog=_leave(sending, alert["labels"]), watchdog_since=since)


def check_sending(sending: Sending) -> Iterator[Check]:
    """Whether our alert would leave Prometheus at all."""
    if sending.labels is None:
        yield broken(
            "prometheus.relabelling",
            "Prometheus would throw an Undervoltage alert of this host away before sending it",
            "see alert_relabel_configs in prometheus.yml",
        )


def check_firing(loaded: list[Group], scraped: Scraped) -> Iterator[Check]:
    """Which alerts of this host fire now."""
    instance = scraped.labels.get("instance")
    alerts = [
        alert
        for group in loaded
        for rule in group.rules
        for alert in rule.alerts
        if alert["labels"].get("instance") == instance and alert["labels"].get("severity") != "none"
    ]
    firing = sorted({_name(alert["labels"]) for alert in alerts if alert["state"] == "firing"})
    pending = sorted({_name(alert["labels"]) for alert in alerts if alert["state"] == "pending"} - {*firing})
    name = "prometheus.alerts"
    if firing:
        yield warning(
            name, f"firing for this host now: {', '.join(firing)}", "that is a message, not a fault: see the runbook"
        )
    elif pending:
        yield warning(name, f"about to fire for this host, if it lasts: {', '.join(pending)}", "see the runbook")
    else:
        yield ok(name, "no alert of this host fires now")


@dataclass(frozen=True, slots=True)
class Recipient:
    """An Alertmanager. `soft` are the kinds of trouble that its address may give here, and yet be right elsewhere."""

    address: Address
    soft: frozenset[str] = frozenset()
    access: Access = NO_ACCESS


def find_alertmanagers(server: Server) -> list[Recipient]:
    """The Alertmanagers that Prometheus sends to, up to a bearable number. Raises Trouble."""
    found = server.get_data("alertmanagers").get("activeAlertmanagers") or []
    return find_recipients([one["url"] for one in found], server)


def find_recipients(urls: Sequence[str], server: Server) -> list[Recipient]:
    """The Alertmanagers at the addresses to which that server sends alerts, up to a bearable number."""
    return [_recipient(url, server) for url in urls[:_MOST_ALERTMANAGERS]]


def _recipient(url: str, server: Server) -> Recipient:
    address = parse_address(re.sub(r"/api/v[12]/alerts/?$", "", url))
    if not is_loopback(address.host):  # it may be a name of containers among themselves
        return Recipient(address, frozenset({"unknown", "silent"}))
    if is_loopback(server.address.host):
        return Recipient(address)
    # Prometheus's own machine is meant, and perhaps that alone can reach it
    near, there = _bracketed(address.host), server.address.host
    moved = Address(address.url.replace(f"//{near}", f"//{_bracketed(there)}", 1), there)
    return Recipient(moved, frozenset({"unknown", "silent", "refused"}))


def _bracketed(host: str) -> str:
    return f"[{host}]" if ":" in host else host


def check_alertmanagers(server: Server, known: list[Recipient], *, is_configured: bool) -> Check:
    """Whether Prometheus knows an Alertmanager, and if not, whether it should. Raises Trouble."""
    name = "prometheus.alertmanagers"
    if known:
        return ok(name, f"it sends alerts to {', '.join(one.address.url for one in known)}")
    if server.get_data("alertmanagers").get("droppedAlertmanagers"):
        return broken(
            name,
            "its relabelling drops every Alertmanager that it finds: alerts fire, but no notification is sent",
            "see relabel_configs under alerting in prometheus.yml",
        )
    if is_configured:
        return broken(
            name,
            "it finds none of the Alertmanagers of its configuration: alerts fire, but no notification is sent",
            "is the file with their addresses there (targets/alertmanager)? after a reload it takes 10 seconds",
        )
    remedy = (
        "name it in prometheus.yml, and reload Prometheus:\n"
        "  alerting:\n"
        "    alertmanagers:\n"
        "      - static_configs:\n"
        '          - targets: ["localhost:9093"]'
    )
    return broken(name, "it knows no Alertmanager: alerts fire, but no notification is sent", remedy)


def keep_all(promql: str) -> str:
    """The expression without its thresholds: each comparison keeps all series, as `bool` makes it."""
    depth = 0

    def keep(found: re.Match[str]) -> str:
        nonlocal depth
        sign = found[0]
        depth += (sign == "{") - (sign == "}")
        return f"{sign} bool" if sign in _COMPARISONS and not depth else sign

    return re.sub(r"\bbool\s+bool\b", "bool", _SIGN.sub(keep, promql))


def _alert_labels(server: Server, rule: Rule, there: Labels) -> Labels:
    """The labels of the series that the rule would find for this host, whether it is above the threshold or not."""
    try:
        rows = query(server, keep_all(rule.expression))
    except Trouble as trouble:
        if trouble.status is None:
            raise
        rows = []
    keys = ("job", "instance")
    for labels, _ in rows:
        if all(labels.get(key) == there.get(key) for key in keys):
            return {name: value for name, value in labels.items() if name != "__name__"}
    return there


def _leave(sending: Sending, labels: Labels) -> Labels | None:
    """These labels as they leave Prometheus. What it would do to them and cannot be told here is left undone."""
    whole = {**sending.external_labels, **labels}
    try:
        return relabel(whole, sending.relabelling)
    except Unsupported:
        return whole


def _read_config(server: Server) -> Config:
    """The labels that Prometheus adds, and what it has under `alerting`."""
    try:
        text = server.get_data("status/config")["yaml"]
        tree = load_texts(text) or {}
        external = (tree.get("global") or {}).get("external_labels") or {}
        return external, tree.get("alerting") or {}
    except Trouble as trouble:
        if trouble.status is None:
            raise
        return {}, {}  # some keep their configuration to themselves
    except ValueError:
        return {}, {}


def _name(labels: Labels) -> str:
    return f"{labels.get('alertname', '?')} ({labels.get('severity', 'no severity')})"
