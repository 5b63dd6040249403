"""The states of a host: one number and one word for each, and a state for each alert."""

from prometheus.rulebook.states import STATES, TROUBLE, State, sort_alerts
from prometheus.rulebook.subjects import JUDGED
from sysvitals.judgement.rule import Alert


def find_state(name: str, severity: str) -> State:
    found = sort_alerts(JUDGED)
    return next(state for state in TROUBLE if state.tone == severity and name in found[state])


def test_no_two_states_share_a_number_and_the_worse_has_the_higher_one() -> None:
    codes = [state.code for state in STATES]
    assert codes == sorted(set(codes), reverse=True)


def test_no_two_states_share_a_word() -> None:
    assert len({state.words for state in STATES}) == len(STATES)


def test_a_state_that_an_alert_is_kept_for_is_not_said_to_be_now() -> None:
    assert [state.words for state in STATES if "now" in state.words.split()] == []


def test_each_alert_that_is_critical_or_a_warning_has_one_state_of_that_severity() -> None:
    found = sort_alerts(JUDGED)
    for subject in JUDGED:
        for alert in subject.rules:
            if isinstance(alert, Alert) and alert.severity in ("critical", "warning"):
                states = [state for state in TROUBLE if state.tone == alert.severity and alert.name in found[state]]
                assert len(states) == 1, alert.name


def test_the_word_says_the_kind_of_trouble() -> None:
    assert find_state("FilesystemFull", "critical").words == "disk full"
    assert find_state("FilesystemFull", "warning").words == "disk nearly full"
    assert find_state("LinkDown", "warning").words == "network trouble"
    assert find_state("ClockWrong", "warning").words == "warning"


def test_each_name_in_a_state_is_that_of_an_alert_as_severe() -> None:
    there = {(rule.name, rule.severity) for subject in JUDGED for rule in subject.rules if isinstance(rule, Alert)}
    assert {(name, state.tone) for state in TROUBLE for name in state.alerts} <= there
