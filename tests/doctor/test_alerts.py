"""With which labels an alert of this host leaves Prometheus, and to whom it goes."""

from typing import Any

import pytest

from sysvitals.client.address import parse_address
from sysvitals.doctor.alerts import (
    check_alertmanagers,
    check_firing,
    check_sending,
    find_alertmanagers,
    find_sending,
    guess_sending,
    keep_all,
)
from sysvitals.doctor.check import Verdict
from sysvitals.doctor.fetching import Server
from sysvitals.doctor.prometheus import Scraped
from sysvitals.doctor.rules import Group, Rule
from tests.doctor.serving import Answers, Question, Raw, connect, success, vector

OK, ABSENT, WARNING, BROKEN = Verdict

SCRAPED = Scraped({"job": "sysvitals", "instance": "pi4", "room": "kitchen"}, None)


def rule(name: str = "Undervoltage", **changes: Any) -> Rule:
    whole: dict[str, Any] = {
        "kind": "alerting",
        "name": name,
        "expression": 'x{cause="undervoltage"} > 0',
        "lasts": 0.0,
        "keeps": 0.0,
        "labels": {"severity": "critical", "subject": "power"},
        "annotations": {},
    }
    return Rule(**{**whole, **changes})


def group(*rules: Rule) -> list[Group]:
    return [Group("sysvitals-power", "power.yml", rules)]


def prometheus(config: str | None = "", rows: list[dict[str, str]] | None = None) -> Answers:
    def answer(question: Question) -> Any:
        assert question.query["query"] == 'x{cause="undervoltage"} > bool 0'
        return vector(*((row, 0.0) for row in rows or ()))

    tell = Raw(404) if config is None else success({"yaml": config})
    return {"/api/v1/query": answer, "/api/v1/status/config": tell}


def labels_of(answers: Answers, scraped: Scraped | None = SCRAPED, loaded: list[Group] | None = None) -> Any:
    with connect(answers) as (server, _):
        return find_sending(server, group(rule()) if loaded is None else loaded, group(rule()), scraped, "pi4-host")


def test_the_labels_are_those_of_the_series_that_the_rule_finds_whether_it_fires_or_not() -> None:
    rows = [
        {"job": "sysvitals", "instance": "pi5", "cause": "undervoltage"},
        {"__name__": "x", "job": "sysvitals", "instance": "pi4", "room": "kitchen", "cause": "undervoltage"},
    ]
    sending = labels_of(prometheus(rows=rows))
    assert sending.labels == {
        "alertname": "Undervoltage",
        "job": "sysvitals",
        "instance": "pi4",
        "room": "kitchen",
        "cause": "undervoltage",
        "severity": "critical",
        "subject": "power",
    }
    assert not sending.is_guess


def test_without_such_series_they_are_those_of_the_target() -> None:
    assert labels_of(prometheus()).labels == {
        "alertname": "Undervoltage",
        **SCRAPED.labels,
        "severity": "critical",
        "subject": "power",
    }


def test_labels_of_the_server_are_added_where_the_alert_has_none_of_that_name() -> None:
    config = "global:\n  external_labels: {site: home, room: unknown, empty: ''}\n"
    labels = labels_of(prometheus(config)).labels
    assert (labels["site"], labels["room"]) == ("home", "kitchen")
    assert "empty" not in labels


def test_alerts_are_relabelled_before_they_leave() -> None:
    config = """
global: {external_labels: {replica: a}}
alerting:
  alert_relabel_configs:
    - {regex: replica, action: labeldrop}
    - {source_labels: [room], target_label: team}
"""
    labels = labels_of(prometheus(config)).labels
    assert labels["team"] == "kitchen"
    assert "replica" not in labels


def test_an_alert_that_is_thrown_away_is_broken() -> None:
    config = """
alerting:
  alert_relabel_configs: [{source_labels: [severity], regex: critical, action: drop}]
"""
    sending = labels_of(prometheus(config))
    assert sending.labels is None
    [check] = check_sending(sending)
    assert (check.id, check.verdict) == ("prometheus.relabelling", BROKEN)
    assert list(check_sending(labels_of(prometheus()))) == []


@pytest.mark.parametrize("config", [None, "a: [", "alerting: {alert_relabel_configs: [{action: hashmod}]}"])
def test_a_configuration_that_cannot_be_read_or_evaluated_leaves_the_labels_alone(config: str | None) -> None:
    assert labels_of(prometheus(config)).labels["instance"] == "pi4"


def test_a_server_without_the_rule_or_the_host_makes_it_a_guess() -> None:
    without_rule = labels_of(prometheus(), loaded=[])
    assert (without_rule.is_guess, without_rule.labels["severity"]) == (True, "critical")
    without_host = labels_of(prometheus(), scraped=None)
    assert (without_host.is_guess, without_host.labels["instance"]) == (True, "pi4-host")
    alone = guess_sending("pi4", rule())
    assert alone.is_guess
    assert alone.labels == {"alertname": "Undervoltage", "job": "sysvitals", "instance": "pi4", **rule().labels}


def test_a_label_that_the_rule_computes_is_left_out() -> None:
    loaded = group(rule(labels={"severity": "critical", "who": "{{ $labels.instance }}"}))
    assert "who" not in labels_of(prometheus(), loaded=loaded).labels


def test_the_watchdog_is_known_with_the_labels_with_which_it_leaves() -> None:
    fires = [{"labels": {"alertname": "Watchdog"}, "activeAt": "2026-11-22T12:00:00.123456789Z", "state": "firing"}]
    watchdog = rule("Watchdog", state="firing", alerts=tuple(fires))
    sending = labels_of(prometheus("global: {external_labels: {site: home}}"), loaded=group(rule(), watchdog))
    assert sending.watchdog == {"alertname": "Watchdog", "site": "home"}
    assert sending.watchdog_since == pytest.approx(1_795_348_800.123, abs=0.01)
    quiet = rule("Watchdog", state="inactive")
    assert labels_of(prometheus(), loaded=group(rule(), quiet)).watchdog is None


@pytest.mark.parametrize(
    ("promql", "kept"),
    [
        ("a > 0", "a > bool 0"),
        ("a >= bool 0", "a >= bool 0"),
        ("a == 1 or b < 2 unless on (x) c != d", "a == bool 1 or b < bool 2 unless on (x) c != bool d"),
        ('a{b!="c",d=~"e>f",g!~"h"} <= 3', 'a{b!="c",d=~"e>f",g!~"h"} <= bool 3'),
        ('a{b="}> \\" >"} > 3', 'a{b="}> \\" >"} > bool 3'),
        ('count_values("x > y", a) > 3', 'count_values("x > y", a) > bool 3'),
        ("a + b", "a + b"),
    ],
)
def test_thresholds_are_taken_off_an_expression_and_nothing_else(promql: str, kept: str) -> None:
    assert keep_all(promql) == kept


def alert(state: str, **labels: str) -> dict[str, Any]:
    return {"state": state, "labels": {"alertname": "Throttled", "severity": "warning", "instance": "pi4", **labels}}


@pytest.mark.parametrize(
    ("alerts", "verdict", "words"),
    [
        ([], OK, "no alert of this host"),
        ([alert("firing")], WARNING, "firing for this host now: Throttled (warning)"),
        ([alert("firing"), alert("pending", alertname="Hot")], WARNING, "now: Throttled (warning)"),
        ([alert("pending")], WARNING, "about to fire"),
        ([alert("firing", instance="pi5")], OK, "no alert"),
        ([alert("firing", severity="none")], OK, "no alert"),
    ],
)
def test_what_fires_for_this_host(alerts: list[dict[str, Any]], verdict: Verdict, words: str) -> None:
    [check] = check_firing(group(rule(alerts=tuple(alerts))), SCRAPED)
    assert check.verdict is verdict
    assert words in check.text


def alertmanagers(*urls: str, dropped: int = 0) -> Answers:
    found = {"activeAlertmanagers": [{"url": url} for url in urls], "droppedAlertmanagers": [{"url": "x"}] * dropped}
    return {"/api/v1/alertmanagers": success(found)}


def test_the_alertmanagers_are_those_that_prometheus_names() -> None:
    answers = alertmanagers("http://127.0.0.1:9093/api/v2/alerts", "http://am:9093/prefix/api/v2/alerts")
    with connect(answers) as (server, _):
        found = find_alertmanagers(server)
        assert [(one.address.url, set(one.soft)) for one in found] == [
            ("http://127.0.0.1:9093", set()),
            ("http://am:9093/prefix", {"unknown", "silent"}),
        ]
        check = check_alertmanagers(server, found, is_configured=True)
    assert (check.verdict, check.text) == (OK, "it sends alerts to http://127.0.0.1:9093, http://am:9093/prefix")


def test_a_loopback_that_is_another_machines_is_asked_there(monkeypatch: pytest.MonkeyPatch) -> None:
    found = {"activeAlertmanagers": [{"url": "http://localhost:9093/api/v2/alerts"}]}
    server = Server("Prometheus", parse_address("http://nas:9090"))
    monkeypatch.setattr(server, "get_data", lambda _: found)
    [recipient] = find_alertmanagers(server)
    server.close()
    assert (recipient.address.url, recipient.address.host) == ("http://nas:9093", "nas")
    assert "refused" in recipient.soft


@pytest.mark.parametrize(
    ("dropped", "is_configured", "words", "remedy"),
    [
        (0, False, "it knows no Alertmanager: ", "alertmanagers:"),
        (0, True, "it finds none of the Alertmanagers", "targets/alertmanager"),
        (2, True, "its relabelling drops every Alertmanager", "relabel_configs"),
    ],
)
def test_nobody_to_send_to_is_broken(dropped: int, is_configured: bool, words: str, remedy: str) -> None:
    with connect(alertmanagers(dropped=dropped)) as (server, _):
        check = check_alertmanagers(server, [], is_configured=is_configured)
    assert check.verdict is BROKEN
    assert check.text.startswith(words)
    assert check.text.endswith("no notification is sent")
    assert remedy in check.remedy


def test_whether_the_configuration_names_alertmanagers_is_known() -> None:
    assert not labels_of(prometheus()).names_alertmanagers
    assert labels_of(prometheus("alerting: {alertmanagers: [{static_configs: []}]}")).names_alertmanagers
