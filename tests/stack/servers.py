"""A real Prometheus and a real Alertmanager, with a copy of the folder that users copy."""

import shutil
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import yaml

from tests.patience import PATIENCE
from tests.stack.running import answers, free_port, run, wait_until
from tests.tools import need_tool

SHIPPED = Path(__file__).parent.parent.parent / "prometheus"


@dataclass(frozen=True)
class Prometheus:
    url: str
    log: Path

    def ask(self, path: str, **parameters: str) -> Any:
        answer = httpx.get(f"{self.url}/api/v1/{path}", params=parameters, timeout=PATIENCE).json()
        assert answer["status"] == "success", answer
        return answer["data"]

    def query(self, promql: str) -> list[tuple[dict[str, str], float]]:
        return [(row["metric"], float(row["value"][1])) for row in self.ask("query", query=promql)["result"]]

    def value(self, promql: str) -> float:
        rows = self.query(promql)
        return rows[0][1] if len(rows) == 1 else float("nan")


@dataclass(frozen=True)
class Alertmanager:
    url: str
    log: Path

    def get(self, path: str, **parameters: str) -> Any:
        return httpx.get(f"{self.url}/api/v2/{path}", params=parameters, timeout=PATIENCE).raise_for_status().json()

    def post(self, alerts: Sequence[Mapping[str, Any]]) -> None:
        httpx.post(f"{self.url}/api/v2/alerts", json=list(alerts), timeout=PATIENCE).raise_for_status()

    def alerts(self, **labels: str) -> list[dict[str, Any]]:
        """The alerts that have these labels."""
        return [alert for alert in self.get("alerts") if labels.items() <= alert["labels"].items()]


def copy_shipped(folder: Path, *, without_targets: bool = True) -> Path:
    """The folder as a user has it in /etc/prometheus; without the targets that stand for this very machine."""
    copy = folder / "etc"
    shutil.copytree(SHIPPED, copy)
    if without_targets:
        for path in copy.glob("targets/*/*.yml"):
            path.unlink()
    return copy


def name_targets(etc: Path, job: str, targets: Mapping[str, str]) -> None:
    """Name a job's targets: addresses by the instance that they are to have."""
    groups = [{"targets": [address], "labels": {"instance": instance}} for instance, address in targets.items()]
    write_yaml(etc / "targets" / job / "test.yml", groups)


def read_yaml(path: Path) -> Any:
    return yaml.load(path.read_text(encoding="utf-8"), yaml.CSafeLoader)


def write_yaml(path: Path, content: object) -> None:
    """Write in one step: a server that watches the file never reads half of it."""
    fresh = path.with_name(f".{path.name}")
    fresh.write_text(yaml.safe_dump(content, sort_keys=False, allow_unicode=True), encoding="utf-8")
    fresh.rename(path)


@contextmanager
def run_prometheus(etc: Path, port: int | None = None, *, program: str = "") -> Iterator[Prometheus]:
    """Prometheus with this folder's prometheus.yml: the one that is installed, or this program."""
    port = port or free_port()
    arguments = [
        program or need_tool("prometheus"),
        f"--config.file={etc / 'prometheus.yml'}",
        f"--storage.tsdb.path={etc.parent / 'tsdb'}",
        f"--web.listen-address=127.0.0.1:{port}",
    ]
    with run(arguments, etc.parent, "prometheus") as log:
        url = f"http://127.0.0.1:{port}"
        wait_until(lambda: answers(f"{url}/-/ready"), f"Prometheus is ready: {log}")
        yield Prometheus(url, log)


@contextmanager
def run_alertmanager(etc: Path, port: int | None = None, *, program: str = "") -> Iterator[Alertmanager]:
    """Alertmanager with this folder's alertmanager.yml, alone: the one that is installed, or this program."""
    port = port or free_port()
    arguments = [
        program or need_tool("prometheus-alertmanager"),
        f"--config.file={etc / 'alertmanager.yml'}",
        f"--storage.path={etc.parent / 'alertmanager'}",
        f"--web.listen-address=127.0.0.1:{port}",
        "--cluster.listen-address=",
    ]
    with run(arguments, etc.parent, "alertmanager") as log:
        url = f"http://127.0.0.1:{port}"
        wait_until(lambda: answers(f"{url}/-/ready"), f"Alertmanager is ready: {log}")
        yield Alertmanager(url, log)
