"""The thresholds: each says what it is and why, none contradicts another, and none stands for nothing."""

import math
import re
from pathlib import Path

import pytest

from sysvitals.judgement import thresholds
from sysvitals.judgement.thresholds import Threshold

ROOT = Path(__file__).parents[2]
ALL = {name: value for name, value in vars(thresholds).items() if isinstance(value, Threshold)}
USERS = [
    path
    for folder in ("prometheus/rulebook", "grafana", "exporter/sysvitals")
    for path in sorted((ROOT / folder).rglob("*.py"))
    if path.name != "thresholds.py"
]

each = pytest.mark.parametrize("name", ALL)


@each
def test_a_threshold_has_a_number_a_unit_and_a_reason(name: str) -> None:
    threshold = ALL[name]
    assert math.isfinite(threshold.value)
    assert re.fullmatch(r"[a-zA-Z][a-zA-Z ]+", threshold.unit)
    assert re.fullmatch(r"[A-Z0-9].{10,}\.", threshold.why), threshold.why
    assert "  " not in threshold.why


@each
def test_a_ratio_is_between_0_and_1(name: str) -> None:
    assert ALL[name].unit != "ratio" or 0 < ALL[name].value <= 1


@each
def test_a_threshold_is_used(name: str) -> None:
    assert any(re.search(rf"\b{name}\b", path.read_text(encoding="utf-8")) for path in USERS)


@pytest.mark.parametrize(
    ("warning", "critical"),
    [
        (thresholds.FILESYSTEM_NEARLY_FULL, thresholds.FILESYSTEM_FULL),
        (thresholds.FILESYSTEM_FILLS_NOW, thresholds.FILESYSTEM_FILLS_SOON),
        (thresholds.INODES_NEARLY_FULL, thresholds.INODES_FULL),
        (thresholds.MEMORY_LOW, thresholds.MEMORY_VERY_LOW),
        (thresholds.STORAGE_WORN, thresholds.STORAGE_WORN_OUT),
        (thresholds.CRITICAL_MARGIN, thresholds.HIGH_MARGIN),
        (thresholds.PROCESSOR_CRITICAL_MARGIN, thresholds.PROCESSOR_MARGIN),
        (thresholds.THROTTLED_TIME, thresholds.SOFT_LIMIT_TIME),
        (thresholds.LIMIT_LEAST, thresholds.THROTTLE_LIMIT),
    ],
)
def test_of_two_that_belong_together_the_lesser_is_less(warning: Threshold, critical: Threshold) -> None:
    assert warning.value < critical.value
    assert warning.unit == critical.unit
