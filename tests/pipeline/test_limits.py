"""No collector gives more series than its limit, whatever the host has, and what is left out is said."""

import logging
import re
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from sysvitals.collectors import COLLECTORS
from sysvitals.collectors.network import COLLECTOR as NETWORK
from sysvitals.collectors.throttling import COLLECTOR as THROTTLING
from sysvitals.model.changes import CollectorUnavailable
from sysvitals.model.collector import Watch
from sysvitals.pipeline.limits import most_of_each_kind
from sysvitals.pipeline.scheduler import FIND_SECONDS
from tests.looking import expose
from tests.pipeline.rig import Alpha, Beta, Rig
from tests.simulated_day import enlarge_host

FOUR = {"max_series": 4}
"""Of the two kinds of readings, which are one series each, two a kind."""


@pytest.fixture
def rig(tmp_path: Path) -> Iterator[Rig]:
    rig = Rig(tmp_path)
    yield rig
    rig.close()


def series(text: str, metric: str) -> list[str]:
    return [line for line in text.splitlines() if line.startswith(metric)]


@pytest.mark.fault(
    "sources",
    "a thousand devices, such as ppp interfaces or mounts",
    seen="one line in the log; `sysvitals_collector_left_out` says how many are left out beyond `max_series`",
    heals="by itself, when there are fewer; hardware is never left out in favour of what programs make",
)
def test_of_a_thousand_network_devices_as_many_are_shown_as_the_limit_lets_and_hardware_first(tmp_path: Path) -> None:
    host = tmp_path / "host"
    enlarge_host("pi-4b-fine", host, links=1100)
    text = expose(host)
    shown = series(text, "system_network_")
    assert 1500 < len(shown) <= NETWORK.max_series
    for device in ("eth0", "wlan0", "eth1", "eth100"):
        assert {line.partition("{")[0] for line in shown if f'"{device}"' in line} >= {
            "system_network_receive_bytes_total",
            "system_network_carrier_changes_total",
        }
    assert series(text, 'sysvitals_collector_left_out{collector="network"}')
    assert len(series(text, "sysvitals_collector_left_out")) == 1


def test_a_share_of_the_limit_is_that_of_all_kinds_together() -> None:
    assert most_of_each_kind(NETWORK) == 2000 // 14
    assert most_of_each_kind(replace(NETWORK, max_series=1)) == 1
    assert most_of_each_kind(replace(NETWORK, max_series=0)) is None
    assert most_of_each_kind(THROTTLING) is None, "there are only so many causes"


def test_the_limit_is_enough_for_the_largest_hosts() -> None:
    most = {collector.name: most_of_each_kind(collector) for collector in COLLECTORS}
    assert (most["cpu"] or 0) >= 512
    assert (most["network"] or 0) >= 128
    assert (most["filesystem"] or 0) >= 256


def test_things_beyond_the_limit_are_not_even_read(rig: Rig) -> None:
    things = rig.add_things("alpha", "a", "b", "c", "d", **FOUR)
    rig.settle()
    assert rig.sensors("alpha") == {"a", "b"}
    assert [things.reads[name].runs for name in "cd"] == [0, 0]
    assert rig.status("alpha").left_out == 2
    outcome = rig.scheduler.outcomes()["alpha"]
    assert outcome is not None
    assert outcome.left_out == "2 to stay within 4 series (collector.alpha.max_series)"


def test_what_was_left_out_comes_when_there_is_room_again(rig: Rig) -> None:
    things = rig.add_things("alpha", "a", "b", "c", **FOUR)
    rig.settle()
    del things.reads["a"]
    rig.live(FIND_SECONDS, step=5.0)
    assert rig.sensors("alpha") == {"b", "c"}
    assert rig.status("alpha").left_out is None


def test_a_higher_limit_is_taken_when_the_settings_are_read_again(rig: Rig) -> None:
    rig.add_things("alpha", "a", "b", "c", **FOUR)
    rig.settle()
    rig.use(replace(rig.collectors["alpha"], max_series=6))
    rig.settle()
    assert rig.sensors("alpha") == {"a", "b", "c"}
    assert rig.status("alpha").left_out is None


def test_a_table_shows_its_first_readings_of_each_kind(rig: Rig) -> None:
    names = ("a", "b", "c")
    rig.add("alpha", *(kind(sensor=name) for name in names for kind in (Alpha, Beta)), **FOUR)
    rig.settle()
    assert rig.reported("alpha") == [Alpha(sensor="a"), Alpha(sensor="b")]
    assert rig.reported("beta") == [Beta(sensor="a"), Beta(sensor="b")]
    assert rig.status("alpha").left_out == 2
    assert rig.status("alpha").success


def test_all_readings_of_a_collectors_things_are_counted_together(rig: Rig) -> None:
    things = rig.add_things("alpha", **FOUR)
    things.add("chip0", Alpha(sensor="a"))
    things.add("chip1", Alpha(sensor="b"), Alpha(sensor="c"), Beta(sensor="d"))
    rig.settle()
    rig.refresh()
    assert rig.sensors("alpha") == {"a", "b"}
    assert rig.sensors("beta") == {"d"}
    assert rig.status("alpha").left_out == 1


def test_what_is_left_out_is_watched_no_more(rig: Rig) -> None:
    looks = {name: rig.script() for name in "abc"}

    def watch(_: object) -> Iterator[Watch]:
        for name, script in looks.items():
            yield Watch(name, look=lambda script=script: list(script()), thing=name)  # type: ignore[misc]

    rig.add_things("alpha", "a", "b", "c", watch=watch, **FOUR)
    rig.settle()
    rig.settle()
    assert [looks[name].runs > 0 for name in "abc"] == [True, True, False]


def test_that_something_is_left_out_is_logged_once(rig: Rig, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.WARNING)
    things = rig.add_things("alpha", "a", "b", "c", **FOUR)
    for name in ("d", "e"):
        rig.settle()
        things.add(name)
        rig.live(FIND_SECONDS, step=5.0)
    assert [record.message for record in caplog.records if "left out" in record.message] == [
        "alpha: left out: 1 to stay within 4 series (collector.alpha.max_series)"
    ]


def test_a_label_of_any_length_is_a_fault_and_hides_no_other(rig: Rig) -> None:
    rig.add("alpha", Alpha(sensor="x" * 5000), Alpha(sensor="one"))
    rig.settle()
    assert rig.sensors("alpha") == {"one"}
    assert rig.errors() == {("alpha", "garbage"): 1}


def test_of_many_things_that_go_together_the_first_are_logged_and_all_are_events(
    rig: Rig, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    things = rig.add_things("alpha", *(f"eth{number}" for number in range(200)))
    rig.settle()
    things.reads.clear()
    rig.live(FIND_SECONDS, step=5.0)
    assert len(rig.record.bodies(CollectorUnavailable)) >= 200
    assert len([record for record in caplog.records if record.message.endswith("no longer there")]) <= 50
    assert any(re.fullmatch(r"and 1\d\d more such changes", record.message) for record in caplog.records)
