from hypothesis import given, settings
from hypothesis import strategies as st

from sysvitals.model.changes import Started
from sysvitals.model.event import Event, Stamp
from sysvitals.model.reading import Body
from sysvitals.pipeline.inbox import Inbox
from tests.pipeline.rig import Alpha, Background, wait_until

STAMP = Stamp(1.0, "host", "boot", 1.0, synced=True)
URGENT = Started(version="1", schema=1, pid=1)


def batch(*numbers: int, body: Body | None = None) -> tuple[Event, ...]:
    return tuple(Event(STAMP, number, body or Alpha()) for number in numbers)


def seqs(events: tuple[Event, ...]) -> list[int]:
    return [event.seq for event in events]


def test_what_was_offered_is_taken_once_and_in_order() -> None:
    inbox = Inbox("history", limit=10)
    inbox.offer(batch(1, 2))
    inbox.offer(batch(3))
    assert inbox.waiting == 3
    assert seqs(inbox.take(0)) == [1, 2, 3]
    assert inbox.waiting == 0
    assert inbox.take(0) == ()


def test_a_full_inbox_loses_its_oldest_runs_and_counts_what_they_held() -> None:
    inbox = Inbox("history", limit=5)
    for numbers in ((1, 2), (3, 4), (5,), (6,)):
        inbox.offer(batch(*numbers))
    assert (inbox.waiting, inbox.dropped) == (4, 2)
    assert seqs(inbox.take(0)) == [3, 4, 5, 6]


def test_an_inbox_that_is_just_full_loses_nothing() -> None:
    inbox = Inbox("history", limit=3)
    inbox.offer(batch(1, 2))
    inbox.offer(batch(3))
    assert (inbox.waiting, inbox.dropped) == (3, 0)


def test_of_a_run_larger_than_the_inbox_the_newest_events_are_kept() -> None:
    inbox = Inbox("live", limit=3)
    inbox.offer(batch(1, 2))
    inbox.offer(batch(3, 4, 5, 6, 7))
    assert (inbox.waiting, inbox.dropped) == (3, 4)
    assert seqs(inbox.take(0)) == [5, 6, 7]


@settings(deadline=None)
@given(
    limit=st.integers(1, 8),
    sizes=st.lists(st.one_of(st.none(), st.integers(1, 12)), max_size=30),
)
def test_an_inbox_is_bounded_keeps_the_newest_and_loses_nothing_unseen(*, limit: int, sizes: list[int | None]) -> None:
    inbox = Inbox("live", limit=limit)
    offered = taken = 0
    for size in sizes:
        if size is None:
            waiting = inbox.waiting
            events = inbox.take(0)
            assert len(events) == waiting
            assert seqs(events) == list(range(offered - len(events), offered))
            taken += len(events)
        else:
            inbox.offer(batch(*range(offered, offered + size)))
            offered += size
            assert 0 < inbox.waiting <= limit
        assert offered == taken + inbox.waiting + inbox.dropped


def test_a_consumer_is_woken_by_each_event() -> None:
    inbox = Inbox("console", limit=100)
    consumer = Background(inbox.take)
    wait_until(lambda: consumer.running, "the consumer did not start")
    inbox.offer(batch(1))
    assert seqs(consumer.result()) == [1]


def test_what_came_before_a_take_is_not_waited_for() -> None:
    inbox = Inbox("console", limit=100)
    inbox.offer(batch(1))
    inbox.offer(batch(2))
    assert seqs(inbox.take()) == [1, 2]


def test_closing_wakes_who_waits_lets_the_rest_be_taken_and_takes_nothing_in() -> None:
    inbox = Inbox("console", limit=10)
    consumer = Background(inbox.take)
    wait_until(lambda: consumer.running, "the consumer did not start")
    inbox.close()
    assert consumer.result() == ()
    assert inbox.closed

    inbox = Inbox("history", limit=10)
    inbox.offer(batch(1))
    inbox.close()
    inbox.offer(batch(2))
    assert (inbox.waiting, inbox.dropped) == (1, 0)
    assert seqs(inbox.take()) == [1]
    assert inbox.take() == ()
