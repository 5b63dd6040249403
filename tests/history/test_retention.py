"""What goes first, whatever clocks said."""

from hypothesis import given
from hypothesis import strategies as st

from sysvitals.history.retention import DAY_SECONDS, find_leap, in_order
from sysvitals.history.segments import Segment
from tests.history.writing import NOON

KEEP = 30 * DAY_SECONDS


def segment(began: float, name: str = "") -> Segment:
    return Segment(f"day/{name or began}.jsonl", f"/history/day/{name or began}.jsonl", began, 1)


def test_by_a_right_clock_the_future_comes_first_and_all_else_by_name() -> None:
    past, new, soon, ahead = (segment(NOON + days * DAY_SECONDS) for days in (-9, 0, 0.9, 1.1))
    assert in_order([past, new, soon, ahead], NOON) == [ahead, past, new, soon]
    assert in_order([past, new, soon, ahead], float("inf")) == [past, new, soon, ahead]


def test_what_this_run_wrote_comes_last_in_the_order_in_which_it_was_written() -> None:
    first, second, third = segment(NOON + 900 * DAY_SECONDS), segment(0.0), segment(NOON)
    other = segment(NOON - 5)
    since = {second.stem: 2.0, first.stem: 1.0, third.stem: 3.0}
    assert in_order([second, other, third, first], NOON, since) == [other, first, second, third]


@given(st.lists(st.floats(-1e11, 1e12)), st.floats(0, 1e11), st.floats(0, 1e10))
def test_a_leap_ends_within_the_last_day_and_is_longer_than_what_is_kept(
    dates: list[float], now: float, keep: float
) -> None:
    leap = find_leap(dates, now, keep)
    if leap is not None:
        before, after = leap
        assert before <= after <= now
        assert after - before > max(keep, DAY_SECONDS)
        assert now - after < DAY_SECONDS
        assert not [date for date in dates if before < date < after]


def test_a_leap_is_believed_a_day_later_and_a_pause_within_what_is_kept_is_none() -> None:
    old = [NOON - 40 * DAY_SECONDS, NOON - 39 * DAY_SECONDS]
    assert find_leap(old, NOON, KEEP) == (old[1], NOON)
    assert find_leap([*old, NOON], NOON + DAY_SECONDS - 1, KEEP) == (old[1], NOON)
    assert find_leap([*old, NOON], NOON + DAY_SECONDS, KEEP) is None
    assert find_leap([NOON - KEEP], NOON, KEEP) is None
    assert find_leap([], NOON, KEEP) is None
