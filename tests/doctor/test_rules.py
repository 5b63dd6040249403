"""Whether our rules are loaded, healthy and current."""

import re
from pathlib import Path
from typing import Any

import pytest

from sysvitals.doctor.check import Check, Verdict
from sysvitals.doctor.evaluation import shorten_error
from sysvitals.doctor.rules import HEADLINE, WATCHDOG, Group, check_rules, find_alert, load_groups, load_shipped
from sysvitals.provision.shipped import shipped_folder
from tests.doctor.serving import Answers, Question, Raw, connect, success

OK, ABSENT, WARNING, BROKEN = Verdict

POWER = """
groups:
  - name: sysvitals-power
    rules:
      - alert: Undervoltage
        expr: |-
          increase(x_total{a="b", c="d"}[5m]) > 0.90
        labels: {severity: critical}
      - alert: TemperatureHigh
        expr: level:x:max > 80
        for: 1m
        keep_firing_for: 5m
        labels: {severity: warning}
      - alert: TemperatureHigh
        expr: level:x:max > 85
        labels: {severity: critical}
"""
RECORDING = """
groups:
  - name: sysvitals-recording
    rules:
      - record: level:x:max
        expr: max(x)
"""
NODE = """
groups:
  - name: sysvitals-node-exporter-power
    rules:
      - alert: NodeUndervoltage
        expr: y > 0
"""


@pytest.fixture
def shipped(tmp_path: Path) -> list[Group]:
    for name, text in {"power": POWER, "recording": RECORDING, "node-exporter-power": NODE}.items():
        (tmp_path / f"{name}.yml").write_text(text)
    (tmp_path / "empty.yml").write_text("groups: [{name: sysvitals-empty, rules: }]")
    return load_shipped(tmp_path)


def alert(name: str, query: str, severity: str, **more: Any) -> dict[str, Any]:
    labels = {"severity": severity}
    base = {"type": "alerting", "name": name, "query": query, "labels": labels, "duration": 0, "keepFiringFor": 0}
    return {**base, "health": "ok", "state": "inactive", "alerts": [], **more}


def record(name: str, query: str, **more: Any) -> dict[str, Any]:
    return {"type": "recording", "name": name, "query": query, "health": "ok", **more}


# as Prometheus writes them back
UNDERVOLTAGE = alert("Undervoltage", 'increase(x_total{a="b",c="d"}[5m]) > 0.9', "critical")
WARM = alert("TemperatureHigh", "level:x:max > 80", "warning", duration=60, keepFiringFor=300)
HOT = alert("TemperatureHigh", "level:x:max > 85", "critical")
RECORD = record("level:x:max", "max(x)")
NODE_RULE = {**alert("NodeUndervoltage", "y > 0", ""), "labels": {}}


def loaded(**groups: list[dict[str, Any]]) -> Answers:
    def format_query(question: Question) -> Any:
        # Prometheus's own way to write an expression
        return success(re.sub(r"\s+", " ", question.query["query"]).replace('", ', '",').replace("0.90", "0.9"))

    rows = [{"name": f"sysvitals-{name}", "file": f"/x/{name}.yml", "rules": rules} for name, rules in groups.items()]
    rows.append({"name": "somebody-elses", "file": "/x/y.yml", "rules": [record("z", "sum(")]})
    return {"/api/v1/rules": success({"groups": rows}), "/api/v1/format_query": format_query}


def judge(answers: Answers, shipped: list[Group]) -> dict[str, Check]:
    with connect(answers) as (server, _):
        checks = list(check_rules(server, load_groups(server), shipped))
    assert len({check.id for check in checks}) == len(checks)
    return {check.id: check for check in checks}


ALL = {"power": [UNDERVOLTAGE, WARM, HOT], "recording": [RECORD], "node-exporter-power": [NODE_RULE]}


def test_rules_that_are_all_there_healthy_and_current(shipped: list[Group]) -> None:
    checks = judge(loaded(**ALL), shipped)
    assert {name: check.verdict for name, check in checks.items()} == {
        "prometheus.rules": OK,
        "prometheus.rules.health": OK,
        "prometheus.rules.current": OK,
    }
    assert checks["prometheus.rules"].text == "our rules are loaded: 5 in 3 groups"


def test_no_rules_at_all(shipped: list[Group]) -> None:
    checks = judge(loaded(), shipped)
    assert list(checks) == ["prometheus.rules"]
    assert checks["prometheus.rules"].verdict is BROKEN
    assert checks["prometheus.rules"].text == "none of our rules is loaded: there would be no alert of undervoltage"
    assert "rule_files" in checks["prometheus.rules"].remedy


def test_a_missing_file_is_named(shipped: list[Group]) -> None:
    check = judge(loaded(recording=[RECORD]), shipped)["prometheus.rules"]
    assert (check.verdict, "power.yml missing" in check.text) == (BROKEN, True)


def test_alerts_without_what_they_are_made_of_can_never_fire(shipped: list[Group]) -> None:
    check = judge(loaded(power=ALL["power"]), shipped)["prometheus.rules"]
    assert check.verdict is BROKEN
    assert check.text == "TemperatureHigh need what recording.yml would record: they can never fire"


def test_a_missing_file_that_nobody_needs_is_a_remark(shipped: list[Group]) -> None:
    more = Group("sysvitals-wifi", "wifi.yml", (shipped[0].rules[0],))
    checks = judge(loaded(**ALL), [*shipped, more])
    assert (checks["prometheus.rules"].verdict, "wifi.yml missing" in checks["prometheus.rules"].text) == (
        WARNING,
        True,
    )


def test_the_file_for_hosts_without_us_may_be_left_out(shipped: list[Group]) -> None:
    checks = judge(loaded(power=ALL["power"], recording=[RECORD]), shipped)
    assert checks["prometheus.rules"].verdict is OK
    assert checks["prometheus.rules.optional"].verdict is ABSENT


def test_the_alert_itself_taken_out_of_its_file(shipped: list[Group]) -> None:
    checks = judge(loaded(**{**ALL, "power": [WARM, HOT]}), shipped)
    assert checks["prometheus.rules"].verdict is BROKEN
    assert "our alert Undervoltage is gone" in checks["prometheus.rules"].text


def test_a_rule_that_cannot_be_evaluated_is_named_with_the_error(shipped: list[Group]) -> None:
    sick = {**RECORD, "health": "err", "lastError": "many-to-many matching not allowed"}
    check = judge(loaded(**{**ALL, "recording": [sick]}), shipped)["prometheus.rules.health"]
    assert check.verdict is BROKEN
    assert check.text == "level:x:max cannot be evaluated: many-to-many matching not allowed"


BY_PROMETHEUS = (
    'found duplicate series for the match group {instance="pi4", job="sysvitals"} on the right hand-side of the'
    ' operation: [{__name__="y", instance="pi4", job="sysvitals", site="home"}, {instance="pi4", job=%s}];'
    "many-to-many matching not allowed: matching labels must be unique on one side"
)
BY_VMALERT = (
    "unexpected response code 422 for http://127.0.0.1:8428/api/v1/query?query=x+%2A. Response body"
    ' {"status":"error","errorType":"422","error":"error when executing query=\\"x * y > 0'
    + "or y"
    * 1000
    + '\\" for (time=1795871197371, step=300000): cannot execute \\"(x * y) > 0\\": cannot evaluate \\"x * y\\":'
    " duplicate time series on the right side of `* on(job,instance) group_left()`:"
    ' {instance=\\"pi4\\", job=\\"sysvitals\\", site=\\"home\\"} and {instance=\\"pi4\\", job=\\"sysvitals\\"}"}'
)


@pytest.mark.parametrize(
    ("error", "remedy"),
    [
        (BY_PROMETHEUS % '"sysvitals"', "both series are of pi4 and differ in site: were the labels of its target"),
        (BY_VMALERT, "both series are of pi4 and differ in site: were the labels of its target changed lately"),
        (BY_PROMETHEUS % '"node"', "a series is there twice: is a host scraped by two jobs?"),
        ("vector contains metrics with the same labelset after applying rule labels", "a series is there twice"),
        ("query timed out in expression evaluation", "the log of the server"),
    ],
    ids=["labels changed", "the same in VictoriaMetrics", "two jobs", "no series named", "another error"],
)
def test_what_to_do_about_a_rule_that_fails_follows_from_its_error(
    error: str, remedy: str, shipped: list[Group]
) -> None:
    sick = {**RECORD, "health": "err", "lastError": error}
    check = judge(loaded(**{**ALL, "recording": [sick]}), shipped)["prometheus.rules.health"]
    assert check.remedy.startswith(remedy)


def test_an_error_of_vmalert_is_shown_without_the_expressions_that_it_quotes() -> None:
    assert shorten_error(BY_VMALERT) == (
        "duplicate time series on the right side of `* on(job,instance) group_left()`:"
        ' {instance="pi4", job="sysvitals", site="home"} and {instance="pi4", job="sysvitals"}'
    )


def test_an_error_that_is_long_for_another_reason_loses_its_middle() -> None:
    words = shorten_error(f"query {'x ' * 5000} timed out")
    assert words.startswith("query x")
    assert words.endswith("x timed out")
    assert len(words) < 600


def test_rules_that_were_not_evaluated_yet_want_patience(shipped: list[Group]) -> None:
    check = judge(loaded(**{**ALL, "recording": [{**RECORD, "health": "unknown"}]}), shipped)["prometheus.rules.health"]
    assert check.verdict is WARNING


@pytest.mark.parametrize(
    ("changed", "named"),
    [
        ({**WARM, "query": "level:x:max > 70"}, "TemperatureHigh (warning)"),
        ({**WARM, "duration": 600}, "TemperatureHigh (warning)"),
        ({**WARM, "keepFiringFor": 0}, "TemperatureHigh (warning)"),
        ({**WARM, "labels": {"severity": "critical"}}, "TemperatureHigh (warning)"),
    ],
)
def test_a_rule_that_was_changed_is_named_and_allowed(
    changed: dict[str, Any], named: str, shipped: list[Group]
) -> None:
    check = judge(loaded(**{**ALL, "power": [UNDERVOLTAGE, changed, HOT]}), shipped)["prometheus.rules.current"]
    assert (check.verdict, check.text) == (WARNING, f"{named} differ from this version's")


def test_more_labels_are_no_change_and_neither_is_a_prometheus_that_does_not_tell_of_keeping(
    shipped: list[Group],
) -> None:
    richer = {**WARM, "labels": {"severity": "warning", "team": "garden"}}
    del richer["keepFiringFor"]
    check = judge(loaded(**{**ALL, "power": [UNDERVOLTAGE, richer, HOT]}), shipped)["prometheus.rules.current"]
    assert check.verdict is OK


def test_rules_that_an_older_version_did_not_have_are_named(shipped: list[Group]) -> None:
    check = judge(loaded(**{**ALL, "power": [UNDERVOLTAGE]}), shipped)["prometheus.rules.current"]
    assert (check.verdict, check.text) == (
        WARNING,
        "TemperatureHigh (warning), TemperatureHigh (critical) are not there",
    )


def test_where_expressions_cannot_be_compared_they_count_as_different(shipped: list[Group]) -> None:
    answers = {**loaded(**ALL), "/api/v1/format_query": Raw(404)}
    check = judge(answers, shipped)["prometheus.rules.current"]
    assert (check.verdict, check.text) == (WARNING, "Undervoltage (critical) differ from this version's")


def test_the_rules_that_we_ship_have_the_alerts_that_the_doctor_goes_by() -> None:
    groups = load_shipped(shipped_folder("prometheus") / "rules")
    headline, watchdog = find_alert(groups, HEADLINE), find_alert(groups, WATCHDOG)
    assert headline is not None
    assert headline.labels["severity"] == "critical"
    assert watchdog is not None
    assert watchdog.labels["severity"] == "none"


def test_a_shipped_file_that_is_no_yaml_is_said(tmp_path: Path) -> None:
    (tmp_path / "power.yml").write_text("groups: [")
    with pytest.raises(ValueError, match=r"power\.yml is no YAML"):
        load_shipped(tmp_path)
