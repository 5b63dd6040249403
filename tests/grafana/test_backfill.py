"""What is written of the past is what Prometheus would have stored itself."""

import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.grafana.backfill import ScrapedSeries, write_recording
from tests.grafana.evaluation import RuleEvaluator, load_rules
from tests.grafana.night import Scrape
from tests.grafana.plan import Plan, Target
from tests.grafana.remote_write import STALE, Series
from tests.grafana.server import Server, run_prometheus
from tests.tools import need_tool

START = 1_795_204_800
TARGET = Target(instance="attic", board="pi4", scenario="idle", labels={"site": "oslo"})

ALERT: dict[str, Any] = {
    "alert": "TooMuch",
    "expr": "x > 5",
    "for": "3m",
    "keep_firing_for": "2m",
    "labels": {"severity": "warning"},
}
MINUTES = {
    # one that fires, one that never lasts, one that vanishes, one that comes and goes while it is kept
    "fires": "1 9 9 9 9 9 9 1 1 1 1 9 9 1 1 1 1 1 1 1 1 1 1 1 1",
    "short": "9 9 1 9 9 9 1 9 9 1 9 1 9 9 9 1 1 1 9 9 9 1 1 1 1",
    "gone": "9 9 9 9 9 9 stale _ _ _ _ _ _ 9 9 9 9 stale _ _ _ _ _ 9 9",
    "kept": "9 9 9 9 9 1 9 9 1 1 9 9 1 1 1 1 9 9 9 9 9 1 9 1 1",
}


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Server]:
    with run_prometheus(tmp_path / "data", log=tmp_path / "prometheus.log") as running:
        yield running


def at(server: Server, query: str, seconds: float) -> list[dict[str, Any]]:
    result: list[dict[str, Any]] = server.ask("query", query=query, time=START + seconds)["result"]
    return result


def write_scrapes(server: Server, *scrapes: Scrape) -> None:
    series, found = ScrapedSeries(TARGET), Series()
    for scrape in scrapes:
        series.add(scrape, found)
    server.write(found)


def scrape_at(seconds: float, *lines: str) -> Scrape:
    return Scrape(round((START + seconds) * 1000), 0.02, lines)


def test_samples_have_the_labels_of_their_target(server: Server) -> None:
    write_scrapes(server, scrape_at(0, 'x{device="sda"} 1.5', "y 2"))
    (found,) = at(server, "x", 0)
    assert found["metric"] == {
        "__name__": "x",
        "device": "sda",
        "instance": "attic",
        "job": "sysvitals",
        "site": "oslo",
    }
    assert found["value"][1] == "1.5"


def test_labels_are_stored_as_they_are_whatever_is_in_them(server: Server) -> None:
    write_scrapes(server, scrape_at(0, r'x{path="C:\\new \"disk\"\nä, {}"} 1'))
    (found,) = at(server, "x", 0)
    assert found["metric"]["path"] == 'C:\\new "disk"\nä, {}'


def test_what_a_scrape_no_longer_holds_is_gone_at_once(server: Server) -> None:
    write_scrapes(server, scrape_at(0, "x 1", "y 1"), scrape_at(15, "x 1"))
    assert at(server, "y", 14)
    assert not at(server, "y", 15)
    assert at(server, "x", 15)


def test_of_a_host_that_does_not_answer_only_that_is_known(server: Server) -> None:
    write_scrapes(server, scrape_at(0, "x 1"), Scrape(round((START + 15) * 1000), 10.0, None))
    assert not at(server, "x", 15)
    values = {found["metric"]["__name__"]: found["value"][1] for found in at(server, '{instance="attic"}', 15)}
    assert values == {
        "up": "0",
        "scrape_duration_seconds": "10",
        "scrape_samples_scraped": "0",
        "scrape_samples_post_metric_relabeling": "0",
        "scrape_series_added": "0",
    }


def test_of_a_target_that_is_none_any_more_nothing_is_known(server: Server) -> None:
    target = Target(instance="attic", board="pi4", scenario="idle", dropped=40)
    plan = Plan(targets=(target,), start=START, lasts=120, every=15)
    scrapes = [scrape_at(seconds, "x 1") for seconds in (0, 15, 30)]
    write_recording(server, plan, {"attic": scrapes}, [])
    assert at(server, "up", 39)
    assert not at(server, '{__name__=~".+"}', 40)


def test_more_samples_than_fit_into_one_request_all_arrive(server: Server) -> None:
    samples = [((START + second) * 1000, float(second)) for second in range(3000)]
    server.write({(("__name__", "x"), ("number", str(number))): samples for number in range(20)})
    (found,) = at(server, "sum(count_over_time(x[1h]))", 2999)
    assert found["value"][1] == "60000"


def test_prometheus_refusal_is_an_error(server: Server) -> None:
    with pytest.raises(RuntimeError, match="too old sample"):
        server.write({(("__name__", "x"),): [(START * 1000, 1.0), ((START - 86400) * 1000, 1.0)]})


def test_alerts_are_pending_fire_and_are_kept_as_promtool_has_it(server: Server, tmp_path: Path) -> None:
    rules = tmp_path / "rules.yml"
    rules.write_text(yaml.safe_dump({"groups": [{"name": "one", "interval": "1m", "rules": [ALERT]}]}))
    server.write(
        {
            (("__name__", "x"), ("instance", instance)): [
                ((START + 60 * minute) * 1000, STALE if value == "stale" else float(value))
                for minute, value in enumerate(values.split())
                if value != "_"
            ]
            for instance, values in MINUTES.items()
        }
    )
    evaluator = RuleEvaluator(load_rules([rules], 60))
    count = len(MINUTES["fires"].split())
    for begins in range(0, count, 7):  # piece by piece, as a recording is written
        evaluator.evaluate(server, START + 60 * begins, START + 60 * min(begins + 7, count))
    tests: list[dict[str, Any]] = [
        {"expr": "ALERTS", "eval_time": f"{minute}m", "exp_samples": _samples(server, "ALERTS", minute)}
        for minute in range(count)
    ]
    tests += [
        {
            "expr": "ALERTS_FOR_STATE",
            "eval_time": f"{minute}m",
            "exp_samples": _samples(server, f"ALERTS_FOR_STATE - {START}", minute),
        }
        for minute in range(count)
    ]
    assert sum('alertstate="firing"' in sample["labels"] for test in tests for sample in test["exp_samples"]) > 20
    _ask_promtool(tmp_path, tests)


def _samples(server: Server, query: str, minute: int) -> list[dict[str, Any]]:
    name = query.partition(" ")[0]
    return [
        {
            "labels": name + "{" + ",".join(f'{k}="{v}"' for k, v in found["metric"].items() if k != "__name__") + "}",
            "value": float(found["value"][1]),
        }
        for found in at(server, query, 60 * minute)
    ]


def _ask_promtool(folder: Path, tests: list[dict[str, Any]]) -> None:
    series = [{"series": f'x{{instance="{instance}"}}', "values": values} for instance, values in MINUTES.items()]
    document = {
        "rule_files": ["rules.yml"],
        "evaluation_interval": "1m",
        "tests": [{"interval": "1m", "input_series": series, "promql_expr_test": tests}],
    }
    (folder / "test.yml").write_text(yaml.safe_dump(document))
    done = subprocess.run(
        [need_tool("promtool"), "test", "rules", "test.yml"], cwd=folder, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
