"""The doctor before a VictoriaMetrics that is old, set up wrongly, or says little."""

import time
from collections.abc import Callable
from contextlib import ExitStack
from typing import Any

import pytest

from sysvitals.doctor.alerts import guess_sending
from sysvitals.doctor.check import Check, Verdict
from sysvitals.doctor.desk import Desk
from sysvitals.doctor.prometheus import ThisHost
from sysvitals.doctor.rules import Group, Rule
from sysvitals.doctor.trouble import Trouble
from sysvitals.doctor.victoria import (
    Notifier,
    Program,
    check_language,
    check_notifiers,
    check_reloads,
    check_version,
    check_vmalert,
    examine_victoria,
    find_notifiers,
    find_vmalert,
    parse_labels,
    recognise,
)
from tests.doctor.serving import Answer, Answers, Question, Raw, connect, success, vector

OK, ABSENT, WARNING, BROKEN = Verdict

METRICS = """\
vm_app_version{version="vmalert-20250101-v1.145.0", short_version="v1.145.0"} 1
flag{name="datasource.queryStep", value="5m0s", is_set="false"} 1
flag{name="external.label", value="", is_set="false"} 1
vmalert_alerts_sent_total{addr="http://am:9093/api/v2/alerts"} 5
"""
PROMETHEUS: Answers = {
    "/metrics": "prometheus_build_info 1\n",
    "/api/v1/status/buildinfo": success({"version": "2.42.0", "revision": "x"}),
}


def ask(answers: Answers, question: Callable[..., Any], *more: object) -> Any:
    with connect(answers) as (server, _):
        return question(server, *more)


def test_prometheus_is_not_taken_for_victoria_metrics() -> None:
    assert ask(PROMETHEUS, recognise) is None


def test_programs_are_recognised_by_their_own_metrics() -> None:
    found = ask({"/metrics": METRICS}, recognise)
    assert (found.name, found.version, found.flags["external.label"]) == ("vmalert", "1.145.0", "")
    assert ask({"/metrics": 'vm_app_version{version=""} 1\n'}, recognise) == Program("VictoriaMetrics")


def test_a_cluster_behind_a_path_is_known_by_what_it_says_in_place_of_a_version() -> None:
    answers: Answers = {"/api/v1/status/buildinfo": success({"version": "2.24.0"})}
    assert ask(answers, recognise) == Program("VictoriaMetrics")
    assert ask({}, recognise) is None


def test_a_server_that_does_not_answer_is_not_asked_twice() -> None:
    with connect({}) as (server, _):
        pass  # it has hung up
    with pytest.raises(Trouble):
        recognise(server)


@pytest.mark.parametrize(
    ("version", "verdict"), [("1.79.5", BROKEN), ("1.111.0", BROKEN), ("1.112.0", OK), ("2.0.0", OK), ("", OK)]
)
def test_a_version_that_is_too_old_for_the_rules_is_broken(version: str, verdict: Verdict) -> None:
    assert check_version(Program("vmalert", version)).verdict is verdict


def test_the_rules_for_prometheus_in_vmalert_are_broken() -> None:
    def verdicts(name: str, expression: str) -> list[Verdict]:
        rule = Rule("alerting", "OutOfMemory", expression, 0, 0, {}, {})
        return [check.verdict for check in check_language([Group(name, "x.yml", (rule,))])]

    assert verdicts("sysvitals-memory", "increase(a[1h]) > 0") == [BROKEN]
    assert verdicts("sysvitals-memory", "increase_prometheus(a[1h]) > 0") == []
    assert verdicts("mine", "increase(a[1h]) > 0") == []


WELL = {"remoteWrite.url": "secret", "remoteRead.url": "secret", "datasource.queryStep": "5m0s"}


@pytest.mark.parametrize(
    ("flags", "verdict", "word"),
    [
        (WELL, OK, "30s ago"),
        (WELL | {"datasource.queryStep": "0s"}, OK, ""),
        (WELL | {"remoteWrite.url": ""}, WARNING, "writes nothing back"),
        (WELL | {"remoteRead.url": ""}, WARNING, "at a restart"),
        (WELL | {"datasource.queryStep": "15s"}, WARNING, "looks back 15 s only"),
    ],
)
def test_a_flag_with_which_the_rules_do_not_work_is_named(flags: dict[str, str], verdict: Verdict, word: str) -> None:
    [check] = check_vmalert(Program("vmalert", flags=flags))
    assert check.verdict is verdict
    assert word in check.text


def test_a_vmalert_that_is_not_scraped_is_not_judged() -> None:
    answers: Answers = {"/api/v1/query": vector()}
    found = ask(answers, find_vmalert)
    assert [check.verdict for check in check_vmalert(found)] == [ABSENT]


def test_flags_are_those_of_the_newest_start() -> None:
    def row(start: float, instance: str, **flag: str) -> tuple[dict[str, str], float]:
        return {"instance": instance, **flag}, start

    rows = (
        row(300.0, "b", name="remoteRead.url", value="secret"),
        row(200.0, "b", name="remoteRead.url"),
        row(250.0, "a", name="remoteRead.url"),
        row(300.0, "b", name="rule", value="new"),
    )
    for answer in (rows, rows[::-1]):
        found = ask({"/api/v1/query": vector(*answer)}, find_vmalert)
        assert found.flags == {"remoteRead.url": "secret", "rule": "new"}


@pytest.fixture
def down() -> list[Check]:
    """All findings where VictoriaMetrics answers, and the vmalert that it names does not."""

    def answer(question: Question) -> Answer:
        asked = question.query["query"]
        assert question.query["nocache"] == "1"
        rows: dict[str, list[tuple[dict[str, str], float]]] = {
            "now()": [({}, time.time())],
            "timestamp(flag)": [({"instance": "vmalert", "name": name, "value": "x"}, 1.0) for name in WELL],
            "vmalert_alerts_sent_total": [({"addr": "http://127.0.0.1:1/api/v2/alerts"}, 5.0)],
        }
        return vector(*next((row for start, row in rows.items() if asked.startswith(start)), []))

    answers: Answers = {
        "/metrics": 'vm_app_version{short_version="v1.145.0"} 1\n',
        "/api/v1/query": answer,
        "/api/v1/targets": success({"activeTargets": []}),
        "/api/v1/rules": Raw(502),
        "/api/v1/notifiers": Raw(502),
    }
    with connect(answers) as (server, _), ExitStack() as stack:
        desk = Desk(None, stack)
        program = recognise(server)
        assert program is not None
        _, recipients = examine_victoria(
            desk, server, program, ThisHost("pi4", None, 9877, False), guess_sending("pi4", None)
        )
        assert [one.address.url for one in recipients] == ["http://127.0.0.1:1"]
        return desk.checks


def test_a_vmalert_that_is_down_is_named_and_not_the_victoria_metrics_that_answers(down: list[Check]) -> None:
    found = {check.id: check for check in down}
    rules = found["prometheus.rules"]
    assert rules.verdict is BROKEN
    assert rules.text == "vmalert, which -vmalert.proxyURL names, does not answer (502): no rule is evaluated"
    assert "vmalert running" in rules.remedy
    assert found["prometheus.alertmanagers"].text.endswith("http://127.0.0.1:1/api/v2/alerts")


def test_no_alertmanager_is_called_after_the_flag_that_sends_nothing() -> None:
    listed = success({"notifiers": [{"kind": "static", "targets": [{"address": "blackhole"}]}]})
    for answers in ({"/api/v1/notifiers": listed}, {"/api/v1/query": vector(({"addr": "blackhole"}, 5.0))}):
        [found] = ask(answers, find_notifiers, Program("VictoriaMetrics"))
        assert found.is_blackhole


@pytest.mark.parametrize("is_vmalert", [True, False])
def test_alertmanagers_are_found_in_the_list_or_else_in_metrics(is_vmalert: bool) -> None:
    program = Program("vmalert" if is_vmalert else "VictoriaMetrics")
    listed = success({"notifiers": [{"kind": "static", "targets": [{"address": "http://am:9093/api/v2/alerts"}]}]})
    older: Answers = {
        "/metrics": METRICS,
        "/api/v1/query": vector(({"addr": "http://am:9093/api/v2/alerts"}, 5.0), ({"addr": "secret"}, 1.0)),
    }
    for answers in ({"/api/v1/notifiers": listed}, older):
        [found] = ask(answers, find_notifiers, program)
        assert found == Notifier("http://am:9093/api/v2/alerts")


@pytest.mark.parametrize(
    ("notifiers", "verdict", "word"),
    [
        ([], WARNING, "not known"),
        ([Notifier("http://am:9093")], OK, "sends alerts to http://am:9093"),
        ([Notifier("http://am:9093", "connection refused")], BROKEN, "connection refused"),
        ([Notifier("blackhole")], BROKEN, "sends no alert to anyone (-notifier.blackhole)"),
    ],
)
def test_an_alertmanager_that_is_unknown_or_fails_is_reported(
    notifiers: list[Notifier], verdict: Verdict, word: str
) -> None:
    [check] = check_notifiers(notifiers)
    assert check.verdict is verdict
    assert word in check.text


@pytest.mark.parametrize("value", [0, 1])
def test_a_refused_configuration_is_reported(value: int) -> None:
    metrics: Answers = {"/metrics": f"vmalert_config_last_reload_successful {value}\n"}
    series: Answers = {"/api/v1/query": vector(*[({"instance": "vmalert"}, 0.0)][value:])}
    for program, answers in ((Program("vmalert"), metrics), (Program("VictoriaMetrics"), series)):
        found = ask(answers, lambda server, program: list(check_reloads(server, program)), program)
        assert [check.verdict for check in found] == [BROKEN] * (1 - value)


def test_external_labels_are_read_as_the_flag_has_them() -> None:
    assert parse_labels('site=home,room="attic"') == {"site": "home", "room": "attic"}
    assert parse_labels("") == {}
