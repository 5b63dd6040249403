import logging

import pytest

from sysvitals.model.changes import SinkDropped
from sysvitals.pipeline.bus import Bus
from sysvitals.pipeline.inbox import Inbox
from sysvitals.pipeline.losses import QUIET_ROUNDS, LossReporter
from tests.pipeline.rig import Alpha, HeldClock, Record


class Losses:
    """A bus, and inboxes that can be made to lose."""

    def __init__(self) -> None:
        self.bus = Bus(clock=HeldClock().clock(), host="host", boot="boot")
        self.record = Record()
        self.bus.subscribe(self.record)
        self.inboxes: list[Inbox] = []
        self.reporter = LossReporter(self.bus, self.inboxes)

    def add(self, name: str) -> Inbox:
        inbox = Inbox(name, limit=1)
        inbox.offer(self.bus.publish([Alpha()]))
        self.inboxes.append(inbox)
        return inbox

    def lose(self, inbox: Inbox, count: int) -> None:
        for _ in range(count):
            inbox.offer(self.bus.publish([Alpha()]))

    def told(self) -> list[tuple[str, int]]:
        return [(loss.sink, loss.events) for loss in self.record.bodies(SinkDropped)]


def test_nothing_lost_is_nothing_told() -> None:
    losses = Losses()
    losses.add("history")
    losses.reporter.tell()
    assert losses.told() == []


def test_a_loss_is_told_at_once_as_an_event_and_in_the_log(caplog: pytest.LogCaptureFixture) -> None:
    losses = Losses()
    history = losses.add("history")
    losses.add("console")
    losses.lose(history, 3)
    with caplog.at_level(logging.WARNING):
        losses.reporter.tell()
        losses.reporter.tell()
    assert losses.told() == [("history", 3)]
    assert [record.getMessage() for record in caplog.records] == ["history lost 3 events: its inbox was full"]


def test_while_losses_go_on_they_are_told_only_now_and_then_and_none_is_left_out() -> None:
    losses = Losses()
    history = losses.add("history")
    for _ in range(2 * (QUIET_ROUNDS + 1) + 1):
        losses.lose(history, 1)
        losses.reporter.tell()
    assert losses.told() == [("history", 1), ("history", QUIET_ROUNDS + 1), ("history", QUIET_ROUNDS + 1)]
    assert sum(count for _, count in losses.told()) == history.dropped


def test_a_loss_long_after_another_is_told_at_once() -> None:
    losses = Losses()
    history = losses.add("history")
    losses.lose(history, 1)
    for _ in range(QUIET_ROUNDS + 1):
        losses.reporter.tell()
    losses.lose(history, 2)
    losses.reporter.tell()
    assert losses.told() == [("history", 1), ("history", 2)]


def test_inboxes_of_one_name_are_told_apart_and_a_new_one_begins_at_nothing() -> None:
    losses = Losses()
    one, other = losses.add("live"), losses.add("live")
    losses.lose(one, 3)
    losses.lose(other, 2)
    losses.reporter.tell()
    assert losses.told() == [("live", 3), ("live", 2)]
    losses.inboxes.clear()
    losses.add("live")
    for _ in range(2 * QUIET_ROUNDS):
        losses.reporter.tell()
    assert losses.told() == [("live", 3), ("live", 2)]


def test_telling_of_a_loss_into_the_full_inbox_itself_is_counted_and_does_not_go_round_in_circles() -> None:
    losses = Losses()
    history = losses.add("history")
    losses.bus.subscribe(history)
    losses.bus.publish([Alpha()])
    losses.reporter.tell()
    assert (history.dropped, losses.told()) == (2, [("history", 1)])
