"""Whom Alertmanager would tell, and what would keep it from that."""

import time
from typing import Any

import pytest

from sysvitals.doctor.alertmanager import ask_status, check_health, check_routes, check_watchdog
from sysvitals.doctor.check import Check, Verdict
from sysvitals.doctor.routing import parse_routing
from sysvitals.doctor.trouble import Trouble
from sysvitals.model.event import format_time
from tests.doctor.serving import Answers, Raw, connect, success

OK, ABSENT, WARNING, BROKEN = Verdict

LABELS = {"alertname": "Undervoltage", "instance": "pi4", "severity": "critical"}
CONFIG = """
route:
  receiver: nobody
  routes:
    - matchers: [severity="critical"]
      receiver: phone
    - matchers: [severity="warning"]
      receiver: nobody
receivers:
  - name: nobody
  - name: phone
    telegram_configs: [{chat_id: 1}]
    email_configs: [{to: a@example.org}]
"""
METRICS = """# TYPE alertmanager_config_last_reload_successful gauge
alertmanager_config_last_reload_successful 1
# TYPE alertmanager_notifications_total counter
alertmanager_notifications_total{integration="telegram"} 10
alertmanager_notifications_total{integration="webhook"} 10
# TYPE alertmanager_notifications_failed_total counter
alertmanager_notifications_failed_total{integration="telegram",reason="other"} 0
alertmanager_notifications_failed_total{integration="webhook",reason="other"} 9
"""


def status(original: str = CONFIG, cluster: dict[str, Any] | None = None) -> dict[str, Any]:
    return {
        "versionInfo": {"version": "0.25.0"},
        "cluster": cluster or {"status": "ready", "peers": [{}, {}]},
        "config": {"original": original},
    }


def alertmanager(**changes: Any) -> dict[str, Any]:
    whole: dict[str, Any] = {
        "/api/v2/status": status(),
        "/-/ready": "OK",
        "/metrics": METRICS,
        "/api/v2/alerts": [],
        "/api/v2/silences": [],
    }
    return {**whole, **changes}


def judge(labels: dict[str, str], answers: Answers, config: str = CONFIG) -> dict[str, Check]:
    with connect(answers, "Alertmanager") as (server, _):
        checks = list(check_routes(server, parse_routing(config), labels))
    return {check.id: check for check in checks}


def test_it_says_who_it_is_and_how_it_is_set_up() -> None:
    with connect(alertmanager(), "Alertmanager") as (server, _):
        found = ask_status(server)
        assert list(check_health(server, found)) == []
    assert (found.version, found.cluster, found.peers) == ("0.25.0", "ready", 2)
    assert found.routing is not None
    assert found.routing.receivers["phone"] == ("telegram", "email")


@pytest.mark.parametrize("original", ["", "no: configuration", "a: ["])
def test_one_that_hides_its_configuration_is_still_one(original: str) -> None:
    with connect({"/api/v2/status": status(original)}, "Alertmanager") as (server, _):
        assert ask_status(server).routing is None


@pytest.mark.parametrize(
    ("answers", "words"),
    [
        ({"/metrics": '# TYPE x gauge\nprometheus_build_info{version="1"} 1\n'}, "but Prometheus"),
        ({"/api/v2/status": {"some": "thing"}}, "not as Alertmanager does"),
        ({"/api/v2/status": []}, "not as Alertmanager does"),
        ({"/api/v2/status": Raw(401)}, "requires a user"),
    ],
)
def test_what_is_not_alertmanager_is_called_what_it_is(answers: Answers, words: str) -> None:
    with connect(answers, "Alertmanager") as (server, _), pytest.raises(Trouble) as caught:
        ask_status(server)
    assert words in caught.value.text
    assert caught.value.remedy


@pytest.mark.parametrize(
    ("changes", "name", "verdict"),
    [
        ({"/-/ready": Raw(503, "not ready")}, "alertmanager.ready", BROKEN),
        ({"/api/v2/status": status(cluster={"status": "settling"})}, "alertmanager.ready", WARNING),
        ({"/metrics": METRICS.replace("successful 1", "successful 0")}, "alertmanager.config", BROKEN),
    ],
)
def test_what_ails_it_is_said(changes: dict[str, Any], name: str, verdict: Verdict) -> None:
    with connect(alertmanager(**changes), "Alertmanager") as (server, _):
        [check] = check_health(server, ask_status(server))
    assert (check.id, check.verdict) == (name, verdict)


def watchdog(age: float, **labels: str) -> dict[str, Any]:
    return {"labels": {"alertname": "Watchdog", **labels}, "updatedAt": format_time(time.time() - age)}


@pytest.mark.parametrize(
    ("alerts", "since", "verdict"),
    [
        ([watchdog(20, site="home")], 5000, OK),
        ([watchdog(20, site="home", late="1")], 5000, OK),
        ([watchdog(20, site="elsewhere")], 5000, BROKEN),
        ([], 5000, BROKEN),
        ([], 30, WARNING),
    ],
)
def test_the_alert_that_always_fires_proves_that_prometheus_is_heard(
    alerts: list[dict[str, Any]], since: float, verdict: Verdict
) -> None:
    with connect({"/api/v2/alerts": alerts}, "Alertmanager") as (server, _):
        check = check_watchdog(server, {"alertname": "Watchdog", "site": "home"}, time.time() - since)
    assert check.verdict is verdict


def test_an_alert_that_reaches_somebody_is_well() -> None:
    checks = judge(LABELS, alertmanager())
    assert {name: check.verdict for name, check in checks.items()} == {"alertmanager.receiver": OK}
    text = 'an Undervoltage alert of pi4 goes to the receiver "phone": telegram, email'
    assert checks["alertmanager.receiver"].text == text


def test_a_receiver_with_nothing_behind_it_tells_nobody() -> None:
    check = judge({**LABELS, "severity": "warning"}, alertmanager())["alertmanager.receiver"]
    assert check.verdict is BROKEN
    assert check.text.endswith('"nobody", which has nothing behind it: no notification is sent')


def test_one_of_two_receivers_is_enough() -> None:
    config = CONFIG.replace('severity="warning"', 'severity="critical"')
    config = config.replace("receiver: phone", "receiver: phone\n      continue: true", 1)
    with connect(alertmanager(), "Alertmanager") as (server, _):
        checks = list(check_routes(server, parse_routing(config), LABELS))
    assert [check.verdict for check in checks] == [OK, ABSENT]


def silence(state: str = "active", **matcher: Any) -> dict[str, Any]:
    whole = {"name": "instance", "value": "pi.*", "isRegex": True, "isEqual": True, **matcher}
    return {
        "id": "123",
        "status": {"state": state},
        "matchers": [whole],
        "endsAt": format_time(time.time() + 3 * 3600 + 60),
        "createdBy": "ana",
        "comment": "garden work",
    }


def test_a_silence_is_broken_with_its_author_its_end_and_how_to_end_it() -> None:
    check = judge(LABELS, alertmanager(**{"/api/v2/silences": [silence()]}))["alertmanager.silenced"]
    assert check.verdict is BROKEN
    assert 'another 3 h: instance=~"pi.*", by ana: garden work' in check.text
    assert check.remedy.startswith("amtool silence expire --alertmanager.url=http://127.0.0.1:")
    assert check.remedy.endswith(" 123")


@pytest.mark.parametrize(
    "other",
    [
        silence("expired"),
        silence("pending"),
        silence(value="nas", isRegex=False),
        silence(isEqual=False),
        silence(value=r"\pL+"),  # not to be evaluated here
    ],
)
def test_a_silence_of_something_else_is_none(other: dict[str, Any]) -> None:
    assert "alertmanager.silenced" not in judge(LABELS, alertmanager(**{"/api/v2/silences": [other]}))


def test_a_silence_from_before_there_was_isequal_is_understood() -> None:
    old = silence()
    del old["matchers"][0]["isEqual"]
    assert "alertmanager.silenced" in judge(LABELS, alertmanager(**{"/api/v2/silences": [old]}))


def test_an_alert_that_another_holds_back_is_a_remark() -> None:
    config = CONFIG + "inhibit_rules: [{source_matchers: [alertname=HostDown], equal: [instance]}]\n"
    down = {"labels": {"alertname": "HostDown", "instance": "pi4"}, "updatedAt": format_time(0)}
    check = judge(LABELS, alertmanager(**{"/api/v2/alerts": [down]}), config)["alertmanager.inhibited"]
    assert check.verdict is WARNING
    assert "HostDown of pi4 fires" in check.text


ALWAYS = "[{name: always, time_intervals: [{}]}, {name: never, time_intervals: [{years: ['1990']}]}]"


@pytest.mark.parametrize(
    ("times", "verdict", "words"),
    [
        ("mute_time_intervals: [never, always]", BROKEN, "always is now"),
        ("mute_time_intervals: [never]", None, ""),
        ("active_time_intervals: [never]", BROKEN, "never is not now"),
        ("active_time_intervals: [never, always]", None, ""),
        ("mute_time_intervals: [local]", WARNING, "cannot check"),
    ],
)
def test_a_route_that_is_mute_at_this_time(times: str, verdict: Verdict | None, words: str) -> None:
    local = ALWAYS.removesuffix("]") + ", {name: local, time_intervals: [{location: Local}]}]"
    config = CONFIG.replace("receiver: phone", f"receiver: phone\n      {times}", 1) + f"time_intervals: {local}\n"
    check = judge(LABELS, alertmanager(), config).get("alertmanager.muted")
    assert (check.verdict if check else None) is verdict
    assert words in (check.text if check else "")


def test_a_route_by_a_pattern_that_cannot_be_evaluated_here_is_left_to_alertmanagers_own_tool() -> None:
    config = CONFIG.replace('severity="critical"', r"instance=~\pL+")
    check = judge(LABELS, alertmanager(), config)["alertmanager.route"]
    assert check.verdict is WARNING
    assert check.remedy.startswith("amtool config routes test --alertmanager.url=http://127.0.0.1:")
    assert "'severity=critical'" in check.remedy


def test_what_failed_on_this_way_until_now_is_a_remark() -> None:
    config = CONFIG.replace("email_configs: [{to: a@example.org}]", "webhook_configs: [{url: x}]")
    checks = judge(LABELS, alertmanager(), config)
    assert checks["alertmanager.deliveries"].verdict is WARNING
    assert checks["alertmanager.deliveries"].text.startswith("9 of 10 notifications by webhook failed")
    assert "alertmanager.deliveries" not in judge(LABELS, alertmanager(**{"/metrics": success(1)}))
