"""Alerts just as Prometheus words them: what the tests of the rules expect, which promtool proves."""

from dataclasses import dataclass

from tests.stack.servers import SHIPPED, read_yaml


@dataclass(frozen=True)
class Firing:
    """Labels, without `__name__`, and annotations of an alert that fires."""

    labels: dict[str, str]
    annotations: dict[str, str]


def load_firing() -> list[Firing]:
    """All alerts that fire in the tests of the rules, in the order of the files."""
    return [
        Firing({"alertname": case["alertname"], **alert["exp_labels"]}, alert["exp_annotations"])
        for path in sorted(SHIPPED.glob("rule-tests/*.yml"))
        for test in read_yaml(path)["tests"]
        for case in test.get("alert_rule_test", ())
        for alert in case["exp_alerts"]
    ]
