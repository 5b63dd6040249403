"""Queries are filled in as Grafana's Prometheus data source does it."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from tests.grafana.asking import ALL, DASHBOARDS, Json, Question, Viewer, fill_in, find_step, read_questions
from tests.grafana.server import Server

MANY: Json = {"name": "instance", "multi": True, "includeAll": True, "allValue": ".+"}
ONE: Json = {"name": "quantile", "multi": False, "includeAll": False}


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ([ALL], 'up{instance=~".+"}'),
        (["attic"], 'up{instance=~"attic"}'),
        (["attic", "nas.lan"], r'up{instance=~"(attic|nas\\.lan)"}'),
        (["[::1]:9877"], r'up{instance=~"\\[::1\\]:9877"}'),
    ],
)
@pytest.mark.parametrize("written", ["$instance", "${instance}", "[[instance]]"])
def test_values_of_a_variable_become_a_regular_expression(values: list[str], expected: str, written: str) -> None:
    assert fill_in(f'up{{instance=~"{written}"}}', {"instance": values}, [MANY]) == expected


def test_a_single_value_is_taken_as_it_is() -> None:
    assert fill_in("quantile($quantile, up)", {"quantile": ["0.9"]}, [ONE]) == "quantile(0.9, up)"


def test_what_label_replace_found_is_no_variable() -> None:
    query = 'label_replace(up, "a", "$1", "b", "(.+)")'
    assert fill_in(query, {}, []) == query


def test_a_variable_that_no_dashboard_has_is_an_error() -> None:
    with pytest.raises(KeyError):
        fill_in("up[$nobody]", {}, [])


@pytest.mark.parametrize(
    ("range_seconds", "points", "least", "step"),
    [(3600, 1920, 15, 15), (21600, 480, 15, 60), (86400, 1920, 60, 60), (2592000, 1920, 86400, 86400)],
)
def test_a_step_fits_the_panel_and_is_no_shorter_than_the_scrapes(
    range_seconds: float, points: int, least: float, step: float
) -> None:
    assert find_step(range_seconds, points, least) == step


@dataclass(frozen=True)
class Listener(Server):
    """Hears what is asked."""

    heard: list[tuple[str, dict[str, Any]]] = field(default_factory=list)

    def ask(self, path: str, **parameters: object) -> Any:
        self.heard.append((path, parameters))
        return {"result": []}


def listen(
    *, is_instant: bool, look_back: float, least: float = 0.0, keeps: bool = False, asked: float | None = None
) -> tuple[str, dict[str, Any]]:
    question = Question(
        dashboard="a.json",
        place="b [A]",
        query="rate(x[$__rate_interval]) > $__range_s / $__interval_ms",
        legend="",
        is_instant=is_instant,
        range_seconds=look_back,
        keeps_range=keeps,
        points=960,
        least_seconds=least,
        is_visible=True,
    )
    server = Listener("", 0)
    Viewer(server=server, variables=[], chosen={}, end=100_007.0, scrape_seconds=15).ask(question, asked)
    return server.heard[0]


def test_an_instant_query_is_asked_of_the_end() -> None:
    path, parameters = listen(is_instant=True, look_back=3600)
    assert (path, parameters["time"]) == ("query", 100_007.0)
    assert parameters["query"] == "rate(x[60s]) > 3600 / 15000"


def test_a_range_begins_and_ends_at_multiples_of_its_step() -> None:
    path, parameters = listen(is_instant=False, look_back=3600, least=60)
    assert path == "query_range"
    assert (parameters["start"], parameters["end"], parameters["step"]) == (96_360, 99_960, 60)
    assert parameters["query"] == "rate(x[240s]) > 3600 / 60000"


def test_a_panel_with_a_range_of_its_own_keeps_it() -> None:
    assert listen(is_instant=False, look_back=3600, keeps=True, asked=86400)[1]["query"].endswith("> 3600 / 15000")
    assert listen(is_instant=False, look_back=3600, asked=86400)[1]["query"].endswith("> 86400 / 120000")


@pytest.mark.parametrize("path", DASHBOARDS, ids=lambda path: path.stem)
def test_every_expression_of_a_dashboard_is_asked(path: Path) -> None:
    written = path.read_text(encoding="utf-8").count('"expr":')
    assert len(read_questions(path)) == written > 0
