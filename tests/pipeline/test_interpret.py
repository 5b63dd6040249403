"""What a run meant: pure, without threads and clocks."""

import errno
from collections.abc import Iterator, Sequence
from typing import Annotated, Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sysvitals.model.changes import Reloaded
from sysvitals.model.collector import Fault, Unavailable
from sysvitals.model.metric import Counter, Gauge, Label
from sysvitals.model.reading import Reading, amend, subject_of
from sysvitals.pipeline.interpret import (
    BASELINE_SECONDS,
    Conclusion,
    Known,
    Outcome,
    Span,
    interpret,
    is_current,
    move_times,
)
from tests.pipeline.rig import Alpha, Beta, make_collector

SPAN = Span(1000.0, None, 982.0)


class Closed(Reading, event="system.closed.updated"):
    """A reading with a closed set of labels."""

    cause: Annotated[str, Label("Which.", values=("a", "b"))]
    total: Annotated[int, Counter("closed", help="How often.")] = 0


def run(
    *items: Any, error: BaseException | None = None, known: Sequence[Known] = (), span: Span = SPAN, **settings: Any
) -> Conclusion:
    collector = make_collector("alpha", tuple, **settings)
    return interpret(collector, items, error, {subject_of(one.reading): one for one in known}, span, "thing")


def test_what_was_read_is_kept_for_the_next_comparison() -> None:
    one, two = Alpha(sensor="x", value=1.0), Beta(sensor="x")
    conclusion = run(one, two)
    assert conclusion.outcome == Outcome("ok")
    assert list(conclusion.readings) == [one, two]
    assert list(conclusion.known.values()) == [Known(one, 1000.0), Known(two, 1000.0)]


# failing


@pytest.mark.parametrize(
    ("error", "kind"),
    [
        (OSError(errno.EIO, "Input/output error"), "EIO"),
        (PermissionError(errno.EACCES, "Permission denied"), "EACCES"),
        (ValueError("no number"), "garbage"),
        (KeyError("x"), "KeyError"),
        (RecursionError(), "RecursionError"),
        (MemoryError(), "MemoryError"),
        (SystemExit(1), "SystemExit"),
    ],
    ids=repr,
)
def test_an_error_costs_what_comes_after_it_and_nothing_that_came_before(error: BaseException, kind: str) -> None:
    conclusion = run(Alpha(sensor="before"), error=error)
    assert list(conclusion.readings) == [Alpha(sensor="before")]
    assert conclusion.outcome.status == "ok"
    assert "thing" in conclusion.outcome.message
    assert [(fault.what, fault.error, bool(fault.message)) for fault in conclusion.faults] == [("thing", kind, True)]
    failed = run(error=error).outcome
    assert (failed.status, failed.error) == ("failed", kind)


def test_unavailable_says_why_and_counts_only_where_nothing_was_read() -> None:
    assert run(error=Unavailable("no chip")).outcome == Outcome("unavailable", message="no chip")
    assert run(Alpha(), error=Unavailable("no second chip")).outcome.status == "ok"
    fault = Fault("zone0", "EIO", "x")
    assert run(fault, error=Unavailable("no other")).outcome.status == "failed"


def test_a_run_that_yields_nothing_is_unavailable() -> None:
    assert run().outcome.status == "unavailable"


def test_where_nothing_but_faults_came_the_run_failed_and_names_them_all() -> None:
    outcome = run(Fault("zone0", "EIO", "Input/output error"), Fault("zone1", "EAGAIN", "Try again")).outcome
    assert (outcome.status, outcome.error) == ("failed", "EIO")
    assert "zone0" in outcome.message
    assert "zone1" in outcome.message


@pytest.mark.parametrize(
    "wrong",
    [
        Alpha(sensor="bad", value=float("nan")),
        Alpha(sensor="bad", value=float("inf")),
        Alpha(sensor="not \udcff text"),
        Alpha(sensor="good"),
    ],
    ids=["nan", "inf", "no Unicode", "twice"],
)
def test_a_reading_that_no_output_could_write_is_a_fault_and_takes_no_sibling(wrong: Alpha) -> None:
    conclusion = run(Alpha(sensor="good"), wrong, Beta())
    assert list(conclusion.readings) == [Alpha(sensor="good"), Beta()]
    assert [fault.error in {"garbage", "UnicodeEncodeError", "duplicate"} for fault in conclusion.faults] == [True]
    assert conclusion.outcome.status == "ok"


@pytest.mark.parametrize("wrong", [None, 5, "text", Alpha, Alpha(sensor=["list"])], ids=repr)  # type: ignore[arg-type]
def test_what_is_no_reading_at_all_fails_the_run_and_raises_nothing(wrong: object) -> None:
    assert run(wrong).outcome.status == "failed"


def test_like_things_of_unlike_events_are_no_duplicates() -> None:
    assert len(run(Alpha(sensor="x"), Beta(sensor="x")).readings) == 2


def test_a_comparison_that_raises_takes_its_reading_alone() -> None:
    def compare(now: Alpha, before: Alpha, seconds: float | None) -> Alpha:
        return amend(now, rate=1 / now.value)

    before = [Known(Alpha(sensor=sensor), 990.0) for sensor in "xy"]
    conclusion = run(Alpha(sensor="x"), Alpha(sensor="y", value=2.0), known=before, compare=compare)
    assert list(conclusion.readings) == [Alpha(sensor="y", value=2.0, rate=0.5)]
    assert [(fault.what, fault.error) for fault in conclusion.faults] == [("x", "ZeroDivisionError")]


@settings(deadline=None)
@given(
    st.lists(
        st.one_of(
            st.builds(Alpha, sensor=st.sampled_from("abc"), value=st.floats()),
            st.builds(Beta, sensor=st.text(max_size=2)),
            st.builds(Fault, st.sampled_from("abc"), st.just("EIO"), st.just("x")),
        ),
        max_size=8,
    ),
    st.none() | st.sampled_from([OSError(5, "x"), Unavailable("gone"), KeyError("x")]),
)
def test_whatever_is_yielded_what_is_kept_can_be_written_and_the_rest_is_accounted_for(
    items: list[Reading | Fault], error: Exception | None
) -> None:
    conclusion = run(*items, error=error)
    subjects = [subject_of(reading) for reading in conclusion.readings]
    assert len(set(subjects)) == len(subjects)
    raised = error is not None and not isinstance(error, Unavailable)
    assert len(conclusion.readings) + len(conclusion.faults) == len(items) + raised
    assert (conclusion.outcome.status == "ok") == bool(conclusion.readings)
    assert set(conclusion.known) == set(subjects)


# comparing


def compared(before: Known | None, span: Span) -> list[tuple[float, float | None]]:
    """The value before and the seconds between, as the comparison gets them."""
    calls: list[tuple[float, float | None]] = []

    def compare(now: Alpha, earlier: Alpha, seconds: float | None) -> Alpha:
        calls.append((earlier.value, seconds))
        return now

    assert run(Alpha(value=2.0), known=[before] if before else [], span=span, compare=compare).readings
    return calls


def test_a_comparison_gets_the_reading_before_and_the_seconds_between_the_beginnings_of_both_runs() -> None:
    assert compared(None, SPAN) == []
    assert compared(Known(Alpha(value=1.0), 985.0), Span(1000.0, 985.0, 982.0)) == [(1.0, 15.0)]


def test_a_time_in_which_the_thing_could_not_be_read_was_not_watched() -> None:
    assert compared(Known(Alpha(value=1.0), 985.0), Span(1000.0, 992.0, 982.0)) == [(1.0, None)]


def test_a_time_in_which_nothing_ran_when_it_should_have_was_not_watched() -> None:
    assert compared(Known(Alpha(value=1.0), 970.0), Span(1000.0, 970.0, 982.0)) == [(1.0, None)]


def test_what_is_remembered_from_before_the_start_is_compared_over_a_time_that_was_not_watched() -> None:
    assert compared(Known(Alpha(value=1.0)), SPAN) == [(1.0, None)]


def test_two_runs_at_one_instant_have_no_time_between_them_and_still_carry_on_what_is_counted() -> None:
    assert compared(Known(Alpha(value=1.0), 1000.0), Span(1000.0, 1000.0, 982.0)) == [(1.0, None)]


def test_changes_get_the_reading_as_it_was_filled_in_and_the_one_before() -> None:
    seen: list[tuple[float | None, object]] = []

    def compare(now: Alpha, before: Alpha, seconds: float | None) -> Alpha:
        return amend(now, rate=7.0)

    def changes(now: Alpha, before: Alpha | None) -> Iterator[Reloaded]:
        seen.append((now.rate, before and before.value))
        yield Reloaded(changed=f"{now.value:g}")

    conclusion = run(Alpha(value=3.0), changes=changes)
    assert list(conclusion.changes) == [Reloaded(changed="3")]
    run(Alpha(value=3.0), known=[Known(Alpha(value=1.0))], compare=compare, changes=changes)
    assert seen == [(None, None), (7.0, 1.0)]


def test_what_was_not_read_for_long_is_not_compared_with() -> None:
    at = 1000.0 - BASELINE_SECONDS
    assert compared(Known(Alpha(value=1.0), at), SPAN) == []
    assert compared(Known(Alpha(value=1.0), at + 1), SPAN) == [(1.0, None)]


@settings(deadline=None)
@given(st.floats(0, 1e7), st.sampled_from("ab"))
def test_a_count_of_a_closed_set_never_falls_however_long_it_could_not_be_read(hours: float, cause: str) -> None:
    def compare(now: Closed, before: Closed, seconds: float | None) -> Closed:
        return amend(now, total=now.total + before.total)

    known = [Known(Closed(cause=cause, total=7), 1000.0 - hours)]
    [reading] = run(Closed(cause=cause, total=1), known=known, compare=compare).readings
    assert reading == Closed(cause=cause, total=8)


def test_what_may_be_forgotten_is_what_has_an_open_set_of_labels() -> None:
    assert is_current(Known(Alpha(), 0.0), BASELINE_SECONDS - 1)
    assert not is_current(Known(Alpha(), 0.0), BASELINE_SECONDS)
    assert is_current(Known(Alpha()), 1e9)
    assert is_current(Known(Closed(cause="a"), 0.0), 1e9)


class Seen(Reading, event="system.seen.updated"):
    """A reading with a time."""

    sensor: Annotated[str, Label("Which.")]
    seen: Annotated[float | None, Gauge("seen", unit="timestamp_seconds", help="When.")] = None
    seconds: Annotated[float, Gauge("lasted", unit="seconds", help="How long.")] = 5.0


def test_times_move_with_a_clock_that_was_set_and_nothing_else_does() -> None:
    assert move_times(Seen(sensor="x", seen=30.0), 100.0) == Seen(sensor="x", seen=130.0)
    assert move_times(Seen(sensor="x"), 100.0) == Seen(sensor="x")
    assert move_times(Alpha(value=1.0), 100.0) == Alpha(value=1.0)
