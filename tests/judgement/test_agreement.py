"""The host and Prometheus agree: the same hours, judged by both engines, give the same alerts at the same minutes.

The hours are those of the tests of the rules, and some more. What differs is listed below, each with its reason.
"""

import math
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from importlib import import_module
from pathlib import Path
from typing import NamedTuple

import pytest

from sysvitals.judgement.judgement import Judgement
from tests.judgement.engines import Fired, find_differences, fire_rules, judge_story
from tests.judgement.more_stories import MORE
from tests.judgement.stories import Story, load_stories

STORIES = Path(__file__).parents[2] / "prometheus" / "rule-tests"
SUBJECTS = ("heat", "clock", "filesystem", "memory", "cpu", "disk", "network", "vanished")


class Known(NamedTuple):
    """A difference that is as it should be: of an alert in the story whose name begins so, so many evaluations.

    `NEVER` is for what only one of the two can say.
    """

    story: str
    alert: str
    severity: str
    evaluations: float
    why: str


NEVER = math.inf

_BY_THE_MINUTE = "The host knows five minutes, or fifteen, by whole minutes, so that a mean falls sooner or later."
_FAILED = "What a failed scrape leaves out of a story is left out for the host here too, which reads it all the same."

DIFFERENCES = (
    Known(
        "clock: a virtual machine whose hypervisor",
        "ClockUnsynchronised",
        "warning",
        NEVER,
        "That the clock of a virtual machine is wrong only another clock can say.",
    ),
    *(
        Known(f"{subject}: a scrape that fails each 20 minutes", alert, "warning", NEVER, _FAILED)
        for subject, alert in (("memory", "MemoryLow"), ("filesystem", "FilesystemFull"), ("filesystem", "InodesFull"))
    ),
    Known("heat: a Raspberry Pi 4 that throttles", "TemperatureHigh", "warning", 2, _BY_THE_MINUTE),
    Known("heat: heat that builds up", "TemperatureRising", "warning", 2, _BY_THE_MINUTE),
    Known("heat: what the kernel or an Intel processor", "HeatLimited", "warning", 2, _BY_THE_MINUTE),
    Known(
        "filesystem: a log that runs away",
        "FilesystemFilling",
        "critical",
        3,
        "The rule looks at the pace at whole five minutes, the host each time.",
    ),
    Known(
        "filesystem-days: a boot partition that turns read-only",
        "FilesystemReadOnly",
        "warning",
        5,
        "The host knows a day by its hours: what is over after a day may be so up to an hour sooner or later.",
    ),
    Known(
        "vanished: one cause is one message",
        "FilesystemVanished",
        "warning",
        2,
        "The rule still finds a disk five minutes after its last scrape: until then it is the mount that is missing.",
    ),
)


@dataclass(frozen=True)
class Played:
    """The stories of a subject, and what Prometheus's rules fire in each."""

    stories: list[Story]
    fired: list[Fired]
    judgements: tuple[Judgement, ...]


@pytest.fixture(scope="module", params=SUBJECTS)
def both(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Played:
    subject = request.param
    paths = (STORIES / f"{subject}.yml", *sorted(STORIES.glob(f"{subject}-*.yml")))
    stories = [*(story for path in paths for story in load_stories(path)), *MORE.get(subject, ())]
    judgements = import_module(f"sysvitals.judgement.{subject}.judge").JUDGEMENTS
    judged = {(one.alert, one.severity) for one in judgements}
    fired = [
        {key: when for key, when in one.items() if key[1:3] in judged}  # some only Prometheus can judge
        for one in fire_rules(stories, subject, tmp_path_factory.mktemp(subject))
    ]
    return Played(stories, fired, judgements)


def unknown_differences(both: Played) -> Iterator[str]:
    """In words."""
    for story, fired in zip(both.stories, both.fired, strict=True):
        for found in find_differences(fired, judge_story(story, both.judgements)):
            known = (
                one.evaluations
                for one in DIFFERENCES
                if story.name.startswith(one.story) and (one.alert, one.severity) == found[:2]
            )
            if found.apart > max(known, default=1):
                yield f"{story}: {found}"


def test_both_engines_fire_the_same_alerts_at_the_same_minutes(both: Played) -> None:
    assert list(unknown_differences(both)) == []


def test_each_judgement_fires_in_one_story_and_not_in_another(both: Played) -> None:
    for judgement in both.judgements:
        key = (judgement.alert, judgement.severity)
        fires = [any(one[1:3] == key for one in fired) for fired in both.fired]
        assert any(fires), judgement
        assert not all(fires), judgement


CHANGES: Mapping[str, Callable[[Judgement], Judgement]] = {
    "longer": lambda judgement: replace(judgement, lasts=judgement.lasts + 600),
    "kept": lambda judgement: replace(judgement, keeps=judgement.keeps + 1800),  # beyond the differences known above
    "blind": lambda judgement: replace(judgement, find=lambda _facts: ()),
}


@pytest.mark.parametrize("change", CHANGES)
def test_a_judgement_that_differs_from_its_rule_is_found(both: Played, change: str) -> None:
    for judgement in both.judgements:
        key = (judgement.alert, judgement.severity)
        mine = [{one: when for one, when in fired.items() if one[1:3] == key} for fired in both.fired]
        where = [(story, fired) for story, fired in zip(both.stories, mine, strict=True) if fired]
        assert any(
            find_differences(fired, judge_story(story, [CHANGES[change](judgement)])) for story, fired in where
        ), key


def test_each_known_difference_is_one_still(both: Played) -> None:
    for story, fired in zip(both.stories, both.fired, strict=True):
        known = {(one.alert, one.severity) for one in DIFFERENCES if story.name.startswith(one.story)}
        assert known <= {found[:2] for found in find_differences(fired, judge_story(story, both.judgements))}
