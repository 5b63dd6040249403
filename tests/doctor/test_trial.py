"""The test alert: what is sent, and what is said of its way."""

import itertools
import json
import time
from dataclasses import dataclass, field
from typing import Any

import pytest

from sysvitals.doctor import trial
from sysvitals.doctor.alertmanager import Status
from sysvitals.doctor.check import Check, Verdict
from sysvitals.doctor.routing import parse_routing
from sysvitals.doctor.rules import Rule
from sysvitals.doctor.trial import send_test_alert
from sysvitals.doctor.trouble import Trouble
from sysvitals.model.event import parse_time
from tests.doctor.serving import Answers, Question, Raw, connect
from tests.patience import PATIENCE

OK, ABSENT, WARNING, BROKEN = Verdict

LABELS = {"alertname": "Undervoltage", "instance": "pi4", "severity": "critical", "site": "home"}
CONFIG = """
route:
  receiver: phone
  group_by: [alertname, instance]
  group_wait: 1s
  group_interval: 3m
receivers:
  - name: phone
    telegram_configs: [{chat_id: 1}]
  - name: nobody
"""
RULE = Rule("alerting", "Undervoltage", "x", 0, 0, {}, {"runbook_url": "https://example.org/RUNBOOK.md#undervoltage"})


@pytest.fixture(autouse=True)
def _fast(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(trial, "POLL_SECONDS", 0.01)
    for name in ("ARRIVAL_SECONDS", "MARGIN_SECONDS", "SECOND_CHANCE_SECONDS"):
        monkeypatch.setattr(trial, name, PATIENCE)


@pytest.fixture
def hasty(monkeypatch: pytest.MonkeyPatch) -> None:
    """For what never comes."""
    monkeypatch.setattr(trial, "ARRIVAL_SECONDS", 0.2)
    monkeypatch.setattr(trial, "MARGIN_SECONDS", 0.2)
    monkeypatch.setattr(trial, "SECOND_CHANCE_SECONDS", 0.5)


@dataclass
class Alertmanager:
    """One that was sent alerts. `sent` and `failed` are requests by telegram for each time that /metrics is read."""

    state: dict[str, Any] = field(default_factory=lambda: {"state": "active"})
    shows: bool = True
    sent: tuple[int, ...] = (0, 0, 1)
    failed: tuple[int, ...] = (0,)
    groups: list[dict[str, Any]] = field(default_factory=list)
    posted: list[dict[str, Any]] = field(default_factory=list)
    reads: int = 0

    def answers(self) -> Answers:
        return {"/api/v2/alerts": self.alerts, "/api/v2/alerts/groups": lambda _: self.groups, "/metrics": self.metrics}

    def alerts(self, question: Question) -> Any:
        if question.method == "POST":
            self.posted += json.loads(question.body)
            return {}
        shown = [{"labels": {"alertname": "Other"}, "receivers": [{"name": "x"}], "status": {"state": "active"}}]
        if self.shows:
            receivers = [{"name": "phone"}]
            shown += [{"labels": one["labels"], "receivers": receivers, "status": self.state} for one in self.posted]
        return shown

    def metrics(self, _: Question) -> str:
        sent, failed = (counts[min(self.reads, len(counts) - 1)] for counts in (self.sent, self.failed))
        self.reads += 1
        name = 'alertmanager_notification_requests_{}total{{integration="telegram"}} {}\n'
        return "# TYPE x counter\n" + name.format("", 5 + sent) + name.format("failed_", 2 + failed)


def send(
    alertmanager: Alertmanager, config: str | None = CONFIG, peers: int = 1, answers: Answers | None = None
) -> tuple[dict[str, Check], list[str]]:
    progress: list[str] = []
    status = Status("1", "ready", peers, parse_routing(config) if config else None)
    with connect(answers or alertmanager.answers(), "Alertmanager") as (server, _):
        checks = list(send_test_alert([server], status, LABELS, rule=RULE, progress=progress.append))
    return {check.id: check for check in checks}, progress


def test_a_test_alert_that_goes_through_is_followed_to_the_end() -> None:
    alertmanager = Alertmanager()
    checks, progress = send(alertmanager)
    assert {name: check.verdict for name, check in checks.items()} == {
        "test.sent": OK,
        "test.arrived": OK,
        "test.notified": OK,
        "test.read": ABSENT,  # no program can tell
    }
    assert checks["test.arrived"].text == "Alertmanager has it, for phone"
    assert checks["test.notified"].text == "Alertmanager has sent 1 notification by telegram, and was not refused"
    assert progress == ["waiting 1 s for telegram, by group_wait"]


def test_it_has_a_real_alerts_labels_and_says_of_itself_everywhere_that_it_is_a_test() -> None:
    alertmanager = Alertmanager()
    send(alertmanager)
    [posted] = alertmanager.posted
    assert {**LABELS, "test": "true"}.items() <= posted["labels"].items()
    assert set(posted["labels"]) - set(LABELS) == {"test", "test_id"}
    assert posted["annotations"]["summary"].startswith("TEST: pi4: ")
    assert posted["annotations"]["description"].startswith("A test alert from `sysvitals doctor")
    assert posted["annotations"]["runbook_url"] == RULE.annotations["runbook_url"]
    assert parse_time(posted["endsAt"]) - parse_time(posted["startsAt"]) == pytest.approx(300, abs=0.01)


def test_each_alertmanager_is_sent_the_same_as_prometheus_does() -> None:
    first, second = Alertmanager(), Alertmanager()
    status = Status("1", "ready", 1, parse_routing(CONFIG))
    with connect(first.answers()) as (one, _), connect(second.answers()) as (two, _):
        list(send_test_alert([one, two], status, LABELS, rule=None, progress=lambda _: None))
    assert first.posted == second.posted
    assert len(first.posted) == 1
    assert "runbook_url" not in first.posted[0]["annotations"]


def test_one_that_joins_a_group_waits_for_that_groups_next_message_and_lasts_longer() -> None:
    group = {"labels": {"alertname": "Undervoltage", "instance": "pi4"}, "receiver": {"name": "phone"}}
    alertmanager = Alertmanager(groups=[group])
    _, progress = send(alertmanager, CONFIG.replace("3m", "10m"))
    why = "by group_interval, since it joins a group that was notified already"
    assert progress == [f"waiting 600 s for telegram, {why}"]
    [posted] = alertmanager.posted
    assert parse_time(posted["endsAt"]) - parse_time(posted["startsAt"]) > 600


@pytest.mark.parametrize(
    "group",
    [
        {"labels": {"alertname": "Undervoltage", "instance": "pi5"}, "receiver": {"name": "phone"}},
        {"labels": {"alertname": "Undervoltage", "instance": "pi4"}, "receiver": {"name": "nobody"}},
    ],
)
def test_another_group_is_none_of_its_business(group: dict[str, Any]) -> None:
    assert send(Alertmanager(groups=[group]))[1] == ["waiting 1 s for telegram, by group_wait"]


@pytest.mark.parametrize(
    ("state", "words"),
    [
        ({"silencedBy": ["1"]}, "kept back by a silence"),
        ({"inhibitedBy": ["1"]}, "kept back by another alert that fires"),
        ({"mutedBy": ["nights"]}, "kept back by the time of day"),
        ({"silencedBy": ["1"], "inhibitedBy": ["1"]}, "a silence and another alert"),
    ],
)
def test_one_that_is_kept_back_is_not_waited_for(state: dict[str, Any], words: str) -> None:
    checks, progress = send(Alertmanager(state={"state": "suppressed", **state}))
    assert checks["test.notified"].verdict is BROKEN
    assert words in checks["test.notified"].text
    assert progress == []


@pytest.mark.usefixtures("hasty")
def test_one_that_fails_on_its_last_step_is_broken() -> None:
    checks, _ = send(Alertmanager(sent=(0, 1, 2), failed=(0, 1, 2)))
    assert checks["test.notified"].verdict is BROKEN
    assert checks["test.notified"].text == "telegram was tried 2 times, and failed 2 times"
    assert "test.read" not in checks


def test_one_that_succeeds_at_the_second_attempt_is_well() -> None:
    assert send(Alertmanager(sent=(0, 1, 2), failed=(0, 1, 1)))[0]["test.notified"].verdict is OK


@pytest.mark.usefixtures("hasty")
def test_one_that_is_never_sent_on_is_broken_and_in_a_cluster_perhaps_sent_by_another(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(trial, "PEER_SECONDS", 0.01)
    quiet = CONFIG.replace("group_wait: 1s", "group_wait: 10ms")
    alone = send(Alertmanager(sent=(0,)), quiet)[0]["test.notified"]
    assert (alone.verdict, alone.text) == (BROKEN, "nothing was sent by telegram")
    among = send(Alertmanager(sent=(0,)), quiet, peers=3)[0]["test.notified"]
    assert among.verdict is WARNING
    assert "another Alertmanager of its cluster" in among.text


@pytest.mark.usefixtures("hasty")
def test_a_receiver_with_two_ways_wants_both() -> None:
    config = CONFIG.replace("[{chat_id: 1}]", "[{chat_id: 1}, {chat_id: 2}]").replace("1s", "10ms")
    assert send(Alertmanager(sent=(0, 2)), config)[0]["test.notified"].text.startswith("Alertmanager has sent 2 notif")
    assert send(Alertmanager(sent=(0, 1)), config)[0]["test.notified"].verdict is BROKEN


def test_a_receiver_with_nothing_behind_it_is_broken() -> None:
    checks, _ = send(Alertmanager(), CONFIG.replace("receiver: phone", "receiver: nobody"))
    assert checks["test.notified"].verdict is BROKEN
    assert "no notification is sent" in checks["test.notified"].text


@pytest.mark.usefixtures("hasty")
def test_one_that_is_taken_and_not_shown_is_broken() -> None:
    checks, _ = send(Alertmanager(shows=False))
    assert list(checks) == ["test.sent", "test.arrived"]
    assert checks["test.arrived"].verdict is BROKEN


def test_without_its_metrics_the_last_step_cannot_be_told() -> None:
    alertmanager = Alertmanager()
    answers = {**alertmanager.answers(), "/metrics": Raw(403)}
    assert send(alertmanager, answers=answers)[0]["test.notified"].verdict is WARNING


def test_a_refused_alert_is_trouble() -> None:
    answers: Answers = {
        "/api/v2/alerts": Raw(400, '"invalid label"'),
        "/api/v2/alerts/groups": [],
        "/metrics": "# TYPE x counter\n",
    }
    with pytest.raises(Trouble, match="answers 400: invalid label"):
        send(Alertmanager(), answers=answers)


def test_two_tests_are_two_alerts(monkeypatch: pytest.MonkeyPatch) -> None:
    moments = itertools.count(1000.0)
    monkeypatch.setattr(time, "time", lambda: next(moments))
    first, second = (trial.mark(LABELS) for _ in range(2))
    assert first != second
