"""Whatever comes from outside, promises hold: for the cases that were saved, and for mutations of them.

The same cases each time: a test must not fail by luck. `python -m tests.fuzz` looks for new ones.
"""

import pytest

from tests.fuzz.kinds import KINDS, Check, make_case, saved_cases, seeds_of


def fuzz(name: str) -> None:
    kind, seeds = KINDS[name], seeds_of(name)
    with kind.open() as check:
        for label, case in saved_cases(name).items():
            give(check, label, case)
        for number in range(kind.share):
            give(check, f"mutation {number}", make_case(kind, seeds, number))


def give(check: Check, label: str, case: bytes) -> None:
    try:
        check(case)
    except Exception as error:
        error.add_note(f"{label}: {case[:2000]!r}")
        raise


@pytest.mark.fault(
    "network",
    "bytes at the port that are no request, and frames that are none",
    seen="an answer of 4xx, a close or nothing",
    heals="the next request is answered",
)
@pytest.mark.parametrize("name", ["http", "websocket"])
def test_any_bytes_from_a_client_end_in_an_answer_or_a_close_and_cause_no_error(name: str) -> None:
    fuzz(name)


@pytest.mark.fault(
    "network",
    "any request of someone who does not know the password",
    seen="an answer of 4xx, a close or nothing",
    heals="the next request with the password is answered",
)
@pytest.mark.parametrize("name", ["password"])
def test_no_request_without_the_password_gets_data(name: str) -> None:
    fuzz(name)


@pytest.mark.fault(
    "network",
    "a server that sends `sysvitals watch` anything",
    seen="each message in a line, with what a terminal would act on written out",
    heals="with the next message",
)
@pytest.mark.parametrize("name", ["stream"])
def test_any_stream_is_shown_in_lines_that_a_terminal_only_shows(name: str) -> None:
    fuzz(name)


@pytest.mark.fault(
    "process",
    "a configuration with any mistake: settings, flags, the web file",
    seen="a line for each mistake, with its place",
    heals="when it is mended; until then what was in force stays",
)
@pytest.mark.parametrize("name", ["settings", "flags", "web-file"])
def test_any_configuration_is_taken_or_refused_in_a_line_for_each_mistake(name: str) -> None:
    fuzz(name)


@pytest.mark.fault(
    "storage",
    "any damage to the history, its summaries, the record of shutdowns or the system's own log of boots",
    seen="a warning with file and line",
    heals="by itself: what is whole is read, and a torn end is cut off",
)
@pytest.mark.parametrize("name", ["segment", "summaries", "shutdowns", "log-of-boots"])
def test_any_damage_to_what_is_stored_costs_what_is_damaged_and_no_more(name: str) -> None:
    fuzz(name)


@pytest.mark.fault(
    "sources",
    "a file of the kernel, an answer of the firmware or a notice that holds anything",
    seen="the value is absent; `sysvitals_read_errors_total` rises",
    heals="with the next reading that makes sense",
)
@pytest.mark.parametrize("name", ["kernel", "netlink"])
def test_any_text_of_the_kernel_or_the_firmware_gives_readings_faults_or_nothing(name: str) -> None:
    fuzz(name)


def test_no_kind_is_forgotten() -> None:
    marked = [
        name
        for test in globals().values()
        for mark in getattr(test, "pytestmark", ())
        if mark.name == "parametrize"
        for name in mark.args[1]
    ]
    assert sorted(marked) == sorted(KINDS)


@pytest.mark.fault(
    "storage",
    "summaries of the history that hold anything",
    seen="the time line has what makes sense",
    heals="with the next rebuilding, from the history itself",
)
@pytest.mark.parametrize("name", ["time-line"])
def test_any_summaries_make_a_time_line(name: str) -> None:
    fuzz(name)
