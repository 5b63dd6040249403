"""Whether Prometheus sees itself and Alertmanager, and where its alerts can be looked at."""

from typing import Any

import pytest

from sysvitals.doctor.chain import NEEDED, check_chain, check_page
from sysvitals.doctor.check import Verdict
from tests.doctor.serving import Answers, Question, Raw, connect, vector

OK, ABSENT, WARNING, BROKEN = Verdict


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
    known = {f"count({NEEDED[name]})" for name in scraped}

    def answer(question: Question) -> Any:
        return vector(*[({}, 1.0)] if question.query["query"] in known else ())

    with connect({"/api/v1/query": answer}) as (server, _):
        check = check_chain(server)
    assert check.verdict is verdict
    assert check.text.startswith(words)


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
