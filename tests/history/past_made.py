"""A made-up past: changes and stretches at times that are easy to read in tests."""

import time
from collections.abc import Iterator, Mapping, Sequence
from functools import partial
from typing import Any

import pytest

from sysvitals.history.episodes import Occurrence
from sysvitals.history.past import Past, View
from sysvitals.history.summaries.reading import Coverage
from sysvitals.model.summary import Series, Stretch

NOON = 1_767_268_800.0
"""2026-01-01T12:00:00Z."""
MINUTE, HOUR, DAY = 60.0, 3600.0, 86400.0
BOOT = "boot-2"


def at(clock: str, day: int = 0) -> float:
    """Unix time of `02:10:12` on the first of January, or as many days later, in UTC."""
    hour, minute, *second = (int(part) for part in clock.split(":"))
    return NOON - 12 * HOUR + day * DAY + hour * HOUR + minute * MINUTE + (second[0] if second else 0)


def change(when: float, name: str, boot: str = BOOT, *, placed: bool = False, **data: Any) -> Occurrence:
    return Occurrence(when, name, boot, when - NOON + DAY, data, placed)


def dip(when: float, seconds: float, cause: str = "undervoltage", boot: str = BOOT) -> list[Occurrence]:
    return [
        change(when, "system.throttling.started", boot, cause=cause),
        change(when + seconds, "system.throttling.cleared", boot, cause=cause, seconds=seconds),
    ]


def covered(begin: float, end: float, boot: str = BOOT) -> Coverage:
    return Coverage(begin, end, boot, synced=True)


def stretches(begin: float, *means: float, seconds: float = MINUTE, spread: float = 0.0) -> list[Stretch]:
    return [
        Stretch(begin + i * seconds, seconds, 4, mean - spread, mean, mean + spread, mean)
        for i, mean in enumerate(means)
    ]


def past(
    *occurrences: Occurrence,
    coverage: Sequence[Coverage] = (),
    series: Mapping[Series, Sequence[Stretch]] | None = None,
) -> Past:
    coverage = coverage or (covered(NOON - DAY, NOON),)
    ordered = sorted(occurrences, key=lambda one: one.at)
    return Past(partial(_of, series or {}), ordered, coverage, min((piece.begin for piece in coverage), default=None))


def _of(series: Mapping[Series, Sequence[Stretch]], event: str, field: str) -> Mapping[Series, Sequence[Stretch]]:
    return {one: found for one, found in series.items() if (one.event, one.field) == (event, field)}


def view(begin: float = NOON - DAY, end: float = NOON, now: float = NOON, points: int = 24, **more: Any) -> View:
    return View(begin, end, now, points, BOOT, **more)


@pytest.fixture
def in_utc(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    set_zone(monkeypatch, "UTC0")
    yield
    monkeypatch.undo()
    time.tzset()


def set_zone(monkeypatch: pytest.MonkeyPatch, rule: str) -> None:
    monkeypatch.setenv("TZ", rule)
    time.tzset()
