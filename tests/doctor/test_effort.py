"""Answers that take for ever to be understood."""

import contextlib
import re
import signal
from contextlib import ExitStack
from threading import Thread

import pytest

from sysvitals.doctor import desk, effort, re2
from sysvitals.doctor.check import Check, Verdict
from sysvitals.doctor.desk import Desk
from sysvitals.doctor.effort import TooMuchError, limited_effort
from sysvitals.doctor.re2 import Unsupported, compile_re2
from sysvitals.doctor.samples import identify
from tests.doctor.serving import connect


def work_for_ever() -> list[Check]:
    re.compile("(a+)+b").fullmatch("a" * 60)
    return []


@pytest.mark.fault(
    "network",
    "a server whose answers take for ever to be understood",
    seen="a finding of `doctor`: its answer takes too long to be understood",
    heals="by itself: the other links are looked at",
)
def test_an_answer_that_takes_for_ever_to_be_understood_is_a_finding(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(desk, "CPU_SECONDS", 0.1)
    with ExitStack() as stack:
        found = Desk(None, stack)
        found.take("a", work_for_ever)
        assert [(check.id, check.verdict) for check in found.checks] == [("a", Verdict.BROKEN)]
        assert "takes too long to be understood" in found.checks[0].text


def work_within_a_limit_and_on() -> None:
    with pytest.raises(TooMuchError), limited_effort(0.05):
        work_for_ever()
    work_for_ever()


def test_an_inner_limit_leaves_the_outer_one_in_force() -> None:
    with pytest.raises(TooMuchError), limited_effort(0.2):
        work_within_a_limit_and_on()
    assert signal.getitimer(signal.ITIMER_PROF) == (0.0, 0.0)
    assert signal.getsignal(signal.SIGPROF) is signal.SIG_DFL


def match_for_ever(times: int) -> None:
    expression = compile_re2("(a+)+b")
    for _ in range(times):
        with contextlib.suppress(Unsupported):
            expression.fullmatch("a" * 60)


def test_what_inner_limits_stopped_counts_for_the_outer_one(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(re2, "_CPU_SECONDS", 0.02)
    with pytest.raises(TooMuchError), limited_effort(0.2):
        match_for_ever(100)


def test_an_inner_limit_is_no_longer_than_what_is_left(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(re2, "_CPU_SECONDS", 5.0)
    with pytest.raises(TooMuchError), limited_effort(0.05):
        match_for_ever(1)


def test_code_that_expects_wrong_values_does_not_take_it_for_one() -> None:
    with pytest.raises(TooMuchError), limited_effort(0.05), contextlib.suppress(ValueError, LookupError, TypeError):
        work_for_ever()


def lose_it_once() -> None:
    with contextlib.suppress(TooMuchError):
        work_for_ever()
    work_for_ever()


def test_where_it_was_lost_it_is_raised_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(effort, "_AGAIN_SECONDS", 0.05)
    with pytest.raises(TooMuchError), limited_effort(0.05):
        lose_it_once()


def test_another_thread_has_no_limit_and_no_error() -> None:
    done = []

    def work() -> None:
        with limited_effort(1.0):
            done.append(1)

    thread = Thread(target=work)
    thread.start()
    thread.join()
    assert done == [1]


@pytest.mark.parametrize("page", ["<title>" + " " * 1_000_000, "<title>" * 100_000, "a" * 1_000_000])
def test_a_page_without_a_title_is_looked_through_once(page: str) -> None:
    with connect({"/": page, "/metrics": page}) as (server, _), limited_effort(20.0):
        assert identify(server) == ""


def test_a_page_is_called_by_its_title() -> None:
    with connect({"/": "<title>\n Sign \n in </title>", "/metrics": ""}) as (server, _):
        assert identify(server) == "Sign in"
