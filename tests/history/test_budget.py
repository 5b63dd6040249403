"""What one collector may write a day."""

from typing import Annotated

import pytest

from sysvitals.history.budget import DAY_SECONDS, SAVED_SECONDS, Budget
from sysvitals.model.changes import HistoryThinned, Reloaded
from sysvitals.model.event import Event, Stamp, encode_events
from sysvitals.model.metric import Gauge, Label
from sysvitals.model.reading import Body, Reading

MIB = 1 << 20
ROUND_SECONDS = 15.0


class Link(Reading, event="system.link.updated"):
    """A link."""

    device: Annotated[str, Label("Which.")]
    bytes: Annotated[int, Gauge("link_received", unit="bytes", help="x")] = 0


class Load(Reading, event="system.load.updated"):
    """The load."""

    load1: Annotated[float, Gauge("load1", help="x")]


OWNERS = {Link.event_name: "network", Load.event_name: "load"}


class History:
    """A budget, and what it let through of what was read."""

    def __init__(self, bytes_a_day: float) -> None:
        self.kept: list[Event] = []
        self.offered: list[Event] = []
        self.size = 0
        self.reports: list[HistoryThinned] = []
        self.budget = Budget(OWNERS)
        self._bytes_a_day = bytes_a_day

    def write(self, uptime: float, *bodies: Body) -> None:
        stamp = Stamp(1_789_905_600.0 + uptime, "pi4", "boot-1", uptime, synced=True)
        events = tuple(Event(stamp, len(self.offered) + at, body) for at, body in enumerate(bodies))
        self.offered += events
        kept = self.budget.sift(events, self._bytes_a_day)
        lines = encode_events(kept)
        self.budget.spend(kept, lines)
        self.reports += self.budget.take_reports()
        self.kept += kept
        self.size += sum(len(line) + 1 for line in lines)

    def live(self, seconds: float, links: int, *, pieces: int = 1) -> None:
        """Rounds of readings each 15 s, published in so many pieces within half a second."""
        for number in range(int(seconds / ROUND_SECONDS)):
            each = links // pieces
            for piece in range(pieces):
                devices = range(piece * each, (piece + 1) * each)
                now = number * ROUND_SECONDS + piece * 0.5 / pieces
                self.write(now, *(Link(device=f"eth{device}") for device in devices))
            self.write(number * ROUND_SECONDS + 0.6, Load(load1=0.5))


def test_an_ordinary_host_loses_nothing() -> None:
    history = History(48 * MIB)
    history.live(DAY_SECONDS / 24, links=4)
    assert history.kept == history.offered
    assert (history.budget.left_out, history.reports) == (0, [])


@pytest.mark.parametrize("budget", [1 * MIB, 4 * MIB])
def test_many_links_stay_within_the_budget_and_whole_rounds_are_kept(budget: int) -> None:
    history = History(budget)
    history.live(DAY_SECONDS / 8, links=200, pieces=10)
    size = sum(len(line) + 1 for line in encode_events(tuple(e for e in history.kept if isinstance(e.body, Link))))
    round_bytes = 200 * 230
    assert size <= budget / 8 + budget * SAVED_SECONDS / DAY_SECONDS + round_bytes
    assert size >= budget / 8
    rounds: dict[int, int] = {}
    for event in history.kept:
        if isinstance(event.body, Link):
            number = int(event.stamp.uptime // ROUND_SECONDS)
            rounds[number] = rounds.get(number, 0) + 1
    assert set(rounds.values()) == {200}
    assert sum(isinstance(event.body, Load) for event in history.kept) == DAY_SECONDS / 8 / ROUND_SECONDS


def test_readings_that_never_pause_stay_within_the_budget_and_are_kept_again_when_it_allows() -> None:
    budget = MIB // 2
    history = History(budget)
    for number in range(int(DAY_SECONDS / 4 / 0.5)):
        history.write(number * 0.5, Link(device="eth0"))
    minute_bytes = 120 * 230
    assert budget / 4 <= history.size <= budget / 4 + budget * SAVED_SECONDS / DAY_SECONDS + minute_bytes
    assert history.kept[-1].stamp.uptime > DAY_SECONDS / 4 - 7200
    assert history.reports


def test_what_was_left_out_is_reported_with_the_next_round_that_is_kept() -> None:
    history = History(MIB)
    history.live(DAY_SECONDS / 8, links=200)
    links = [event for event in history.offered if isinstance(event.body, Link)]
    kept = {event.seq for event in history.kept}
    gone = [event for event in links if event.seq not in kept]
    assert history.budget.left_out == len(gone)
    assert {report.collector for report in history.reports} == {"network"}
    reported = sum(report.events for report in history.reports)
    last_kept = max(event.seq for event in history.kept if isinstance(event.body, Link))
    assert reported == len([event for event in gone if event.seq < last_kept])
    assert all(report.events == report.rounds * 200 for report in history.reports)
    assert history.reports[0].since == gone[0].stamp.time


def test_changes_are_never_left_out() -> None:
    history = History(1)
    for number in range(100):
        history.write(number * ROUND_SECONDS, Link(device="eth0"), Reloaded(changed=f"{number}"))
    assert sum(isinstance(event.body, Reloaded) for event in history.kept) == 100
    assert history.budget.left_out > 90


def test_a_budget_of_nothing_is_no_limit() -> None:
    history = History(0)
    history.live(3600, links=100)
    assert history.kept == history.offered


def test_what_was_saved_pays_for_hours_in_which_more_is_read() -> None:
    history = History(4 * MIB)
    history.live(6 * 3600, links=1)
    history.budget.take_reports()
    before = history.budget.left_out
    for number in range(600):
        history.write(6 * 3600 + number * 2.0, *(Link(device=f"eth{device}") for device in range(4)))
    assert history.budget.left_out == before == 0
