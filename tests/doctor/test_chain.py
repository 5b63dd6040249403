"""Whether Prometheus sees itself and Alertmanager, and where its alerts can be looked at."""

from typing import Any

import pytest

from sysvitals.doctor.chain import LINKS, check_chain, check_page
from sysvitals.doctor.check import Check, Verdict
from tests.doctor.serving import Answers, Question, Raw, connect, vector

OK, ABSENT, WARNING, BROKEN = Verdict


def judge(scraped: set[str], silent: set[str]) -> list[Check]:
    """What is said where these are scraped, and those are targets that do not answer."""

    def answer(question: Question) -> Any:
        asked = question.query["query"]
        [link] = [link for link in LINKS if link.metric in asked]
        if asked.startswith("count("):
            return vector(*[({}, 1.0)] * (link.name in scraped))
        return vector(*[({"job": link.job, "instance": f"{link.job}:90"}, 0.0)] * (link.name in silent))

    with connect({"/api/v1/query": answer}) as (server, _):
        return list(check_chain(server))


@pytest.mark.parametrize(
    ("scraped", "verdict", "words"),
    [
        ({"itself", "Alertmanager"}, OK, "it scrapes itself and Alertmanager"),
        ({"itself"}, WARNING, "it does not scrape Alertmanager: "),
        ({"Alertmanager"}, WARNING, "it does not scrape itself: "),
        (set(), WARNING, "it does not scrape itself and Alertmanager: "),
    ],
)
def test_a_server_that_is_not_scraped_is_named(scraped: set[str], verdict: Verdict, words: str) -> None:
    [check] = judge(scraped, set())
    assert check.verdict is verdict
    assert check.text.startswith(words)


def test_a_server_that_is_a_target_and_does_not_answer_is_not_said_to_lack_its_job() -> None:
    [check] = judge({"itself"}, {"Alertmanager"})
    assert check.verdict is BROKEN
    assert check.text == "it scrapes Alertmanager as alertmanager:90, which does not answer"


def test_one_that_does_not_answer_hides_no_other_that_is_no_target() -> None:
    texts = [check.text for check in judge(set(), {"Alertmanager"})]
    assert [text.partition(":")[0] for text in texts] == [
        "it scrapes Alertmanager as alertmanager",
        "it does not scrape itself",
    ]


@pytest.mark.parametrize(
    ("answers", "path"),
    [
        ({"/alerts": "<html>"}, "/alerts"),
        ({"/alerts": Raw(404), "/classic/alerts": "<html>"}, "/classic/alerts"),
        ({"/alerts": Raw(302, headers={"Location": "/query"})}, None),
        ({}, None),
    ],
    ids=["the project's", "Debian 12's", "redirect", "no page"],
)
def test_the_page_of_alerts_is_named_only_where_there_is_one(answers: Answers, path: str | None) -> None:
    with connect(answers) as (server, fake):
        check = check_page(server)
        assert check.verdict is (OK if path else ABSENT)
        assert check.text.endswith(f"{fake.url}{path}") == (path is not None)
