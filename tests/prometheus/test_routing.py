"""Who is told of what: routes by Alertmanager's own tool, groups and inhibitions by a real Alertmanager."""

import re
import subprocess
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from prometheus.rulebook.subjects import SUBJECTS
from sysvitals.collectors.catalog import build_full_catalog
from sysvitals.judgement.rule import Alert
from tests.patience import PATIENCE
from tests.prometheus.rule_cases import load_firing
from tests.stack.running import wait_until
from tests.stack.servers import SHIPPED, Alertmanager, copy_shipped, read_yaml, run_alertmanager, write_yaml
from tests.tools import need_tool

CONFIG = read_yaml(SHIPPED / "alertmanager.yml")
RULES: list[dict[str, Any]] = CONFIG["inhibit_rules"]
RECEIVERS = {"critical": "people", "warning": "people", "info": "digest", "none": "digest"}
ALERTS = sorted(
    {
        (rule.name, rule.severity, subject.name)
        for subject in SUBJECTS
        for rule in subject.rules
        if isinstance(rule, Alert)
    }
)
Labels = Mapping[str, str]


def route(**labels: str) -> str:
    """The receivers that an alert with these labels reaches, by amtool."""
    command = [need_tool("amtool"), "config", "routes", "test", f"--config.file={SHIPPED / 'alertmanager.yml'}"]
    command += [f"{name}={value}" for name, value in labels.items()]
    return subprocess.run(command, capture_output=True, text=True, timeout=PATIENCE, check=True).stdout.strip()


@pytest.mark.parametrize(("name", "severity", "subject"), ALERTS)
def test_each_alert_of_the_rules_reaches_those_of_its_severity(name: str, severity: str, subject: str) -> None:
    expected = "watchdog" if name == "Watchdog" else RECEIVERS[severity]
    if subject == "chain":
        expected = f"backup,{expected}"
    assert route(alertname=name, severity=severity, subject=subject, instance="pi4", job="sysvitals") == expected


def test_an_alert_of_other_rules_reaches_people_whatever_its_severity() -> None:
    assert route(alertname="WebsiteDown", severity="page", instance="https://example.org") == "people"
    assert route(alertname="NoSeverity") == "people"


def test_a_test_alert_takes_the_way_of_the_real_one() -> None:
    real = {"alertname": "Undervoltage", "severity": "critical", "subject": "power", "instance": "pi4"}
    assert route(**real, test="true") == route(**real) == "people"


def test_each_severity_of_the_rules_has_a_receiver() -> None:
    assert {severity for _, severity, _ in ALERTS} == set(RECEIVERS)


def test_a_critical_alert_is_told_first_and_nothing_repeats_within_four_hours() -> None:
    _, _, host, _, critical, warning, info = CONFIG["route"]["routes"]
    waits = [seconds(part["group_wait"]) for part in (critical, host, warning, info)]
    assert waits == sorted(waits)
    # a warning waits until the critical alert that silences it has come: two scrapes and two evaluations
    scrape = read_yaml(SHIPPED / "prometheus.yml")["global"]
    assert waits[2] >= 2 * seconds(scrape["scrape_interval"]) + 2 * seconds(scrape["evaluation_interval"])
    assert min(seconds(part["repeat_interval"]) for part in (critical, host, warning, info)) >= 4 * 3600


def seconds(text: str) -> float:
    units = {"s": 1, "m": 60, "h": 3600, "d": 86400}
    return sum(int(number) * units[unit] for number, unit in re.findall(r"(\d+)([smhd])", text))


UNDERVOLTAGE = {"alertname": "Undervoltage", "severity": "critical", "subject": "power", "cause": "undervoltage"}
THROTTLED = {"alertname": "Throttled", "severity": "warning", "subject": "power", "cause": "throttled"}
HOST_DOWN = {"alertname": "HostDown", "severity": "critical", "subject": "host"}
HOT = {"alertname": "TemperatureHigh", "subject": "heat", "part": "cpu"}
HOT_DISK = {**HOT, "part": "nvme0"}
RISING = {"alertname": "TemperatureRising", "severity": "warning", "subject": "heat", "part": "cpu"}
FAN = {"alertname": "FanStalled", "severity": "critical", "subject": "heat", "chip": "pwmfan"}
DISK = {"subject": "filesystem", "device": "/dev/mmcblk0p2", "mountpoint": "/", "fstype": "ext4"}
FULL = {**DISK, "alertname": "FilesystemFull"}
FILLING = {**DISK, "alertname": "FilesystemFilling"}
STALLED = {"alertname": "DiskStalled", "severity": "warning", "subject": "disk", "resource": "io"}
SLOW_DISK = {"alertname": "DiskSlow", "severity": "warning", "subject": "disk", "device": "mmcblk0"}
SATURATED = {**SLOW_DISK, "alertname": "DiskSaturated"}
OTHER_DISK = {"device": "/dev/sda1", "mountpoint": "/srv"}
STALE = {"alertname": "CollectorStale", "severity": "warning", "subject": "exporter", "collector": "wifi"}
GONE_DISK = {"alertname": "DiskVanished", "severity": "warning", "subject": "vanished", "device": "nvme0n1"}
GONE_MOUNT = {**GONE_DISK, "alertname": "FilesystemVanished", "device": "/dev/mapper/srv", "mountpoint": "/srv"}
LOST = {"alertname": "CollectorVanished", "severity": "warning", "subject": "exporter", "collector": "storage_wear"}
CRITICAL, WARNING, INFO = ({"severity": severity} for severity in ("critical", "warning", "info"))

SILENCED: list[tuple[Labels, Labels]] = [
    (HOST_DOWN, UNDERVOLTAGE),
    (HOST_DOWN, THROTTLED),
    (HOST_DOWN, {"alertname": "HostVanished", **WARNING, "subject": "host"}),
    (
        HOST_DOWN,
        {"alertname": "NodeUndervoltage", **CRITICAL, "subject": "node-exporter-power", "job": "node-exporter"},
    ),
    (
        {"alertname": "NodeHostDown", **CRITICAL, "subject": "node-exporter-power"},
        {"alertname": "NodeHostVanished", **WARNING, "subject": "node-exporter-power"},
    ),
    (
        {"alertname": "NodeHostDown", **CRITICAL, "subject": "node-exporter-power"},
        {"alertname": "NodeUndervoltage", **CRITICAL, "subject": "node-exporter-power"},
    ),
    ({**FULL, **CRITICAL}, {**FULL, **WARNING}),
    ({**HOT, **CRITICAL}, {**HOT, **WARNING}),
    (
        {"alertname": "MemoryLow", **CRITICAL, "subject": "memory"},
        {"alertname": "MemoryLow", **WARNING, "subject": "memory"},
    ),
    (UNDERVOLTAGE, THROTTLED),
    (UNDERVOLTAGE, {**THROTTLED, "alertname": "FrequencyCapped", "cause": "frequency_capped"}),
    (UNDERVOLTAGE, {**UNDERVOLTAGE, "alertname": "UndervoltageRecurring", **WARNING}),
    (UNDERVOLTAGE, {"alertname": "InputVoltsLow", **WARNING, "subject": "power"}),
    (THROTTLED, {**HOT, **WARNING}),
    ({**THROTTLED, "alertname": "FrequencyCapped"}, RISING),
    ({"alertname": "HeatLimited", **WARNING, "subject": "heat"}, {**HOT, **WARNING}),
    ({**HOT, **WARNING}, RISING),
    (FAN, RISING),
    (FAN, {**HOT, **WARNING}),
    (FAN, THROTTLED),
    (FAN, {"alertname": "HeatLimited", **WARNING, "subject": "heat"}),
    ({**FULL, **CRITICAL}, {**FILLING, **CRITICAL}),
    ({**FULL, **WARNING}, {**FILLING, **WARNING}),
    ({**DISK, "alertname": "FilesystemReadOnly", **CRITICAL}, {**FULL, **CRITICAL}),
    (
        {**DISK, "alertname": "FilesystemReadOnly", **CRITICAL},
        {"alertname": "HistoryNotWritable", **WARNING, "subject": "exporter"},
    ),
    (
        {"alertname": "RebootLoop", **CRITICAL, "subject": "power"},
        {"alertname": "UncleanShutdown", **WARNING, "subject": "power"},
    ),
    (
        {"alertname": "RebootLoop", **CRITICAL, "subject": "power"},
        {"alertname": "HostFlapping", **WARNING, "subject": "host"},
    ),
    (
        {"alertname": "NetworkErrors", **WARNING, "subject": "network", "device": "eth0"},
        {"alertname": "PacketsDropped", **WARNING, "subject": "network", "device": "eth0"},
    ),
    (SLOW_DISK, STALLED),
    (SLOW_DISK, SATURATED),
    (STALLED, SATURATED),
    (
        {"alertname": "MemoryFilling", **WARNING, "subject": "memory"},
        {"alertname": "MemoryLow", **WARNING, "subject": "memory"},
    ),
    (
        {"alertname": "ClockWrong", **WARNING, "subject": "clock"},
        {"alertname": "ClockUnsynchronised", **WARNING, "subject": "clock"},
    ),
    ({**STALE, "alertname": "CollectorFailing"}, STALE),
    (GONE_DISK, LOST),
    (GONE_MOUNT, {**LOST, "collector": "temperature"}),
]
TOLD: list[tuple[Labels, Labels]] = [
    (HOST_DOWN, {"alertname": "WebsiteDown", "severity": "page"}),  # none of ours: the host may still answer others
    ({**HOST_DOWN, "test": "true"}, UNDERVOLTAGE),
    ({**UNDERVOLTAGE, "test": "true"}, THROTTLED),
    ({**FULL, **WARNING}, {**FULL, **CRITICAL}),
    ({**FULL, **CRITICAL}, {**FULL, **WARNING, **OTHER_DISK}),
    ({**FULL, **CRITICAL}, {**FILLING, **WARNING, **OTHER_DISK}),
    ({**DISK, "alertname": "FilesystemReadOnly", **CRITICAL}, {**FULL, **WARNING, **OTHER_DISK}),
    ({**HOT, **CRITICAL}, {**HOT_DISK, **WARNING}),
    (THROTTLED, {**HOT_DISK, **WARNING}),
    (THROTTLED, {**HOT, **CRITICAL}),
    ({**HOT, **CRITICAL}, THROTTLED),
    ({**HOT_DISK, **WARNING}, RISING),
    ({**STALE, "alertname": "CollectorFailing"}, {**STALE, "collector": "fan"}),
    (GONE_DISK, {**LOST, "collector": "wifi"}),
    (FAN, {**HOT, **CRITICAL}),
    (SLOW_DISK, {**SATURATED, "device": "sda"}),
    (SATURATED, STALLED),
    (THROTTLED, UNDERVOLTAGE),
    (UNDERVOLTAGE, {**HOT, **WARNING}),
    (UNDERVOLTAGE, {"alertname": "UncleanShutdown", **WARNING, "subject": "power"}),
]  # fmt: skip


@pytest.fixture(scope="module")
def alertmanager(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Alertmanager]:
    """With all cases at once, each on a host of its own; the effect also on a neighbour, and on a host by itself."""
    with run_alertmanager(copy_shipped(tmp_path_factory.mktemp("routing"))) as server:
        begin = datetime.now(UTC) - timedelta(minutes=10)
        posted = []
        for kind, cases in (("silenced", SILENCED), ("told", TOLD)):
            for number, (cause, effect) in enumerate(cases):
                instance = f"{kind}-{number}"
                posted.append({"role": "cause", "instance": instance, **cause})
                posted += [{"role": "effect", "instance": name, **effect} for name in (instance, f"{instance}-next")]
        labels = [{"job": "sysvitals", **labels} for labels in posted]
        server.post([{"labels": one, "startsAt": begin.isoformat()} for one in labels])
        wait_until(lambda: len(server.get("alerts")) == len(labels), "all alerts are there")
        wait_until(
            lambda: sum(bool(alert["status"]["inhibitedBy"]) for alert in server.get("alerts")) >= len(SILENCED),
            "inhibitions were seen",
        )
        yield server


def name_case(case: tuple[Labels, Labels]) -> str:
    return "-".join(f"{side['alertname']}{'-test' * ('test' in side)}" for side in case)


@pytest.mark.parametrize("number", range(len(SILENCED)), ids=[name_case(case) for case in SILENCED])
def test_an_alert_silences_what_it_explains_on_its_own_host_only(alertmanager: Alertmanager, number: int) -> None:
    [cause] = alertmanager.alerts(instance=f"silenced-{number}", role="cause")
    [effect] = alertmanager.alerts(instance=f"silenced-{number}", role="effect")
    [neighbour] = alertmanager.alerts(instance=f"silenced-{number}-next", role="effect")
    assert (effect["status"]["state"], effect["status"]["inhibitedBy"]) == ("suppressed", [cause["fingerprint"]])
    assert cause["status"]["inhibitedBy"] == []
    assert neighbour["status"]["inhibitedBy"] == []


@pytest.mark.parametrize("number", range(len(TOLD)), ids=[name_case(case) for case in TOLD])
def test_an_alert_does_not_silence_what_it_does_not_explain(alertmanager: Alertmanager, number: int) -> None:
    [effect] = alertmanager.alerts(instance=f"told-{number}", role="effect")
    assert effect["status"]["inhibitedBy"] == []


def test_each_inhibition_has_a_case_that_no_other_makes() -> None:
    alone = [[rule for rule in RULES if silences(rule, *case)] for case in SILENCED]
    assert [rule for rule in RULES if [rule] not in alone] == []


def silences(rule: Mapping[str, Any], cause: Labels, effect: Labels) -> bool:
    return (
        all(matches(matcher, cause) for matcher in rule["source_matchers"])
        and all(matches(matcher, effect) for matcher in rule["target_matchers"])
        and all(cause.get(label, "") == effect.get(label, "") for label in rule["equal"])
    )


def matches(matcher: str, labels: Labels) -> bool:
    parts = re.fullmatch(r'(\w+)(=~|!~|!=|=)"(.*)"', matcher)
    assert parts, matcher
    name, operator, value = parts.groups()
    has = labels.get(name, "")
    alike = re.fullmatch(value, has) is not None if "~" in operator else has == value
    return alike == operator.startswith("=")


def test_each_inhibition_compares_the_instance_and_names_alerts_that_exist() -> None:
    names = {name for name, _, _ in ALERTS}
    for rule in RULES:
        assert "instance" in rule["equal"]
        assert 'test=""' in rule["source_matchers"]
        for matcher in rule["source_matchers"] + rule["target_matchers"]:
            if matcher.startswith("alertname"):
                assert set(matcher.split('"')[1].split("|")) <= names, matcher


def test_two_severities_of_one_alert_are_compared_by_all_labels_of_their_things() -> None:
    [equal] = [rule["equal"] for rule in RULES if "alertname" in rule["equal"]]
    ours = {label for family in build_full_catalog().families.values() for label in family.labels}
    twice = {
        name
        for name, severity, _ in ALERTS
        if (name, "critical") in {alert[:2] for alert in ALERTS} and severity == "warning"
    }
    firing = [alert for alert in load_firing() if alert.labels["alertname"] in twice]
    assert {alert.labels["alertname"] for alert in firing} == twice
    for alert in firing:
        assert alert.labels.keys() & ours <= set(equal), alert.labels


STEADY = 'instance="pi4",job="sysvitals"'
"""Series at 15 s: calm for two minutes, ten minutes of trouble, then calm for two hours."""
DIPS = {
    f'system_throttle_events_total{{cause="undervoltage",{STEADY}}}': "0x8 0+0.75x40 30x480",
    **{
        f'system_throttle_seconds_total{{cause="{cause}",{STEADY}}}': "0x8 0+4.5x40 180x480"
        for cause in ("undervoltage", "throttled", "frequency_capped")
    },
    f"system_board_input_volts{{{STEADY}}}": "5.1x8 4.6x40 5.1x480",
}
HEAT = {
    f'system_board_info{{type="4B",{STEADY}}}': "1x600",
    f'system_temperature_celsius{{chip="cpu_thermal",sensor="temp1",{STEADY}}}': "55+3x8 82x80 55x480",
    f'system_throttle_seconds_total{{cause="throttled",{STEADY}}}': "0x8 0+15x80 1200x480",
}


@pytest.mark.parametrize(
    ("series", "cause", "effect"),
    [
        (DIPS, "Undervoltage", "Throttled|FrequencyCapped|InputVoltsLow"),
        (HEAT, "Throttled", "TemperatureHigh|TemperatureRising"),
    ],
    ids=["dips", "heat"],
)
def test_an_effect_is_over_before_what_silences_it(
    tmp_path: Path, series: Mapping[str, str], cause: str, effect: str
) -> None:
    # else it would be told after all, when all is over
    name = 'ALERTS{alertstate="firing",alertname=~"%s"}'
    left = f"{name % effect} unless on (instance) {name % cause}"
    ever = f"count(count by (alertname) (max_over_time({name % f'{cause}|{effect}'}[3h:15s]))) > bool 1"
    test = {
        "interval": "15s",
        "input_series": [{"series": key, "values": values} for key, values in series.items()],
        "promql_expr_test": [
            *[{"expr": left, "eval_time": f"{minute}m", "exp_samples": []} for minute in range(3, 120)],
            {"expr": ever, "eval_time": "120m", "exp_samples": [{"labels": "{}", "value": 1}]},
        ],
    }
    rules = [str(path) for path in sorted(SHIPPED.glob("rules/*.yml"))]
    write_yaml(tmp_path / "test.yml", {"rule_files": rules, "evaluation_interval": "15s", "tests": [test]})
    command = [need_tool("promtool"), "test", "rules", str(tmp_path / "test.yml")]
    done = subprocess.run(command, capture_output=True, text=True, timeout=PATIENCE, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def groups_of(alertmanager: Alertmanager, **labels: str) -> list[dict[str, str]]:
    """Labels of the groups in which the alerts with these labels are."""
    return [
        group["labels"]
        for group in alertmanager.get("alerts/groups")
        if any(labels.items() <= alert["labels"].items() for alert in group["alerts"])
    ]


def test_hosts_that_are_down_are_one_message(alertmanager: Alertmanager) -> None:
    assert len(alertmanager.alerts(alertname="HostDown")) > 4
    assert groups_of(alertmanager, alertname="HostDown") == [
        {"alertname": "HostDown"},
        {"alertname": "HostDown", "test": "true"},
    ]


def test_a_critical_alert_is_a_message_of_its_own_host_and_a_warning_joins_those_of_its_host(
    alertmanager: Alertmanager,
) -> None:
    instance = f"silenced-{SILENCED.index((UNDERVOLTAGE, THROTTLED))}"
    assert groups_of(alertmanager, role="cause", instance=instance) == [
        {"alertname": "Undervoltage", "instance": instance}
    ]
    assert groups_of(alertmanager, role="effect", instance=instance) == [{"instance": instance}]


def test_a_test_alert_never_joins_a_real_one(alertmanager: Alertmanager) -> None:
    for group in alertmanager.get("alerts/groups"):
        assert len({alert["labels"].get("test") for alert in group["alerts"]}) == 1
