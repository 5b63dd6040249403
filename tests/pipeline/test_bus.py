import threading
from collections.abc import Iterator
from itertools import pairwise

import pytest

from sysvitals.model.event import Event
from sysvitals.pipeline.bus import Bus
from sysvitals.pipeline.clock import Clock, keep_for
from tests.patience import PATIENCE
from tests.pipeline.rig import WALL, Alpha, HeldClock, Record


def make_bus(next_seq: int = 0, clock: Clock | None = None) -> Bus:
    return Bus(clock=clock or HeldClock().clock(), host="pi4", boot="b-1", next_seq=next_seq)


def test_events_are_stamped_with_where_and_when_and_numbered_on_from_the_boot_so_far() -> None:
    first, second = make_bus(next_seq=42).publish([Alpha(sensor="x"), Alpha(sensor="y")])
    assert first.stamp == (WALL + 600.0, "pi4", "b-1", 600.0, True)
    assert second.stamp is first.stamp
    assert (first.seq, second.seq) == (42, 43)
    assert (first.body, second.body) == (Alpha(sensor="x"), Alpha(sensor="y"))


def test_a_listener_is_offered_what_is_published_together_together() -> None:
    batches: list[tuple[Event, ...]] = []

    class Listener:
        def offer(self, events: tuple[Event, ...]) -> None:
            batches.append(events)

    bus = make_bus()
    bus.subscribe(Listener())
    bus.publish([Alpha(sensor="x"), Alpha(sensor="y")])
    bus.publish([Alpha(sensor="z")])
    assert [[event.seq for event in batch] for batch in batches] == [[0, 1], [2]]


def test_a_listener_gets_nothing_of_before_it_came_or_after_it_went() -> None:
    bus, early, late = make_bus(), Record(), Record()
    bus.subscribe(early)
    bus.publish([Alpha()])
    bus.subscribe(late)
    bus.publish([Alpha()])
    bus.unsubscribe(early)
    bus.publish([Alpha()])
    assert [event.seq for event in early.events] == [0, 1]
    assert [event.seq for event in late.events] == [1, 2]


def test_who_leaves_without_having_come_disturbs_nobody() -> None:
    bus, record = make_bus(), Record()
    bus.subscribe(record)
    bus.unsubscribe(Record())
    bus.publish([Alpha()])
    assert len(record.events) == 1


def test_nothing_published_is_nothing_offered() -> None:
    class Listener:
        def offer(self, events: tuple[Event, ...]) -> None:
            raise AssertionError(events)

    bus = make_bus()
    bus.subscribe(Listener())
    assert bus.publish([]) == ()


def test_bodies_that_fail_to_come_take_no_number() -> None:
    def broken() -> Iterator[Alpha]:
        yield Alpha()
        raise ValueError("halfway")

    bus, record = make_bus(), Record()
    bus.subscribe(record)
    with pytest.raises(ValueError, match="halfway"):
        bus.publish(broken())
    bus.publish([Alpha()])
    assert [event.seq for event in record.events] == [0]


def test_numbers_have_no_gaps_and_time_never_goes_back_however_many_publish_at_once() -> None:
    bus, records = make_bus(next_seq=7, clock=Clock()), [Record(), Record()]
    for record in records:
        bus.subscribe(record)
    publishers, turns = 8, 50
    gate = threading.Barrier(publishers)

    def publish() -> None:
        gate.wait(PATIENCE)
        for turn in range(turns):
            bus.publish([Alpha()] * (turn % 4))

    threads = [threading.Thread(target=publish) for _ in range(publishers)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(PATIENCE)
    count = publishers * sum(turn % 4 for turn in range(turns))
    assert [event.seq for event in records[0].events] == list(range(7, 7 + count))
    assert records[1].events == records[0].events
    assert all(before.stamp.uptime <= after.stamp.uptime for before, after in pairwise(records[0].events))


def test_the_clock_of_this_machine_counts_from_its_boot() -> None:
    clock = Clock()
    with open("/proc/uptime", encoding="ascii") as file:
        uptime = float(file.read().split()[0])
    assert clock.uptime() == pytest.approx(uptime, abs=5)
    assert clock.synced() is None


def test_what_is_kept_for_a_second_is_asked_for_again_when_that_is_over() -> None:
    moments = iter([0.0, 0.4, 0.9, 1.0, 1.5])
    answers = iter([True, None, False])
    answer = keep_for(1.0, lambda: next(answers), monotonic=lambda: next(moments))
    assert [answer() for _ in range(5)] == [True, True, True, None, None]


def test_an_answer_that_fails_is_asked_for_again() -> None:
    answers: Iterator[bool | OSError] = iter([OSError("not now"), True])

    def ask() -> bool:
        if isinstance(found := next(answers), OSError):
            raise found
        return found

    answer = keep_for(1.0, ask, monotonic=lambda: 0.0)
    with pytest.raises(OSError, match="not now"):
        answer()
    assert answer()
