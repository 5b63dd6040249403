"""What a collector says that this host lacks of its subsystem."""

from sysvitals.collectors.load import Load
from sysvitals.model.collector import Fault, Unavailable
from sysvitals.pipeline.interpret import Outcome, classify_run, split_items
from sysvitals.pipeline.ledger import Standing, sum_up
from sysvitals.pipeline.plan import FIND, Key

FAULT = Fault("zone0", "EIO", "Input/output error")
LOAD = Load(load1=1.0)


def test_what_a_run_gave_is_sorted_into_readings_faults_and_what_is_left_out() -> None:
    assert split_items([LOAD, Unavailable("no a"), FAULT, Unavailable("no b")]) == ([LOAD], [FAULT], "no a; no b")


def test_a_part_that_this_host_lacks_spoils_nothing_and_is_said() -> None:
    assert classify_run([LOAD], [], "no a") == Outcome("ok", left_out="no a")
    assert classify_run([LOAD], [FAULT], "no a") == Outcome("ok", "", "zone0: Input/output error", "no a")


def test_a_run_that_gave_nothing_but_what_is_lacking_is_unavailable() -> None:
    outcome = classify_run([], [], "no a")
    assert (outcome.status, outcome.message) == ("unavailable", "no a")
    assert classify_run([], [FAULT], "no a").status == "failed"


def test_a_collector_that_is_read_says_what_its_table_and_its_search_leave_out() -> None:
    table, search = classify_run([LOAD], [], "no a"), classify_run([], [], "no b")
    found = sum_up([(Key("cpu"), Standing(table)), (Key("cpu", kind=FIND), Standing(search))])
    assert found == Outcome("ok", left_out="no a; no b")


def test_a_search_that_finds_nothing_is_nothing_to_speak_of() -> None:
    table, search = classify_run([LOAD], []), classify_run([], [])
    assert sum_up([(Key("cpu"), Standing(table)), (Key("cpu", kind=FIND), Standing(search))]) == Outcome("ok")
