"""A real Prometheus that scrapes nothing: it is written to and asked."""

import subprocess
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import requests
import yaml

from tests.grafana.remote_write import HEADERS, Series, encode_labels, encode_request, encode_samples
from tests.patience import PATIENCE
from tests.stack.running import answers, free_port, wait_until
from tests.tools import need_tool

_REQUEST_BYTES = 400_000


@dataclass(frozen=True, slots=True)
class Server:
    """A running Prometheus. Its folder can be copied once it has ended."""

    url: str
    pid: int

    def ask(self, path: str, **parameters: object) -> Any:
        """The data of an answer of the HTTP API. Raises RuntimeError with Prometheus's own words."""
        answer = requests.post(f"{self.url}/api/v1/{path}", data=parameters, timeout=PATIENCE).json()
        if answer["status"] != "success":
            raise RuntimeError(f"{answer.get('error')}: {parameters}")
        return answer["data"]

    def get(self, path: str, **parameters: object) -> Any:
        """As `ask`, for what is asked by GET only."""
        answer = requests.get(f"{self.url}/api/v1/{path}", params=parameters, timeout=PATIENCE).json()  # type: ignore[arg-type]
        if answer["status"] != "success":
            raise RuntimeError(f"{answer.get('error')}: {parameters}")
        return answer["data"]

    def write(self, series: Series) -> None:
        """Write these samples. Raises RuntimeError where Prometheus refuses them."""
        self.write_encoded((encode_labels(labels), encode_samples(samples)) for labels, samples in series.items())

    def write_encoded(self, series: Iterable[tuple[bytes, bytes]]) -> None:
        """Write series of which labels and samples are encoded already."""
        batch: list[bytes] = []
        waiting = 0
        for labels, samples in series:
            batch.append(labels + samples)
            waiting += len(samples)
            if waiting >= _REQUEST_BYTES:
                self._send(batch)
                batch, waiting = [], 0
        if batch:
            self._send(batch)

    def _send(self, batch: list[bytes]) -> None:
        answer = requests.post(
            f"{self.url}/api/v1/write", data=encode_request(batch), headers=HEADERS, timeout=PATIENCE
        )
        if answer.status_code // 100 != 2:
            raise RuntimeError(f"HTTP {answer.status_code}: {answer.text.strip()}")


@contextmanager
def run_prometheus(data: Path, *, log: Path, rules: Iterable[Path] = (), interval: str = "1m") -> Iterator[Server]:
    """A Prometheus that scrapes nothing and takes what is written to it."""
    config = log.with_suffix(".yml")
    config.write_text(
        yaml.safe_dump(
            {
                "global": {"evaluation_interval": interval},
                "rule_files": [str(path) for path in rules],
                "storage": {"tsdb": {"out_of_order_time_window": "2h"}},
            }
        )
    )
    address = f"127.0.0.1:{free_port()}"
    arguments = [
        need_tool("prometheus"),
        f"--config.file={config}",
        f"--storage.tsdb.path={data}",
        "--storage.tsdb.retention.time=100y",
        f"--web.listen-address={address}",
        "--web.enable-remote-write-receiver",
        "--log.level=warn",
    ]
    with log.open("ab") as output:
        process = subprocess.Popen(arguments, stdout=output, stderr=subprocess.STDOUT)
    try:
        wait_until(
            lambda: process.poll() is not None or answers(f"http://{address}/-/ready"),
            f"Prometheus is ready: {log}",
        )
        assert process.poll() is None, log.read_text()
        yield Server(f"http://{address}", process.pid)
    finally:
        process.terminate()
        process.wait(timeout=PATIENCE)
