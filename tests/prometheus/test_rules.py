"""The rules of all subjects: what Prometheus thinks of them, what they name, when they fire and when they must not."""

import json
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import yaml

from prometheus.rulebook.subjects import SUBJECTS
from sysvitals.collectors.catalog import build_full_catalog
from sysvitals.judgement.links import RUNBOOK_URL
from sysvitals.judgement.rule import Alert, Record, Subject, render_subject
from tests.judgement.stories import seconds_of
from tests.patience import PATIENCE
from tests.prometheus.promql import Reading, compared_numbers, ended_by_a_failed_scrape
from tests.prometheus.rule_checks import (
    ALWAYS,
    Case,
    alerts_of,
    anchors_of,
    blind,
    find_case_problems,
    find_failed_cases,
    find_metrics,
    find_name_problems,
    find_runbook_problems,
    find_text_problems,
    find_unknown_names,
    find_wording_problems,
    load_cases,
    promql_lines_of,
    questions_of,
    read_rules,
    sections_of,
)
from tests.tools import need_tool

FOLDER = Path(__file__).parents[2] / "prometheus"
RULES, RULE_TESTS = FOLDER / "rules", FOLDER / "rule-tests"
RUNBOOK = (FOLDER / "RUNBOOK.md").read_text(encoding="utf-8")
METRICS = find_metrics(build_full_catalog(), SUBJECTS)
ALERTS = [alert for subject in SUBJECTS for alert in alerts_of(subject)]
OF_ALERTS = [subject for subject in SUBJECTS if alerts_of(subject)]

each_subject = pytest.mark.parametrize("subject", SUBJECTS, ids=lambda subject: subject.name)
each_with_alerts = pytest.mark.parametrize("subject", OF_ALERTS, ids=lambda subject: subject.name)
each_file_of_tests = pytest.mark.parametrize("path", sorted(RULE_TESTS.glob("*.yml")), ids=lambda path: path.stem)


def promtool(*arguments: str | Path) -> tuple[int, str]:
    command = [need_tool("promtool"), *map(str, arguments)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=PATIENCE, check=False)
    return done.returncode, done.stdout + done.stderr


def find(name: str, severity: str = "") -> Alert:
    return next(alert for alert in ALERTS if alert.name == name and severity in ("", alert.severity))


def files_of(subject: Subject) -> list[Path]:
    """The files of tests of a subject: one of its name, and others that begin with it."""
    return [*RULE_TESTS.glob(f"{subject.name}.yml"), *sorted(RULE_TESTS.glob(f"{subject.name}-*.yml"))]


def cases_of(subject: Subject) -> list[Case]:
    """All cases of a subject."""
    return [case for path in files_of(subject) for case in load_cases(path)]


# what Prometheus thinks of them


@each_subject
def test_prometheus_takes_the_rules_and_finds_nothing_to_warn_of(subject: Subject) -> None:
    code, said = promtool("check", "rules", "--lint-fatal", RULES / f"{subject.name}.yml")
    assert code == 0, said
    assert f"SUCCESS: {len(subject.rules)} rules found" in said


def test_the_files_say_what_the_rulebook_says() -> None:
    for subject in SUBJECTS:
        for rule, written in zip(subject.rules, read_rules(RULES / f"{subject.name}.yml"), strict=True):
            assert (written.get("alert") or written.get("record"), written["expr"]) == (rule.name, rule.expression)
            if isinstance(rule, Alert):
                assert written["labels"] == {"severity": rule.severity, "subject": subject.name}
                assert written["annotations"]["runbook_url"] == f"{RUNBOOK_URL}#{rule.name.lower()}"


# names and labels


@each_subject
def test_a_rule_names_only_what_there_is_and_joins_one_series_of_each_host(subject: Subject) -> None:
    assert [problem for rule in subject.rules for problem in find_name_problems(rule, METRICS)] == []


@each_with_alerts
def test_an_annotation_names_only_metrics_and_labels_that_there_are(subject: Subject) -> None:
    assert [problem for alert in alerts_of(subject) for problem in find_text_problems(alert, METRICS)] == []


def test_no_two_rules_are_taken_for_one() -> None:
    names = [(rule.name, rule.severity if isinstance(rule, Alert) else "") for s in SUBJECTS for rule in s.rules]
    assert len(set(names)) == len(names)


def test_recorded_names_say_level_metric_and_operations() -> None:
    for subject in SUBJECTS:
        for rule in subject.rules:
            assert isinstance(rule, Alert) or len(rule.name.split(":")) == 3, rule


CHANGED_THRESHOLDS = """
import json
from sysvitals.judgement import thresholds
for name, found in list(vars(thresholds).items()):
    if isinstance(found, thresholds.Threshold):
        setattr(thresholds, name, found._replace(value=found.value * 2))
from prometheus.rulebook.subjects import SUBJECTS
print(json.dumps([[rule.expression for rule in subject.rules] for subject in SUBJECTS]))
"""


@pytest.fixture(scope="module")
def with_other_thresholds() -> list[list[str]]:
    """All expressions, by subject, as they would be if each threshold were twice what it is."""
    root = FOLDER.parent
    said = subprocess.run(
        [sys.executable, "-c", CHANGED_THRESHOLDS],
        cwd=root,
        capture_output=True,
        text=True,
        timeout=PATIENCE,
        check=True,
    ).stdout
    expressions: list[list[str]] = json.loads(said)
    return expressions


def test_each_number_that_is_compared_with_comes_from_a_threshold(with_other_thresholds: list[list[str]]) -> None:
    for subject, changed in zip(SUBJECTS, with_other_thresholds, strict=True):
        for rule, other in zip(subject.rules, changed, strict=True):
            numbers, others = compared_numbers(rule.expression), compared_numbers(other)
            for number, moved in zip(numbers, others, strict=True):
                assert number in (0, 1) or number != moved, f"{rule.name} compares with {number:g} of its own"


@each_with_alerts
def test_what_an_alert_asks_for_outlasts_a_failed_scrape(subject: Subject) -> None:
    for alert in alerts_of(subject):
        assert ended_by_a_failed_scrape(alert.expression) == set(), alert.name


@pytest.mark.parametrize(
    ("part", "written", "evaluated"),
    [
        (
            "value",
            "system_a",
            "(system_a or last_over_time(system_a[5m]) and on (job, instance) min_over_time(up[5m]) == 0) == 1",
        ),
        ("value", 'abs(a:b_c:d{on="x_y (z) } "})', 'abs((a:b_c:d{on="x_y (z) } "} or last_over_time('),
        ("value", "system_a offset 1h", "last_over_time(system_a[5m] offset 1h) == 1"),
        ("value", '{__name__=~"a_(b|c)"}', '({__name__=~"a_(b|c)"} or last_over_time({__name__=~"a_(b|c)"}[5m]) and '),
        ("value", 'increase({__name__=~"a_b"}[5m])', 'increase({__name__=~"a_b"}[5m]) == 1'),
        ("value", "rate(system_a[5m] offset 1h)", "rate(system_a[5m] offset 1h) == 1"),
        ("value", "max_over_time(system_a [1h:5m])", "max_over_time(system_a [1h:5m]) == 1"),
        ("value", 'timestamp(system_a{b="c"})', 'timestamp(system_a{b="c"}) == 1'),
        ("value", "vector(1)", "vector(1) == 1"),
        ("threshold", "system_a", "vector(0) == last_over_time(system_a[5m])"),
        (
            "condition",
            "and on (a_b) group_left (c_d) system_a",
            "\nand on (a_b) group_left (c_d) last_over_time(system_a[5m])",
        ),
        ("condition", "unless max by (a_b) (up or ALERTS)", "\nunless max by (a_b) (up or ALERTS)"),
    ],
)
def test_only_series_that_a_failed_scrape_ends_are_asked_for_their_last_value(
    part: str, written: str, evaluated: str
) -> None:
    alert = replace(find("LoadHigh"), value="vector(0)", compares="==", threshold=1, condition="")
    changed: dict[str, Any] = {part: written}
    assert evaluated in replace(alert, **changed).expression


def test_a_critical_alert_outlives_the_warning_that_it_holds_back() -> None:
    # else the warning would be sent when all is over. What may end first, by minutes, is the worse of the two
    keeps = {(alert.name, alert.severity): seconds_of(alert.keeps) for alert in ALERTS}
    pairs = [
        (name, keeps[name, "warning"])
        for name, severity in keeps
        if severity == "critical" and (name, "warning") in keeps
    ]
    assert len(pairs) >= 8
    for name, warning in pairs:
        margin = 0 if name in {"FilesystemReadOnly", "StorageWorn"} else 300  # they end at the same moment
        assert keeps[name, "critical"] >= warning + margin, name


def test_a_host_taken_from_the_targets_while_it_is_down_is_gone_before_that_is_over() -> None:
    down, vanished = (next(alert for alert in ALERTS if alert.name == name) for name in ("HostDown", "HostVanished"))
    assert seconds_of(vanished.lasts) < seconds_of(down.keeps)


def test_an_alert_about_a_disk_outlives_those_that_it_holds_back() -> None:
    slow, stalled, saturated = (
        seconds_of(alert.keeps)
        for name in ("DiskSlow", "DiskStalled", "DiskSaturated")
        for alert in ALERTS
        if alert.name == name
    )
    # what is true on the average of half an hour may end minutes later than what a disk that works again ends quickly
    assert saturated + 600 <= stalled
    assert stalled + 600 <= slow


# cases


@each_with_alerts
def test_each_alert_has_a_case_in_which_it_fires_and_one_in_which_it_must_not(subject: Subject) -> None:
    assert find_case_problems(alerts_of(subject), cases_of(subject)) == []


def test_each_recording_rule_has_a_case_or_an_alert_that_has_one() -> None:
    asked = re.findall("expr: (.+)", "\n".join(path.read_text() for path in RULE_TESTS.glob("*.yml")))
    used = "\n".join([*asked, *(alert.expression for subject in SUBJECTS for alert in alerts_of(subject))])
    for subject in SUBJECTS:
        assert [rule.name for rule in subject.rules if isinstance(rule, Record) and rule.name not in used] == []


@each_file_of_tests
def test_groups_that_use_each_other_are_evaluated_in_a_known_order(path: Path) -> None:
    # promtool takes them in any order otherwise, and a case would pass on some days
    content = yaml.safe_load(path.read_text(encoding="utf-8"))
    groups = [f"sysvitals-{Path(name).stem}" for name in content["rule_files"]]
    assert content.get("group_eval_order", groups[:1]) == groups


@each_with_alerts
def test_a_case_that_must_not_fire_fails_where_the_alert_does_not_look(subject: Subject, tmp_path: Path) -> None:
    said = run_blind(subject, tmp_path)
    failed = find_failed_cases(said)
    for alert in alerts_of(subject):
        quiet = {(name, severity) for name, _, severity in failed}
        assert alert.name in ALWAYS or (alert.name, alert.severity) in quiet, (
            f"{alert.name} ({alert.severity}) has no case with something to look at in which it does not fire:\n{said}"
        )


def run_blind(subject: Subject, tmp_path: Path) -> str:
    """What promtool says of a subject's tests when its alerts fire on whatever there is."""
    shutil.copytree(RULES, tmp_path / "rules")
    (tmp_path / "rules" / f"{subject.name}.yml").write_text(render_subject(blind(subject)), encoding="utf-8")
    (tmp_path / "rule-tests").mkdir()
    for path in files_of(subject):
        # what is there to look at changes slowly: it is looked at less often than in earnest, which takes long
        text = re.sub("^evaluation_interval: .*$", "evaluation_interval: 5m", path.read_text(), flags=re.MULTILINE)
        (tmp_path / "rule-tests" / path.name).write_text(text, encoding="utf-8")
    return promtool("test", "rules", *sorted((tmp_path / "rule-tests").iterdir()))[1]


@each_with_alerts
def test_what_people_read_is_short_and_begins_with_the_host_and_gives_a_value(subject: Subject) -> None:
    cases = cases_of(subject)
    assert [problem for alert in alerts_of(subject) for problem in find_wording_problems(alert, cases)] == []


# the runbook


def test_each_alert_has_its_section_in_the_runbook_and_its_row_in_the_table() -> None:
    assert find_runbook_problems(ALERTS, RUNBOOK) == []


@pytest.mark.parametrize("part", ["**Confirm", "**Do", "**Ignore"])
def test_a_section_says_how_to_confirm_what_to_do_and_when_to_ignore(part: str) -> None:
    assert [title for title, body in sections_of(RUNBOOK).items() if part not in body] == []


def test_a_section_says_what_to_do_before_what_to_ask_prometheus() -> None:
    assert [title for title, body in sections_of(RUNBOOK).items() if body.index("**Do") > body.index("**Confirm")] == []


def test_what_to_do_leads_to_no_other_document() -> None:
    alerts = RUNBOOK[RUNBOOK.index("## Power") : RUNBOOK.index("## With Prometheus")]
    assert re.findall(r"\]\((?!#)[^)]*\)", alerts) == []


def test_the_runbook_names_only_metrics_that_there_are() -> None:
    assert find_unknown_names(RUNBOOK, METRICS) == set()


def test_what_the_runbook_asks_prometheus_can_be_asked() -> None:
    lines = {title: promql_lines_of(body) for title, body in sections_of(RUNBOOK).items()}
    assert len(lines["Undervoltage"]) == 3
    problems = {}
    for title, questions in lines.items():
        reading = Reading(METRICS)
        for question in questions:
            reading.read(question)
        if reading.problems:
            problems[title] = reading.problems
    assert problems == {}


def test_each_link_within_the_runbook_and_into_the_other_pages_leads_somewhere() -> None:
    for page, anchor in re.findall(r"\]\(([^)#:]*)#([^)]+)\)", RUNBOOK):
        text = (FOLDER / page).read_text(encoding="utf-8") if page else RUNBOOK
        assert anchor in anchors_of(text), f"{page}#{anchor}"


# these checks can fail


def without_negative_cases(alert: Alert) -> Iterator[str]:
    subject = next(subject for subject in SUBJECTS if alert in subject.rules)
    fires = [case for case in cases_of(subject) if alert.severity in case.severities()]
    yield from find_case_problems([alert], [case for case in fires if case.alertname == alert.name])


def test_an_alert_without_a_case_in_which_it_must_not_fire_is_found() -> None:
    assert list(without_negative_cases(find("Undervoltage"))) == [
        "Undervoltage (critical) has no case in which it must not fire"
    ]


def test_an_alert_without_any_case_is_found() -> None:
    alert = replace(find("Undervoltage"), name="New")
    assert find_case_problems([alert], []) == [
        "New (critical) has no case in which it fires",
        "New (critical) has no case in which it must not fire",
    ]


STORY = """
rule_files: [rules.yml]
evaluation_interval: 1m
tests:
  - interval: 1m
    input_series:
      - series: system_load1{{job="sysvitals",instance="pi4"}}
        values: {value}x5
    alert_rule_test:
      - alertname: LoadHigh
        eval_time: {minutes}m
        exp_alerts: []
"""


@pytest.mark.parametrize(
    ("minutes", "found"), [(5, {("LoadHigh", "5m", "warning")}), (20, set())], ids=["something", "nothing"]
)
def test_a_case_counts_only_where_there_is_something_to_look_at(
    tmp_path: Path, minutes: int, found: set[tuple[str, str, str]]
) -> None:
    alert = replace(find("LoadHigh"), value="system_load1", compares=">", threshold=4, condition="", lasts="0s")
    subject = Subject(name="cpu", help="", rules=(alert,))
    (tmp_path / "story.yml").write_text(STORY.format(value=1, minutes=minutes), encoding="utf-8")
    for rules, failed in ((subject, set()), (blind(subject), found)):
        (tmp_path / "rules.yml").write_text(render_subject(rules), encoding="utf-8")
        assert find_failed_cases(promtool("test", "rules", tmp_path / "story.yml")[1]) == failed


@pytest.mark.parametrize(
    ("right", "wrong", "problem"),
    [
        ("events_total", "event_total", "there is no metric system_throttle_event_total"),
        ('{cause="undervoltage"}[', '{causes="undervoltage"}[', "system_throttle_events_total has no label causes"),
        ('{cause="undervoltage"}[', '{cause="low"}[', "system_throttle_events_total never has cause='low'"),
        ("increase(", "sum(increase(", "is no PromQL"),
    ],
)
def test_a_metric_a_label_or_a_value_that_is_misspelt_is_found(right: str, wrong: str, problem: str) -> None:
    alert = find("Undervoltage")
    assert find_name_problems(alert, METRICS) == []
    problems = find_name_problems(replace(alert, value=alert.value.replace(right, wrong)), METRICS)
    assert any(problem in found for found in problems), problems


@pytest.mark.parametrize(
    ("expression", "labels", "problem"),
    [
        ("sum by (job, instance) (system_load1)", "instance job", ""),
        ("sum without (cpu) (system_load1)", "instance job site", "sum has no label cpu"),
        ("max without (chip, sensor) (system_temperature_celsius)", "instance job site", ""),
        ("system_load1 / on (job, instance) system_load5", "instance job", "left of / may be several series"),
        ("max by (job, instance) (system_load1) > on (job, instance) system_load5", "instance job", "differ in site"),
        ("system_load1 / ignoring (site) system_load5", "instance job", "right of / may be several series"),
        (
            "system_load1 * on (job, instance) group_left () max by (job, instance) (system_load5)",
            "instance job site",
            "",
        ),
        (
            "system_load5 - on (job, instance) group_right () system_load1",
            "instance job site",
            "left of - may be several series that differ in site",
        ),
        (
            "system_load1 * on (cause) group_left () system_throttled",
            "instance job site",
            "left of * has no label cause",
        ),
        ("system_fan_stalled + system_load1", "chip fan instance job site", "never meet"),
        ('label_replace(system_load1, "a", "$1", "b", "(.*)")', "a instance job site", "label_replace has no label b"),
        ('absent(up{job="sysvitals"})', "job", ""),
        ('system_cpu_seconds_total{mode=~"idle|lazy"}', "cpu instance job mode site", "never has mode='lazy'"),
        ('sysvitals_collector_success{collector="temperatures"}', "collector instance job site", "never has collector"),
    ],
)
def test_what_comes_out_of_an_expression_is_known(expression: str, labels: str, problem: str) -> None:
    reading = Reading(METRICS)
    assert " ".join(sorted(reading.read(expression))) == labels
    assert problem in " ".join(reading.problems)
    assert bool(reading.problems) == bool(problem)


def test_an_alert_that_loses_labels_of_its_target_is_found() -> None:
    alert = replace(find("LoadHigh"), value="max by (job, instance) (system_load1)", condition="")
    assert find_name_problems(alert, METRICS) == ["LoadHigh: labels of the target get lost: site"]


def test_an_alert_that_would_be_two_is_found() -> None:
    alert = replace(find("Undervoltage"), condition="or\nsystem_load1 > 1")
    assert find_name_problems(alert, METRICS) == [
        "Undervoltage: its parts have different labels: it would be several alerts"
    ]


def test_a_misspelt_name_in_an_annotation_is_found() -> None:
    alert = find("Undervoltage")
    worse = replace(
        alert,
        summary="{{ $labels.host }} browned out",
        description=alert.description.replace("system_throttled{", "system_throtled{"),
    )
    assert find_text_problems(worse, METRICS) == [
        "Undervoltage: the alert has no label host",
        "Undervoltage: there is no metric system_throtled",
        "Undervoltage: its summary does not begin with the instance",
    ]


def test_each_question_of_an_annotation_is_looked_at() -> None:
    for alert in ALERTS:
        asked = alert.description.count("| query") + alert.summary.count("| query")
        assert len(questions_of(alert.description)) + len(questions_of(alert.summary)) == asked, alert.name


def new_problems(alerts: list[Alert], runbook: str) -> list[str]:
    """Those that the runbook as it stands has not."""
    known = find_runbook_problems(ALERTS, RUNBOOK)
    return [problem for problem in find_runbook_problems(alerts, runbook) if problem not in known]


def test_an_alert_without_a_section_in_the_runbook_is_found() -> None:
    poorer = RUNBOOK.replace("### Undervoltage\n", "")
    assert new_problems(ALERTS, poorer) == [f"{RUNBOOK_URL}#undervoltage leads to 0 places"]


def test_a_section_or_a_row_of_no_alert_is_found() -> None:
    richer = RUNBOOK + "\n### Undervolted\n\n| [Overvoltage](#overvoltage) | critical | 1m | | words |\n"
    assert new_problems(ALERTS, richer) == [
        "the runbook has a section Undervolted, and there is no such alert",
        "the table has Overvoltage, and there is no such alert",
    ]


@pytest.mark.parametrize("change", [{"severity": "info"}, {"lasts": "1h"}, {"keeps": "1h"}])
def test_a_row_that_is_out_of_date_is_found(change: dict[str, Any]) -> None:
    others = [replace(alert, **change) if alert.name == "Undervoltage" else alert for alert in ALERTS]
    (problem,) = new_problems(others, RUNBOOK)
    assert problem.startswith("the table has Undervoltage as ('undervoltage', 'critical', 'immediately', ''): ")


def test_a_name_in_the_runbook_that_is_no_metric_is_found() -> None:
    words = "`system_load1`, `system_lod1`, `instance:system_cpus:count` and `instance:system_cpu:count`"
    assert find_unknown_names(words, METRICS) == {"system_lod1", "instance:system_cpu:count"}


def test_records_have_help() -> None:
    for subject in SUBJECTS:
        assert all(isinstance(rule, Alert) or rule.help.endswith(".") for rule in subject.rules), subject.name
        assert all(isinstance(rule, Record) or rule.why.endswith(".") for rule in subject.rules), subject.name
