"""A real Prometheus scrapes the real exporter."""

import json
import os
import subprocess
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest
from prometheus_client.openmetrics.parser import text_string_to_metric_families as parse_openmetrics
from prometheus_client.parser import text_string_to_metric_families as parse_plain

from sysvitals.collectors.catalog import build_full_catalog
from tests.patience import PATIENCE
from tests.recorded import HOSTS
from tests.stack.running import answers, free_port, run, run_exporter, wait_until
from tests.tools import need_tool

PROMETHEUS_ACCEPTS = (
    "application/openmetrics-text;version=1.0.0,application/openmetrics-text;version=0.0.1;q=0.75,"
    "text/plain;version=0.0.4;q=0.5,*/*;q=0.1"
)
BEATS = ("700ms", "1300ms")
"""Heartbeats that share no rhythm with a scrape each second."""

RATE_WINDOW_SECONDS = 30
FROM_FILES = ("cpu", "fan", "load", "memory", "pressure", "temperature")
"""Collectors that read files only: of a recorded host nothing of this machine shows through."""

Sample = tuple[tuple[tuple[str, str], ...], float]


@dataclass(frozen=True)
class Stack:
    prometheus: str
    log: Path
    exporters: dict[str, str]
    jobs: dict[str, str]

    def ask(self, path: str, **parameters: str) -> Any:
        answer = httpx.get(f"{self.prometheus}/api/v1/{path}", params=parameters, timeout=PATIENCE).json()
        assert answer["status"] == "success", answer
        return answer["data"]

    def query(self, promql: str, at: float | None = None) -> list[tuple[dict[str, str], float]]:
        moment = {} if at is None else {"time": str(at)}
        return [(row["metric"], float(row["value"][1])) for row in self.ask("query", query=promql, **moment)["result"]]

    def value(self, promql: str, at: float | None = None) -> float:
        rows = self.query(promql, at)
        return rows[0][1] if len(rows) == 1 else float("nan")

    def metrics(self, exporter: str, accept: str = "") -> httpx.Response:
        return httpx.get(f"http://{self.exporters[exporter]}/metrics", headers={"accept": accept}, timeout=PATIENCE)


@pytest.fixture(scope="module")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """Three exporters, and a Prometheus that scrapes one of them twice."""
    program = need_tool("prometheus")
    folder = tmp_path_factory.mktemp("stack")
    pi = HOSTS / "pi-5"
    paths = [f"--path.{name}={pi / below}" for name, below in PATHS.items()]
    quick, slow = ([f"--collector.{name}.interval={beat}" for name in ("cpu", "load")] for beat in BEATS)
    with (
        run_exporter(folder, "quick", *quick) as quick_address,
        run_exporter(folder, "slow", *slow) as slow_address,
        run_exporter(folder, "pi", *paths) as pi_address,
    ):
        exporters = {"quick": quick_address, "slow": slow_address, "pi": pi_address}
        jobs = {"quick": "quick", "slow": "slow", "slow-too": "slow", "pi": "pi"}
        scrapes = [{"job_name": job, "static_configs": [{"targets": [exporters[of]]}]} for job, of in jobs.items()]
        config = {"global": {"scrape_interval": "1s", "scrape_timeout": "1s"}, "scrape_configs": scrapes}
        (folder / "prometheus.yml").write_text(json.dumps(config))
        port = free_port()
        arguments = [
            program,
            f"--config.file={folder / 'prometheus.yml'}",
            f"--storage.tsdb.path={folder / 'tsdb'}",
            f"--web.listen-address=127.0.0.1:{port}",
        ]
        with run(arguments, folder, "prometheus") as log:
            found = Stack(f"http://127.0.0.1:{port}", log, exporters, jobs)
            wait_until(lambda: answers(f"{found.prometheus}/-/ready"), f"Prometheus is ready: {log}")
            wait_until(lambda: found.value("count(up)") == len(jobs), "each target was scraped")
            yield found


PATHS = {"procfs": "proc", "sysfs": "sys", "rootfs": ".", "devfs": "dev"}


def test_each_target_is_up_and_no_scrape_had_an_error(stack: Stack) -> None:
    assert {row["job"]: value for row, value in stack.query("up")} == dict.fromkeys(stack.jobs, 1)
    targets = stack.ask("targets")["activeTargets"]
    assert {target["labels"]["job"]: (target["health"], target["lastError"]) for target in targets} == dict.fromkeys(
        stack.jobs, ("up", "")
    )
    assert stack.value("min(scrape_samples_scraped)") > 50


def test_each_sample_of_a_scrape_is_kept(stack: Stack) -> None:
    exposed = sum(len(family.samples) for family in parse_plain(stack.metrics("pi").text))
    assert stack.value('scrape_samples_scraped{job="pi"}') == exposed
    assert stack.value('scrape_samples_post_metric_relabeling{job="pi"}') == exposed
    own = '"up|scrape_.*"'  # what Prometheus adds
    assert stack.value(f'count({{job="pi",__name__!~{own}}})') == exposed


def test_prometheus_and_the_exporter_agree_on_openmetrics(stack: Stack) -> None:
    # only OpenMetrics tells of units, and names a counter's family without its ending
    told = stack.ask("targets/metadata", match_target='{job="quick"}', metric="system_cpu_seconds")
    assert {(row["type"], row["unit"]) for row in told} == {("counter", "seconds")}


def test_what_prometheus_accepts_gets_openmetrics_and_a_browser_gets_plain_text(stack: Stack) -> None:
    strict, plain = stack.metrics("quick", PROMETHEUS_ACCEPTS), stack.metrics("quick", "text/html,*/*;q=0.8")
    assert strict.headers["content-type"].startswith("application/openmetrics-text; version=1.0.0; charset=utf-8")
    assert strict.text.endswith("\n# EOF\n")
    assert plain.headers["content-type"].startswith("text/plain; version=0.0.4; charset=utf-8")
    families = parse_openmetrics(strict.text)  # type: ignore[no-untyped-call]
    names = {sample.name for family in families for sample in family.samples}
    assert names == {sample.name for family in parse_plain(plain.text) for sample in family.samples}
    assert "system_load1" in names


def test_promtool_has_nothing_to_say_about_this_machines_own_metrics(stack: Stack) -> None:
    promtool = need_tool("promtool")
    text = stack.metrics("quick").content
    checked = subprocess.run(
        [promtool, "check", "metrics"], input=text, capture_output=True, timeout=PATIENCE, check=False
    )
    assert (checked.returncode, checked.stdout.decode(), checked.stderr.decode()) == (0, "", "")


def test_no_two_samples_are_one_series(stack: Stack) -> None:
    for exporter in stack.exporters:
        seen: set[Any] = set()
        for family in parse_plain(stack.metrics(exporter).text):
            for sample in family.samples:
                series = (sample.name, *sorted(sample.labels.items()))
                assert series not in seen
                seen.add(series)


def test_the_series_of_a_recorded_board_are_in_prometheus_as_expected(stack: Stack) -> None:
    families = build_full_catalog().families
    expected: dict[str, set[Sample]] = {}
    for family in parse_plain((HOSTS / "pi-5" / "expected.prom").read_text(encoding="utf-8")):
        for sample in family.samples:
            declared = families.get(sample.name)
            if declared and declared.collector in FROM_FILES:
                expected.setdefault(sample.name, set()).add((tuple(sorted(sample.labels.items())), sample.value))
    assert {"system_fan_speed_rpm", "system_temperature_celsius", "system_cpu_seconds_total"} <= set(expected)
    for name, samples in expected.items():
        assert read_samples(stack, name) == samples, name


def read_samples(stack: Stack, name: str) -> set[Sample]:
    mine = {"__name__": name, "job": "pi", "instance": stack.exporters["pi"]}
    found: set[Sample] = set()
    for labels, value in stack.query(f'{name}{{job="pi"}}'):
        assert mine.items() <= labels.items()
        found.add((tuple(sorted((key, text) for key, text in labels.items() if key not in mine)), value))
    return found


def test_cpu_time_passes_at_the_rate_of_time_however_heartbeat_and_scrape_fall(stack: Stack) -> None:
    began, before = time.time(), read_cpu_seconds()
    wait_until(lambda: time.time() >= began + RATE_WINDOW_SECONDS, "the window is over")
    ended, after = time.time(), read_cpu_seconds()
    for job in ("quick", "slow"):
        rate = f'sum(rate(system_cpu_seconds_total{{job="{job}"}}[{RATE_WINDOW_SECONDS}s]))'
        cpus = stack.value(rate, at=ended)
        # by the kernel's own account of the same time, since a virtual machine loses some while its host is busy
        assert cpus == pytest.approx((after - before) / (ended - began), rel=0.06)
        assert stack.value(f'count(system_cpu_online{{job="{job}"}} == 1)') == os.cpu_count()


def read_cpu_seconds() -> float:
    columns = Path("/proc/stat").read_text(encoding="ascii").partition("\n")[0].split()
    return sum(map(int, columns[1:9])) / os.sysconf("SC_CLK_TCK")


def test_two_prometheus_at_once_cost_no_more_runs_than_the_age_that_a_reading_may_have(stack: Stack) -> None:
    before = count_runs_and_scrapes(stack)
    wait_until(lambda: count_runs_and_scrapes(stack)[1] >= before[1] + 16, "both have scraped several times more")
    after = count_runs_and_scrapes(stack)
    seconds = after[2] - before[2]
    # a reading may be one second old: however many ask, one run a second does, and the two ends of the window
    assert after[0] - before[0] <= seconds / 1.0 + 2


def count_runs_and_scrapes(stack: Stack) -> tuple[float, float, float]:
    both = '{job=~"slow|slow-too"}'
    runs = stack.value('max(sysvitals_events_total{event="system.load.updated",job=~"slow|slow-too"})')
    scrapes = stack.value(f"sum(count_over_time(up{both}[10m]))")
    return runs, scrapes, time.monotonic()


def test_prometheus_logs_no_warning(stack: Stack) -> None:
    wait_until(lambda: stack.value("min(count_over_time(up[10m]))") >= 3, "each target was scraped a few times")
    lines = stack.log.read_text(encoding="utf-8").splitlines()
    assert any("Server is ready to receive web requests" in line for line in lines)
    assert [line for line in lines if "level=info" not in line] == []
