"""Every alert that a host can judge by itself has a counterpart in its verdict; what has none says why."""

import pytest

from prometheus.rulebook.subjects import SUBJECTS
from sysvitals.judgement.judgement import Judgement
from sysvitals.judgement.judgements import JUDGEMENTS
from sysvitals.judgement.rule import Alert
from tests.judgement.judging import CATALOG

NOT_BY_THE_HOST = {
    "HostDown": "a host that is down cannot say so",
    "HostFlapping": "the host does not know that it is not reached",
    "HostVanished": "the host does not know who watches it",
    "NoHosts": "the host does not know who watches it",
    "ScrapeSlow": "the host does not know how long its answer is under way",
    "ScrapeIntervalLong": "the rules need scrapes, the host does not",
    "NotSysvitals": "what answers in its place is not this exporter",
    "Watchdog": "it watches Prometheus and Alertmanager, not the host",
    "ClockWrong": "a clock cannot be compared with itself: only Prometheus has another one",
    "CollectorStale": "what is read at scrapes alone is not late while nothing scrapes",
}
OF_OTHERS = frozenset({"node-exporter-power", "chain"})
"""Rules for hosts without this exporter, and for Prometheus and Alertmanager themselves."""

RULES = [
    rule for subject in SUBJECTS if subject.name not in OF_OTHERS for rule in subject.rules if isinstance(rule, Alert)
]
JUDGED = {(judgement.alert, judgement.severity) for judgement in JUDGEMENTS}

each = pytest.mark.parametrize("judgement", JUDGEMENTS, ids=lambda one: f"{one.alert}-{one.severity}")


def test_every_alert_is_judged_by_the_host_too_or_says_why_it_cannot_be() -> None:
    rules = {(rule.name, rule.severity) for rule in RULES}
    assert {name for name, _ in rules - JUDGED} == NOT_BY_THE_HOST.keys()
    assert JUDGED - rules == set()


def test_no_alert_is_judged_twice() -> None:
    assert len(JUDGED) == len(JUDGEMENTS)


def test_no_alert_that_says_why_it_is_not_judged_is_judged() -> None:
    assert not {alert for alert, _ in JUDGED} & NOT_BY_THE_HOST.keys()


@each
def test_a_judgement_lasts_and_keeps_as_long_as_its_rule(judgement: Judgement) -> None:
    (rule,) = (rule for rule in RULES if (rule.name, rule.severity) == (judgement.alert, judgement.severity))
    assert (_seconds(rule.lasts), _seconds(rule.keeps)) == (judgement.lasts, judgement.keeps)


@each
def test_a_judgement_watches_metrics_that_there_are_and_says_what_to_do(judgement: Judgement) -> None:
    for watch in judgement.watches:
        assert watch.metric in CATALOG.families
        assert watch.seconds <= 25 * 3600
        labels = CATALOG.families[watch.metric].labels
        assert {name for name, _ in watch.labels} <= {*labels}
    assert all(name in CATALOG.bodies for name in judgement.events)
    assert judgement.remedy.endswith((".", "?"))
    assert len(judgement.remedy) < 200


def _seconds(duration: str) -> float:
    return float(duration[:-1]) * {"s": 1, "m": 60, "h": 3600}[duration[-1]]
