"""Any moment can be rebuilt from the segments: what the outputs showed then follows from the stored events alone."""

import random
from collections.abc import Iterable
from pathlib import Path

import pytest

from sysvitals.collectors.catalog import build_full_catalog
from sysvitals.collectors.load import Load
from sysvitals.collectors.temperature import Temperature
from sysvitals.history.writer import HistoryRules, JsonlSink
from sysvitals.model.changes import CollectorFailed, CollectorRecovered, CollectorUnavailable, Reloaded, Started
from sysvitals.model.event import Event, decode_event, encode_events
from sysvitals.model.reading import Body
from sysvitals.model.state import Snapshot, State
from sysvitals.pipeline.bus import Bus, first_seq
from sysvitals.pipeline.inbox import Inbox
from tests.history.replay import read_events
from tests.history.writing import Hands
from tests.patience import PATIENCE

CATALOG = build_full_catalog()
DAY = 86400.0
Moment = tuple[int, Snapshot]


class Run:
    """One run of an exporter, whose live state is noted at moments of chance."""

    def __init__(self, folder: Path, hands: Hands, rules: HistoryRules, dice: random.Random) -> None:
        self.published: list[Event] = []
        self.moments: list[Moment] = []
        self._hands, self._dice = hands, dice
        self._state = State(CATALOG.owners)
        clock = hands.clock()
        self._bus = Bus(clock=clock, host="pi4", boot="boot-1", next_seq=first_seq(clock.uptime()))
        self._bus.subscribe(self)
        inbox = Inbox("history", limit=100_000)
        self._bus.subscribe(inbox)
        self._sink = JsonlSink(
            str(folder), inbox=inbox, rules=rules, clock=clock, publish=self._bus.publish, owners=CATALOG.owners
        )

    def offer(self, events: tuple[Event, ...]) -> None:
        """Take these in as the live state does, with the digits that a line has."""
        known = tuple(decode_event(line, CATALOG.bodies) for line in encode_events(events))
        self.published += (stored := tuple(event for event in known if event))
        self._state.apply(stored)

    def live(self, turns: int) -> None:
        self._bus.publish([Started(version="1", schema=1, pid=1)])
        self._sink.start()
        for _ in range(turns):
            self._hands.pass_by(self._dice.choice([0.002, 0.4, 15.0, 15.0, 700.0]))
            if not self._dice.randrange(40):
                self._hands.wall += self._dice.choice([-DAY, -100.0, 90.0, DAY])
            self._bus.publish_runs(self._happen())
            self._sink.settle(self._bus.last_seq, PATIENCE)
            if not self._dice.randrange(4):
                self.moments.append((self._bus.last_seq, self._state.snapshot()))
        self._sink.stop(20)

    def _happen(self) -> Iterable[tuple[str, Body]]:
        dice = self._dice
        for chip in dice.sample(["cpu", "nvme", "pmic"], dice.randrange(1, 4)):  # a thing is read once at a time
            kind = dice.randrange(12)
            if kind < 6:
                yield from (
                    (
                        chip,
                        Temperature(chip=chip, sensor=f"temp{number}", celsius=dice.randrange(20_000, 90_000) / 1000),
                    )
                    for number in range(dice.randrange(1, 5))
                )
            elif kind < 9 and chip == "cpu":
                yield "", Load(load1=dice.random(), load5=0.1, load15=0.1, running=1, tasks=dice.randrange(500))
            elif kind == 9:
                yield "", CollectorFailed(collector="temperature", thing=chip, error="EIO", message="dying")
            elif kind == 10:
                yield "", CollectorRecovered(collector="temperature", thing=chip, seconds=1.5)
            elif dice.randrange(2):
                yield "", CollectorUnavailable(collector="temperature", thing=chip, reason="no longer there")
            else:
                yield "", Reloaded(changed="collector.load.enabled", switched_off=dice.choice([None, "load"]))


def rebuild(events: Iterable[Event], last: int) -> Snapshot:
    """The state at the event of that number, from single lines and nothing else."""
    state = State(CATALOG.owners)
    for event in events:
        if event.seq > last:
            break
        if isinstance(event.body, Started):
            state = State(CATALOG.owners)
        state.apply((event,))
    return state.snapshot()


def live(folder: Path, rules: HistoryRules, *, runs: int, turns: int) -> tuple[list[Event], list[Moment]]:
    dice = random.Random(7)  # noqa: S311  # nothing is secret here
    hands = Hands()
    published, moments = [], []
    for _ in range(runs):
        hands.pass_by(30.0)
        run = Run(folder, hands, rules, dice)
        run.live(turns)
        published += run.published
        moments += run.moments
    return published, moments


@pytest.mark.parametrize("compress", ["off", "segments", "stream"])
def test_each_moment_is_rebuilt_as_it_was_over_restarts_and_set_clocks(tmp_path: Path, compress: str) -> None:
    rules = HistoryRules(rotate_bytes=9000, compress=compress, keep_seconds=0, keep_bytes=0, collector_bytes=0)
    published, moments = live(tmp_path, rules, runs=4, turns=100)
    events = list(read_events(tmp_path))
    assert events == published
    assert len(moments) > 50
    for last, was in moments:
        assert rebuild(events, last) == was


def test_where_rounds_were_left_out_each_moment_is_that_of_the_rounds_that_were_kept(tmp_path: Path) -> None:
    rules = HistoryRules(rotate_bytes=9000, keep_seconds=0, keep_bytes=0, collector_bytes=60_000)
    published, moments = live(tmp_path, rules, runs=3, turns=200)
    events = list(read_events(tmp_path))
    kept = {event.seq for event in events}
    assert len(kept) < len(published) * 0.8
    assert [event for event in published if event.seq in kept] == events
    assert "history.thinned" in {event.name for event in events}
    gone = [event for event in published if event.seq not in kept]
    assert {event.name for event in gone} <= CATALOG.owners.keys(), "only readings are left out"
    for last, _ in moments:
        for thing, run in rebuild(events, last).runs.items():
            stamp = run[0].stamp
            assert run == tuple(
                event
                for event in published
                if event.stamp == stamp and CATALOG.owners.get(event.name) == thing[0] and event.thing == thing[1]
            ), "a run is whole"
