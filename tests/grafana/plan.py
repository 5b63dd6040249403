"""What is to be recorded: which boards, for how long, and what befalls them."""

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from sysvitals.simulation.scenario import Scenario, Step, load_scenario
from sysvitals.simulation.scenario import Span as Range

SCENARIOS = Path(__file__).parent / "scenarios"
DAY_SECONDS = 86400.0


@dataclass(frozen=True, slots=True)
class Span:
    """From when to when, in seconds since the beginning."""

    begins: float
    ends: float

    def holds(self, moment: float) -> bool:
        return self.begins <= moment < self.ends


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """A board that is scraped. What a simulation knows nothing of, because system calls tell it, is here.

    `scenario` and `day` are files in `scenarios/`; `day` is played on each of the days before. `labels` are those that
    a user gives to targets. `used` is how full a mount point is at the beginning and at the end, as df counts;
    `unsynchronised` when its clock hears of no server; `unreachable` when it cannot be scraped; `unreadable` which
    files fail with EIO, and when; `dropped` is when it was taken from the list of targets.
    """

    instance: str
    board: str
    scenario: str
    day: str = ""
    seed: int = 1
    labels: Mapping[str, str] = field(default_factory=dict)
    used: Mapping[str, tuple[float, float]] = field(default_factory=dict)
    unsynchronised: tuple[Span, ...] = ()
    unreachable: tuple[Span, ...] = ()
    unreadable: Mapping[str, Span] = field(default_factory=dict)
    dropped: float = float("inf")


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """A recording: these targets from `start` on (Unix time), `lasts` seconds, scraped `every` so many whole seconds.

    Before it lie `days` to look back at, for targets that have a scenario for a day. Then they are scraped less often,
    and collectors run when they are scraped only.
    """

    targets: tuple[Target, ...]
    start: float
    lasts: float
    every: int
    days: int = 0
    every_before: int = 60

    def before(self, target: Target) -> float:
        """Seconds that are played of the target before `start`."""
        return self.days * DAY_SECONDS if target.day else 0.0

    def rhythm(self, moment: float) -> int:
        """Seconds from scrape to scrape, so many seconds after `start`."""
        return self.every if moment >= 0 else self.every_before


def build_scenario(target: Target, plan: Plan) -> Scenario:
    """The scenario, behind as many days as lie before it."""
    scenario, before = _load(target.scenario), plan.before(target)
    if not before:
        return scenario
    day = _load(target.day)
    steps = [_shift(step, number * DAY_SECONDS) for number in range(plan.days) for step in day.steps]
    steps += [_set_at(before, scenario), *(_shift(step, before) for step in scenario.steps)]
    return dataclasses.replace(day, name=scenario.name, lasts=before + scenario.lasts, steps=tuple(steps))


def _load(name: str) -> Scenario:
    return load_scenario(str(SCENARIOS / name) if name.endswith(".yaml") else name)


def _shift(step: Step, seconds: float) -> Step:
    return dataclasses.replace(step, at=Range(step.at.low + seconds, step.at.high + seconds))


def _set_at(moment: float, scenario: Scenario) -> Step:
    """How the scenario begins, as a step."""
    at, none = Range(moment, moment), Range(0, 0)
    return Step(scenario.start_place, "set", at, scenario.start, none, none, None, None, None)
