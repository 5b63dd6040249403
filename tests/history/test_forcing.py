"""When what was written is forced to the disk."""

from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from sysvitals.history.forcing import EDGE_SECONDS, UNFORCED_BYTES, Forcing

MINUTE = 60.0
NEVER = float("inf")


def test_nothing_is_due_where_nothing_was_written() -> None:
    assert Forcing().due == NEVER


def test_readings_are_due_a_minute_after_the_first_of_them() -> None:
    forcing = Forcing()
    for now in (100.0, 115.0, 130.0):
        forcing.note(now, within=MINUTE, urgent=False, waiting=1000)
    assert forcing.due == 160.0
    forcing.note_forced(160.0)
    assert forcing.due == NEVER


def test_the_first_edge_is_due_immediately_whatever_was_forced_just_before() -> None:
    forcing = Forcing()
    forcing.note(100.0, within=MINUTE, urgent=False, waiting=1000)
    forcing.note_forced(159.0)
    forcing.note(160.0, within=MINUTE, urgent=True, waiting=1000)
    assert forcing.due == 160.0


def test_an_edge_soon_after_another_is_due_five_seconds_after_that() -> None:
    forcing = Forcing()
    forcing.note(100.0, within=MINUTE, urgent=True, waiting=1000)
    forcing.note_forced(100.0)
    forcing.note(101.0, within=MINUTE, urgent=True, waiting=1000)
    forcing.note(104.0, within=MINUTE, urgent=True, waiting=1000)
    assert forcing.due == 105.0
    forcing.note_forced(105.0)
    forcing.note(111.0, within=MINUTE, urgent=True, waiting=1000)
    assert forcing.due == 111.0


def test_what_takes_too_much_memory_is_due_now() -> None:
    forcing = Forcing()
    forcing.note(100.0, within=MINUTE, urgent=False, waiting=UNFORCED_BYTES)
    assert forcing.due == 100.0


@given(st.lists(st.tuples(st.floats(0.01, 30.0), st.booleans()), max_size=60))
def test_every_write_is_forced_in_time_and_edges_at_most_once_each_five_seconds(
    writes: list[tuple[float, bool]],
) -> None:
    forcing, now = Forcing(), 0.0
    waiting: list[tuple[float, bool]] = []
    edges: list[float] = []

    def force_what_is_due(until: float) -> None:
        while forcing.due <= until:
            at = max(forcing.due, waiting[-1][0])
            assert all(at - written <= (EDGE_SECONDS if urgent else MINUTE) + 1e-6 for written, urgent in waiting)
            edges.extend([at] if any(urgent for _, urgent in waiting) else [])
            waiting.clear()
            forcing.note_forced(at)

    for wait, urgent in writes:
        now += wait
        force_what_is_due(now)
        waiting.append((now, urgent))
        forcing.note(now, within=MINUTE, urgent=urgent, waiting=1000)
        force_what_is_due(now)
    force_what_is_due(now + MINUTE)
    assert not waiting
    assert all(later - earlier >= EDGE_SECONDS - 1e-6 for earlier, later in pairwise(edges))
