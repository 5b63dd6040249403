"""What Prometheus does to an alert's labels."""

from typing import Any

import pytest

from sysvitals.doctor.re2 import Unsupported
from sysvitals.doctor.relabelling import relabel

LABELS = {"alertname": "Undervoltage", "instance": "pi4:9877", "replica": "a", "site": "Home"}


@pytest.mark.parametrize(
    ("rule", "changes"),
    [
        ({"action": "labeldrop", "regex": "rep.*"}, {"replica": ""}),
        ({"action": "labelkeep", "regex": "alertname|instance"}, {"replica": "", "site": ""}),
        (
            {"source_labels": ["instance"], "regex": r"(.+):\d+", "target_label": "instance", "replacement": "$1"},
            {"instance": "pi4"},
        ),
        ({"source_labels": ["instance"], "regex": r"(.+):\d", "target_label": "instance"}, {}),
        ({"source_labels": ["site", "replica"], "target_label": "both"}, {"both": "Home;a"}),
        ({"source_labels": ["site", "replica"], "separator": "/", "target_label": "both"}, {"both": "Home/a"}),
        ({"target_label": "team", "replacement": "garden"}, {"team": "garden"}),
        ({"target_label": "site", "replacement": ""}, {"site": ""}),
        (
            {
                "source_labels": ["site"],
                "regex": "(?P<first>.)(.*)",
                "target_label": "x",
                "replacement": "${first}-$2$$$3",
            },
            {"x": "H-ome$"},
        ),
        ({"source_labels": ["site"], "regex": "(.).*", "target_label": "by_$1", "replacement": "1"}, {"by_H": "1"}),
        ({"action": "labelmap", "regex": "si(.*)", "replacement": "place_$1"}, {"place_te": "Home"}),
        ({"action": "lowercase", "source_labels": ["site"], "target_label": "site"}, {"site": "home"}),
        ({"action": "uppercase", "source_labels": ["site"], "target_label": "loud"}, {"loud": "HOME"}),
        ({"action": "keep", "source_labels": ["site"], "regex": "Home|Garden"}, {}),
        ({"action": "drop", "source_labels": ["site"], "regex": "Hom"}, {}),
        ({"action": "keepequal", "source_labels": ["site"], "target_label": "site"}, {}),
        ({"action": "dropequal", "source_labels": ["site"], "target_label": "replica"}, {}),
        ({"action": "Replace", "target_label": "a", "replacement": "b"}, {"a": "b"}),
    ],
)
def test_labels_are_changed_as_the_rule_says(rule: dict[str, Any], changes: dict[str, str]) -> None:
    expected = {name: value for name, value in {**LABELS, **changes}.items() if value}
    assert relabel(LABELS, [rule]) == expected


@pytest.mark.parametrize(
    "rule",
    [
        {"action": "drop", "source_labels": ["site"], "regex": "Home"},
        {"action": "keep", "source_labels": ["site"], "regex": "Garden"},
        {"action": "dropequal", "source_labels": ["site"], "target_label": "site"},
        {"action": "keepequal", "source_labels": ["site"], "target_label": "replica"},
    ],
)
def test_an_alert_may_be_dropped(rule: dict[str, Any]) -> None:
    assert relabel(LABELS, [rule, {"target_label": "late", "replacement": "x"}]) is None


def test_one_rule_sees_what_the_one_before_it_did() -> None:
    rules: list[dict[str, Any]] = [
        {"target_label": "a", "replacement": "x"},
        {"source_labels": ["a"], "target_label": "b"},
        {"action": "labeldrop", "regex": "a"},
    ]
    assert relabel({}, rules) == {"b": "x"}


def test_a_rule_that_is_not_known_is_not_guessed() -> None:
    with pytest.raises(Unsupported):
        relabel(LABELS, [{"action": "hashmod", "source_labels": ["site"], "target_label": "n", "modulus": "8"}])
