"""The rules with samples as they come: on the versions of Prometheus, and at the scrape intervals, that are supported.

Each story is scraped each two minutes, the longest interval, and by turns each 15, 30 or 60 seconds: the one by the
older promtool, the other by the newer, or the other way round.
"""

import re
import shutil
import subprocess
from collections.abc import Callable, Iterator, Sequence
from itertools import pairwise
from pathlib import Path
from typing import NamedTuple

import pytest

from tests.patience import PATIENCE
from tests.prometheus.firing import are_alike, find_problems
from tests.prometheus.scraped import (
    EVALUATED,
    Scraped,
    choose_times,
    load_scraped,
    read,
    sample,
    write_as_they_are,
    write_scraped,
)
from tests.tools import need_newer_tool, need_tool

RULE_TESTS = Path(__file__).parents[2] / "prometheus" / "rule-tests"
LONGEST, SHORTER = 120, (15, 30, 60)
PROMTOOLS = {"oldest": need_tool, "newest": need_newer_tool}


class Limit(NamedTuple):
    """A story, whose name begins so, that does not hold at longer intervals than this one in seconds."""

    file: str
    story: str
    longest: int
    why: str


_NEAR = "It is near its threshold, and rate() reads up to a fifth low where scrapes are rare and one is missed."
_BRIEF = "What lasts for one or two of its points is not seen, or seen otherwise, by scrapes that are rarer."
_OUTLASTS = "What was last scraped outlasts a failed scrape by two intervals: three minutes then become more than five."
_INTERVALS = "It is about the interval itself."
LIMITS = (
    Limit("network", "errors of 1.2 percent, and of 0.8; three of", 60, _NEAR),
    Limit("chain", "rules that keep failing are reported, and", 60, _NEAR),
    Limit("node-exporter-power", "one scrape of many has seen the alarm", 60, _BRIEF),
    Limit("node-exporter-power", "a board that says so with its last breath", 60, _BRIEF),
    Limit("node-exporter-power", "three dips, and a host that is off for", 30, _BRIEF),
    Limit("power", "one that goes on is told from its first", 0, _BRIEF),
    Limit("power", "one that goes on as the exporter starts is", 15, _BRIEF),
    Limit("power", "a host that dies of it is told of still", 15, _BRIEF),
    Limit("power", "a board that is slowed down says by what", 15, _BRIEF),
    Limit("power", "a clock that is held down is told where the", 15, _BRIEF),
    Limit("power", "an input that sags under load is told, once", 0, _BRIEF),
    Limit("filesystem", "a scrape that fails each 20 minutes", 60, _OUTLASTS),
    Limit("host-intervals", "a scrape each five minutes is reported once", 0, _INTERVALS),
    Limit("host-intervals", "a scrape each two minutes is not reported", 0, _INTERVALS),
)

each_file = pytest.mark.parametrize("path", sorted(RULE_TESTS.glob("*.yml")), ids=lambda path: path.stem)
each_promtool = pytest.mark.parametrize("need", PROMTOOLS.values(), ids=PROMTOOLS)


def run(promtool: str, files: Sequence[Path]) -> tuple[int, str]:
    done = subprocess.run(
        [promtool, "test", "rules", *map(str, files)],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=PATIENCE,
        check=False,
    )
    return done.returncode, done.stdout


def choose(path: Path, turn: int) -> list[Scraped]:
    """The stories of a file at the intervals that have their turn, of which 0 and 1 are one half each."""
    chosen = [
        story
        for interval in (LONGEST, *SHORTER)
        for story in load_scraped(path, interval)
        if (interval == LONGEST) == (story.number % 2 == turn)
        if interval in (LONGEST, SHORTER[story.number // 2 % len(SHORTER)])
    ]
    return [story for story in chosen if story.interval <= longest_of(path, story)]


def longest_of(path: Path, story: Scraped) -> int:
    """The longest interval at which a story holds."""
    found = (one.longest for one in LIMITS if one.file == path.stem and story.written["name"].startswith(one.story))
    return next(found, LONGEST)


def test_each_limit_is_of_a_story() -> None:
    for one in LIMITS:
        names = [story["name"] for story in read(RULE_TESTS / f"{one.file}.yml")["tests"]]
        assert any(name.startswith(one.story) for name in names), one


@each_promtool
@each_file
def test_each_alert_fires_when_it_must_and_at_no_other_time(
    path: Path, need: Callable[[str], str], tmp_path: Path
) -> None:
    code, said = run(need("promtool"), write_as_they_are(path, tmp_path))
    assert code == 0, said


@each_promtool
@each_file
def test_samples_as_they_come_make_no_other_alerts(path: Path, need: Callable[[str], str], tmp_path: Path) -> None:
    stories = choose(path, int(need is need_newer_tool))
    _, said = run(need("promtool"), write_scraped(stories, path, tmp_path))
    assert "\n".join(find_problems(said, stories)) == ""


FIVE = {
    "Throttled": {'system_throttle_seconds_total{HOST,cause="throttled"}': "0+40x200"},
    "CpuSaturated": {
        'system_pressure_waiting_seconds_total{HOST,resource="cpu"}': "0+55x200",
        'system_cpu_seconds_total{HOST,cpu="0",mode="idle"}': "0x200",
        "system_load1{HOST}": "12x200",
    },
    "MemoryStalled": {'system_pressure_stalled_seconds_total{HOST,resource="memory"}': "0+30x200"},
    "DiskStalled": {
        'system_pressure_stalled_seconds_total{HOST,resource="io"}': "0+40x200",
        "system_procs_blocked{HOST}": "9x200",
    },
    "DiskSaturated": {
        'system_disk_io_time_seconds_total{HOST,device="sda"}': "0+60x200",
        'system_disk_io_time_weighted_seconds_total{HOST,device="sda"}': "0+2400x200",
    },
}
"""Alerts that a scrape each five minutes loses, and a host on which each fires."""


@pytest.mark.parametrize("alert", FIVE)
def test_an_alert_comes_at_the_longest_interval_though_one_scrape_of_three_is_missed(
    alert: str, tmp_path: Path
) -> None:
    host = 'job="sysvitals",instance="pi4"'
    case = {"alertname": alert, "eval_time": "190m", "exp_alerts": []}
    story = {
        "name": alert,
        "interval": "1m",
        "input_series": [
            {"series": series.replace("HOST", host), "values": values}
            for series, values in {"system_uptime_seconds{HOST}": "1e5+60x200", **FIVE[alert]}.items()
        ],
        "alert_rule_test": [case],
    }
    [path] = [path for path in RULE_TESTS.glob("*.yml") if alert in {*alerts_asked(path)} and "-" not in path.stem]
    scraped = Scraped(0, alert, story, LONGEST, EVALUATED, missed=1 / 2)
    _, said = run(need_tool("promtool"), write_scraped([scraped], path, tmp_path))
    # nothing is expected, so that each evaluation at which it fires is one that promtool complains of
    assert said.count('instance="pi4"') == len(scraped.times_about(case)), said


def alerts_asked(path: Path) -> Iterator[str]:
    return (case["alertname"] for story in read(path)["tests"] for case in story.get("alert_rule_test", ()))


# how scrapes are made of what people write


@pytest.mark.parametrize(
    ("written", "times", "seen"),
    [
        ("0+60x4", [7, 67, 128], "_x7 7 _x59 67 _x60 128"),
        ("5x1 9x1", [59, 119, 121], "_x59 5 _x59 5 _x1 9"),
        ("0+0.5x4", [30, 90], "_x30 0.25 _x59 0.75"),
        ("1x1 _x2 1", [10, 130, 250], "_x10 1 _x239 1"),
        ("1x1 stale", [100, 121], "_x100 1 _x20 stale"),
        ("1 stale _x3", [10, 190], "_x10 1 _x179 stale"),
        ("0x60", [61], "_x61 0"),
        ("7x3", [10, -70, 130], "_x10 7 _x59 stale _x59 7"),
        ("7 stale 8x3", [10, -70, -100, 190], "_x10 7 _x59 stale _x119 8"),
    ],
    ids=[
        "whole ramp",
        "steps",
        "broken ramp",
        "gap",
        "marker",
        "marker between scrapes",
        "looks like hexadecimal",
        "failed scrape",
        "failed scrapes at a marker",
    ],
)
def test_a_scrape_sees_what_the_host_had_then(written: str, times: list[int], seen: str) -> None:
    # one that fails is negative
    assert sample(written, 60, {abs(time): time > 0 for time in times}) == seen


@pytest.mark.parametrize("interval", [*SHORTER, LONGEST])
def test_scrapes_are_late_and_missed_but_never_two_in_a_row(interval: int) -> None:
    chosen = choose_times("pi4", interval, 100 * interval)
    times = [time for time, is_answered in chosen.items() if is_answered]
    gaps = [after - before for before, after in pairwise(times)]
    assert chosen == choose_times("pi4", interval, 100 * interval)
    assert {gap % interval for gap in gaps} >= {0, 1, interval - 1}
    assert 1.5 * interval < max(gaps) <= 2 * interval + 2


@pytest.mark.parametrize(
    ("expected", "got", "alike"),
    [
        ("down for 5m 30s", "down for 6m 10s", True),
        ("down for 5m 30s", "down for 25m", False),
        ("at 82.5 °C", "at 82.1 °C", True),
        ("at 82 °C", "at 62 °C", False),
        ("6 times", "7 times", False),
        ("120 events", "123 events", True),
        ("once", "2 times", False),
    ],
)
def test_only_numbers_that_depend_on_samples_may_differ(expected: str, got: str, alike: bool) -> None:
    assert are_alike(expected, got, 60) is alike


@pytest.mark.parametrize("lasts", ["45m", "1s"])
def test_a_rule_that_comes_late_or_early_is_found(lasts: str, tmp_path: Path) -> None:
    shutil.copytree(RULE_TESTS.parent / "rules", tmp_path / "rules")
    rules, path = tmp_path / "rules" / "clock.yml", tmp_path / "rule-tests" / "clock.yml"
    text = rules.read_text(encoding="utf-8")
    rules.write_text(re.sub("for: .*", f"for: {lasts}", text), encoding="utf-8")
    path.parent.mkdir()
    shutil.copy(RULE_TESTS / "clock.yml", path)
    stories = load_scraped(path, 60)
    _, said = run(need_tool("promtool"), write_scraped(stories, path, tmp_path))
    assert any(find_problems(said, stories))
