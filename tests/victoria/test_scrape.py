"""The scrape configuration for VictoriaMetrics: its strict parser takes it, and it asks what prometheus.yml asks."""

import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

from sysvitals.cli import main
from tests.patience import PATIENCE
from tests.tools import need_newer_tool

ROOT = Path(__file__).parents[2]


def load_jobs(path: Path) -> dict[str, dict[str, Any]]:
    """The jobs by their names."""
    return {job["job_name"]: job for job in yaml.safe_load(path.read_text(encoding="utf-8"))["scrape_configs"]}


JOBS = load_jobs(ROOT / "victoriametrics/scrape.yml")
PROMETHEUS = load_jobs(ROOT / "prometheus/prometheus.yml")


@pytest.mark.parametrize("program", ["victoria-metrics", "vmagent"])
def test_the_strict_parser_takes_what_is_provisioned(program: str, tmp_path: Path) -> None:
    assert main(["provision", "victoria-metrics", "--to", str(tmp_path)]) == 0
    command = [need_newer_tool(program), f"-promscrape.config={tmp_path / 'scrape.yml'}", "-dryRun"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=PATIENCE, check=False)
    assert done.returncode == 0, done.stderr


def test_what_is_provisioned_has_all_that_it_names_and_no_target_of_prometheus(tmp_path: Path) -> None:
    assert main(["provision", "victoria-metrics", "--to", str(tmp_path)]) == 0
    for job in JOBS.values():
        for sought in job["file_sd_configs"]:
            assert all([*tmp_path.glob(pattern)] for pattern in sought["files"])
    assert not (tmp_path / "targets/prometheus").exists()
    assert {path.name for path in (tmp_path / "rules").iterdir()} >= {"power.yml", "host.yml"}


@pytest.mark.parametrize("name", ["sysvitals", "node-exporter", "alertmanager"])
def test_hosts_are_named_and_limited_as_in_prometheus(name: str) -> None:
    ours, theirs = JOBS[name], PROMETHEUS[name]
    for key in ("file_sd_configs", "relabel_configs", "sample_limit"):
        assert ours.get(key) == theirs.get(key), key
    assert ours.get("max_scrape_size") == theirs.get("body_size_limit")


def test_the_jobs_are_those_of_prometheus_but_for_the_servers_themselves() -> None:
    assert {*JOBS} ^ {*PROMETHEUS} == {"prometheus", "victoriametrics"}
